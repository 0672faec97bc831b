"""From a recording and a map's folder to an open session."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from agent.conversation.graph import build_assistant
from agent.conversation.session import Session, frame_index
from agent.maps.building import OnFrames, build_map
from agent.maps.map_header import is_map, read_header
from agent.maps.map_store import MapStore
from agent.model.choice import ModelChoice
from agent.model.interface import Vlm
from agent.model.namer import VlmNamer
from scenes.errors import InputError
from scenes.recordings import Recording


@contextmanager
def open_session(
    recording: Recording | None,
    map_folder: Path | None,
    *,
    model: ModelChoice | Vlm,
    on_frames: OnFrames,
    first_frame: int | None,
    keep: bool,
) -> Iterator[Session]:
    """A session on a recording, a map, or both; saved at the end when ``keep`` and there is a map folder.

    Args:
        recording: the walk; None to stand where the map was last left.
        map_folder: continued if it holds a map, else built there from the recording. None: a map for this session only.
        model: loaded already, or loaded here.
        first_frame: the frame to start at; a map that is built now holds nothing later. None: the last.

    Raises InputError: neither is given, no such frame, no map to continue, a model that does not load.
    """
    if recording is None:  # what is missing is said before the model is loaded
        read_header(_named(map_folder))
    with ExitStack() as stack:
        vlm = model.load() if isinstance(model, ModelChoice) else model
        namer = VlmNamer(vlm)
        store = stack.enter_context(_open_map(recording, map_folder, first_frame, vlm, namer, on_frames))
        source = recording if recording is not None else store.last_frame()
        known = map_folder is None or recording is None or store.mapped(recording) is not None
        session = Session(
            store=store,
            recording=source,
            assistant=build_assistant(vlm),
            looker=namer.look,
            known_poses=known,
            takes_in=recording is not None,
            on_frames=on_frames,
        )
        session.to_frame(source.frame_ids[-1] if first_frame is None else first_frame)
        yield session
        if keep and recording is not None and map_folder is not None:
            store.save()
        elif keep and map_folder is not None:
            store.save_graph()  # no frame was taken in, so the rest of the map is as it was


def _open_map(
    recording: Recording | None,
    map_folder: Path | None,
    first_frame: int | None,
    vlm: Vlm,
    namer: VlmNamer,
    on_frames: OnFrames,
) -> AbstractContextManager[MapStore]:
    if map_folder is None and recording is not None:
        return _scratch_map(recording, namer)
    folder = _named(map_folder)
    if recording is not None and not is_map(folder):
        last = None if first_frame is None else frame_index(recording, first_frame)
        build_map(recording, folder, vlm, on_frames, last)
    return MapStore.open(folder, namer)


def _named(map_folder: Path | None) -> Path:
    if map_folder is None:
        raise InputError("expected a recording, a map's folder or both, got none of them; say what to ask about")
    return map_folder


@contextmanager
def _scratch_map(recording: Recording, namer: VlmNamer) -> Iterator[MapStore]:
    """An empty map that is gone when the session is over."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="sightline-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield stack.enter_context(MapStore.create(folder, recording.gravity, namer))
