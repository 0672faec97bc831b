"""Sensor models: what a headset would have recorded of a perfectly rendered moment.

Colour: exposure that drifts, shot and read noise, blur from head turns. Depth: range limits, noise that grows with
distance, holes at edges, on glossy faces and at grazing angles, whole steps; possibly from another viewpoint and at
another rate than colour. Poses stay true: a tracker's drift is not modelled here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from scenes.rendering.mesh import Floats
from scenes.rendering.render import RenderedFrame
from scenes.types import Camera, Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class ColorSensor:
    """A colour camera's defects; all zero is a perfect one."""

    exposure_spread: float = 0.0
    """Standard deviation of the logarithm of the gain, drifting slowly."""
    shot_noise: float = 0.0
    """Standard deviation at full brightness, in 8-bit steps; falls with the root of brightness."""
    read_noise: float = 0.0
    """Standard deviation in the dark, in 8-bit steps."""
    exposure_s: float = 0.0
    """Shutter time: how far a head turn smears the image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthSensor:
    """A depth camera's limits; the defaults are a perfect one in whole millimetres."""

    near_m: float = 0.0
    far_m: float = 60.0
    step_m: float = 0.001
    noise: float = 0.0
    """1 is the axial noise of Nguyen, Izadi and Lovell (3DIMPVT 2012): 1.2 mm + 1.9 mm/m^2 (z - 0.4 m)^2."""
    edge_px: int = 0
    """Holes this wide along depth edges."""
    glossy_holes: float = 0.0
    """Share of the area of glossy faces that returns nothing."""
    grazing_deg: float = 90.0
    """Surfaces seen at a larger angle from their normal return nothing."""
    camera: Camera | None = None
    """Its own size and lens; None: registered to colour, at the colour camera's size."""
    camera_from_depth: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Where it sits, in the colour camera's frame, metres."""
    every: int = 1
    """One depth image per this many colour frames."""
    delay: int = 0
    """Colour frames by which a depth image arrives late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """A headset's cameras."""

    name: str
    color: ColorSensor = ColorSensor()
    depth: DepthSensor | None = DepthSensor()
    """None: a headset without depth."""
    fps: float = 5.0
    """Colour frames per second."""


_REAL_COLOR = ColorSensor(exposure_spread=0.08, shot_noise=5.0, read_noise=1.5, exposure_s=0.008)
_REAL_DEPTH = DepthSensor(
    near_m=0.25, far_m=5.0, noise=1.0, edge_px=1, glossy_holes=0.4, grazing_deg=80.0
)  # the ranges that depth headsets state

SENSORS = (
    Sensor(name="exact"),
    Sensor(name="headset", color=_REAL_COLOR, depth=_REAL_DEPTH),
    Sensor(name="colour only", color=_REAL_COLOR, depth=None),
    Sensor(
        name="spectacles",
        color=_REAL_COLOR,
        depth=replace(
            _REAL_DEPTH,
            camera=Camera(width=256, height=192, fx=170.0, fy=170.0, cx=128.0, cy=96.0),
            camera_from_depth=(0.06, -0.01, 0.0),
            every=6,
            delay=2,
        ),
        fps=30.0,
    ),
)
SENSOR = {sensor.name: sensor for sensor in SENSORS}


def expose(rgb: Tensor, sensor: ColorSensor, gain: float, turn_px_s: tuple[float, float], rng: Generator) -> Tensor:
    """(H, W, 3) uint8 as the colour camera would have recorded it.

    Args:
        rgb: the perfect image.
        sensor: the camera.
        gain: exposure of this frame, see ``exposure_gains``.
        turn_px_s: image motion (right, down) in pixels per second, taken as one for the whole image.
        rng: for the noise.
    """
    image = _smeared(rgb.numpy(), turn_px_s[0] * sensor.exposure_s, turn_px_s[1] * sensor.exposure_s)
    if gain != 1.0:
        image *= np.float32(gain)
    if sensor.shot_noise or sensor.read_noise:
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        spread = np.clip(image, 0, 255)
        spread *= np.float32(sensor.shot_noise**2 / 255)
        spread += np.float32(sensor.read_noise**2)
        noise *= np.sqrt(spread, out=spread)
        image += noise
    image += np.float32(0.5)
    return torch.from_numpy(np.clip(image, 0, 255, out=image).astype(np.uint8))


def _smeared(image: NDArray[np.uint8], right_px: float, down_px: float) -> Floats:
    """(H, W, 3) float32: the mean of the image along a short straight path; nothing below half a pixel."""
    length = max(abs(right_px), abs(down_px))
    if length < 0.5:
        return image.astype(np.float32)
    steps = min(int(np.ceil(length)) + 1, 12)
    margin = int(np.ceil(length / 2)) + 1
    wide = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    height, width = image.shape[:2]
    # At most 12 times 255: sums of 16 bits, which take a quarter of the time of floating point.
    total = np.zeros(image.shape, np.uint16)
    for share in np.linspace(-0.5, 0.5, steps):
        top, left = margin - round(down_px * share), margin - round(right_px * share)
        total += wide[top : top + height, left : left + width]
    return total.astype(np.float32) * np.float32(1 / steps)


def exposure_gains(count: int, sensor: ColorSensor, fps: float, rng: Generator) -> NDArray[np.float64]:
    """(count,) gains that drift over about two seconds, as automatic exposure does (an AR(1) process)."""
    keep = float(np.exp(-1 / (2.0 * fps)))
    log_gain = float(rng.standard_normal())
    out = np.empty(count)
    for i in range(count):
        out[i] = log_gain
        log_gain = keep * log_gain + (1 - keep**2) ** 0.5 * float(rng.standard_normal())
    return np.exp(sensor.exposure_spread * out)


