"""From a glance to an object: the mapped one that a person looks at, or a new one made of what is there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from scenes.types import Frame
from tools.geometry.upright_boxes import contains
from tools.geometry.voxels import VOXEL_M, reduce_to_voxels, unpack
from tools.scene_graph.object_table import ObjectTable
from tools.segmentation.base import GazeMiss, GazeSegment, Segmenter

SAME_OBJECT_SHARE = 0.75
"""A gaze segment is a mapped object when they share this much of their union, as the frame shows them."""
BOX_MARGIN_M = 0.03
"""The box of a mapped object, grown by this, must hold the surface that is looked at."""


def object_at(table: ObjectTable, segmenter: Segmenter, frame: Frame, uv_px: tuple[float, float]) -> str | GazeMiss:
    """The id of the object at a colour pixel, or why there is none. What the map does not hold yet is added to it."""
    if frame.world_from_camera is None:
        return GazeMiss(reason="no_pose", text="the wearer's pose is not known for this frame")
    if frame.depth_m is None:
        return GazeMiss(reason="no_depth", text="this frame has no depth")
    gaze = segmenter.segment_at(frame, uv_px)
    if isinstance(gaze, GazeMiss):
        return gaze
    return _mapped_object(table, gaze) or _pin_new(table, frame, gaze, segmenter.structure.wall_yaw())


def _mapped_object(table: ObjectTable, gaze: GazeSegment) -> str | None:
    """The id of the known object that the gaze segment shows, if one agrees with it."""
    surface = gaze.surface
    use = surface.valid & (surface.depth_m < 6.0)
    keys, label, _, _ = reduce_to_voxels(surface.points[use], surface.lab[use], gaze.mask[use].astype(np.int32))
    owner = table.parts.voxels.owners_near(keys)
    ids = [table.object_of_part.get(int(p), "") for p in owner]
    held: dict[str, list[int]] = {}
    for object_id, inside in zip(ids, label, strict=True):
        if object_id:
            counts = held.setdefault(object_id, [0, 0])
            counts[0] += int(inside)
            counts[1] += 1
    total = int(label.sum())
    best, share = None, SAME_OBJECT_SHARE
    for object_id, (common, visible) in held.items():
        known = table.objects[object_id]
        overlap = common / max(1, total + visible - common)
        # What a person has pointed out before wins: they know what the thing is.
        if known.pinned and common >= 0.5 * total:
            return object_id
        held_there = known.box is not None and contains(known.box, gaze.point[None], margin_m=BOX_MARGIN_M).all()
        if overlap >= share and held_there:
            best, share = object_id, overlap
    return best


def _pin_new(table: ObjectTable, frame: Frame, gaze: GazeSegment, room_yaw: float | None) -> str:
    """Make an object of a gaze segment: its voxels become one part that no other part can take."""
    surface = gaze.surface
    points, lab = surface.points[gaze.mask], surface.lab[gaze.mask]
    keys, _, point, color = reduce_to_voxels(points, lab, np.ones(len(points), np.int32))
    near = _connected_to(keys, gaze.point)
    keys, point, color = keys[near], point[near], color[near]
    part = table.parts.add_part(frame.time_s)
    rows = table.parts.voxels.rows(keys)
    held = rows[rows >= 0]
    table.parts.voxels.owner[held] = part
    table.parts.voxels.observe(keys, np.full(len(keys), part, np.int32), point, color, frame.time_s, weight=5)
    table.parts.locked.add(part)
    new = table.add([part])
    new.pinned = True
    table.give_parts(new, [part])
    new.set_surface(point, color, room_yaw)
    new.views.consider(frame, surface, gaze.mask)
    table.revision += 1
    return new.id


def _connected_to(keys: NDArray[np.int64], point: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which voxels hang together with the one nearest to a point; a pixel mask may leak across a depth edge."""
    tree = KDTree((unpack(keys) + 0.5) * VOXEL_M)
    graph = tree.sparse_distance_matrix(tree, 2.5 * VOXEL_M, output_type="coo_matrix")
    _, label = connected_components(graph, directed=False)
    _, nearest = tree.query(point)
    return label == label[nearest]
