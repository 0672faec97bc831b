"""What several commands take and share: which recording, which map, which model. Imports nothing heavy at the start."""

from __future__ import annotations

import argparse
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from agent.commands.terminal import progress
from scenes.errors import InputError

if TYPE_CHECKING:
    from agent.conversation.session import Session
    from agent.model.choice import ModelChoice
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
        help="embedded (default), minilm, a model folder, a hub id, or openai:MODEL@URL",
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
    from scenes.recordings import open_recording

    if args.recording is not None and args.world is not None:
        raise InputError("expected one of --recording and --world, got both; leave one out")
    if args.world is not None:
        return _open_world(args.world)
    return None if args.recording is None else with_depth(open_recording(args.recording), args.depth_model)


def _open_world(seed: int) -> Recording:
    """The recording of a generated world, rendered at first use and kept in the cache."""
    from agent.commands.world import render_world
    from scenes.recordings import open_recording

    folder = cache_folder() / "worlds" / str(seed)
    if not folder.exists():
        render_world(seed, folder)
    return open_recording(folder)


def cache_folder() -> Path:
    """Where generated worlds are kept between runs: ``$XDG_CACHE_HOME/sightline``, else ``~/.cache/sightline``."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "sightline"


def with_depth(recording: Recording, model: str | None) -> Recording:
    """The recording with depth for frames that have none; ``model``: a depth model, else from posed neighbours."""
    from tools.depth import depth_recording
    from tools.depth.model import DepthModel

    return depth_recording.with_depth(recording, None if model is None else DepthModel.load(model))


def session_of(
    args: argparse.Namespace, recording: Recording | None, first_frame: int | None
) -> AbstractContextManager[Session]:
    """The session that the arguments ask for; kept where a map is named. Raises InputError: nothing is named."""
    from agent.conversation.opening import open_session

    folder = _map_folder(args)
    if recording is None and folder is None:
        raise InputError("expected --recording, --world or --map, got none of them; say what to ask about")
    return open_session(
        recording,
        folder,
        model=model_of(args),
        on_frames=progress,
        first_frame=first_frame,
        keep=args.map is not None,
    )


def _map_folder(args: argparse.Namespace) -> Path | None:
    """The map to use: the named one; for a whole generated world the cached one; else none."""
    if args.map is None and args.world is not None and args.at is None and getattr(args, "script", None) is None:
        from agent.maps.building import models_digest

        return cache_folder() / "maps" / f"{args.world}-{models_digest(model_of(args))}"
    return args.map


def model_of(args: argparse.Namespace) -> ModelChoice:
    """The model of the arguments, not loaded yet."""
    from agent.model.choice import ModelChoice

    return ModelChoice(spec=args.vlm, adapter=args.adapter)
