"""How the frame of SQA3D is turned against the frame of an annotated scene graph, from what the situations say.

The two sources differ by a turn about the vertical, another in each scene, which neither tells. A situation says what
is in front of its author, behind, left, right, or next to: for each turn, the graph either has such a thing there or
not. The turn with the best agreement is taken, where resampling the situations does not change it. Questions and
answers are not read.

    "I am facing a desk with the window on my left."  ->  a desk ahead, a window to the left
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evals.datasets.sqa3d import SituatedQuestion
from scenes.types import SceneGraph

Floats = NDArray[np.float64]
STEP_DEG = 5
NEAR_SCALE_M = 0.5
"""A thing "next to me" counts exp(-distance / this)."""
FAR_SCALE_M = 4.0
"""A thing in a direction counts less beyond a metre, by exp(-(distance - 1) / this): people mention what is near."""
RESAMPLES = 200
SAME_TURN_DEG = 20.0
DECISIVE_SHARE = 0.9
"""Share of resamples whose best turn is the same, for the turn to be believed."""
_AHEAD = {"ahead": 0.0, "left": math.pi / 2, "behind": math.pi, "right": -math.pi / 2}
_OTHER_NAMES = {"sofa": "couch", "garbage bin": "trash can", "fridge": "refrigerator", "rubbish bin": "trash can"}
_SKIPPED = frozenset(
    ["the", "a", "an", "my", "is", "are", "that", "one", "of", "two", "three", "several", "some", "and"]
)
_FACING = re.compile(r"\b(?:facing|looking at|look at|looking towards|towards)\b((?: [\w-]+){1,5})")
_SIDE = re.compile(r"((?:[\w-]+ ){1,6})(?:on|to|at) (?:my|the) (left|right)\b")
_AROUND = re.compile(r"((?:[\w-]+ ){1,6})(behind me|in front of me)\b")
_BESIDE = re.compile(
    r"\b(?:sitting|sit|seated|lying|laying|standing|stand)(?: down)? (?:on|in|by|near|next to|beside)((?: [\w-]+){1,3})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """What one situation says of one thing."""

    direction: str
    """ahead, left, behind, right, or near."""
    boxes: Floats
    """(N, 4): x, y, half width, half depth of all things of that name, Z up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneTurn:
    """The turn of one scene."""

    turn_rad: float
    """``p_graph = turn(p_sqa3d)``, about Z from +X towards +Y."""
    agreement: float
    """Mean over the cues, -1..1."""
    cues: int
    share: float
    """Of resampled situations that lead to the same turn."""

    @property
    def decisive(self) -> bool:
        """Whether to believe it."""
        return self.share >= DECISIVE_SHARE


def scene_turns(questions: Iterable[SituatedQuestion], graphs: Mapping[str, SceneGraph]) -> dict[str, SceneTurn]:
    """The turn of each scene that has a graph and at least one cue."""
    of_scene: dict[str, dict[str, SituatedQuestion]] = {}
    for question in questions:
        if question.scene in graphs:
            for text in (question.situation, *question.other_situations):
                of_scene.setdefault(question.scene, {}).setdefault(text, question)
    found = {}
    for scene, situations in of_scene.items():
        turn = scene_turn([(text, q) for text, q in situations.items()], graphs[scene])
        if turn is not None:
            found[scene] = turn
    return found


def scene_turn(situations: Sequence[tuple[str, SituatedQuestion]], graph: SceneGraph) -> SceneTurn | None:
    """The turn that most of (text, whose author's pose) agree with; None without any cue."""
    things = _boxes_by_name(graph)
    turns = np.radians(np.arange(0, 360, STEP_DEG))
    rows, owner = [], []
    for number, (text, question) in enumerate(situations):
        for cue in cues(text, things):
            rows.append(_agreement(cue, np.array(question.position[:2]), question.heading_rad, turns))
            owner.append(number)
    if not rows:
        return None
    table, who = np.stack(rows), np.array(owner)
    best = int(table.sum(0).argmax())
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(len(situations), np.full(len(situations), 1 / len(situations)), size=RESAMPLES)
    again = (drawn[:, who] @ table).argmax(1)
    apart = np.abs((again - best) * STEP_DEG + 180.0) % 360.0 - 180.0
    return SceneTurn(
        turn_rad=float(turns[best]),
        agreement=float(table.mean(0)[best]),
        cues=len(rows),
        share=float((np.abs(apart) <= SAME_TURN_DEG).mean()),
    )


def cues(text: str, things: Mapping[str, Floats]) -> list[Cue]:
    """What a situation says of things that the scene has; plural names count as singular."""
    said = re.sub(r"[.,;:!?]", " | ", text.lower())
    said = " ".join(said.split())
    for name, other in _OTHER_NAMES.items():
        said = re.sub(rf"\b{name}\b", other, said)
    found = []
    for pattern, first, direction in ((_FACING, True, "ahead"), (_BESIDE, True, "near")):
        for match in pattern.finditer(said):
            found += _cue(direction, _named(match.group(1), things, first=first))
    for match in _SIDE.finditer(said):
        found += _cue(match.group(2), _named(match.group(1), things, first=False))
    for match in _AROUND.finditer(said):
        direction = "behind" if match.group(2) == "behind me" else "ahead"
        found += _cue(direction, _named(match.group(1), things, first=False))
    return found


def _cue(direction: str, boxes: Floats | None) -> list[Cue]:
    return [] if boxes is None else [Cue(direction=direction, boxes=boxes)]


def _named(words: str, things: Mapping[str, Floats], *, first: bool) -> Floats | None:
    """Things of the first (or last) name of one to three words; a bar ends the search from its side."""
    parts = words.split("|")
    tokens = [w for w in (parts[0] if first else parts[-1]).split() if w not in _SKIPPED]
    starts = range(len(tokens)) if first else range(len(tokens) - 1, -1, -1)
    for start in starts:
        for length in (3, 2, 1):
            name = tokens[start : start + length] if first else tokens[max(0, start - length + 1) : start + 1]
            boxes = things.get(_singular(" ".join(name)))
            if boxes is not None:
                return boxes
    return None


def _agreement(cue: Cue, position: Floats, heading: float, turns: Floats) -> Floats:
    """(T,) how well each turn fits one cue: of several things of a name, the best."""
    cosine, sine = np.cos(turns), np.sin(turns)
    here = np.stack([cosine * position[0] - sine * position[1], sine * position[0] + cosine * position[1]], -1)
    gap = cue.boxes[None, :, :2] - here[:, None, :]
    if cue.direction == "near":
        outside = np.maximum(np.abs(gap) - cue.boxes[None, :, 2:], 0.0)
        return np.exp(-np.linalg.norm(outside, axis=-1) / NEAR_SCALE_M).max(1)
    distance = np.linalg.norm(gap, axis=-1)
    bearing = np.arctan2(gap[..., 1], gap[..., 0]) - (heading + turns)[:, None] - _AHEAD[cue.direction]
    return (np.cos(bearing) * np.exp(-np.maximum(distance - 1.0, 0.0) / FAR_SCALE_M)).max(1)


def _boxes_by_name(graph: SceneGraph) -> dict[str, Floats]:
    rows: dict[str, list[tuple[float, float, float, float]]] = {}
    for thing in graph.objects.values():
        (x, _, z), (width, _, depth) = thing.box.center, thing.box.size
        rows.setdefault(_singular(thing.label), []).append((x, -z, width / 2, depth / 2))
    return {name: np.array(boxes) for name, boxes in rows.items() if name}


def _singular(name: str) -> str:
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name
