"""What stands beside the means of a run, in sentences and for programs: abstention, tools, confidence, time, sigma."""

from __future__ import annotations

from typing import Any

from evals.report.analysis import (
    abstention,
    confidence,
    latencies,
    object_coherence,
    sigma_coverage,
    tool_confusion,
)
from evals.score import Scored


def detail_lines(scored: Scored) -> list[str]:
    """A sentence for each; what cannot be told of this run is left out."""
    lines = []
    silent = abstention(scored.items)
    lines.append(
        f"Abstained for the right reason in {silent.kept} of {silent.due} items where it should, and from "
        f"{silent.refused} of {silent.offered} that have an answer."
    )
    tools = tool_confusion(scored.items)
    if tools:
        right = sum(n for (due, called), n in tools.items() if due == called)
        lines.append(f"The right first tool in {right} of {tools.total()} items whose tool is known.")
    share, things = object_coherence(scored)
    if share is not None:
        lines.append(f"All answers about one thing right: {share.percent()} of {things} things asked about repeatedly.")
    sure = confidence(scored.items)
    if sure is not None:
        lines.append(f"Confidence of {sure.n} given answers: ECE {sure.ece:.3f} (15 bins), AURC {sure.aurc:.3f}.")
    times = latencies(scored.items)
    if times:
        said = ", ".join(f"{t.stage} {t.median:.0f} ({t.p95:.0f})" for t in times)
        lines.append(f"Milliseconds a turn, median (95th percentile): {said}.")
    sigma = sigma_coverage(scored.items)
    if sigma is not None and scored.run.header.settings.get("graph") == "perceived":
        n, one, two = sigma
        lines.append(
            f"sigma_m of {n} anchors that overlap the truth: {100 * one:.0f} % of true centres within 1 sigma, "
            f"{100 * two:.0f} % within 2; calibrated would be 20 % and 74 %."
        )
    return lines


def details(scored: Scored) -> dict[str, Any]:
    """The same for a program."""
    silent, sure, (share, things) = abstention(scored.items), confidence(scored.items), object_coherence(scored)
    sigma = sigma_coverage(scored.items)
    return {
        "abstention": {"due": silent.due, "kept": silent.kept, "offered": silent.offered, "refused": silent.refused},
        "tools": [{"due": d, "called": c, "n": n} for (d, c), n in sorted(tool_confusion(scored.items).items())],
        "coherence": None if share is None else {"mean": share.mean, "stderr": share.stderr, "things": things},
        "confidence": None if sure is None else {"n": sure.n, "ece": sure.ece, "aurc": sure.aurc},
        "latency_ms": {t.stage: {"median": t.median, "p95": t.p95, "n": t.n} for t in latencies(scored.items)},
        "sigma": None if sigma is None else {"n": sigma[0], "within_1": sigma[1], "within_2": sigma[2]},
    }
