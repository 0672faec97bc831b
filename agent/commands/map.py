"""The command ``map``: build map, scene graph and memory from a recording. Heavy imports are lazy."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from agent.commands.info import map_lines, map_report
from agent.commands.sources import add_model, model_of, with_depth
from agent.commands.terminal import EXIT_DONE, progress
from scenes.errors import InputError


def add_commands(commands: Any) -> None:
    """Add ``map`` to the subparsers of the command line."""
    build = commands.add_parser("map", help="build map, scene graph and memory from a recording")
    build.add_argument("recording", type=Path)
    build.add_argument("--out", type=Path, required=True, metavar="DIR", help="the map's folder; must not exist yet")
    build.add_argument("--captions", type=int, default=0, metavar="N", help="describe N views with the model of --vlm")
    build.add_argument(
        "--features", type=Path, metavar="DIR", help="recognise images by a SuperPoint-shaped model in this folder"
    )
    build.add_argument("--from-map", type=Path, metavar="DIR", help="continue a copy of this map: another visit there")
    add_model(build)
    build.add_argument(
        "--segmenter",
        default="embedded",
        metavar="SPEC",
        help="how frames are cut into things: embedded, geometric, or zero-shot|masks|universal|semantic:MODEL",
    )
    build.set_defaults(run=run_map)


def run_map(args: argparse.Namespace) -> int:
    """Build a map, describe some of its views where that is wanted, and draw its floor plan."""
    from agent.commands.plans import save_plan
    from agent.maps.building import build_map
    from agent.maps.captioning import caption_keyframes, check_can_caption
    from agent.maps.map_store import MapStore
    from scenes.recordings import open_recording
    from tools.localisation.learned_features import LearnedFeatures

    model = model_of(args)
    if args.captions:
        check_can_caption(model)
    if args.features is not None and args.from_map is not None:
        raise InputError("expected one of --features and --from-map, got both; a continued map keeps its features")
    recording, vlm = with_depth(open_recording(args.recording), args.depth_model), model.load()
    features = None if args.features is None else LearnedFeatures(args.features)
    build_map(recording, args.out, vlm, progress, from_map=args.from_map, features=features, segmenter=args.segmenter)
    with MapStore.open(args.out) as store:
        if args.captions:
            caption_keyframes(store, recording, vlm, args.captions, progress("describing"))
        report = map_report(store) | {"plan": str(save_plan(store, args.out))}
    print(json.dumps(report) if args.json else map_lines(report))
    return EXIT_DONE
