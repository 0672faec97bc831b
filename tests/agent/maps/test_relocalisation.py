"""A recording that a map has never seen finds its place in it, or says that it has none; images on the command line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from agent.cli import main
from agent.conversation.graph import build_assistant
from agent.conversation.session import Session
from agent.maps.map_store import MapStore
from agent.maps.relocalisation import NotAligned, RecordingAlignment, align_recording, frames_to_try
from agent.model.protocol import ToolCall
from evals.bench.scene import RoomScene, orbit, pose
from scenes.geometry import inverse, pose_error
from scenes.recordings import open_recording, write_nerfstudio
from scenes.recordings.reading.base import Recording
from scenes.types import Camera
from tests.agent.conftest import ScriptedVlm

CAMERA = Camera(width=320, height=240, fx=280.0, fy=280.0, cx=160.0, cy=120.0)
SCENE = RoomScene(texture_m=0.09)
ELSEWHERE = RoomScene(texture_m=0.07, low=(-3.0, 0.0, -2.2), sphere_center=(5.0, 0.0, 0.0))
SECOND_VISIT = (
    pose((0.75, 1.35, 1.0), (0.1, 0.85, -0.5)),
    pose((0.70, 1.35, 1.0), (0.1, 0.9, -0.5)),
    pose((0.65, 1.30, 1.0), (0.2, 0.9, -0.5)),
)


def entered_at(x: float, z: float, degrees: float) -> Tensor:
    """``own_from_map``: the world of a visit that began at another place and heading, Y up as everywhere."""
    angle = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    out = torch.eye(4, dtype=torch.float64)
    out[0, 0], out[0, 2], out[2, 0], out[2, 2] = angle.cos(), angle.sin(), -angle.sin(), angle.cos()
    out[0, 3], out[2, 3] = x, z
    return out


OWN_FROM_MAP = entered_at(3.0, -1.5, 130.0)


def record(folder: Path, scene: RoomScene, poses: Sequence[Tensor], own_from_map: Tensor) -> Recording:
    frames = (scene.frame(p, camera=CAMERA, id=i).with_pose(own_from_map @ p) for i, p in enumerate(poses))
    return open_recording(write_nerfstudio(folder, frames))


@pytest.fixture(scope="module")
def map_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    first = record(folder / "visit_0", SCENE, orbit(8), torch.eye(4, dtype=torch.float64))
    with MapStore.create(folder / "map", first.gravity) as store:
        store.ingest(first, len(first) - 1)
        store.save()
    return folder / "map"


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record(tmp_path_factory.mktemp("second") / "visit_1", SCENE, SECOND_VISIT, OWN_FROM_MAP)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    poses = (pose((1.0, 1.2, 0.8), (0.0, 1.0, -2.0)), pose((-1.0, 1.6, 1.0), (-2.0, 0.6, -1.0)))
    return record(tmp_path_factory.mktemp("other") / "walk", ELSEWHERE, poses, torch.eye(4, dtype=torch.float64))


def session_on(store: MapStore, recording: Recording, script: list[ToolCall | str | Exception]) -> Session:
    model = ScriptedVlm(script=script)
    return Session(
        store=store,
        recording=recording,
        assistant=build_assistant(model),
        looker=lambda crop, question: "",
        known_poses=store.mapped(recording) is not None,
    )


def copied(map_folder: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "map"
    folder.mkdir()
    for item in map_folder.rglob("*"):
        target = folder / item.relative_to(map_folder)
        target.mkdir() if item.is_dir() else target.write_bytes(item.read_bytes())
    return folder


def test_a_second_visit_that_entered_elsewhere_is_moved_into_the_map_s_frame(
    map_folder: Path, second: Recording, tmp_path: Path
) -> None:
    folder = copied(map_folder, tmp_path)
    with MapStore.open(folder) as store:
        before = store.surface.frames
        session = session_on(store, second, [])
        session.to_frame(2)
        assert session.known_poses
        assert store.surface.frames == before + 3
        assert session.frame is not None
        assert session.frame.world_from_camera is not None
        distance, angle = pose_error(session.frame.world_from_camera, SECOND_VISIT[2])
        assert float(distance) < 0.05
        assert float(angle) < 0.03
        store.save()
    with MapStore.open(folder) as store:
        assert store.mapped(second) is not None
        again = store.frame_of(second, 0).world_from_camera
        assert again is not None
        assert float(pose_error(again, SECOND_VISIT[0])[0]) < 0.05


def test_a_recording_of_another_place_stays_out_and_is_not_localised(
    map_folder: Path, elsewhere: Recording, tmp_path: Path
) -> None:
    with MapStore.open(copied(map_folder, tmp_path)) as store:
        before = store.surface.frames
        words = ToolCall(
            name="answer",
            arguments={
                "status": "abstained",
                "reason": "not_localised",
                "cite": [],
                "text": "I do not know where I am.",
            },
        )
        session = session_on(store, elsewhere, [ToolCall(name="where_am_i", arguments={}), words])
        session.to_frame(1)
        assert not session.known_poses
        assert session.frame is not None
        assert session.frame.world_from_camera is None
        assert store.surface.frames == before
        answer = session.say("where am I?")
        assert (answer.status, answer.reason) == ("abstained", "not_localised")


def test_what_is_stored_follows_when_a_place_is_corrected(map_folder: Path, second: Recording, tmp_path: Path) -> None:
    with MapStore.open(copied(map_folder, tmp_path)) as store:
        wrong = inverse(OWN_FROM_MAP).clone()
        wrong[0, 3] += 0.1
        store.align(second, wrong)
        first = store.frame_of(second, 0).world_from_camera
        store.align(second, inverse(OWN_FROM_MAP))
        better = store.frame_of(second, 0).world_from_camera
        assert first is not None
        assert better is not None
        torch.testing.assert_close(better, SECOND_VISIT[0], atol=1e-5, rtol=0)
        assert float(pose_error(first, better)[0]) == pytest.approx(0.1, abs=1e-6)
        assert len([v for v in store.header.visits if v.map_from_world is not None]) == 1


def test_one_wrong_pose_among_the_frames_places_nothing(map_folder: Path, second: Recording) -> None:
    with MapStore.open(map_folder) as store:
        found = align_recording(store.localiser(), second, 2)
        assert isinstance(found, RecordingAlignment)
        assert len(found.frames) == 2

        class Drifting:
            """The same recording, whose own poses fall apart by a metre a frame."""

            path, format, gravity, skipped = second.path, second.format, second.gravity, second.skipped
            frame_ids = second.frame_ids

            def __len__(self) -> int:
                return len(second)

            def __getitem__(self, index: int):
                frame = second[index]
                assert frame.world_from_camera is not None
                moved = frame.world_from_camera.clone()
                moved[0, 3] += float(index)
                return frame.with_pose(moved)

            def __iter__(self):
                return (self[i] for i in range(len(self)))

        refused = align_recording(store.localiser(), Drifting(), 2)
        assert isinstance(refused, NotAligned)
        assert "no two of them agree" in refused.reason


@pytest.mark.parametrize(("index", "expected"), [(0, [0]), (3, [3, 2, 1, 0])])
def test_the_asked_frame_is_looked_for_first(index: int, expected: list[int]) -> None:
    assert frames_to_try(index) == expected
    many = frames_to_try(99)
    assert many[0] == 99
    assert len(many) == 8
    assert min(many) < 20


def images(folder: Path) -> list[Path]:
    """A view of the mapped room, a lens cap, and a view of another place."""
    seen = SCENE.frame(SECOND_VISIT[0], camera=CAMERA).rgb
    other = ELSEWHERE.frame(pose((1.0, 1.2, 0.8), (0.0, 1.0, -2.0)), camera=CAMERA).rgb
    paths = []
    for name, rgb in (("seen", seen), ("cap", torch.zeros_like(seen)), ("other", other)):
        paths.append(folder / f"{name}.png")
        Image.fromarray(rgb.numpy()).save(paths[-1])
    return paths


def test_localise_prints_a_line_per_image(map_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(p) for p in images(tmp_path)]
    assert main(["localise", str(map_folder), *paths, "--json"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["status"] for line in lines] == ["localised", "not_localised", "not_localised"]
    assert [line["image"] for line in lines] == paths
    assert lines[1]["reason"] == "no_texture"
    assert lines[2]["world_from_camera"] is None
    found = torch.tensor(lines[0]["world_from_camera"], dtype=torch.float64)
    assert float(pose_error(found, SECOND_VISIT[0])[0]) < 0.05
    assert 0 < lines[0]["sigma_m"] < 0.2
    assert set(lines[0]) >= {"reason", "confidence", "sigma_deg", "ms"}
    assert main(["localise", str(map_folder), paths[0], "--intrinsics", "280,280,160,120"]) == 0
    assert "confidence" in capsys.readouterr().out


def test_localise_says_in_one_line_what_it_cannot_use(
    map_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = str(images(tmp_path)[0])
    text = tmp_path / "words.png"
    text.write_text("not an image")
    square = tmp_path / "square.png"
    Image.new("RGB", (300, 300)).save(square)
    other_version = copied(map_folder, tmp_path)
    header = other_version / "map.json"
    header.write_text(header.read_text().replace('"format_version": 1', '"format_version": 99'))
    bad = (
        ([str(tmp_path / "none"), seen], "expected a map"),
        ([str(other_version), seen], "expected map format"),
        ([str(map_folder), str(text)], "expected an image"),
        ([str(map_folder), str(square)], "give --intrinsics"),
        ([str(map_folder), seen, "--intrinsics", "1,2"], "fx,fy,cx,cy"),
        ([str(map_folder), seen, "--intrinsics=-1,2,3,4"], "positive"),
    )
    for arguments, expected in bad:
        assert main(["localise", *arguments]) == 2
        error = capsys.readouterr().err.strip()
        assert expected in error
        assert "\n" not in error


def test_a_map_without_keyframes_localises_nothing_and_says_why(
    map_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(map_folder, tmp_path)
    (folder / "keyframes.safetensors").unlink()
    seen = str(images(tmp_path)[0])
    assert main(["localise", str(folder), seen, "--intrinsics", "280,280,160,120", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["reason"] == "empty_map"
    assert main(["localise", str(folder), seen]) == 2
    assert "--intrinsics" in capsys.readouterr().err


def test_a_map_is_continued_by_another_visit_and_by_no_other_place(
    map_folder: Path, second: Recording, elsewhere: Recording, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "more"
    assert main(["map", str(second.path), "--out", str(out), "--from-map", str(map_folder), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["visits"]) == 2
    with MapStore.open(map_folder) as before, MapStore.open(out) as after:
        assert after.surface.frames == before.surface.frames + len(second)
        assert after.surface.map_id == before.surface.map_id
    none = tmp_path / "none"
    assert main(["map", str(elsewhere.path), "--out", str(none), "--from-map", str(map_folder)]) == 2
    assert "did not find it there" in capsys.readouterr().err
    assert not none.exists()
