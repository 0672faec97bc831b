"""``python -m finetune.pointer``: pack, base, adapter, evaluate, turns. Training goes on where it stopped."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

WORK = Path("runs/pointer")


def parser() -> argparse.ArgumentParser:
    """All commands; importing nothing heavy."""
    root = argparse.ArgumentParser(prog="python -m finetune.pointer", description=__doc__)
    commands = root.add_subparsers(dest="command", required=True)
    pack = commands.add_parser("pack", help="write training examples into one file")
    pack.add_argument("--out", type=Path, required=True)
    pack.add_argument("--own", type=int, default=0, help="examples with Sightline's tools")
    pack.add_argument("--invented", type=int, default=0, help="examples with invented tools")
    pack.add_argument("--seed", type=int, default=0)

    base = commands.add_parser("base", help="train decoder and heads on invented tools; the encoder stays as packaged")
    base.add_argument("--layers", type=int, default=3)
    _training(base, steps=260, decay=260, lr=6e-4, tokens=2400)

    adapter = commands.add_parser("adapter", help="train LoRA on encoder and decoder with Sightline's tools")
    adapter.add_argument("--base", type=Path, default=WORK / "base")
    adapter.add_argument("--rank", type=int, default=32)
    adapter.add_argument("--alpha", type=int, default=64)
    _training(adapter, steps=900, decay=200, lr=1.2e-3, tokens=2400)

    evaluate = commands.add_parser("evaluate", help="whole turns with real tools on held-out wording; one JSON object")
    evaluate.add_argument("--base", type=Path, default=WORK / "base")
    evaluate.add_argument("--adapter", type=Path, default=None)
    evaluate.add_argument("--split", choices=("val", "test"), default="val")
    evaluate.add_argument("--conversations", type=int, default=200)
    evaluate.add_argument("--own-share", type=float, default=0.5, help="share of the families of this package")
    evaluate.add_argument("--seed", type=int, default=0)
    evaluate.add_argument("--show", type=int, default=0, help="print so many wrong turns to the error stream")

    turns = commands.add_parser("turns", help="whole turns, free-running, by any model; one JSON object")
    turns.add_argument("--vlm", default="minilm", metavar="SPEC")
    turns.add_argument("--adapter", default=None)
    turns.add_argument("--split", choices=("val", "test"), default="test")
    turns.add_argument("--conversations", type=int, default=100)
    turns.add_argument("--seed", type=int, default=0)
    turns.add_argument("--show", type=int, default=0, help="print so many wrong turns to the error stream")
    return root


def _training(command: argparse.ArgumentParser, *, steps: int, decay: int, lr: float, tokens: int) -> None:
    command.add_argument("--pack", type=Path, required=True, help="a file that `pack` wrote")
    command.add_argument("--work", type=Path, required=True, help="folder of checkpoints, outside the tree")
    command.add_argument("--out", type=Path, required=True, help="folder of the finished weights")
    command.add_argument("--steps", type=int, default=steps)
    command.add_argument("--decay", type=int, default=decay, help="steps at the end over which the rate falls")
    command.add_argument("--lr", type=float, default=lr)
    command.add_argument("--tokens", type=int, default=tokens, help="pieces of a batch")
    command.add_argument("--most", type=int, default=96, help="examples of a batch, at most")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--threads", type=int, default=1)
    command.add_argument("--device", default="cpu")
    command.add_argument("--no-bf16", action="store_true", help="for processors that multiply bfloat16 slowly")
    command.add_argument("--export", action="store_true", help="write the weights of the last checkpoint and end")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    arguments = parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    commands = {"pack": _pack, "base": _base, "adapter": _adapter, "evaluate": _evaluate, "turns": _turns}
    try:
        return commands[arguments.command](arguments)
    except (OSError, ValueError) as error:
        print(f"finetune.pointer {arguments.command}: {error}", file=sys.stderr)
        return 2


def _pack(a: argparse.Namespace) -> int:
    from finetune.pointer.examples import invented_pack, joined_packs, own_pack

    parts = [own_pack(a.own, "train", a.seed)] if a.own else []
    parts += [invented_pack(a.invented, a.seed)] if a.invented else []
    pack = joined_packs(parts)
    pack.save(a.out)
    print(json.dumps({"examples": len(pack.examples), "tool_sets": len(pack.tool_sets), "bytes": a.out.stat().st_size}))
    return 0


def _base(a: argparse.Namespace) -> int:
    from finetune.pointer.recipes import train_base

    train_base(a.pack, a.work, a.out, layers=a.layers, **_common(a))
    return 0


def _adapter(a: argparse.Namespace) -> int:
    from finetune.pointer.recipes import train_adapter

    train_adapter(a.pack, a.work, a.out, base=a.base, rank=a.rank, alpha=a.alpha, **_common(a))
    return 0


def _common(a: argparse.Namespace) -> dict[str, Any]:
    from finetune.pointer.train import TrainSettings

    settings = TrainSettings(steps=a.steps, decay=a.decay, lr=a.lr, seed=a.seed, bf16=not a.no_bf16)
    return {
        "settings": settings,
        "tokens": a.tokens,
        "most": a.most,
        "threads": a.threads,
        "device": a.device,
        "export": a.export,
    }


def _evaluate(a: argparse.Namespace) -> int:
    from finetune.pointer.evaluate import evaluate_folder

    print(
        json.dumps(
            evaluate_folder(
                a.base,
                a.adapter,
                split=a.split,
                conversations=a.conversations,
                own_share=a.own_share,
                seed=a.seed,
                show=a.show,
            )
        )
    )
    return 0


def _turns(a: argparse.Namespace) -> int:
    from agent.model.vlm import load_vlm
    from finetune.pointer.turns import gold_turns, score_turns

    record, wrong = score_turns(load_vlm(a.vlm, a.adapter), gold_turns(a.split, a.conversations, a.seed), a.show)
    print("\n".join(wrong), file=sys.stderr)
    print(json.dumps({"split": a.split, "seed": a.seed, **record}))
    return 0
