"""The assistant as a Python program uses it: its own example, frames, questions, what is kept and what is not."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path

import pytest

from agent import assistant as module
from agent import open_assistant
from agent.model.protocol import ToolCall
from scenes.errors import InputError
from scenes.recordings import write_nerfstudio
from tests.agent.conftest import ScriptedVlm
from tests.tools.box_world import ROOM, render

ANSWER = ToolCall(name="answer", arguments={"status": "clarify", "cite": [], "text": "Which one?"})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with the recording ``room``: three frames of a table with a mug."""
    frames = (render(ROOM, (0.1 * k, 1.5, -0.4), (0.0, 0.7, 1.2), frame_id=k, time_s=0.4 * k)[0] for k in range(3))
    write_nerfstudio(tmp_path / "room", frames)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_example_in_the_documentation_runs(here: Path) -> None:
    found = [t for t in doctest.DocTestFinder().find(module) if t.name.endswith("open_assistant")]
    (example,) = found
    assert len(example.examples) >= 4
    runner = doctest.DocTestRunner()
    runner.run(example)
    assert runner.summarize(verbose=False).failed == 0
    assert (here / "room-map" / "map.json").is_file()


def test_importing_the_package_costs_nothing() -> None:
    code = (
        "import sys, agent\n"
        "assert callable(agent.open_assistant)\n"
        "heavy = {'torch', 'numpy', 'PIL', 'pydantic', 'transformers', 'langgraph', 'openai'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_frames_go_in_as_the_wearer_advances_and_questions_are_about_the_newest(here: Path) -> None:
    with open_assistant("room", vlm=ScriptedVlm(script=[ANSWER, ANSWER]), first_frame=0) as assistant:
        assert assistant.frame_ids == (0, 1, 2)
        assert assistant.ask("what is it?").frame.id == 0
        assert assistant.advance()
        assert assistant.frame_id == 1
        answer = assistant.ask("and that?", gaze=(80.0, 60.0), at=2)
        assert (answer.frame.id, answer.answer) == (2, "Which one?")
        assert answer.timings_ms.ingest > 0
        assert not assistant.advance()
        assert assistant.frame_id == 2


def test_a_named_map_is_kept_and_can_be_stood_in_without_the_recording(here: Path) -> None:
    with open_assistant(here / "room", here / "map", vlm=ScriptedVlm(script=[])) as assistant:
        known = set(assistant.scene_graph.objects)
        assert known
    with open_assistant(map_dir=here / "map", vlm=ScriptedVlm(script=[])) as assistant:
        assert assistant.frame_id == 2
        assert set(assistant.scene_graph.objects) == known


def test_an_error_inside_leaves_the_named_map_as_it_was(here: Path) -> None:
    with open_assistant("room", "map", vlm=ScriptedVlm(script=[]), first_frame=0):
        pass
    before = (here / "map" / "map.json").read_text()
    failing = ScriptedVlm(script=[RuntimeError("a bug")])
    with pytest.raises(RuntimeError), open_assistant("room", "map", vlm=failing, first_frame=0) as assistant:
        assistant.ask("what is it?", at=2)
    assert (here / "map" / "map.json").read_text() == before


def test_what_cannot_be_opened_or_asked_is_one_line(here: Path) -> None:
    vlm = ScriptedVlm(script=[])
    for recording, map_dir, first in ((None, None, None), (None, "no", None), ("no", None, None), ("room", None, 77)):
        with pytest.raises(InputError, match="expected") as refused:
            open_assistant(recording, map_dir, vlm=vlm, first_frame=first)
        assert "\n" not in str(refused.value)
    with pytest.raises(InputError, match="loaded already"):
        open_assistant("room", vlm=vlm, adapter="adapter")
    assistant = open_assistant("room", vlm=vlm)
    with pytest.raises(InputError, match="inside"):
        assistant.ask("what is it?", gaze=(1000.0, 0.0))
    assistant.close()
    assistant.close()
    with pytest.raises(InputError, match="closed"):
        assistant.ask("what is it?")
