"""The vertical of a recording whose format does not promise one, found from the planes that its depth shows.

Floors, tables and ceilings face the vertical; walls stand across it. The direction that explains most surface
normals in this way is the vertical. A room's walls would do as well as its floor, so only directions near the
cameras' mean "up" are tried: a head or a hand holds a camera more upright than not. (A recording held sideways
throughout would break this; such formats state gravity themselves.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from scenes.geometry import backproject, pixel_grid, rigid
from scenes.recordings.reading.base import Gravity
from scenes.recordings.reading.indexed import IndexedRecording
from scenes.types import Frame

BLOCK_PX = 8
"""Depth is averaged over blocks of this size, which brings sensor noise of 1% down to about 1 degree."""
AGREES_RAD = math.radians(5.0)
"""A normal agrees with a vertical within this angle of it, or of the plane across it."""
UPRIGHT_RAD = math.radians(60.0)
"""How far the vertical may be from the cameras' mean up."""
FRAMES = 16
MIN_NORMALS = 300
HOLD = 1e-3
CLEAR_GAP = 0.1
"""From this eigenvalue gap on (a tenth of the normals on floors) the vertical is determined."""


def aligned_to_gravity(recording: IndexedRecording) -> IndexedRecording:
    """The recording in a world whose Y axis is the vertical found in at most ``FRAMES`` of its frames."""
    step = max(1, math.ceil(len(recording) / FRAMES))
    frames = (recording[i] for i in range(0, len(recording), step))
    ups = [s.world_from_camera[:3, 1] for s in recording.sources if s.world_from_camera is not None]
    if not ups:
        return recording
    up, gravity = find_up(frames, camera_up=-torch.stack(ups).mean(0))
    return recording.moved(rigid(rotation_between(up, torch.tensor([0.0, 1.0, 0.0])), torch.zeros(3).double()), gravity)


def find_up(frames: Iterable[Frame], camera_up: Tensor) -> tuple[Tensor, Gravity]:
    """(3,) float64 unit vector up in the frames' world, with how sure it is.

    The confidence is the share of normals that agree, above what directions drawn at random would give
    (1 - cos a + sin a for the angle a), less where the normals leave the vertical free to turn. With fewer than
    ``MIN_NORMALS`` normals the cameras' own up is assumed.
    """
    camera_up = camera_up.double() / camera_up.double().norm()
    normals = torch.cat([surface_normals(frame) for frame in frames] or [torch.zeros(0, 3, dtype=torch.float64)])
    if normals.shape[0] < MIN_NORMALS:
        return camera_up, Gravity(source="assumed", confidence=0.0)
    up, gap = _refined(_best_candidate(normals, camera_up), normals)
    chance = 1 - math.cos(AGREES_RAD) + math.sin(AGREES_RAD)
    level, upright = _votes(up[None], normals)
    share = float((level + upright).mean())
    confidence = (share - chance) / (1 - chance) * min(1.0, gap / CLEAR_GAP)
    return up, Gravity(source="planes", confidence=round(max(0.0, confidence), 3))


