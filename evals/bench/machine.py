"""What a benchmark's figures belong to: the machine, its instruction set, and the versions of what was timed."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import torch

TIMED = ("torch", "open3d", "small_gicp", "opencv-python-headless", "poselib")
"""Distributions whose code is timed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where figures were taken."""

    cpu: str
    isa: str
    """Vector instructions that torch's own kernels and Inductor use."""
    threads: int
    versions: dict[str, str]
    """Of ``TIMED``, those that are installed, and of Python."""

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return asdict(self)


def this_machine() -> Machine:
    """The machine that this process runs on."""
    versions = {"python": platform.python_version()}
    for name in TIMED:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return Machine(
        cpu=_cpu_name(),
        isa=torch.backends.cpu.get_cpu_capability(),
        threads=torch.get_num_threads(),
        versions=versions,
    )


def _cpu_name() -> str:
    """``platform.processor()`` is empty on many Linux systems; the kernel knows it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
