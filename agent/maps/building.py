"""Building a map: a recording goes in, frame by frame, and its things are named.

The folder appears whole or not at all. Knows the model only as what names things.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from agent.maps.map_header import HEADER, read_header
from agent.maps.map_store import MapStore, Progress
from agent.maps.relocalisation import NotAligned, align_recording
from agent.model.choice import ModelChoice
from agent.model.interface import Vlm
from agent.model.namer import VlmNamer
from agent.model.vlm import EMBEDDED, embedded_folder
from scenes.errors import InputError
from scenes.recordings import Recording, new_folder
from tools.localisation.features import FeatureExtractor
from tools.localisation.keyframes import FORMAT_VERSION as KEYFRAMES_VERSION
from tools.segmentation.choose import EMBEDDED as EMBEDDED_SEGMENTER
from tools.segmentation.embedded_segmenter import WEIGHTS as SEGMENT_WEIGHTS

OnFrames = Callable[[str], Progress]
"""Given what is about to be done, returns the callback that follows its progress."""


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
            _align(store, recording, last, from_map)
        store.ingest(recording, last, on_frames("mapping"))
        name_all(store, on_frames)
        store.refine_keyframes(on_frames("matching keyframes"))
        store.save()


def _align(store: MapStore, recording: Recording, last: int, from_map: Path) -> None:
    if store.mapped(recording) is not None:
        return
    found = align_recording(store.localiser(), recording, last)
    if isinstance(found, NotAligned):
        raise InputError(
            f"{recording.path}: expected a recording of the place of {from_map}, did not find it there "
            f"({found.reason}); map it by itself, without --from-map"
        )
    store.align(recording, found.map_from_world)


def name_all(store: MapStore, on_frames: OnFrames) -> None:
    """Let the model name every thing that has no name yet."""
    pending = sum(1 for o in store.builder.snapshot().objects.values() if not o.label)
    progress = on_frames("naming")
    done = 0
    while count := store.builder.name_pending():
        done += count
        progress(done, max(pending, done))


def models_digest(model: ModelChoice) -> str:
    """A short mark of what a map is made with and kept in: other models or another format mean another cached map."""
    parts = [KEYFRAMES_VERSION.to_bytes(2), SEGMENT_WEIGHTS.read_bytes()]
    if model.spec == EMBEDDED and model.adapter is None:
        files = sorted(p for p in embedded_folder().rglob("*") if p.suffix in (".safetensors", ".json"))
        parts += [p.read_bytes() for p in files]
    else:
        parts.append(f"{model.spec} {model.adapter}".encode())
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]
