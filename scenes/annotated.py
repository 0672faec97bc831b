"""Scenes that people or simulators annotated, as scene graphs: real homes to ask questions about, without perception.

Each loader converts its source's axes to those of ``scenes.types`` (Y up) and keeps its labels in plain words.
Relations are not annotated in these sources; whoever needs them derives them from the boxes.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scenes import boxes
from scenes.errors import InputError
from scenes.geometry import backproject, pixel_grid, quaternion_to_matrix, rigid, transform
from scenes.recordings.formats.aria import CAMERAS, aria_instances
from scenes.recordings.reading.folder import read_json
from scenes.types import Box3D, Frame, Room, SceneGraph, SceneObject

FLAT_M = 0.02
"""Thickness given to annotations without one (doors, windows, pictures), so that they can contain points."""
SAME_PLACE_M = 0.05
"""Quest captures give furniture twice, as a surface and as a box; a surface this near a box of its name is dropped."""
IN_WALL_M = 0.25
"""Doors, windows and pictures lie in the walls, up to this far outside the floor's outline."""
MIN_INSTANCE_POINTS = 200
YUP_FROM_ZUP = torch.tensor([[1, 0, 0], [0, 0, 1], [0, -1, 0]], dtype=torch.float64)
_QUEST_NAMES = {"wall face": "wall", "window frame": "window", "door frame": "door", "unrecognized": ""}


class AnnotationError(InputError):
    """An annotation file that cannot be used. One line: what was expected, what came."""


def scannet_graphs(path: Path) -> dict[str, SceneGraph]:
    """Object-level graphs of ScanNet scenes by scene name, from one JSON file in 3D-GRAND's form.

    ``{scene: {"obj_0": {"centroid": [x, y, z], "extent": [x, y, z], "category": str, "score": float}}}``, Z up,
    boxes parallel to the axes. The frame differs from ScanNet's own by a turn about the vertical. A ``floor`` object
    becomes the outline of the one room. Raises AnnotationError or RecordingError.
    """
    return {name: _scannet_graph(name, table, path) for name, table in read_json(path).items()}


def _scannet_graph(name: str, table: object, path: Path) -> SceneGraph:
    if not isinstance(table, dict):
        raise AnnotationError(f"{path} {name}: expected objects by id, got {type(table).__name__}")
    objects: list[SceneObject] = []
    for key, entry in table.items():
        where = f"{path} {name} {key}"
        if not isinstance(entry, dict) or not isinstance(entry.get("category"), str):
            raise AnnotationError(f"{where}: expected centroid, extent and category, got {str(entry)[:60]}")
        center, extent = _vector(entry.get("centroid"), 3, where), _vector(entry.get("extent"), 3, where)
        score = _vector([entry.get("score", 1.0)], 1, where)[0]
        objects.append(
            SceneObject(
                id=f"o{_index(key, where)}",
                label=_words(entry["category"]),
                box=Box3D(
                    center=(center[0], center[2], -center[1]), size=(abs(extent[0]), abs(extent[2]), abs(extent[1]))
                ),
                confidence=min(1.0, max(0.0, score)),
            )
        )
    floor = next((o.box for o in objects if o.label == "floor"), None)
    return _graph(name, objects, [] if floor is None else [_room_of(floor, height_m=2.5)])


def _index(key: str, where: str) -> int:
    digits = key.rsplit("_", 1)[-1]
    if not digits.isdecimal():
        raise AnnotationError(f"{where}: expected an id that ends in a number, got {key!r}")
    return int(digits)


def quest_room(path: Path) -> SceneGraph:
    """A room captured by a Quest headset, as Meta's emulator stores it (``spatialEntities``); Y up already.

    A flat entity lies in the x and z of its own axes (y is its normal), a box spans ``offset`` (its minimum corner)
    to ``offset + extent``. Floors become rooms, ceilings give their height, meshes are left out.
    """
    entities = read_json(path).get("spatialEntities")
    if not isinstance(entities, list) or not all(isinstance(entity, dict) for entity in entities):
        raise AnnotationError(f"{path}: expected a list of objects in 'spatialEntities', got {type(entities).__name__}")
    solid: list[tuple[str, Box3D]] = []
    flat: list[tuple[str, Box3D]] = []
    for number, entity in enumerate(entities):
        where = f"{path} entity {number}"
        label = _words(str(entity.get("semanticLabel_META", "")))
        label = _QUEST_NAMES.get(label, label)
        if "bounded3D_META" in entity:
            solid.append((label, _quest_box(entity, where)))
        elif "bounded2D_META" in entity:
            flat.append((label, _quest_sheet(entity, where)))
    named = solid + [sheet for sheet in flat if not any(_is_top_of(sheet, other) for other in solid)]
    ceiling = max((box.center[1] for label, box in flat if label == "ceiling"), default=None)
    rooms = [
        _room_of(box, height_m=2.5 if ceiling is None else ceiling - box.center[1])
        for label, box in flat
        if label == "floor"
    ]
    objects = [
        SceneObject(id=f"o{number}", label=label, box=box)
        for number, (label, box) in enumerate(named)
        if label not in ("floor", "ceiling")
    ]
    return _graph(path.stem, objects, rooms)


