"""Yaw-aligned boxes on the floor plan, in plain numpy."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from scenes.types import Box3D


def box_yaw(box: Box3D) -> float:
    """Yaw about +y of a yaw-aligned box, radians."""
    return 2 * math.atan2(box.quaternion_xyzw[1], box.quaternion_xyzw[3])


def footprint(box: Box3D) -> NDArray[np.float64]:
    """(4, 2) corners (x, z) of a yaw-aligned box, in order."""
    c, s = math.cos(box_yaw(box)), math.sin(box_yaw(box))
    half = np.array([(1, 1), (1, -1), (-1, -1), (-1, 1)]) * np.array([box.size[0], box.size[2]]) / 2
    x, z = half[:, 0], half[:, 1]
    return np.stack([box.center[0] + c * x + s * z, box.center[2] - s * x + c * z], axis=1)


def _axes(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    edges = np.roll(corners, -1, 0)[:2] - corners[:2]
    return edges / np.maximum(np.linalg.norm(edges, axis=1, keepdims=True), 1e-12)


def footprint_overlap_m(a: Box3D, b: Box3D) -> float:
    """Penetration depth of two footprints (separating axes); negative or zero where they are apart."""
    p, q = footprint(a), footprint(b)
    depths = []
    for axis in np.concatenate([_axes(p), _axes(q)]):
        u, v = p @ axis, q @ axis
        depths.append(min(u.max(), v.max()) - max(u.min(), v.min()))
    return float(min(depths))


def footprint_gap_m(a: Box3D, b: Box3D) -> float:
    """Distance of two footprints on the floor plan; 0 where they overlap."""
    if footprint_overlap_m(a, b) > 0:
        return 0.0
    p, q = footprint(a), footprint(b)
    return min(_point_to_edges(p, q), _point_to_edges(q, p))


def _point_to_edges(points: NDArray[np.float64], polygon: NDArray[np.float64]) -> float:
    start = polygon[None]
    edge = np.roll(polygon, -1, 0)[None] - start
    to_point = points[:, None] - start
    share = np.clip((to_point * edge).sum(-1) / np.maximum((edge**2).sum(-1), 1e-12), 0, 1)
    return float(np.linalg.norm(to_point - share[..., None] * edge, axis=-1).min())
