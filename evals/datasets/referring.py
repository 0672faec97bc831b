"""ScanRefer and Multi3DRefer: descriptions that mean one object of a ScanNet scene, or none, or several."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evals.datasets.reading import entries, unique
from evals.scorers.official.geometry.multi3drefer import QUERY_TYPES, ZERO_TARGET


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """One description."""

    scene: str
    object_ids: tuple[int, ...]
    """ScanNet instance ids of what is meant; one in ScanRefer."""
    object_name: str
    ann_id: str
    text: str
    kind: str = ""
    """Multi3DRefer's evaluation type: zero, single or multiple targets, with or without distractors."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What benchmarks know it by."""
        return (self.scene, "-".join(map(str, self.object_ids)), self.ann_id)


def load_scanrefer(path: Path) -> list[Description]:
    """``ScanRefer_filtered_val.json``. Raises DatasetError."""
    found, seen = [], set()
    for entry in entries(path):
        description = Description(
            scene=entry.text("scene_id"),
            object_ids=(entry.integer("object_id"),),
            object_name=entry.text("object_name").replace("_", " "),
            ann_id=entry.text("ann_id"),
            text=entry.text("description"),
        )
        unique(entry.where, description.key, seen)
        found.append(description)
    return found


def load_multi3drefer(path: Path) -> list[Description]:
    """``multi3drefer_val.json``. Raises DatasetError, also where the number of objects does not fit the type."""
    found, seen = [], set()
    for entry in entries(path):
        kind, ids = entry.text("eval_type"), entry.integers("object_ids")
        if kind not in QUERY_TYPES:
            raise entry.wrong("eval_type", f"one of {', '.join(QUERY_TYPES)}")
        fits = not ids if kind in ZERO_TARGET else len(ids) > 1 if kind == "mt" else len(ids) == 1
        if not fits:
            raise entry.wrong("object_ids", f"as many objects as {kind} says")
        description = Description(
            scene=entry.text("scene_id"),
            object_ids=ids,
            object_name=entry.text("object_name").replace("_", " "),
            ann_id=entry.text("ann_id"),
            text=entry.text("description"),
            kind=kind,
        )
        unique(entry.where, (description.scene, description.ann_id, description.text), seen)
        found.append(description)
    return found
