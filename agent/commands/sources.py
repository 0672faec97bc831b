"""What several commands take and share: which recording, which map, which model. Imports nothing heavy at the start."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from agent.commands.terminal import progress
from scenes.errors import InputError

if TYPE_CHECKING:
    from agent.conversation.opening import ModelChoice
    from agent.conversation.session import Session
    from scenes.recordings import Recording


def add_source(parser: argparse.ArgumentParser) -> None:
    """The arguments that say which recording and which map."""
    parser.add_argument("--recording", type=Path, metavar="PATH", help="a recorded walk")
    parser.add_argument(
        "--world", type=int, metavar="SEED", help="a generated world (rendered and mapped once, then cached)"
    )
    parser.add_argument("--map", type=Path, metavar="DIR", help="a map: continued if it exists, else built here")


def add_model(parser: argparse.ArgumentParser) -> None:
    """The arguments that say which models; and ``--json``."""
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


def recording_of(args: argparse.Namespace) -> Recording | None:
    """The recording that the arguments name, rendered where it is a generated world; None for a map alone.

    Raises InputError: two are named, or one that cannot be read.
    """
    from agent.commands.world import render_world
    from agent.conversation.opening import open_world
    from scenes.recordings import open_recording

    if args.recording is not None and args.world is not None:
        raise InputError("expected one of --recording and --world, got both; leave one out")
    if args.world is not None:
        return open_world(args.world, lambda folder: render_world(args.world, folder))
    return None if args.recording is None else with_depth(open_recording(args.recording), args.depth_model)


def with_depth(recording: Recording, model: str | None) -> Recording:
    """The recording with depth for frames that have none; ``model``: a depth model, else from posed neighbours."""
    from tools.depth import depth_recording
    from tools.depth.model import DepthModel

    return depth_recording.with_depth(recording, None if model is None else DepthModel.load(model))


def session_of(
    args: argparse.Namespace, recording: Recording | None, first_frame: int | None
) -> AbstractContextManager[Session]:
    """The session that the arguments ask for; kept where a map is named."""
    from agent.conversation.opening import open_session

    return open_session(
        recording,
        _map_folder(args),
        model=model_of(args),
        on_frames=progress,
        first_frame=first_frame,
        keep=args.map is not None,
    )


def _map_folder(args: argparse.Namespace) -> Path | None:
    """The map to use: the named one; for a whole generated world the cached one; else none."""
    if args.map is None and args.world is not None and args.at is None and getattr(args, "script", None) is None:
        from agent.conversation.opening import cache_folder, model_mark

        return cache_folder() / "maps" / f"{args.world}-{model_mark(model_of(args))}"
    return args.map


def model_of(args: argparse.Namespace) -> ModelChoice:
    """The model of the arguments, not loaded yet."""
    from agent.conversation.opening import ModelChoice

    return ModelChoice(spec=args.vlm, adapter=args.adapter)
