"""Train the embedded segmentation network (``tools.segmentation.network``) on generated worlds.

    python -m finetune.segmentation.fit_segments --worlds 1000:1110 --data DIR --steps 5000 --out ONE
    python -m finetune.segmentation.fit_segments --worlds 1000:1200 --data DIR --steps 6000 --start ONE --out TWO
    python -m finetune.segmentation.fit_segments --worlds 1060:1280 --data DIR --steps 2500 --start TWO --out THREE
    python -m finetune.segmentation.fit_segments --worlds 1000:1280 --data DIR --steps 6000 --start THREE --out
    FILE.safetensors

renders the frames that are missing (``finetune.segmentation.data``), trains on the CPU, and writes half-precision
weights with the names of the kinds beside them. Adam with decoupled weight decay; the rate stays at its peak and falls
to nothing over the last 30% of the steps. The shipped weights come from these commands, in batches of 16 frames (0.27
s a step on one core). Worlds 1133 to 1199 were not rendered for the second one; the third one adds the doors, which
were new then and are only in the frames from 1200 on. The fourth one adds the layer ``fine`` and weights small things
more: an instance of n pixels had weighed n^0.5 in all and now weighs n^0.3. Of 126 things under 32 cm in worlds 200 to
204 it finds 103, the third one 93, with as good an F1 of all things (0.921, 0.922). Votes on a grid of 80 x 60 instead
of 40 x 30 raised the things found in world 7 from 56 to 67 of 86, with the first command alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from finetune.segmentation.data import CLASSES, render_worlds
from tools.segmentation.network import BOX_CHANNELS, VOTE_STRIDE, SegmentNetwork

PEAK_LR = 3e-3
WARM_UP_STEPS = 40
DECAY_SHARE = 0.3
AVERAGE = 0.9
"""Of the moving average of the weights, which every fifth step enters."""
SAVE_EVERY_S = 60.0
NOTHING = 255
"""Kind of a pixel that is not asked about."""
Batch = tuple[Tensor, Tensor, Tensor, Tensor]


class Frames:
    """Random batches from folders that ``finetune.segmentation.data`` wrote; new folders are seen as they appear."""

    def __init__(self, root: Path, seeds: range, rng: np.random.Generator) -> None:
        self.root, self.seeds, self.rng = root, seeds, rng
        self.worlds: dict[int, dict[str, NDArray]] = {}
        self.scan()

    def scan(self) -> None:
        """Take up worlds that are complete by now."""
        for seed in self.seeds:
            folder = self.root / str(seed)
            if seed not in self.worlds and folder.exists():
                world = {n: np.load(folder / f"{n}.npy", mmap_mode="r") for n in ("inputs", "kind", "number", "boxes")}
                self.worlds[seed] = world

    def batch(self, size: int) -> Batch:
        """Inputs, kind, weight per pixel and box targets; mirrored and recoloured at random."""
        rows = [self._one() for _ in range(size)]
        inputs, kind, weight, boxes = (torch.from_numpy(np.stack(x)) for x in zip(*rows, strict=True))
        return inputs.contiguous(memory_format=torch.channels_last), kind, weight, boxes

    def _one(self) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        rng = self.rng
        world = self.worlds[list(self.worlds)[rng.integers(len(self.worlds))]]
        k = int(rng.integers(len(world["kind"])))
        inputs, boxes = world["inputs"][k].astype(np.float32), world["boxes"][k].astype(np.float32)
        kind, number = world["kind"][k].astype(np.int64), world["number"][k]
        if rng.random() < 0.5:
            inputs, boxes = mirrored(inputs), boxes[:, :, ::-1].copy()
            kind, number = kind[:, ::-1].copy(), number[:, ::-1].copy()
            inputs[[0, 3]] *= -1
            boxes[[0, 7]] *= -1
        seen = inputs[10] > 0
        inputs[7] += rng.normal(0.0, 0.15)
        inputs[8:10] *= rng.uniform(0.8, 1.2)
        inputs[8:10] += rng.normal(0.0, 0.04, (2, 1, 1))
        inputs[6] += seen * rng.normal(0.0, 0.002, seen.shape)
        return inputs.astype(np.float32), kind, pixel_weights(number, kind), boxes


def mirrored(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """(c, h, w) mirrored left to right, so that what pixels 0, 2, ... showed is shown by such pixels again.

    Without the shift the voting pixels, the first of every ``VOTE_STRIDE``, would become the last ones.
    """
    out = inputs[:, :, ::-1]
    shift = VOTE_STRIDE - 1
    return np.concatenate([out[:, :, shift:], np.repeat(out[:, :, -1:], shift, 2)], 2)


def pixel_weights(number: NDArray[np.int16], kind: NDArray[np.int64]) -> NDArray[np.float32]:
    """(h, w) weights: an instance of n pixels weighs n^0.3 in all; 0 where nothing is asked."""
    count = np.bincount(number.ravel())
    weight = (np.maximum(count, 4.0) ** -0.7)[number].astype(np.float32)
    weight[number == 0] = 0.01
    weight[kind == NOTHING] = 0.0
    return weight


def loss_of(out: Tensor, batch: Batch, classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Kind, place and size-and-direction losses."""
    _, kind, weight, boxes = batch
    known = torch.where(kind == NOTHING, 0, kind)
    total = weight.sum()
    named = (F.cross_entropy(out[:, :classes], known, reduction="none") * weight).sum() / total
    thing = weight * (known > 0)
    off = (out[:, classes:] - boxes).abs()
    every = thing.sum().clamp(min=1e-6)
    place = (off[:, :3].sum(1) * thing).sum() / every
    shape = ((off[:, 3:6].sum(1) + 0.3 * off[:, 6:].sum(1)) * thing).sum() / every
    return named, place, shape


