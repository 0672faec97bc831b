"""From a glance to a thing: the mapped one that a person looks at, or a new one made of what is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from scenes.types import Frame
from tools.geometry.upright_boxes import contains
from tools.geometry.voxels import VOXEL_M, reduce_to_voxels, unpack
from tools.segmentation.geometric import GazeMiss, GazeSegment

if TYPE_CHECKING:
    from tools.scene_graph.builder import SceneGraphBuilder

SAME_THING_SHARE = 0.75
"""A gaze segment is a mapped thing when they share this much of their union, as the frame shows them."""
HELD_M = 0.03
"""The box of a mapped thing holds the surface that is looked at, give or take this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """Why nothing is found at a pixel."""

    reason: str
    """See ``tools.segmentation.geometric.GazeMiss``; also ``no_pose``."""
    text: str


def object_at(builder: SceneGraphBuilder, frame: Frame, uv_px: tuple[float, float]) -> str | Miss:
    """The id of the thing at a colour pixel, created from what is there when the map has none.

    Returns a ``Miss`` with a reason when there is no thing: outside the image, no depth, floor, wall, too small.
    """
    if frame.world_from_camera is None:
        return Miss(reason="no_pose", text="the wearer's pose is not known for this frame")
    if frame.depth_m is None:
        return Miss(reason="no_depth", text="this frame has no depth")
    gaze = builder.segmenter.segment_at(frame, uv_px)
    if isinstance(gaze, GazeMiss):
        return Miss(reason=gaze.reason, text=gaze.text)
    return _mapped_thing(builder, gaze) or _pin_new(builder, frame, gaze)


def _mapped_thing(builder: SceneGraphBuilder, gaze: GazeSegment) -> str | None:
    """The known thing that the gaze segment shows, if one agrees with it."""
    surface = gaze.surface
    use = surface.valid & (surface.depth_m < 6.0)
    keys, label, _, _ = reduce_to_voxels(surface.points[use], surface.lab[use], gaze.mask[use].astype(np.int32))
    owner = builder.parts.voxels.owners_near(keys)
    ids = [builder.object_of_part.get(int(p), "") for p in owner]
    held: dict[str, list[int]] = {}
    for object_id, inside in zip(ids, label, strict=True):
        if object_id:
            counts = held.setdefault(object_id, [0, 0])
            counts[0] += int(inside)
            counts[1] += 1
    total = int(label.sum())
    best, share = None, SAME_THING_SHARE
    for object_id, (common, visible) in held.items():
        thing = builder.objects[object_id]
        overlap = common / max(1, total + visible - common)
        # What a person has pointed out before wins: they know what the thing is.
        if thing.pinned and common >= 0.5 * total:
            return object_id
        held_there = thing.box is not None and contains(thing.box, gaze.point[None], margin_m=HELD_M).all()
        if overlap >= share and held_there:
            best, share = object_id, overlap
    return best


def _pin_new(builder: SceneGraphBuilder, frame: Frame, gaze: GazeSegment) -> str:
    """Make a thing of a gaze segment: its voxels become one part that no other part can take."""
    surface = gaze.surface
    points, lab = surface.points[gaze.mask], surface.lab[gaze.mask]
    keys, _, point, color = reduce_to_voxels(points, lab, np.ones(len(points), np.int32))
    near = _connected_to(keys, gaze.point)
    keys, point, color = keys[near], point[near], color[near]
    part = builder.parts.add_part(frame.time_s)
    rows = builder.parts.voxels.rows(keys)
    held = rows[rows >= 0]
    builder.parts.voxels.owner[held] = part
    builder.parts.voxels.observe(keys, np.full(len(keys), part, np.int32), point, color, frame.time_s, weight=5)
    builder.parts.locked.add(part)
    thing = builder.new_object([part])
    thing.pinned, thing.parts = True, {part}
    builder.object_of_part[part] = thing.id
    thing.set_surface(point, color, builder.room_yaw())
    thing.views.consider(frame, surface, gaze.mask)
    builder.changed()
    return thing.id


def _connected_to(keys: NDArray[np.int64], point: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which voxels hang together with the one nearest to a point; a pixel mask may leak across a depth edge."""
    tree = KDTree((unpack(keys) + 0.5) * VOXEL_M)
    graph = tree.sparse_distance_matrix(tree, 2.5 * VOXEL_M, output_type="coo_matrix")
    _, label = connected_components(graph, directed=False)
    _, nearest = tree.query(point)
    return label == label[nearest]
