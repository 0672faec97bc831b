"""The suites of questions on generated worlds: ``answers`` and its smaller sisters. What is asked, where, and of whom.

Worlds: a run takes seeds that end in 9, whose questions are worded by groups that no training saw (the test split of
``scenes.questions``). ``TUNED_ON`` names the seeds that weights, thresholds or tests were made with; ``check_unseen``
keeps them out. The default worlds were used for nothing before this suite.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from evals.items import Item, dialogs, item_of
from evals.stages.base import Stage
from evals.suites.human_new import new_items
from evals.suites.human_words import in_human_words
from evals.suites.item_cache import cached_items
from evals.systems.base import System
from scenes.errors import InputError
from scenes.questions.generate import split_of_seed, visit_questions
from scenes.questions.visits import Visit, make_visits
from scenes.records import BoxRecord, Question
from scenes.worlds.world import make_world

VERSION = 1
"""Raised whenever the same settings would ask other questions or hold other gold answers."""
MOMENTS = (0.5, 0.75, 1.0)
"""Of a perceived graph: shares of the walk after which questions are asked, because each moment needs its own map."""
HUMAN_SEED = 1
"""Of the moments and things that are asked about in human words; the grammar's are those of seed 0."""
Graph = Literal["true", "perceived"]
Wording = Literal["grammar", "human"]

TUNED_ON = (range(0, 300), range(1000, 1400))
"""Half-open ranges of world seeds. 1000-1399: pictures for the vision tower (``finetune crops``, ``finetune/LOG.md``)
and segments (``finetune/segmentation``). 100-109 and 200-206: thresholds of mapping and scene graph
(``tools/scene_graph``, ``tools/segmentation``, suite ``scene-graph``). 7 and single seeds below 30: examples, tests."""
FIRST, STOP = 9009, 9609
"""Default worlds: every seed of this range that ends in 9."""
SMOKE = (8009, 8019, 8029, 8039)
"""Worlds of the gate; looked at often, so they are none of the default ones."""
TALK = frozenset({"greeting", "thanks", "unsupported"})
"""Families without anything to point at or to cite: told apart from the headline (see ``evals.scorers.headline``)."""
POINTLESS = TALK | {"where_am_i", "forget"}
"""Families where it is not judged what the answer points at: the nearest thing beside "where am I" is no error."""
LISTS = frozenset({"list_relation", "list_room", "changed", "moved", "missing", "appeared"})
"""Families whose value is a list of names."""
ABSTENTIONS = frozenset({"never_present", "not_yet_seen", "moved_away", "ambiguous", "unsupported"})
ANSWERABLE_TWINS = frozenset({"where_is", "color", "distance", "height", "describe", "last_seen", "room_of", "route"})
"""Families whose words are also used to ask for things that are not there: a system that always abstains, and one
that never does, both score zero on the two together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """One suite: which dialogs of the generated ones it keeps."""

    name: str
    help: str
    keeps: Callable[[Sequence[Item]], bool]


SELECTIONS = (
    Selection(name="answers", help="questions about unseen worlds, end to end", keeps=lambda d: True),
    Selection(
        name="smoke",
        help="a few of them on fixed worlds, with floors: what continuous integration runs, in three minutes at most",
        keeps=lambda d: True,
    ),
    Selection(
        name="multi-turn",
        help="dialogs of two or more turns: it, the other one, names taught",
        keeps=lambda d: len(d) > 1,
    ),
    Selection(
        name="abstention",
        help="things that are not there, have left, or are several, among questions that can be answered",
        keeps=lambda d: len(d) == 1 and d[0].family in ABSTENTIONS | ANSWERABLE_TWINS,
    ),
    Selection(
        name="latency",
        help="time of each stage of a turn, over questions that one tool call answers",
        keeps=lambda d: len(d) == 1 and len(d[0].trace) == 1,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersPlan:
    """The settings of a run; with the same settings, the same items in the same order."""

    suite: str = "answers"
    graph: Graph = "true"
    wordings: tuple[Wording, ...] = ("grammar", "human")
    seeds: tuple[int, ...]
    visits: int = 2
    per_world: int = 30
    """Dialogs asked for in each world and wording, over its visits."""
    limit: int | None = None
    """Items in all: whole dialogs, taken from all worlds in turn."""
    system: str = "agent"
    vlm: str = "embedded"
    adapter: str | None = None
    sensor: str = "headset"
    cache: Path
    """Where recordings and maps of a perceived graph are kept between runs."""

    def settings(self) -> dict[str, Any]:
        """What the header says: all that an answer depends on, and no path of this machine."""
        return {
            "graph": self.graph,
            "wordings": list(self.wordings),
            "seeds": list(self.seeds),
            "visits": self.visits,
            "per_world": self.per_world,
            "limit": self.limit,
            "system": self.system,
            "vlm": self.vlm if not Path(self.vlm).exists() else Path(self.vlm).name,
            "adapter": None if self.adapter is None else Path(self.adapter).name,
            "weights": weights_digest(self.vlm, self.adapter),
            **({"sensor": self.sensor} if self.graph == "perceived" else {}),
        }

    def items(self, follow: Callable[[int, int], None] | None = None) -> list[Item]:
        """The suite's items, world after world."""
        keeps = next(s.keeps for s in SELECTIONS if s.name == self.suite)
        by_world: list[list[list[Item]]] = []
        for done, seed in enumerate(self.seeds, start=1):
            asked = self._world(seed)
            by_world.append([d for d in dialogs(asked) if keeps(d)])
            if follow is not None:
                follow(done, len(self.seeds))
        return [item for world in limited(by_world, self.limit) for dialog in world for item in dialog]

    def _world(self, seed: int) -> list[Item]:
        name = f"{seed}-{self.visits}-{self.per_world}-{'-'.join(self.wordings)}"
        moments = MOMENTS if self.graph == "perceived" else None
        return cached_items(
            name + ("-moments" if moments else ""),
            lambda: world_items(seed, self.visits, self.per_world, self.wordings, moments),
        )

    def make_stage(self) -> Stage:
        """See ``evals.holding.Plan``."""
        if self.graph == "true":
            from evals.stages.true_graph import TrueGraphStage

            return TrueGraphStage(visits=self.visits)
        from evals.stages.perceived import PerceivedStage

        moments: dict[int, set[int]] = {}
        for item in self.items():
            moments.setdefault(int(item.place["world"]), set()).add(item.frame_id)
        return PerceivedStage(
            cache=self.cache,
            sensor=self.sensor,
            vlm=self.vlm,
            adapter=self.adapter,
            models=weights_digest(self.vlm, self.adapter),
            moments={seed: tuple(sorted(frames)) for seed, frames in moments.items()},
        )

    def make_system(self) -> System:
        """See ``evals.holding.Plan``."""
        from evals.systems.choose import make_system

        return make_system(self.system, self.vlm, self.adapter, self.items)


