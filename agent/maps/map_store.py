"""A map's folder: the surface, the scene graph with its memory, and which recordings it has seen.

    DIR/map.json               what this folder is; written last, so a folder without it is not a map
    DIR/surface.safetensors    the fused surface (tools.mapping.surface_map)
    DIR/keyframes.safetensors  views that an image can be recognised by (tools.localisation.keyframes)
    DIR/memory.sqlite          objects, names, notes, turns (tools.memory.map_memory)
    DIR/last_frame/            the newest frame, as a recording of one frame: where the wearer was last

Knows nothing of models or of questions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from agent.maps.map_header import (
    LAST_FRAME,
    MEMORY,
    MapHeader,
    MappedRecording,
    fingerprint,
    read_header,
    write_header,
)
from scenes.errors import InputError
from scenes.geometry import pose_error
from scenes.recordings import Gravity, Recording, open_recording, write_nerfstudio
from scenes.types import Frame, SceneGraph
from tools.localisation.features import FeatureExtractor, PooledGradients
from tools.localisation.keyframe_index import KeyframeIndex
from tools.localisation.keyframes import FILE_NAME as KEYFRAMES
from tools.localisation.keyframes import stored_extractor
from tools.localisation.learned_features import extractor_named
from tools.localisation.localiser import Localiser
from tools.mapping.surface_map import SurfaceMap
from tools.memory.map_memory import MapMemory
from tools.memory.text_encoder import installed_encoder
from tools.scene_graph.builder import SceneGraphBuilder
from tools.scene_graph.changes import changes_since
from tools.scene_graph.object_names import Namer
from tools.segmentation.choose import EMBEDDED, open_segmenter

KEYFRAME_MOVE_M, KEYFRAME_TURN_DEG = 0.3, 15.0
"""A keyframe is kept when the wearer has moved or turned this far since the last one."""
THUMBNAIL_WIDTH = 160

Progress = Callable[[int, int], None]
"""Called with (frames done, frames in all)."""


class MapStore:
    """One open map. One process at a time may hold it; the memory file's lock sees to that."""

    def __init__(
        self,
        folder: Path,
        header: MapHeader,
        surface: SurfaceMap,
        memory: MapMemory,
        namer: Namer | None,
        index: KeyframeIndex,
    ) -> None:
        self.folder = folder
        self.header = header
        self.surface = surface
        self.memory = memory
        self.index = index
        self._refined_keyframes = len(index)
        self.builder: SceneGraphBuilder = memory.load_graph(header.map_id, namer, open_segmenter(header.segmenter))
        self._keyframe_pose: Tensor | None = None
        self._last_frame: Frame | None = None
        self._fingerprinted: tuple[Recording, str] | None = None

    @classmethod
    def create(
        cls,
        folder: Path,
        gravity: Gravity,
        namer: Namer | None = None,
        features: FeatureExtractor | None = None,
        segmenter: str = EMBEDDED,
    ) -> MapStore:
        """A new map in an empty or missing folder. It becomes a map on disk with the first ``save``.

        Raises InputError: a segmenter that does not load.
        """
        folder.mkdir(parents=True, exist_ok=True)
        surface = SurfaceMap()
        header = MapHeader(map_id=surface.map_id, gravity=gravity, segmenter=segmenter)
        index = KeyframeIndex(features or PooledGradients(), map_id=surface.map_id)
        memory = MapMemory(folder / MEMORY, encoder=installed_encoder())
        return cls(folder, header, surface, memory, namer, index)

    @classmethod
    def open(cls, folder: Path, namer: Namer | None = None) -> MapStore:
        """An existing map. Raises InputError: no map there, damaged, of another version, or held by a process."""
        header = read_header(folder)
        surface = SurfaceMap.load(folder)
        if surface.map_id != header.map_id:
            raise InputError(
                f"{folder}: expected the surface of map {header.map_id}, got that of {surface.map_id}; "
                "restore the folder from one backup"
            )
        memory = MapMemory(folder / MEMORY, encoder=installed_encoder())
        return cls(folder, header, surface, memory, namer, load_keyframes(folder, header.map_id))

    def __enter__(self) -> MapStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the files. Frames that were not saved are lost; names, notes and turns are already on disk."""
        self.memory.close()

    def mapped(self, recording: Recording) -> MappedRecording | None:
        """What the map holds of this recording, or None when it has never seen it."""
        own = self._fingerprint(recording)
        return next((v for v in self.header.visits if v.fingerprint == own), None)

    def localiser(self) -> Localiser:
        """Finds images in this map as it is now."""
        return Localiser(self.surface, self.index)

    def align(self, recording: Recording, map_from_world: Tensor) -> None:
        """Say where a recording's world lies in this map, (4, 4) float64; a later call replaces an earlier one.

        What is stored is in the map's frame, so that boxes and anchors follow in the recording's world.
        """
        rows = tuple(tuple(row) for row in map_from_world.tolist())
        self._update(replace(self._mapped_or_new(recording), map_from_world=rows))

    def frame_of(self, recording: Recording, index: int) -> Frame:
        """A frame of a recording, its pose in the map's frame; without a pose when the recording has no place here."""
        frame, entry = recording[index], self.mapped(recording)
        if entry is None:
            return replace(frame, world_from_camera=None)
        return _in_map(frame, entry)

    def _mapped_or_new(self, recording: Recording) -> MappedRecording:
        return self.mapped(recording) or MappedRecording(
            fingerprint=self._fingerprint(recording), path=recording.path.name, format=recording.format, last_index=-1
        )

    def _update(self, entry: MappedRecording) -> None:
        others = tuple(v for v in self.header.visits if v.fingerprint != entry.fingerprint)
        self.header = replace(self.header, visits=(*others, entry))

    def _fingerprint(self, recording: Recording) -> str:
        """The recording's fingerprint, which reads two frames from the disk: once a recording, not at every step."""
        if self._fingerprinted is None or self._fingerprinted[0] is not recording:
            self._fingerprinted = (recording, fingerprint(recording))
        return self._fingerprinted[1]

    def ingest(self, recording: Recording, last_index: int, progress: Progress | None = None) -> int:
        """Take in the frames up to and including ``last_index`` that are not in the map yet; returns how many.

        The recording must have its place in the map: one that the map has seen, one that ``align`` put there, or the
        first one.
        """
        entry = self._mapped_or_new(recording)
        start, stop = entry.last_index + 1, min(last_index, len(recording) - 1) + 1
        for index in range(start, stop):
            self._integrate(_in_map(recording[index], entry), entry.fingerprint)
            if progress is not None:
                progress(index - start + 1, stop - start)
        if stop > start:
            self._update(replace(entry, last_index=stop - 1))
            last_id = self._last_frame.id if self._last_frame is not None else None
            self.header = replace(self.header, last_frame_id=last_id)
        return max(0, stop - start)

    def _integrate(self, frame: Frame, visit: str) -> None:
        self.surface.integrate(frame)
        self.builder.observe(frame)
        self.index.offer(frame)
        self._last_frame = frame
        if frame.world_from_camera is not None and self._is_keyframe(frame.world_from_camera):
            self._keyframe_pose = frame.world_from_camera
            picture = _thumbnail(frame.rgb)
            self.memory.add_frame(frame.id, frame.time_s, frame.world_from_camera, picture, visit=visit)

    def _is_keyframe(self, world_from_camera: Tensor) -> bool:
        if self._keyframe_pose is None:
            return True
        moved, turned = pose_error(self._keyframe_pose, world_from_camera)
        return float(moved) > KEYFRAME_MOVE_M or float(torch.rad2deg(turned)) > KEYFRAME_TURN_DEG

    def refine_keyframes(self, progress: Progress | None = None) -> None:
        """Refine the 3D points of new keyframes against each other; ``save`` does it, too, without progress."""
        if self._refined_keyframes != len(self.index):
            self.index.refine_points(self._refined_keyframes, progress)
            self._refined_keyframes = len(self.index)

    def save(self) -> None:
        """Write everything; the header last. A crash leaves the map as it was before or as it is after."""
        if self._last_frame is not None:
            write_nerfstudio(self.folder / LAST_FRAME, [self._last_frame], gravity=self.header.gravity, overwrite=True)
        self.surface.save(self.folder)
        self.refine_keyframes()
        self.index.save(self.folder)
        self.memory.save_graph(self.builder)
        write_header(self.folder, self.header)

    def graph(self, time_s: float) -> SceneGraph:
        """The scene graph as it is known now, with the changes since the newest recording began."""
        graph, visits = self.builder.snapshot(time_s), self.header.visits
        start_s = self.memory.visit_start(visits[-1].fingerprint) if visits else None
        return graph if start_s is None else replace(graph, changes=changes_since(self.builder.events, graph, start_s))

    def save_graph(self) -> None:
        """Write the objects and their names: what a turn of conversation can change."""
        self.memory.save_graph(self.builder)

    def last_frame(self) -> Recording:
        """The newest frame, as a recording of one frame. Raises InputError when the map holds none."""
        return open_recording(self.folder / LAST_FRAME)

    def walked(self) -> Tensor:
        """(N, 3) float64 positions of the wearer's head at the keyframes, in order of time."""
        places = [torch.from_numpy(k.world_from_camera[:3, 3]) for k in self.memory.frames()]
        return torch.stack(places) if places else torch.zeros(0, 3, dtype=torch.float64)


def load_keyframes(folder: Path, map_id: str) -> KeyframeIndex:
    """The keyframes of a map; none for a map that was made before maps kept them.

    Raises InputError: they are damaged, or belong to another map.
    """
    if not (folder / KEYFRAMES).is_file():
        return KeyframeIndex(PooledGradients(), map_id=map_id)
    index = KeyframeIndex.load(folder, extractor_named(stored_extractor(folder)))
    if index.map_id != map_id:
        raise InputError(
            f"{folder}: expected the keyframes of map {map_id}, got those of {index.map_id}; "
            "restore the folder from one backup"
        )
    return index


def _in_map(frame: Frame, entry: MappedRecording) -> Frame:
    """The frame with its pose in the map's frame."""
    if entry.map_from_world is None or frame.world_from_camera is None:
        return frame
    return frame.with_pose(torch.tensor(entry.map_from_world, dtype=torch.float64) @ frame.world_from_camera)


def _thumbnail(rgb: Tensor) -> Tensor:
    """(h, w, 3) uint8, reduced by an integer step: evidence for a person, not input for a model."""
    step = max(1, rgb.shape[1] // THUMBNAIL_WIDTH)
    return rgb[::step, ::step].contiguous()
