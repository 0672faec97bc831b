"""Oriented boxes: corners, fitting, containment and exact overlap.

A box is ``scenes.types.Box3D``. Functions whose name begins with ``obb`` take raw tensors instead, so that a caller
with rotation matrices (a metric, a batch of predictions) need not round-trip through quaternions.

The overlap of two boxes is exact up to rounding: one box becomes a parallelepiped in the unit-cube coordinates of
the other and is clipped by the cube's six planes. The cut is closed by the edges that are left open, not by
comparing distances, so coplanar and nearly coplanar faces need neither a special case nor a tolerance.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy.spatial import ConvexHull, QhullError
from torch import Tensor

from scenes.geometry import matrix_to_quaternion, orthonormalised, quaternion_to_matrix, rigid, transform
from scenes.types import Box3D

CORNER_SIGNS = torch.tensor(list(itertools.product((-0.5, 0.5), repeat=3)), dtype=torch.float64)
"""(8, 3): corner ``4 i + 2 j + k`` lies at the low (0) or high (1) end of the box's x, y, z axes by i, j, k."""

_FACES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))

Point = tuple[float, float, float]
Polygon = list[Point]


def world_from_box(box: Box3D) -> Tensor:
    """(4, 4) float64 pose of a box: its origin is the centre, its axes are the box's edges."""
    rotation = quaternion_to_matrix(torch.tensor(box.quaternion_xyzw, dtype=torch.float64))
    return rigid(rotation, torch.tensor(box.center, dtype=torch.float64))


def corners(box: Box3D) -> Tensor:
    """(8, 3) float64 corners in the world, in the order of ``CORNER_SIGNS``."""
    return transform(world_from_box(box), CORNER_SIGNS * torch.tensor(box.size, dtype=torch.float64))


def box_from_pose(world_from_box: Tensor, size: Sequence[float]) -> Box3D:
    """A box from its (4, 4) pose and its edge lengths."""
    center = world_from_box[:3, 3].tolist()
    quaternion = matrix_to_quaternion(world_from_box[:3, :3].to(torch.float64)).tolist()
    return Box3D(
        center=(center[0], center[1], center[2]),
        size=(float(size[0]), float(size[1]), float(size[2])),
        quaternion_xyzw=(quaternion[0], quaternion[1], quaternion[2], quaternion[3]),
    )


def yaw_box(center: Sequence[float], size: Sequence[float], yaw_rad: float) -> Box3D:
    """A gravity-aligned box, turned by ``yaw_rad`` about the world's Y axis (x towards -z, right-handed)."""
    return Box3D(
        center=(float(center[0]), float(center[1]), float(center[2])),
        size=(float(size[0]), float(size[1]), float(size[2])),
        quaternion_xyzw=(0.0, math.sin(yaw_rad / 2), 0.0, math.cos(yaw_rad / 2)),
    )


def from_corners(corners_world: Tensor) -> Box3D:
    """The box whose corners are the given (8, 3) points, in the order of ``CORNER_SIGNS``.

    Raises ValueError where the points are not the corners of a box (edges that should be parallel differ by more
    than 1% of the longest one, or axes that are not at right angles to 1%).
    """
    if tuple(corners_world.shape) != (8, 3):
        raise ValueError(f"expected (8, 3) corners, got {tuple(corners_world.shape)}")
    points = corners_world.to(torch.float64)
    # The sign of corner k along an axis says on which of the two opposite faces it lies.
    edges = CORNER_SIGNS.T @ points / 2
    size = edges.norm(dim=-1)
    if not bool(torch.isfinite(size).all()) or float(size.min()) <= 0:
        raise ValueError(f"expected eight corners of a box with positive edges, got edges {size.tolist()}")
    rotation = (edges / size[:, None]).T
    if float(torch.linalg.det(rotation)) < 0:
        # Naming the corners from the other side mirrors the axes; the box itself is the same.
        rotation = rotation * torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
    box = box_from_pose(rigid(orthonormalised(rotation), points.mean(0)), size.tolist())
    far = torch.cdist(points, corners(box)).min(dim=1).values.max()
    if float(far) > 0.01 * float(size.max()):
        raise ValueError(f"expected the corners of a box, got points up to {float(far):.3g} m away from one")
    return box


