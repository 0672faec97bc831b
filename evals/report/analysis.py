"""What lies behind the means of a run: which tools were called, how long stages took, what confidence is worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evals.score import Scored
from evals.scorers.calibration import aurc, calibration_error, risk_coverage
from evals.scorers.coherence import coherence
from evals.scorers.headline import HEADLINE, ItemScores
from evals.stats import Interval, interval

NO_TOOL = "no tool"
STAGES = ("prefill", "decode", "tools", "graph", "total")
POINTS = 200
"""Of a risk-coverage curve that is drawn."""


def tool_confusion(items: Sequence[ItemScores]) -> Counter[tuple[str, str]]:
    """(first tool of the gold trace, first tool that was called) -> how often; of items whose trace is known."""
    found: Counter[tuple[str, str]] = Counter()
    for s in items:
        answer = s.prediction.answer if s.prediction is not None else None
        talk = s.item.gold.status != "answered" and not s.item.trace
        if answer is None or not (s.item.trace or talk):
            continue
        called = answer.tool_calls[0].name if answer.tool_calls else NO_TOOL
        found[s.item.trace[0].name if s.item.trace else NO_TOOL, called] += 1
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds of one stage over all answers."""

    stage: str
    median: float
    p95: float
    n: int


def latencies(items: Sequence[ItemScores]) -> list[Latency]:
    """Median and 95th percentile of each stage of a turn."""
    timings = [s.prediction.answer.timings_ms for s in items if s.prediction and s.prediction.answer]
    out = []
    for stage in STAGES:
        values = np.array([getattr(t, stage) for t in timings], np.float64)
        if len(values) and values.any():
            p50, p95 = np.quantile(values, (0.5, 0.95))
            out.append(Latency(stage=stage, median=float(p50), p95=float(p95), n=len(values)))
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """What the model's own confidence is worth, over the answers that carry one."""

    n: int
    ece: float
    aurc: float
    curve: tuple[tuple[float, float], ...]
    """(coverage, risk), the surest first."""


def confidence(items: Sequence[ItemScores], scorer: str = HEADLINE) -> Confidence | None:
    """Of answers that were given (not abstained) and judged; None where the model tells no confidence."""
    pairs = [
        (s.prediction.confidence, float(value >= 1.0))
        for s in items
        if (value := s.value(scorer)) is not None
        and s.prediction is not None
        and s.prediction.confidence is not None
        and s.prediction.answer is not None
        and s.prediction.answer.status == "answered"
    ]
    if not pairs:
        return None
    c, y = [p[0] for p in pairs], [p[1] for p in pairs]
    ece, area, curve = calibration_error(c, y), aurc(c, y), risk_coverage(c, y)
    if ece is None or area is None or curve is None:
        return None
    step = max(1, len(curve) // POINTS)
    return Confidence(n=len(pairs), ece=ece, aurc=area, curve=(*curve[::step], curve[-1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstention:
    """Did it stay silent where it should, and only there."""

    due: int
    kept: int
    """Of those that should abstain, how many did, for the right reason."""
    offered: int
    refused: int
    """Of those that have an answer, how many it abstained from."""


def abstention(items: Sequence[ItemScores]) -> Abstention:
    """Over all items; what is missing or failed neither kept nor refused."""
    due = [s for s in items if s.item.gold.status == "abstained"]
    offered = [s for s in items if s.item.gold.status == "answered"]
    return Abstention(
        due=len(due),
        kept=sum(s.outcome == "right" for s in due),
        offered=len(offered),
        refused=sum(s.outcome == "abstained" for s in offered),
    )


def object_coherence(scored: Scored) -> tuple[Interval | None, int]:
    """Share of things with all their answers right, and how many things were asked about more than once."""
    found = coherence(scored.items)
    return interval([float(r) for r in found.right], found.cluster_of), found.things


def sigma_coverage(items: Sequence[ItemScores]) -> tuple[int, float, float] | None:
    """(anchors, share of true centres within 1 sigma, within 2) of anchors that overlap the one true box.

    For a centre whose three coordinates err with standard deviation sigma the shares are 0.199 and 0.739 (chi with
    three degrees of freedom). None where no anchor overlaps.
    """
    ratios = []
    for s in items:
        answer = s.prediction.answer if s.prediction is not None else None
        boxes = list(s.item.gold.boxes.values())
        if answer is None or len(boxes) != 1 or len(answer.anchors) != 1 or not s.value("acc_25"):
            continue
        anchor = answer.anchors[0]
        off = float(np.linalg.norm(np.subtract(anchor.box.center, boxes[0].center)))
        ratios.append(off / max(anchor.sigma_m, 1e-9))
    if not ratios:
        return None
    r = np.array(ratios)
    return len(r), float((r <= 1).mean()), float((r <= 2).mean())
