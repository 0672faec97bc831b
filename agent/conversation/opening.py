"""From what a command line names to an open session: which recording, which map, which model.

Generated worlds come in through a callable, so that this module sees no ground truth.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.conversation.graph import build_assistant
from agent.conversation.session import Session, frame_index
from agent.maps.map_store import HEADER, MapStore, Progress, is_map, read_header
from agent.maps.relocalisation import NotPlaced, place
from agent.model.naming import VlmNamer
from agent.model.vlm import EMBEDDED, Vlm, embedded_folder, load_vlm
from scenes.errors import InputError
from scenes.recordings import Recording, new_folder, open_recording
from tools.localisation.features import FeatureExtractor
from tools.localisation.keyframes import FORMAT_VERSION as KEYFRAMES_VERSION
from tools.segmentation.choose import EMBEDDED as EMBEDDED_SEGMENTER
from tools.segmentation.embedded_segmenter import WEIGHTS as SEGMENT_WEIGHTS

OnFrames = Callable[[str], Progress]
"""Given what is about to be done, returns the callback that follows its progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """Which model answers."""

    spec: str = EMBEDDED
    adapter: str | None = None

    def load(self) -> Vlm:
        """Load it. Raises ``agent.model.vlm.ModelError``."""
        return load_vlm(self.spec, self.adapter)


def cache_folder() -> Path:
    """Where generated worlds are kept between runs: ``$XDG_CACHE_HOME/sightline``, else ``~/.cache/sightline``."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "sightline"


def model_mark(model: ModelChoice) -> str:
    """A short mark of what a map is made with and kept in: other models or another format mean another cached map."""
    parts = [KEYFRAMES_VERSION.to_bytes(2), SEGMENT_WEIGHTS.read_bytes()]
    if model.spec == EMBEDDED and model.adapter is None:
        files = sorted(p for p in embedded_folder().rglob("*") if p.suffix in (".safetensors", ".json"))
        parts += [p.read_bytes() for p in files]
    else:
        parts.append(f"{model.spec} {model.adapter}".encode())
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]


def build_map(
    recording: Recording,
    folder: Path,
    vlm: Vlm,
    on_frames: OnFrames,
    last_index: int | None = None,
    *,
    from_map: Path | None = None,
    features: FeatureExtractor | None = None,
    segmenter: str = EMBEDDED_SEGMENTER,
) -> None:
    """Build a map of a recording in a new folder, which appears whole or not at all.

    ``from_map``: a map of the same place, which is copied and continued; the recording is found in it first.
    ``features``: what images are recognised by in a new map; the offline default when None.
    ``segmenter``: of a new map, a spec of ``tools.segmentation.choose``; a continued one keeps its own.
    Raises InputError: the folder exists and is not empty, or cannot be written; the recording is not found in that
    map; a segmenter that does not load.
    """
    last = len(recording) - 1 if last_index is None else last_index
    if from_map is not None:
        read_header(from_map)
    with new_folder(folder, marker=HEADER) as partial, ExitStack() as stack:
        if from_map is None:
            store = stack.enter_context(MapStore.create(partial, recording.gravity, VlmNamer(vlm), features, segmenter))
        else:
            shutil.copytree(from_map, partial, dirs_exist_ok=True)
            store = stack.enter_context(MapStore.open(partial, VlmNamer(vlm)))
            _placed(store, recording, last, from_map)
        store.ingest(recording, last, on_frames("mapping"))
        name_all(store, on_frames)
        store.settle(on_frames("matching keyframes"))
        store.save()


def _placed(store: MapStore, recording: Recording, last: int, from_map: Path) -> None:
    if store.visit_of(recording) is not None:
        return
    found = place(store.localiser(), recording, last)
    if isinstance(found, NotPlaced):
        raise InputError(
            f"{recording.path}: expected a recording of the place of {from_map}, did not find it there "
            f"({found.reason}); map it by itself, without --from-map"
        )
    store.place(recording, found.map_from_world)


def name_all(store: MapStore, on_frames: OnFrames) -> None:
    """Let the model name every thing that has no name yet."""
    pending = sum(1 for o in store.builder.snapshot().objects.values() if not o.label)
    progress = on_frames("naming")
    done = 0
    while count := store.builder.name_pending():
        done += count
        progress(done, max(pending, done))


@contextmanager
def open_session(
    recording: Recording | None,
    map_folder: Path | None,
    *,
    model: ModelChoice,
    on_frames: OnFrames,
    first_frame: int | None,
    keep: bool,
) -> Iterator[Session]:
    """A session on a recording, a map, or both; saved at the end when ``keep`` and there is a map folder.

    Args:
        recording: the walk; None to stand where the map was last left.
        map_folder: continued if it holds a map, else built there from the recording. None: a map for this session only.
        first_frame: the frame to start at; a map that is built now holds nothing later. None: the last.

    Raises InputError: neither is given, no such frame, no map to continue, a model that does not load.
    """
    if recording is None and map_folder is None:
        raise InputError("expected --recording, --world or --map, got none of them; say what to ask about")
    if recording is None and map_folder is not None:
        read_header(map_folder)  # a missing map is said before the model is loaded
    with ExitStack() as stack:
        vlm = model.load()
        namer = VlmNamer(vlm)
        if map_folder is None:
            assert recording is not None
            scratch = Path(tempfile.mkdtemp(prefix="sightline-"))
            stack.callback(shutil.rmtree, scratch, ignore_errors=True)
            store = stack.enter_context(MapStore.create(scratch, recording.gravity, namer))
        else:
            if not is_map(map_folder) and recording is not None:
                last = None if first_frame is None else frame_index(recording, first_frame)
                build_map(recording, map_folder, vlm, on_frames, last)
            store = stack.enter_context(MapStore.open(map_folder, namer))
        source = recording if recording is not None else store.last_frame()
        known = map_folder is None or recording is None or store.visit_of(recording) is not None
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


def open_world(seed: int, render: Callable[[Path], None]) -> Recording:
    """The recording of a generated world, rendered at first use and kept in the cache."""
    folder = cache_folder() / "worlds" / str(seed)
    if not folder.exists():
        render(folder)
    return open_recording(folder)