def from_points(points_world: Tensor) -> Box3D:
    """The gravity-aligned box (yaw only) of smallest footprint around (N, 3) points.

    The smallest rectangle around a planar set has a side on an edge of its convex hull (Freeman and Shapira, 1975),
    so the hull's edges are tried one by one. The yaw is in [0, 90) degrees. Raises ValueError for no points or
    points that are not finite.
    """
    points = points_world.detach().to(torch.float64).reshape(-1, 3)
    if points.shape[0] == 0 or not bool(torch.isfinite(points).all()):
        raise ValueError(f"expected at least one finite point, got {points.shape[0]} points")
    xz = points[:, [0, 2]].numpy()
    outline = _hull(xz)
    edges = np.diff(np.concatenate([outline, outline[:1]]), axis=0)
    # Turning by +yaw about Y carries (1, 0) in (x, z) to (cos, -sin).
    yaws = np.unique(np.mod(np.arctan2(-edges[:, 1], edges[:, 0]), math.pi / 2))
    along = np.stack([np.cos(yaws), -np.sin(yaws)], axis=-1)
    across = np.stack([np.sin(yaws), np.cos(yaws)], axis=-1)
    a, b = outline @ along.T, outline @ across.T
    best = int(np.argmin((a.max(0) - a.min(0)) * (b.max(0) - b.min(0))))
    low_high = [(v.min(), v.max()) for v in (a[:, best], b[:, best])]
    (a0, a1), (b0, b1) = low_high
    low_y, high_y = float(points[:, 1].min()), float(points[:, 1].max())
    middle = along[best] * (a0 + a1) / 2 + across[best] * (b0 + b1) / 2
    center = (middle[0], (low_y + high_y) / 2, middle[1])
    return yaw_box(center, (a1 - a0, high_y - low_y, b1 - b0), float(yaws[best]))


def _hull(xz: np.ndarray) -> np.ndarray:
    """(N, 2) points -> the corners of the convex hull in order; for points on a line, its two ends."""
    spread = xz - xz.mean(0)
    if len(xz) >= 3:
        try:
            return xz[ConvexHull(xz).vertices]
        except QhullError:
            pass  # all points on one line, or one point: handled below
    direction = np.linalg.svd(spread, full_matrices=False)[2][0]
    reach = spread @ direction
    return xz[[int(reach.argmin()), int(reach.argmax())]]


def axis_aligned(box: Box3D) -> Box3D:
    """The smallest box around ``box`` whose edges are parallel to the world axes."""
    points = corners(box)
    low, high = points.min(0).values, points.max(0).values
    return box_from_pose(rigid(torch.eye(3, dtype=torch.float64), (low + high) / 2), (high - low).tolist())


def upright(box: Box3D) -> Box3D:
    """The same box with its axes renamed so that its y is the one nearest to the vertical, and points up.

    Sources disagree about which axis of a table is its height; after this ``size[1]`` is.
    """
    pose = world_from_box(box)
    order = pose[1, :3].abs().argsort(descending=True, stable=True).tolist()
    vertical, rest = order[0], sorted(order[1:])
    y = pose[:3, vertical] * (1.0 if float(pose[1, vertical]) >= 0 else -1.0)
    x = pose[:3, rest[0]]
    rotation = torch.stack([x, y, torch.linalg.cross(x, y)], dim=-1)
    return box_from_pose(rigid(rotation, pose[:3, 3]), (box.size[rest[0]], box.size[vertical], box.size[rest[1]]))


def transformed(box: Box3D, b_from_a: Tensor) -> Box3D:
    """A box of frame ``a`` in frame ``b``, by a (4, 4) rigid transform."""
    return box_from_pose(b_from_a.to(torch.float64) @ world_from_box(box), box.size)


def contains(box: Box3D, points_world: Tensor, margin_m: float = 0.0) -> Tensor:
    """(N, 3) points -> (N,) bool: inside the box, its surface included, grown by ``margin_m`` on every side."""
    pose = world_from_box(box).to(points_world.dtype)
    local = (points_world - pose[:3, 3]) @ pose[:3, :3]
    half = torch.tensor(box.size, dtype=points_world.dtype) / 2 + margin_m
    return (local.abs() <= half).all(dim=-1)


def iou(a: Box3D, b: Box3D) -> float:
    """Intersection volume over union volume of two oriented boxes, 0..1; 0 where the union has no volume."""
    shared = intersection_volume(a, b)
    union = a.volume + b.volume - shared
    return shared / union if union > 0 else 0.0


def intersection_volume(a: Box3D, b: Box3D) -> float:
    """Cubic metres that two oriented boxes share."""
    if not _spheres_meet(a, b):
        return 0.0
    pose_a, pose_b = world_from_box(a), world_from_box(b)
    return obb_intersection_volume(
        pose_a[:3, 3], torch.tensor(a.size, dtype=torch.float64), pose_a[:3, :3],
        pose_b[:3, 3], torch.tensor(b.size, dtype=torch.float64), pose_b[:3, :3],
    )  # fmt: skip


def iou_axis_aligned(a: Box3D, b: Box3D) -> float:
    """IoU of the axis-aligned boxes around ``a`` and ``b``: what benchmarks with axis-aligned truth measure."""
    a, b = axis_aligned(a), axis_aligned(b)
    shared = 1.0
    for k in range(3):
        low = max(a.center[k] - a.size[k] / 2, b.center[k] - b.size[k] / 2)
        high = min(a.center[k] + a.size[k] / 2, b.center[k] + b.size[k] / 2)
        shared *= max(0.0, high - low)
    union = a.volume + b.volume - shared
    return shared / union if union > 0 else 0.0


