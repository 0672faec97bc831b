"""Where a recording's own world lies in a map that has never seen it: relocalised frames that must agree.

The poses of a recording tie its frames together: each frame that is found in the map says where the whole recording
lies. An alignment needs two frames that say the same, so that a single wrong localisation changes nothing. Knows
nothing of files or of models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from scenes.geometry import inverse, pose_error
from scenes.recordings import Recording
from tools.localisation.localiser import Localisation, Localiser

MAX_TRIED_FRAMES = 8
"""Frames that are looked for at most, the newest first, then evenly over those before it."""
MIN_CONFIDENCE = 0.5
MAX_DISAGREEMENT_M, MAX_DISAGREEMENT_DEG = 0.15, 4.0
"""Two frames agree when the poses that they give the asked frame differ by no more."""
MIN_CONFIDENCE_ALONE = 0.8
"""What the only frame of a recording needs."""
MAX_TILT_DEG = 8.0
"""Both worlds have Y up: an alignment that tilts one against the other by more is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingAlignment:
    """A recording's world in a map."""

    map_from_world: Tensor
    """(4, 4) float64."""
    confidence: float
    frames: tuple[int, ...]
    """Ids of the frames that agree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAligned:
    """Why a recording has no place in a map yet."""

    reason: str
    """One clause for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Vote:
    frame_id: int
    map_from_world: Tensor
    found: Localisation


def align_recording(localiser: Localiser, recording: Recording, index: int) -> RecordingAlignment | NotAligned:
    """Where a recording lies in the map, from its frames up to position ``index``."""
    votes: list[_Vote] = []
    reasons: list[str] = []
    posed = False
    tried = frames_to_try(index)
    asked = recording[index].world_from_camera
    for position in tried:
        frame = recording[position]
        own = frame.world_from_camera
        posed |= own is not None
        found = localiser.localise(frame)
        if not isinstance(found, Localisation):
            reasons.append(f"{found.reason}: {found.detail}")
        elif found.confidence < MIN_CONFIDENCE:
            reasons.append(f"confidence {found.confidence:.2f}, {MIN_CONFIDENCE} needed")
        elif own is not None:
            vote = _Vote(frame_id=frame.id, map_from_world=found.world_from_camera @ inverse(own), found=found)
            if tilt_deg(vote.map_from_world) > MAX_TILT_DEG:
                reasons.append(f"the map would be tilted by {tilt_deg(vote.map_from_world):.0f} degrees")
                continue
            agreeing = [v for v in votes if _agree(v, vote, own if asked is None else asked)]
            if agreeing:
                return _best_of([*agreeing, vote])
            votes.append(vote)
    if len(tried) == 1 and votes and votes[0].found.confidence >= MIN_CONFIDENCE_ALONE:
        return _best_of(votes)
    if not posed:
        return NotAligned(reason="the recording has no poses of its own")
    if votes:
        return NotAligned(reason=f"{len(votes)} of {len(tried)} frames were found, no two of them agree")
    return NotAligned(reason=reasons[0] if reasons else "no frame was found in the map")


def frames_to_try(index: int) -> list[int]:
    """Positions of at most ``MAX_TRIED_FRAMES`` frames up to ``index``, which comes first."""
    steps = min(MAX_TRIED_FRAMES, index + 1)
    spaced = [index - (k * (index + 1)) // steps for k in range(steps)]
    return list(dict.fromkeys(spaced))


def tilt_deg(map_from_world: Tensor) -> float:
    """Angle between the two worlds' verticals."""
    return math.degrees(math.acos(max(-1.0, min(1.0, float(map_from_world[1, 1])))))


def _agree(a: _Vote, b: _Vote, world_from_camera: Tensor) -> bool:
    """Whether two alignments give one camera of the recording the same pose in the map."""
    moved, turned = pose_error(a.map_from_world @ world_from_camera, b.map_from_world @ world_from_camera)
    return float(moved) <= MAX_DISAGREEMENT_M and math.degrees(float(turned)) <= MAX_DISAGREEMENT_DEG


def _best_of(votes: list[_Vote]) -> RecordingAlignment:
    """The most exact of the votes that agree; confidence as if each could be wrong by itself."""
    best = min(votes, key=lambda v: v.found.sigma_m)
    wrong = math.prod(1 - v.found.confidence for v in votes)
    frames = tuple(v.frame_id for v in votes)
    return RecordingAlignment(map_from_world=best.map_from_world, confidence=1 - wrong, frames=frames)
