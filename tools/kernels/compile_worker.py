"""A thread that compiles kernels in the background, one after the other. Knows nothing of what a kernel is."""

from __future__ import annotations

import atexit
import queue
import threading
from typing import Any, Protocol

import torch


class Compilable(Protocol):
    """What can be made ready for arguments."""

    def compile(self, key: tuple[Any, ...], args: tuple[Any, ...]) -> None:
        """Make ready; failure is its own affair."""
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
        """Whether the process is about to end, so that a compile that fails now is nobody's concern."""

    @property
    def busy(self) -> bool:
        """Whether a compile is running or waiting."""
        return self._pending > 0

    def submit(self, kernel: Compilable, key: tuple[Any, ...], args: tuple[Any, ...]) -> None:
        """Have a kernel compiled for arguments that nobody changes meanwhile."""
        with self._lock:
            if self._thread is None:
                threads = torch.get_num_threads()
                self._thread = threading.Thread(target=self._run, args=(threads,), name="compile", daemon=True)
                self._thread.start()
                atexit.register(self._end)
        with self._idle:
            self._pending += 1
        self._requests.put((kernel, key, args))

    def wait(self, timeout_s: float) -> bool:
        """Wait until all is done; False when the time ran out first."""
        with self._idle:
            return self._idle.wait_for(lambda: self._pending == 0, timeout_s)

    def _end(self) -> None:
        """Let the compile at hand finish, and none begin.

        A thread that is in a compile when the interpreter goes takes the process down with it (``terminate called
        without an active exception``), whatever it had to report.
        """
        assert self._thread is not None
        self.ending = True
        if self._pending:
            self._thread.join(EXIT_WAIT_S)

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
