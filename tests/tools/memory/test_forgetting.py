"""What is forgotten is gone from the bytes of the files, or comes back once; limits drop what they say and no more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from scenes.errors import InputError
from tests.tools.box_world import MUG
from tests.tools.scene_graph.test_builder import built, found
from tools.memory.forgetting import NothingForgottenError
from tools.memory.map_memory import MapMemory
from tools.memory.retention import Retention
from tools.scene_graph.builder import SceneGraphBuilder

SECRET = "grandmothers porcelain"


@pytest.fixture(scope="module")
def builder() -> SceneGraphBuilder:
    out = built()
    out.teach(found(out.snapshot(), MUG), SECRET)
    return out


def bytes_of(folder: Path) -> bytes:
    """Everything in the memory's files: the database, and the log beside it."""
    return b"".join(p.read_bytes() for p in sorted(folder.iterdir()))


def told(memory: MapMemory, builder: SceneGraphBuilder) -> str:
    """Save the graph with a note, a caption, a turn and a picture about the mug; its id."""
    mug = found(builder.snapshot(), MUG)
    memory.save_graph(builder)
    seen_s = builder.objects[mug].last_seen_s
    memory.add_note("porcelain breaks", 1.0, mug)
    memory.add_caption("a table with grandmothers porcelain on it", seen_s, 7)
    memory.add_turn("what is that?", {"answer": "Porcelain.", "anchors": [{"object_id": mug}]}, 2.0)
    memory.add_note("buy milk", 3.0)
    rng = np.random.default_rng(0)
    picture = torch.from_numpy(rng.integers(0, 255, (30, 40, 3), dtype=np.uint8))
    memory.add_frame(1, seen_s, torch.eye(4, dtype=torch.float64), picture)
    return mug


def test_forgotten_words_and_pictures_are_in_no_file_while_it_is_open(
    builder: SceneGraphBuilder, tmp_path: Path
) -> None:
    with MapMemory(tmp_path / "m.db") as memory:
        mug = told(memory, builder)
        (crop,) = memory._file.connection.execute(
            "SELECT jpeg FROM views WHERE object_id = ? AND rank = 0", (mug,)
        ).fetchone()
        (picture,) = memory._file.connection.execute("SELECT jpeg FROM keyframes").fetchone()
        before = bytes_of(tmp_path)
        assert b"porcelain" in before
        assert crop[-40:] in before
        assert memory.forget_object(mug)
        after = bytes_of(tmp_path)
        assert [t.text for t in memory.texts()] == ["buy milk"]
        assert memory.frames()[0].thumbnail is None
    assert b"orcelain" not in after
    assert crop[-40:] not in after
    assert picture[-40:] not in after
    assert b"buy milk" in after


def test_a_set_aside_thing_is_in_no_answer_and_comes_back_whole(builder: SceneGraphBuilder, tmp_path: Path) -> None:
    with MapMemory(tmp_path / "m.db") as memory:
        mug = told(memory, builder)
        whole, texts = memory.load_graph("room"), memory.texts()
        assert memory.set_aside(mug, SECRET)
        assert mug not in memory.load_graph("room").objects
        assert memory.search("porcelain") == []
    with MapMemory(tmp_path / "m.db") as memory:  # also after a restart
        assert memory.bring_back() == {mug: SECRET}
        back = memory.load_graph("room")
        assert back.snapshot() == whole.snapshot()
        np.testing.assert_array_equal(back.objects[mug].points, whole.objects[mug].points)
        np.testing.assert_array_equal(back.parts.voxels.keys, whole.parts.voxels.keys)
        np.testing.assert_array_equal(back.parts.voxels.owner, whole.parts.voxels.owner)
        assert memory.texts() == texts
        assert memory.frames()[0].thumbnail is not None
        assert {t.kind for t in memory.search("porcelain")} == {"note", "caption", "turn"}
        with pytest.raises(NothingForgottenError):
            memory.bring_back()


