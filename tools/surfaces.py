"""A posed depth frame as an organised image of surface points: position, normal and colour per pixel.

Everything that segments a frame works on this reduced image, so that its cost does not depend on the
sensor's resolution. It knows nothing of objects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenes.types import Camera, Frame
from tools.colors import lab_from_rgb

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

BLOCK_DEPTH_TOLERANCE = 0.02
"""Samples of a block within 2% of its median depth are averaged: more would mix the two sides of an edge."""
MIN_BLOCK_SAMPLES = 0.25
"""Share of a block that must hold valid depth; thinner support is mostly flying pixels."""
TANGENT_STEP_PX = 2
"""Normals come from differences over two reduced pixels: one is dominated by sensor noise beyond 2 m."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurfaceImage:
    """Surface samples on a reduced depth grid of ``h`` x ``w`` pixels."""

    camera: Camera
    """The depth camera, reduced to ``w`` x ``h``."""
    world_from_camera: NDArray[np.float64]
    """(4, 4) pose of the reduced depth camera."""
    depth_m: Floats
    """(h, w) z-depth, 0 = invalid."""
    points: Floats
    """(h, w, 3) world positions; meaningless where ``valid`` is False."""
    normals: Floats
    """(h, w, 3) unit world normals that face the camera; zero where unknown."""
    lab: Floats
    """(h, w, 3) CIELAB colour."""
    valid: Bools
    """(h, w): depth and normal are both known."""

    @property
    def eye(self) -> Floats:
        """(3,) camera centre in the world."""
        return self.world_from_camera[:3, 3].astype(np.float32)

    def reduced_uv(self, frame: Frame, u: float, v: float) -> tuple[int, int] | None:
        """The reduced (column, row) that shows what colour pixel ``(u, v)`` of the frame shows; None when none does.

        The nearest surface point whose projection into the colour camera lies within 1.5 reduced pixels.
        """
        uv, ahead = project_points(frame, self.points)
        scale = frame.camera.width / self.camera.width
        distance = np.hypot(uv[..., 0] - u, uv[..., 1] - v)
        near = self.valid & ahead & (distance <= 1.5 * scale)
        if not near.any():
            return None
        # Of the samples under the pixel, the front surface is the one that is seen there.
        cost = np.where(near, self.depth_m + 0.02 * distance / scale, np.inf)
        row, column = np.unravel_index(int(cost.argmin()), cost.shape)
        return int(column), int(row)


def project_points(frame: Frame, points: Floats) -> tuple[Floats, Bools]:
    """World (..., 3) -> colour-camera ``uv_px`` (..., 2) and whether each lies in front of the camera."""
    assert frame.world_from_camera is not None
    pose = frame.world_from_camera.numpy()
    p = (points.reshape(-1, 3) - pose[:3, 3]) @ pose[:3, :3]
    ahead = p[:, 2] > 1e-3
    z = np.where(ahead, p[:, 2], 1.0)
    camera = frame.camera
    uv = np.stack([p[:, 0] / z * camera.fx + camera.cx, p[:, 1] / z * camera.fy + camera.cy], -1)
    return uv.reshape(*points.shape[:-1], 2).astype(np.float32), ahead.reshape(points.shape[:-1])


def surface_image(frame: Frame, width: int = 160) -> SurfaceImage:
    """Reduce a frame to about ``width`` columns of surface samples.

    Raises ``ValueError`` for a frame without depth or pose: there is nothing to place in the world.
    """
    if frame.depth_m is None or frame.depth_camera is None or frame.world_from_depth is None:
        raise ValueError("segmentation needs a frame with depth and a pose; received one without")
    stride = max(1, round(frame.depth_camera.width / width))
    depth = _reduced_depth(frame.depth_m.numpy(), stride)
    h, w = depth.shape
    full = frame.depth_camera
    camera = Camera(
        width=w, height=h, fx=full.fx / stride, fy=full.fy / stride, cx=full.cx / stride, cy=full.cy / stride
    )
    pose = frame.world_from_depth.numpy()
    rays = _rays(camera)
    in_camera = rays * depth[..., None]
    normals, known = _normals(in_camera, depth)
    rotation = pose[:3, :3].astype(np.float32)
    points = (in_camera @ rotation.T + pose[:3, 3].astype(np.float32)).astype(np.float32)
    return SurfaceImage(
        camera=camera,
        world_from_camera=pose,
        depth_m=depth,
        points=points,
        normals=(normals @ rotation.T).astype(np.float32),
        lab=_registered_lab(frame, points, depth > 0, stride),
        valid=(depth > 0) & known,
    )


def _rays(camera: Camera) -> Floats:
    u = (np.arange(camera.width, dtype=np.float32) + 0.5 - camera.cx) / camera.fx
    v = (np.arange(camera.height, dtype=np.float32) + 0.5 - camera.cy) / camera.fy
    return np.stack([*np.meshgrid(u, v), np.ones((camera.height, camera.width))], -1).astype(np.float32)


def _blocks(image: NDArray, stride: int) -> NDArray:
    """(H, W, ...) -> (h, w, stride * stride, ...), cropping what does not fill a block."""
    h, w = image.shape[0] // stride, image.shape[1] // stride
    cut = image[: h * stride, : w * stride].reshape(h, stride, w, stride, *image.shape[2:])
    return cut.swapaxes(1, 2).reshape(h, w, stride * stride, *image.shape[2:])


