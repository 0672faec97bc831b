"""The turn of a scene is found again from what people say of a room that was turned by a known angle."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evals.datasets.situated_frames import cues, scene_turn, scene_turns
from evals.datasets.sqa3d import SituatedQuestion, load_sqa3d
from scenes.annotated import scannet_graphs
from scenes.types import Box3D, SceneGraph, SceneObject

THINGS = {"desk": (2.0, 0.0), "window": (0.0, 2.0), "bed": (-2.0, 0.0), "door": (0.0, -2.0)}


def graph() -> SceneGraph:
    """Four things around the middle, Y up."""
    objects = [
        SceneObject(id=f"o{k}", label=name, box=Box3D(center=(x, 0.5, -y), size=(0.6, 1.0, 0.6)))
        for k, (name, (x, y)) in enumerate(THINGS.items())
    ]
    return SceneGraph(map_id="made", time_s=0.0, objects={o.id: o for o in objects})


def asked(situation: str, turn: float) -> SituatedQuestion:
    """Somebody in the middle who looks along the graph's +X, in a frame that is turned back by ``turn``."""
    return SituatedQuestion(
        id="q",
        scene="made",
        situation=situation,
        other_situations=(),
        question="?",
        answers=("yes",),
        position=(0.0, 0.0, 0.0),
        heading_rad=-turn,
    )


SAID = (
    "I am facing the desk.",
    "There is a window on my left.",
    "I am standing in the room with the bed behind me.",
    "I see the door on my right, while facing a desk.",
)


@pytest.mark.parametrize("degrees", [0, 45, 170, 265])
def test_the_turn_is_found_to_a_step(degrees: int) -> None:
    turn = math.radians(degrees)
    found = scene_turn([(text, asked(text, turn)) for text in SAID], graph())
    assert found is not None
    assert abs(math.remainder(found.turn_rad - turn, 2 * math.pi)) < math.radians(6)
    assert found.cues == 5
    assert found.decisive


def test_situations_that_contradict_each_other_settle_nothing() -> None:
    text = "I am facing the desk."
    rows = [(text, replace(asked(text, 0.0), heading_rad=k * math.pi / 2)) for k in range(4)]
    found = scene_turn(rows, graph())
    assert found is not None
    assert not found.decisive


def test_a_scene_without_cues_or_graph_has_no_turn() -> None:
    assert scene_turn([("I am here.", asked("I am here.", 0.0))], graph()) is None
    assert scene_turns([asked("I am facing the desk.", 0.0)], {}) == {}


def test_cues_read_the_nearest_name_and_its_other_names() -> None:
    boxes = np.zeros((1, 4))
    things = {"couch": boxes, "trash can": boxes, "desk": boxes}
    said = "Sitting on the sofa with two trash cans to my left and the desk is behind me."
    assert [c.direction for c in cues(said, things)] == ["near", "left", "behind"]
    assert cues("I am facing a piano.", things) == []
    assert cues("Nothing is on my left, the desk is far.", things) == []


@pytest.mark.realdata
def test_most_scenes_of_sqa3d_are_settled_and_their_turns_lie_in_one_half_circle(shared_data: Path) -> None:
    """Nothing in the search prefers a half circle: that all settled turns lie in one says that they are right."""
    qa = shared_data / "qa"
    questions = load_sqa3d(
        qa / "v1_balanced_questions_test_scannetv2.json", qa / "v1_balanced_sqa_annotations_test_scannetv2.json"
    )
    graphs = scannet_graphs(shared_data / "scannet_graphs" / "scanrefer_ground_truth_scene_graph.json")
    settled = [t.turn_rad for t in scene_turns(questions, graphs).values() if t.decisive]
    assert len(settled) >= 40
    off_middle = np.abs([math.remainder(t - math.radians(270), 2 * math.pi) for t in settled])
    assert np.degrees(off_middle).max() <= 110
