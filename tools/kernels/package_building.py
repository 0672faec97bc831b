"""Builds missing packages of kernels (``tools.kernels.packages``) in a process of its own, while nobody waits for an
answer.

``IdleBuilder`` starts ``python -m tools.kernels.package_building`` once nothing has been asked for a while; the
process has the lowest priority, is stopped as soon as there is something to do and goes on at the next pause. What it
builds are the kernels and shapes that this process has run; the next process loads them instead of compiling.
``SIGHTLINE_IDLE_BUILD`` is the pause in seconds, 0 for never. Where a process cannot be stopped (Windows) or there is
no C++ compiler, nothing is built.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import torch

from scenes.errors import InputError
from tools.kernels import compiled, packages

logger = logging.getLogger(__name__)

PAUSE_VARIABLE = "SIGHTLINE_IDLE_BUILD"
DEFAULT_PAUSE_S = 20.0
LOG = "build.log"
"""Log file of the last build, in the folder of the packages."""
LOWEST_PRIORITY = 19


def pause_s() -> float:
    """Seconds without a question before packages are built; 0: never.

    Raises:
        InputError: the variable holds something else than a number of seconds.
    """
    text = os.environ.get(PAUSE_VARIABLE, str(DEFAULT_PAUSE_S))
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise InputError(f"{PAUSE_VARIABLE}: expected seconds, or 0 for never, got {text!r}")
    return value


def missing() -> list[dict[str, Any]]:
    """One job for each kernel and shape that this process ran and that has no package; JSON-ready."""
    jobs = []
    for field in fields(compiled.KernelSet):
        kernel = getattr(compiled.COMPILED, field.name)
        jobs += [{"kernel": field.name, "arguments": sketch} for sketch in kernel.missing_packages()]
    return jobs


class IdleBuilder:
    """Builds packages during pauses. Use ``waiting()`` around every wait for a person, and ``close()`` at the end."""

    def __init__(self, pause: float | None = None) -> None:
        """``pause``: seconds, 0 for never; None: as ``SIGHTLINE_IDLE_BUILD`` says."""
        self._pause = pause_s() if pause is None else pause
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._idle = False
        self._threads = torch.get_num_threads()

    @property
    def enabled(self) -> bool:
        """Whether anything is built during pauses."""
        return self._pause > 0 and hasattr(signal, "SIGSTOP") and compiled.kernels() is compiled.COMPILED

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Marks a wait for a person: after the pause, building starts or continues; at the block's end it stops."""
        if not self.enabled:
            yield
            return
        timer = threading.Timer(self._pause, self._start_or_go_on)
        timer.daemon = True
        self._idle = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            with self._lock:
                self._idle = False
                self._signal("SIGSTOP")

    def close(self) -> None:
        """End the building process, if there is one; finished packages stay."""
        with self._lock:
            self._idle = False
            self._signal("SIGKILL")
            if self._process is not None:
                self._process.wait()
                for left in (packages.folder() / packages.PARTIAL).glob(f"{self._process.pid}-*"):
                    left.unlink(missing_ok=True)
            self._process = None

    def _start_or_go_on(self) -> None:
        with self._lock:
            if not self._idle:  # the pause ended while this thread was being started
                return
            if self._process is not None and self._process.poll() is None:
                self._signal("SIGCONT")
                return
            # The number of threads is part of a package's key, and belongs to the thread that asks.
            torch.set_num_threads(self._threads)
            jobs = missing() if compiled.compiler_available() else []
            if self._process is None and jobs:
                self._process = _started(jobs)

    def _signal(self, name: str) -> None:
        """Send a signal to the building process and the compilers that it started, which form one process group."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, getattr(signal, name))


def _started(jobs: list[dict[str, Any]]) -> subprocess.Popen[str]:
    logger.info("building %d packages of kernels while nothing is asked", len(jobs))
    packages.folder().mkdir(parents=True, exist_ok=True)
    request = json.dumps({"threads": torch.get_num_threads(), "jobs": jobs})
    with (packages.folder() / LOG).open("w") as log, tempfile.TemporaryFile("w+") as stdin:
        stdin.write(request)
        stdin.seek(0)
        return subprocess.Popen(
            [sys.executable, "-m", "tools.kernels.package_building"],
            stdin=stdin,
            stdout=log,
            stderr=log,
            text=True,
            start_new_session=True,
            env=os.environ | {"TORCHINDUCTOR_COMPILE_THREADS": "1"},
        )


def main() -> int:
    """Build the jobs that standard input lists, and print a line for each; 1 when one of them failed."""
    os.nice(LOWEST_PRIORITY)
    request = json.load(sys.stdin)
    torch.set_num_threads(request["threads"])
    worst = 0
    for job in request["jobs"]:
        kernel = getattr(compiled.COMPILED, job["kernel"])
        try:
            print(kernel.build(*packages.zero_arguments(job["arguments"])).name, flush=True)
        except RuntimeError as error:  # Dynamo's and Inductor's own errors derive from it.
            print(f"{job['kernel']} cannot be built: {str(error).splitlines()[0]}", flush=True)
            worst = 1
    return worst


if __name__ == "__main__":
    sys.exit(main())
