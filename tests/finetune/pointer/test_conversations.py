"""The added families: gold that tools and checker accept, wording held apart, and calls that the grammar can write."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from agent.model.pointer.choices import Unreachable, Vocabulary
from agent.model.pointer.network import packaged_encoder
from finetune.language.synthetic import random_scene
from finetune.language.trace_writer import Writer
from finetune.pointer.examples import Pack, Runner, example_from_json, invented_pack, own_pack
from finetune.pointer.families import FAMILIES, conversation
from finetune.pointer.naming import renamed
from finetune.pointer.small_talk import TALKS
from finetune.pointer.telling import TooLong
from finetune.pointer.vocabulary import words
from finetune.pointer.wording import PATTERNS, dressed
from scenes.questions.phrasing import SPLITS, expansions, split_of
from tools.toolbox.answers import check_answer, numbers_in

WRITERS = {name: write for name, _, write in FAMILIES}


def written(family: str, seed: int) -> Writer | None:
    """One conversation of a family on a scene of its own; None where two lines were too long for a sentence."""
    rng = random.Random(f"{family}/{seed}")
    scene = random_scene(rng)
    scene.graph = renamed(rng, scene.graph)
    writer = Writer(rng, scene, "train")
    try:
        WRITERS[family](writer)
    except TooLong:
        return None
    return writer


@pytest.mark.parametrize("family", list(WRITERS))
def test_gold_ends_every_turn_and_passes_the_checker(family: str) -> None:
    found = [w for w in (written(family, seed) for seed in range(25)) if w is not None]
    assert len(found) >= 15
    for writer in found:
        assert len(writer.given) == sum(message["role"] == "user" for message in writer.messages)
        assert all(check_answer(said, facts) is None for said, facts in writer.given)


@pytest.mark.parametrize("family", ["side", "is_color", "is_in_room", "is_on", "further", "within", "more_than_one"])
def test_a_yes_no_question_that_is_answered_gets_yes_or_no_first(family: str) -> None:
    answers = [w.given[-1][0] for w in (written(family, seed) for seed in range(60)) if w is not None]
    said = [answer.text for answer in answers if answer.status == "answered"]
    assert {text.split(",")[0] for text in said} <= {"Yes", "No"}
    assert {text.split(",")[0] for text in said} == {"Yes", "No"}


def test_the_nearer_of_two_is_said_first() -> None:
    checked = 0
    for seed in range(150):
        writer = written("nearer", seed)
        if writer is None or len(writer.given[-1][1]) != 2:
            continue
        answer, facts = writer.given[-1]
        values = {fact.id: float(fact.value.value) for fact in facts if fact.value is not None}
        if answer.text.startswith(("Nearer:", "Yes,", "No,")):
            assert values[answer.cite[0]] < values[answer.cite[1]]
            asked_first = facts[0].id == answer.cite[0]
            assert not answer.text.startswith("Yes,") or asked_first
            assert not answer.text.startswith("No,") or not asked_first
            checked += 1
    assert checked > 20


def test_small_talk_calls_no_tool_and_says_no_number() -> None:
    for seed in range(60):
        writer = written("small_talk", seed)
        assert writer is not None
        (answer, facts) = writer.given[0]
        assert not facts
        assert not numbers_in(answer.text)
        assert "have not seen" not in answer.text


def test_every_family_has_wording_for_every_split_and_no_wording_in_two() -> None:
    patterns = {**PATTERNS, **{name: talk.said for name, talk in TALKS.items()}}
    for family, groups in patterns.items():
        texts = {split: set[str]() for split in SPLITS}
        for number, group in enumerate(groups):
            texts[split_of(number)].update(expansions(group))
        assert all(texts.values()), family
        assert not texts["train"] & texts["test"], family
        assert not texts["train"] & texts["val"], family


def test_noise_never_touches_a_name() -> None:
    rng = random.Random(0)
    for _ in range(300):
        text = dressed(rng, "where are {the} and {the2} right now", {"the": "Zorblat X", "the2": "mug"}, noise=1.0)
        assert "Zorblat X" in text
        assert "mug" in text


def test_nearly_every_call_of_training_can_be_written() -> None:
    _, tokenizer = packaged_encoder()
    vocabulary = Vocabulary(words())
    for pack, most in ((own_pack(600, "train", 5), 0.02), (invented_pack(300, 5), 0.2)):
        runner = Runner(pack.tool_sets, vocabulary, tokenizer)
        missed = 0
        for example in pack.examples:
            try:
                assert all(step.right is not None for step in runner.run(example).steps)
            except Unreachable:
                missed += 1
        assert missed <= most * len(pack.examples)


def test_the_same_seed_gives_the_same_conversations() -> None:
    first, second = (conversation(random.Random(3)).messages for _ in range(2))
    assert first == second


def test_a_pack_comes_back_from_its_file(tmp_path: Path) -> None:
    pack = own_pack(40, "train", 1)
    pack.save(tmp_path / "pack.gz")
    loaded = Pack.load(tmp_path / "pack.gz")
    assert [e.call for e in loaded.examples] == [e.call for e in pack.examples]
    assert example_from_json(pack.examples[0].to_json()).call == pack.examples[0].call


def test_words_of_the_vocabulary_say_no_number_colour_or_side() -> None:
    from scenes.vocabulary import COLOR_WORDS

    own = set(words())
    assert not own & set(COLOR_WORDS)
    assert not own & {"left", "right", "behind", "ahead"}
    assert not [word for word in own if word.isalpha() and numbers_in(word)]
