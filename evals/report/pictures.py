"""The frame of an item with the answer and the truth drawn in it, as a small JPEG for a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

from agent.views.draw import draw_answer
from evals.items import Item
from evals.scorers.headline import ItemScores
from evals.stages.base import Stage
from scenes.records import Anchor, BoxRecord, GroundedAnswer
from scenes.types import Frame
from tools.geometry.directions import Pose, direction_to

WIDTH_PX, QUALITY = 480, 72
SHOWN_ANCHORS = 5
"""Of the answer, and as many of the truth: more boxes than that hide the picture."""


def pictures(stage: Stage, items: Sequence[ItemScores]) -> dict[str, str]:
    """Item id -> data URL. Items without a readable answer are drawn with the truth alone."""
    out = {}
    for s in items:
        with stage.open([s.item]) as moment:
            out[s.item.id] = _jpeg(moment.frame, s)
    return out


def _jpeg(frame: Frame, s: ItemScores) -> str:
    answer = s.prediction.answer if s.prediction is not None else None
    truth = true_anchors(s.item, frame)
    if answer is None:
        shown = _only(frame, truth)
    else:
        shown = answer.model_copy(update={"anchors": (*answer.anchors[:SHOWN_ANCHORS], *truth)})
    image = draw_answer(frame, shown, s.item.text)
    image = image.resize((WIDTH_PX, round(image.height * WIDTH_PX / image.width)))
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, format="JPEG", quality=QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def true_anchors(item: Item, frame: Frame) -> tuple[Anchor, ...]:
    """The gold boxes as anchors that say so."""
    pose = None if frame.world_from_camera is None else Pose.from_matrix(frame.world_from_camera)
    return tuple(
        Anchor(
            object_id=id,
            label=f"truth: {id}",
            box=box,
            sigma_m=0.0,
            confidence=1.0,
            first_seen_s=0.0,
            last_seen_s=0.0,
            map_id="truth",
            direction=None if pose is None else direction_to(pose, frame.camera, _center(box)),
        )
        for id, box in list(item.gold.boxes.items())[:SHOWN_ANCHORS]
    )


def _center(box: BoxRecord) -> tuple[float, float, float]:
    return box.center


def _only(frame: Frame, anchors: tuple[Anchor, ...]) -> GroundedAnswer:
    from scenes.records import FrameRef, ModelRef

    ref = FrameRef(id=frame.id, time_s=frame.time_s, world_from_camera=None)
    return GroundedAnswer(
        answer="(no answer)",
        status="error",
        anchors=anchors,
        frame=ref,
        model=ModelRef(base="none", backend="none"),
    )
