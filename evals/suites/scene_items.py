"""The items of SQA3D and Beacon3D on annotated graphs: what is asked, where the asker stands, what is right.

SQA3D's frame is turned against the graph's by an unknown angle; only scenes whose turn the situations settle are asked
about (see ``evals.datasets.situated_frames``). Beacon3D has no asker: the wearer stands in the middle of the scene.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evals.datasets.beacon3d import ObjectQuestion, load_beacon3d_questions, load_object_classes
from evals.datasets.situated_frames import SceneTurn, scene_turns
from evals.datasets.sqa3d import SituatedQuestion, load_sqa3d
from evals.items import Gold, Item
from scenes.records import BoxRecord
from scenes.types import SceneGraph, SceneObject

SQA3D_FILES = ("v1_balanced_questions_test_scannetv2.json", "v1_balanced_sqa_annotations_test_scannetv2.json")
STANDING_M, SITTING_M = 1.5, 1.1
"""Height of the eyes above the floor."""
_SEATED = ("sit", "lying", "laying")


def sqa3d_items(data: Path, graphs: Mapping[str, SceneGraph]) -> list[Item]:
    """The questions of scenes whose turn is settled, by scene."""
    questions = load_sqa3d(*(data / "qa" / name for name in SQA3D_FILES))
    turns = {scene: turn for scene, turn in scene_turns(questions, graphs).items() if turn.decisive}
    kept = sorted((q for q in questions if q.scene in turns), key=lambda q: q.scene)
    return [_situated_item(q, turns[q.scene]) for q in kept]


def _situated_item(question: SituatedQuestion, turn: SceneTurn) -> Item:
    (x, y, _), c, s = question.position, math.cos(turn.turn_rad), math.sin(turn.turn_rad)
    seated = any(word in question.situation.lower() for word in _SEATED)
    eye = (c * x - s * y, SITTING_M if seated else STANDING_M, -(s * x + c * y))
    place = {"scan": question.scene, "eye": eye, "heading_rad": question.heading_rad + turn.turn_rad}
    gold = Gold(status="answered", accepted=question.answers, points=False)
    return _item(f"sqa3d:{question.id}", question.scene, question.kind, "sqa3d", question.question, place, gold)


def beacon3d_items(data: Path, graphs: Mapping[str, SceneGraph]) -> list[Item]:
    """The questions of scenes with a graph; gold boxes where the object can be told in it."""
    folder = data / "qa" / "beacon3d" / "scannet"
    questions = load_beacon3d_questions(folder / "metadata_scannet_qa.json")
    classes = load_object_classes(folder / "obj_id_to_class.json")
    out = []
    for question in questions:
        graph = graphs.get(question.scene)
        if graph is not None:
            thing = counterpart(question, classes.get(question.scene, {}), graph)
            out.append(_object_item(question, thing, _middle(graph)))
    return out


def _object_item(question: ObjectQuestion, thing: SceneObject | None, eye: tuple[float, float, float]) -> Item:
    known = {} if thing is None else {thing.id: BoxRecord.from_box(thing.box)}
    gold = Gold(status="answered", accepted=question.answers, boxes=known, points=thing is not None)
    key = f"{question.scene}-{question.object_id}"
    place = {"scan": question.scene, "eye": eye, "heading_rad": 0.0, "object": key}
    return _item(f"beacon3d:{question.id}", question.scene, question.kind, "beacon3d", question.question, place, gold)


def counterpart(question: ObjectQuestion, classes: Mapping[int, str], graph: SceneGraph) -> SceneObject | None:
    """The graph's object for an instance id: the graph leaves walls and more out but keeps the order.

    So the n-th of a class is the n-th of its name, where both have as many; None where they do not.
    """
    same = [number for number, name in sorted(classes.items()) if name == question.object_class]
    found = [o for o in graph.objects.values() if o.label == question.object_class]
    return found[same.index(question.object_id)] if len(same) == len(found) and question.object_id in same else None


def _middle(graph: SceneGraph) -> tuple[float, float, float]:
    centers = [o.box.center for o in graph.objects.values()]
    x, z = (sum(c[k] for c in centers) / len(centers) for k in (0, 2))
    return (x, STANDING_M, z)


def _item(key: str, scene: str, family: str, wording: str, text: str, place: dict[str, Any], gold: Gold) -> Item:
    return Item(
        id=key,
        dialog=key,
        cluster=scene,
        family=family,
        wording=wording,
        text=text,
        frame_id=0,
        time_s=0.0,
        place=place,
        gold=gold,
    )
