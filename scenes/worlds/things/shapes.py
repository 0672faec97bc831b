"""What a builder returns, and the random choices that every builder shares."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from numpy.random import Generator

from scenes.rendering.mesh import RGB, Finish, Mesh, Vec3, box, cylinder, join
from scenes.vocabulary import ColorTerm, RelationWord
from scenes.worlds.things.colors import albedo

Span = tuple[int, int]
"""First vertex of a part of a mesh, and one past its last."""
ACCENTS: tuple[ColorTerm, ...] = ("white", "gray", "black", "red", "blue", "yellow", "green", "orange")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """A level rectangle that things can stand on, in the shape's local frame."""

    y: float
    x: tuple[float, float]
    z: tuple[float, float]
    headroom: float = 1.2
    """Free height above it, metres."""
    predicate: RelationWord | Literal[""] = "on"
    """``on``, ``in`` for the inside of a shelf or a container, ``""`` for the floor beneath something."""
    front: str = ""
    """Name of the front that must be open to reach it, ``""`` where none is in the way."""

    def moved(self, dx: float, dy: float, dz: float) -> Surface:
        """Shifted within the local frame."""
        x, z = self.x, self.z
        return replace(self, y=self.y + dy, x=(x[0] + dx, x[1] + dx), z=(z[0] + dz, z[1] + dz))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Front:
    """A drawer or a hinged door: which part of a mesh moves, and what shows once it is open."""

    name: str
    """``drawer 1`` is the lowest; ``door 1`` is the leftmost, or the lowest of a fridge."""
    part: Span
    """What moves."""
    slide_m: float = 0.0
    """How far a drawer comes out along +z; what lies in it goes along."""
    hinge: tuple[float, float] = (0.0, 0.0)
    """(x, z) of a door's upright axis."""
    angle: float = 0.0
    """Turn of a door about its hinge, right-handed about +y, radians; 0 for a drawer."""
    lining: Mesh
    """What shows inside."""
    body: Span | None = None
    """The solid part that gives way to the lining, None where the lining stands before it."""
    surfaces: tuple[Surface, ...]
    """Places inside, while it is open."""

    def moved(self, dx: float, dy: float, dz: float) -> Front:
        """Shifted within the local frame."""
        return replace(
            self,
            hinge=(self.hinge[0] + dx, self.hinge[1] + dz),
            lining=self.lining.moved((dx, dy, dz)),
            surfaces=tuple(s.moved(dx, dy, dz) for s in self.surfaces),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """A mesh standing at the origin, with the places on it where other things can stand."""

    mesh: Mesh
    surfaces: tuple[Surface, ...] = ()
    beneath: Surface | None = None
    """Free floor under it where small things can lie, None where nothing fits."""
    fronts: tuple[Front, ...] = ()
    """What can be opened."""
    open_front: str = ""
    """Name of the front that stands open; the mesh and the surfaces are those of that state."""
    closed: Shape | None = None
    """The same thing with all fronts closed, for a shape that stands open."""

    def moved(self, dx: float, dy: float, dz: float) -> Shape:
        """Shifted within the local frame; only for a closed shape."""
        return replace(
            self,
            mesh=self.mesh.moved((dx, dy, dz)),
            surfaces=tuple(s.moved(dx, dy, dz) for s in self.surfaces),
            beneath=None if self.beneath is None else self.beneath.moved(dx, dy, dz),
            fronts=tuple(f.moved(dx, dy, dz) for f in self.fronts),
        )


@dataclass(frozen=True, slots=True)
class Appearance:
    """Random choices for one instance. Builders draw sizes from ``rng`` and finishes from here."""

    rng: Generator
    term: ColorTerm
    """Colour term of the main part."""
    rgb: RGB = field(init=False)
    wood_rgb: RGB = field(init=False)
    accent_rgb: RGB = field(init=False)

    def __post_init__(self) -> None:
        rng = self.rng
        object.__setattr__(self, "rgb", albedo(self.term, rng))
        tone = rng.uniform(0.75, 1.5)
        object.__setattr__(self, "wood_rgb", (min(0.5 * tone, 0.9), min(0.34 * tone, 0.7), min(0.2 * tone, 0.5)))
        object.__setattr__(self, "accent_rgb", albedo(ACCENTS[rng.integers(len(ACCENTS))], rng))

    def main(self, material: str = "plain") -> Finish:
        """The finish that gives the object its colour term."""
        return Finish(self.rgb, material)

    def wood(self) -> Finish:
        """Some wood."""
        return Finish(self.wood_rgb, "wood")

    def metal(self, brightness: float = 0.62) -> Finish:
        """Bare metal."""
        return Finish((brightness, brightness, brightness * 1.02), "metal")

    def dark(self, material: str = "plastic") -> Finish:
        """Nearly black."""
        return Finish((0.07, 0.07, 0.08), material)

    def light(self, material: str = "plain") -> Finish:
        """Nearly white."""
        return Finish((0.92, 0.91, 0.88), material)

    def accent(self, material: str = "plain") -> Finish:
        """A second colour, e.g. of a label."""
        return Finish(self.accent_rgb, material)

    def body(self, material: str = "plain") -> Finish:
        """The main colour; a brown thing is made of wood."""
        return Finish(self.rgb, "wood") if self.term == "brown" else self.main(material)

    def u(self, low: float, high: float) -> float:
        """Uniform draw."""
        return float(self.rng.uniform(low, high))

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return bool(self.rng.random() < probability)


def top(width: float, depth: float, y: float, *, margin: float = 0.03, headroom: float = 1.2) -> Surface:
    """A centred surface ``on`` something of this footprint."""
    w, d = width / 2 - margin, depth / 2 - margin
    return Surface(y=y, x=(-w, w), z=(-d, d), headroom=headroom)


def beneath(x: tuple[float, float], z: tuple[float, float], height: float, *, margin: float = 0.0) -> Surface | None:
    """Free floor under something, or None where it is too small for a shoe."""
    inner = Surface(
        y=0.0, x=(x[0] + margin, x[1] - margin), z=(z[0] + margin, z[1] - margin), headroom=height - 0.03, predicate=""
    )
    return inner if min(inner.x[1] - inner.x[0], inner.z[1] - inner.z[0]) > 0.15 else None


def legs(width: float, depth: float, height: float, radius: float, finish: Finish, *, square: bool) -> Mesh:
    """Four legs at the corners of a footprint."""
    parts: list[Mesh] = []
    for sx in (-1, 1):
        for sz in (-1, 1):
            at: Vec3 = (sx * (width / 2 - radius), 0.0, sz * (depth / 2 - radius))
            if square:
                parts.append(box((2 * radius, height, 2 * radius), finish, at))
            else:
                parts.append(cylinder(radius * 0.7, height, finish, at, top=radius, segments=10))
    return join(*parts)