def train(frames: Frames, model: SegmentNetwork, steps: int, batch_size: int, save: Path) -> None:
    """Train and save a moving average of the weights every minute, so that a run may be stopped at any time."""
    model.train()
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE), use_buffers=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LR, weight_decay=0.02)
    saved = time.monotonic()
    shown = np.zeros(4)
    for step in range(1, steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = PEAK_LR * min(1.0, step / WARM_UP_STEPS, 1.02 * (1.0 - step / steps) / DECAY_SHARE + 0.02)
        batch = frames.batch(batch_size)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = model(batch[0])
        named, place, shape = loss_of(out.float(), batch, model.classes)
        optimizer.zero_grad()
        (named + 2.0 * place + shape).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        if step % 5 == 0:
            average.update_parameters(model)
        shown += (float(named.detach()), float(place.detach()), float(shape.detach()), 1.0)
        if step % 50 == 0:
            frames.scan()
            mean = shown[:3] / shown[3]
            print(
                f"step {step} of {steps}, {len(frames.worlds)} worlds: kind {mean[0]:.3f} place {mean[1]:.3f} "
                f"shape {mean[2]:.3f}",
                flush=True,
            )
            shown[:] = 0
        if time.monotonic() - saved > SAVE_EVERY_S or step == steps:
            write(average.module, save)
            saved = time.monotonic()


def take_over(model: SegmentNetwork, path: Path) -> None:
    """Start from written weights; kinds that they do not know keep their random rows of the last layer.

    The last residual block does nothing where they know none.
    """
    with safe_open(path, "pt") as file:
        known = (file.metadata() or {})["kinds"].split("\n")
        stored = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118 (not a mapping)
    torch.nn.init.zeros_(model.fine.norm2.weight)
    state = model.state_dict()
    rows = [CLASSES.index(kind) for kind in known] + [len(CLASSES) + k for k in range(BOX_CHANNELS)]
    for name, value in stored.items():
        if name.startswith("head."):
            state[name][rows] = value.to(state[name].dtype)
        else:
            state[name] = value.to(state[name].dtype)
    model.load_state_dict(state)


def write(model: torch.nn.Module, path: Path) -> None:
    """Half-precision weights, with the kinds as metadata."""
    state = {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in model.state_dict().items()}
    save_file(state, path, metadata={"kinds": "\n".join(CLASSES), "format": "1"})


def main(argv: Sequence[str] | None = None) -> int:
    """Render what is missing, train, write."""
    parser = argparse.ArgumentParser(description="train the embedded segmentation network on generated worlds")
    parser.add_argument("--worlds", default="1000:1110", metavar="A:B", help="seeds A to B-1; never held-out ones")
    parser.add_argument("--data", type=Path, required=True, help="folder of rendered frames")
    parser.add_argument("--out", type=Path, required=True, help="the weights, .safetensors")
    parser.add_argument("--start", type=Path, default=None, help="weights to go on from")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--no-render", action="store_true", help="use what is there")
    args = parser.parse_args(argv)
    low, _, high = args.worlds.partition(":")
    seeds = range(int(low), int(high or int(low) + 1))
    if not args.no_render:
        render_worlds(seeds, args.data)
    torch.manual_seed(0)
    model = SegmentNetwork(len(CLASSES))
    if args.start is not None:
        take_over(model, args.start)
    train(Frames(args.data, seeds, np.random.default_rng(0)), model, args.steps, args.batch, args.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
