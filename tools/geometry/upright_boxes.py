"""Upright boxes around point sets, robust to stray points."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from scenes.types import Box3D
from tools.geometry.quantiles import percentiles

PERCENTILE = 1.0
"""Share of points, in percent, cut at each face of a large point set."""
LARGE_SET = 150
MIN_EDGE_M = 0.02
PREFERRED_YAW_FACTOR = 1.12
"""The room's own direction is taken when its footprint is at most this much larger than the smallest one."""


def yaw_of(box: Box3D) -> float:
    """Rotation about +Y in radians of an upright box."""
    _, y, _, w = box.quaternion_xyzw
    return 2.0 * math.atan2(y, w)


def horizontal_axes(yaw: float) -> NDArray[np.float64]:
    """(2, 2): rows are the box's x and z axes as world (x, z) directions."""
    c, s = math.cos(yaw), math.sin(yaw)
    return np.array([[c, -s], [s, c]])


def fit_box(points: NDArray, *, preferred_yaw: float | None = None) -> Box3D:
    """Smallest upright box around (N >= 1, 3) points.

    The yaw is that of the footprint's smallest enclosing rectangle, one of whose sides lies on the convex hull
    (Freeman and Shapira 1975), in [-45, 45) degrees. Raises ``ValueError`` for no points.
    """
    if len(points) == 0:
        raise ValueError("cannot fit a box around no points")
    p = points.astype(np.float64)
    yaw = _footprint_yaw(p[:, [0, 2]], preferred_yaw)
    local = p[:, [0, 2]] @ horizontal_axes(yaw).T
    coordinates = np.stack([local[:, 0], p[:, 1], local[:, 1]], -1)
    cut = PERCENTILE if len(p) >= LARGE_SET else 0.0
    low, high = percentiles(coordinates, (cut, 100.0 - cut))
    # Depth noise hides how thin a thing is.
    thin = np.maximum(MIN_EDGE_M - (high - low), 0.0) / 2
    return upright_box(low - thin, high + thin, yaw)


def upright_box(low: NDArray, high: NDArray, yaw: float) -> Box3D:
    """The box between two corners given in the frame turned by ``yaw``."""
    middle = (low + high) / 2
    x, z = horizontal_axes(yaw).T @ middle[[0, 2]]
    sx, sy, sz = (float(v) for v in high - low)
    return Box3D(
        center=(float(x), float(middle[1]), float(z)),
        size=(sx, sy, sz),
        quaternion_xyzw=(0.0, math.sin(yaw / 2), 0.0, math.cos(yaw / 2)),
    )


def _footprint_yaw(xz: NDArray[np.float64], preferred: float | None) -> float:
    try:
        hull = xz[ConvexHull(xz).vertices] if len(xz) >= 4 else xz
    except QhullError:
        return preferred or 0.0
    edges = np.roll(hull, -1, axis=0) - hull
    # The box's x axis lies along an edge; a quarter turn gives the same rectangle.
    yaws = _quarter(np.arctan2(-edges[:, 1], edges[:, 0]))
    areas = np.array([_rectangle_area(hull, float(yaw)) for yaw in yaws])
    best = int(areas.argmin())
    if preferred is not None:
        turned = float(_quarter(np.array([preferred]))[0])
        if _rectangle_area(hull, turned) <= PREFERRED_YAW_FACTOR * areas[best]:
            return turned
    return float(yaws[best])


def _quarter(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    return (angle + math.pi / 4) % (math.pi / 2) - math.pi / 4


def _rectangle_area(hull: NDArray[np.float64], yaw: float) -> float:
    size = np.ptp(hull @ horizontal_axes(yaw).T, axis=0)
    return float(size[0] * size[1])


def to_box_frame(box: Box3D, points: NDArray) -> NDArray[np.float64]:
    """(N, 3) world points -> coordinates along the box's axes, origin at its centre."""
    d = np.asarray(points, np.float64) - np.array(box.center)
    local = d[:, [0, 2]] @ horizontal_axes(yaw_of(box)).T
    return np.stack([local[:, 0], d[:, 1], local[:, 1]], -1)


def contains(box: Box3D, points: NDArray, margin_m: float = 0.0) -> NDArray[np.bool_]:
    """(N,) which points lie in the box grown by a margin."""
    return np.all(np.abs(to_box_frame(box, points)) <= np.array(box.size) / 2 + margin_m, axis=-1)


def footprint(box: Box3D) -> NDArray[np.float64]:
    """(4, 2) corners (x, z) in order."""
    sx, _, sz = box.size
    corners = np.array([[-sx, -sz], [sx, -sz], [sx, sz], [-sx, sz]]) / 2
    return corners @ horizontal_axes(yaw_of(box)) + np.array([box.center[0], box.center[2]])
