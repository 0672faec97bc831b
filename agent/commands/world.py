"""The command ``world``: render a generated or a described world. Part of the composition root: the one module of this
package that imports worlds, and only when the command runs."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.commands.terminal import EXIT_DONE, progress
from scenes.errors import InputError

if TYPE_CHECKING:
    from scenes.worlds.world import World

SCENE_HELP = """\
a scene of your own: rooms, doors, and things that are shapes of the catalogue or meshes (.glb .gltf .obj .ply .stl,
Y up, metres) in the folder of the file. Axes x and z lie on the floor; a position is the middle of a thing's base, with
null for "on the floor" or "on top of what carries it".

  {"rooms": [{"id": "a", "label": "workshop", "x0": 0, "z0": 0, "x1": 5, "z1": 4},
             {"id": "b", "label": "store", "x0": 5, "z0": 0, "x1": 8, "z1": 4}],
   "doors": [{"rooms": ["a", "b"], "at": 2.0}],
   "objects": [{"label": "table", "category": "table", "color": "white", "position": [1.5, 0, 3.2]},
               {"label": "crate", "mesh": "crate.glb", "position": [6.5, 0, 2.9], "yaw_deg": 30},
               {"label": "mug", "category": "mug", "color": "red", "position": [1.5, null, 3.2], "on": 0}]}
"""


def add_commands(commands: Any) -> None:
    """Add ``world`` to the subparsers of the command line."""
    world = commands.add_parser(
        "world",
        help="render a generated world, or your own scene, as a recording with ground truth",
        epilog=SCENE_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    world.add_argument("seed", type=int, nargs="?", help="0 or more; the same seed gives the same files")
    world.add_argument("--scene", type=Path, metavar="FILE.json", help="your own scene instead of a seed, see below")
    world.add_argument("--out", type=Path, required=True, metavar="DIR")
    world.add_argument("--rooms", type=int, metavar="N", help="3 to 9 (default: from the seed)")
    world.add_argument("--style", choices=("apartment", "office"), help="default: apartment")
    world.add_argument("--sensor", choices=("exact", "headset", "colour only", "spectacles"), default="exact")
    world.add_argument(
        "--visits",
        type=int,
        default=1,
        metavar="N",
        help="DIR/visit_0, ...: things move, vanish and appear, drawers and doors open, between and during visits",
    )
    world.add_argument(
        "--workers", type=int, metavar="N", help="processes; same files for any number (default: all cores, up to 8)"
    )
    world.add_argument("--overwrite", action="store_true", help="replace a recording that is there")
    world.set_defaults(run=run_world)


def run_world(args: argparse.Namespace) -> int:
    """Render a generated or a described world."""
    from scenes.worlds.capture.sensors import SENSOR
    from scenes.worlds.capture.writing import write_still_world, write_visits

    if (args.seed is None) == (args.scene is None):
        raise InputError("expected a seed or --scene FILE.json, and not both; e.g. sightline world 7 --out world7")
    if args.scene is not None and (args.rooms is not None or args.style is not None):
        raise InputError("expected --rooms and --style with a seed only: a scene file has its own rooms")
    if args.visits < 1:
        raise InputError(f"expected --visits of 1 or more, got {args.visits}")
    name = f"world {args.seed}" if args.scene is None else f"scene {args.scene.name}"
    count, start = 0, time.perf_counter()
    show_progress = progress(f"rendering {name}")

    def follow(done: int, total: int) -> None:
        nonlocal count
        count += 1
        show_progress(done, total)

    options = {
        "sensor": SENSOR[args.sensor],
        "progress": follow,
        "overwrite": args.overwrite,
        "workers": args.workers,
    }
    try:
        world = _world_of(args)
        if args.visits > 1:
            made = write_visits(world, args.out, args.visits, **options)[-1]
        else:
            made = write_still_world(world, args.out, **options)
    except InputError:
        raise
    except ValueError as error:  # a setting that the generator does not take
        raise InputError(str(error)) from error
    seconds = time.perf_counter() - start
    print(f"{name}: {len(world.objects)} things, {count} frames, {count / seconds:.1f} frames/s, in {args.out}")
    print(f'try: sightline ask "What is near me?" --recording {made}')
    return EXIT_DONE


def _world_of(args: argparse.Namespace) -> World:
    from scenes.worlds.own.description import load_world
    from scenes.worlds.world import make_world

    if args.scene is not None:
        return load_world(args.scene)
    return make_world(_seed(args.seed), rooms=args.rooms, style=args.style)


def render_world(seed: int, folder: Path) -> None:
    """A generated world as an exact recording in a folder. Raises InputError: a negative seed."""
    from scenes.worlds.capture.writing import write_world

    write_world(_seed(seed), folder, progress=progress(f"rendering world {seed}"), workers=None)


def _seed(seed: int) -> int:
    if seed < 0:
        raise InputError(f"expected a seed of 0 or more, got {seed}")
    return seed
