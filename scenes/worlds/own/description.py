"""A world from a file: rooms, doors and objects in JSON, with own meshes (glTF, OBJ, PLY, STL) or catalogue shapes.

The result is a ``World`` like any generated one: walks, sensors, recordings and ground truth work on it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.random import Generator
from pydantic import Field, ValidationError, model_validator

from scenes.errors import InputError
from scenes.records import Record
from scenes.rendering.materials import MATERIAL_INDEX
from scenes.rendering.mesh import Mesh, Paint
from scenes.vocabulary import BASIC_COLORS, ColorTerm
from scenes.worlds.layout.floorplan import (
    DOOR_HEIGHT_M,
    HEIGHT_M,
    FloorPlan,
    Opening,
    Rect,
    RoomPlan,
    make_sides,
    shared_wall,
)
from scenes.worlds.layout.placing import Placed
from scenes.worlds.layout.walls import room_shell
from scenes.worlds.own.gltf import read_gltf
from scenes.worlds.own.obj import read_obj
from scenes.worlds.own.own_mesh import MeshFileError, OwnMesh, plain
from scenes.worlds.things.catalogue import CATEGORY, build
from scenes.worlds.things.colors import albedo
from scenes.worlds.things.shapes import Shape
from scenes.worlds.world import World, with_things

MESH_SUFFIXES = (".glb", ".gltf", ".obj", ".ply", ".stl")
MAX_TRIANGLES = 2_000_000
"""More would not fit beside a ray caster's tree in a small machine's memory."""
MAX_FILE_BYTES = 64 * 2**20


class DescriptionError(InputError):
    """A description that cannot be used. One line: the file, the field, what was expected, what came."""


class RoomDescription(Record):
    """A rectangular room, measured to the middles of its walls, metres."""

    id: str = Field(min_length=1)
    label: str
    x0: float
    z0: float
    x1: float
    z1: float


class DoorDescription(Record):
    """A doorway in the wall that two rooms share."""

    rooms: tuple[str, str]
    at: float
    """Middle of the doorway along the wall: an x where the wall runs along x, else a z."""
    width_m: float = Field(default=0.9, gt=0.5, le=3.0)


class ObjectDescription(Record):
    """A thing: either a shape of the catalogue or an own mesh (Y up, metres)."""

    label: str = Field(min_length=1)
    category: str | None = None
    """Build this catalogue shape."""
    mesh: str | None = None
    """File beside the description."""
    color: str = ""
    position: tuple[float, float | None, float]
    """Middle of the base (x, y, z); y may be null: on the floor, or on the top of what carries it."""
    yaw_deg: float = 0.0
    on: int | None = None
    """Place in the list of the object that carries it, which comes earlier."""

    @model_validator(mode="after")
    def _one_source(self) -> ObjectDescription:
        if (self.category is None) == (self.mesh is None):
            raise ValueError("expected either category or mesh")
        if self.category is not None and self.category not in CATEGORY:
            raise ValueError(f"expected a category of the catalogue, got {self.category!r}")
        if self.color and not self.term:
            raise ValueError(f"expected a colour of {', '.join(BASIC_COLORS)}, got {self.color!r}")
        return self

    @property
    def term(self) -> ColorTerm | Literal[""]:
        """The colour as a checked term."""
        return self.color if self.color in BASIC_COLORS else ""


class SceneDescription(Record):
    """The file."""

    format_version: int = Field(default=1, ge=1, le=1)
    seed: int = Field(default=0, ge=0)
    """Chooses wall finishes, catalogue shapes and walks."""
    rooms: tuple[RoomDescription, ...] = Field(min_length=1)
    doors: tuple[DoorDescription, ...] = ()
    objects: tuple[ObjectDescription, ...] = ()


def load_world(path: Path | str) -> World:
    """The world that a JSON file describes.

    Raises:
        DescriptionError: the file is missing or not valid, names a room or mesh that does not exist, or places a
            thing outside all rooms.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise DescriptionError(f"{path}: expected a scene of at most {MAX_FILE_BYTES >> 20} MiB")
        description = SceneDescription.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DescriptionError(f"{path}: expected a scene description: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        got = "" if isinstance(first["input"], dict) else f", got {str(first['input'])[:40]!r}"
        raise DescriptionError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}{got}") from error
    try:
        return _world(description, path.parent)
    except DescriptionError as error:
        raise DescriptionError(f"{path}: {error}") from error


def _world(description: SceneDescription, folder: Path) -> World:
    rng = np.random.default_rng((9, description.seed))
    plan = _plan(description)
    placed: list[Placed] = []
    for i, d in enumerate(description.objects):
        placed.append(_placed(d, i, placed, plan, folder, rng))
    centers = [room.rect.center for room in plan.rooms]
    world = World(
        seed=description.seed,
        style="described",
        plan=plan,
        objects={},
        shells={room.id: room_shell(plan, room, rng) for room in plan.rooms},
        lights=tuple((x, HEIGHT_M - 0.15, z) for x, z in centers),
    )
    return with_things(world, placed, len(placed) + 1)