def _quest_pose(entity: Mapping[str, Any], where: str) -> Tensor:
    place = entity.get("locatable_META")
    if not isinstance(place, dict):
        raise AnnotationError(f"{where}: expected 'locatable_META' with position and orientation, got none")
    quaternion = _fields(place, "orientation", "xyzw", where)
    position = _fields(place, "position", "xyz", where)
    if abs(math.hypot(*quaternion) - 1) > 0.01:
        raise AnnotationError(f"{where}: expected a unit quaternion, got {quaternion}")
    rotation = quaternion_to_matrix(torch.tensor(quaternion, dtype=torch.float64))
    return rigid(rotation, torch.tensor(position, dtype=torch.float64))


def _quest_box(entity: Mapping[str, Any], where: str) -> Box3D:
    bounds = entity["bounded3D_META"]
    low = torch.tensor(_fields(bounds, "offset", "xyz", where), dtype=torch.float64)
    size = _fields(bounds, "extent", ("width", "height", "depth"), where)
    pose = _quest_pose(entity, where)
    middle = transform(pose, (low + torch.tensor(size, dtype=torch.float64) / 2)[None])[0]
    return boxes.upright(boxes.box_from_pose(rigid(pose[:3, :3], middle), size))


def _quest_sheet(entity: Mapping[str, Any], where: str) -> Box3D:
    bounds = entity["bounded2D_META"]
    x, z = _fields(bounds, "offset", "xy", where)
    width, height = _fields(bounds, "extent", ("width", "height"), where)
    pose = _quest_pose(entity, where)
    middle = transform(pose, torch.tensor([[x + width / 2, 0.0, z + height / 2]], dtype=torch.float64))[0]
    return boxes.upright(boxes.box_from_pose(rigid(pose[:3, :3], middle), (width, FLAT_M, height)))


def _is_top_of(sheet: tuple[str, Box3D], solid: tuple[str, Box3D]) -> bool:
    middle = torch.tensor([sheet[1].center], dtype=torch.float64)
    return sheet[0] == solid[0] and bool(boxes.contains(solid[1], middle, margin_m=SAME_PLACE_M))


def arkit_boxes(path: Path) -> dict[str, SceneGraph]:
    """Oriented boxes of ARKitScenes videos by video name, from VSI-Bench's meta file.

    ``{video: {"object_bbox": {label: [{"centroid", "axesLengths", "normalizedAxes"}]}}}``, Z up; the nine numbers of
    ``normalizedAxes`` are the three axes, one after the other.
    """
    return {name: _arkit_graph(name, table, path) for name, table in read_json(path).items()}


def _arkit_graph(name: str, table: object, path: Path) -> SceneGraph:
    found = table.get("object_bbox") if isinstance(table, dict) else None
    if not isinstance(found, dict):
        raise AnnotationError(f"{path} {name}: expected boxes by label in 'object_bbox', got {str(found)[:60]}")
    objects: list[SceneObject] = []
    for label, entries in found.items():
        for entry in entries:
            where = f"{path} {name} {label}"
            center = torch.tensor(_vector(entry.get("centroid"), 3, where), dtype=torch.float64)
            size = _vector(entry.get("axesLengths"), 3, where)
            axes = torch.tensor(_vector(entry.get("normalizedAxes"), 9, where), dtype=torch.float64).reshape(3, 3)
            pose = rigid(YUP_FROM_ZUP @ _right_handed(axes.T), YUP_FROM_ZUP @ center)
            box = boxes.upright(boxes.box_from_pose(pose, size))
            objects.append(SceneObject(id=f"o{len(objects)}", label=_words(label), box=box))
    return _graph(name, objects, [])


def _right_handed(axes: Tensor) -> Tensor:
    """A box has no handedness: an axis may be reversed."""
    return axes * torch.tensor([1.0, 1.0, 1.0 if float(torch.linalg.det(axes)) > 0 else -1.0], dtype=torch.float64)


