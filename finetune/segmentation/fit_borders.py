"""Fit the border model of ``tools.segmentation.regions.BorderWeights`` to generated worlds.

    python -m finetune.segmentation.fit_borders --worlds 0:4

Segments each frame, gives every segment the instance that most of its pixels belong to, and asks of every pair of
touching segments whether they belong to different things. The weights then go into ``BorderWeights`` by hand, rounded.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from scenes.worlds.capture.sensors import SENSOR
from scenes.worlds.capture.writing import iter_recorded
from scenes.worlds.dynamics.timeline import Timeline
from scenes.worlds.dynamics.walk import make_walk
from scenes.worlds.world import make_world
from tools.segmentation.base import Segments
from tools.segmentation.geometric import GeometricSegmenter

FEATURES = ("jump", "fold", "bulge", "lightness", "chroma", "region_lightness", "region_chroma", "bias")
MIN_PURITY = 0.8
"""A segment that mixes things teaches nothing about borders."""
MIN_PX = 16


def examples(segments: Segments, instance_ids: NDArray[np.int32]) -> tuple[NDArray, NDArray, NDArray]:
    """(n, 8) features, (n,) whether the two segments belong to different things, (n,) border lengths in pixels."""
    h, w = segments.labels.shape
    stride = instance_ids.shape[0] // h
    truth = np.maximum(instance_ids[stride // 2 :: stride, stride // 2 :: stride][:h, :w], 0)
    n = segments.count
    table = np.zeros((n + 1, int(truth.max()) + 1))
    np.add.at(table, (segments.labels.ravel(), truth.ravel()), 1)
    size = table.sum(1)
    owner, pure = table.argmax(1), table.max(1) >= MIN_PURITY * np.maximum(size, 1)
    lab = [np.bincount(segments.labels.ravel(), segments.surface.lab[..., k].ravel(), n + 1) for k in range(3)]
    mean = np.stack(lab, -1) / np.maximum(size, 1)[:, None]
    rows, different, length = [], [], []
    for (a, b), sums in zip(segments.border_pairs, segments.border_sums, strict=True):
        usable = pure[a] and pure[b] and min(size[a], size[b]) >= MIN_PX and sums[0] >= 3
        if not usable or (owner[a] == 0 and owner[b] == 0):
            continue
        d = np.abs(mean[a] - mean[b])
        region = (min(d[0], 50.0) / 25.0, min(float(np.hypot(d[1], d[2])), 50.0) / 25.0)
        rows.append([*(sums[1:] / sums[0]), *region, 1.0])
        different.append(owner[a] != owner[b])
        length.append(sums[0])
    return np.array(rows).reshape(-1, 8), np.array(different, bool), np.array(length)


def fit(x: NDArray, different: NDArray[np.bool_], length: NDArray) -> NDArray[np.float64]:
    """(8,) weights: logistic regression with balanced classes, weighted by the square root of the border's length."""
    weight = np.sqrt(length)
    for value in (True, False):
        weight[different == value] /= 2 * max(weight[different == value].sum(), 1e-9)
    features, target = torch.from_numpy(x), torch.from_numpy(different.astype(np.float64))
    sample = torch.from_numpy(weight)
    w = torch.zeros(x.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([w], max_iter=200)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(features @ w, target, reduction="none")
        total = (loss * sample).sum() + 1e-5 * (w**2).sum()
        total.backward()
        return total

    optimizer.step(closure)
    return w.detach().numpy()


def main(argv: Sequence[str] | None = None) -> int:
    """Collect examples, fit, print the weights and the balanced accuracy."""
    parser = argparse.ArgumentParser(description="fit the border model to generated worlds")
    parser.add_argument("--worlds", default="0:4", metavar="A:B", help="seeds A to B-1")
    parser.add_argument("--every", type=int, default=3, help="use every n-th frame")
    args = parser.parse_args(argv)
    low, _, high = args.worlds.partition(":")
    parts = []
    for seed in range(int(low), int(high or int(low) + 1)):
        world = make_world(seed)
        segmenter = GeometricSegmenter()
        timeline = Timeline.unchanging(world)
        for index, (frame, exact) in enumerate(iter_recorded(timeline, make_walk(world), SENSOR["headset"])):
            if index % args.every == 0:
                parts.append(examples(segmenter.segment(frame), exact.instance_ids))
    x, different, length = (np.concatenate([p[k] for p in parts]) for k in range(3))
    w = fit(x, different, length)
    said = x @ w > 0
    print(f"{len(x)} borders, {different.mean():.0%} between different things")
    print(f"different found {said[different].mean():.3f}, same kept {(~said[~different]).mean():.3f}")
    for name, value in zip(FEATURES, w, strict=True):
        print(f"  {name:17s} {value:6.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
