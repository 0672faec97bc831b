"""Two runs side by side, item by item: what differs, how sure that is, and a sentence that says so.

Only items that both runs were asked are compared; a missing answer is a wrong one. Scenes are resampled, not questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evals.markdown import markdown_table
from evals.score import Scored
from evals.scorers.headline import HEADLINE
from evals.stats import Difference, McNemar, detectable, holm, items_needed, mcnemar, paired_difference
from scenes.errors import InputError

LEVEL = 0.05
COMPARED = (HEADLINE, "answer", "grounding", "evidence", "abstention")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One scorer on the items that both runs have."""

    scorer: str
    a: float
    b: float
    """Means."""
    difference: Difference
    """a - b."""
    mcnemar: McNemar
    adjusted_p: float
    """Of the clustered difference, corrected for all scorers or suites compared together (Holm)."""

    @property
    def decisive(self) -> bool:
        """Whether the difference would be rare between two equal systems, and its interval does not hold zero."""
        d = self.difference
        return self.adjusted_p < LEVEL and not d.low <= 0 <= d.high

    def words(self, name_a: str, name_b: str) -> str:
        """What the comparison says, for a person."""
        d = self.difference
        better, worse = (name_a, name_b) if d.mean > 0 else (name_b, name_a)
        points = f"{100 * abs(d.mean):.1f} points"
        span = f"95 % interval of the difference {100 * d.low:+.1f} to {100 * d.high:+.1f}"
        if self.decisive:
            return f"{better} is better than {worse} by {points} ({span}, p = {self.adjusted_p:.2g})."
        if d.clusters < 2:
            return f"Not decisive: all {d.n} items are of one scene, which says nothing about other scenes."
        if d.mean == 0 and d.stderr == 0:
            return "No difference on any item."
        need = items_needed(d.mean, d.stderr, d.n)
        more = f"; to see a difference of this size takes about {need} items" if need and need > d.n else ""
        return (
            f"Not decisive: {points} between them ({span}, p = {self.adjusted_p:.2g}). These {d.n} items would show a "
            f"difference of {100 * detectable(d.stderr):.1f} points or more{more}."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs of one suite."""

    name_a: str
    name_b: str
    shared: int
    only_a: int
    only_b: int
    """Items of one run that the other was not asked; they are not compared."""
    scorers: tuple[Compared, ...]
    families: tuple[tuple[str, Compared], ...]
    """The headline by family, corrected for all families together."""


def compare(a: Scored, b: Scored, name_a: str = "A", name_b: str = "B") -> Comparison:
    """Compare two scored runs. Raises InputError: other suites or versions, no shared item, other gold answers."""
    ha, hb = a.run.header, b.run.header
    if (ha.suite, ha.version) != (hb.suite, hb.version):
        raise InputError(
            f"expected two runs of one suite, got {ha.suite} version {ha.version} and {hb.suite} version {hb.version}"
        )
    items_a, items_b = ({s.item.id: s.item for s in side.items} for side in (a, b))
    shared = [i for i in items_a if i in items_b]
    if not shared:
        raise InputError("expected runs with items in common, got none; run both with the same --worlds and --wording")
    other = [i for i in shared if items_a[i] != items_b[i]]
    if other:
        raise InputError(f"expected the same question under one id, item {other[0]} differs; run one of them again")
    cluster = {i: items_a[i].cluster for i in shared}
    family = {i: items_a[i].family for i in shared}
    found = [c for s in COMPARED if (c := _compared(s, a, b, shared, cluster)) is not None]
    by_family = []
    for name in sorted(set(family.values())):
        one = _compared(HEADLINE, a, b, [i for i in shared if family[i] == name], cluster)
        by_family += [(name, one)] if one is not None else []
    return Comparison(
        name_a=name_a,
        name_b=name_b,
        shared=len(shared),
        only_a=len(items_a) - len(shared),
        only_b=len(items_b) - len(shared),
        scorers=tuple(_adjusted(found)),
        families=tuple(zip([n for n, _ in by_family], _adjusted([c for _, c in by_family]), strict=True)),
    )


def _compared(scorer: str, a: Scored, b: Scored, ids: Sequence[str], cluster: dict[str, str]) -> Compared | None:
    values_a, values_b = a.values(scorer), b.values(scorer)
    both = [i for i in ids if i in values_a and i in values_b]
    if not both:
        return None
    xs, ys = [values_a[i] for i in both], [values_b[i] for i in both]
    difference = paired_difference(xs, ys, [cluster[i] for i in both])
    return Compared(
        scorer=scorer,
        a=sum(xs) / len(xs),
        b=sum(ys) / len(ys),
        difference=difference,
        mcnemar=mcnemar([x >= 1 for x in xs], [y >= 1 for y in ys]),
        adjusted_p=difference.p,
    )


def _adjusted(found: Sequence[Compared]) -> list[Compared]:
    adjusted = holm([c.difference.p for c in found])
    return [
        Compared(scorer=c.scorer, a=c.a, b=c.b, difference=c.difference, mcnemar=c.mcnemar, adjusted_p=p)
        for c, p in zip(found, adjusted, strict=True)
    ]


def comparison_markdown(found: Comparison) -> str:
    """The comparison for a person: the verdict, then all scorers, then families."""
    a, b = found.name_a, found.name_b
    left = [f"{n} items only in {name}" for n, name in ((found.only_a, a), (found.only_b, b)) if n]
    parts = [f"# {a} against {b}"]
    parts += [c.words(a, b) for c in found.scorers[:1]]
    parts.append(f"{found.shared} items that both were asked{'; ' + ', '.join(left) if left else ''}.")
    parts.append(markdown_table(_rows([(c.scorer, c) for c in found.scorers], a, b)))
    if found.families:
        parts += ["Grounded correct by family:", markdown_table(_rows(found.families, a, b))]
    return "\n\n".join(parts) + "\n"


def _rows(found: Sequence[tuple[str, Compared]], a: str, b: str) -> list[list[str]]:
    rows = [["", "n", a, b, "difference", "95 % interval", "p (Holm)", "McNemar", "decisive"]]
    for name, c in found:
        d = c.difference
        rows.append(
            [
                name,
                str(d.n),
                f"{100 * c.a:.1f} %",
                f"{100 * c.b:.1f} %",
                f"{100 * d.mean:+.1f}",
                f"{100 * d.low:+.1f} to {100 * d.high:+.1f}",
                _p(c.adjusted_p),
                f"{c.mcnemar.only_a}:{c.mcnemar.only_b}, {_p(c.mcnemar.mid_p)}",
                "yes" if c.decisive else "no",
            ]
        )
    return rows


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def comparison_json(found: Comparison) -> dict[str, Any]:
    """The comparison for a program."""

    def one(c: Compared) -> dict[str, Any]:
        d = c.difference
        return {
            "scorer": c.scorer,
            "a": c.a,
            "b": c.b,
            "difference": d.mean,
            "low": d.low,
            "high": d.high,
            "stderr": d.stderr,
            "p": d.p,
            "p_holm": c.adjusted_p,
            "mcnemar": {"only_a": c.mcnemar.only_a, "only_b": c.mcnemar.only_b, "mid_p": c.mcnemar.mid_p},
            "n": d.n,
            "clusters": d.clusters,
            "decisive": c.decisive,
        }

    return {
        "a": found.name_a,
        "b": found.name_b,
        "shared": found.shared,
        "only_a": found.only_a,
        "only_b": found.only_b,
        "scorers": [one(c) for c in found.scorers],
        "families": [{"family": name, **one(c)} for name, c in found.families],
        "verdict": found.scorers[0].words(found.name_a, found.name_b) if found.scorers else "nothing to compare",
    }
