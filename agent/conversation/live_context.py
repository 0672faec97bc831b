"""What the tools see of a visit: the live ``ToolContext`` over a map, the asked frame and the gaze.

One object per turn. Everything that a turn changes (names, notes) is on disk before the tool's result is spoken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from agent.maps.map_store import MapStore
from scenes import geometry
from scenes.records import Reason
from scenes.types import Camera, Frame, SceneGraph
from tools.depth.estimate import DepthEstimate, estimate_depth
from tools.errors import ToolError
from tools.mapping.navigation import NoRoute, free_space
from tools.search.name_matching import Similarity
from tools.segmentation.base import GazeMiss
from tools.toolbox.context import NO_GAZE, Gaze, Note

Looker = Callable[[Tensor, str], str]
"""(crop (H, W, 3) uint8, question) -> what the vision model says; ``""`` = cannot say."""

CROP_PX = 128
MISS_REASONS: Mapping[str, Reason] = {"no_pose": "not_localised", "no_depth": "no_depth", "outside": "out_of_range"}
"""Reasons of ``tools.segmentation.geometric`` in the words of the answer contract; any other: nothing stands there."""


class LiveContext:
    """The ``tools.toolbox.context.ToolContext`` of one turn."""

    def __init__(
        self,
        store: MapStore,
        frame: Frame,
        gaze_px: tuple[float, float] | None,
        looker: Looker,
        similarity: Similarity | None = None,
    ) -> None:
        self._store = store
        self._frame = frame
        self._gaze_px = gaze_px
        self._gaze: Gaze | None = None
        self._looker = looker
        self._depth: DepthEstimate | None = None
        self._depth_done = False
        self.similarity = similarity if similarity is not None else store.memory.similarity
        if frame.world_from_camera is not None:  # a pose in this map: the wearer is localised in it
            store.memory.wake(store.header.map_id)

    @property
    def graph(self) -> SceneGraph:
        """The scene graph now, and what has changed since the visit began."""
        return self._store.graph(self._frame.time_s)

    @property
    def camera(self) -> Camera | None:
        """The colour camera of the asked frame."""
        return self._frame.camera

    @property
    def world_from_camera(self) -> Tensor | None:
        """(4, 4) of the asked frame; None = not localised."""
        return self._frame.world_from_camera

    @property
    def time_s(self) -> float:
        """Capture time of the asked frame."""
        return self._frame.time_s

    @property
    def dormant(self) -> frozenset[str]:
        """Restored things, until a frame of this visit has a pose in the map."""
        return self._store.memory.dormant

    def gaze(self) -> Gaze:
        """What the gaze meets; found once per turn, because looking may pin a new thing in the map."""
        if self._gaze is None:
            self._gaze = NO_GAZE if self._gaze_px is None else self._find_gaze(self._gaze_px)
        return self._gaze

    def _find_gaze(self, uv_px: tuple[float, float]) -> Gaze:
        point = self._surface_point(*uv_px)
        found = self._store.builder.object_at(self._frame, uv_px)
        if isinstance(found, GazeMiss):
            return Gaze(point=point, reason=MISS_REASONS.get(found.reason, "unsupported"), miss=found.text)
        self._store.builder.name_pending()  # a thing that was pinned by this look has a picture now, but no name yet
        return Gaze(object_id=found, point=point)

    def _surface_point(self, u: float, v: float) -> tuple[float, float, float] | None:
        depth = self.depth_at(u, v)
        if depth is None or self._frame.world_from_camera is None:
            return None
        p_camera = geometry.backproject(
            self._frame.camera, torch.tensor([[u, v]], dtype=torch.float64), torch.tensor([depth], dtype=torch.float64)
        )
        x, y, z = geometry.transform(self._frame.world_from_camera, p_camera)[0].tolist()
        return x, y, z

    def depth_at(self, u: float, v: float) -> float | None:
        """z-depth in metres at a pixel, from the sensor or the map."""
        if not self._depth_done:
            self._depth = estimate_depth(self._frame, self._store.surface)
            self._depth_done = True
        return None if self._depth is None else self._depth.depth_at(u, v).depth_m

    def remember(self, name: str, object_id: str) -> None:
        """Teach a name; on disk when this returns."""
        self._store.builder.teach(object_id, name)
        self._store.save_graph()

    def forget(self, object_id: str) -> None:
        """Forget a thing: its name, pictures, notes and surface; on disk when this returns.

        It is out of every answer at once, and for good when the next turn is over; until then
        ``agent.conversation.undo`` brings it back, because a model may have misheard.
        """
        name = self._store.builder.objects[object_id].label()[0]
        self._store.save_graph()
        self._store.memory.set_aside(object_id, name or object_id)
        self._store.builder.forget(object_id)

    def annotate(self, object_id: str, text: str) -> None:
        """Attach a note to a thing; on disk when this returns."""
        try:
            self._store.memory.add_note(text, self._frame.time_s, object_id)
        except ValueError as error:
            raise ToolError("a note in words", str(error)) from error

    def recall(self, query: str, when: str | None) -> tuple[Note, ...]:
        """Notes that share words with the query, best first; ``when`` picks the oldest or the newest of them."""
        found = self._store.memory.search(query, kinds=("note",))
        notes = [Note(text=n.text, time_s=n.time_s, object_id=n.object_id or None) for n in found]
        if when is not None:
            notes.sort(key=lambda n: n.time_s, reverse=when == "last")
            notes = notes[:1]
        return tuple(notes)

    def route(self, goal: tuple[float, float, float]) -> tuple[tuple[float, float, float], ...]:
        """Corners of a free walk on the floor from the wearer to a place; empty = no way is known."""
        pose = self._frame.world_from_camera
        space = None if pose is None else free_space(self._store.surface, walked=self._store.walked())
        if space is None or pose is None:
            return ()
        found = space.route((float(pose[0, 3]), float(pose[2, 3])), (goal[0], goal[2]))
        if isinstance(found, NoRoute):
            return ()
        return tuple((x, space.floor_y, z) for x, z in found.points)

    def look(self, object_id: str | None, question: str) -> str:
        """Ask the vision model about a thing's best view, or about what is at the gaze."""
        crop = self._store.builder.crop(object_id) if object_id is not None else self._gaze_crop()
        return "" if crop is None else self._looker(crop, question)

    def _gaze_crop(self) -> Tensor | None:
        if self._gaze_px is None:
            return None
        u, v = (int(c) for c in self._gaze_px)
        height, width = self._frame.rgb.shape[:2]
        left = min(max(u - CROP_PX // 2, 0), max(width - CROP_PX, 0))
        top = min(max(v - CROP_PX // 2, 0), max(height - CROP_PX, 0))
        return self._frame.rgb[top : top + CROP_PX, left : left + CROP_PX].contiguous()
