"""The command line: `sightline COMMAND`.

The composition root, and the only module of this package that may import ground truth, evals or finetune; it does so
lazily, so that `sightline --help` costs nothing. Exit codes: 0 done, 1 the answer is an error, 2 bad usage or input.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.memory_command import add_commands
from agent.terminal import (
    draw,
    event_lines,
    map_lines,
    pixel,
    progress,
    show,
    tell_forgotten,
    typed_events,
    undo,
)
from scenes.errors import InputError

if TYPE_CHECKING:
    from agent.map_store import MapStore
    from agent.opening import ModelChoice
    from agent.session import Session
    from scenes.recordings import Recording

EXIT_DONE, EXIT_ERROR, EXIT_USAGE = 0, 1, 2
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] and arguments[0] in FORWARDED:
        return _guarded(lambda: _forward(arguments[0], arguments[1:]))
    parser = build_parser()
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO if args.verbose else logging.WARNING, format="%(name)s: %(message)s")
    if args.command is None:
        parser.print_help()
        return EXIT_USAGE
    return _guarded(lambda: args.run(args))


def _guarded(run: Callable[[], int]) -> int:
    try:
        return run()
    except InputError as error:
        print(f"sightline: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("sightline: interrupted; nothing half-written was kept", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # e.g. `sightline chat ... | head -1`
        sys.stderr.close()
        return EXIT_DONE


FORWARDED = {
    "finetune": "train the embedded base model or a LoRA adapter, and evaluate them",
    "questions": "write scene questions with gold answers and tool traces from generated worlds",
    "eval": "measure localisation, mapping, the scene graph, ... on generated worlds or real data",
    "bench": "speed against eager torch and against peers, in one run",
}
"""Commands whose own module reads the rest of the line."""


def _forward(command: str, rest: list[str]) -> int:
    if command == "finetune":
        from finetune.cli import main as run
    elif command == "questions":
        from finetune.question_command import main as run
    elif command == "eval":
        from evals.command import main as run
    else:
        from evals.bench import run
    return run(rest)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; imports nothing heavy."""
    parser = argparse.ArgumentParser(
        prog="sightline", description="A conversational assistant for AR glasses: map, memory, grounded answers."
    )
    parser.add_argument("--verbose", action="store_true", help="log what happens")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    ask = commands.add_parser("ask", help="one question, headless")
    ask.add_argument("question")
    _add_source(ask)
    ask.add_argument("--at", type=int, metavar="FRAME", help="the frame the question is about (default: the last)")
    ask.add_argument("--gaze", type=pixel, metavar="U,V", help="the pixel that the wearer looks at")
    ask.add_argument("--save", type=Path, metavar="FILE.png", help="draw the answer on the frame")
    _add_model(ask)
    ask.set_defaults(run=run_ask)

    chat = commands.add_parser("chat", help="talk in the terminal, or play a script; remembered with --map")
    _add_source(chat)
    chat.add_argument(
        "--at", type=int, metavar="FRAME", help="start at this frame (default: the first with a script, else the last)"
    )
    chat.add_argument(
        "--script", type=Path, metavar="FILE.jsonl", help='events: {"to_frame": N} or {"say": TEXT, "gaze": [u, v]}'
    )
    chat.add_argument("--save", type=Path, metavar="DIR", help="draw every answer into this folder")
    _add_model(chat)
    chat.set_defaults(run=run_chat)

    build = commands.add_parser("map", help="build map, scene graph and memory from a recording")
    build.add_argument("recording", type=Path)
    build.add_argument("--out", type=Path, required=True, metavar="DIR", help="the map's folder; must not exist yet")
    build.add_argument("--captions", type=int, default=0, metavar="N", help="describe N views with the model of --vlm")
    build.add_argument(
        "--features", type=Path, metavar="DIR", help="recognise images by a SuperPoint-shaped model in this folder"
    )
    build.add_argument("--from-map", type=Path, metavar="DIR", help="continue a copy of this map: another visit there")
    _add_model(build)
    build.add_argument(
        "--segmenter",
        default="embedded",
        metavar="SPEC",
        help="how frames are cut into things: embedded, geometric, or zero-shot|masks|universal|semantic:MODEL",
    )
    build.set_defaults(run=run_map)

    localise = commands.add_parser("localise", help="where images were taken in a map, or why that is not known")
    localise.add_argument("map", type=Path, metavar="MAP", help="a map's folder")
    localise.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    localise.add_argument(
        "--intrinsics", metavar="FX,FY,CX,CY", help="of the images, in pixels (default: those of the map's camera)"
    )
    localise.add_argument("--json", action="store_true", help="print one JSON object a line")
    localise.set_defaults(run=run_localise)

    info = commands.add_parser("info", help="what a recording or a map holds, and whether its calibration makes sense")
    info.add_argument("path", type=Path)
    info.add_argument("--json", action="store_true", help="print one JSON object")
    info.set_defaults(run=run_info)

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

    add_commands(commands)
    for name, text in FORWARDED.items():
        commands.add_parser(name, help=text, add_help=False)
    return parser


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


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recording", type=Path, metavar="PATH", help="a recorded walk")
    parser.add_argument(
        "--world", type=int, metavar="SEED", help="a generated world (rendered and mapped once, then cached)"
    )
    parser.add_argument("--map", type=Path, metavar="DIR", help="a map: continued if it exists, else built here")


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--vlm",
        default="embedded",
        metavar="SPEC",
        help="embedded (default), a model folder, a hub id, or openai:MODEL@URL",
    )
    parser.add_argument("--adapter", metavar="PATH", help="a LoRA adapter on top")
    parser.add_argument(
        "--depth-model",
        nargs="?",
        const="depth-anything/Depth-Anything-V2-Small-hf",
        metavar="NAME",
        help="for frames without a depth sensor: a depth model, a folder or a hub id (default: posed neighbours)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")


