"""Names of map objects: whose opinion counts."""

from __future__ import annotations

import pytest

from tools.scene_graph.map_objects import MapObject
from tools.scene_graph.object_names import LabelVotes


def thing(said: dict[str, float], source: str, detected: dict[str, float], taught: str = "") -> MapObject:
    return MapObject(
        id="o1",
        first_seen_s=0.0,
        last_seen_s=1.0,
        namer_labels=LabelVotes(weights=said),
        label_source=source,
        detector_labels=LabelVotes(weights=detected),
        taught=taught,
    )


def test_the_wearer_is_believed_before_the_model_and_the_model_before_detectors() -> None:
    assert thing({"mug": 0.9}, "vlm", {"cup": 0.9}, "my mug").label() == ("my mug", "user", 1.0)
    assert thing({"mug": 0.9}, "vlm", {"cup": 0.9}).label()[:2] == ("mug", "vlm")
    assert thing({}, "none", {"cup": 0.9}).label()[:2] == ("cup", "detector")


def test_detectors_that_agree_are_surer_than_either_alone() -> None:
    both = thing({"mug": 0.5}, "detector", {"mug": 0.6, "cup": 0.2}).label()
    alone = thing({}, "none", {"mug": 0.6, "cup": 0.2}).label()
    assert both[:2] == alone[:2] == ("mug", "detector")
    assert both[2] > alone[2]


def test_two_doubtful_opinions_name_nothing() -> None:
    assert thing({"mug": 0.3}, "detector", {"cup": 0.3, "vase": 0.2}).label() == ("", "none", 0.0)


def test_many_looks_are_one_distribution() -> None:
    assert sum(LabelVotes(weights={"mug": 2.0, "cup": 1.0}).shares().values()) == pytest.approx(1.0)


def test_likeness_of_distributions_is_their_cosine() -> None:
    mug, same, cup = (LabelVotes(weights=w) for w in ({"mug": 0.6, "cup": 0.3}, {"mug": 2.0, "cup": 1.0}, {"cup": 1.0}))
    assert mug.likeness(same) == pytest.approx(1.0)
    assert mug.likeness(cup) == pytest.approx(0.3 / 0.45**0.5)
    assert mug.likeness(LabelVotes()) is None