def test_a_set_aside_thing_is_gone_for_good_after_the_next_turn(builder: SceneGraphBuilder, tmp_path: Path) -> None:
    with MapMemory(tmp_path / "m.db") as memory:
        mug = told(memory, builder)
        memory.set_aside(mug, SECRET)
        memory.add_turn("forget it", {"answer": "OK."}, 4.0)
        assert memory.recoverable() == {mug: SECRET}
        memory.add_turn("thanks", {"answer": "You are welcome."}, 5.0)
        assert memory.recoverable() == {}
        with pytest.raises(NothingForgottenError):
            memory.bring_back()
        data = bytes_of(tmp_path)
    assert b"orcelain" not in data


def test_forgetting_what_is_not_there_changes_nothing(builder: SceneGraphBuilder, tmp_path: Path) -> None:
    with MapMemory(tmp_path / "m.db") as memory:
        told(memory, builder)
        before = memory.texts()
        assert not memory.forget_object("o999")
        assert not memory.set_aside("o999", "ghost")
        assert not memory.forget_text(999)
        assert memory.forget_span(1e6, 2e6) == 0
        assert memory.texts() == before
        assert memory.load_graph("room").snapshot() == builder.snapshot()


def test_a_text_can_be_edited_and_its_old_words_are_gone(tmp_path: Path) -> None:
    with MapMemory(tmp_path / "m.db") as memory:
        note = memory.add_note("the porcelain is in the attic", 1.0)
        memory.edit_text(note, "the books are in the attic")
        assert memory.search("porcelain") == []
        assert memory.search("books")[0].id == note
        assert b"porcelain" not in bytes_of(tmp_path)
        turn = memory.add_turn("hello", {"answer": "Hello."}, 2.0)
        for wrong, text in ((99, "x"), (turn, "x"), (note, "\x00")):
            with pytest.raises(InputError, match="expected"):
                memory.edit_text(wrong, text)


def pose_at(x: float) -> torch.Tensor:
    pose = torch.eye(4, dtype=torch.float64)
    pose[0, 3] = x
    return pose


def test_keyframes_over_the_limit_go_where_newer_ones_show_the_same(tmp_path: Path) -> None:
    with MapMemory(tmp_path / "m.db") as memory:
        for k in range(20):  # four places, five times each
            memory.add_frame(k, float(k), pose_at(2.0 * (k % 4)))
        memory.retain(Retention(max_keyframes=4), 20.0)
        assert [k.frame_id for k in memory.frames()] == [16, 17, 18, 19]
        memory.retain(Retention(max_keyframes=None), 20.0)
        assert len(memory.frames()) == 4


def test_limits_drop_by_age_and_size_but_keep_notes_and_stay_with_the_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with MapMemory(tmp_path / "m.db") as memory:
        limits = Retention(max_age_s=30.0, max_bytes=memory.used_bytes + 200_000)
        for k in range(60):
            picture = torch.from_numpy(rng.integers(0, 255, (90, 120, 3), dtype=np.uint8))
            memory.add_frame(k, float(k), pose_at(float(k)), picture)
            memory.add_caption(f"view number {k}", float(k), k)
        memory.add_note("an old note", 0.0)
        memory.retain(limits, 59.0)
        assert memory.frames()[0].time_s == 29.0
        assert {t.kind for t in memory.texts() if t.time_s < 29.0} == {"note"}
        assert limits.max_bytes is not None
        assert memory.used_bytes <= limits.max_bytes
        assert memory.frames()[-1].thumbnail is not None
    with MapMemory(tmp_path / "m.db") as memory:
        assert memory.retention == limits
        memory.retain(Retention(thumbnails=False), 59.0)
        assert all(k.thumbnail is None for k in memory.frames())
        memory.add_frame(99, 60.0, pose_at(99.0), torch.zeros(8, 8, 3, dtype=torch.uint8))
        assert memory.frames()[-1].thumbnail is None
    with pytest.raises(InputError, match="0 or more"):
        Retention(max_age_s=-1.0)


def test_frames_of_two_visits_with_the_same_numbers_are_both_kept(tmp_path: Path) -> None:
    with MapMemory(tmp_path / "m.db") as memory:
        memory.add_frame(3, 0.5, pose_at(0.0), visit="monday")
        memory.add_frame(3, 0.5, pose_at(1.0), visit="friday")
        memory.add_frame(3, 0.6, pose_at(2.0), visit="friday")
        assert [(k.visit, k.frame_id, k.time_s) for k in memory.frames()] == [("monday", 3, 0.5), ("friday", 3, 0.6)]
