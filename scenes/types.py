"""The types that every package shares.

Conventions, for the whole project (readers convert; nothing else does):

- SI units: metres, seconds, radians. Degrees only where a name ends in ``_deg``.
- World: right-handed, gravity-aligned, **Y up**. Camera: OpenCV axes (x right, y down, z forward).
- ``world_from_camera``: ``p_world = world_from_camera @ p_camera``. Frame letters cancel; never a bare ``pose``.
- Pixels ``uv_px``: u right, v down, the centre of the first pixel is (0.5, 0.5); inside means ``0 <= uv < size``.
- Depth is z-depth (distance from the camera plane) in metres. Invalid depth is exactly 0, never NaN, and
  ``0`` never means "near": use ``Frame.depth_valid``.
- Every time is capture time, in seconds on the recording's clock.
- Poses are float64, images uint8, depth float32. All tensors live on the CPU.

This module knows nothing of files, of models, or of how a frame was made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from scenes.vocabulary import RelationWord


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A pinhole camera without distortion."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    """Principal point in ``uv_px``: for a centred camera exactly ``width / 2``."""
    cy: float

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise ValueError(f"camera size must be positive, got {self.width}x{self.height}")
        for name in ("fx", "fy", "cx", "cy"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"camera {name} must be finite, got {getattr(self, name)}")
        if self.fx <= 0 or self.fy <= 0:
            raise ValueError(f"focal lengths must be positive, got fx={self.fx}, fy={self.fy}")

    @property
    def intrinsics(self) -> Tensor:
        """The 3x3 matrix K, float64."""
        return torch.tensor([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]], dtype=torch.float64)

    def resized(self, width: int, height: int) -> Camera:
        """The same camera for an image resampled to ``width`` x ``height``."""
        sx, sy = width / self.width, height / self.height
        return Camera(width=width, height=height, fx=self.fx * sx, fy=self.fy * sy, cx=self.cx * sx, cy=self.cy * sy)

    def contains(self, u: float, v: float) -> bool:
        """Whether a pixel position lies inside the image."""
        return 0.0 <= u < self.width and 0.0 <= v < self.height


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One moment of a recording: colour, maybe depth, maybe a pose."""

    id: int
    """The frame's number in its recording; stable, so that an answer can cite it."""
    time_s: float
    camera: Camera
    """The colour camera."""
    rgb: Tensor
    """(H, W, 3) uint8."""
    world_from_camera: Tensor | None = None
    """(4, 4) float64, of the **colour** camera; None where the recording has no pose."""
    depth_m: Tensor | None = None
    """(Hd, Wd) float32 z-depth in the depth camera; 0 = invalid."""
    depth_camera: Camera | None = None
    """The depth camera; set exactly when ``depth_m`` is."""
    camera_from_depth: Tensor = field(default_factory=lambda: torch.eye(4, dtype=torch.float64))
    """(4, 4) float64: ``p_camera = camera_from_depth @ p_depth_camera``."""
    depth_time_s: float | None = None
    """Capture time of the depth image where it differs from ``time_s``."""

    def __post_init__(self) -> None:
        expected = (self.camera.height, self.camera.width, 3)
        if tuple(self.rgb.shape) != expected or self.rgb.dtype != torch.uint8:
            raise ValueError(f"rgb must be {expected} uint8, got {tuple(self.rgb.shape)} {self.rgb.dtype}")
        if (self.depth_m is None) != (self.depth_camera is None):
            raise ValueError("depth_m and depth_camera must be given together")
        if self.depth_m is not None and self.depth_camera is not None:
            size = (self.depth_camera.height, self.depth_camera.width)
            if tuple(self.depth_m.shape) != size or self.depth_m.dtype != torch.float32:
                raise ValueError(
                    f"depth_m must be {size} float32, got {tuple(self.depth_m.shape)} {self.depth_m.dtype}"
                )

    @property
    def depth_valid(self) -> Tensor | None:
        """(Hd, Wd) bool: where depth was measured."""
        return None if self.depth_m is None else self.depth_m > 0

    @property
    def world_from_depth(self) -> Tensor | None:
        """(4, 4) float64 pose of the depth camera."""
        return None if self.world_from_camera is None else self.world_from_camera @ self.camera_from_depth

    def with_pose(self, world_from_camera: Tensor) -> Frame:
        """The same frame seen from a corrected pose."""
        return replace(self, world_from_camera=world_from_camera)