def _plan(description: SceneDescription) -> FloorPlan:
    rooms: dict[str, RoomPlan] = {}
    for d in description.rooms:
        rect = Rect(x0=d.x0, z0=d.z0, x1=d.x1, z1=d.z1)
        if d.id in rooms or rect.width < 1 or rect.depth < 1:
            raise DescriptionError(f"rooms.{d.id}: expected a new id and at least 1 m x 1 m")
        rooms[d.id] = RoomPlan(id=d.id, kind="described", label=d.label, rect=rect, sides=make_sides(rect))
    openings: list[Opening] = []
    for i, door in enumerate(description.doors):
        missing = [id for id in door.rooms if id not in rooms]
        if missing:
            raise DescriptionError(f"doors.{i}.rooms: expected ids of {', '.join(rooms)}, got {missing[0]!r}")
        wall = shared_wall(rooms[door.rooms[0]], rooms[door.rooms[1]], at_least=door.width_m)
        low, high = door.at - door.width_m / 2, door.at + door.width_m / 2
        if wall is None or low < wall[2] or high > wall[3]:
            raise DescriptionError(f"doors.{i}.at: expected a place on a wall that both rooms share, got {door.at}")
        openings.append(
            Opening(
                kind="door",
                axis=wall[0],
                at=wall[1],
                low=low,
                high=high,
                bottom=0.0,
                top=DOOR_HEIGHT_M,
                rooms=door.rooms,
            )
        )
    return FloorPlan(rooms=tuple(rooms.values()), openings=tuple(openings))


def _placed(
    d: ObjectDescription, index: int, earlier: Sequence[Placed], plan: FloorPlan, folder: Path, rng: Generator
) -> Placed:
    x, y, z = d.position
    room = plan.room_at(x, z)
    if not room:
        raise DescriptionError(f"objects.{index}.position: expected a place inside a room, got {d.position}")
    if d.on is not None and not 0 <= d.on < index:
        raise DescriptionError(f"objects.{index}.on: expected the place of an earlier object, got {d.on}")
    carrier = None if d.on is None else earlier[d.on]
    seed = int(rng.integers(2**31))
    color = d.term
    if d.category is not None:
        color = d.term or CATEGORY[d.category].colors[0]
        shape = build(d.category, color, seed)
    else:
        shape = Shape(mesh=read_mesh(folder, d.mesh or "", color, rng))
    return Placed(
        number=index + 1,
        category=d.label,
        color=color,
        shape_seed=seed,
        shape=shape,
        position=(x, y if y is not None else _top(carrier), z),
        yaw=math.radians(d.yaw_deg),
        room=room,
        support=0 if carrier is None else carrier.number,
        predicate="" if carrier is None else "on",
    )


def _top(carrier: Placed | None) -> float:
    """Height of the floor, or of the highest surface of what carries; of an own mesh, its highest point."""
    if carrier is None:
        return 0.0
    surfaces = [s.y for s in carrier.shape.surfaces if s.predicate == "on"]
    return carrier.position[1] + (max(surfaces) if surfaces else float(carrier.shape.mesh.bounds[1][1]))


def read_mesh(folder: Path, name: str, color: ColorTerm | Literal[""], rng: Generator) -> Mesh:
    """An own mesh, grounded, with its textures. ``color`` paints what has no texture; without one the file's colours
    are kept.

    Raises:
        DescriptionError: a path that leaves the folder, another file type, or a file that cannot be used.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise DescriptionError(f"mesh {name!r}: expected a file inside the description's folder")
    if path.suffix.lower() not in MESH_SUFFIXES or not path.is_file():
        raise DescriptionError(f"mesh {name!r}: expected an existing file of type {', '.join(MESH_SUFFIXES)}")
    try:
        own = _read(path, folder)
    except MeshFileError as error:
        raise DescriptionError(f"mesh {name!r}: {error}") from error
    if not 0 < len(own.triangles) <= MAX_TRIANGLES:
        raise DescriptionError(f"mesh {name!r}: expected 1 to {MAX_TRIANGLES} triangles, got {len(own.triangles)}")
    if not np.isfinite(own.vertices).all() or not 0 <= own.triangles.min() <= own.triangles.max() < len(own.vertices):
        raise DescriptionError(f"mesh {name!r}: expected finite vertices, and faces of existing vertices")
    painted = np.tile(np.asarray(albedo(color or "gray", rng), np.float32), (len(own.triangles), 1))
    textured = (own.picture >= 0)[:, None]
    kept = np.where(textured | (not color), own.colors, painted) if own.colors is not None else painted
    return Mesh(
        vertices=own.vertices,
        triangles=own.triangles,
        colors=kept.astype(np.float32),
        materials=np.full(len(own.triangles), MATERIAL_INDEX["plain"], np.uint8),
        paint=Paint(uv=own.uv, picture=own.picture, pictures=own.pictures) if own.pictures else None,
    ).grounded()


def _read(path: Path, folder: Path) -> OwnMesh:
    if path.suffix.lower() in (".glb", ".gltf"):
        return read_gltf(path, folder)
    return read_obj(path, folder) if path.suffix.lower() == ".obj" else _read_others(path)


def _read_others(path: Path) -> OwnMesh:
    """Formats that hold triangles and at most vertex colours, by Open3D."""
    import open3d as o3d  # lazy: heavy

    # What cannot be read comes back without triangles, and is refused as such.
    with o3d.utility.VerbosityContextManager(o3d.utility.VerbosityLevel.Error):
        loaded = o3d.io.read_triangle_mesh(str(path))
    triangles = np.asarray(loaded.triangles, np.int32)
    colors = np.asarray(loaded.vertex_colors, np.float32)[triangles].mean(1) if loaded.has_vertex_colors() else None
    return plain(np.asarray(loaded.vertices, np.float32), triangles, colors)