# ---- commands


def run_ask(args: argparse.Namespace) -> int:
    """One question about one frame."""
    if not args.question.strip():
        raise InputError("expected a question, got an empty text; say what you want to know")
    recording = _recording(args)
    with _session(args, recording, args.at) as session:
        answer = session.say(args.question, args.gaze)
        show(answer, args.json)
        if args.map is not None:
            tell_forgotten(session, f"`sightline forget {args.map} --undo` brings it back until the next turn is over")
        if args.save is not None:
            draw(session, answer, args.question, args.save)
    return EXIT_ERROR if answer.status == "error" else EXIT_DONE


def run_chat(args: argparse.Namespace) -> int:
    """A conversation: a script, or what is typed."""
    from agent.events import Say, Undo

    events = event_lines(args.script) if args.script is not None else None
    recording = _recording(args)
    first = args.at
    if first is None and events is not None and recording is not None:
        first = recording.frame_ids[0]
    worst = EXIT_DONE
    with _session(args, recording, first) as session:
        ingest_ms = 0.0
        for number, event in enumerate(events if events is not None else typed_events(session), 1):
            if isinstance(event, Undo):
                undo(session)
                continue
            if not isinstance(event, Say):
                ingest_ms += session.to_frame(event.to_frame)
                continue
            answer = session.say(event.say, event.gaze, ingest_ms)
            ingest_ms = 0.0
            show(answer, args.json)
            tell_forgotten(session, "for good when the next turn or this chat is over; /undo brings it back")
            if args.save is not None:
                args.save.mkdir(parents=True, exist_ok=True)
                draw(session, answer, event.say, args.save / f"turn-{number:03d}.png")
            worst = EXIT_ERROR if answer.status == "error" else worst
        session.store.memory.purge()
    return worst