@dataclass(frozen=True, slots=True, kw_only=True)
class Box3D:
    """An oriented box in the world frame of one map."""

    center: tuple[float, float, float]
    size: tuple[float, float, float]
    """Full edge lengths along the box's own axes, metres."""
    quaternion_xyzw: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0)
    """Unit quaternion of ``world_from_box``."""

    def __post_init__(self) -> None:
        if not all(math.isfinite(x) for x in (*self.center, *self.size, *self.quaternion_xyzw)):
            raise ValueError(f"box must be finite, got {self.center} {self.size} {self.quaternion_xyzw}")
        if min(self.size) < 0:
            raise ValueError(f"box edges must not be negative, got {self.size}")

    @property
    def volume(self) -> float:
        """Cubic metres."""
        return self.size[0] * self.size[1] * self.size[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneObject:
    """One physical thing, as a map or a ground truth knows it."""

    id: str
    """Stable within its map: ``o`` and a number."""
    label: str
    """The best name, lower case; ``""`` for a thing that nobody has named."""
    box: Box3D
    confidence: float = 1.0
    """How sure we are that this is one object that exists, 0..1."""
    label_source: str = "truth"
    """Who named it: ``user`` > ``vlm`` > ``detector`` > ``none``; ``truth`` in annotated scenes."""
    label_confidence: float = 1.0
    color: str = ""
    """A ``scenes.vocabulary.ColorTerm`` where it was measured, the namer's own word where one gave it, or ``""``."""
    aliases: tuple[str, ...] = ()
    """Other names, e.g. one that the wearer taught."""
    room: str = ""
    """Id of the room that holds it, or ``""``."""
    first_seen_s: float = 0.0
    last_seen_s: float = 0.0
    """Capture time of the newest frame that really observed it; never refreshed from history."""
    evidence_frames: tuple[int, ...] = ()
    """Frame ids of its best views, best first."""
    present: bool = True
    """False once negative evidence says that it is no longer where the box is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """``subject predicate object``, e.g. (mug, on, table)."""

    subject: str
    predicate: RelationWord
    object: str
    confidence: float = 1.0
    time_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A room or other named region; a floor polygon with a height."""

    id: str
    label: str
    floor_polygon: tuple[tuple[float, float], ...]
    """Corners (x, z) in metres, in order."""
    floor_y: float = 0.0
    height_m: float = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of one thing."""

    time_s: float
    """When it was noticed."""
    kind: str
    """One of ``CHANGES``."""
    object_id: str
    since_s: float
    """When the thing, or its place without it, was last seen as before: the change lies between the two times."""
    from_box: Box3D | None = None
    to_box: Box3D | None = None


CHANGES = ("moved", "vanished", "appeared", "opened", "closed")
"""Found at another place; gone from its place and not seen since; standing where nothing stood; a drawer or a door."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneGraph:
    """Objects, relations and rooms of one map at one time. Predicted and true graphs are this one type."""

    map_id: str
    time_s: float
    objects: Mapping[str, SceneObject] = field(default_factory=dict)
    relations: tuple[Relation, ...] = ()
    rooms: Mapping[str, Room] = field(default_factory=dict)
    changes: tuple[Change, ...] | None = None
    """Changes since the visit began, at most one a thing; None where no log was kept."""

    def related(self, predicate: RelationWord, object_id: str) -> tuple[str, ...]:
        """Ids of the subjects that stand in ``predicate`` to ``object_id``."""
        return tuple(r.subject for r in self.relations if r.predicate == predicate and r.object == object_id)
