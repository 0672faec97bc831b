"""Questions from generated worlds: right by a second opinion, blind to the future, split as promised."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from scenes.questions.asker import held_out
from scenes.questions.generate import FAMILIES, balance, split_of_seed, visit_questions
from scenes.questions.gold import Kind
from scenes.questions.visits import Visit, make_visit, make_visits
from scenes.questions.wearer_knowledge import MOVED_M
from scenes.records import Question
from scenes.worlds.dynamics.walk import Walk
from scenes.worlds.world import make_world
from tests.scenes.questions.oracle import CHANGES, Oracle


@pytest.fixture(scope="module")
def visit() -> Visit:
    return make_visit(make_world(3), step=10)


@pytest.fixture(scope="module")
def questions(visit: Visit) -> list[Question]:
    return list(visit_questions(visit, 150))


def test_a_second_opinion_from_the_meshes_agrees_on_every_question(visit: Visit, questions: list[Question]) -> None:
    oracle = Oracle(visit)
    assert [f"{q.id} {q.text}: {c}" for q in questions if (c := oracle.complaint(q))] == []


def test_the_second_opinion_notices_a_wrong_value_and_a_wrong_object(visit: Visit, questions: list[Question]) -> None:
    oracle = Oracle(visit)
    wrong = {"length_m": 9.87, "count": 77, "color": "plaid", "room": "moon", "duration_s": 999.0, "direction": 12.3}
    tried = set()
    for q in questions:
        if q.value is not None and q.value.kind in wrong and q.value.kind not in tried:
            changed = q.value.model_copy(update={"value": wrong[q.value.kind]})
            assert oracle.complaint(q.model_copy(update={"value": changed})), q.text
            tried.add(q.value.kind)
    assert tried == set(wrong)
    unseen = next(i for i in visit.world.objects if i not in oracle.seen(questions[0].frame_id))
    assert oracle.complaint(questions[0].model_copy(update={"objects": (unseen,)}))


@pytest.mark.slow
def test_a_second_opinion_agrees_on_two_thousand_questions() -> None:
    wrong, count = [], 0
    families: set[str] = set()
    for seed in range(100, 110):
        # Every fifth world is visited again after a change.
        for visit in make_visits(make_world(seed), 2 if seed % 5 == 4 else 1):
            oracle = Oracle(visit)
            for q in visit_questions(visit, 190):
                count += 1
                families.add(q.family)
                if c := oracle.complaint(q):
                    wrong.append(f"{q.id} {q.text}: {c}")
    assert wrong == []
    assert count >= 2000
    assert {"changed", "moved", "missing", "appeared", "moved_since", "moved_away"} <= families


def shortened(visit: Visit, last: int) -> Visit:
    """The same visit, broken off after a frame."""
    walk = visit.walk
    return replace(
        visit,
        walk=Walk(
            times_s=walk.times_s[: last + 1],
            world_from_camera=walk.world_from_camera[: last + 1],
            rooms=walk.rooms[: last + 1],
        ),
    )


def test_no_gold_answer_depends_on_a_later_frame(visit: Visit) -> None:
    half = visit.frames[len(visit.frames) // 2]
    short = shortened(visit, half)
    for frame in (visit.frames[len(visit.frames) // 4], half):
        assert short.known(frame) == visit.known(frame)
    assert len(visit.known(visit.frames[-1]).objects) > len(visit.known(visit.frames[1]).objects)


@pytest.fixture(scope="module")
def later() -> Visit:
    return make_visit(make_world(9), 1, step=10)


@pytest.fixture(scope="module")
def later_questions(later: Visit) -> list[Question]:
    return list(visit_questions(later, 170))


def test_a_later_visit_asks_about_change(later: Visit, later_questions: list[Question]) -> None:
    families = balance(later_questions)
    assert all(families[name] >= 2 for name in ("changed", "moved", "missing", "appeared"))
    assert families["moved_since"] >= 2
    assert families["moved_away"] >= 2
    moved = [q for q in later_questions if q.family == "moved_since"]
    assert {q.value.value for q in moved if q.value} == {True, False}
    assert all(q.reason == "moved" for q in later_questions if q.family == "moved_away")
    assert later.timeline is not None
    changed = {e.object_id for e in later.timeline.events if e.kind in ("moved", "vanished")}
    assert all(set(q.objects) <= changed for q in later_questions if q.family in ("moved_away", "moved_since"))


def test_what_changed_is_what_the_event_log_says_and_no_more(later: Visit) -> None:
    """Each change that is known at the end really happened; of those in plain sight none is missing."""
    assert later.timeline is not None
    assert later.before is not None
    changes = {c.object_id: c for c in later.known(later.frames[-1]).changes or ()}
    kinds = {"opened": {"opened"}, "closed": {"closed"}, "appeared": {"appeared"}}
    logged: dict[str, set[str]] = {}
    for event in later.timeline.events:
        logged.setdefault(event.object_id, set()).add(event.kind)
    for i, change in changes.items():
        assert logged[i] & kinds.get(change.kind, {"moved", "vanished", "opened", "closed"}), (i, change.kind)
        assert change.since_s <= change.time_s
    assert {c.kind for c in changes.values()} >= {"moved", "vanished", "appeared", "opened"}
    shown = later.pixels[later.frames[-1]]
    start, end = later.before.world_at(later.before.frames[-1]), later.world_at(later.frames[-1])
    known = later.before.known(later.before.frames[-1]).objects
    for i in set(shown) & set(known) & set(start.objects):
        far = math.dist(start.objects[i].position, end.objects[i].position) > MOVED_M
        assert far == (i in changes and changes[i].kind == "moved"), i


def test_a_second_opinion_agrees_on_a_later_visit(later: Visit, later_questions: list[Question]) -> None:
    oracle = Oracle(later)
    assert [f"{q.id} {q.text}: {c}" for q in later_questions if (c := oracle.complaint(q))] == []


def test_what_has_left_is_not_counted_and_not_pointed_at(later: Visit, later_questions: list[Question]) -> None:
    for q in later_questions:
        gone = {i for i, o in later.known(q.frame_id).objects.items() if not o.present}
        if q.family not in CHANGES:
            assert not gone & set(q.objects), q.text


def test_nothing_that_happens_later_changes_an_earlier_answer(later: Visit, later_questions: list[Question]) -> None:
    """Broken off after a frame, with all later events undone, the visit gives the same knowledge at that frame."""
    assert later.timeline is not None
    for part in (3, 2):
        frame = later.frames[len(later.frames) // part]
        time_s = later.time_of(frame)
        past = replace(
            later.timeline,
            moments=tuple(m for m in later.timeline.moments if m[0] <= time_s),
            events=tuple(e for e in later.timeline.events if e.time_s <= time_s),
        )
        short = replace(shortened(later, frame), timeline=past)
        assert short.known(frame) == later.known(frame)
        missed = ({i: p.missed_px for i, p in v.knowledge(frame).things.items()} for v in (short, later))
        assert next(missed) == next(missed)
        assert any(o.last_seen_s < later.time_of(0) for o in short.known(frame).objects.values())


def test_a_thing_is_gone_only_when_its_place_was_seen_without_it(later: Visit) -> None:
    gone = 0
    for frame in later.frames:
        world = later.world_at(frame)
        for i, o in later.known(frame).objects.items():
            if not o.present:
                gone += 1
                assert i not in world.objects or world.objects[i].box != o.box
    assert gone


def test_a_seed_gives_the_same_questions_again(visit: Visit, questions: list[Question]) -> None:
    assert list(visit_questions(visit, 150))[:20] == questions[:20]
    ids = [q.id for q in questions]
    assert len(set(ids)) == len(ids)


def test_one_visit_gives_most_families(questions: list[Question]) -> None:
    families = balance(questions)
    missing = {name for name, _ in FAMILIES} - set(families) - {"note", *CHANGES}
    assert len(missing) <= 4, missing
    assert len(families) >= 30
    assert max(families.values()) < 0.1 * len(questions)


def test_every_answer_points_at_something_or_says_why_not(questions: list[Question]) -> None:
    for q in questions:
        if q.status == "answered" and q.family not in ("where_am_i", "forget"):
            assert q.objects or q.value is not None
        if q.status == "abstained":
            assert q.reason is not None
        assert all(k <= q.frame_id for k in q.evidence_frames)


def test_gaze_points_hit_the_gold_object(visit: Visit, questions: list[Question]) -> None:
    gazed = [q for q in questions if q.gaze_px]
    assert gazed
    for q in gazed:
        assert q.gaze_px is not None
        ids = visit.instance_ids[q.frame_id]
        scale = ids.shape[1] / 640
        assert f"w{ids[int(q.gaze_px[1] * scale), int(q.gaze_px[0] * scale)]}" == q.objects[0]


def test_some_pairs_of_category_and_colour_are_kept_for_the_test_split(visit: Visit) -> None:
    pairs = {Kind(name=o.category, color=o.color) for o in visit.world.objects.values() if o.color}
    kept = {k for k in pairs if held_out(k)}
    assert 0 < len(kept) < 0.4 * len(pairs)
    for q in visit_questions(visit, 150, seed=5):
        assert q.split == "train"
        said = " ".join(str(v) for call in q.trace for v in call.arguments.values())
        assert not any(k.text in said for k in kept), q.text


def test_worlds_are_split_by_seed() -> None:
    splits = [split_of_seed(s) for s in range(20)]
    assert splits.count("test") == splits.count("val") == 2


def test_a_question_survives_json(questions: list[Question]) -> None:
    for q in questions[:20]:
        assert Question.model_validate_json(q.model_dump_json()) == q
