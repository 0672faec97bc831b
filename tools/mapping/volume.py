"""The voxel pool of a map: which blocks exist, where they are, and what they hold. Grows with the surface."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tools.core.blocks import BLOCK, BLOCK_VOXELS, FREE_BLOCK, UNKNOWN, block_of_cell, cell_of_block

FIRST_CAPACITY = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockWindow:
    """A direct-mapped table over a box of blocks; see ``tools.core.blocks``."""

    origin: Tensor
    """(3,) int32, the lowest block."""
    size: Tensor
    """(3,) int32, in blocks."""
    table: Tensor
    """(1 + cells,) int32: pool slot, or -1."""


class BlockVolume:
    """Blocks of 8^3 voxels with distance, weight and colour, stored in order of allocation."""

    def __init__(self, voxel_m: float) -> None:
        if not 0.001 <= voxel_m <= 1.0:
            raise ValueError(f"voxel_m must be between 0.001 and 1 m, got {voxel_m}")
        self.voxel_m = voxel_m
        self.count = 0
        self.block_xyz = torch.full((0, 3), FREE_BLOCK, dtype=torch.int32)
        self.block_min = torch.empty(0)
        self.tsdf = torch.empty(0, BLOCK_VOXELS, dtype=torch.float16)
        self.weight = torch.empty(0, BLOCK_VOXELS, dtype=torch.uint8)
        self.color = torch.empty(0, BLOCK_VOXELS, dtype=torch.int32)
        self._reserve(FIRST_CAPACITY)

    @property
    def block_m(self) -> float:
        """Edge of a block, metres."""
        return self.voxel_m * BLOCK

    @property
    def bytes_used(self) -> int:
        """Bytes of the blocks that exist."""
        pools = (self.block_xyz, self.block_min, self.tsdf, self.weight, self.color)
        return sum(pool[: self.count].numel() * pool.element_size() for pool in pools)

    def bounds(self) -> tuple[Tensor, Tensor]:
        """Lowest and highest block coordinates, (3,) int32 each; of an empty volume, a box without blocks."""
        if self.count == 0:
            return torch.zeros(3, dtype=torch.int32), torch.full((3,), -1, dtype=torch.int32)
        used = self.block_xyz[: self.count]
        return used.amin(0), used.amax(0)

    def window(self, low: Tensor, high: Tensor) -> BlockWindow:
        """The table over blocks ``low``..``high`` inclusive, (3,) int32 each."""
        size = (high - low + 1).clamp_min(1)
        x, y, z = self.block_xyz[: self.count].unbind(-1)
        cell = cell_of_block((x, y, z), low, size).long()
        table = torch.full((1 + int(size.long().prod()),), -1, dtype=torch.int32)
        table[cell] = torch.arange(self.count, dtype=torch.int32)
        table[0] = -1
        return BlockWindow(origin=low, size=size, table=table)

    def allocate(self, window: BlockWindow, cells: Tensor) -> tuple[Tensor, int]:
        """Slots (N,) int64 of N distinct cells of a window, creating the blocks that are missing; and how many were."""
        slots = window.table[cells].long()
        missing = cells[slots < 0]
        start, new = self.count, int(missing.numel())
        self._reserve(start + new)
        self.block_xyz[start : start + new] = block_of_cell(missing, window.origin, window.size)
        self.block_min[start : start + new] = UNKNOWN
        self.tsdf[start : start + new] = UNKNOWN
        self.weight[start : start + new] = 0
        self.color[start : start + new] = 0
        slots[slots < 0] = torch.arange(start, start + new)
        self.count += new
        return slots, new

    def restore(self, *, block_xyz: Tensor, tsdf: Tensor, weight: Tensor, color: Tensor) -> None:
        """Fill an empty volume with saved blocks, (N, ...) each."""
        n = len(block_xyz)
        self._reserve(n)
        self.count = n
        self.block_xyz[:n], self.tsdf[:n], self.weight[:n], self.color[:n] = block_xyz, tsdf, weight, color
        if n:
            self.block_min[:n] = tsdf.amin(dim=1).float()

    def _reserve(self, capacity: int) -> None:
        """Room for ``capacity`` blocks. Half as much again each time: few copies, little waste."""
        have = self.block_xyz.shape[0]
        if capacity <= have:
            return
        extra = max(capacity, have + have // 2) - have
        # New rows are not written until a block is allocated, so the system need not back them with memory.
        self.block_xyz = torch.cat([self.block_xyz, torch.full((extra, 3), FREE_BLOCK, dtype=torch.int32)])
        self.block_min = torch.cat([self.block_min, torch.full((extra,), UNKNOWN)])
        for name in ("tsdf", "weight", "color"):
            old: Tensor = getattr(self, name)
            pool = torch.empty(have + extra, *old.shape[1:], dtype=old.dtype)
            pool[: self.count] = old[: self.count]
            setattr(self, name, pool)
