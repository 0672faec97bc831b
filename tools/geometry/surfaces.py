"""A posed depth frame as an organised image of surface points: position, normal and colour per pixel.

Everything that segments a frame works on this reduced image, so that its cost does not depend on the
sensor's resolution. It knows nothing of objects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenes.types import Camera, Frame
from tools.geometry.colors import lab_from_rgb

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
    """World (..., 3) -> colour-camera ``uv_px`` (..., 2) and whether each lies in front of the camera.

    Raises ``ValueError`` for a frame without a pose.
    """
    if frame.world_from_camera is None:
        raise ValueError("projection needs a frame with a pose; received one without")
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
    ordered = np.sort(np.where(blocks > 0, blocks, np.float32(np.inf)), axis=-1)
    samples = np.moveaxis(blocks, -1, 0).copy()  # reductions over the first axis are eight times faster
    count = (samples > 0).sum(0)
    median = np.take_along_axis(ordered, (np.maximum(count - 1, 0) // 2)[..., None], -1)[..., 0]
    enough = count >= max(1, MIN_BLOCK_SAMPLES * stride * stride)
    median = np.where(enough, median, np.float32(1.0))
    near = np.abs(samples - median) <= np.float32(BLOCK_DEPTH_TOLERANCE) * median
    mean = (samples * near).sum(0) / np.maximum(near.sum(0), 1)
    return np.where(enough, mean, 0.0).astype(np.float32)


def _reduced_rgb(rgb: NDArray[np.uint8], stride: int) -> NDArray:
    """(H, W, 3) -> (h, w, 3) means of blocks, cropping what does not fill a block."""
    if stride == 1:
        return rgb
    h, w = rgb.shape[0] // stride, rgb.shape[1] // stride
    rows = rgb[: h * stride].reshape(h, stride, -1)
    down = rows[:, 0].astype(np.uint16)
    for k in range(1, stride):
        down += rows[:, k]
    across = down[:, : w * stride * 3].reshape(h, w, stride, 3)
    total = across[:, :, 0].astype(np.uint32)
    for k in range(1, stride):
        total += across[:, :, k]
    return total / np.float32(stride * stride)


def _tangent(points: Floats, depth: Floats, axis: int) -> tuple[Floats, Bools]:
    """Difference along an image axis (1: down, 2: right), taken on the smoother side of a depth edge.

    ``points`` (3, h + 2k, w + 2k) and ``depth`` (h + 2k, w + 2k) are padded by k = ``TANGENT_STEP_PX``.
    """
    k = TANGENT_STEP_PX
    inner = slice(k, -k)
    after = (inner, slice(2 * k, None)) if axis == 2 else (slice(2 * k, None), inner)
    before = (inner, slice(None, -2 * k)) if axis == 2 else (slice(None, -2 * k), inner)
    here = depth[inner, inner]
    ahead = points[:, *after] - points[:, inner, inner]
    behind = points[:, inner, inner] - points[:, *before]
    jump_ahead = np.where(depth[after] > 0, np.abs(depth[after] - here), np.float32(np.inf))
    jump_behind = np.where(depth[before] > 0, np.abs(here - depth[before]), np.float32(np.inf))
    # A side that jumps much more than the other lies on another surface.
    limit = np.float32(0.02) * here + 2 * np.minimum(jump_ahead, jump_behind)
    use_ahead, use_behind = jump_ahead <= limit, jump_behind <= limit
    total = use_ahead * ahead + use_behind * behind
    return total.astype(np.float32, copy=False), use_ahead | use_behind


def _normals(points: Floats, depth: Floats) -> tuple[Floats, Bools]:
    """Camera-frame normals facing the camera, smoothed along each surface only."""
    k = TANGENT_STEP_PX
    h, w = depth.shape
    # One plane a coordinate: with the coordinate last, every product over pixels is several times slower.
    planes = np.pad(np.moveaxis(points, -1, 0), ((0, 0), (k, k), (k, k)), "edge")
    padded = np.pad(depth, k, "edge")
    (ax, ay, az), ok_x = _tangent(planes, padded, 2)
    (bx, by, bz), ok_y = _tangent(planes, padded, 1)
    raw = np.stack([by * az - bz * ay, bz * ax - bx * az, bx * ay - by * ax])
    length = np.sqrt(_inner(raw, raw))
    known = ok_x & ok_y & (depth > 0) & (length > 1e-12)
    here = planes[:, k:-k, k:-k]
    sign = np.where(_inner(raw, here) > 0, np.float32(-1.0), np.float32(1.0))
    raw *= np.where(known, sign / np.maximum(length, np.float32(1e-12)), np.float32(0.0))
    total = raw.copy()
    around = np.pad(raw, ((0, 0), (1, 1), (1, 1)), "edge")
    offset, slack = _inner(here, raw), np.float32(0.004) + np.float32(0.006) * depth
    for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1)):
        other = around[:, 1 + dy : 1 + dy + h, 1 + dx : 1 + dx + w]
        beside = planes[:, k + dy : k + dy + h, k + dx : k + dx + w]
        same = (np.abs(_inner(beside, raw) - offset) < slack) & (_inner(other, raw) > 0.5)
        total += other * same
    total /= np.maximum(np.sqrt(_inner(total, total)), np.float32(1e-6))
    return np.ascontiguousarray(np.moveaxis(total, 0, -1)), known


def _inner(a: Floats, b: Floats) -> Floats:
    """(3, h, w), (3, h, w) -> (h, w) inner products."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _registered_lab(frame: Frame, points: Floats, has_depth: Bools, stride: int) -> Floats:
    """CIELAB colour of each surface sample, read where it projects into the colour camera."""
    h, w = has_depth.shape
    rgb = frame.rgb.numpy()
    aligned = frame.camera == frame.depth_camera and bool((frame.camera_from_depth.diagonal() == 1).all())
    if aligned:
        return lab_from_rgb(_reduced_rgb(rgb, stride))
    colour_stride = max(1, round(frame.camera.width / w))
    small = lab_from_rgb(_reduced_rgb(rgb, colour_stride))
    uv, _ = project_points(frame, points)
    columns = np.clip((uv[..., 0] / colour_stride).astype(np.int64), 0, small.shape[1] - 1)
    rows = np.clip((uv[..., 1] / colour_stride).astype(np.int64), 0, small.shape[0] - 1)
    # Without depth there is no registration; the same relative position is close enough for a colour edge.
    plain_v, plain_u = np.mgrid[0:h, 0:w]
    rows = np.where(has_depth, rows, np.minimum(plain_v * small.shape[0] // h, small.shape[0] - 1))
    columns = np.where(has_depth, columns, np.minimum(plain_u * small.shape[1] // w, small.shape[1] - 1))
    return small[rows, columns]