def run_map(args: argparse.Namespace) -> int:
    """Build a map, describe some of its views where that is wanted, and draw its floor plan."""
    from agent.captioning import caption_keyframes, check_can_caption
    from agent.map_store import MapStore
    from agent.opening import build_map
    from scenes.recordings import open_recording
    from tools.localisation_learned import LearnedFeatures

    model = _model(args)
    if args.captions:
        check_can_caption(model)
    if args.features is not None and args.from_map is not None:
        raise InputError("expected one of --features and --from-map, got both; a continued map keeps its features")
    recording, vlm = _with_depth(open_recording(args.recording), args.depth_model), model.load()
    features = None if args.features is None else LearnedFeatures(args.features)
    build_map(recording, args.out, vlm, progress, from_map=args.from_map, features=features, segmenter=args.segmenter)
    with MapStore.open(args.out) as store:
        if args.captions:
            caption_keyframes(store, recording, vlm, args.captions, progress("describing"))
        report = _save_plan(store, args.out)
    print(json.dumps(report) if args.json else map_lines(report))
    return EXIT_DONE


def run_localise(args: argparse.Namespace) -> int:
    """Poses of images in a map."""
    from agent.localise_command import run

    return run(args)


def run_info(args: argparse.Namespace) -> int:
    """What a recording or a map holds."""
    from agent.map_store import MapStore, is_map
    from scenes.recordings import inspect, open_recording

    if is_map(args.path):
        with MapStore.open(args.path) as store:
            report = _map_report(store)
        print(json.dumps(report) if args.json else map_lines(report))
        return EXIT_DONE
    found = inspect(open_recording(args.path))
    print(json.dumps(found.to_dict()) if args.json else "\n".join(found.lines()))
    return EXIT_DONE


def run_world(args: argparse.Namespace) -> int:
    """Render a generated or a described world."""
    from scenes.worlds.description import load_world
    from scenes.worlds.sensors import SENSOR
    from scenes.worlds.world import make_world
    from scenes.worlds.writing import write_still_world, write_visits

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
        if args.scene is not None:
            world = load_world(args.scene)
        else:
            world = make_world(_seed(args.seed), rooms=args.rooms, style=args.style)
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


# ---- what commands share


def _recording(args: argparse.Namespace) -> Recording | None:
    from agent.opening import open_world
    from scenes.recordings import open_recording

    if args.recording is not None and args.world is not None:
        raise InputError("expected one of --recording and --world, got both; leave one out")
    if args.world is not None:
        return open_world(args.world, lambda folder: _render_world(args.world, folder))
    return None if args.recording is None else _with_depth(open_recording(args.recording), args.depth_model)


def _with_depth(recording: Recording, model: str | None) -> Recording:
    from tools.depth_filling import with_depth
    from tools.depth_model import DepthModel

    return with_depth(recording, None if model is None else DepthModel.load(model))


def _session(
    args: argparse.Namespace, recording: Recording | None, first_frame: int | None
) -> AbstractContextManager[Session]:
    from agent.opening import open_session

    return open_session(
        recording,
        _map_folder(args),
        model=_model(args),
        on_frames=progress,
        first_frame=first_frame,
        keep=args.map is not None,
    )


def _map_folder(args: argparse.Namespace) -> Path | None:
    """The map to use: the named one; for a whole generated world the cached one; else none."""
    if args.map is None and args.world is not None and args.at is None and getattr(args, "script", None) is None:
        from agent.opening import cache_folder, model_mark

        return cache_folder() / "maps" / f"{args.world}-{model_mark(_model(args))}"
    return args.map


def _model(args: argparse.Namespace) -> ModelChoice:
    from agent.opening import ModelChoice

    return ModelChoice(spec=args.vlm, adapter=args.adapter)


def _render_world(seed: int, folder: Path) -> None:
    from scenes.worlds.writing import write_world

    write_world(_seed(seed), folder, progress=progress(f"rendering world {seed}"), workers=None)


def _seed(seed: int) -> int:
    if seed < 0:
        raise InputError(f"expected a seed of 0 or more, got {seed}")
    return seed


def _save_plan(store: MapStore, folder: Path) -> dict[str, Any]:
    from agent.floor_plan import save_plan

    return _map_report(store) | {"plan": str(save_plan(store, folder))}


def _map_report(store: MapStore) -> dict[str, Any]:
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


if __name__ == "__main__":
    sys.exit(main())
