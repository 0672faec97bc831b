"""On a real head-worn recording: a bag on a sofa, taught by looking, is found again out of view and after a restart.

The words of the model are scripted; map, gaze, memory and directions are the real ones. The truth is what depth and
poses say of the pixel that was looked at.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from agent.conversation.graph import build_assistant
from agent.conversation.session import Session
from agent.maps.map_store import MapStore
from agent.model.protocol import ToolCall
from scenes import geometry
from scenes.recordings import open_recording
from scenes.recordings.reading.indexed import IndexedRecording
from scenes.types import Frame
from tests.agent.conftest import ScriptedVlm

FIRST, TEACH, AWAY = 190, 231, 250
BAG_PX = (245.0, 185.0)
"""On the bag in frame 231, found by eye."""


def looked_at(frame: Frame) -> torch.Tensor:
    """(3,) world position of the surface at ``BAG_PX``."""
    assert frame.depth_m is not None
    assert frame.world_from_camera is not None
    u, v = BAG_PX
    depth = frame.depth_m[int(v) - 4 : int(v) + 5, int(u) - 4 : int(u) + 5]
    z = depth[depth > 0].median().double()
    p_camera = geometry.backproject(frame.camera, torch.tensor([u, v], dtype=torch.float64), z)
    return geometry.transform(frame.world_from_camera, p_camera[None])[0]


def ask(session: Session, object_id: str) -> None:
    """Script the next answer."""
    model = ScriptedVlm(
        script=[
            ToolCall(name="where_is", arguments={"object": "my bag"}),
            ToolCall(name="answer", arguments={"status": "answered", "cite": [object_id], "text": "It is behind you."}),
        ]
    )
    session.assistant = build_assistant(model)


@pytest.mark.realdata
@pytest.mark.slow
def test_a_bag_taught_by_looking_is_where_depth_and_poses_say(shared_data: Path, tmp_path: Path) -> None:
    whole = open_recording(shared_data / "hololens")
    assert isinstance(whole, IndexedRecording)
    recording = replace(whole, sources=tuple(s for s in whole.sources if FIRST <= s.id <= AWAY))
    with MapStore.create(tmp_path / "map", recording.gravity) as store:
        session = Session(
            store=store,
            recording=recording,
            assistant=build_assistant(ScriptedVlm(script=[])),
            looker=lambda crop, question: "",
        )
        session.to_frame(TEACH)
        assert session.frame is not None
        truth = looked_at(session.frame)
        object_id = store.builder.object_at(session.frame, BAG_PX)
        assert isinstance(object_id, str)
        store.builder.teach(object_id, "my bag")
        session.to_frame(AWAY)
        ask(session, object_id)
        before = session.say("where is my bag?").anchors[0]
        store.save()
    with MapStore.open(tmp_path / "map") as store:
        session = Session(
            store=store,
            recording=recording,
            assistant=build_assistant(ScriptedVlm(script=[])),
            looker=lambda crop, question: "",
        )
        session.to_frame(AWAY)
        ask(session, object_id)
        after = session.say("where is my bag?").anchors[0]
        frame = session.frame
    assert after.box == before.box
    assert frame is not None
    assert frame.world_from_camera is not None
    assert after.direction is not None
    assert not after.direction.in_view
    eye = frame.world_from_camera[:3, 3]
    to_box, to_truth = torch.tensor(after.box.center).double() - eye, truth - eye
    cosine = torch.nn.functional.cosine_similarity(to_box, to_truth, dim=0)
    assert float(torch.rad2deg(torch.arccos(cosine))) < 15.0
    assert abs(after.direction.distance_m - float(to_truth.norm())) < 0.3
