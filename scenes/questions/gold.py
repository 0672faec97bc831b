"""Gold facts of a known graph, computed from its boxes and relations and nothing else.

Written apart from the tools on purpose: an answer is right when two independent readings of the same world agree.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from scenes.geometry import inverse, quaternion_to_matrix, transform
from scenes.records import Direction
from scenes.rendering.render import HEAD_CAMERA
from scenes.types import Box3D, SceneGraph, SceneObject
from scenes.vocabulary import RelationWord


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a noun phrase stands for: a category, perhaps with a colour."""

    name: str
    color: str = ""

    @property
    def text(self) -> str:
        """``red mug``."""
        return f"{self.color} {self.name}".strip()


def members(graph: SceneGraph, kind: Kind) -> tuple[SceneObject, ...]:
    """Objects of a kind; "table" also covers a "coffee table", as in English."""

    def fits(obj: SceneObject) -> bool:
        words, wanted = _words(obj.label), _words(kind.name)
        return words[-len(wanted) :] == wanted and (not kind.color or obj.color == kind.color)

    return tuple(o for o in graph.objects.values() if fits(o))


def related(graph: SceneGraph, predicate: RelationWord, reference: str) -> tuple[SceneObject, ...]:
    """Objects that stand in a stored relation to one object; what is below a thing is also under it, as in English."""
    wanted = (predicate, "below") if predicate == "under" else (predicate,)
    ids = dict.fromkeys(r.subject for r in graph.relations if r.predicate in wanted and r.object == reference)
    return tuple(graph.objects[i] for i in ids)


def direction_from(world_from_camera: Tensor, point: tuple[float, float, float]) -> Direction:
    """Direction of a world point from a camera pose, by rotating the point into the levelled camera frame."""
    p = torch.tensor(point, dtype=torch.float64)
    ahead = world_from_camera[:3, 2].clone()
    ahead[1] = 0
    ahead = ahead / ahead.norm()
    up = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    right = torch.linalg.cross(ahead, up)
    offset = p - world_from_camera[:3, 3]
    x, y, z = (float(offset @ axis) for axis in (right, up, ahead))
    azimuth = math.degrees(math.atan2(x, z))
    in_camera = transform(inverse(world_from_camera), p[None])[0]
    u = float(in_camera[0] / in_camera[2] * HEAD_CAMERA.fx + HEAD_CAMERA.cx) if in_camera[2] > 1e-6 else -1.0
    v = float(in_camera[1] / in_camera[2] * HEAD_CAMERA.fy + HEAD_CAMERA.cy) if in_camera[2] > 1e-6 else -1.0
    return Direction(
        azimuth_deg=azimuth,
        elevation_deg=math.degrees(math.atan2(y, math.hypot(x, z))),
        distance_m=float(offset.norm()),
        clock=round(azimuth / 30) % 12 or 12,
        in_view=HEAD_CAMERA.contains(u, v),
    )


def corners(box: Box3D) -> Tensor:
    """(8, 3) world corners."""
    signs = torch.tensor([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=torch.float64)
    rotation = quaternion_to_matrix(torch.tensor(box.quaternion_xyzw, dtype=torch.float64))
    half = torch.tensor(box.size, dtype=torch.float64) / 2
    return (signs * half) @ rotation.T + torch.tensor(box.center, dtype=torch.float64)


def edges_m(box: Box3D) -> tuple[float, float, float]:
    """Longer and shorter horizontal edge, and height, of a box that stands upright (yaw only)."""
    wide, tall, deep = box.size
    return max(wide, deep), min(wide, deep), tall


def gap_m(a: Box3D, b: Box3D) -> float:
    """Distance of two upright boxes: the gap of their footprints and the gap of their height ranges.

    For boxes that turn only about the vertical the two parts are independent, so the whole is their hypotenuse.
    """
    ca, cb = corners(a), corners(b)
    vertical = max(float(cb[:, 1].min() - ca[:, 1].max()), float(ca[:, 1].min() - cb[:, 1].max()), 0.0)
    return math.hypot(_footprint_gap(ca[:, [0, 2]], cb[:, [0, 2]]), vertical)


def room_at(graph: SceneGraph, x: float, z: float) -> str:
    """Id of the known room whose floor holds a point, or ``""`` (winding of the corners around the point)."""
    for room in graph.rooms.values():
        turns = [
            math.atan2(bz - z, bx - x) - math.atan2(az - z, ax - x)
            for (ax, az), (bx, bz) in zip(
                room.floor_polygon, (*room.floor_polygon[1:], room.floor_polygon[0]), strict=True
            )
        ]
        if abs(sum((t + math.pi) % (2 * math.pi) - math.pi for t in turns)) > math.pi:
            return room.id
    return ""


def largest(objects: Iterable[SceneObject]) -> list[SceneObject]:
    """By box volume, largest first."""
    return sorted(objects, key=lambda o: -o.box.volume)


def _footprint_gap(a: Tensor, b: Tensor) -> float:
    """Gap of two convex footprints given by their points: 0 where no line separates them, else over all edges."""
    a_hull, b_hull = _rectangle(a), _rectangle(b)
    if not _separated(a_hull, b_hull):
        return 0.0
    return min(
        _point_segment(p, q0, q1) for x, y in ((a_hull, b_hull), (b_hull, a_hull)) for p in x for q0, q1 in _sides(y)
    )


def _rectangle(points: Tensor) -> Tensor:
    """The four ground corners of an upright box, in order."""
    return points[[0, 1, 5, 4]]


def _sides(hull: Tensor) -> list[tuple[Tensor, Tensor]]:
    return [(hull[i], hull[(i + 1) % 4]) for i in range(4)]


def _separated(a: Tensor, b: Tensor) -> bool:
    """Separating axes of two rectangles."""
    for hull in (a, b):
        for i in (0, 1):
            side = hull[i + 1] - hull[i]
            axis = torch.stack([-side[1], side[0]])
            pa, pb = a @ axis, b @ axis
            if float(pa.max()) < float(pb.min()) or float(pb.max()) < float(pa.min()):
                return True
    return False


def _point_segment(p: Tensor, q0: Tensor, q1: Tensor) -> float:
    side = q1 - q0
    share = float(((p - q0) @ side / (side @ side).clamp(min=1e-12)).clamp(0, 1))
    return float((p - q0 - share * side).norm())


def _words(name: str) -> list[str]:
    return [w[:-1] if len(w) > 3 and w.endswith("s") and not w.endswith("ss") else w for w in name.split()]
