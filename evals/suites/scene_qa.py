"""Human-written questions about real rooms, end to end: SQA3D and Beacon3D on annotated ScanNet graphs.

    sightline eval run scene-qa --dataset sqa3d --data DIR --run DIR [--limit N] [--vlm SPEC] [--system NAME]

The tools read the annotated graph, the wearer stands and looks as the data set says, the model answers through the real
agent graph. There is no picture and there are no colours in the annotation, so what can be reached is bounded; the
majority answer of each kind of question in the other scenes stands beside every figure.

Where the asker stands, and which scenes are asked about, is in ``evals.suites.scene_items``. Beacon3D's judge is not
run; its figures are exact match, official and strict, and the share of objects with all questions right.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from evals.datasets.reading import DatasetError
from evals.items import Item
from evals.perception.report import Report, Row
from evals.predictions import Prediction
from evals.scorers.official.answers.beacon3d import answer_right_strict, object_accuracy_strict
from evals.scorers.official.answers.cleaning import clean_answer
from evals.scorers.official.answers.leo import answer_match_compatible
from evals.scorers.official.answers.sqa3d import match_compatible, match_strict
from evals.stages.annotated import AnnotatedStage
from evals.stages.base import Stage
from evals.stats import interval
from evals.suites.answers import limited, weights_digest
from evals.suites.scene_items import beacon3d_items, sqa3d_items
from evals.systems.base import System
from scenes import boxes
from scenes.annotated import scannet_graphs
from scenes.records import GroundedAnswer

NAME, VERSION = "scene-qa", 1
DATASETS = ("sqa3d", "beacon3d")
SYSTEMS_ASKED = ("agent", "blind", "graph-in-prompt", "no-adapter")
"""Systems that need neither typed gold answers nor the right tool calls."""
GRAPHS = Path("scannet_graphs") / "scanrefer_ground_truth_scene_graph.json"
ACC_IOU = 0.25
Judge = Callable[[str | None, Sequence[str]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneQaPlan:
    """The settings of a run; with the same settings and data, the same items in the same order."""

    dataset: str
    data: Path
    """Holds ``qa`` and ``scannet_graphs``."""
    limit: int | None = None
    system: str = "agent"
    vlm: str = "embedded"
    adapter: str | None = None

    def settings(self) -> dict[str, Any]:
        """What the header says; no path of this machine."""
        return {
            "dataset": self.dataset,
            "graph": "annotated",
            "limit": self.limit,
            "system": self.system,
            "vlm": self.vlm if not Path(self.vlm).exists() else Path(self.vlm).name,
            "adapter": None if self.adapter is None else Path(self.adapter).name,
            "weights": weights_digest(self.vlm, self.adapter),
        }

    def items(self) -> list[Item]:
        """The questions, scene after scene. Raises DatasetError, AnnotationError."""
        graphs = scannet_graphs(self.data / GRAPHS)
        found = sqa3d_items(self.data, graphs) if self.dataset == "sqa3d" else beacon3d_items(self.data, graphs)
        by_scene = [[[item] for item in group] for _, group in groupby(found, key=lambda item: item.cluster)]
        return [item for scene in limited(by_scene, self.limit) for dialog in scene for item in dialog]

    def make_stage(self) -> Stage:
        """See ``evals.holding.Plan``."""
        return AnnotatedStage(self.data / GRAPHS)

    def make_system(self) -> System:
        """See ``evals.holding.Plan``."""
        from evals.systems.choose import make_system

        return make_system(self.system, self.vlm, self.adapter, self.items)


def short_answer(answer: GroundedAnswer | None) -> str | None:
    """What an answer says in a word or two; None where the question was not answered.

    A sentence that begins with yes or no says that; otherwise it is the answer's value, or the whole sentence.
    """
    if answer is None or answer.status != "answered":
        return None
    first = answer.answer.strip().lower().partition(" ")[0].strip(",.!")
    if first in ("yes", "no"):
        return first
    value = answer.value
    if value is None:
        return answer.answer
    if value.kind == "bool":
        return "yes" if value.value else "no"
    if value.kind == "direction":
        return side_word(str(value.value))
    return str(value.value) if value.kind in ("count", "label", "color", "room", "text") else answer.answer


def side_word(direction: str) -> str:
    """The product's words for a direction in those of SQA3D's annotators: left, right, forward or backward."""
    for word, said in (("behind", "backward"), ("straight", "forward"), ("left", "left"), ("right", "right")):
        if word in direction:
            return said
    return direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One item with its answer, judged."""

    item: Item
    status: str
    """answered, abstained, clarify, error or missing."""
    official: bool
    """As the data set's own rule takes the sentence."""
    refined: bool
    """EM-R of the sentence, as LEO and Beacon3D have it."""
    strict: bool
    located: bool | None
    """Whether the anchors overlap the object that is meant; None where that is not known."""


def judged(item: Item, prediction: Prediction | None) -> Judged:
    """Judge one answer: official by its sentence, strict by its value."""
    answer = None if prediction is None else prediction.answer
    truths, said, short = item.gold.accepted, "" if answer is None else answer.answer, short_answer(answer)
    cleaned, accepted = clean_answer(said), [clean_answer(t) for t in truths]
    exact, refined = answer_match_compatible(cleaned, accepted)
    sqa3d = item.wording == "sqa3d"
    missing = answer is None
    return Judged(
        item=item,
        status=("missing" if prediction is None else "error") if answer is None else answer.status,
        official=not missing and (match_compatible(said, truths[0]) if sqa3d else bool(exact)),
        refined=not missing and bool(refined),
        strict=match_strict(short, truths) if sqa3d else answer_right_strict(short, truths),
        located=_located(item, answer),
    )


