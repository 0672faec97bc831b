"""Scores a run again, for free: the file in, a summary out. Asks nothing and draws nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evals.predictions import Run
from evals.scorers.headline import HEADLINE, ItemScores, Outcome, score_item
from evals.stats import Interval, interval

OUTCOMES: tuple[Outcome, ...] = ("right", "wrong", "abstained", "error", "missing")
REPORTED = (
    HEADLINE,
    "answer",
    "grounding",
    "evidence",
    "anchors_f1",
    "acc_25",
    "acc_50",
    "spoken",
    "typed",
    "abstention",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The scores of some items."""

    name: str
    n: int
    outcomes: Mapping[Outcome, int]
    scores: Mapping[str, Interval]
    """Scorer -> its mean; a scorer that had nothing to judge in this group is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A scored run."""

    run: Run
    items: tuple[ItemScores, ...]
    whole: Group
    families: tuple[Group, ...]
    wordings: tuple[Group, ...]

    def values(self, scorer: str) -> dict[str, float]:
        """Item id -> score, of the items where there is one."""
        return {s.item.id: v for s in self.items if (v := s.value(scorer)) is not None}


def score_run(run: Run) -> Scored:
    """Judge every item of the suite; what is missing counts."""
    match = "box" if run.header.settings.get("graph") == "perceived" else "id"
    broken = {p.id: p.text for p in run.problems if p.id and p.kind in ("not_an_answer", "bad_box")}
    items = tuple(
        score_item(item, run.predictions.get(item.id), match, unreadable=broken.get(item.id, "")) for item in run.items
    )
    return Scored(
        run=run,
        items=items,
        whole=group_of("all", items),
        families=_groups(items, lambda s: s.item.family),
        wordings=_groups(items, lambda s: s.item.wording),
    )


def _groups(items: Sequence[ItemScores], key: Callable[[ItemScores], str]) -> tuple[Group, ...]:
    names = sorted({key(s) for s in items})
    return tuple(group_of(name, [s for s in items if key(s) == name]) for name in names)


def group_of(name: str, items: Sequence[ItemScores]) -> Group:
    """Means with clustered errors of some items."""
    scores = {}
    for scorer in REPORTED:
        judged = [(v, s.item.cluster) for s in items if (v := s.value(scorer)) is not None]
        found = interval([v for v, _ in judged], [c for _, c in judged])
        if found is not None:
            scores[scorer] = found
    counts = Counter(s.outcome for s in items)
    return Group(name=name, n=len(items), outcomes={o: counts[o] for o in OUTCOMES}, scores=scores)


def to_json(scored: Scored) -> dict[str, Any]:
    """The summary for programs: header, counts and means; no single answers."""

    def group(g: Group) -> dict[str, Any]:
        means = {
            k: {
                "mean": round(v.mean, 6),
                "stderr": round(v.stderr, 6),
                "low": round(v.low, 6),
                "high": round(v.high, 6),
                "n": v.n,
                "clusters": v.clusters,
            }
            for k, v in g.scores.items()
        }
        return {"name": g.name, "n": g.n, "outcomes": dict(g.outcomes), "scores": means}

    header = scored.run.header
    return {
        **header.model_dump(mode="json", exclude={"kind"}),
        "problems": scored.run.problem_counts(),
        "all": group(scored.whole),
        "wordings": [group(g) for g in scored.wordings],
        "families": [group(g) for g in scored.families],
    }
