"""Files and words that cannot be used: a typed one-line error, and nothing lost."""

from __future__ import annotations

import copy
import os
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.tools.box_world import MUG, TABLE
from tests.tools.scene_graph.test_builder import built, found
from tools.errors import ToolError
from tools.memory.map_memory import MapMemory
from tools.memory.memory_file import _SCHEMA, APPLICATION_ID, FullError, LockedError, MapMemoryError
from tools.scene_graph.builder import NameTakenError, SceneGraphBuilder
from tools.toolbox.snapshot import SnapshotContext
from tools.toolbox.toolbox import run_tool

SCHEMA_1_KEYFRAMES = """CREATE TABLE keyframes (
    frame_id INTEGER PRIMARY KEY, time_s REAL NOT NULL, world_from_camera BLOB NOT NULL, jpeg BLOB, descriptor BLOB);"""


@pytest.fixture(scope="module")
def mapped() -> SceneGraphBuilder:
    return built()


@pytest.fixture
def builder(mapped: SceneGraphBuilder) -> SceneGraphBuilder:
    """A mapped room that a test may change."""
    return copy.deepcopy(mapped)


def schema_1(path: Path) -> None:
    """A file as the first version wrote it, with a note and a keyframe."""
    raw = sqlite3.connect(path)
    raw.executescript(_SCHEMA + SCHEMA_1_KEYFRAMES)
    raw.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    raw.execute("PRAGMA user_version = 1")
    raw.execute("INSERT INTO texts (kind, text, time_s) VALUES ('note', 'an old note', 1.0)")
    pose = torch.eye(4, dtype=torch.float64).numpy().tobytes()
    raw.execute("INSERT INTO keyframes VALUES (7, 1.5, ?, NULL, NULL)", (pose,))
    raw.commit()
    raw.close()


def test_a_file_of_the_first_schema_is_brought_up_with_all_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    schema_1(path)
    with pytest.raises(MapMemoryError, match="open it once for writing"):
        MapMemory(path, read_only=True)
    for _ in range(2):
        with MapMemory(path) as memory:
            assert [t.text for t in memory.search("old notes")] == ["an old note"]
            assert [(k.frame_id, k.time_s) for k in memory.frames()] == [(7, 1.5)]


def test_a_full_disk_loses_nothing_that_was_acknowledged(builder: SceneGraphBuilder, tmp_path: Path) -> None:
    with MapMemory(tmp_path / "m.db") as memory:
        memory.save_graph(builder)
        memory.add_note("before", 1.0)
        whole = memory.load_graph("room").snapshot()
        (pages,) = memory._file.connection.execute("PRAGMA page_count").fetchone()
        memory._file.connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(FullError, match="free some space"):
            [memory.add_note(f"{k} " + "words " * 500, 2.0) for k in range(1000)]
        kept = len(memory.texts())
        with pytest.raises(FullError):
            memory.add_note("words " * 600, 3.0)
        assert len(memory.texts()) == kept
        memory._file.connection.execute("PRAGMA max_page_count = 1000000")
        memory.add_note("after", 4.0)
    with MapMemory(tmp_path / "m.db") as memory:
        assert memory.load_graph("room").snapshot() == whole
        assert {"before", "after"} <= {t.text for t in memory.texts()}


def test_a_disk_quota_is_a_typed_error_and_the_file_still_opens(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from tools.memory.map_memory import MapMemory\n"
        "from tools.memory.memory_file import FullError\n"
        "memory = MapMemory(Path(sys.argv[1])); memory.add_note('before', 0.0)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))\n"
        "try:\n  for k in range(1000): memory.add_note(f'{k} ' + 'words ' * 500, 1.0); print(k, flush=True)\n"
        "except FullError as e: print('full', e)\n"
    )
    assert hasattr(resource, "RLIMIT_FSIZE")
    path = tmp_path / "m.db"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert lines[-1].startswith("full"), done.stderr
    with MapMemory(path) as memory:
        assert len(memory.texts(limit=10_000)) >= len(lines)  # "before", and each acknowledged one


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to a read-only file")
def test_a_read_only_file_is_refused_for_writing(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    MapMemory(path).close()
    path.chmod(0o444)
    with pytest.raises(LockedError, match="permissions"):
        MapMemory(path)


def test_a_locked_file_says_who_to_close(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    MapMemory(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LockedError, match="another process") as refused:
        MapMemory(path)
    assert "\n" not in str(refused.value)
    other.execute("ROLLBACK")
    other.close()
    MapMemory(path).close()


@pytest.mark.parametrize("name", ["x" * 10_000, "\x00\x1b\x07", " \n\t ", ""])
def test_an_unusable_name_is_refused_and_the_old_one_stays(
    name: str, builder: SceneGraphBuilder, kitchen: SnapshotContext
) -> None:
    mug = found(builder.snapshot(), MUG)
    builder.teach(mug, "my mug")
    with pytest.raises(ToolError):
        builder.teach(mug, name)
    assert builder.objects[mug].taught == "my mug"
    with pytest.raises(ToolError):
        run_tool("remember", {"name": name, "target": "o2"}, kitchen)


def test_control_characters_do_not_reach_a_name_or_a_text(tmp_path: Path, kitchen: SnapshotContext) -> None:
    run_tool("remember", {"name": "my\x1b[31m mug\x00", "target": "o2"}, kitchen)
    assert kitchen.graph.objects["o2"].label.isprintable()
    with MapMemory(tmp_path / "m.db") as memory:
        memory.add_note("red\x00\x1b[2J alert", 0.0)
        assert memory.texts()[0].text == "red  [2J alert"


def test_a_taken_name_is_refused_and_nothing_changes(builder: SceneGraphBuilder, tmp_path: Path) -> None:
    mug, table = found(builder.snapshot(), MUG), found(builder.snapshot(), TABLE)
    builder.teach(mug, "my thing")
    with pytest.raises(NameTakenError, match=mug):
        builder.teach(table, "My Thing")
    with MapMemory(tmp_path / "m.db") as memory:
        memory.save_graph(builder)
        assert memory.load_graph("room").objects[table].taught == ""


def test_memory_of_another_map_does_not_wake(builder: SceneGraphBuilder, tmp_path: Path) -> None:
    with MapMemory(tmp_path / "m.db") as memory:
        memory.save_graph(builder)
        memory.load_graph("room")
        with pytest.raises(MapMemoryError, match="room"):
            memory.wake("cellar")
        assert memory.dormant == frozenset(builder.objects)
        memory.wake("room")
        assert memory.dormant == frozenset()
