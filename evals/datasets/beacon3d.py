"""Beacon3D: three questions and three chains of descriptions about each of some objects.

Of a folder like ``beacon3d/scannet``: ``scannet_qa.json`` or its ``metadata_*_qa.json`` for questions,
``metadata_*_grounding.json`` for descriptions, ``obj_id_to_class.json`` for the names of all instances.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.datasets.reading import DatasetError, Entry, read_json
from evals.scorers.official.answers.beacon3d import GROUNDING_KINDS, QA_KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectQuestion:
    """One question about one object."""

    id: str
    scene: str
    object_id: int
    object_class: str
    question: str
    answers: tuple[str, ...]
    kind: str
    """What it is about: one of ``QA_KINDS``."""
    extra_knowledge: bool
    """Whether it needs more than the descriptions of the object say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectDescription:
    """One description of a chain."""

    scene: str
    object_id: int
    object_class: str
    chain: str
    step: int
    """0 is the finest of its chain."""
    text: str
    object_ids: tuple[int, ...]
    """All that it fits."""
    kinds: frozenset[str]


def load_beacon3d_questions(metadata: Path) -> list[ObjectQuestion]:
    """By scene, class and object, three in a row for each object. Raises DatasetError."""
    found = []
    for scene, kind, object_id, table, where in _objects(metadata):
        questions = table.get("qa")
        if not isinstance(questions, list) or not questions:
            raise DatasetError(f"{where}: expected a list of questions under 'qa'")
        for number, value in enumerate(questions):
            entry = _entry(f"{where} question {number}", value)
            tag = entry.text("tag").lower()
            if tag not in QA_KINDS:
                raise entry.wrong("tag", f"one of {', '.join(QA_KINDS)}")
            answer = entry.values.get("answer")
            many = isinstance(answer, list)
            found.append(
                ObjectQuestion(
                    id=f"{scene}_{object_id}_{number}",
                    scene=scene,
                    object_id=object_id,
                    object_class=kind,
                    question=entry.text("question"),
                    answers=entry.texts("answer") if many else (entry.text("answer"),),
                    kind=tag,
                    extra_knowledge=bool(entry.integer("extra_knowledge")),
                )
            )
    return found


def load_beacon3d_descriptions(metadata: Path) -> list[ObjectDescription]:
    """By scene, class, object and chain, the finest first. Raises DatasetError."""
    found = []
    for scene, kind, object_id, table, where in _objects(metadata):
        for chain, steps in table.items():
            if not isinstance(steps, list) or not steps:
                raise DatasetError(f"{where} {chain}: expected a list of descriptions")
            for step, value in enumerate(steps):
                entry = _entry(f"{where} {chain} step {step}", value)
                kinds = frozenset(entry.text("tag").lower().split("-"))
                if not kinds <= set(GROUNDING_KINDS):
                    raise entry.wrong("tag", f"words among {', '.join(GROUNDING_KINDS)}")
                found.append(
                    ObjectDescription(
                        scene=scene,
                        object_id=object_id,
                        object_class=kind,
                        chain=chain,
                        step=step,
                        text=entry.text("text"),
                        object_ids=entry.integers("obj_id"),
                        kinds=kinds,
                    )
                )
    return found


def load_object_classes(path: Path) -> dict[str, dict[int, str]]:
    """Scene -> instance id -> class of all instances, ``obj_id_to_class.json``. Raises DatasetError."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise DatasetError(f"{path.name}: expected an object of scenes")
    found: dict[str, dict[int, str]] = {}
    for scene, table in content.items():
        entry = _entry(f"{path.name} {scene}", table)
        ids = entry.integers_of("instance id", list(entry.values))
        found[scene] = {number: entry.text(key) for number, key in zip(ids, entry.values, strict=True)}
    return found


def _objects(path: Path) -> list[tuple[str, str, int, Mapping[str, Any], str]]:
    """(scene, class, object id, its table, where) in the file's order."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise DatasetError(f"{path.name}: expected an object of scenes")
    found = []
    for scene, classes in content.items():
        for kind, objects in _entry(f"{path.name} {scene}", classes).values.items():
            for key, table in _entry(f"{path.name} {scene} {kind}", objects).values.items():
                where = f"{path.name} {scene} {kind} {key}"
                if not key.isdecimal():
                    raise DatasetError(f"{where}: expected an object's number")
                found.append((scene, kind, int(key), _entry(where, table).values, where))
    return found


def _entry(where: str, value: Any) -> Entry:
    if not isinstance(value, dict):
        raise DatasetError(f"{where}: expected an object, got {repr(value)[:60]}")
    return Entry(where=where, values=value)
