"""Questions from generated worlds: seeds in, ``Question`` records out, balanced over families."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from scenes.questions import about_changes as c
from scenes.questions import about_gaze_and_absence as s
from scenes.questions import about_several_objects as f
from scenes.questions.about_one_object import ask_about, room_of
from scenes.questions.asker import Asker, Draft, Drafts, plural_noun
from scenes.questions.phrasing import Split
from scenes.questions.visits import Visit, make_visits
from scenes.records import Question
from scenes.worlds.world import make_world

FAMILIES: tuple[tuple[str, Callable[[Asker], Drafts]], ...] = (
    ("where_is", ask_about("where_is")),
    ("direction", ask_about("direction")),
    ("last_seen", ask_about("last_seen")),
    ("room_of", room_of),
    ("exist", f.exist),
    ("exist_relation", f.exist_relation),
    ("count", f.count),
    ("count_relation", f.count_relation),
    ("count_room", f.count_room),
    ("count_things", f.count_things),
    ("list_relation", f.list_relation),
    ("list_room", f.list_room),
    ("superlative", f.superlative),
    ("color", ask_about("color", lambda thing: thing.color)),
    ("describe", ask_about("describe", lambda thing: thing.color)),
    ("distance", ask_about("distance")),
    ("distance_two", f.distance_two),
    ("size", ask_about("size")),
    ("height", ask_about("height")),
    ("width", ask_about("width")),
    ("length", ask_about("length")),
    ("fit_on", f.fits("fit_on")),
    ("fit_in", f.fits("fit_in")),
    ("where_am_i", f.where_am_i),
    ("route", ask_about("route")),
    ("gaze_what", s.gazed("gaze_what")),
    ("gaze_color", s.gazed("gaze_color")),
    ("gaze_distance", s.gazed("gaze_distance")),
    ("gaze_size", s.gazed("gaze_size")),
    ("teach", s.teach),
    ("note", s.note),
    ("never_present", s.never_present),
    ("not_yet_seen", s.not_yet_seen),
    ("ambiguous", s.ambiguous),
    ("changed", c.changes("changed")),
    ("moved", c.changes("moved")),
    ("missing", c.changes("missing")),
    ("appeared", c.changes("appeared")),
    ("moved_since", c.moved_since),
    ("moved_away", c.moved_away),
    ("greeting", s.talk("greeting")),
    ("thanks", s.talk("thanks")),
    ("unsupported", s.talk("unsupported")),
)
"""Name and asker of each opening family; some also write follow-up turns under names of their own."""


FRAMES_TRIED = 10
"""Moments at which a family is tried before it is the next one's turn: some questions fit few moments."""


def split_of_seed(seed: int) -> Split:
    """Worlds are split by seed: of every ten, the ninth is for val and the tenth for test."""
    place = seed % 10
    return "val" if place == 8 else "test" if place == 9 else "train"


def visit_questions(
    visit: Visit, count: int, seed: int = 0, *, frames: Sequence[int] | None = None
) -> Iterator[Question]:
    """``count`` dialogs about one visit, families in turn, at random frames, or at random ones of ``frames``.

    Nothing is asked that depends on a thing of which it cannot be told whether it is still there. Deterministic in the
    visit and the seed.
    """
    split = split_of_seed(visit.world.seed)
    rng = random.Random(f"{visit.world.seed}-{visit.number}-{seed}")
    if frames is None:
        # The first quarter of a first visit has shown too little; a later one starts with a memory.
        frames = visit.frames[0 if visit.before else len(visit.frames) // 4 :]
    order = [name for name, _ in FAMILIES]
    rng.shuffle(order)
    ask_of = dict(FAMILIES)
    asked = 0
    for attempt in range(count * 8):
        if asked == count:
            return
        ask = ask_of[order[attempt % len(order)]]
        for _ in range(FRAMES_TRIED):
            asker = _asker(rng, visit, rng.choice(frames), split)
            if (drafts := ask(asker)) and not _unsure(asker, drafts):
                yield from _numbered(asker, drafts, asked)
                asked += 1
                break


def _unsure(a: Asker, drafts: Drafts) -> bool:
    """Whether an answer may depend on a thing that may have left: one of its kind, or all things in some place."""
    doubtful = [t.thing for t in a.visit.knowledge(a.frame).things.values() if t.doubt]
    heads = {
        head for thing in doubtful for head in (thing.category.split()[-1], plural_noun(thing.category.split()[-1]))
    }
    said = [str(v) for d in drafts for step in d.trace for v in step.arguments.values()]
    words = {word for text in said for word in text.split()}
    pointed = {i for d in drafts for i in d.objects}
    return bool(doubtful) and ("objects" in said or bool(heads & words) or any(t.id in pointed for t in doubtful))


def _asker(rng: random.Random, visit: Visit, frame: int, split: Split) -> Asker:
    remembered = visit.known(frame)
    there = {i: o for i, o in remembered.objects.items() if o.present}
    graph = remembered if len(there) == len(remembered.objects) else replace(remembered, objects=there)
    return Asker(rng=rng, visit=visit, frame=frame, split=split, graph=graph, remembered=remembered)


def generate(seeds: Iterable[int], dialogs_per_world: int = 40, visits: int = 1) -> Iterator[Question]:
    """Questions of many worlds, in the order of the seeds."""
    for seed in seeds:
        for visit in make_visits(make_world(seed), visits):
            yield from visit_questions(visit, dialogs_per_world // visits)


def balance(questions: Iterable[Question]) -> dict[str, int]:
    """Questions per family, most frequent first."""
    return dict(Counter(q.family for q in questions).most_common())


def _numbered(a: Asker, drafts: Iterable[Draft], number: int) -> Iterator[Question]:
    world = a.visit.world.seed
    dialog = f"w{world}-v{a.visit.number}-f{a.frame}-{number}"
    for turn, d in enumerate(drafts):
        evidence = dict.fromkeys(k for i in d.objects[:8] for k in a.visit.best_frames(i, a.frame, 2))
        yield Question(
            id=f"{dialog}-{turn}-{d.family}",
            family=d.family,
            split=a.split,
            world_seed=world,
            visit=a.visit.number,
            frame_id=a.frame,
            time_s=a.time_s,
            dialog=dialog,
            turn=turn,
            text=d.text,
            gaze_px=d.gaze_px,
            status=d.status,
            reason=d.reason,
            value=d.value,
            direction=d.direction,
            objects=d.objects,
            trace=d.trace,
            evidence_frames=tuple(evidence),
        )
