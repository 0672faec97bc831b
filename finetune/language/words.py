"""Word lists and simple grammar for generated training text. Plain English; nothing is taken from a data set.

The base model learns from it before it sees Sightline's own wording: this stays apart from ``tools.toolbox.phrases``.
Order and length of every list decide what a seed draws: a change makes another base model.
"""

from __future__ import annotations

import random
from typing import Final

from scenes.vocabulary import ColorWord


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


THINGS = _split(
    """mug cup plate bowl bottle glass jar pot pan kettle spoon fork knife tray lid sponge towel apron toaster oven
    fridge stove sink tap bin basket box crate bag backpack suitcase purse wallet key phone charger cable laptop
    tablet keyboard mouse monitor screen printer camera lens tripod speaker radio headset microphone lamp
    lantern candle bulb torch battery clock watch timer calendar book notebook magazine newspaper letter
    envelope stamp pen pencil marker ruler eraser stapler scissors tape glue folder binder poster painting
    picture frame mirror vase plant flower cactus pillow cushion blanket rug carpet curtain mattress bed crib
    sofa couch armchair chair stool bench table desk shelf bookcase cabinet drawer dresser wardrobe closet
    hanger coat jacket sweater shirt skirt dress scarf hat cap glove sock shoe boot sandal slipper belt ring
    necklace bracelet umbrella cane door window handle lock hinge ladder hammer wrench screwdriver drill saw
    nail screw bolt rope chain hook bucket mop broom brush vacuum hose shovel rake toy doll ball puzzle kite
    guitar piano drum violin flute bicycle helmet scooter skateboard racket bat dumbbell mat tent cooler thermos
    soap shampoo razor comb toothbrush tissue bandage pill thermometer scale fan heater radiator vent socket
    switch remote television console controller router modem server robot drone parcel package bread apple
    orange banana lemon carrot onion potato cheese egg cookie cake sandwich pizza coffee tea milk juice sugar
    salt pepper shelf counter island fireplace staircase railing pillar whiteboard projector trophy globe map
    sign statue fountain bathtub toilet washer dryer dishwasher microwave teapot jug pitcher ladle grater
    blender mixer corkscrew napkin coaster tablecloth doormat ottoman footstool nightstand sideboard bookshelf
    lampshade planter pot stereo turntable record photo album suitcase"""
)
"""Common indoor things."""

COLORS: Final[tuple[ColorWord, ...]] = (
    *("red", "green", "blue", "yellow", "orange", "purple"),
    *("pink", "brown", "black", "white", "gray", "beige"),
)
"""In an order of its own, which the seeds of the base model's training text depend on."""
QUALITIES = _split("small large big little old new tall short round square wooden metal plastic glass soft heavy")
PLACES = (
    *_split("kitchen bedroom bathroom hallway office garage attic cellar balcony garden study lobby corridor"),
    *_split("workshop nursery pantry laundry entrance"),
    *("living room", "dining room", "guest room", "bed room", "bath room"),
)
VERBS = _split(
    """find get list show search check read open count fetch track scan query inspect locate name tag mark note
    save store keep drop delete remove forget plan route guide compare measure estimate compute describe explain
    report watch"""
)
TOPICS = _split(
    """place spot position distance size height width color state owner history time price label weight age path
    way room floor object item thing part event visit note reminder contact message order parcel sensor light
    door signal level"""
)
TIMES = (
    *("now", "today", "yesterday", "this morning", "this afternoon", "tonight", "last night", "last week"),
    *("an hour ago", "two minutes ago", "before lunch", "after dinner", "a moment ago", "earlier", "just now"),
    "at the start",
)
DIRECTIONS = (
    *("ahead", "straight ahead", "in front of you", "behind you", "to your left", "to your right"),
    *("behind you to the left", "behind you to the right", "ahead and slightly left", "ahead and slightly right"),
    *("in front of you to the left", "in front of you to the right", "at your feet", "above you", "below you"),
)
ATTRIBUTES = _split(
    """distance height width length depth size color weight age price state material room owner count temperature
    level shape"""
)
UNITS = ("m", "cm", "kg", "g", "s", "min", "h", "percent", "liters", "degrees")
STATES = (
    "open",
    "closed",
    "on",
    "off",
    "full",
    "empty",
    "clean",
    "dirty",
    "moving",
    "still",
    "new",
    "broken",
    "missing",
)
MATERIALS = ("wood", "metal", "plastic", "glass", "fabric", "leather", "stone", "paper", "rubber", "ceramic")

_ONSETS = _split(
    """b bl br c ch cl d dr f fl fr g gl gr h j k kl kr l m n p pl pr qu r s sh sk sl sm sn sp st t th tr v w y z"""
)
_VOWELS = _split("a e i o u ai ee ea oa oo ou ie y")
_CODAS = ["", "", "", *_split("b d ck f g l ll m n nd ng nk nt p r rd rk rm rn rt s sh sk ss st t th x z")]


def invented_word(rng: random.Random) -> str:
    """A pronounceable word that no list holds: copying it cannot be learnt by heart."""
    return "".join(
        rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(rng.choice((1, 2, 2, 2, 3)))
    )


def noun(rng: random.Random, invented: float = 0.25) -> str:
    """One noun, an invented one with the given probability."""
    return invented_word(rng) if rng.random() < invented else rng.choice(THINGS)


def thing_name(rng: random.Random, invented: float = 0.25) -> str:
    """A noun, often with a colour, a quality or an owner in front: ``red mug``, ``my bag``."""
    head = noun(rng, invented)
    style = rng.random()
    if style < 0.45:
        return head
    if style < 0.7:
        return f"{rng.choice(COLORS)} {head}"
    if style < 0.8:
        return f"{rng.choice(QUALITIES)} {head}"
    if style < 0.9:
        return f"my {head}"
    return f"{noun(rng, invented)} {head}"


def plural(name: str) -> str:
    """The English plural of a name's last word, by the regular rules."""
    if name.endswith(("s", "x", "ch", "sh", "z")):
        return name + "es"
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return name[:-1] + "ies"
    if name.endswith("fe"):
        return name[:-2] + "ves"
    return name + "s"


def number(rng: random.Random) -> str:
    """A number as a person would say it: 0.4, 2.4, 12, 37, 140."""
    style = rng.random()
    if style < 0.5:
        return f"{rng.randint(0, 99) / 10:.1f}"
    if style < 0.6:
        return f"{rng.randint(0, 99) / 100:.2f}"
    return str(rng.choice((rng.randint(0, 9), rng.randint(10, 99), rng.randint(100, 999))))


def with_the(name: str) -> str:
    """The name as the assistant says it: ``my bag`` -> ``your bag``, ``mug`` -> ``the mug``."""
    return "your " + name[3:] if name.startswith("my ") else "the " + name


def sentence(text: str) -> str:
    """First letter upper case, a full stop at the end."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


def with_article(name: str) -> str:
    """``a mug``, ``an oven``, ``your bag``."""
    if name.startswith("my "):
        return with_the(name)
    return f"an {name}" if name[:1] in "aeiou" else f"a {name}"
