"""The command ``info``: what a recording or a map holds. Heavy imports are lazy."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.commands.terminal import EXIT_DONE

if TYPE_CHECKING:
    from agent.maps.map_store import MapStore


def add_commands(commands: Any) -> None:
    """Add ``info`` to the subparsers of the command line."""
    info = commands.add_parser("info", help="what a recording or a map holds, and whether its calibration makes sense")
    info.add_argument("path", type=Path)
    info.add_argument("--json", action="store_true", help="print one JSON object")
    info.set_defaults(run=run_info)


def run_info(args: argparse.Namespace) -> int:
    """What a recording or a map holds."""
    from agent.maps.map_header import is_map
    from agent.maps.map_store import MapStore
    from scenes.recordings import inspect, open_recording

    if is_map(args.path):
        with MapStore.open(args.path) as store:
            report = map_report(store)
        print(json.dumps(report) if args.json else map_lines(report))
        return EXIT_DONE
    found = inspect(open_recording(args.path))
    print(json.dumps(found.to_dict()) if args.json else "\n".join(found.lines()))
    return EXIT_DONE


def map_report(store: MapStore) -> dict[str, Any]:
    """What an open map holds, JSON-ready."""
    objects = store.builder.snapshot().objects.values()
    return {
        "map_id": store.header.map_id,
        "frames": store.surface.frames,
        "voxel_m": store.surface.voxel_m,
        "objects": len(objects),
        "named": sorted({o.label for o in objects if o.label}),
        "taught": sorted(o.label for o in objects if o.label_source == "user"),
        "visits": [{"recording": v.path, "format": v.format, "frames": v.last_index + 1} for v in store.header.visits],
    }


def map_lines(report: dict[str, Any]) -> str:
    """The report for a person."""
    lines = [f"map {report['map_id']}: {report['frames']} frames at {report['voxel_m'] * 100:g} cm"]
    lines.append(f"{report['objects']} objects, named: {', '.join(report['named']) or 'none'}")
    if report["taught"]:
        lines.append(f"taught by the wearer: {', '.join(report['taught'])}")
    lines += [f"visit: {v['recording']} ({v['format']}), {v['frames']} frames" for v in report["visits"]]
    if "plan" in report:
        lines.append(f"floor plan: {report['plan']} (and plan.html)")
    return "\n".join(lines)