def _located(item: Item, answer: GroundedAnswer | None) -> bool | None:
    if not item.gold.boxes:
        return None
    wanted = [b.to_box() for b in item.gold.boxes.values()]
    given = [a.box.to_box() for a in answer.anchors] if answer is not None and answer.status == "answered" else []
    return any(boxes.iou(w, g) >= ACC_IOU for w in wanted for g in given)


def majority(items: Sequence[Item]) -> dict[str, str]:
    """Item id -> the most frequent answer to its kind of question in the other scenes."""
    votes: dict[str, Counter[tuple[str, str]]] = {}
    for item in items:
        word = clean_answer(item.gold.accepted[0])
        votes.setdefault(item.family, Counter())[word, item.cluster] += 1
    out = {}
    for item in items:
        others: Counter[str] = Counter()
        for (word, scene), count in votes[item.family].items():
            if scene != item.cluster:
                others[word] += count
        out[item.id] = max(others, key=lambda w: (others[w], w)) if others else ""
    return out


def report(plan: SceneQaPlan, items: Sequence[Item], predictions: Mapping[str, Prediction]) -> Report:
    """Means with errors clustered by scene; the denominator is every item."""
    found = [judged(item, predictions.get(item.id)) for item in items]
    guesses = majority(items)
    rows = [*_share_rows(found), *_majority_rows(items, guesses, plan.dataset)]
    for kind in sorted({item.family for item in items}):
        of_kind = [j for j in found if j.item.family == kind]
        rows.append(_row(f"strict, {kind}", of_kind, lambda j: j.strict))
    if plan.dataset == "beacon3d":
        objects = object_accuracy_strict((j.item.place["object"], j.strict) for j in found)
        count = len({j.item.place["object"] for j in found})
        rows.insert(3, Row(what="strict, all questions of an object", value=_percent(objects), unit="%", count=count))
        placed = [j for j in found if j.located is not None]
        rows.insert(4, _row(f"anchor on the object, IoU {ACC_IOU}", placed, lambda j: bool(j.located)))
    records = tuple(
        {"id": j.item.id, "status": j.status, "official": j.official, "strict": j.strict, "located": j.located}
        for j in found
    )
    return Report(suite=NAME, rows=tuple(rows), settings=plan.settings(), items=records)


def _share_rows(found: Sequence[Judged]) -> list[Row]:
    official = "official (a shared word is enough)" if found and found[0].item.wording == "sqa3d" else "official EM"
    rows = [
        _row(official, found, lambda j: j.official),
        _row("official EM-R", found, lambda j: j.refined),
        _row("strict", found, lambda j: j.strict),
    ]
    for status in ("answered", "abstained", "clarify", "error", "missing"):
        rows.append(_row(status, found, lambda j, s=status: j.status == s))
    return rows


def _majority_rows(items: Sequence[Item], guesses: Mapping[str, str], dataset: str) -> list[Row]:
    strict: Judge = match_strict if dataset == "sqa3d" else answer_right_strict
    rows = [_interval_row("majority, strict", [(strict(guesses[i.id], i.gold.accepted), i.cluster) for i in items])]
    if dataset == "sqa3d":
        hits = [(match_compatible(guesses[i.id], i.gold.accepted[0]), i.cluster) for i in items]
        rows.insert(0, _interval_row("majority, official", hits))
    return rows


def _row(what: str, found: Sequence[Judged], hit: Callable[[Judged], bool]) -> Row:
    return _interval_row(what, [(hit(j), j.item.cluster) for j in found])


def _interval_row(what: str, hits: Sequence[tuple[bool, str]]) -> Row:
    mean = interval([float(h) for h, _ in hits], [c for _, c in hits])
    if mean is None:
        return Row(what=what, value=None, unit="%", note="nothing to judge")
    return Row(what=what, value=100 * mean.mean, spread=100 * mean.stderr, unit="%", count=mean.n)


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the suite."""
    parser.add_argument("--dataset", choices=DATASETS, default="sqa3d", help="whose questions (default: sqa3d)")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="holds qa/ and scannet_graphs/")
    parser.add_argument("--run", type=Path, required=True, metavar="DIR", dest="folder", help="raw answers go here")
    parser.add_argument("--limit", type=int, metavar="N", help="about so many questions, from all scenes in turn")
    parser.add_argument("--system", choices=SYSTEMS_ASKED, default="agent", help="the agent, or a baseline")
    parser.add_argument("--vlm", default="embedded", metavar="SPEC", help="as for `sightline ask`")
    parser.add_argument("--adapter", metavar="PATH", help="a LoRA adapter on top")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")


def run(args: argparse.Namespace) -> Report:
    """Ask what is not answered yet, then score. Raises InputError for data that is not there or another run's file."""
    from evals.machine import machine, now, software
    from evals.predict import predict, progress_bar
    from evals.predictions import new_header, read_run

    if args.limit is not None and args.limit < 1:
        raise DatasetError(f"expected --limit of 1 or more, got {args.limit}")
    plan = SceneQaPlan(
        dataset=args.dataset,
        data=args.data,
        limit=args.limit,
        system=args.system,
        vlm=args.vlm,
        adapter=args.adapter,
    )
    items = plan.items()
    if not items:
        raise DatasetError(f"expected at least one question of {plan.dataset} about a scene with a graph, got none")
    about = {"software": software(), "machine": machine(), "started": now()}
    header = new_header(NAME, VERSION, plan.settings(), items, **about)
    path = args.folder / "predictions.jsonl"
    took = predict(path, header, items, plan, jobs=args.jobs, follow=progress_bar(len(items)))
    print(f"{took.asked} answers in {took.wall_s:.1f} s, {took.kept} were there", file=sys.stderr)
    return report(plan, items, read_run(path).predictions)
