"""A map of votes that an oracle casts: identity, restart, taking in and removing."""

from __future__ import annotations

import numpy as np
import pytest

from scenes.boxes import iou
from tests.tools.box_world import ROOM, TABLE, render
from tools.geometry.surfaces import surface_image
from tools.geometry.upright_boxes import contains
from tools.scene_graph.vote_map import VoteMap, VoteTable
from tools.segmentation.vote_clusters import FrameVotes, Votes

STRIDE = 2
KINDS = ("", *(f"kind {k}" for k in range(len(ROOM))))


def oracle(frame, hit) -> FrameVotes:  # type: ignore[no-untyped-def]
    """What a network that is always right would say."""
    surface = surface_image(frame, 160)
    number = np.asarray(hit)[::STRIDE, ::STRIDE]
    pixels = (surface.depth_m > 0)[::STRIDE, ::STRIDE]
    of = number[pixels]
    center = np.array([(0.0, 0.0, 0.0), *(s.center for s in ROOM)])[of + 1]
    size = np.array([(1.0, 1.0, 1.0), *(s.size for s in ROOM)])[of + 1]
    thing = (of >= 0).astype(np.float32)
    votes = Votes(
        points=surface.points[::STRIDE, ::STRIDE][pixels],
        center=center.astype(np.float32),
        log_size=np.log(size).astype(np.float32),
        turn=np.tile(np.array([1.0, 0.0], np.float32), (len(of), 1)),
        weight=thing,
        kinds=np.eye(len(ROOM) + 1, dtype=np.float32)[of + 1],
    )
    return FrameVotes(surface=surface, pixels=pixels, votes=votes, thing=thing)


EYES = [((x, 1.6, -0.3), (0.0, 0.6, 1.2)) for x in (-0.4, 0.0, 0.4)]


def mapped(parts: VoteMap, start_s: float = 0.0) -> VoteMap:
    for k, (eye, target) in enumerate(EYES):
        parts.add_votes(oracle(*render(ROOM, eye, target)), start_s + 0.3 * k)
        parts.cluster(start_s + 0.3 * k)
    return parts


def part_of(parts: VoteMap, point: tuple[float, float, float]) -> int:
    near = np.linalg.norm(parts.voxels.point - np.array(point), axis=1).argmin()
    return int(parts.voxels.owner[near])


def test_every_thing_is_one_part_with_its_box() -> None:
    parts = mapped(VoteMap(KINDS))
    rows = parts.voxels.of([part_of(parts, (0.0, 0.72, 1.0))])
    got = parts.fit(rows, None)
    assert got is not None
    assert got.box is not None
    assert float(iou(got.box, TABLE.box)) > 0.8
    assert int(parts.kinds_of(rows).argmax()) == ROOM.index(TABLE) + 1


def test_a_part_keeps_its_id_over_a_second_visit() -> None:
    parts = mapped(VoteMap(KINDS))
    before = part_of(parts, (0.0, 0.72, 1.0))
    assert part_of(mapped(parts, 60.0), (0.0, 0.72, 1.0)) == before


def test_voxels_without_votes_keep_their_owner_after_a_restart() -> None:
    parts = mapped(VoteMap(KINDS))
    table = part_of(parts, (0.0, 0.72, 1.0))
    again = VoteMap(KINDS)
    for name, _, _ in VoteTable.COLUMNS:
        setattr(again.voxels, name, getattr(parts.voxels, name).copy())
    again.parts, again.next_id = dict(parts.parts), parts.next_id
    assert part_of(mapped(again, 60.0), (0.0, 0.72, 1.0)) == table


def test_removed_voxels_leave_the_votes_of_the_others_alone() -> None:
    parts = mapped(VoteMap(KINDS))
    rows = np.arange(len(parts.voxels))
    kept = parts.voxels.mean_votes(rows[10:]).center.copy()
    parts.voxels.remove(rows[:10])
    assert np.array_equal(parts.voxels.mean_votes(np.arange(len(parts.voxels))).center, kept)


def test_the_building_is_no_part() -> None:
    parts = mapped(VoteMap(KINDS))
    held = np.any([contains(s.box, parts.voxels.point, margin_m=0.06) for s in ROOM], axis=0)
    assert held[parts.voxels.owner > 0].all()


@pytest.mark.parametrize("eye", [EYES[0]])
def test_pixels_show_the_part_that_they_see(eye) -> None:  # type: ignore[no-untyped-def]
    parts = mapped(VoteMap(KINDS))
    frame, hit = render(ROOM, *eye)
    shown = parts.add_votes(oracle(frame, hit), 9.0)
    inside = np.asarray(hit) == ROOM.index(TABLE)
    assert (shown[inside] == part_of(parts, (0.0, 0.72, 1.0))).mean() > 0.7
