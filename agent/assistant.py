"""The assistant for Python programs: open it on a recording or a map, walk on, ask.

Importing this costs nothing; models and maps are loaded when an assistant is opened. Generated worlds are not taken
here, because they hold ground truth: render one with ``sightline world`` and open its folder.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.conversation.session import Session
    from agent.maps.map_store import Progress
    from agent.model.interface import Vlm
    from scenes.recordings import Recording
    from scenes.records import GroundedAnswer
    from scenes.types import SceneGraph


def open_assistant(
    recording: str | Path | Recording | None = None,
    map_dir: str | Path | None = None,
    *,
    vlm: str | Vlm = "embedded",
    adapter: str | Path | None = None,
    first_frame: int | None = None,
    on_frames: Callable[[str], Progress] | None = None,
) -> Conversation:
    """Open an assistant on a recording, on a map, or on both; it is a context manager.

    >>> from agent import open_assistant
    >>> with open_assistant(recording="room", map_dir="room-map", first_frame=0) as assistant:
    ...     while assistant.advance():
    ...         pass
    ...     answer = assistant.ask("How many things are here?", gaze=(80.0, 60.0))
    >>> answer.frame.id
    2
    >>> answer.status in ("answered", "abstained", "clarify")
    True
    >>> all(anchor.map_id for anchor in answer.anchors)
    True

    Args:
        recording: a recorded walk, in any format that ``sightline info`` reads, or an open ``Recording``. None: stand
            where the map was last left.
        map_dir: the map's folder, continued if it holds a map and else built there; saved when the assistant is closed.
            None: a map for this assistant only, gone when it is closed.
        vlm: ``embedded``, a model folder, a hub id, ``openai:MODEL@URL``, or any object that fills
            ``agent.model.interface.Vlm``.
        adapter: a LoRA folder on top of a named model.
        first_frame: id of the frame to start at; what comes later is not known yet. None: the last, with all before it.
        on_frames: given what is about to be done, returns a callback that is told (done, in all) while it is done.

    Raises:
        scenes.errors.InputError: nothing to stand on, a recording, map or model that cannot be read, no such frame.
    """
    from agent.conversation.opening import open_session
    from agent.model.choice import ModelChoice
    from scenes.errors import InputError
    from scenes.recordings import open_recording
    from tools.depth.depth_recording import with_depth

    if adapter is not None and not isinstance(vlm, str):
        raise InputError("expected an adapter with the name of a model, got one with a model that is loaded already")
    walk = open_recording(Path(recording)) if isinstance(recording, (str, Path)) else recording
    return Conversation(
        open_session(
            None if walk is None else with_depth(walk, None),
            None if map_dir is None else Path(map_dir),
            model=ModelChoice(spec=vlm, adapter=adapter and str(adapter)) if isinstance(vlm, str) else vlm,
            on_frames=on_frames or _silent,
            first_frame=first_frame,
            keep=map_dir is not None,
        )
    )


class Conversation:
    """An open assistant: one wearer on one walk, made by ``open_assistant``. Close it, or use a ``with`` statement."""

    def __init__(self, session: AbstractContextManager[Session]) -> None:
        self._stack = ExitStack()
        self._session: Session | None = self._stack.enter_context(session)

    @property
    def frame_ids(self) -> tuple[int, ...]:
        """Ids of all frames of the walk, in capture order."""
        return tuple(self._open.recording.frame_ids)

    @property
    def frame_id(self) -> int:
        """The frame that a question is about now."""
        return self._open.asked_frame.id

    @property
    def scene_graph(self) -> SceneGraph:
        """What is known now: things with their boxes in the map's frame, relations, rooms, changes."""
        session = self._open
        return session.store.graph(session.asked_frame.time_s)

    def advance(self, to: int | None = None) -> bool:
        """Walk on to a frame, by default the next; every frame up to it goes into the map.

        Returns False, and stays, when there is no next frame. Walking back takes nothing in: the frame becomes the one
        that is asked about. Raises InputError: the walk has no such frame.
        """
        ids = self.frame_ids
        if to is None:
            later = ids[ids.index(self.frame_id) + 1 :]
            if not later:
                return False
            to = later[0]
        self._open.to_frame(to)
        return True

    def ask(self, question: str, gaze: tuple[float, float] | None = None, at: int | None = None) -> GroundedAnswer:
        """Answer one thing that the wearer says; earlier ones are remembered ("how far is it?").

        Args:
            question: what is said.
            gaze: the pixel (u, v) of the asked frame's colour image that the wearer looks at.
            at: the frame to walk to first. None: the one where the wearer stands.

        Raises:
            scenes.errors.InputError: nothing said, no such frame, a gaze outside the image. A model that fails is no
                error here: the answer says it, with status ``error``.
        """
        ingest_ms = 0.0 if at is None else self._open.to_frame(at)
        return self._open.say(question, gaze, ingest_ms)

    def close(self) -> None:
        """Save the map where one was named, and release it. Closing twice does nothing."""
        self._session = None
        self._stack.close()

    def __enter__(self) -> Conversation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # An error inside the ``with`` statement must reach the session: it then saves nothing half done.
        self._session = None
        self._stack.__exit__(kind, error, trace)

    @property
    def _open(self) -> Session:
        if self._session is None:
            from scenes.errors import InputError

            raise InputError("expected an open assistant, got one that was closed; open it again")
        return self._session


def _silent(what: str) -> Progress:
    return lambda done, total: None