def aria_graph(path: Path) -> SceneGraph:
    """What the instance masks and depth of an Aria digital-twin sample show: unnamed objects.

    Each box is upright and goes around the **seen** surface of its instance in all cameras and frames, without the
    outermost 1% of the points on each axis; the sample's names and full boxes are not part of the folder.
    """
    surfaces: dict[int, list[Tensor]] = defaultdict(list)
    times: dict[int, list[float]] = defaultdict(list)
    for camera_name in CAMERAS:
        for frame, ids in aria_instances(path, camera_name):
            for instance, surface in _instance_surfaces(frame, ids):
                surfaces[instance].append(surface)
                times[instance].append(frame.time_s)
    objects: list[SceneObject] = []
    for instance, parts in sorted(surfaces.items()):
        core = _core(torch.cat(parts))
        if core.shape[0] < MIN_INSTANCE_POINTS:
            continue
        objects.append(
            SceneObject(
                id=f"o{len(objects)}",
                label="",
                label_source="none",
                label_confidence=0.0,
                box=boxes.from_points(core),
                first_seen_s=min(times[instance]),
                last_seen_s=max(times[instance]),
            )
        )
    return _graph(path.name, objects, [])


def _instance_surfaces(frame: Frame, ids: Tensor) -> Iterator[tuple[int, Tensor]]:
    """(instance, (N, 3) world points) of all instances with depth; every second pixel each way."""
    pose, camera = frame.world_from_depth, frame.depth_camera
    if frame.depth_m is None or pose is None or camera is None:
        return
    depth, ids = frame.depth_m[::2, ::2], ids[::2, ::2]
    uv = pixel_grid(camera.width, camera.height, torch.float64)[::2, ::2]
    known = (depth > 0) & (ids != 0)
    order = ids[known].argsort(stable=True)
    points = transform(pose, backproject(camera, uv[known], depth[known].double()))[order]
    instances, counts = ids[known].unique(return_counts=True)
    yield from zip(instances.tolist(), points.split(counts.tolist()), strict=True)


def _core(cloud: Tensor) -> Tensor:
    """The points without the outermost 1% on each side of each axis: mask edges bleed onto what lies behind."""
    # torch.quantile takes at most 2^24 numbers, and a thinner cloud has the same quantiles.
    thin = cloud[:: math.ceil(cloud.shape[0] / 100_000)]
    low, high = torch.quantile(thin, torch.tensor([0.01, 0.99], dtype=torch.float64), dim=0)
    return cloud[((cloud >= low) & (cloud <= high)).all(dim=1)]


def _graph(name: str, objects: Sequence[SceneObject], rooms: Sequence[Room]) -> SceneGraph:
    placed = [replace(o, room=next((r.id for r in rooms if _belongs(r, o.box.center)), "")) for o in objects]
    time_s = max((o.last_seen_s for o in placed), default=0.0)
    return SceneGraph(
        map_id=name, time_s=time_s, objects={o.id: o for o in placed}, rooms={room.id: room for room in rooms}
    )


def _room_of(floor: Box3D, height_m: float) -> Room:
    """A room with the outline of a floor; its corners in order."""
    around = boxes.corners(floor)[[0, 1, 5, 4]]
    return Room(
        id="r0",
        label="room",
        floor_polygon=tuple((x, z) for x, _, z in around.tolist()),
        floor_y=floor.center[1],
        height_m=height_m,
    )


def _belongs(room: Room, point: tuple[float, float, float]) -> bool:
    """Whether a point stands over the room's outline or as near to it as things in its walls do."""
    x, z = point[0], point[2]
    inside = False
    for (ax, az), (bx, bz) in zip(room.floor_polygon, room.floor_polygon[1:] + room.floor_polygon[:1], strict=True):
        # Crossing number: a ray along x leaves an outline that holds its start an odd number of times.
        if (az > z) != (bz > z) and x < ax + (z - az) / (bz - az) * (bx - ax):
            inside = not inside
        length_squared = max((bx - ax) ** 2 + (bz - az) ** 2, 1e-12)
        along = min(1.0, max(0.0, ((x - ax) * (bx - ax) + (z - az) * (bz - az)) / length_squared))
        if math.hypot(x - ax - along * (bx - ax), z - az - along * (bz - az)) < IN_WALL_M:
            return True
    return inside


def _words(label: str) -> str:
    return label.replace("_", " ").strip().lower()


def _vector(value: object, count: int, where: str) -> list[float]:
    try:
        numbers = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise AnnotationError(f"{where}: expected {count} numbers, got {str(value)[:60]}") from error
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise AnnotationError(f"{where}: expected {count} finite numbers, got {str(value)[:60]}")
    return [float(x) for x in numbers]


def _fields(table: Mapping[str, Any], key: str, names: Sequence[str], where: str) -> list[float]:
    inner = table.get(key)
    if not isinstance(inner, dict):
        raise AnnotationError(f"{where}: expected {key!r} with {', '.join(names)}, got {str(inner)[:60]}")
    return _vector([inner.get(name) for name in names], len(names), f"{where} {key}")
