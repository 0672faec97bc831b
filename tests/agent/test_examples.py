"""Every example runs as its own process, from another folder than the checkout, and says what it should."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scenes.recordings import write_nerfstudio
from tests.tools.box_world import ROOM, render

CHECKOUT = Path(__file__).resolve().parents[2]
EXAMPLES = CHECKOUT / "examples"


def run(name: str, *arguments: str, cwd: Path) -> str:
    """What an example prints; fails with what it said when it fails."""
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    line = [sys.executable, str(EXAMPLES / name), *arguments]
    done = subprocess.run(line, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_recording_is_mapped_and_asked_about(tmp_path: Path) -> None:
    frames = (render(ROOM, (0.1 * k, 1.5, -0.4), (0.0, 0.7, 1.2), frame_id=k, time_s=0.4 * k)[0] for k in range(3))
    write_nerfstudio(tmp_path / "room", frames)
    said = run("map_and_ask.py", "room", "--map", "room-map", "--question", "How many things are here?", cwd=tmp_path)
    assert "things, among them:" in said
    assert "How many things are here? -> " in said
    assert (tmp_path / "room-map" / "map.json").is_file()
    told = run("own_tool.py", "room-map", cwd=tmp_path)
    assert "metres tall" in told


def test_an_own_tool_is_called_on_a_generated_world(tmp_path: Path) -> None:
    said = run("own_tool.py", "--name", "mug-that-is-not-there", cwd=tmp_path)
    assert "tallest(name: string): the tallest object" in said
    assert "none: never seen" in said
    assert "kind='length_m'" in run("own_tool.py", cwd=tmp_path)


@pytest.mark.slow
def test_an_own_model_is_scored_and_is_neither_all_right_nor_all_wrong(tmp_path: Path) -> None:
    last = run("score_own_model.py", "--questions", "20", cwd=tmp_path).splitlines()[-1]
    right, asked = (int(word) for word in last.split() if word.isdigit())
    assert last.startswith("key words: ")
    assert 0 < right < asked == 20


def test_every_example_is_run_here() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {"map_and_ask.py", "own_tool.py", "score_own_model.py"}
