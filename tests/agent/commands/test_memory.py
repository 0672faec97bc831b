"""Commands on a map's memory, undo in a conversation, and things that stay dormant until the wearer is localised."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from agent.cli import main
from agent.conversation.graph import build_assistant
from agent.conversation.session import Session
from agent.conversation.undo import bring_back
from agent.maps.map_store import MapStore
from agent.model.protocol import ToolCall
from scenes.recordings import open_recording, write_nerfstudio
from tests.agent.conftest import ScriptedVlm
from tests.agent.conversation.test_session import FRAMES, frames, mug_pixel


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recording of the room and its map, in which the mug is taught as "my mug" and has a note."""
    folder = tmp_path_factory.mktemp("mapped")
    recording = open_recording(write_nerfstudio(folder / "room", frames()))
    with MapStore.create(folder / "map", recording.gravity) as store:
        store.ingest(recording, FRAMES - 1)
        looked = recording[FRAMES - 2]
        mug = store.builder.object_at(looked, mug_pixel(looked))
        assert isinstance(mug, str)
        store.builder.teach(mug, "my mug")
        store.save()
        store.memory.add_note("a present from grandmother", 1.0, mug)
        store.memory.add_caption("a kitchen with a piano", 2.0, 3)
    return folder


@pytest.fixture
def folder(mapped: Path, tmp_path: Path) -> Path:
    """A copy of the map that a test may change."""
    shutil.copytree(mapped, tmp_path / "copy")
    return tmp_path / "copy" / "map"


def out_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("sightline: ")
    assert "\n" not in error
    return error


