"""A visit from frames to answers, with the words of the model scripted: map, teaching, memory, gaze, restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from agent.conversation.graph import build_assistant
from agent.conversation.session import Session
from agent.maps.map_store import MapStore
from agent.model.protocol import ToolCall
from scenes import geometry
from scenes.errors import InputError
from scenes.recordings import open_recording, write_nerfstudio
from scenes.recordings.reading.base import Recording
from scenes.types import Frame
from tests.agent.conftest import ScriptedVlm
from tests.tools.box_world import MUG, ROOM, render

FRAMES = 10


def frames() -> Iterator[Frame]:
    """A step to the side in front of the table, then a look at the opposite wall."""
    for k in range(FRAMES - 1):
        yield render(ROOM, (0.05 * k - 0.2, 1.5, -0.4), (0.0, 0.7, 1.2), frame_id=k, time_s=0.4 * k)[0]
    yield render(ROOM, (0.2, 1.5, -0.4), (0.2, 1.4, -2.4), frame_id=FRAMES - 1, time_s=0.4 * FRAMES)[0]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("walk") / "room"
    return open_recording(write_nerfstudio(folder, frames()))


def mug_pixel(frame: Frame) -> tuple[float, float]:
    assert frame.world_from_camera is not None
    center = torch.tensor([MUG.center], dtype=torch.float64)
    p_camera = geometry.transform(geometry.inverse(frame.world_from_camera), center)
    uv, valid = geometry.project(frame.camera, p_camera)
    assert bool(valid)
    return float(uv[0, 0]), float(uv[0, 1])


def call(tool: str, **arguments: object) -> ToolCall:
    return ToolCall(name=tool, arguments=dict(arguments))


def session_on(store: MapStore, recording: Recording, script: list[ToolCall | str | Exception]) -> Session:
    model = ScriptedVlm(script=script)
    return Session(
        store=store, recording=recording, assistant=build_assistant(model), looker=lambda crop, question: "a mug"
    )


def teach_and_ask(store: MapStore, recording: Recording) -> Session:
    """Teach the mug by looking at it, walk on to the wall, ask for it."""
    session = session_on(store, recording, [])
    session.to_frame(FRAMES - 2)
    assert session.frame is not None
    pixel = mug_pixel(session.frame)
    context_id = store.builder.object_at(session.frame, pixel)
    assert isinstance(context_id, str)
    session = session_on(
        store,
        recording,
        [
            call("remember", name="my mug", target="gaze"),
            call("answer", status="answered", cite=[context_id], text="Saved as your mug."),
            call("where_is", object="my mug"),
            call("answer", status="answered", cite=[context_id], text="Your mug is behind you."),
        ],
    )
    session.to_frame(FRAMES - 2)
    taught = session.say("this is my mug", pixel)
    assert taught.status == "answered"
    return session


def test_a_thing_taught_by_looking_is_found_where_depth_and_poses_say_after_a_restart(
    recording: Recording, tmp_path: Path
) -> None:
    with MapStore.create(tmp_path / "map", recording.gravity) as store:
        session = teach_and_ask(store, recording)
        session.to_frame(FRAMES - 1)
        before = session.say("where is my mug?")
        store.save()
    with MapStore.open(tmp_path / "map") as store:
        again = session_on(
            store,
            recording,
            [
                call("where_is", object="my mug"),
                call("answer", status="answered", cite=[before.anchors[0].object_id], text="Your mug is behind you."),
            ],
        )
        again.to_frame(FRAMES - 1)
        after = again.say("where is my mug?")
    assert before.anchors[0].label == "my mug"
    assert after.anchors[0].box == before.anchors[0].box
    center, direction = torch.tensor(after.anchors[0].box.center), after.anchors[0].direction
    assert float((center - torch.tensor(MUG.center)).norm()) < 0.1
    assert direction is not None
    assert not direction.in_view
    assert abs(direction.azimuth_deg) > 90
    eye = recording[FRAMES - 1].world_from_camera
    assert eye is not None
    truth = float((torch.tensor(MUG.center).double() - eye[:3, 3]).norm())
    assert direction.distance_m == pytest.approx(truth, abs=0.15)


def test_turns_are_remembered_in_the_map(recording: Recording, tmp_path: Path) -> None:
    with MapStore.create(tmp_path / "map", recording.gravity) as store:
        teach_and_ask(store, recording)
        store.save()
    with MapStore.open(tmp_path / "map") as store:
        turns = store.memory.texts(kinds=("turn",))
    assert [t.text for t in turns] == ["this is my mug\nSaved as your mug."]


def test_a_frame_goes_into_the_map_once(recording: Recording, tmp_path: Path) -> None:
    with MapStore.create(tmp_path / "map", recording.gravity) as store:
        assert store.ingest(recording, 4) == 5
        assert store.ingest(recording, 4) == 0
        assert store.ingest(recording, 6) == 2
        store.save()
    with MapStore.open(tmp_path / "map") as store:
        assert store.ingest(recording, 6) == 0
        assert store.ingest(recording, 7) == 1


def test_walking_back_shows_an_old_frame_and_takes_nothing_in(recording: Recording, tmp_path: Path) -> None:
    with MapStore.create(tmp_path / "map", recording.gravity) as store:
        session = session_on(store, recording, [])
        session.to_frame(5)
        seen = store.surface.frames
        session.to_frame(2)
        assert store.surface.frames == seen
        assert session.frame is not None
        assert session.frame.id == 2


def test_a_recording_of_another_place_is_not_localised(recording: Recording, tmp_path: Path) -> None:
    with MapStore.create(tmp_path / "map", recording.gravity) as store:
        store.ingest(recording, 3)
        session = session_on(
            store,
            recording,
            [
                call("where_am_i"),
                call("answer", status="abstained", reason="not_localised", cite=[], text="I do not know where I am."),
            ],
        )
        session.known_poses = False
        session.to_frame(5)
        answer = session.say("where am I?")
    assert answer.frame.world_from_camera is None
    assert (answer.status, answer.reason) == ("abstained", "not_localised")
    assert store.surface.frames == 4


@pytest.mark.parametrize(
    ("text", "gaze", "expected"),
    [("", None, "expected a question"), ("  ", None, "expected a question"), ("what is this?", (160.0, 5.0), "gaze")],
)
def test_unusable_input_is_refused_in_one_line(
    recording: Recording, tmp_path: Path, text: str, gaze: tuple[float, float] | None, expected: str
) -> None:
    with MapStore.create(tmp_path / "map", recording.gravity) as store:
        session = session_on(store, recording, [])
        session.to_frame(1)
        with pytest.raises(InputError, match=expected) as refused:
            session.say(text, gaze)
        assert "\n" not in str(refused.value)
        with pytest.raises(InputError, match="ids 0 to 9"):
            session.to_frame(400)


def test_a_folder_without_a_header_is_not_a_map(recording: Recording, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="got nothing"):
        MapStore.open(tmp_path / "none")
    with MapStore.create(tmp_path / "half", recording.gravity) as store:
        store.ingest(recording, 1)
    with pytest.raises(InputError, match="unfinished map"):
        MapStore.open(tmp_path / "half")


def test_a_damaged_header_is_refused(recording: Recording, tmp_path: Path) -> None:
    with MapStore.create(tmp_path / "map", recording.gravity) as store:
        store.ingest(recording, 1)
        store.save()
    header = tmp_path / "map" / "map.json"
    whole = header.read_text()
    for damaged in (whole[:40], whole.replace('"format_version": 1', '"format_version": 99'), "[]"):
        header.write_text(damaged)
        with pytest.raises(InputError, match="expected"):
            MapStore.open(tmp_path / "map")
