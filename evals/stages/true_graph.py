"""Generated worlds with the true scene graph behind the tools: what is measured is the model, not the map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from evals.items import Item
from evals.stages.moment import map_object_id, true_context
from scenes.questions.visits import Visit, make_visits
from scenes.rendering.render import HEAD_CAMERA, Renderer
from scenes.types import Frame
from scenes.worlds.world import World, make_world
from tools.toolbox.context import NO_GAZE, Gaze
from tools.toolbox.snapshot import SnapshotContext


@dataclass(slots=True, kw_only=True)
class TrueMoment:
    """One moment of a generated visit."""

    frame: Frame
    snapshot: SnapshotContext

    def context(self, item: Item, *, looking: bool) -> SnapshotContext:
        """The same world in every turn; only the gaze differs."""
        gazed = item.gazed if looking else None
        self.snapshot.gazed = NO_GAZE if gazed is None else Gaze(object_id=map_object_id(gazed))
        return self.snapshot


@dataclass(slots=True)
class TrueGraphStage:
    """Renders the asked frame and reads the graph of what the visit has shown up to it."""

    visits: int
    """How many visits to each world; the last ones remember the first."""
    _of_world: tuple[int, tuple[Visit, ...]] | None = field(default=None, init=False)
    _renderer: tuple[World, Renderer] | None = field(default=None, init=False)
    _frame: tuple[tuple[int, int, int], Frame] | None = field(default=None, init=False)

    @contextmanager
    def open(self, dialog: Sequence[Item]) -> Iterator[TrueMoment]:
        """The moment of a dialog; all its turns are about the frame of the first."""
        first = dialog[0]
        visit = self._visit(int(first.place["world"]), int(first.place["visit"]))
        frame = self._rendered(visit, first.frame_id)
        yield TrueMoment(frame=frame, snapshot=true_context(visit, first.frame_id))

    def _visit(self, seed: int, number: int) -> Visit:
        if self._of_world is None or self._of_world[0] != seed:
            self._of_world = (seed, tuple(make_visits(make_world(seed), self.visits)))
        return self._of_world[1][number]

    def _rendered(self, visit: Visit, index: int) -> Frame:
        key = (visit.world.seed, visit.number, index)
        if self._frame is None or self._frame[0] != key:
            world = visit.world_at(index)
            if self._renderer is None or self._renderer[0] is not world:
                self._renderer = (world, world.renderer(1))
            pose = visit.walk.world_from_camera[index]
            made = self._renderer[1].render(HEAD_CAMERA, pose, id=index, time_s=visit.time_of(index))
            self._frame = (key, made.frame)
        return self._frame[1]