def world_items(
    seed: int, visits: int, per_world: int, wordings: Sequence[Wording], moments: Sequence[float] | None = None
) -> list[Item]:
    """The questions of one world in each wording; ``moments``: shares of a visit at which alone something is asked."""
    out: list[Item] = []
    for visit in make_visits(make_world(seed), visits):
        count = max(1, per_world // visits)
        for wording in wordings:
            frames = None if moments is None else [visit.frames[round(m * (len(visit.frames) - 1))] for m in moments]
            asked = _grammar if wording == "grammar" else _human
            out += asked(visit, count, frames)
    if moments is None:
        return out
    return sorted(out, key=lambda i: i.frame_id)  # a moment's dialogs share its map; stable, so turns stay in order


def _grammar(visit: Visit, count: int, frames: Sequence[int] | None) -> list[Item]:
    return [question_item(question, visit, "grammar") for question in visit_questions(visit, count, frames=frames)]


def _human(visit: Visit, count: int, frames: Sequence[int] | None) -> list[Item]:
    """Two thirds of the dialogs ask what the generator asks, of other moments than its own; the rest what it lacks."""
    extra = count // 3
    labels = sorted({o.label for o in visit.known(visit.frames[-1]).objects.values()})
    asked = in_human_words(visit_questions(visit, count - extra, seed=HUMAN_SEED, frames=frames), labels)
    return [question_item(question, visit, "human") for question in asked] + new_items(visit, extra, frames)


def question_item(question: Question, visit: Visit, wording: str) -> Item:
    """The item of a generated question about a visit."""
    known = visit.known(question.frame_id).objects
    boxes = {i: BoxRecord.from_box(known[i].box) for i in question.objects}
    family = question.family
    return item_of(question, boxes, wording=wording, points=family not in POINTLESS, lists=family in LISTS)


def limited(by_world: Sequence[Sequence[Sequence[Item]]], limit: int | None) -> list[list[Sequence[Item]]]:
    """Dialogs drawn from each world in turn until ``limit`` items are reached, in their old order.

    A dialog is never cut; the draw is the same for the same world.
    """
    if limit is None:
        return [list(world) for world in by_world]
    worlds = [world for world in by_world if world]
    drawn = [random.Random(f"limit {w[0][0].cluster}").sample(range(len(w)), len(w)) for w in worlds]
    kept: list[set[int]] = [set() for _ in worlds]
    total = 0
    for turn in range(max(map(len, worlds), default=0)):
        for world, order, chosen in zip(worlds, drawn, kept, strict=True):
            if turn < len(world) and total < limit:
                chosen.add(order[turn])
                total += len(world[order[turn]])
    return [[world[k] for k in sorted(chosen)] for world, chosen in zip(worlds, kept, strict=True)]


def unseen_seeds(text: str) -> tuple[int, ...]:
    """``A:B`` or one seed -> the seeds of that range whose wording was never trained on.

    Raises InputError: not a range, no such seed in it, or one that something was tuned on.
    """
    first, _, stop = text.partition(":")
    try:
        start = int(first)
        end = int(stop) if stop else start + 1
    except ValueError:
        raise InputError(f"expected --worlds A:B or one seed, e.g. {FIRST}:{STOP}, got {text!r}") from None
    seeds = tuple(s for s in range(max(start, 0), end) if split_of_seed(s) == "test")
    if not seeds:
        raise InputError(f"expected --worlds with a seed that ends in 9, e.g. {FIRST}:{STOP}, got {text!r}")
    seen = [s for s in seeds if any(s in r for r in TUNED_ON)]
    if seen:
        raise InputError(f"expected worlds that nothing was tuned on, got {seen[0]}; take {FIRST}:{STOP}")
    return seeds


def weights_digest(vlm: str, adapter: str | None) -> str:
    """What the weights are: a digest of the files of a local model and adapter, or the name of a served one."""
    from agent.model.vlm import EMBEDDED, embedded_folder

    folders = [embedded_folder()] if vlm == EMBEDDED else [Path(vlm)]
    folders += [Path(adapter)] if adapter is not None else []
    hasher = hashlib.sha256(f"{vlm if vlm == EMBEDDED or not Path(vlm).exists() else ''}".encode())
    for folder in folders:
        for file in sorted(p for p in folder.rglob("*") if p.suffix in (".safetensors", ".json")):
            hasher.update(file.relative_to(folder).as_posix().encode())
            hasher.update(file.read_bytes())
    return hasher.hexdigest()[:12]
