"""Memory files: what goes in comes out, what is forgotten is gone, and bad files say what is wrong."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from evals.perception.memory import kill_trials
from tests.tools.box_world import MUG, ROOM, TABLE, render, tour
from tests.tools.scene_graph.test_builder import built, found
from tools.memory.map_memory import MapMemory
from tools.memory.memory_file import SCHEMA_VERSION, CorruptError, LockedError, MapMemoryError, NewerSchemaError
from tools.scene_graph.builder import SceneGraphBuilder
from tools.segmentation.embedded_segmenter import EmbeddedSegmenter


@pytest.fixture(scope="module")
def builder() -> SceneGraphBuilder:
    out = built()
    out.teach(found(out.snapshot(), MUG), "my mug")
    return out


def test_a_graph_comes_back_as_it_was(builder: SceneGraphBuilder, tmp_path: Path) -> None:
    with MapMemory(tmp_path / "m.db") as memory:
        memory.save_graph(builder)
        before = builder.snapshot()
    with MapMemory(tmp_path / "m.db") as memory:
        restored = memory.load_graph("room")
    after = restored.snapshot()
    assert after == before
    for object_id, thing in builder.objects.items():
        np.testing.assert_array_equal(restored.objects[object_id].points, thing.points)
        assert len(restored.objects[object_id].views.best) == len(thing.views.best)
        assert restored.objects[object_id].intervals == thing.intervals
    np.testing.assert_array_equal(restored.parts.voxels.keys, builder.parts.voxels.keys)
    np.testing.assert_array_equal(restored.parts.voxels.owner, builder.parts.voxels.owner)


def test_a_restored_graph_goes_on_with_the_same_ids(builder: SceneGraphBuilder, tmp_path: Path) -> None:
    with MapMemory(tmp_path / "m.db") as memory:
        memory.save_graph(builder)
        restored = memory.load_graph("room")
    before = {s.name: found(builder.snapshot(), s) for s in ROOM}
    for frame in tour(start_s=500.0, first_id=500):
        restored.observe(frame)
    after = restored.snapshot()
    assert {s.name: found(after, s) for s in ROOM} == before
    assert after.objects[before["mug"]].label == "my mug"
    assert after.objects[before["mug"]].last_seen_s >= 500.0


def test_saving_again_after_more_frames_replaces_the_old_state(tmp_path: Path) -> None:
    builder = built()
    with MapMemory(tmp_path / "m.db") as memory:
        memory.save_graph(builder)
        for frame in tour(start_s=50.0, first_id=50, count=9):
            builder.observe(frame)
        memory.save_graph(builder)
        assert memory.load_graph("room").snapshot() == builder.snapshot()


def test_memory_of_another_map_is_refused(builder: SceneGraphBuilder, tmp_path: Path) -> None:
    with MapMemory(tmp_path / "m.db") as memory:
        memory.save_graph(builder)
        with pytest.raises(MapMemoryError, match="kitchen"):
            memory.load_graph("kitchen")


def test_texts_are_found_by_stems_and_never_by_operators(tmp_path: Path) -> None:
    with MapMemory(tmp_path / "m.db") as memory:
        first = memory.add_note("the radiators leak when heated", 1.0, "o3")
        memory.add_caption("a red mug on a wooden table", 2.0, frame_id=7)
        memory.add_turn("where is my bag?", {"answer": "On the sofa."}, 3.0)
        assert [t.id for t in memory.search("leaking radiator")] == [first]
        assert memory.search("sofa")[0].kind == "turn"
        assert memory.search("sofa", kinds=("note",)) == []
        assert memory.search('mug" OR NEAR( *') != []
        assert memory.search("'; DROP -- ;") == []
        assert memory.search("?!") == []
        assert memory.search("mug", span_s=(0.0, 1.5)) == []
        assert memory.texts(("turn",))[0].extra == {
            "question": "where is my bag?",
            "answer": {"answer": "On the sofa."},
        }


@pytest.mark.parametrize("text", ["", "\x00\x07", "x" * 10_000])
def test_unusable_texts_are_refused(text: str, tmp_path: Path) -> None:
    with MapMemory(tmp_path / "m.db") as memory, pytest.raises(ValueError, match="expected"):
        memory.add_note(text, 0.0)


def test_a_forgotten_thing_leaves_nothing_in_the_file(tmp_path: Path) -> None:
    builder = built()
    mug = found(builder.snapshot(), MUG)
    builder.teach(mug, "grandmothers porcelain")
    with MapMemory(tmp_path / "m.db") as memory:
        memory.save_graph(builder)
        memory.add_note("grandmothers porcelain is precious", 1.0, mug)
        assert memory.forget_object(mug)
        assert not memory.forget_object(mug)
        assert memory.search("porcelain") == []
        assert mug not in memory.load_graph("room").snapshot().objects
    data = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert b"porcelain" not in data


def test_forgetting_a_time_span_keeps_the_rest(tmp_path: Path) -> None:
    with MapMemory(tmp_path / "m.db") as memory:
        for k in range(6):
            memory.add_note(f"note number {k}", float(k))
            memory.add_frame(k, float(k), torch.eye(4, dtype=torch.float64))
        memory.forget_span(1.5, 3.5)
        assert [t.time_s for t in memory.texts()] == [0.0, 1.0, 4.0, 5.0]
        assert [k.frame_id for k in memory.frames()] == [0, 1, 4, 5]


def test_forgetting_everything_empties_the_file(builder: SceneGraphBuilder, tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    with MapMemory(path) as memory:
        memory.save_graph(builder)
        memory.add_note("a secret", 1.0)
        memory.forget_all()
        assert memory.load_graph("room").snapshot().objects == {}
        assert memory.texts() == []
    assert b"secret" not in path.read_bytes()
    assert path.stat().st_size < 200_000


def test_keyframes_come_back(tmp_path: Path) -> None:
    pose = torch.eye(4, dtype=torch.float64)
    pose[:3, 3] = torch.tensor([1.0, 2.0, 3.0])
    picture = torch.full((30, 40, 3), 120, dtype=torch.uint8)
    with MapMemory(tmp_path / "m.db") as memory:
        memory.add_frame(3, 0.6, pose, picture, torch.arange(8, dtype=torch.float32))
        (back,) = memory.frames()
    np.testing.assert_array_equal(back.world_from_camera, pose.numpy())
    assert back.descriptor is not None
    np.testing.assert_array_equal(back.descriptor, np.arange(8))
    assert back.thumbnail is not None
    assert np.abs(back.thumbnail.astype(int) - 120).max() <= 3


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    MapMemory(path).close()
    raw = sqlite3.connect(path)
    raw.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    raw.close()
    before = path.read_bytes()
    with pytest.raises(NewerSchemaError, match="update"):
        MapMemory(path)
    assert path.read_bytes() == before


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    with MapMemory(path):
        code = (
            "import sys; from pathlib import Path; from tools.memory.map_memory import MapMemory; "
            "from tools.memory.memory_file import LockedError\n"
            "try: MapMemory(Path(sys.argv[1]))\nexcept LockedError as e: print('locked', e)"
        )
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
        assert done.stdout.startswith("locked"), done.stderr
        assert done.stdout.count("\n") == 1
    MapMemory(path).close()


def test_damaged_and_foreign_files_are_refused_in_one_line(tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("not a database, but long enough to have a header " * 50)
    with pytest.raises(CorruptError):
        MapMemory(text)
    foreign = tmp_path / "foreign.db"
    raw = sqlite3.connect(foreign)
    raw.execute("CREATE TABLE t (x)")
    raw.close()
    with pytest.raises(CorruptError, match="another SQLite file"):
        MapMemory(foreign)
    with pytest.raises(MapMemoryError) as missing:
        MapMemory(tmp_path / "none.db", read_only=True)
    assert "\n" not in str(missing.value)
    with pytest.raises(MapMemoryError, match="folder"):
        MapMemory(tmp_path / "no" / "folder.db")


def test_damage_inside_a_part_is_noticed(builder: SceneGraphBuilder, tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    with MapMemory(path) as memory:
        memory.save_graph(builder)
    raw = sqlite3.connect(path)
    raw.execute("UPDATE parts SET checksum = checksum + 1 WHERE id = (SELECT min(id) FROM parts)")
    raw.commit()
    raw.close()
    with MapMemory(path) as memory, pytest.raises(CorruptError, match="damaged"):
        memory.load_graph("room")


def test_a_read_only_memory_reads_and_refuses_to_write(builder: SceneGraphBuilder, tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    with MapMemory(path) as memory:
        memory.save_graph(builder)
    with MapMemory(path, read_only=True) as memory:
        assert memory.load_graph("room").snapshot().objects
        with pytest.raises(LockedError):
            memory.add_note("x", 0.0)


def test_a_failed_write_leaves_nothing_half_done(builder: SceneGraphBuilder, tmp_path: Path) -> None:
    with MapMemory(tmp_path / "m.db") as memory:
        memory.save_graph(builder)
        before = memory.load_graph("room").snapshot()
        broken = built()
        broken.events.append("not an event")  # type: ignore[arg-type]
        with pytest.raises(AttributeError):
            memory.save_graph(broken)
        assert memory.load_graph("room").snapshot() == before


def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    trials = kill_trials(5, tmp_path, seed=1)
    assert all(t.opened for t in trials)
    assert sum(t.acknowledged for t in trials) > 0
    assert sum(t.lost for t in trials) == 0


def test_a_look_taught_before_a_restart_is_known_after_it(tmp_path: Path) -> None:
    builder = SceneGraphBuilder("room")
    frame, hit = render(ROOM, (0.0, 1.6, -0.3), (0.0, 0.6, 1.2))
    rows, columns = (hit == ROOM.index(TABLE)).nonzero()
    target = builder.object_at(frame, (float(np.median(columns)) + 0.5, float(np.median(rows)) + 0.5))
    assert isinstance(target, str)
    builder.teach(target, "desk")
    with MapMemory(tmp_path / "m.db") as memory:
        memory.save_graph(builder)
    with MapMemory(tmp_path / "m.db") as memory:
        restored = memory.load_graph("room")
    assert restored.snapshot().objects[target].label == "desk"


def test_things_that_were_voted_for_survive_restarts_without_their_votes(tmp_path: Path) -> None:
    builder = SceneGraphBuilder("room", None, EmbeddedSegmenter())
    for frame in tour():
        builder.observe(frame)
    before = None
    for _ in range(3):  # every save groups the things anew
        with MapMemory(tmp_path / "m.db") as memory:
            memory.save_graph(builder)
            before = before or builder.snapshot()
            builder = memory.load_graph("room", None, EmbeddedSegmenter())
    assert before is not None
    assert len(before.objects) >= 2
    assert builder.snapshot().objects == before.objects
    assert any(o.label_source == "detector" for o in before.objects.values())
