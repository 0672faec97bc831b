"""The object categories: how each is built, which colours it comes in, and where people keep it.

``CATEGORIES`` is the one list; a world can hold nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from scenes.vocabulary import ColorTerm
from scenes.worlds.things import appliances as app
from scenes.worlds.things import decor, gadgets
from scenes.worlds.things import furniture as fur
from scenes.worlds.things import tableware as ware
from scenes.worlds.things.shapes import Appearance, Shape

Palette = tuple[ColorTerm, ...]
"""Colours of a kind of thing; one that stands twice is twice as common."""
ALL: Palette = ("black", "gray", "white", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown")
BRIGHT: Palette = ("white", "red", "orange", "yellow", "green", "blue", "purple", "pink", "black", "gray")
WOODEN: Palette = ("brown", "brown", "white", "black", "gray")
DEVICE: Palette = ("black", "black", "gray", "white")
METAL: Palette = ("gray", "gray", "white", "black", "red")
CLOTH: Palette = ("gray", "blue", "green", "red", "brown", "purple", "yellow", "white", "black", "pink", "orange")

TABLES = {"table": 1.0, "coffee table": 0.8, "desk": 0.7}
WORKTOP = {"counter": 1.0, "table": 0.4}
STORAGE = {"cabinet": 1.0, "dresser": 1.0, "nightstand": 0.7, "tv stand": 0.4, "wall shelf": 0.5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """One kind of thing."""

    name: str
    build: Callable[[Appearance], Shape]
    colors: Palette
    place: str
    """``wall``: on the floor, back to a wall; ``free``: on the floor anywhere; ``top``: on or in another thing;
    ``hung``: on a wall above the floor."""
    hosts: Mapping[str, float] = field(default_factory=dict)
    """For ``top``: categories that carry it, with weights."""
    spot: str = "any"
    """For ``top``: ``back``, ``front``, ``any`` of the surface. Anything but ``any`` also faces the front."""
    faces_front: bool = False
    one_color: bool = True
    """False where no single colour term describes it: its truth then has no colour."""


def _top(
    name: str,
    build: Callable[[Appearance], Shape],
    colors: Palette,
    hosts: Mapping[str, float],
    spot: str = "any",
    *,
    front: bool = False,
    one_color: bool = True,
) -> Category:
    return Category(
        name=name,
        build=build,
        colors=colors,
        place="top",
        hosts=hosts,
        spot=spot,
        faces_front=front or spot != "any",
        one_color=one_color,
    )


CATEGORIES = (
    Category(name="chair", build=fur.chair, colors=(*WOODEN, "red", "blue", "green", "yellow"), place="free"),
    Category(
        name="office chair", build=fur.office_chair, colors=("black", "gray", "blue", "red", "green"), place="free"
    ),
    Category(name="stool", build=fur.stool, colors=(*WOODEN, "red", "yellow"), place="wall"),
    Category(name="armchair", build=fur.armchair, colors=CLOTH, place="wall"),
    Category(name="sofa", build=fur.sofa, colors=CLOTH, place="wall"),
    Category(name="bench", build=fur.bench, colors=WOODEN, place="wall"),
    Category(name="table", build=fur.table, colors=WOODEN, place="free"),
    Category(name="coffee table", build=fur.coffee_table, colors=WOODEN, place="free"),
    Category(name="desk", build=fur.desk, colors=WOODEN, place="wall"),
    Category(name="bed", build=fur.bed, colors=CLOTH, place="wall"),
    Category(name="nightstand", build=fur.nightstand, colors=WOODEN, place="wall"),
    Category(name="wardrobe", build=fur.wardrobe, colors=WOODEN, place="wall"),
    Category(name="dresser", build=fur.dresser, colors=(*WOODEN, "blue", "green"), place="wall"),
    Category(name="cabinet", build=fur.cabinet, colors=(*WOODEN, "green", "blue"), place="wall"),
    Category(name="bookshelf", build=fur.bookshelf, colors=WOODEN, place="wall"),
    Category(name="tv stand", build=fur.tv_stand, colors=WOODEN, place="wall"),
    Category(name="counter", build=fur.counter, colors=(*WOODEN, "blue", "green"), place="wall"),
    Category(name="rug", build=fur.rug, colors=CLOTH, place="free"),
    Category(name="fridge", build=app.fridge, colors=("white", "gray", "black", "red", "blue"), place="wall"),
    Category(name="oven", build=app.oven, colors=("white", "gray", "black"), place="wall"),
    Category(name="sink", build=app.sink, colors=(*WOODEN, "blue"), place="wall"),
    Category(name="toilet", build=app.toilet, colors=("white",), place="wall"),
    Category(name="bathtub", build=app.bathtub, colors=("white",), place="wall"),
    Category(name="washing machine", build=app.washing_machine, colors=("white", "gray"), place="wall"),
    Category(name="bin", build=app.bin_, colors=("gray", "black", "white", "red", "green", "blue"), place="wall"),
    Category(name="floor lamp", build=app.floor_lamp, colors=("white", "yellow", "red", "gray", "green"), place="wall"),
    Category(name="radiator", build=app.radiator, colors=("white",), place="wall"),
    Category(name="box", build=app.box_, colors=("brown", "brown", "white", "blue"), place="wall"),
    Category(name="basket", build=app.basket, colors=("brown", "white", "gray", "yellow"), place="wall"),
    Category(name="suitcase", build=app.suitcase, colors=BRIGHT, place="wall"),
    Category(name="guitar", build=app.guitar, colors=("brown", "brown", "orange", "red", "black"), place="wall"),
    Category(name="plant", build=app.plant, colors=("green",), place="wall"),
    Category(name="backpack", build=decor.backpack, colors=BRIGHT, place="wall"),
    Category(name="shoe", build=decor.shoe, colors=BRIGHT, place="wall"),
    Category(name="ball", build=decor.ball, colors=BRIGHT, place="wall"),
    Category(
        name="picture", build=decor.picture, colors=("black", "white", "brown", "yellow"), place="hung", one_color=False
    ),
    Category(name="clock", build=decor.clock, colors=("black", "white", "red", "blue", "gray"), place="hung"),
    Category(name="mirror", build=decor.mirror, colors=("brown", "white", "black"), place="hung", one_color=False),
    Category(name="wall shelf", build=decor.wall_shelf, colors=WOODEN, place="hung"),
    _top("mug", ware.mug, BRIGHT, {**TABLES, **WORKTOP, "nightstand": 0.7, "desk": 1.2}),
    _top("cup", ware.cup, BRIGHT, {**TABLES, "nightstand": 0.3}),
    _top("glass", ware.glass, ("white", "blue", "green"), {"table": 0.6, "coffee table": 0.4, "counter": 0.4}),
    _top("bottle", ware.bottle, ("green", "brown", "blue", "white", "black", "red"), {**TABLES, **WORKTOP}),
    _top("bowl", ware.bowl, BRIGHT, {**WORKTOP, "coffee table": 0.5}),
    _top("plate", ware.plate, BRIGHT, {"table": 1.0, "counter": 0.6}),
    _top("kettle", ware.kettle, METAL, {"counter": 0.9}, "back"),
    _top("teapot", ware.teapot, BRIGHT, {"table": 0.4, "counter": 0.4, "coffee table": 0.3}),
    _top("pot", ware.pot, METAL, {"oven": 1.5, "counter": 0.4}),
    _top("pan", ware.pan, ("black", "gray", "red"), {"oven": 1.2, "counter": 0.3}),
    _top("toaster", ware.toaster, METAL, {"counter": 0.7}, "back"),
    _top("microwave", ware.microwave, DEVICE, {"counter": 0.8}, "back"),
    _top("apple", ware.fruit, ("red", "green", "yellow"), {"table": 0.5, "counter": 0.5, "bowl": 0.0}),
    _top("banana", ware.banana, ("yellow", "yellow", "green"), {"table": 0.5, "counter": 0.5}),
    _top(
        "laptop",
        gadgets.laptop,
        ("gray", "black", "white"),
        {"desk": 1.0, "table": 0.4, "coffee table": 0.3},
        front=True,
    ),
    _top("monitor", gadgets.monitor, ("black", "black", "white", "gray"), {"desk": 2.5}, "back"),
    _top("tv", gadgets.tv, ("black",), {"tv stand": 6.0}, "back"),
    _top("keyboard", gadgets.keyboard, DEVICE, {"desk": 2.0}, "front"),
    _top("mouse", gadgets.mouse, (*DEVICE, "red", "blue"), {"desk": 1.4}, "front"),
    _top("phone", gadgets.phone, (*DEVICE, "red", "blue"), {**TABLES, "nightstand": 0.7, "counter": 0.2}),
    _top("remote", gadgets.remote, ("black", "gray", "white"), {"coffee table": 1.0, "tv stand": 0.8, "sofa": 0.3}),
    _top(
        "lamp",
        gadgets.lamp,
        ("white", "red", "yellow", "blue", "green", "black"),
        {"nightstand": 1.6, "desk": 1.0, **STORAGE},
        "back",
    ),
    _top(
        "headphones",
        gadgets.headphones,
        ("black", "white", "red", "blue"),
        {"desk": 0.6, "coffee table": 0.2, "nightstand": 0.2},
    ),
    _top(
        "speaker",
        gadgets.speaker,
        ("black", "brown", "white"),
        {"tv stand": 1.2, "cabinet": 0.4, "bookshelf": 0.4},
        "back",
    ),
    _top("printer", gadgets.printer, DEVICE, {"cabinet": 0.5, "desk": 0.3, "dresser": 0.2}, "back"),
    _top("pen holder", gadgets.pen, (*BRIGHT,), {"desk": 1.0, "bookshelf": 0.2}, "back"),
    _top("book", decor.book, ALL, {**TABLES, **STORAGE, "bed": 0.5, "sofa": 0.3, "bookshelf": 0.6}),
    _top("books", decor.books, ALL, {"bookshelf": 3.0, "wall shelf": 1.5, "desk": 0.3}, "back", one_color=False),
    _top("vase", decor.vase, BRIGHT, {**STORAGE, "table": 0.5, "coffee table": 0.4, "bookshelf": 0.5}),
    _top(
        "candle",
        decor.candle,
        ("white", "red", "yellow", "purple", "orange"),
        {**STORAGE, "table": 0.3, "coffee table": 0.4},
    ),
    _top("pillow", decor.pillow, CLOTH, {"sofa": 3.0, "armchair": 1.5, "bed": 1.0}, "back"),
    _top("toy car", decor.toy_car, BRIGHT, {"bookshelf": 0.3, "bed": 0.2, "coffee table": 0.3, "dresser": 0.3}),
    _top(
        "teddy bear",
        decor.teddy,
        ("brown", "brown", "white", "pink", "gray"),
        {"bed": 1.0, "armchair": 0.6, "bookshelf": 0.3, "sofa": 0.3},
        front=True,
    ),
    _top("handbag", decor.handbag, BRIGHT, {"bench": 1.0, "dresser": 0.4, "table": 0.2, "chair": 0.6, "bed": 0.3}),
    _top("hat", decor.hat, CLOTH, {"bench": 0.7, "dresser": 0.5, "bed": 0.3, "chair": 0.3}),
    _top("towel", decor.towel, CLOTH, {"washing machine": 1.5, "bench": 0.4, "bed": 0.2, "stool": 0.4}),
    _top("tissue box", decor.tissue_box, BRIGHT, {"nightstand": 0.6, "coffee table": 0.4, "cabinet": 0.3, "desk": 0.2}),
)

CATEGORY = {category.name: category for category in CATEGORIES}


def build(name: str, color: ColorTerm, seed: int) -> Shape:
    """One instance of a category. Same arguments, same shape.

    The footprint is centred on the origin and the lowest point is at y = 0.
    """
    look = Appearance(np.random.default_rng((11, seed)), color)
    shape = CATEGORY[name].build(look)
    low, high = shape.mesh.bounds
    dx, dy, dz = float(low[0] + high[0]) / 2, float(low[1]), float(low[2] + high[2]) / 2
    return shape.moved(-dx, -dy, -dz)
