"""One object of a map, with everything that is known about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scenes.types import Box3D, SceneObject
from tools.geometry.colors import dominant_color, lab_signature, term_histogram
from tools.geometry.upright_boxes import fit_box
from tools.scene_graph.object_names import MIN_NAME_CONFIDENCE, LabelVotes
from tools.scene_graph.object_views import MAX_VIEWS, ObjectViews

SAME_INTERVAL_S = 2.0
"""Sightings closer together than this are one observation interval."""
MOVED_M = 0.25
"""A box centre that shifts by more than this is a new place, not a better estimate."""
MIN_FRAMES = 3
"""Frames that must have seen an object before it is confirmed: noise rarely repeats."""
MIN_SEEN_SHARE = 0.3
"""Share of the frames with its place in view that must have found it."""
NAMER_WEIGHT = 0.4
"""Weight of the namer's label beside the segmenter's, which has the rest: a linear opinion pool (Stone, 1961)."""
MIN_POOLED_PROBABILITY = 0.25
"""Probability from which the pool names an object: on generated worlds 200-201, 82 of 85 right and 84 named."""
MIN_VOXELS = 5
MIN_EXTENT_M = 0.03
"""A confirmed object has at least so many voxels, and a box edge of at least this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRecord:
    """Where an object was from some time on."""

    time_s: float
    box: Box3D


