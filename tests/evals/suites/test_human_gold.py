"""Gold terms give the right answer in a scene that can be worked out by hand."""

import math

import pytest
import torch

from evals.suites.human_gold import Expectation, Situation, Term, evaluate
from evals.suites.human_phrasings import load_human_phrasings
from scenes.questions.gold import Kind
from scenes.records import Direction
from scenes.types import Box3D, Relation, Room, SceneGraph, SceneObject

FLOOR = ((-5.0, -5.0), (5.0, -5.0), (5.0, 5.0), (-5.0, 5.0))


def _object(
    number: int, label: str, color: str, room: str, center: tuple[float, float, float], size: tuple[float, float, float]
) -> SceneObject:
    return SceneObject(id=f"o{number}", label=label, color=color, room=room, box=Box3D(center=center, size=size))


MUG = _object(1, "mug", "red", "r1", (0.0, 0.0, 2.0), (0.1, 0.1, 0.1))
OTHER_MUG = _object(2, "mug", "blue", "r2", (4.0, 0.0, 0.0), (0.1, 0.1, 0.1))
TABLE = _object(3, "table", "brown", "r1", (0.0, -0.4, 2.0), (1.6, 0.7, 0.8))
BOOK = _object(4, "book", "green", "r1", (0.5, 0.0, 2.0), (0.2, 0.05, 0.3))
THINGS = (MUG, OTHER_MUG, TABLE, BOOK)
GRAPH = SceneGraph(
    map_id="m",
    time_s=0.0,
    objects={o.id: o for o in THINGS},
    relations=(
        Relation(subject="o1", predicate="on", object="o3"),
        Relation(subject="o4", predicate="on", object="o3"),
    ),
    rooms={i: Room(id=i, label="bedroom", floor_polygon=FLOOR) for i in ("r1", "r2")},
)
VALUES = {"$rel": "on", "$color": "red", "$room": "bedroom", "$n": 3}


def _situation(**things: SceneObject) -> Situation:
    """A wearer at the origin who looks along +z, y up: x to the wearer's left."""
    pose = torch.eye(4, dtype=torch.float64)
    pose[0, 0] = pose[1, 1] = -1.0  # OpenCV axes: x right, y down
    return Situation(
        graph=GRAPH,
        world_from_camera=pose,
        things={f"${k}": v for k, v in things.items()},
        kind=Kind(name="mug"),
        values=VALUES,
    )


NEAR = {"thing": MUG, "thing2": OTHER_MUG, "ref": TABLE, "gaze": BOOK}


@pytest.mark.parametrize(
    ("gold", "truth"),
    [
        (["count", "$thing"], 2),
        (["more_than", ["count", "$thing"], 1], True),
        (["more_than", ["count", "$thing"], 2], False),
        (["more_than", ["volume", "$thing"], ["volume", "$ref"]], False),
        (["more_than", ["volume", "$ref"], ["volume", "$thing"]], True),
        (["more_than", ["volume", "$thing"], ["volume", "$thing2"]], None),
        (["more_than", ["distance", "$thing", "$wearer"], "$n"], False),
        (["more_than", ["distance", "$thing2", "$wearer"], "$n"], True),
        (["distance", "$thing2", "$wearer"], 4.0),
        (["distance", "$thing", "$gaze"], 0.35),
        (["height", "$ref"], 0.7),
        (["width", "$gaze"], 0.3),
        (["nearer", "$thing2", "$ref", "$wearer"], "table"),
        # 2.00 and 2.06 m: too close to call.
        (["nearer", "$thing", "$gaze", "$wearer"], None),
        (["nearer", "$thing", "$thing", "$wearer"], None),
        (["nearer", "$ref", "$thing2", "$gaze"], "table"),
        (["without", ["related", "$rel", "$ref"], "$thing"], frozenset({"o4"})),
        (["contains", ["related", "$rel", "$ref"], "$thing"], True),
        (["contains", ["related", "$rel", "$ref"], "$thing2"], False),
        (["same", ["color", "$thing"], "$color"], True),
        (["same", ["color", "$thing2"], "$color"], False),
        (["same", ["room", "$thing"], "$room"], True),
        (["same", ["room_id", "$thing"], ["room_id", "$gaze"]], True),
        # Two rooms of one name are two rooms.
        (["same", ["room_id", "$thing"], ["room_id", "$thing2"]], False),
        (["in_view", "$thing"], True),
        (["in_view", "$thing2"], False),
        (["reason", "never_seen"], "never_seen"),
    ],
)
def test_a_term_has_the_value_worked_out_by_hand(gold: Term, truth: object):
    value = evaluate(Expectation(kind="bool", gold=gold), _situation(**NEAR))
    if isinstance(truth, float):
        assert isinstance(value, float)
        assert math.isclose(value, truth, abs_tol=1e-9)
    else:
        assert value == truth


def test_a_direction_is_the_wearers_own():
    value = evaluate(Expectation(kind="direction", gold=["direction", "$thing2"]), _situation(**NEAR))
    assert isinstance(value, Direction)
    assert math.isclose(value.azimuth_deg, -90.0, abs_tol=1e-6)
    assert math.isclose(value.distance_m, 4.0)


def test_the_other_one_of_two_is_the_one_farther_away():
    value = evaluate(Expectation(kind="direction", gold=["direction", ["farthest", "$thing"]]), _situation(**NEAR))
    assert isinstance(value, Direction)
    assert math.isclose(value.distance_m, 4.0)


def test_the_other_one_needs_just_two():
    situation = Situation(graph=GRAPH, world_from_camera=torch.eye(4).double(), kind=Kind(name="book"))
    with pytest.raises(KeyError, match="expected two book, got 1"):
        evaluate(Expectation(kind="direction", gold=["direction", ["farthest", "$thing"]]), situation)


TYPES = {
    "count": int,
    "bool": bool,
    "length_m": float,
    "label": str,
    "color": str,
    "room": str,
    "set": frozenset,
    "direction": Direction,
    "abstain": str,
}


def test_every_gold_term_of_the_wordings_has_an_answer_of_its_kind():
    # The thing and the second one differ in every measure that is compared.
    situation = _situation(thing=MUG, thing2=TABLE, ref=TABLE, gaze=BOOK)
    apart = _situation(thing=MUG, thing2=OTHER_MUG, ref=BOOK, gaze=BOOK)
    asked = [p for p in load_human_phrasings() if p.expects]
    assert asked
    for p in asked:
        assert p.expects is not None
        value = evaluate(p.expects, apart if "nearer" in p.family else situation)
        if p.expects.kind == "no_tool":
            assert value is None, p.id
        else:
            assert isinstance(value, TYPES[p.expects.kind]), (p.id, value)
