"""A thread that compiles kernels in the background, one after the other. Knows nothing of what a kernel computes."""

from __future__ import annotations

import atexit
import queue
import threading
from typing import Any, Protocol

import torch


class Compilable(Protocol):
    """What the worker compiles."""

    def compile(self, key: tuple[Any, ...], args: tuple[Any, ...]) -> None:
        """Compile for arguments like ``args``; handles its own failures."""
        ...


EXIT_WAIT_S = 30.0
"""Longest that a process waits at its end for the compile that it has started."""


class CompileWorker:
    """One daemon thread that compiles requests in order; started by the first request, ended with the process."""

    def __init__(self) -> None:
        self._requests: queue.Queue[tuple[Compilable, tuple[Any, ...], tuple[Any, ...]]] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._idle = threading.Condition()
        self._pending = 0
        self.ending = False
        """Whether the process is about to end; a compile that fails now is not worth a warning."""

    @property
    def busy(self) -> bool:
        """Whether a compile is running or waiting."""
        return self._pending > 0

    def submit(self, kernel: Compilable, key: tuple[Any, ...], args: tuple[Any, ...]) -> None:
        """Queue a kernel to be compiled for ``args``, which nobody may change meanwhile."""
        with self._lock:
            if self._thread is None:
                threads = torch.get_num_threads()
                self._thread = threading.Thread(target=self._run, args=(threads,), name="compile", daemon=True)
                self._thread.start()
                atexit.register(self._end, self._thread)
        with self._idle:
            self._pending += 1
        self._requests.put((kernel, key, args))

    def wait(self, timeout_s: float) -> bool:
        """Wait until all is done; False when the time ran out first."""
        with self._idle:
            return self._idle.wait_for(lambda: self._pending == 0, timeout_s)

    def _end(self, thread: threading.Thread) -> None:
        """Let the running compile finish, and start no other.

        A thread that compiles while the interpreter shuts down aborts the process (``terminate called without an
        active exception``), whatever the process had to report.
        """
        self.ending = True
        if self._pending:
            thread.join(EXIT_WAIT_S)

    def _run(self, threads: int) -> None:
        # The thread count is per thread, is compiled into the code, and is guarded on: it must be the caller's.
        torch.set_num_threads(threads)
        while not self.ending:
            kernel, key, args = self._requests.get()
            try:
                if not self.ending:
                    kernel.compile(key, args)
            finally:
                with self._idle:
                    self._pending -= 1
                    self._idle.notify_all()
