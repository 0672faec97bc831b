"""The only ``torch.compile`` sites of ``tools``: each kernel of ``tools.core``, compiled with ``fullgraph=True``.

The first result never waits for a compile: a kernel runs eagerly until a background thread has compiled it for the
shapes at hand. Compiled code is kept in a folder that outlives the process. A machine without a C++ compiler runs
packages that were built ahead (``tools.kernels.packages``), else eagerly, and says so once. ``SIGHTLINE_COMPILE=0``
turns compilation off, ``1`` on (the default); an argument wins over the variable. Knows nothing of frames or maps.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from tools.core import (
    backproject,
    block_matching,
    blocks,
    descriptor_matching,
    fusion,
    pooled_gradients,
    pose_steps,
    raycast,
    registration,
    root_sift,
    sweep,
    warp,
)
from tools.kernels import packages
from tools.kernels.compile_worker import CompileWorker

logger = logging.getLogger(__name__)

COMPILE_VARIABLE = "SIGHTLINE_COMPILE"
CACHE_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"
INDUCTOR_OPTIONS: dict[str, Any] = {"assert_indirect_indexing": False}
"""Every gather of these kernels clamps its index, so the check of each index (a tenth of the time) is left out."""
ONE_PASS: dict[str, Any] = {"realize_opcount_threshold": 256, "realize_reads_threshold": 32}
"""Keeps Inductor from writing a long expression to memory half-way. For kernels without loops only: what is used twice
is traced twice, and nested uses take minutes."""
MANY_SUMS: dict[str, Any] = {"cpp.max_horizontal_fusion_size": 64}
"""For many sums over the same values: up to 64 of them in one loop (16 by default, and a loop for each further 16 that
gathers and computes everything again)."""
ONE_LOOP: dict[str, Any] = ONE_PASS | MANY_SUMS


class Kernel:
    """A pure tensor function that is eager at first and compiled when ready, per set of input shapes."""

    def __init__(
        self, eager: FunctionType, *, growing: tuple[int, ...] = (), options: dict[str, Any] | None = None
    ) -> None:
        """``growing``: positions of arguments whose first dimension varies (a pool, a table) and stays symbolic.

        ``options``: for Inductor, besides ``INDUCTOR_OPTIONS``.
        """
        self.eager = eager
        self.name = eager.__name__
        self._growing = growing
        self._options = INDUCTOR_OPTIONS | (options or {})
        self._ready: dict[tuple[Any, ...], Callable[..., Any]] = {}
        self._requested: dict[tuple[Any, ...], list[Any]] = {}
        """``packages.argument_specs`` of the first arguments of each signature."""

    def __call__(self, *args: Any) -> Any:
        if any(args[position].shape[0] < 2 for position in self._growing):
            # Sizes 0 and 1 are not symbolic: compiled code would have to be made anew for them.
            with torch.no_grad():
                return self.eager(*args)
        key = self._signature(args)
        ready = self._ready.get(key)
        if ready is not None:
            with torch.no_grad():
                return ready(*args)
        if key not in self._requested:
            self._requested[key] = packages.argument_specs(args)
            _WORKER.submit(self, key, _snapshot(args))
        with torch.no_grad():
            return self.eager(*args)

    def prepare(self, *args: Any) -> bool:
        """Compile for these arguments' shapes now and wait for it; whether compiled code is in place.

        For benchmarks, tests and servers that warm up before the first request.
        """
        key = self._signature(args)
        if key not in self._ready:
            self._requested[key] = packages.argument_specs(args)
            self.compile(key, _snapshot(args))
        return key in self._ready

    def compile(self, key: tuple[Any, ...], args: tuple[Any, ...]) -> None:
        """Load a package for ``args`` where one fits, else compile, with a first run; failure leaves the kernel eager.

        ``args`` must be private copies.
        """
        package = packages.load(self.eager, args, self._growing)
        if package is not None:
            self._ready[key] = package
            return
        if not compiler_available():
            return
        os.environ.setdefault(CACHE_VARIABLE, str(cache_folder()))
        for position in self._growing:
            torch._dynamo.mark_dynamic(args[position], 0)
        compiled = torch.compile(
            self._twin(len(self._requested)), fullgraph=True, dynamic=False, options=dict(self._options)
        )
        try:
            with torch.no_grad():
                compiled(*args)
        except RuntimeError as error:  # Dynamo's and Inductor's own errors derive from it.
            level = logging.DEBUG if _WORKER.ending else logging.WARNING
            logger.log(level, "%s stays eager: torch.compile failed: %s", self.name, str(error).splitlines()[0])
            return
        self._ready[key] = compiled

    def build(self, *args: Any) -> Path:
        """An ahead-of-time package for these arguments' shapes; see ``tools.kernels.packages``."""
        return packages.build(self.eager, args, self._growing, self._options)

    def missing_packages(self) -> list[list[Any]]:
        """``packages.argument_specs`` of this process's calls of the kernel for which there is no package."""
        return [
            specs
            for specs in list(self._requested.values())
            if not packages.exists(self.eager, packages.zero_arguments(specs), self._growing)
        ]

    def export(self, *args: Any) -> ExportedProgram:
        """``torch.export`` of the kernel, for another runtime."""
        return packages.exported(self.eager, args, self._growing)

    def _twin(self, number: int) -> Callable[..., Any]:
        """The same function under its own code object: Dynamo counts recompiles (at most 8) per code object, and
        every set of shapes here is meant to be a compile of its own."""
        code = self.eager.__code__.replace(co_name=f"{self.name}_{number}")
        twin = FunctionType(code, self.eager.__globals__, code.co_name, self.eager.__defaults__, None)
        twin.__kwdefaults__ = self.eager.__kwdefaults__
        return twin

    def _signature(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(
            (tuple(arg.shape[1:]) if i in self._growing else tuple(arg.shape), arg.dtype)
            if isinstance(arg, Tensor)
            else arg
            for i, arg in enumerate(args)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSet:
    """All kernels, either as eager functions or as ``Kernel`` objects."""

    backproject_normals: Callable[..., Any]
    touched_cells: Callable[..., Any]
    carvable_blocks: Callable[..., Any]
    integrate_blocks: Callable[..., Any]
    tile_ranges: Callable[..., Any]
    march_image: Callable[..., Any]
    march: Callable[..., Any]
    refine: Callable[..., Any]
    forward_warp: Callable[..., Any]
    icp_step: Callable[..., Any]
    plane_scores: Callable[..., Any]
    detect_and_describe: Callable[..., Any]
    luma: Callable[..., Any]
    level_keypoints: Callable[..., Any]
    keypoint_descriptors: Callable[..., Any]
    pair_similarity: Callable[..., Any]
    block_matches: Callable[..., Any]
    mutual_nearest_codes: Callable[..., Any]
    match_agreement: Callable[..., Any]
    pose_costs: Callable[..., Any]
    pose_step: Callable[..., Any]


EAGER = KernelSet(
    backproject_normals=backproject.backproject_normals,
    touched_cells=blocks.touched_cells,
    carvable_blocks=blocks.carvable_blocks,
    integrate_blocks=fusion.integrate_blocks,
    tile_ranges=raycast.tile_ranges,
    march_image=raycast.march,
    march=raycast.march,
    refine=raycast.refine,
    forward_warp=warp.forward_warp,
    icp_step=registration.icp_step,
    plane_scores=sweep.plane_scores,
    detect_and_describe=root_sift.detect_and_describe,
    luma=pooled_gradients.luma,
    level_keypoints=pooled_gradients.level_keypoints,
    keypoint_descriptors=pooled_gradients.keypoint_descriptors,
    pair_similarity=descriptor_matching.pair_similarity,
    block_matches=block_matching.block_matches,
    mutual_nearest_codes=descriptor_matching.mutual_nearest_codes,
    match_agreement=descriptor_matching.match_agreement,
    pose_costs=pose_steps.pose_costs,
    pose_step=pose_steps.pose_step,
)

COMPILED = KernelSet(
    backproject_normals=Kernel(backproject.backproject_normals),
    touched_cells=Kernel(blocks.touched_cells),
    carvable_blocks=Kernel(blocks.carvable_blocks, growing=(0, 1)),
    integrate_blocks=Kernel(fusion.integrate_blocks, growing=(0, 1, 2, 3, 4), options=ONE_PASS),
    tile_ranges=Kernel(raycast.tile_ranges, growing=(0, 1)),
    march_image=Kernel(raycast.march, growing=(0, 1)),
    march=Kernel(raycast.march, growing=(0, 1, 5, 6, 7, 8, 9)),
    refine=Kernel(raycast.refine, growing=(0, 1, 2)),
    forward_warp=Kernel(warp.forward_warp),
    icp_step=Kernel(registration.icp_step, options=ONE_LOOP),
    plane_scores=Kernel(sweep.plane_scores),
    detect_and_describe=Kernel(root_sift.detect_and_describe),
    luma=Kernel(pooled_gradients.luma),
    level_keypoints=Kernel(pooled_gradients.level_keypoints),
    keypoint_descriptors=Kernel(pooled_gradients.keypoint_descriptors),
    pair_similarity=Kernel(descriptor_matching.pair_similarity, growing=(0, 1, 3)),
    block_matches=Kernel(block_matching.block_matches, options={"layout_optimization": False}),
    mutual_nearest_codes=Kernel(descriptor_matching.mutual_nearest_codes, growing=(0, 1, 2, 4)),
    match_agreement=Kernel(descriptor_matching.match_agreement, growing=(0, 1)),
    pose_costs=Kernel(pose_steps.pose_costs, growing=(0, 1, 2, 3, 4), options=ONE_LOOP),
    pose_step=Kernel(pose_steps.pose_step, growing=(0, 1, 2, 3, 4, 5, 6, 7), options=MANY_SUMS),
)


def kernels(compiled: bool | None = None) -> KernelSet:
    """The kernels to use: as the argument says, else as ``SIGHTLINE_COMPILE`` says, else compiled.

    Raises:
        ValueError: the variable holds something other than 0 or 1.
    """
    if compiled is None:
        value = os.environ.get(COMPILE_VARIABLE, "1")
        if value not in ("0", "1"):
            raise ValueError(f"{COMPILE_VARIABLE} must be 0 or 1, got {value!r}")
        compiled = value == "1"
    return COMPILED if compiled and (packages.any_built() or compiler_available()) else EAGER


def cache_folder() -> Path:
    """Where compiled code is kept between processes: ``TORCHINDUCTOR_CACHE_DIR``, else the user's cache."""
    named = os.environ.get(CACHE_VARIABLE)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(named) if named else Path(base) / "sightline" / "inductor"


def compiler_name() -> str | None:
    """The C++ compiler that Inductor would use (``CXX``, else g++ or clang++); None where there is none."""
    return next((name for name in _compiler_names() if shutil.which(name)), None)


def compiler_available() -> bool:
    """Whether a C++ compiler is there; the first time that it is not, one warning says so."""
    global _warned
    if compiler_name() is not None:
        return True
    if not _warned:
        _warned = True
        names = " or ".join(_compiler_names())
        logger.warning("no C++ compiler (%s): kernels run eagerly, several times slower", names)
    return False


def _compiler_names() -> tuple[str, ...]:
    return (os.environ["CXX"],) if os.environ.get("CXX") else ("g++", "clang++")


_warned = False


def wait_until_compiled(timeout_s: float = 600.0) -> bool:
    """Wait until every compile asked for so far is done; False when the time ran out first."""
    return _WORKER.wait(timeout_s)


def is_compiling() -> bool:
    """Whether a compile is running or waiting; a process that ends now waits for the running one."""
    return _WORKER.busy


def _snapshot(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Copies, so that a pool may change while its kernel is being compiled."""
    return tuple(arg.clone() if isinstance(arg, Tensor) else arg for arg in args)


_WORKER = CompileWorker()
