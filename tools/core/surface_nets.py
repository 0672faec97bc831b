"""Triangle mesh of a sparse voxel volume: naive surface nets (Gibson 1998). Pure kernels.

A cell is the cube between eight voxel centres. Each cell that the surface crosses gets one vertex, the mean of the
zero crossings on its edges; each grid edge that the surface crosses gets a quad between its four cells. Against
marching cubes this needs no case table, makes half as many and better-shaped triangles, and no slivers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tools.core.blocks import BLOCK

_CORNERS = tuple((dx, dy, dz) for dx in (0, 1) for dy in (0, 1) for dz in (0, 1))
_EDGES = tuple(
    (a, b)
    for a in range(8)
    for b in range(a + 1, 8)
    if sum(p != q for p, q in zip(_CORNERS[a], _CORNERS[b], strict=True)) == 1
)
_KEY_BITS = 21
"""Bits of one voxel coordinate in a key: +-1,048,576 voxels, 20 km at 2 cm."""


def voxel_key(xyz: Tensor) -> Tensor:
    """(..., 3) integer coordinates -> (...,) int64 keys that sort and compare as the coordinates do."""
    shifted = xyz.long() + (1 << (_KEY_BITS - 1))
    return (shifted[..., 0] << (2 * _KEY_BITS)) | (shifted[..., 1] << _KEY_BITS) | shifted[..., 2]


def find_keys(sorted_keys: Tensor, keys: Tensor) -> Tensor:
    """Position of each key in ``sorted_keys`` (int64), or -1."""
    if sorted_keys.numel() == 0:
        return torch.full_like(keys, -1)
    position = torch.searchsorted(sorted_keys, keys).clamp_max(sorted_keys.numel() - 1)
    return torch.where(sorted_keys[position] == keys, position, torch.full_like(position, -1))


def padded_blocks(values: Tensor, block_xyz: Tensor, chosen: Tensor, outside: float) -> Tensor:
    """Blocks with one layer of voxels from their neighbours on the high sides.

    Args:
        values: (N, 512) float. block_xyz: (N, 3) int32. chosen: (M,) int64 rows to pad.

    Returns:
        (M, 9, 9, 9) float32; ``outside`` where the neighbour does not exist.
    """
    order = voxel_key(block_xyz).argsort()
    keys = voxel_key(block_xyz)[order]
    cubes = values.reshape(-1, BLOCK, BLOCK, BLOCK)
    out = torch.full((chosen.numel(), BLOCK + 1, BLOCK + 1, BLOCK + 1), outside)
    for dx, dy, dz in _CORNERS:
        offset = torch.tensor([dx, dy, dz], dtype=block_xyz.dtype)
        found = find_keys(keys, voxel_key(block_xyz[chosen] + offset))
        exists = found >= 0
        source = cubes[order[found[exists]]].float()
        part = source[:, : 1 if dx else BLOCK, : 1 if dy else BLOCK, : 1 if dz else BLOCK]
        x, y, z = (slice(BLOCK, BLOCK + 1) if d else slice(0, BLOCK) for d in (dx, dy, dz))
        out[exists, x, y, z] = part
    return out


def surface_cells(padded: Tensor, block_xyz: Tensor) -> tuple[Tensor, Tensor]:
    """Cells with a crossing, and their vertices.

    Args:
        padded: (M, 9, 9, 9) distances, > 1 where unknown. block_xyz: (M, 3) int32.

    Returns:
        cell (K, 3) int32, the voxel coordinates of each cell's lowest corner; vertex (K, 3) float32, in voxels
        (divide by nothing, multiply by ``voxel_m``), in the frame of the volume.
    """
    corner = torch.stack(
        [padded[:, dx : dx + BLOCK, dy : dy + BLOCK, dz : dz + BLOCK] for dx, dy, dz in _CORNERS], dim=-1
    )
    known = (corner <= 1).all(-1)
    mixed = (corner <= 0).any(-1) & (corner > 0).any(-1) & known
    block, x, y, z = mixed.nonzero(as_tuple=True)
    corner = corner[block, x, y, z]
    local = torch.stack([x, y, z], dim=-1)
    total, count = torch.zeros(len(block), 3), torch.zeros(len(block))
    for a, b in _EDGES:
        va, vb = corner[:, a], corner[:, b]
        crosses = (va <= 0) != (vb <= 0)
        share = torch.where(crosses, va / torch.where(crosses, va - vb, torch.ones_like(va)), torch.zeros_like(va))
        pa, pb = torch.tensor(_CORNERS[a]).float(), torch.tensor(_CORNERS[b]).float()
        total += torch.where(crosses[:, None], pa + share[:, None] * (pb - pa), torch.zeros(3))
        count += crosses
    cell = block_xyz[block] * BLOCK + local.int()
    return cell, cell.float() + 0.5 + total / count[:, None]


def surface_quads(padded: Tensor, block_xyz: Tensor, cell: Tensor) -> Tensor:
    """Quads around each grid edge that the surface crosses, as two triangles each.

    Args:
        padded: (M, 9, 9, 9). block_xyz: (M, 3) int32. cell: (K, 3) int32 of *all* blocks, sorted by ``voxel_key``.

    Returns:
        (T, 3) int64 rows of ``cell``, wound so that the normal points to free space. An edge whose four cells do
        not all have a vertex lies at the rim of the observed space and gets no quad.
    """
    keys = voxel_key(cell)
    low = padded[:, :BLOCK, :BLOCK, :BLOCK]
    triangles = []
    for axis in range(3):
        shift = [1 if i == axis else 0 for i in range(3)]
        high = padded[:, shift[0] : shift[0] + BLOCK, shift[1] : shift[1] + BLOCK, shift[2] : shift[2] + BLOCK]
        crosses = ((low <= 0) != (high <= 0)) & (low <= 1) & (high <= 1)
        block, x, y, z = crosses.nonzero(as_tuple=True)
        base = block_xyz[block] * BLOCK + torch.stack([x, y, z], dim=-1).int()
        b, c = (axis + 1) % 3, (axis + 2) % 3
        eb = torch.tensor([int(i == b) for i in range(3)], dtype=torch.int32)
        ec = torch.tensor([int(i == c) for i in range(3)], dtype=torch.int32)
        corners = [find_keys(keys, voxel_key(p)) for p in (base - eb - ec, base - ec, base, base - eb)]
        quad = torch.stack(corners, dim=-1)
        # Counter-clockwise seen from +axis when the low side is inside the solid.
        rising = (low[block, x, y, z] <= 0)[:, None]
        quad = torch.where(rising, quad, quad.flip(-1))[(quad >= 0).all(-1)]
        triangles += [quad[:, [0, 1, 2]], quad[:, [0, 2, 3]]]
    return torch.cat(triangles)
