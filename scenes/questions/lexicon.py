"""Names of things in homes and offices, of rooms, and invented words. Plain English, from no data set."""

from __future__ import annotations

import random


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(" ".join(n.split()) for n in text.split(",") if n.strip()))


SUPPORTS = _names(
    """
    table, desk, shelf, sofa, couch, bed, chair, armchair, stool, bench, counter, sideboard, dresser,
    nightstand, coffee table, dining table, side table, bookcase, bookshelf, kitchen island, tv stand,
    windowsill, mantelpiece, workbench, trolley, ottoman, footstool, piano, washing machine, dryer, fridge,
    freezer, microwave, oven, stove, chest, console table, standing desk, filing cabinet, shoe rack, futon,
    loveseat, rocking chair, high chair, bar stool, office chair, folding table, bunk bed, vanity, changing
    table, display case, reception desk, conference table, drafting table, night table, plant stand, step stool,
    rug, doormat, mattress, tray table, hearth, radiator, air hockey table, pool table, lectern, podium
    """
)
"""Things that other things stand on."""

CONTAINERS = _names(
    """
    box, basket, drawer, cabinet, cupboard, wardrobe, closet, bin, trash can, bucket, crate, suitcase, backpack,
    handbag, tote bag, duffel bag, toolbox, laundry basket, hamper, sink, bathtub, jewelry box, lunch box,
    pencil case, fruit bowl, vase, jar, cooler, mailbox, pantry, locker, safe, bread box, cookie jar, sewing
    box, toy chest, first aid kit, recycling bin, storage bin, picnic basket, shopping bag, paper bag, gym bag,
    cool box
    """
)
"""Things that other things lie in."""

SMALL = _names(
    """
    mug, cup, plate, bowl, glass, wine glass, bottle, water bottle, thermos, teapot, kettle, pan, pot, wok,
    spoon, fork, knife, spatula, ladle, whisk, peeler, grater, cutting board, rolling pin, colander, sieve,
    toaster, blender, mixer, juicer, coffee maker, rice cooker, scale, timer, salt shaker, pepper mill, sugar
    bowl, napkin, tea towel, oven mitt, apron, sponge, dish rack, corkscrew, can opener, bottle opener, tray,
    coaster, pitcher, jug, carafe, candle, candlestick, lighter, matchbox, lamp, desk lamp, floor lamp, lantern,
    flashlight, torch, light bulb, clock, alarm clock, wristwatch, watch, book, notebook, magazine, newspaper,
    dictionary, cookbook, comic, diary, calendar, envelope, letter, postcard, stamp, parcel, package, folder,
    binder, clipboard, pen, pencil, marker, crayon, highlighter, eraser, ruler, stapler, hole punch, paper clip,
    tape, duct tape, glue, scissors, calculator, laptop, tablet, keyboard, mouse, monitor, webcam, printer,
    scanner, router, modem, hard drive, charger, cable, extension cord, power strip, adapter, battery, phone,
    smartphone, telephone, headphones, earbuds, microphone, speaker, radio, television, tv, remote, remote
    control, game controller, console, projector, camera, tripod, lens, drone, robot vacuum, vacuum cleaner,
    fan, heater, humidifier, dehumidifier, air purifier, thermostat, smoke alarm, iron, ironing board, sewing
    machine, needle, thread, yarn, button, zipper, hanger, clothespin, broom, mop, dustpan, brush, duster,
    ladder, hammer, screwdriver, wrench, pliers, drill, saw, chisel, file, level, tape measure, screw, nail,
    bolt, nut, hook, rope, chain, padlock, key, keys, keychain, wallet, purse, passport, credit card, ticket,
    badge, umbrella, walking stick, hat, cap, beanie, scarf, glove, mitten, coat, jacket, raincoat, sweater,
    hoodie, shirt, t-shirt, blouse, dress, skirt, jeans, belt, tie, sock, shoe, sneaker, boot, sandal, slipper,
    high heel, sunglasses, glasses, glasses case, ring, necklace, bracelet, earring, brooch, perfume, lipstick,
    comb, hairbrush, hair dryer, razor, toothbrush, toothpaste, soap, shampoo, lotion, towel, bath mat, toilet
    brush, toilet paper, tissue box, cotton swab, bandage, pill bottle, thermometer, pillow, cushion, blanket,
    duvet, bedspread, quilt, curtain, carpet, painting, picture, poster, photo, photo frame, picture frame,
    mirror, map, globe, statue, figurine, trophy, medal, plant, potted plant, cactus, fern, orchid, flower,
    flower pot, watering can, bird cage, fish tank, aquarium, dog bed, leash, cat tree, scratching post, pet
    bowl, ball, tennis ball, football, basketball, soccer ball, racket, skateboard, scooter, bicycle, helmet,
    yoga mat, dumbbell, kettlebell, jump rope, resistance band, guitar, violin, ukulele, flute, trumpet, drum,
    harmonica, metronome, music stand, record player, vinyl record, dvd, cd, board game, chess set, puzzle,
    dice, playing cards, doll, teddy bear, toy car, toy train, kite, balloon, robot, rubber duck, building
    block, rattle, pacifier, stroller, car seat, apple, banana, orange, lemon, pear, peach, grape, melon,
    pineapple, mango, avocado, tomato, potato, onion, carrot, cucumber, pepper, pumpkin, bread, bagel,
    croissant, cake, cookie, muffin, donut, sandwich, pizza, egg carton, cheese, butter, yogurt, milk carton,
    juice box, soda can, beer bottle, wine bottle, cereal box, rice bag, flour bag, honey jar, jam jar, peanut
    butter, ketchup, mustard, olive oil, tea bag, coffee cup, snack, chocolate, candy, whiteboard, blackboard,
    chalk, easel, paintbrush, canvas, sculpture, telescope, microscope, binoculars, magnifying glass, compass,
    hourglass, fire extinguisher, exit sign, water cooler, vending machine, coat rack, hat stand, umbrella
    stand, room divider, door, window, doorbell, light switch, power outlet, ceiling fan, chandelier, faucet,
    shower head, toilet, bidet, towel rack, bath tub, fireplace, fire poker, log basket, staircase, railing,
    banister, crib, playpen, dollhouse, rocking horse, sled, snowboard, ski, surfboard, fishing rod, tent,
    sleeping bag, camping stove, canteen, pocket knife, whistle, luggage, bag, gift, ribbon, wreath, ornament,
    snow globe, music box, cup holder, mouse pad, docking station, usb stick, memory card, sd card, headset,
    joystick, smart speaker, doorstop, step ladder, paint can, sandpaper, toolbelt, work gloves, ear plugs, face
    mask, hand sanitizer, tissue, wet wipes, shoehorn, lint roller, sewing kit, tape deck, typewriter, abacus,
    quill, inkwell, tea caddy, gravy boat, trivet, mortar, pestle, fondue pot, waffle iron, pressure cooker,
    slow cooker, bread knife, butter dish, cake stand, ice bucket, shot glass, tankard, decanter
    """
)
"""Things that stand, lie, hang or lean anywhere."""

