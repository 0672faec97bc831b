"""Generated worlds seen through a noisy headset: the tools read the map that the product builds of the recording.

A first visit is rendered with the sensor's noise and walked through as a session does it: frames go into the map up to
the asked one, things are named by the model, and a map is kept for each moment that is asked about. What a dialog
changes in a map stays in its own copy. Recordings and maps are kept between runs.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agent.conversation.live_context import LiveContext
from agent.maps.map_header import HEADER
from agent.maps.map_store import MapStore
from agent.model.namer import VlmNamer
from agent.model.vlm import load_vlm
from evals.items import Item
from scenes.questions.visits import make_visits
from scenes.recordings import Recording, new_folder, open_recording
from scenes.types import Frame
from scenes.worlds.capture.sensors import SENSOR
from scenes.worlds.capture.writing import write_visit
from scenes.worlds.dynamics.timeline import Timeline
from scenes.worlds.world import make_world
from tools.depth.depth_recording import with_depth

log = logging.getLogger(__name__)
CHANGING = frozenset({"remember", "forget", "annotate"})
"""Tools that change a map."""


class WatchedContext(LiveContext):
    """A live context that notes whether its map has been changed."""

    changed = False

    def remember(self, name: str, object_id: str) -> None:
        """See ``LiveContext.remember``."""
        self.changed = True
        super().remember(name, object_id)

    def forget(self, object_id: str) -> None:
        """See ``LiveContext.forget``."""
        self.changed = True
        super().forget(object_id)

    def annotate(self, object_id: str, text: str) -> None:
        """See ``LiveContext.annotate``."""
        self.changed = True
        super().annotate(object_id, text)


@dataclass(slots=True, kw_only=True)
class PerceivedMoment:
    """One moment of a recorded visit, with a map of all before it."""

    frame: Frame
    store: MapStore
    namer: VlmNamer
    contexts: list[WatchedContext] = field(default_factory=list)

    def context(self, item: Item, *, looking: bool) -> WatchedContext:
        """The map as it is now, with the gaze of this turn."""
        while self.store.builder.name_pending():
            pass
        made = WatchedContext(self.store, self.frame, item.gaze_px if looking else None, self.namer.look)
        self.contexts.append(made)
        return made

    @property
    def changed(self) -> bool:
        """Whether the dialog has changed the map."""
        return any(context.changed for context in self.contexts)


@dataclass(slots=True, kw_only=True)
class PerceivedStage:
    """Builds what it lacks; keeps one map open while dialogs about the same moment follow each other."""

    cache: Path
    """Recordings and maps, by seed, sensor and models."""
    sensor: str
    vlm: str
    adapter: str | None
    models: str
    """A mark of the models that name things: other models, other maps."""
    moments: dict[int, tuple[int, ...]]
    """Seed -> asked frames, ascending: a map is kept of each."""
    _namer: VlmNamer | None = field(default=None, init=False)
    _recording: tuple[int, Recording] | None = field(default=None, init=False)
    _opened: tuple[tuple[int, int], MapStore, Path] | None = field(default=None, init=False)

    @contextmanager
    def open(self, dialog: Sequence[Item]) -> Iterator[PerceivedMoment]:
        """The moment of a dialog."""
        seed, index = int(dialog[0].place["world"]), dialog[0].frame_id
        recording = self._recorded(seed)
        store = self._store(recording, seed, index)
        moment = PerceivedMoment(frame=store.frame_of(recording, index), store=store, namer=self._loaded())
        yield moment
        if moment.changed:
            self._close()

    def _loaded(self) -> VlmNamer:
        if self._namer is None:
            self._namer = VlmNamer(load_vlm(self.vlm, self.adapter))
        return self._namer

    def _recorded(self, seed: int) -> Recording:
        if self._recording is None or self._recording[0] != seed:
            folder = self.cache / "recordings" / f"{seed}-{self.sensor.replace(' ', '-')}"
            if not folder.exists():
                log.warning("rendering world %d with the sensor %s", seed, self.sensor)
                (visit,) = make_visits(make_world(seed), 1)
                timeline = Timeline(moments=((0.0, visit.world),))
                write_visit(timeline, visit.walk, folder, sensor=SENSOR[self.sensor], workers=None)
            self._recording = (seed, with_depth(open_recording(folder), None))
        return self._recording[1]

    def _map(self, recording: Recording, seed: int, index: int) -> Path:
        """The map of everything up to a frame; those of earlier moments are made on the way."""
        root = self.cache / "maps" / f"{seed}-{self.sensor.replace(' ', '-')}-{self.models}"
        wanted = [frame for frame in self.moments[seed] if frame <= index]
        missing = [frame for frame in wanted if not (root / str(frame)).exists()]
        before = [frame for frame in wanted if not missing or frame < missing[0]]
        for frame in missing:
            log.warning("mapping world %d up to frame %d", seed, frame)
            with new_folder(root / str(frame), marker=HEADER) as partial:
                if before:
                    shutil.copytree(root / str(before[-1]), partial, dirs_exist_ok=True)
                    opened = MapStore.open(partial, self._loaded())
                else:
                    opened = MapStore.create(partial, recording.gravity, self._loaded())
                with opened as store:
                    store.ingest(recording, frame)
                    while store.builder.name_pending():
                        pass
                    store.save()
            before.append(frame)
        return root / str(index)

    def _store(self, recording: Recording, seed: int, index: int) -> MapStore:
        if self._opened is None or self._opened[0] != (seed, index):
            self._close()
            source = self._map(recording, seed, index)
            copy = Path(tempfile.mkdtemp(prefix="sightline-eval-"))
            shutil.copytree(source, copy, dirs_exist_ok=True)
            self._opened = ((seed, index), MapStore.open(copy, self._loaded()), copy)
        return self._opened[1]

    def _close(self) -> None:
        """Close the copy of a map and delete it."""
        if self._opened is not None:
            _, store, copy = self._opened
            self._opened = None
            store.close()
            shutil.rmtree(copy, ignore_errors=True)
