"""Map a recorded walk and ask about it.

    python examples/map_and_ask.py                                    # a generated world, rendered at first use
    python examples/map_and_ask.py my-scan --question "Where is my bag?" --map my-map

A recording is any format that ``sightline info`` reads. With ``--map`` the map is kept, and the next run continues it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from agent import open_assistant
from agent.cli import main as sightline

WORLD = Path("world7")


def rendered_world() -> Path:
    """A generated flat as an RGB-D recording; a few minutes for the first time."""
    if not WORLD.exists() and sightline(["world", "7", "--rooms", "3", "--out", str(WORLD)]) != 0:
        raise SystemExit("the world was not rendered")
    return WORLD


def main() -> None:
    """Map, ask, print the words and where the things are."""
    parser = argparse.ArgumentParser(description="Map a recorded walk and ask about it.")
    parser.add_argument("recording", type=Path, nargs="?", help="default: a generated world, rendered at first use")
    parser.add_argument("--question", default="Where is the table?")
    parser.add_argument("--map", type=Path, metavar="DIR", help="keep the map in this folder")
    parser.add_argument("--vlm", default="embedded", metavar="SPEC", help="as in `sightline ask --help`")
    args = parser.parse_args()

    with open_assistant(args.recording or rendered_world(), args.map, vlm=args.vlm) as assistant:
        named = sorted({thing.label for thing in assistant.scene_graph.objects.values() if thing.label})
        print(f"{len(assistant.scene_graph.objects)} things, among them: {', '.join(named) or 'none with a name'}")
        answer = assistant.ask(args.question)
    print(f"{args.question} -> {answer.answer} ({answer.status})")
    for anchor in answer.anchors:
        x, y, z = anchor.box.center
        print(f"  {anchor.label or anchor.object_id}: x {x:.2f}, y {y:.2f}, z {z:.2f} m in map {anchor.map_id}")
        if anchor.direction is not None:
            there = anchor.direction
            print(f"  {there.distance_m:.1f} m from the wearer, {there.azimuth_deg:.0f} degrees to the right")


if __name__ == "__main__":
    main()
