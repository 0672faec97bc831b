"""The command ``localise``: where images were taken in a map, or why that is not known. Heavy imports are lazy."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from agent.commands.terminal import EXIT_DONE, EXIT_ERROR
from scenes.errors import InputError


def add_commands(commands: Any) -> None:
    """Add ``localise`` to the subparsers of the command line."""
    localise = commands.add_parser("localise", help="where images were taken in a map, or why that is not known")
    localise.add_argument("map", type=Path, metavar="MAP", help="a map's folder")
    localise.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    localise.add_argument(
        "--intrinsics", metavar="FX,FY,CX,CY", help="of the images, in pixels (default: those of the map's camera)"
    )
    localise.add_argument("--json", action="store_true", help="print one JSON object a line")
    localise.set_defaults(run=run_localise)


def run_localise(args: argparse.Namespace) -> int:
    """Print a line per image: 0 when every image was localised, 1 when one was not."""
    from agent.maps.image_localisation import localise_images
    from tools.localisation.localiser import NotLocalised

    worst = EXIT_DONE
    given = None if args.intrinsics is None else intrinsics(args.intrinsics)
    for one in localise_images(args.map, args.images, given):
        print(json.dumps(one.to_dict()) if args.json else one.text(), flush=True)
        worst = EXIT_ERROR if isinstance(one.result, NotLocalised) else worst
    return worst


def intrinsics(text: str) -> tuple[float, float, float, float]:
    """``fx,fy,cx,cy`` of the command line. Raises InputError."""
    try:
        fx, fy, cx, cy = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--intrinsics: expected fx,fy,cx,cy in pixels, got {text!r}") from None
    return fx, fy, cx, cy
