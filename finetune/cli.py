"""``finetune COMMAND``: tokenizer, crops, base, vision, lora, export, evaluate. The same as ``python -m finetune``."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RUNS = Path("runs")


def parser() -> argparse.ArgumentParser:
    """All commands; importing nothing heavy."""
    root = argparse.ArgumentParser(prog="finetune", description=__doc__)
    commands = root.add_subparsers(dest="command", required=True)

    tokenizer = commands.add_parser("tokenizer", help="train the tokenizer on generated text")
    tokenizer.add_argument("--out", type=Path, default=RUNS / "tokenizer")
    tokenizer.add_argument("--vocab", type=int, default=2560)
    tokenizer.add_argument("--seed", type=int, default=0)

    crops = commands.add_parser("crops", help="render and pack pictures of things (needs open3d; training does not)")
    crops.add_argument("--out", type=Path, default=RUNS / "crops")
    crops.add_argument("--first-seed", type=int, default=1000)
    crops.add_argument("--worlds", type=int, default=400)
    crops.add_argument("--per-world", type=int, default=160)

    vision = commands.add_parser("vision", help="train the vision tower of a base by classification; resumes")
    vision.add_argument("--base", type=Path, default=RUNS / "base" / "model")
    vision.add_argument("--crops", type=Path, default=RUNS / "crops")
    vision.add_argument("--out", type=Path, default=RUNS / "vision")
    vision.add_argument("--layers", type=int, default=8, help="depth of the tower; new layers start as the identity")
    vision.add_argument("--fresh", action="store_true", help="start from nothing instead of from the base's own tower")
    _training(vision, steps=1100, decay=380, lr=2e-3, rows=256)

    base = commands.add_parser("base", help="train the embedded base model from scratch; resumes")
    base.add_argument("--tokenizer", type=Path, default=RUNS / "tokenizer")
    base.add_argument("--crops", type=Path, default=RUNS / "crops")
    base.add_argument("--out", type=Path, default=RUNS / "base")
    _training(base, steps=2900, decay=700, lr=2e-3, rows=4, row_tokens=1024)

    lora = commands.add_parser("lora", help="train the adapter that makes a base use the tools; resumes")
    lora.add_argument("--base", type=Path, default=RUNS / "vision" / "model")
    lora.add_argument("--warm-from", type=Path, default=None, help="checkpoint of another run to start from")
    lora.add_argument("--crops", type=Path, default=RUNS / "crops")
    lora.add_argument("--out", type=Path, default=RUNS / "lora")
    lora.add_argument("--rank", type=int, default=64)
    lora.add_argument("--alpha", type=int, default=128)
    _training(lora, steps=1200, decay=400, lr=1.5e-3, rows=4, row_tokens=1536)

    export = commands.add_parser(
        "export", help="newest checkpoint -> model folder (base, vision) or adapter folder (lora)"
    )
    export.add_argument("what", choices=("base", "vision", "lora"))
    export.add_argument("--run", type=Path, required=True, help="the --out of the training run")
    export.add_argument("--tokenizer", type=Path, default=RUNS / "tokenizer", help="for base")
    export.add_argument("--base", type=Path, default=RUNS / "vision" / "model", help="for vision and lora")
    export.add_argument("--layers", type=int, default=8, help="for vision")
    export.add_argument("--rank", type=int, default=64)
    export.add_argument("--alpha", type=int, default=128)

    evaluate = commands.add_parser("evaluate", help="held-out exact-match scores, by family; one JSON object")
    evaluate.add_argument("--base", type=Path, default=RUNS / "vision" / "model")
    evaluate.add_argument("--adapter", type=Path, default=None)
    evaluate.add_argument("--crops", type=Path, default=None, help="also score naming on held-out worlds")
    evaluate.add_argument("--conversations", type=int, default=400)
    evaluate.add_argument("--split", choices=("val", "test"), default="test")
    evaluate.add_argument("--seed", type=int, default=0)
    return root


def _training(command: argparse.ArgumentParser, **defaults: Any) -> None:
    for name, value in defaults.items():
        command.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--warmup", type=int, default=150)
    command.add_argument("--stop-after", type=int, default=None, help="stop at this step; a later call goes on")
    command.add_argument("--no-compile", action="store_true", help="train without torch.compile")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    arguments = parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    try:
        return _COMMANDS[arguments.command](arguments)
    except (OSError, ValueError) as error:
        print(f"finetune {arguments.command}: {error}", file=sys.stderr)
        return 2


def _tokenizer(args: argparse.Namespace) -> int:
    from finetune.language.tokenizer import build_tokenizer

    build_tokenizer(args.out, vocab_size=args.vocab, seed=args.seed)
    return 0


def _crops(args: argparse.Namespace) -> int:
    from finetune.vision.crops import render_crops

    render_crops(args.out, seeds=range(args.first_seed, args.first_seed + args.worlds), per_seed=args.per_world)
    return 0


def _config(args: argparse.Namespace) -> Any:
    from finetune.language.train import TrainConfig

    return TrainConfig(
        steps=args.steps,
        decay=args.decay,
        lr=args.lr,
        rows=args.rows,
        row_tokens=getattr(args, "row_tokens", 0),
        seed=args.seed,
        warmup=args.warmup,
        compile=not args.no_compile,
    )


def _is_main() -> bool:
    """Whether this is the process that writes files, under any launcher."""
    return os.environ.get("RANK", "0") == "0"


def _base(args: argparse.Namespace) -> int:
    from finetune.recipes.base import BaseSettings, export_base, train_base

    settings = BaseSettings(tokenizer=args.tokenizer, crops=args.crops, out=args.out)
    if train_base(settings, _config(args), stop_after=args.stop_after) >= args.steps and _is_main():
        export_base(settings)
    return 0


def _vision(args: argparse.Namespace) -> int:
    from finetune.recipes.vision import VisionSettings, export_vision, train_vision

    settings = VisionSettings(base=args.base, crops=args.crops, out=args.out, layers=args.layers, fresh=args.fresh)
    if train_vision(settings, _config(args), stop_after=args.stop_after) >= args.steps and _is_main():
        export_vision(settings)
    return 0


def _lora(args: argparse.Namespace) -> int:
    from finetune.recipes.lora import LoraSettings, export_lora, train_lora

    settings = LoraSettings(
        base=args.base, crops=args.crops, out=args.out, rank=args.rank, alpha=args.alpha, start=args.warm_from
    )
    if train_lora(settings, _config(args), stop_after=args.stop_after) >= args.steps and _is_main():
        export_lora(settings)
    return 0


def _export(args: argparse.Namespace) -> int:
    if args.what == "base":
        from finetune.recipes.base import BaseSettings, export_base

        export_base(BaseSettings(tokenizer=args.tokenizer, out=args.run))
    elif args.what == "vision":
        from finetune.recipes.vision import VisionSettings, export_vision

        export_vision(VisionSettings(base=args.base, crops=Path(), out=args.run, layers=args.layers))
    else:
        from finetune.recipes.lora import LoraSettings, export_lora

        export_lora(LoraSettings(base=args.base, crops=Path(), out=args.run, rank=args.rank, alpha=args.alpha))
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    from finetune.recipes.lora import evaluate_model

    record = evaluate_model(
        args.base, args.adapter, conversations=args.conversations, split=args.split, seed=args.seed, crops=args.crops
    )
    print(json.dumps(record))
    return 0


_COMMANDS = {
    "tokenizer": _tokenizer,
    "crops": _crops,
    "base": _base,
    "vision": _vision,
    "lora": _lora,
    "export": _export,
    "evaluate": _evaluate,
}
