"""Annotated scenes of real rooms behind the tools: a graph of boxes and names, and a wearer's pose; no picture.

What the annotators did not say is not there: no colours, no walked ways. Relations come from the boxes by the
product's own rules, on points spread over each box. The frame of a question is plain grey, because there is no image.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evals.items import Item
from scenes import boxes
from scenes.annotated import scannet_graphs
from scenes.geometry import look_at
from scenes.types import Camera, Frame, SceneGraph
from tools.scene_graph.relations import Body, relations
from tools.toolbox.snapshot import SnapshotContext

CAMERA = Camera(width=64, height=48, fx=45.7, fy=45.7, cx=32.0, cy=24.0)
"""70 degrees across, as a head-worn camera; small, because its picture is empty."""
GREY = 128
PATCHES = 8
"""Points along each edge of a box's faces."""


@dataclass(slots=True, kw_only=True)
class AnnotatedMoment:
    """Somebody stands in an annotated scene."""

    frame: Frame
    snapshot: SnapshotContext

    def context(self, item: Item, *, looking: bool) -> SnapshotContext:
        """The same in every turn: nothing is gazed at."""
        return self.snapshot


@dataclass(slots=True)
class AnnotatedStage:
    """Opens scenes of one file of annotated graphs."""

    path: Path
    _graphs: Mapping[str, SceneGraph] = field(default_factory=dict, init=False)
    _last: SceneGraph | None = field(default=None, init=False)

    @contextmanager
    def open(self, dialog: Sequence[Item]) -> Iterator[AnnotatedMoment]:
        """The scene and pose of a dialog, from ``place``: scan, eye (x, y, z), heading_rad."""
        place = dialog[0].place
        if not self._graphs:
            self._graphs = scannet_graphs(self.path)
        if self._last is None or self._last.map_id != place["scan"]:
            self._last = with_relations(self._graphs[place["scan"]])
        pose = standing(place["eye"], place["heading_rad"])
        grey = torch.full((CAMERA.height, CAMERA.width, 3), GREY, dtype=torch.uint8)
        frame = Frame(id=0, time_s=self._last.time_s, camera=CAMERA, rgb=grey, world_from_camera=pose)
        snapshot = SnapshotContext(graph=self._last, camera=CAMERA, world_from_camera=pose, time_s=self._last.time_s)
        yield AnnotatedMoment(frame=frame, snapshot=snapshot)


def standing(eye: Sequence[float], heading_rad: float) -> Tensor:
    """(4, 4) ``world_from_camera`` of a level look; the heading is about +Y from +X towards -Z."""
    at = torch.tensor(list(eye), dtype=torch.float64)
    ahead = torch.tensor([math.cos(heading_rad), 0.0, -math.sin(heading_rad)], dtype=torch.float64)
    return look_at(at, at + ahead)


def with_relations(graph: SceneGraph) -> SceneGraph:
    """The graph with relations from its boxes, as a map would have them."""
    bodies = [Body(id=o.id, box=o.box, points=_surface(o.box), room=o.room) for o in graph.objects.values() if o.label]
    return replace(graph, relations=relations(bodies, graph.time_s))


def _surface(box: boxes.Box3D) -> NDArray[np.float32]:
    """(6 PATCHES^2, 3) points spread over the six faces."""
    steps = (np.arange(PATCHES) + 0.5) / PATCHES - 0.5
    grid = np.array(list(itertools.product(steps, steps)))
    faces = []
    for axis in range(3):
        for side in (-0.5, 0.5):
            face = np.full((len(grid), 3), side)
            face[:, [k for k in range(3) if k != axis]] = grid
            faces.append(face)
    pose = boxes.world_from_box(box).numpy()
    local = np.concatenate(faces) * np.array(box.size)
    return (local @ pose[:3, :3].T + pose[:3, 3]).astype(np.float32)
