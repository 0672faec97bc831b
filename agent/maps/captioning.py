"""Captions of keyframes from a vision-language model; text search over a map's memory finds them."""

from __future__ import annotations

from torch import Tensor

from agent.maps.map_store import MapStore, Progress
from agent.model.choice import ModelChoice
from agent.model.interface import Vlm
from agent.model.protocol import Message
from agent.model.vlm import EMBEDDED
from agent.prompts import CAPTION_QUESTION, CAPTION_SYSTEM
from scenes.errors import InputError
from scenes.recordings import Recording

CAPTION_TOKENS = 80


def check_can_caption(model: ModelChoice) -> None:
    """Raises InputError for the embedded model, which has learned to name single things only."""
    if model.spec == EMBEDDED:
        raise InputError(
            "expected a model that describes pictures with --captions, got the embedded one, which only names things; "
            "choose one with --vlm"
        )


def caption_keyframes(
    store: MapStore, recording: Recording, vlm: Vlm, count: int, progress: Progress | None = None
) -> int:
    """Describe ``count`` keyframes of a recording, evenly spread; returns how many captions were written."""
    ids = set(recording.frame_ids)
    frames = [k for k in store.memory.frames() if k.frame_id in ids]
    done = {t.frame_id for t in store.memory.texts(("caption",), limit=1_000_000)}
    chosen = [frames[round(i * (len(frames) - 1) / max(count - 1, 1))] for i in range(min(count, len(frames)))]
    written = 0
    for number, keyframe in enumerate(chosen, start=1):
        if keyframe.frame_id not in done:
            done.add(keyframe.frame_id)
            said = caption(vlm, recording[recording.frame_ids.index(keyframe.frame_id)].rgb)
            if said:
                store.memory.add_caption(said, keyframe.time_s, keyframe.frame_id)
                written += 1
        if progress is not None:
            progress(number, len(chosen))
    return written


def caption(vlm: Vlm, rgb: Tensor) -> str:
    """One sentence about a (H, W, 3) uint8 picture; ``""`` when the model says nothing."""
    messages: list[Message] = [
        {"role": "system", "content": CAPTION_SYSTEM},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": CAPTION_QUESTION}]},
    ]
    return " ".join(vlm.reply(messages, [rgb], limit=CAPTION_TOKENS).text.split())
