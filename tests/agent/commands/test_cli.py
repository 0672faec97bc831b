"""The command line: exit codes, one-line errors, nothing heavy for help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli import main
from scenes.recordings import write_nerfstudio
from tests.tools.box_world import ROOM, render


@pytest.fixture
def room(tmp_path: Path) -> Path:
    frames = (render(ROOM, (0.1 * k, 1.5, -0.4), (0.0, 0.7, 1.2), frame_id=k, time_s=0.4 * k)[0] for k in range(3))
    return write_nerfstudio(tmp_path / "room", frames)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, agent.cli\n"
        "try: agent.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'langgraph', 'open3d', 'numpy', 'PIL', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "ask" in done.stdout


def test_no_command_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "COMMAND" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["info", "/does/not/exist"],
        ["ask", ""],
        ["ask", "where is the mug?"],
        ["ask", "where is the mug?", "--recording", "/does/not/exist"],
        ["ask", "where is the mug?", "--recording", "x", "--world", "1"],
        ["ask", "where is the mug?", "--map", "/does/not/exist"],
        ["ask", "where is the mug?", "--world", "-1"],
        ["chat", "--map", "/does/not/exist", "--script", "/does/not/exist"],
        ["map", "/does/not/exist", "--out", "/does/not/exist/either"],
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("sightline: ")
    assert "\n" not in error


def test_a_frame_that_is_not_there_leaves_no_map(
    room: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny_folder: Path
) -> None:
    folder = tmp_path / "map"
    arguments = [
        "ask",
        "hello",
        "--recording",
        str(room),
        "--at",
        "77",
        "--map",
        str(folder),
        "--vlm",
        str(tiny_folder),
    ]
    assert main(arguments) == 2
    assert "ids 0 to 2" in capsys.readouterr().err
    assert not folder.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["room"]


def test_a_corrupt_model_is_one_line_and_exit_code_2(
    room: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny_folder: Path
) -> None:
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(tiny_folder, broken)
    (broken / "model.safetensors").write_bytes(b"\x00" * 100)
    assert main(["ask", "hello", "--recording", str(room), "--vlm", str(broken)]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("sightline: ")


def test_info_reports_a_recording(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(room)]) == 0
    assert "nerfstudio" in capsys.readouterr().out


def test_map_then_info_on_the_map(
    room: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny_folder: Path
) -> None:
    folder = tmp_path / "map"
    assert main(["map", str(room), "--out", str(folder), "--vlm", str(tiny_folder)]) == 0
    assert (folder / "plan.png").is_file()
    assert (folder / "plan.html").is_file()
    capsys.readouterr()
    assert main(["info", str(folder), "--json"]) == 0
    assert '"frames": 3' in capsys.readouterr().out
    assert main(["map", str(room), "--out", str(folder), "--vlm", str(tiny_folder)]) == 2
    assert "expected a new folder" in capsys.readouterr().err


def test_an_untrained_model_may_be_wrong_but_its_answer_keeps_the_contract(
    room: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny_folder: Path
) -> None:
    from scenes.records import GroundedAnswer

    picture = tmp_path / "answer.png"
    code = main(
        [
            "ask",
            "where is the mug?",
            "--recording",
            str(room),
            "--vlm",
            str(tiny_folder),
            "--json",
            "--save",
            str(picture),
        ]
    )
    answer = GroundedAnswer.model_validate_json(capsys.readouterr().out)
    assert code == (1 if answer.status == "error" else 0)
    assert picture.is_file()
