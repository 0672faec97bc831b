"""Greedy merging of regions across their weakest borders, and the strength of a border.

Our own, because ``skimage.graph.merge_hierarchical`` returns the labels of one threshold alone: a gaze needs the order
of all merges, and regions that a person pointed out as two must never become one.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from numpy.typing import NDArray

SMALL_REGION_PX = 16.0
"""Regions smaller than this carry little evidence of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BorderWeights:
    """A logistic model of "these two regions belong to different things".

    Weights fitted by logistic regression to borders of generated worlds with sensor noise, border lengths as weights
    and both classes counting the same; see ``finetune/segmentation/fit_borders.py``, which repeats the fit. The
    strength of a border is ``softplus`` of the model's log-odds: about 0 inside a thing, 0.69 undecided, then growing
    linearly.
    """

    bias: float = -3.3
    jump: float = 1.1
    """Per relative jump of ``0.02 + 0.02 z`` metres off both planes."""
    fold: float = 5.0
    """Per unit of inward fold, ``-(n2 - n1) . (p2 - p1) / |p2 - p1|``: a right angle gives about 1.4."""
    bulge: float = 0.0
    """Per unit of outward fold."""
    lightness: float = 0.1
    """Per 25 units of CIELAB L across the border; mostly shading."""
    chroma: float = 0.0
    """Per 25 units of CIELAB (a, b) across the border."""
    region_lightness: float = 2.0
    """Per 25 units of L between the two regions' means."""
    region_chroma: float = 3.3
    """Per 25 units of (a, b) between the two regions' means."""

    def strength(self, sums: Sequence[float], lightness: float, chroma: float) -> float:
        """Strength of a border from its summed cues and the difference of the regions' mean colours, in Lab units."""
        n = sums[0]
        edge = self.jump * sums[1] + self.fold * sums[2] + self.bulge * sums[3]
        edge += self.lightness * sums[4] + self.chroma * sums[5]
        region = self.region_lightness * min(lightness, 50.0) + self.region_chroma * min(chroma, 50.0)
        odds = self.bias + edge / n + region / 25.0
        return odds if odds > 30 else math.log1p(math.exp(odds))


class Merging:
    """Greedy merging of a region adjacency graph with additive border and region sums."""

    def __init__(
        self,
        *,
        n: int,
        size: NDArray,
        lab: NDArray,
        weights: BorderWeights,
        pins: Mapping[int, str] | None = None,
        pinned_level: float = 0.0,
    ) -> None:
        """``pins`` names regions that a person pointed out: two names never merge, and a name takes in unnamed
        regions only across borders weaker than ``pinned_level``."""
        self.weights = weights
        self.pins = dict(pins or {})
        self.pinned_level = pinned_level
        self.parent = [0] * (n + 1)
        self.strength = [0.0] * (n + 1)
        self.size = size.tolist()
        self.lab = lab.tolist()
        self.edges: list[dict[int, list[float]]] = [{} for _ in range(n + 1)]
        self.heap: list[tuple[float, int, int]] = []

    def connect(self, a: int, b: int, total: NDArray | list[float]) -> None:
        """Add a border with sums of ``CUES``."""
        sums = [float(x) for x in total]
        self.edges[a][b] = self.edges[b][a] = sums
        heapq.heappush(self.heap, (self._border(a, b, sums), a, b))

    def _border(self, a: int, b: int, sums: list[float]) -> float:
        la, lb, na, nb = self.lab[a], self.lab[b], self.size[a], self.size[b]
        dl, da, db = la[0] / na - lb[0] / nb, la[1] / na - lb[1] / nb, la[2] / na - lb[2] / nb
        strength = self.weights.strength(sums, abs(dl), math.hypot(da, db))
        # Small regions join their best neighbour early.
        return strength * min(1.0, 0.25 + min(na, nb) / SMALL_REGION_PX)

    def run(self, level: float = float("inf")) -> None:
        """Merge until no border below ``level`` is left."""
        while self.heap and self.heap[0][0] < level:
            strength, a, b = heapq.heappop(self.heap)
            if self.parent[a] or self.parent[b] or b not in self.edges[a] or not self._may_merge(a, b, strength):
                continue
            self._merge(a, b, strength)

    def _may_merge(self, a: int, b: int, strength: float) -> bool:
        pin_a, pin_b = self.pins.get(a), self.pins.get(b)
        return pin_a == pin_b or ((pin_a is None or pin_b is None) and strength < self.pinned_level)

    def root(self, node: int) -> int:
        """The topmost ancestor so far."""
        while self.parent[node]:
            node = self.parent[node]
        return node

    def _merge(self, a: int, b: int, strength: float) -> None:
        new = len(self.parent)
        self.parent[a] = self.parent[b] = new
        self.parent.append(0)
        pin = self.pins.get(a, self.pins.get(b))
        if pin is not None:
            self.pins[new] = pin
        self.strength.append(max(strength, self.strength[a], self.strength[b]))
        self.size.append(self.size[a] + self.size[b])
        self.lab.append([x + y for x, y in zip(self.lab[a], self.lab[b], strict=True)])
        joined: dict[int, list[float]] = {}
        for side in (a, b):
            for other, sums in self.edges[side].items():
                if other in (a, b):
                    continue
                del self.edges[other][side]
                joined[other] = [x + y for x, y in zip(joined[other], sums, strict=True)] if other in joined else sums
            self.edges[side] = {}
        self.edges.append({})
        for other, sums in joined.items():
            self.connect(new, other, sums)