def _spheres_meet(a: Box3D, b: Box3D) -> bool:
    return math.dist(a.center, b.center) <= (math.hypot(*a.size) + math.hypot(*b.size)) / 2


def obb_iou(
    center_a: Tensor, size_a: Tensor, rotation_a: Tensor, center_b: Tensor, size_b: Tensor, rotation_b: Tensor
) -> float:
    """IoU of two boxes given as (3,) centre, (3,) size and (3, 3) ``world_from_box`` rotation.

    NaN where an input is not finite. 0 where both boxes are flat, so that the union has no volume.
    """
    inputs = (center_a, size_a, rotation_a, center_b, size_b, rotation_b)
    if not all(bool(torch.isfinite(x).all()) for x in inputs):
        return math.nan
    shared = obb_intersection_volume(*inputs)
    union = float(size_a.double().prod() + size_b.double().prod()) - shared
    return shared / union if union > 0 else 0.0


def obb_intersection_volume(
    center_a: Tensor, size_a: Tensor, rotation_a: Tensor, center_b: Tensor, size_b: Tensor, rotation_b: Tensor
) -> float:
    """Volume shared by two boxes given as in ``obb_iou``; inputs must be finite."""
    size_a, size_b = size_a.double(), size_b.double()
    if float(size_a.min()) <= 0 or float(size_b.min()) <= 0:
        return 0.0  # a flat box shares no volume, and has no unit-cube coordinates
    relative = rotation_a.double().T @ (center_b - center_a).double()
    axes = rotation_a.double().T @ rotation_b.double() * size_b
    unit_corners = (relative + CORNER_SIGNS @ axes.T) / size_a
    points = [(float(x), float(y), float(z)) for x, y, z in unit_corners.tolist()]
    polyhedron: list[Polygon] = [[points[i] for i in face] for face in _FACES]
    for axis in range(3):
        for sign in (1.0, -1.0):
            polyhedron = _clip(polyhedron, axis, sign)
            if not polyhedron:
                return 0.0
    return _volume(polyhedron) * float(size_a.prod())


def _clip(polyhedron: list[Polygon], axis: int, sign: float) -> list[Polygon]:
    """The part of a convex polyhedron with ``sign * p[axis] <= 0.5``, the cut closed by new faces.

    Faces are oriented: an edge that two faces share occurs once in each direction. The cut is closed where an edge
    in the plane is left without its partner, so the surface stays closed whatever the rounding did to the signs.
    """
    kept = [face for face in (_clip_face(face, axis, sign) for face in polyhedron) if len(face) >= 3]
    open_edges: dict[tuple[Point, Point], None] = {}
    for face in kept:
        for p, q in zip(face, face[1:] + face[:1], strict=True):
            if p[axis] == q[axis] == sign * 0.5 and p != q:
                if (q, p) in open_edges:
                    del open_edges[(q, p)]
                else:
                    open_edges[(p, q)] = None
    if open_edges:
        hub = next(iter(open_edges))[0]
        kept += [[q, p, hub] for p, q in open_edges if hub not in (p, q)]
    return kept


def _clip_face(face: Polygon, axis: int, sign: float) -> Polygon:
    inside: Polygon = []
    distances = [0.5 - sign * p[axis] for p in face]
    for k, (p, d) in enumerate(zip(face, distances, strict=True)):
        q, e = face[k - 1], distances[k - 1]
        if d > 0 > e:
            inside.append(_crossing(p, d, q, e, axis, sign))
        elif e > 0 > d:
            inside.append(_crossing(q, e, p, d, axis, sign))
        if d >= 0:
            inside.append(p)
    return inside


def _crossing(p: Point, d: float, q: Point, e: float, axis: int, sign: float) -> Point:
    """Where the edge from ``p`` (inside) to ``q`` (outside) meets the plane: the same bits from both of its faces."""
    t = d / (d - e)
    point = [p[i] + t * (q[i] - p[i]) for i in range(3)]
    point[axis] = sign * 0.5
    return (point[0], point[1], point[2])


def _volume(polyhedron: list[Polygon]) -> float:
    """Volume of a closed, oriented polyhedron by the divergence theorem, from an apex near it."""
    apex = polyhedron[0][0]
    parts: list[float] = []
    for face in polyhedron:
        rays = [(p[0] - apex[0], p[1] - apex[1], p[2] - apex[2]) for p in face]
        parts += [_triple(rays[0], rays[k], rays[k + 1]) for k in range(1, len(rays) - 1)]
    return abs(math.fsum(parts)) / 6.0


def _triple(a: Point, b: Point, c: Point) -> float:
    return a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0])
