"""Where a point is as the wearer sees it: azimuth, elevation, distance, clock, in view, and the words for it.

Deterministic, from the camera pose alone. The wearer's frame is level: azimuth is measured in the horizontal plane from
the viewing direction, so tilting the head does not turn "to your left" into something else. Knows nothing of objects.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from scenes.records import Direction
from scenes.types import Camera
from tools.geometry.box_measures import Point

LEVEL_HEADING_MIN = 0.1
"""With a shorter horizontal part of the viewing direction (84 degrees up or down) the top of the image leads."""
HIGH_LOW_DEG = 30.0
"""From this elevation on, a person adds "high up" or "low down"."""
OVERHEAD_DEG = 65.0
"""From this elevation on, left and right lose their meaning."""


@dataclass(frozen=True, slots=True)
class Pose:
    """``world_from_camera`` as plain floats: origin and the three camera axes in the world."""

    origin: Point
    right: Point
    down: Point
    forward: Point

    @classmethod
    def from_matrix(cls, world_from_camera: Tensor) -> Pose:
        """From a (4, 4) tensor."""
        r0, r1, r2, _ = world_from_camera.tolist()
        return cls(
            origin=(r0[3], r1[3], r2[3]),
            right=(r0[0], r1[0], r2[0]),
            down=(r0[1], r1[1], r2[1]),
            forward=(r0[2], r1[2], r2[2]),
        )

    def heading(self) -> tuple[float, float]:
        """Unit (x, z) of the wearer's level forward direction."""
        x, y, z = self.forward
        if math.hypot(x, z) < LEVEL_HEADING_MIN:
            # Looking straight down, the top of the image points ahead; straight up, the bottom does.
            sign = -1.0 if y < 0 else 1.0
            x, z = sign * self.down[0], sign * self.down[2]
        norm = math.hypot(x, z) or 1.0
        return x / norm, z / norm


def direction_to(pose: Pose, camera: Camera | None, p_world: Point) -> Direction:
    """Direction of a world point (metres) for a wearer at ``pose``; without a camera nothing is in view."""
    d = tuple(p - o for p, o in zip(p_world, pose.origin, strict=True))
    ahead_x, ahead_z = pose.heading()
    # Level right = forward x up = (-fz, 0, fx) for Y up.
    ahead = d[0] * ahead_x + d[2] * ahead_z
    right = d[2] * ahead_x - d[0] * ahead_z
    azimuth = math.degrees(math.atan2(right, ahead)) if math.hypot(ahead, right) > 1e-9 else 0.0
    elevation = math.degrees(math.atan2(d[1], math.hypot(d[0], d[2]))) if any(d) else 0.0
    return Direction(
        azimuth_deg=azimuth,
        elevation_deg=elevation,
        distance_m=math.sqrt(sum(x * x for x in d)),
        clock=round(azimuth / 30.0) % 12 or 12,
        in_view=camera is not None and in_view(pose, camera, p_world),
    )


def in_view(pose: Pose, camera: Camera, p_world: Point) -> bool:
    """Whether a world point projects inside the image (occlusion is not considered)."""
    d = tuple(p - o for p, o in zip(p_world, pose.origin, strict=True))
    z = _dot(d, pose.forward)
    if z <= 1e-6:
        return False
    return camera.contains(
        _dot(d, pose.right) / z * camera.fx + camera.cx, _dot(d, pose.down) / z * camera.fy + camera.cy
    )


def direction_words(direction: Direction) -> str:
    """``straight ahead``, ``ahead to the left``, ``to your right``, ``behind you to the left``, ``above you``, ..."""
    elevation = direction.elevation_deg
    if abs(elevation) >= OVERHEAD_DEG:
        return "above you" if elevation > 0 else "below you"
    side = "right" if direction.azimuth_deg > 0 else "left"
    turn = abs(direction.azimuth_deg)
    if turn <= 15:
        words = "straight ahead"
    elif turn <= 60:
        words = f"ahead to the {side}"
    elif turn <= 120:
        words = f"to your {side}"
    elif turn <= 165:
        words = f"behind you to the {side}"
    else:
        words = "behind you"
    if elevation >= HIGH_LOW_DEG:
        return words + ", high up"
    if elevation <= -HIGH_LOW_DEG:
        return words + ", low down"
    return words


def length_words(metres: float) -> str:
    """A length as a person says it: ``8 cm``, ``45 cm``, ``2.4 m``, ``12 m``."""
    cm = metres * 100
    if cm < 19.5:
        return f"{max(1, round(cm))} cm"
    if cm < 97.5:
        return f"{5 * round(cm / 5)} cm"
    if metres < 9.95:
        tenths = round(metres * 10)
        return f"{tenths // 10} m" if tenths % 10 == 0 else f"{tenths / 10:.1f} m"
    return f"{round(metres)} m"


def ago_words(seconds: float) -> str:
    """A time span that ended now: ``just now``, ``12 s ago``, ``3 min ago``, ``2 h ago``, ``4 days ago``."""
    if seconds < 1.5:
        return "just now"
    if seconds < 89.5:
        return f"{round(seconds)} s ago"
    if seconds < 5370:
        return f"{round(seconds / 60)} min ago"
    if seconds < 36 * 3600:
        return f"{round(seconds / 3600)} h ago"
    return f"{round(seconds / 86400)} days ago"


def _dot(a: tuple[float, ...], b: Point) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