@dataclass(slots=True, kw_only=True, eq=False)
class MapObject:
    """Mutable state of one object. ``SceneGraphBuilder`` owns it; others see ``scenes.types.SceneObject``."""

    id: str
    first_seen_s: float
    last_seen_s: float
    parts: set[int] = field(default_factory=set)
    frames: int = 0
    missed_frames: int = 0
    """Frames that saw its surface but no piece of it: noise is seen once and missed ever after."""
    supported: bool = True
    """Whether enough of its surface was seen for what the segmenter says it is."""
    pinned: bool = False
    """A person pointed it out, so it is never merged away or hidden."""
    taught: str = ""
    """The name that the wearer gave it."""
    notes: list[str] = field(default_factory=list)
    namer_labels: LabelVotes = field(default_factory=LabelVotes)
    """What the namer took it for in its pictures."""
    detector_labels: LabelVotes = field(default_factory=LabelVotes)
    """What the segmenter takes it for."""
    label_source: str = "none"
    """Who gave ``namer_labels``: ``vlm``, ``detector``, or ``none``."""
    named_at_score: float = 0.0
    """Score of the best view when the namer last looked."""
    namer_color: str = ""
    """The colour that the namer saw; ``""`` when it said none."""
    views: ObjectViews = field(default_factory=ObjectViews)
    intervals: list[tuple[float, float]] = field(default_factory=list)
    positions: list[PositionRecord] = field(default_factory=list)
    points: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    """(N, 3) surface, one point a voxel; kept when the object has left."""
    lab: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    seen_through_points: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    """(M, 3) former surface that frames have seen through since the object was last seen to be there.

    Without it an object that has left would shrink to the few voxels that it shared with what it stood on; those stay.
    """
    box: Box3D | None = None
    room: str = ""
    present: bool = True
    negative_checks: int = 0
    negative_since_s: float | None = None

    def record_sighting(self, time_s: float) -> None:
        """A frame really showed it."""
        self.frames += 1
        self.first_seen_s = min(self.first_seen_s, time_s)
        self.last_seen_s = max(self.last_seen_s, time_s)
        if self.intervals and 0 <= time_s - self.intervals[-1][1] <= SAME_INTERVAL_S:
            self.intervals[-1] = (self.intervals[-1][0], time_s)
        else:
            self.intervals.append((time_s, time_s))

    def set_detector_labels(self, weights: Mapping[str, float]) -> None:
        """Replace what the segmenter takes it for: evidence per label."""
        self.detector_labels = LabelVotes(weights=dict(weights))

    def continue_as(self, new: MapObject) -> None:
        """It has left and was found again as ``new``, elsewhere: take over what was learned of that."""
        self.parts, self.present = new.parts, True
        self.negative_checks, self.negative_since_s = 0, None
        self.intervals += new.intervals
        self.frames += new.frames
        self.last_seen_s = new.last_seen_s
        self.points, self.lab, self.box = new.points, new.lab, new.box
        self.seen_through_points = new.seen_through_points
        self.positions += new.positions
        self.views.best = sorted([*self.views.best, *new.views.best], key=lambda v: -v.score)[:MAX_VIEWS]
        for label, weight in new.namer_labels.weights.items():
            self.namer_labels.add(label, weight)

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
        new = self.box = box or fit_box(points, preferred_yaw=preferred_yaw)
        if not self.positions:
            self.positions.append(PositionRecord(time_s=self.last_seen_s, box=new))
            return
        moved = np.linalg.norm(np.array(new.center) - np.array(self.positions[-1].box.center))
        if moved <= MOVED_M or not _apart(self.positions[-1].box, new):
            # The same place, better known.
            self.positions[-1] = PositionRecord(time_s=self.positions[-1].time_s, box=new)
        else:
            self.positions.append(PositionRecord(time_s=self.last_seen_s, box=new))

    @property
    def expected_surface(self) -> NDArray[np.float32]:
        """(N, 3) surface that must be seen, or seen through, to tell whether the object is still there."""
        gone = self.seen_through_points
        return np.concatenate([self.points, gone]) if len(gone) else self.points

    @property
    def signature(self) -> NDArray[np.float32]:
        """(64,) colour histogram of the surface."""
        return lab_signature(self.lab)

    @property
    def color(self) -> str:
        """The namer's word when it gave one, else the dominant basic term of the surface."""
        return self.namer_color or dominant_color(term_histogram(self.lab))

    @property
    def confidence(self) -> float:
        """Grows with the frames that saw it (0.5 after three), falls with those that looked and did not."""
        return 1.0 if self.pinned else self.frames / (self.frames + self.missed_frames + MIN_FRAMES)

    @property
    def confirmed_box(self) -> Box3D | None:
        """The box of an object that is sure enough to be part of a snapshot; None for any other."""
        return self.box if self.box is not None and self._is_sure(self.box) else None

    @property
    def confirmed(self) -> bool:
        """Whether it is sure enough to be part of a snapshot."""
        return self.confirmed_box is not None

    def _is_sure(self, box: Box3D) -> bool:
        if self.pinned or self.taught:
            return True
        if not self.supported:
            return False
        seen_often = self.frames >= MIN_FRAMES and self.frames >= MIN_SEEN_SHARE * (self.frames + self.missed_frames)
        return seen_often and len(self.points) >= MIN_VOXELS and max(box.size) >= MIN_EXTENT_M

    def label(self) -> tuple[str, str, float]:
        """Name, its source and its confidence: user before vlm before detectors, whose opinions are pooled."""
        if self.taught:
            return self.taught, "user", 1.0
        said, confidence = self.namer_labels.best()
        if confidence >= MIN_NAME_CONFIDENCE and (self.label_source == "vlm" or not self.detector_labels.weights):
            return said, self.label_source, confidence
        pooled = {name: (1.0 - NAMER_WEIGHT) * share for name, share in self.detector_labels.shares().items()}
        if said:
            pooled[said] = pooled.get(said, 0.0) + NAMER_WEIGHT * self.namer_labels.shares()[said]
        best = max(pooled, key=lambda name: pooled[name], default="")
        return (
            (best, "detector", pooled[best]) if best and pooled[best] >= MIN_POOLED_PROBABILITY else ("", "none", 0.0)
        )

    def to_scene_object(self) -> SceneObject:
        """The immutable view that leaves this package. Raises ``ValueError`` for an object that has no box yet."""
        if self.box is None:
            raise ValueError(f"expected an object with a box; {self.id} has none yet")
        label, source, confidence = self.label()
        guessed, sure = self.namer_labels.best()
        aliases = (guessed,) if self.taught and guessed and guessed != label and sure >= MIN_NAME_CONFIDENCE else ()
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


def _apart(old: Box3D, new: Box3D) -> bool:
    """Whether two boxes have nothing in common along some axis; a box that grows has not moved."""
    gap = np.abs(np.array(old.center) - np.array(new.center)) - (np.array(old.size) + np.array(new.size)) / 2
    return bool((gap > 0).any())
