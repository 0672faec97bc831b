"""A session: frames go in, questions are answered.

It joins a recording, a map and a model. It takes frames into the map as the wearer walks, and answers what they
say about the frame they are at. It knows no file format, no tool and no model family.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from agent.conversation.graph import Assistant, answer_question
from agent.conversation.live_context import LiveContext, Looker
from agent.conversation.turn import Turn, TurnInput
from agent.maps.map_store import MapStore, Progress
from agent.maps.relocalisation import NotAligned, align_recording
from scenes.errors import InputError
from scenes.recordings import Recording
from scenes.records import GroundedAnswer
from scenes.types import Frame

logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Session:
    """One wearer, one map, one recording."""

    store: MapStore
    recording: Recording
    assistant: Assistant
    looker: Looker
    """Asks the vision model about a crop."""
    known_poses: bool = True
    """Whether the recording has its place in the map's frame; if not, it is looked for at every step, and until it is
    found the wearer is not localised and nothing goes into the map."""
    takes_in: bool = True
    """Whether frames go into the map; not when standing at the map's own last frame."""
    on_frames: Callable[[str], Progress] | None = None
    """Called before frames are taken in; returns the callback that follows them."""
    frame: Frame | None = field(default=None, init=False)
    _turns: list[Turn] = field(default_factory=list, init=False)

    @property
    def asked_frame(self) -> Frame:
        """The frame that a question is about: the one that was walked to, else the recording's last."""
        if self.frame is None:
            return self._go_to(len(self.recording) - 1)
        return self.frame

    def to_frame(self, frame_id: int) -> float:
        """Walk on to a frame: everything up to it goes into the map. Returns the milliseconds it took.

        Walking back takes nothing in; the frame becomes the one that is asked about.
        Raises InputError when the recording has no such frame.
        """
        started = time.perf_counter()
        self._go_to(frame_index(self.recording, frame_id))
        return (time.perf_counter() - started) * 1000.0

    def _go_to(self, index: int) -> Frame:
        if not self.known_poses:
            self._relocalise(index)
        if self.known_poses and self.takes_in:
            said = f"frames to {self.recording.frame_ids[index]}"
            self.store.ingest(self.recording, index, self.on_frames(said) if self.on_frames else None)
        if not self.known_poses:
            frame = replace(self.recording[index], world_from_camera=None)
        else:
            frame = self.store.frame_of(self.recording, index) if self.takes_in else self.recording[index]
        self.frame = frame
        return frame

    def _relocalise(self, index: int) -> None:
        found = align_recording(self.store.localiser(), self.recording, index)
        if isinstance(found, NotAligned):
            logger.info("frame %d is not localised: %s", self.recording.frame_ids[index], found.reason)
            return
        logger.info("localised by frames %s, confidence %.2f", found.frames, found.confidence)
        self.store.align(self.recording, found.map_from_world)
        self.known_poses = True

    def say(self, text: str, gaze_px: tuple[float, float] | None = None, ingest_ms: float = 0.0) -> GroundedAnswer:
        """Answer one thing that the wearer says, looking at a pixel or not.

        Raises InputError: nothing said, no frame yet, a gaze outside the image.
        """
        if not text.strip():
            raise InputError("expected a question, got an empty text; say what you want to know")
        frame = self.asked_frame
        if gaze_px is not None and not frame.camera.contains(*gaze_px):
            raise InputError(
                f"expected a gaze inside the {frame.camera.width}x{frame.camera.height} image of frame {frame.id}, "
                f"got {gaze_px[0]:g},{gaze_px[1]:g}"
            )
        while self.store.builder.name_pending():
            pass
        question = TurnInput(text=text.strip(), frame=frame, gaze=gaze_px is not None)
        context = LiveContext(self.store, frame, gaze_px, self.looker)
        turn = answer_question(self.assistant, question, context, self._turns)
        self._turns.append(turn)
        answer = _with_ingest(turn.answer, ingest_ms)
        self.store.memory.add_turn(question.text, answer.model_dump(mode="json"), frame.time_s, frame.id)
        return answer


def frame_index(recording: Recording, frame_id: int) -> int:
    """The position of a frame in its recording. Raises InputError that says which ids there are."""
    ids = recording.frame_ids
    try:
        return ids.index(frame_id)
    except ValueError:
        raise InputError(
            f"expected a frame of {recording.path.name} ({len(ids)} frames, ids {ids[0]} to {ids[-1]}), got {frame_id}"
        ) from None


def _with_ingest(answer: GroundedAnswer, ingest_ms: float) -> GroundedAnswer:
    timings = answer.timings_ms
    timings = timings.model_copy(update={"ingest": ingest_ms, "total": timings.total + ingest_ms})
    return answer.model_copy(update={"timings_ms": timings})