def _reduced_depth(depth: Floats, stride: int) -> Floats:
    """Mean of the samples near each block's median: keeps edges sharp and averages noise away."""
    if stride == 1:
        return np.ascontiguousarray(depth)
    blocks = _blocks(depth, stride)
    count = (blocks > 0).sum(-1)
    ordered = np.sort(np.where(blocks > 0, blocks, np.inf), axis=-1)
    median = np.take_along_axis(ordered, (np.maximum(count - 1, 0) // 2)[..., None], -1)
    enough = count >= max(1, MIN_BLOCK_SAMPLES * stride * stride)
    median = np.where(enough[..., None], median, 1.0)
    near = np.abs(blocks - median) <= BLOCK_DEPTH_TOLERANCE * median
    mean = (blocks * near).sum(-1) / np.maximum(near.sum(-1), 1)
    return np.where(enough, mean, 0.0).astype(np.float32)


def dot(a: NDArray, b: NDArray) -> NDArray:
    """Inner product over the last axis; ``(a * b).sum(-1)`` is five times slower for three components."""
    return np.einsum("...i,...i->...", a, b)


def shifted(image: NDArray, dy: int, dx: int) -> NDArray:
    """``out[y, x] = image[y + dy, x + dx]``, edge pixels repeated."""
    h, w = image.shape[:2]
    rows = np.clip(np.arange(h) + dy, 0, h - 1)
    columns = np.clip(np.arange(w) + dx, 0, w - 1)
    if dx == 0:
        return image[rows]
    return image[:, columns] if dy == 0 else image[rows[:, None], columns]


def _tangent(points: Floats, depth: Floats, dy: int, dx: int) -> tuple[Floats, Bools]:
    """Difference along one image axis, taken on the smoother side of a depth edge."""
    ahead, behind = shifted(points, dy, dx) - points, points - shifted(points, -dy, -dx)
    depth_ahead, depth_behind = shifted(depth, dy, dx), shifted(depth, -dy, -dx)
    jump_ahead = np.where(depth_ahead > 0, np.abs(depth_ahead - depth), np.inf)
    jump_behind = np.where(depth_behind > 0, np.abs(depth - depth_behind), np.inf)
    # A side that jumps much more than the other lies on another surface.
    limit = 0.02 * depth + 2 * np.minimum(jump_ahead, jump_behind)
    use_ahead, use_behind = jump_ahead <= limit, jump_behind <= limit
    total = use_ahead[..., None] * ahead + use_behind[..., None] * behind
    return total, use_ahead | use_behind


def _normals(points: Floats, depth: Floats) -> tuple[Floats, Bools]:
    """Camera-frame normals facing the camera, smoothed along each surface only."""
    k = TANGENT_STEP_PX
    tx, ok_x = _tangent(points, depth, 0, k)
    ty, ok_y = _tangent(points, depth, k, 0)
    raw = np.cross(ty, tx)
    length = np.sqrt(dot(raw, raw))
    known = ok_x & ok_y & (depth > 0) & (length > 1e-12)
    raw = np.where(known[..., None], raw / np.maximum(length, 1e-12)[..., None], 0.0)
    raw = np.where((dot(raw, points) > 0)[..., None], -raw, raw).astype(np.float32)
    total = raw.copy()
    for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1)):
        other = shifted(raw, dy, dx)
        off_plane = np.abs(dot(shifted(points, dy, dx) - points, raw))
        same = (off_plane < 0.004 + 0.006 * depth) & (dot(other, raw) > 0.5)
        total += other * same[..., None]
    norm = np.sqrt(dot(total, total))[..., None]
    return (total / np.maximum(norm, 1e-6)).astype(np.float32), known


def _registered_lab(frame: Frame, points: Floats, has_depth: Bools, stride: int) -> Floats:
    """CIELAB colour of each surface sample, read where it projects into the colour camera."""
    h, w = has_depth.shape
    rgb = frame.rgb.numpy()
    aligned = frame.camera == frame.depth_camera and bool((frame.camera_from_depth.diagonal() == 1).all())
    if aligned:
        return lab_from_rgb(_blocks(rgb, stride).mean(2) if stride > 1 else rgb)
    colour_stride = max(1, round(frame.camera.width / w))
    small = lab_from_rgb(_blocks(rgb, colour_stride).mean(2) if colour_stride > 1 else rgb)
    uv, _ = project_points(frame, points)
    columns = np.clip((uv[..., 0] / colour_stride).astype(np.int64), 0, small.shape[1] - 1)
    rows = np.clip((uv[..., 1] / colour_stride).astype(np.int64), 0, small.shape[0] - 1)
    # Without depth there is no registration; the same relative position is close enough for a colour edge.
    plain_v, plain_u = np.mgrid[0:h, 0:w]
    rows = np.where(has_depth, rows, np.minimum(plain_v * small.shape[0] // h, small.shape[0] - 1))
    columns = np.where(has_depth, columns, np.minimum(plain_u * small.shape[1] // w, small.shape[1] - 1))
    return small[rows, columns]