def test_find_says_why_and_where_the_memories_disagree(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(out_of(capsys, "find", str(folder), "my mug", "--json"))
    assert found["matches"][0]["why"].startswith('the wearer calls it "my mug"')
    assert "the memories disagree" in out_of(capsys, "find", str(folder), "piano")
    assert "none: never seen" in out_of(capsys, "find", str(folder), "my mug", "--seen", "500:600")


def test_exports_hold_what_was_taught(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "a present from grandmother" in out_of(capsys, "export", str(folder))
    graph = json.loads(out_of(capsys, "export", str(folder), "--format", "dsg-json"))
    assert "my mug" in {n["attributes"]["name"] for n in graph["nodes"]}
    out_of(capsys, "export", str(folder), "--format", "ply", "--out", str(tmp_path / "mesh.ply"))
    assert (tmp_path / "mesh.ply").read_bytes().startswith(b"ply\n")
    assert "--out" in refused(capsys, "export", str(folder), "--format", "ply")
    assert "cannot write" in refused(capsys, "export", str(folder), "--out", str(tmp_path / "no" / "file"))


def test_forget_removes_a_thing_by_its_name_and_says_what_there_is(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 'got "piano"' in refused(capsys, "forget", str(folder), "piano")
    assert "my mug" in refused(capsys, "forget", str(folder), "piano")
    assert "several things" in refused(capsys, "forget", str(folder), "objects")
    assert "forgot my mug" in out_of(capsys, "forget", str(folder), "my mug")
    assert "grandmother" not in out_of(capsys, "export", str(folder))
    assert b"grandmother" not in (folder / "memory.sqlite").read_bytes()
    refused(capsys, "forget", str(folder), "my mug")
    refused(capsys, "forget", str(folder), "n999")
    assert "last turn" in refused(capsys, "forget", str(folder), "--undo")


def test_forgetting_everything_needs_a_second_word(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--yes" in refused(capsys, "forget", str(folder), "--all")
    assert "got none" in refused(capsys, "forget", str(folder))
    assert folder.exists()
    out_of(capsys, "forget", str(folder), "--all", "--yes")
    assert not folder.exists()


def test_edit_renames_and_rewrites_and_keep_sets_limits(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out_of(capsys, "edit", str(folder), "my mug", "my cup")
    out_of(capsys, "edit", str(folder), "n1", "bought in Delft")
    text = out_of(capsys, "export", str(folder))
    assert "my cup" in text
    assert "Delft" in text
    assert "grandmother" not in text
    refused(capsys, "edit", str(folder), "my cup", "x" * 10_000)
    shown = out_of(capsys, "keep", str(folder), "--max-age", "30d", "--max-mb", "50", "--thumbnails", "no")
    assert json.loads(shown.splitlines()[0])["max_age_s"] == 30 * 86400
    assert json.loads(out_of(capsys, "keep", str(folder)))["thumbnails"] is False


def forgetful(store: MapStore, folder: Path, *more: ToolCall) -> Session:
    """A session whose model forgets the mug, whatever it is asked first; then plays more calls."""
    calls = [ToolCall(name="forget", arguments={"target": "my mug"}), done("OK, your mug is forgotten.", "f1"), *more]
    session = Session(
        store=store,
        recording=open_recording(folder.parent / "room"),
        assistant=build_assistant(ScriptedVlm(script=list(calls))),
        looker=lambda crop, question: "",
    )
    session.to_frame(FRAMES - 1)
    return session


def done(text: str, cite: str) -> ToolCall:
    return ToolCall(name="answer", arguments={"status": "answered", "cite": [cite], "text": text})


def test_what_a_turn_forgot_comes_back_until_the_next_turn_is_over(folder: Path) -> None:
    thanks = ToolCall(name="answer", arguments={"status": "clarify", "cite": [], "text": "You are welcome."})
    with MapStore.open(folder) as store:
        store.save_graph()  # which refits what it saves
        before = store.builder.snapshot()
        session = forgetful(store, folder, thanks, thanks)
        answer = session.say("where is the piano?")
        assert answer.tool_calls[0].result == "f1 your mug is forgotten"
        assert "my mug" not in {o.label for o in store.builder.snapshot().objects.values()}
        assert bring_back(store) == ("my mug",)
        after = store.builder.snapshot()
        (mug,) = mug_id(store)
        assert after.objects.keys() == before.objects.keys()
        assert after.objects[mug] == before.objects[mug]
        assert [t.text for t in store.memory.texts(("note",))] == ["a present from grandmother"]
        session.say("thanks")
    with MapStore.open(folder) as store:
        assert mug_id(store) == [mug]


def test_a_script_can_undo(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny_folder: Path) -> None:
    script = tmp_path / "undo.jsonl"
    script.write_text('{"undo": true}\n')
    assert main(["chat", "--map", str(folder), "--vlm", str(tiny_folder), "--script", str(script)]) == 0
    assert "found nothing" in capsys.readouterr().err


def test_restored_things_are_dormant_until_a_pose_in_the_map(folder: Path) -> None:
    ask = [
        ToolCall(name="where_is", arguments={"object": "my mug"}),
        ToolCall(name="answer", arguments={"status": "abstained", "reason": "not_localised", "cite": [], "text": "?"}),
        ToolCall(name="find_objects", arguments={"query": "objects"}),
        ToolCall(name="answer", arguments={"status": "abstained", "reason": "not_localised", "cite": [], "text": "?"}),
    ]
    with MapStore.open(folder) as store:
        assert store.memory.dormant
        session = Session(
            store=store,
            recording=open_recording(folder.parent / "room"),
            assistant=build_assistant(ScriptedVlm(script=[*ask])),
            looker=lambda crop, question: "",
            known_poses=False,
        )
        session.to_frame(FRAMES - 1)
        place = session.say("where is my mug?")
        assert place.anchors == ()
        assert "not localised" in place.tool_calls[0].result
        counted = session.say("how many things are here?")
        assert counted.tool_calls[0].result == "none: not localised: this view does not match the map"
        assert store.memory.dormant
        session.known_poses = True
        session.assistant = build_assistant(ScriptedVlm(script=[ask[0], done("There.", next(iter(mug_id(store))))]))
        session.to_frame(FRAMES - 1)
        assert len(session.say("where is my mug?").anchors) == 1
        assert store.memory.dormant == frozenset()


def mug_id(store: MapStore) -> list[str]:
    return [o.id for o in store.builder.objects.values() if o.taught == "my mug"]


def test_captions_need_a_model_that_describes(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    room = str(folder.parent / "room")
    error = refused(capsys, "map", room, "--out", str(tmp_path / "new"), "--captions", "3")
    assert "--vlm" in error
