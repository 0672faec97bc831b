"""One thing of a map, with everything that is known about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scenes.types import Box3D, SceneObject
from tools.geometry.colors import dominant_color, lab_signature, term_histogram
from tools.geometry.upright_boxes import fit_box
from tools.scene_graph.object_names import NAMED_FROM, LabelVotes
from tools.scene_graph.object_views import Views

SAME_VISIT_S = 2.0
"""Looks closer together than this are one observation interval."""
MOVED_M = 0.25
"""A box centre that shifts by more is a new place, not a better estimate."""
SURE_FRAMES = 3
"""Frames that must have seen a thing before it is shown: noise rarely repeats."""
SEEN_SHARE = 0.3
"""Share of the frames with its place in view that must have found it."""
CROP_SHARE = 0.4
"""Weight of a name from pictures beside the kind that the segmenter voted for: a linear opinion pool (Stone, 1961)."""
POOLED_FROM = 0.25
"""Probability from which the pool names a thing: on generated worlds 200-201, 82 of 85 right and 84 named."""
MIN_VOXELS = 5
MIN_EXTENT_M = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a thing was from some time on."""

    time_s: float
    box: Box3D


@dataclass(slots=True, kw_only=True, eq=False)
class MapObject:
    """Mutable state of one thing. ``SceneGraphBuilder`` owns it; others see ``scenes.types.SceneObject``."""

    id: str
    first_seen_s: float
    last_seen_s: float
    parts: set[int] = field(default_factory=set)
    frames: int = 0
    missed: int = 0
    """Frames that saw its surface but no piece of it: noise is seen once and missed ever after."""
    supported: bool = True
    """Whether enough of its surface was seen for what it is said to be."""
    pinned: bool = False
    """A person pointed it out, so it is never merged away or hidden."""
    taught: str = ""
    """The name that the wearer gave it."""
    notes: list[str] = field(default_factory=list)
    labels: LabelVotes = field(default_factory=LabelVotes)
    detected: LabelVotes = field(default_factory=LabelVotes)
    """What the segmenter takes it for."""
    label_source: str = "none"
    named_at_score: float = 0.0
    """Score of the best view when the namer last looked."""
    said_color: str = ""
    views: Views = field(default_factory=Views)
    intervals: list[tuple[float, float]] = field(default_factory=list)
    placements: list[Placement] = field(default_factory=list)
    points: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    """(N, 3) surface, one point a voxel; kept when the thing has left."""
    lab: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    lost: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    """(M, 3) former surface that frames have seen through since the thing was last seen to be there.

    Without it a thing that has left would shrink to the few voxels that it shared with what it stood on; those stay.
    """
    box: Box3D | None = None
    room: str = ""
    present: bool = True
    negative_looks: int = 0
    negative_since_s: float | None = None

    def see(self, time_s: float) -> None:
        """A frame really showed it."""
        self.frames += 1
        self.first_seen_s = min(self.first_seen_s, time_s)
        self.last_seen_s = max(self.last_seen_s, time_s)
        if self.intervals and 0 <= time_s - self.intervals[-1][1] <= SAME_VISIT_S:
            self.intervals[-1] = (self.intervals[-1][0], time_s)
        else:
            self.intervals.append((time_s, time_s))

    def hear(self, kinds: Mapping[str, float]) -> None:
        """What a segmenter that knows names takes it for: shares of each kind, replacing what it said before."""
        self.detected = LabelVotes(weights=dict(kinds))

    def continue_as(self, new: MapObject) -> None:
        """It has left and was found again as ``new``, elsewhere: take over what was learned of that."""
        self.parts, self.present = new.parts, True
        self.negative_looks, self.negative_since_s = 0, None
        self.intervals += new.intervals
        self.frames += new.frames
        self.last_seen_s = new.last_seen_s
        self.points, self.lab, self.lost, self.box = new.points, new.lab, new.lost, new.box
        self.placements += new.placements
        self.views.best = sorted([*self.views.best, *new.views.best], key=lambda v: -v.score)[:3]
        for label, weight in new.labels.weights.items():
            self.labels.add(label, weight)

    def set_surface(
        self,
        points: NDArray[np.float32],
        lab: NDArray[np.float32],
        preferred_yaw: float | None,
        box: Box3D | None = None,
    ) -> None:
        """New points: refit the box, or take the one that the segmenter votes for, and note a change of place."""
        if len(points) == 0:
            return
        self.points, self.lab = points, lab
        self.box = box or fit_box(points, preferred_yaw=preferred_yaw)
        if not self.placements:
            self.placements.append(Placement(time_s=self.last_seen_s, box=self.box))
            return
        moved = np.linalg.norm(np.array(self.box.center) - np.array(self.placements[-1].box.center))
        if moved <= MOVED_M or not self._left_its_place():
            # The same place, better known.
            self.placements[-1] = Placement(time_s=self.placements[-1].time_s, box=self.box)
        else:
            self.placements.append(Placement(time_s=self.last_seen_s, box=self.box))

    def _left_its_place(self) -> bool:
        """Whether the new box has nothing in common with the old one; a growing box is no movement."""
        old, new = self.placements[-1].box, self.box
        assert new is not None
        gap = np.abs(np.array(old.center) - np.array(new.center)) - (np.array(old.size) + np.array(new.size)) / 2
        return bool((gap > 0).any())

    @property
    def whole(self) -> NDArray[np.float32]:
        """(N, 3) surface that must be seen, or seen through, to tell whether the thing is still there."""
        return np.concatenate([self.points, self.lost]) if len(self.lost) else self.points

    @property
    def signature(self) -> NDArray[np.float32]:
        """(64,) colour histogram of the surface."""
        return lab_signature(self.lab)

    @property
    def color(self) -> str:
        """The namer's word when it gave one, else the dominant basic term of the surface."""
        return self.said_color or dominant_color(term_histogram(self.lab))

    @property
    def confidence(self) -> float:
        """Grows with the frames that saw it (0.5 after three), falls with those that looked and did not."""
        return 1.0 if self.pinned else self.frames / (self.frames + self.missed + SURE_FRAMES)

    @property
    def shown(self) -> bool:
        """Whether it is sure enough to be part of a snapshot."""
        if self.box is None:
            return False
        if self.pinned or self.taught:
            return True
        if not self.supported:
            return False
        seen_often = self.frames >= SURE_FRAMES and self.frames >= SEEN_SHARE * (self.frames + self.missed)
        return seen_often and len(self.points) >= MIN_VOXELS and max(self.box.size) >= MIN_EXTENT_M

    def label(self) -> tuple[str, str, float]:
        """Name, its source and its confidence: user before vlm before detectors, whose opinions are pooled."""
        if self.taught:
            return self.taught, "user", 1.0
        said, confidence = self.labels.best()
        if confidence >= NAMED_FROM and (self.label_source == "vlm" or not self.detected.weights):
            return said, self.label_source, confidence
        pooled = {name: (1.0 - CROP_SHARE) * share for name, share in self.detected.shares().items()}
        if said:
            pooled[said] = pooled.get(said, 0.0) + CROP_SHARE * self.labels.shares()[said]
        best = max(pooled, key=lambda name: pooled[name], default="")
        return (best, "detector", pooled[best]) if best and pooled[best] >= POOLED_FROM else ("", "none", 0.0)

    def to_scene_object(self) -> SceneObject:
        """The immutable view that leaves this package."""
        assert self.box is not None
        label, source, confidence = self.label()
        guessed, sure = self.labels.best()
        aliases = (guessed,) if self.taught and guessed and guessed != label and sure >= NAMED_FROM else ()
        return SceneObject(
            id=self.id,
            label=label,
            box=self.box,
            confidence=self.confidence,
            label_source=source,
            label_confidence=confidence,
            color=self.color,
            aliases=aliases,
            room=self.room,
            first_seen_s=self.first_seen_s,
            last_seen_s=self.last_seen_s,
            evidence_frames=tuple(v.frame_id for v in self.views.best),
            present=self.present,
        )