def measure(exact_m: Floats, camera: Camera, glossy: NDArray[np.bool_], sensor: DepthSensor, rng: Generator) -> Tensor:
    """(H, W) float32 depth as the depth camera would have measured it; 0 = nothing returned.

    Args:
        exact_m: perfect z-depth, 0 where nothing is.
        camera: of the depth image.
        glossy: faces that mirror the sensor's light away.
        sensor: the camera.
        rng: for noise and holes.
    """
    z = exact_m
    lost = (z < sensor.near_m) | (z > sensor.far_m) | (z <= 0)
    if sensor.edge_px:
        low, high = _extremes(z)
        edges = high - low > 0.04 * np.maximum(z, np.float32(0.1)) + np.float32(0.02)
        lost |= _grown(edges, sensor.edge_px) & (rng.random(z.shape, dtype=np.float32) < 0.8)
    if sensor.glossy_holes:
        lost |= glossy & (_blobs(z.shape, rng) < sensor.glossy_holes)
    if sensor.grazing_deg < 90:
        lost |= _cosine(z, camera) < np.float32(np.cos(np.radians(sensor.grazing_deg)))
    if sensor.noise:
        spread = np.float32(sensor.noise) * (np.float32(0.0012) + np.float32(0.0019) * (z - np.float32(0.4)) ** 2)
        z = z + spread * rng.standard_normal(z.shape, dtype=np.float32)
    # Whole steps in double precision: a file in these steps then gives the very same numbers.
    steps = np.where(lost, 0.0, np.maximum(np.rint(z.astype(np.float64) / sensor.step_m), 0.0))
    return torch.from_numpy((steps * sensor.step_m).astype(np.float32))


def _extremes(z: Floats) -> tuple[Floats, Floats]:
    """Lowest and highest value of each pixel's 3x3 neighbourhood."""
    low, high = z, z
    for axis in (0, 1):
        width = ((1, 1), (0, 0)) if axis == 0 else ((0, 0), (1, 1))
        low, high = np.pad(low, width, mode="edge"), np.pad(high, width, mode="edge")
        a, b, c = (
            (slice(k, k + z.shape[axis]) if axis == 0 else (slice(None), slice(k, k + z.shape[axis]))) for k in range(3)
        )
        low = np.minimum(np.minimum(low[a], low[b]), low[c])
        high = np.maximum(np.maximum(high[a], high[b]), high[c])
    return low, high


def _grown(mask: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """A mask and its neighbours up to so many steps along rows and columns."""
    for _ in range(steps):
        grown = mask.copy()
        grown[1:] |= mask[:-1]
        grown[:-1] |= mask[1:]
        grown[:, 1:] |= mask[:, :-1]
        grown[:, :-1] |= mask[:, 1:]
        mask = grown
    return mask


def _blobs(shape: tuple[int, ...], rng: Generator) -> Floats:
    """Values uniform in 0..1 in patches of about 12 pixels."""
    coarse = rng.random((shape[0] // 12 + 2, shape[1] // 12 + 2), dtype=np.float32)
    return coarse.repeat(12, axis=0).repeat(12, axis=1)[: shape[0], : shape[1]]


def _cosine(z: Floats, camera: Camera) -> Floats:
    """Cosine between the ray and the surface normal, from depth differences.

    With x, y the ray at z = 1 and p, q the relative slopes of depth per unit of x and y, the cross product of the two
    tangents and its dot product with the ray reduce to 1 / (|ray| |(p, q, 1 + x p + y q)|).
    """
    x = ((np.arange(camera.width, dtype=np.float32) + 0.5 - camera.cx) / camera.fx)[None, :]
    y = ((np.arange(camera.height, dtype=np.float32) + 0.5 - camera.cy) / camera.fy)[:, None]
    x, y = x.astype(np.float32), y.astype(np.float32)
    inverse = 1 / np.maximum(z, np.float32(1e-3))
    p = np.gradient(z, axis=1) * inverse * np.float32(camera.fx)
    q = np.gradient(z, axis=0) * inverse * np.float32(camera.fy)
    squared = p * p + q * q + (1 + x * p + y * q) ** 2
    return (1 / np.sqrt(squared * (1 + x * x + y * y))).astype(np.float32)


def record(
    colour: RenderedFrame,
    depth: RenderedFrame | None,
    sensor: Sensor,
    *,
    gain: float,
    turn_px_s: tuple[float, float],
    rng: Generator,
) -> Frame:
    """One recorded frame.

    Args:
        colour: the perfect frame.
        depth: the perfect view of the depth camera at its own time; None where this frame has no new depth.
        sensor: the headset.
        gain: see ``expose``.
        turn_px_s: see ``expose``.
        rng: for noise.
    """
    frame = colour.frame
    rgb = expose(frame.rgb, sensor.color, gain, turn_px_s, rng)
    if sensor.depth is None or depth is None:
        return replace(frame, rgb=rgb, depth_m=None, depth_camera=None)
    other = depth.frame
    measured = measure(depth.depth_m.numpy(), other.camera, depth.glossy, sensor.depth, rng)
    if other is frame:
        return replace(frame, rgb=rgb, depth_m=measured)
    # The head moved between the two captures: the transform holds the way from one to the other.
    between = torch.linalg.inv(colour.world_from_camera) @ depth.world_from_camera
    return replace(
        frame,
        rgb=rgb,
        depth_m=measured,
        depth_camera=other.camera,
        camera_from_depth=between,
        depth_time_s=other.time_s,
    )