def surface_normals(frame: Frame) -> Tensor:
    """(N, 3) float64 unit normals in the world at the smooth places of a frame's depth; none without depth or pose."""
    world_from_depth, camera = frame.world_from_depth, frame.depth_camera
    if frame.depth_m is None or world_from_depth is None or camera is None or min(frame.depth_m.shape) < 3 * BLOCK_PX:
        return torch.zeros(0, 3, dtype=torch.float64)
    points = backproject(camera, pixel_grid(camera.width, camera.height), frame.depth_m)
    valid = frame.depth_m > 0
    weighted = torch.cat([points * valid[..., None], valid[..., None].float()], dim=-1).permute(2, 0, 1)[None]
    pooled = torch.nn.functional.avg_pool2d(weighted, BLOCK_PX)[0].permute(1, 2, 0)
    full = pooled[..., 3] > 0.9
    middle = pooled[..., :3] / pooled[..., 3:].clamp_min(1e-6)
    centre, right, left = middle[1:-1, 1:-1], middle[1:-1, 2:], middle[1:-1, :-2]
    below, above = middle[2:, 1:-1], middle[:-2, 1:-1]
    normal = torch.linalg.cross(right - left, below - above)
    length = normal.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    normal = normal / length
    # Bent where the middle of two opposite neighbours is off the centre by more than 0.5% of the distance.
    bend = torch.maximum(((right + left) / 2 - centre).norm(dim=-1), ((below + above) / 2 - centre).norm(dim=-1))
    smooth = full[1:-1, 1:-1] & full[1:-1, 2:] & full[1:-1, :-2] & full[2:, 1:-1] & full[:-2, 1:-1]
    smooth &= bend < 0.005 * centre[..., 2].clamp_min(1e-6)
    return normal[smooth].double() @ world_from_depth[:3, :3].T


def _votes(ups: Tensor, normals: Tensor) -> tuple[Tensor, Tensor]:
    """(C, 3), (N, 3) -> two (C, N) float64: the normal is along, or across, the candidate."""
    cosine = (ups @ normals.T).abs()
    return (cosine > math.cos(AGREES_RAD)).double(), (cosine < math.sin(AGREES_RAD)).double()


def _best_candidate(normals: Tensor, camera_up: Tensor) -> Tensor:
    """The normal, or the cross product of two, that explains most others."""
    spread = normals[torch.linspace(0, normals.shape[0] - 1, 400).long()]
    crossed = torch.linalg.cross(spread, spread.roll(137, dims=0))
    candidates = torch.cat([spread, crossed[crossed.norm(dim=-1) > 0.5], camera_up[None]])
    candidates = candidates / candidates.norm(dim=-1, keepdim=True)
    candidates = candidates * torch.sign(candidates @ camera_up)[:, None]
    candidates = candidates[candidates @ camera_up > math.cos(UPRIGHT_RAD)]
    voters = normals[torch.linspace(0, normals.shape[0] - 1, min(4000, normals.shape[0])).long()]
    level, upright = _votes(candidates, voters)
    # Across is easier to be by chance (9% of the sphere) than along (0.4%), so it counts less.
    return candidates[int((level + 0.3 * upright).sum(-1).argmax())]


def _refined(up: Tensor, normals: Tensor) -> tuple[Tensor, float]:
    """The least-squares vertical of the normals that agree, and how far it stands out from other directions.

    It maximises the mean over agreeing normals of cos^2 (along) minus cos^2 (across). The gap between the two
    largest eigenvalues is 1 for a floor alone, 0.5 for two walls, and 0 for one wall, which leaves the vertical
    free to turn; a slight pull to the direction found so far then holds it in place and moves nothing else.
    """
    gap = 0.0
    for _ in range(5):
        level, upright = (votes[0] for votes in _votes(up[None], normals))
        scatter = torch.einsum("n,ni,nj->ij", level - upright, normals, normals) / normals.shape[0]
        values, vectors = torch.linalg.eigh(scatter + HOLD * torch.outer(up, up))
        gap = float(values[-1] - values[-2]) - HOLD
        up = vectors[:, -1] * torch.where(vectors[:, -1] @ up < 0, -1.0, 1.0)
    return up, gap


def rotation_between(a: Tensor | Sequence[float], b: Tensor | Sequence[float]) -> Tensor:
    """(3, 3) float64: the smallest rotation that turns direction ``a`` into ``b`` (which must not be opposite)."""
    a, b = torch.as_tensor(a).double(), torch.as_tensor(b).double()
    a, b = a / a.norm(), b / b.norm()
    axis = torch.linalg.cross(a, b)
    x, y, z = axis.tolist()
    skew = torch.tensor([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]], dtype=torch.float64)
    return torch.eye(3, dtype=torch.float64) + skew + skew @ skew / (1 + a @ b)