NOUNS = tuple(dict.fromkeys((*SUPPORTS, *CONTAINERS, *SMALL)))
ROOMS = _names(
    """
    kitchen, living room, bedroom, bathroom, hallway, office, study, dining room, garage, attic, basement,
    laundry room, guest room, nursery, pantry, lobby, meeting room, workshop, library, balcony, closet, den
    """
)
MATERIALS = ("wooden", "metal", "plastic", "glass", "leather", "ceramic", "cotton", "paper", "steel", "wicker")
SIZES = ("small", "big", "tall", "little", "old", "new", "round", "square")
OWNERS = ("anna", "ben", "carla", "david", "emma", "felix", "grace", "hugo", "ines", "jonas", "mum", "dad", "leo")
SYNONYMS: tuple[tuple[str, ...], ...] = (
    ("sofa", "couch"),
    ("tv", "television"),
    ("fridge", "refrigerator"),
    ("trash can", "garbage can", "rubbish bin"),
    ("cell phone", "phone", "smartphone", "mobile"),
    ("remote", "remote control"),
    ("picture", "painting"),
    ("cupboard", "cabinet"),
    ("stove", "cooker"),
    ("rug", "carpet"),
)

_ONSETS = ("b", "bl", "br", "d", "dr", "f", "fl", "g", "gl", "k", "kl", "l", "m", "n", "p", "pl", "r", "s", "sk", "sn")
_MORE_ONSETS = ("st", "t", "tr", "v", "w", "z", "zw", "j", "th", "sh", "ch", "qu", "spl", "gr", "vr", "y", "h")
_VOWELS = ("a", "e", "i", "o", "u", "ai", "oo", "ee", "ou", "y")
_CODAS = (
    "",
    "",
    "b",
    "ck",
    "d",
    "ft",
    "g",
    "l",
    "lm",
    "m",
    "n",
    "nk",
    "nt",
    "p",
    "r",
    "rp",
    "rn",
    "sk",
    "t",
    "x",
    "zz",
)
_ENDINGS = ("et", "il", "er", "on", "ix", "le", "o", "ar", "um", "ity", "ox", "in", "ap")


def invented_word(rng: random.Random) -> str:
    """A pronounceable word that means nothing, such as ``blicket``: a name can only be copied, not guessed."""
    onsets = _ONSETS + _MORE_ONSETS
    word = rng.choice(onsets) + rng.choice(_VOWELS) + rng.choice(_CODAS)
    if rng.random() < 0.7:
        word += rng.choice(onsets if word[-1] in "aeiouy" else ("", "", *_ONSETS[:8])) + rng.choice(_ENDINGS)
    return word if len(word) > 3 else word + rng.choice(_ENDINGS)


def object_name(rng: random.Random, invented: float = 0.2, qualified: float = 0.12) -> str:
    """A thing's name: mostly a noun, sometimes an invented word or two words such as ``wooden spoon``."""
    if rng.random() < invented:
        name = invented_word(rng)
        if rng.random() < 0.15:
            name += " " + rng.choice((invented_word(rng), rng.choice(NOUNS).rsplit(" ", 1)[-1]))
        return name
    name = rng.choice(SMALL)
    if rng.random() < qualified and " " not in name:
        name = f"{rng.choice(MATERIALS + SIZES)} {name}"
    return name
