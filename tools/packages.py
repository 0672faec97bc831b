"""Ahead-of-time packages of kernels: built once, loaded in milliseconds, and no compiler needed to run them.

A package is machine code for one instruction set, one number of threads and one version of torch and of the kernel's
source. All of that is in its key and written beside it, and checked when it is loaded: a package that does not fit is
not used. Knows nothing of which kernels there are.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

logger = logging.getLogger(__name__)

FOLDER_VARIABLE = "SIGHTLINE_PACKAGES"
SUFFIX = ".pt2"


def folder() -> Path:
    """Where packages are kept: ``SIGHTLINE_PACKAGES``, else the user's cache."""
    named = os.environ.get(FOLDER_VARIABLE)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(named) if named else Path(base) / "sightline" / "packages"


def any_built() -> bool:
    """Whether there is at least one package."""
    return next(folder().glob(f"*{SUFFIX}"), None) is not None


def exported(function: Callable[..., Any], args: tuple[Any, ...], growing: tuple[int, ...]) -> ExportedProgram:
    """``torch.export`` of a kernel; the first dimension of the ``growing`` arguments stays symbolic."""

    class Module(torch.nn.Module):
        def forward(self, *inputs: Any) -> Any:
            return function(*inputs)

    shapes = tuple({0: Dim.DYNAMIC} if i in growing else None for i in range(len(args)))
    with torch.no_grad():
        return torch.export.export(Module(), args, dynamic_shapes={"inputs": shapes}, strict=False)


def build(function: FunctionType, args: tuple[Any, ...], growing: tuple[int, ...], options: dict[str, Any]) -> Path:
    """Compile a kernel for the shapes of ``args`` into a package; needs a C++ compiler.

    Raises:
        RuntimeError: it cannot be compiled.
    """
    what = description(function, args, growing)
    path = _path(what)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.{os.getpid()}.part{SUFFIX}")
    torch._inductor.aoti_compile_and_package(
        exported(function, args, growing), package_path=str(part), inductor_configs=options
    )
    path.with_suffix(".json").write_text(json.dumps(what, indent=1) + "\n")
    part.replace(path)
    return path


def load(function: FunctionType, args: tuple[Any, ...], growing: tuple[int, ...]) -> Callable[..., Any] | None:
    """The package for a kernel and the shapes of ``args``; None where there is none that fits this machine."""
    what = description(function, args, growing)
    path = _path(what)
    if not path.is_file():
        return None
    try:
        if json.loads(path.with_suffix(".json").read_text()) != what:
            logger.warning("%s was built for something else; it is not used", path.name)
            return None
        return torch._inductor.aoti_load_package(str(path))
    except (OSError, json.JSONDecodeError, RuntimeError) as error:
        logger.warning("%s cannot be loaded (%s); it is not used", path.name, str(error).splitlines()[0])
        return None


def description(function: FunctionType, args: tuple[Any, ...], growing: tuple[int, ...]) -> dict[str, Any]:
    """Everything that machine code depends on, JSON-ready."""
    return {
        "kernel": function.__name__,
        "isa": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "source": _source_digest(),
        "arguments": [_argument(arg, i in growing) for i, arg in enumerate(args)],
    }


def _argument(arg: Any, grows: bool) -> list[Any] | None:
    if isinstance(arg, Tensor):
        shape = [0, *arg.shape[1:]] if grows else list(arg.shape)
        return [shape, str(arg.dtype)]
    return None if arg is None else [arg]


def _source_digest() -> str:
    """Of all kernels: they call each other, so any change makes every package old."""
    digest = hashlib.sha256()
    modules = sorted(name for name in sys.modules if name.startswith("tools.core."))
    for name in modules:
        digest.update(inspect.getsource(sys.modules[name]).encode())
    return digest.hexdigest()[:16]


def _path(what: dict[str, Any]) -> Path:
    key = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]
    return folder() / f"{what['kernel']}-{what['isa']}-{key}{SUFFIX}"
