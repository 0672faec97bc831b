"""What the scene graph relies on in every kind of part map, and in a segmenter that shares no code with ours."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from scenes.boxes import iou
from scenes.types import Frame
from tests.tools.box_world import MUG, ROOM, TABLE, Solid, render
from tools.geometry.surfaces import surface_image
from tools.geometry.voxels import pack
from tools.scene_graph.builder import SceneGraphBuilder, part_map_for
from tools.scene_graph.part_map import PartMap
from tools.scene_graph.segment_map import SegmentMap
from tools.scene_graph.vote_map import VoteMap
from tools.segmentation.base import GazeMiss, GazeSegment, Segments
from tools.segmentation.geometric import GeometricSegmenter
from tools.segmentation.merging import BorderWeights
from tools.segmentation.regions import N_CUES
from tools.segmentation.structure import Structure

TARGET = (0.0, 0.6, 1.2)


class TrueSegmenter:
    """Says what the renderer drew. It inherits nothing, learns no building, names things and does not vote."""

    def __init__(self) -> None:
        self.structure = Structure()
        self.border_weights = BorderWeights()
        self.vote_kinds: tuple[str, ...] = ()
        self.hits: dict[int, NDArray[np.int32]] = {}

    def segment(self, frame: Frame) -> Segments:
        surface = surface_image(frame, 160)
        labels = np.where(surface.valid, self.hits[frame.id] + 1, 0).astype(np.int32)
        return Segments(
            surface=surface,
            labels=labels,
            background=np.zeros(labels.shape, np.uint8),
            border_pairs=np.zeros((0, 2), np.int64),
            border_sums=np.zeros((0, N_CUES)),
            names={k + 1: (solid.name, 0.9) for k, solid in enumerate(ROOM) if (labels == k + 1).any()},
        )

    def segment_at(self, frame: Frame, uv_px: tuple[float, float]) -> GazeSegment | GazeMiss:
        segments = self.segment(frame)
        row, column = int(uv_px[1]), int(uv_px[0])
        label = segments.labels[row, column]
        if label == 0:
            return GazeMiss(reason="floor", text="there is only the floor where you look")
        point = segments.surface.points[row, column]
        return GazeSegment(surface=segments.surface, mask=segments.labels == label, point=point, persistence=1.0)


def seen_by(segmenter: TrueSegmenter, count: int = 6) -> SceneGraphBuilder:
    builder = SceneGraphBuilder("room", None, segmenter)
    for k in range(count):
        frame, hit = render(ROOM, (0.15 * k - 0.4, 1.6, -0.3), TARGET, frame_id=k, time_s=0.3 * k)
        segmenter.hits[k] = np.asarray(hit)
        builder.observe(frame)
    return builder


def found(builder: SceneGraphBuilder, solid: Solid) -> str:
    return max(builder.snapshot().objects.values(), key=lambda o: float(iou(o.box, solid.box))).id


def test_a_segmenter_of_ones_own_builds_a_graph_with_its_names_and_without_rooms() -> None:
    graph = seen_by(TrueSegmenter()).snapshot()
    named = {o.label: o for o in graph.objects.values()}
    assert set(named) >= {TABLE.name, MUG.name}
    assert float(iou(named[TABLE.name].box, TABLE.box)) > 0.7
    assert named[MUG.name].label_source == "detector"
    assert graph.rooms == {}


def test_a_gaze_of_ones_own_segmenter_meets_the_mapped_object_or_says_why_not() -> None:
    segmenter = TrueSegmenter()
    builder = seen_by(segmenter)
    frame, hit = render(ROOM, (0.0, 1.6, -0.3), TARGET, frame_id=99, time_s=9.0)
    segmenter.hits[99] = np.asarray(hit)
    rows, columns = (segmenter.hits[99] == ROOM.index(TABLE)).nonzero()
    assert builder.object_at(frame, (float(columns[0]), float(rows[0]))) == found(builder, TABLE)
    rows, columns = (segmenter.hits[99] == -1).nonzero()
    miss = builder.object_at(frame, (float(columns[-1]), float(rows[-1])))
    assert isinstance(miss, GazeMiss)
    assert miss.reason == "floor"


def test_what_a_segmenter_votes_for_chooses_the_part_map_and_leaves_the_segmenter_as_it_was() -> None:
    votes = TrueSegmenter()
    votes.vote_kinds = ("", "mug")
    for segmenter, kind in ((GeometricSegmenter(), SegmentMap), (TrueSegmenter(), SegmentMap), (votes, VoteMap)):
        before = dict(vars(segmenter))
        assert type(part_map_for(segmenter)) is kind
        assert vars(segmenter) == before
    assert part_map_for(votes).label_weights([], np.zeros(0, np.int64)).keys() <= {"mug"}


MAPS: tuple[Callable[[], PartMap], ...] = (SegmentMap, lambda: VoteMap(("", "mug")))


def filled(make: Callable[[], PartMap], sizes: tuple[int, ...] = (4, 9, 2)) -> PartMap:
    """A map with one part for each size, which owns so many voxels in a row of its own."""
    parts = make()
    for k, size in enumerate(sizes):
        part = parts.add_part(float(k))
        keys = pack(np.stack([np.arange(size), np.full(size, 10 * k), np.zeros(size, np.int64)], -1))
        owner, zero = np.full(size, part, np.int32), np.zeros((size, 3), np.float32)
        parts.voxels.observe(keys, owner, zero, zero, float(k))
    return parts


@pytest.mark.parametrize("make", MAPS)
def test_sizes_count_the_voxels_of_each_part(make: Callable[[], PartMap]) -> None:
    parts = filled(make)
    assert parts.sizes() == {1: 4, 2: 9, 3: 2}
    parts.voxels.remove(parts.voxels.of([2])[:5])
    assert parts.sizes() == {1: 4, 2: 4, 3: 2}


@pytest.mark.parametrize("make", MAPS)
def test_only_parts_without_voxels_are_dropped_and_their_numbers_are_not_used_again(
    make: Callable[[], PartMap],
) -> None:
    parts = filled(make)
    parts.voxels.remove(parts.voxels.of([1, 3]))
    parts.locked.add(3)
    assert parts.drop_empty() == [1]
    assert set(parts.parts) == {2, 3}
    assert parts.drop_empty() == []
    assert parts.add_part(9.0) == 4


@pytest.mark.parametrize("make", MAPS)
def test_groups_hold_every_part_once_and_pinned_parts_together(make: Callable[[], PartMap]) -> None:
    parts = filled(make)
    groups = parts.groups({1: "o7", 3: "o7"}, 0.5, lambda points: np.zeros(len(points), bool), BorderWeights())
    assert sorted(p for group in groups for p in group) == [1, 2, 3]
    assert sorted(map(sorted, groups)) == [[1, 3], [2]]


@pytest.mark.parametrize("make", MAPS)
def test_an_object_of_little_evidence_keeps_what_was_said_or_takes_its_surface_for_its_box(
    make: Callable[[], PartMap],
) -> None:
    parts = filled(make)
    rows = parts.reliable_rows(parts.voxels.of([2]))
    assert set(rows.tolist()) <= set(parts.voxels.of([2]).tolist())
    fit = parts.fit(rows, None)
    assert fit is None or (fit.box is None and fit.supported)
