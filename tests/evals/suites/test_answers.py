"""The answers suite: unseen worlds only, the same items each time, both wordings, limits that cut no dialog."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals.items import dialogs
from evals.suites.answers import (
    FIRST,
    SELECTIONS,
    SMOKE,
    STOP,
    TALK,
    TUNED_ON,
    AnswersPlan,
    limited,
    unseen_seeds,
    world_items,
)
from evals.suites.human_phrasings import load_human_phrasings
from scenes.errors import InputError
from scenes.questions.generate import split_of_seed

SEED = 9009


@pytest.fixture(scope="module")
def items():
    return world_items(SEED, 1, 24, ("grammar", "human"))


def test_default_worlds_are_worded_by_held_out_groups_and_nothing_was_tuned_on_them():
    seeds = unseen_seeds(f"{FIRST}:{STOP}")
    assert len(seeds) >= 40
    for seed in (*seeds, *SMOKE):
        assert split_of_seed(seed) == "test"
        assert not any(seed in tuned for tuned in TUNED_ON)
    assert not set(seeds) & set(SMOKE)


@pytest.mark.parametrize("text", ["100:200", "1009", "9", "1000:1400"])
def test_worlds_that_something_was_tuned_on_are_refused(text: str):
    with pytest.raises(InputError, match="nothing was tuned on"):
        unseen_seeds(text)


@pytest.mark.parametrize("text", ["9001:9005", "x", "9:8", ":", "-5:-1"])
def test_what_is_no_range_of_unseen_worlds_is_refused_with_an_example(text: str):
    with pytest.raises(InputError, match="expected --worlds"):
        unseen_seeds(text)


def test_a_world_gives_the_same_items_each_time_with_ids_of_their_own(items):
    assert world_items(SEED, 1, 24, ("grammar", "human")) == items
    assert len({i.id for i in items}) == len(items)
    assert {i.wording for i in items} == {"grammar", "human"}


def test_human_words_come_from_the_hand_written_file(items):
    open_words = {w for p in load_human_phrasings() for w in p.text.split() if "{" not in w}
    human = [i for i in items if i.wording == "human"]
    assert human
    for item in human:
        assert "{" not in item.text
        assert set(item.text.split()) & open_words, item.text


def test_every_gold_thing_has_its_true_box_and_answered_values_their_kind(items):
    for item in items:
        assert all(i.startswith("w") for i in item.gold.boxes)
        if item.gold.value is not None and item.gold.value.kind == "direction":
            assert item.gold.direction is not None
        if item.family in TALK:
            assert not item.trace


def test_a_limit_takes_whole_dialogs_from_every_world(items):
    worlds = [list(dialogs([i.model_copy(update={"cluster": c}) for i in items])) for c in ("a", "b", "c")]
    chosen = limited(worlds, 12)
    count = sum(len(d) for w in chosen for d in w)
    assert 12 <= count <= 12 + max(len(d) for w in worlds for d in w)
    assert all(w for w in chosen)
    assert all(d in worlds[k] for k, w in enumerate(chosen) for d in w)


def test_a_smaller_limit_asks_a_part_of_what_a_larger_one_asks(items):
    worlds = [list(dialogs([i.model_copy(update={"cluster": c}) for i in items])) for c in ("a", "b")]
    small, large = ({i.id + i.cluster for w in limited(worlds, n) for d in w for i in d} for n in (8, 20))
    assert small < large


def test_abstention_asks_for_things_that_are_there_in_the_same_words_as_for_things_that_are_not():
    keeps = next(s.keeps for s in SELECTIONS if s.name == "abstention")
    kept = [d[0] for d in dialogs(world_items(SEED, 1, 60, ("grammar",))) if keeps(d)]
    assert {i.gold.status for i in kept} >= {"answered", "abstained"}


def test_settings_name_no_path_of_this_machine(tmp_path: Path):
    plan = AnswersPlan(seeds=(SEED,), vlm=str(tmp_path), adapter=None, cache=tmp_path)
    assert str(tmp_path) not in str(plan.settings())
