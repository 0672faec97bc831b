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
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from types import FunctionType
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

logger = logging.getLogger(__name__)

FOLDER_VARIABLE = "SIGHTLINE_PACKAGES"
SUFFIX = ".pt2"
PARTIAL = "partial"
"""Folder inside ``folder()`` for packages that are being built; a finished one is moved, so that it appears whole."""


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
    part = path.parent / PARTIAL / f"{os.getpid()}-{path.name}"
    part.parent.mkdir(parents=True, exist_ok=True)
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
        **_machine(),
        "arguments": [_argument(arg, i in growing) for i, arg in enumerate(args)],
    }


def _machine() -> dict[str, Any]:
    """What a package must share with the process that runs it, besides the arguments."""
    return {
        "isa": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "source": _source_digest(),
    }


def exists(function: FunctionType, args: tuple[Any, ...], growing: tuple[int, ...]) -> bool:
    """Whether there is a package for a kernel and the shapes of ``args`` on this machine; it is not loaded."""
    return _path(description(function, args, growing)).is_file()


def count_usable() -> dict[str, int]:
    """Kernel -> number of packages usable with this machine, number of threads, torch and sources."""
    here = _machine()
    found: dict[str, int] = {}
    for what in _descriptions():
        if all(what.get(key) == value for key, value in here.items()):
            found[what["kernel"]] = found.get(what["kernel"], 0) + 1
    return found


def argument_specs(args: Sequence[Any]) -> list[Any]:
    """Shapes and types of arguments, JSON-ready: enough to build a package for them in another process."""
    return [_argument(arg, grows=False) for arg in args]


def zero_arguments(specs: Sequence[Any]) -> tuple[Any, ...]:
    """Arguments of the shapes and types of ``argument_specs``, all zeros: exporting a kernel does not look at values.

    Raises:
        ValueError: not of ``argument_specs``.
    """
    return tuple(_argument_like(one) for one in specs)


def _argument_like(one: Any) -> Any:
    match one:
        case None:
            return None
        case [value]:
            return value
        case [list(shape), str(name)] if isinstance(
            dtype := getattr(torch, name.removeprefix("torch."), None), torch.dtype
        ):
            return torch.zeros(shape, dtype=dtype)
        case _:
            raise ValueError(f"expected null, [value] or [shape, dtype] of a kernel's argument, got {one!r}")


def _descriptions() -> Iterator[dict[str, Any]]:
    for path in sorted(folder().glob(f"*{SUFFIX}")):
        try:
            what = json.loads(path.with_suffix(".json").read_text())
        except (OSError, json.JSONDecodeError):  # not whole; ``load`` says so when it is asked for
            continue
        if isinstance(what, dict) and isinstance(what.get("kernel"), str):
            yield what


def _argument(arg: Any, grows: bool) -> list[Any] | None:
    if isinstance(arg, Tensor):
        shape = [0, *arg.shape[1:]] if grows else list(arg.shape)
        return [shape, str(arg.dtype)]
    return None if arg is None else [arg]


@lru_cache(maxsize=1)
def _source_digest() -> str:
    """Digest of all kernels' sources: they call each other, so any change makes every package old.

    Asked for first when all of them are imported (by ``tools.kernels.compiled``), and they do not change afterwards.
    """
    digest = hashlib.sha256()
    modules = sorted(name for name in sys.modules if name.startswith("tools.core."))
    for name in modules:
        digest.update(inspect.getsource(sys.modules[name]).encode())
    return digest.hexdigest()[:16]


def _path(what: dict[str, Any]) -> Path:
    key = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]
    return folder() / f"{what['kernel']}-{what['isa']}-{key}{SUFFIX}"
