"""The strict variants of answer metrics do not reward what the official code rewards by mistake."""

from __future__ import annotations

import math

import pytest

from evals.scorers.official.answers import beacon3d, leo, openeqa, scanqa, sqa3d, vsi_bench
from evals.scorers.official.answers.caption_tokens import tokenised
from evals.scorers.official.answers.captions import caption_scores_compatible
from evals.scorers.official.answers.noun_lemmas import noun_lemma
from evals.scorers.official.answers.number_words import number_in, numbers_in


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("about 5", 5.0),
        ("5m", 5.0),
        ("The answer is twenty-one.", 21.0),
        ("1,234 cm", 1234.0),
        ("3.5 metres", 3.5),
        ("-2", -2.0),
        ("between 2 and 3", None),
        ("I cannot tell", None),
        ("a chair2 there", None),
    ],
)
def test_the_one_number_of_a_text_is_read(text: str, number: float | None) -> None:
    assert number_in(text) == number


def test_all_numbers_of_a_text_are_found_in_order() -> None:
    assert numbers_in("two chairs, 3 tables and ninety nine lamps") == [2.0, 3.0, 99.0]


def test_strict_numbers_read_words_and_have_no_float_ties() -> None:
    assert vsi_bench.number_score_compatible("about 5", "5") == 0.0
    assert vsi_bench.number_score_strict("about 5", 5) == 1.0
    assert vsi_bench.mean_relative_accuracy_compatible(4.0, 5.0) == 0.6
    assert vsi_bench.mean_relative_accuracy_strict(4.0, 5.0) == 0.7
    assert vsi_bench.mean_relative_accuracy_strict(0.0, 0.0) == 1.0
    assert vsi_bench.mean_relative_accuracy_strict(math.nan, 1.0) == 0.0
    assert vsi_bench.number_score_strict(None, 5) == 0.0


OPTIONS = ("A. chair", "B. table", "C. sofa", "D. lamp")


@pytest.mark.parametrize("text", ["A", "a", "(A)", "**A**", "A) chair", "Answer: A", " A", "the chair", "A chair."])
def test_strict_choice_reads_the_letter_in_any_dress(text: str) -> None:
    assert vsi_bench.choice_score_strict(text, "A", OPTIONS) == 1.0


@pytest.mark.parametrize("text", ["A B C D", "A,B", "", "a chair or a table", "B", "I cannot tell", "chair, table"])
def test_strict_choice_gives_nothing_for_lists_and_silence(text: str) -> None:
    assert vsi_bench.choice_score_strict(text, "A", OPTIONS) == 0.0


def test_strict_aggregate_lists_what_it_counts() -> None:
    found = vsi_bench.aggregate_strict([("object_rel_direction_medium", 1.0), ("object_counting", 0.0)])
    assert found["object_rel_direction_accuracy"] == 100.0
    assert found["overall"] == 50.0
    assert vsi_bench.aggregate_strict([]) == {}


def test_an_empty_answer_is_right_in_the_official_code_only() -> None:
    assert sqa3d.match_compatible("", "chair")
    assert not sqa3d.match_strict("", ["chair"])
    assert not sqa3d.match_strict("???", ["chair"])
    assert leo.answer_match_compatible("", ["chair"]) == (0, 1)
    assert leo.answer_match_strict("", ["chair"]) == (0, 0)
    assert scanqa.unigram_f_strict("chair", "") == 0.0


def test_both_sides_are_cleaned_in_the_strict_variant() -> None:
    assert not sqa3d.match_compatible("tv", "tv")
    assert sqa3d.match_strict("tv", ["tv"])
    assert sqa3d.match_strict("1", ["one"])
    assert not sqa3d.match_strict("and", ["black and white"])


def test_strict_refined_match_is_of_whole_words_and_no_list() -> None:
    assert leo.answer_match_compatible("no", ["notebook"]) == (0, 1)
    assert leo.answer_match_strict("no", ["notebook"]) == (0, 0)
    assert leo.answer_match_strict("the brown chair", ["chair"]) == (0, 1)
    assert leo.answer_match_strict("chair table sofa lamp bed", ["sofa"]) == (0, 0)
    assert leo.answer_match_strict("chair", ["brown chair", "chair"]) == (1, 1)


def test_a_question_without_prediction_is_wrong_and_counts() -> None:
    assert sqa3d.accuracy_strict({1: ["chair"], 2: ["lamp"]}, {1: "chair"}) == 0.5
    assert scanqa.scores_strict({1: ["chair"], 2: ["lamp"]}, {1: ["Chair"]})["Top1 (EM)"] == 50.0
    assert scanqa.scores_strict({}, {})["Top1 (EM)"] is None


def test_at_most_ten_answers_count() -> None:
    answers = ["x"] * 10 + ["chair"]
    assert scanqa.scores_strict({1: ["chair"]}, {1: answers})["Top10 (EM)"] == 0.0


def test_repeated_words_are_clipped_in_the_strict_f() -> None:
    assert scanqa.unigram_f_compatible("chair", "chair chair chair") == 1.0
    assert scanqa.unigram_f_strict("chair", "chair chair chair") == 0.5


@pytest.mark.parametrize(
    ("word", "lemma"),
    [("chairs", "chair"), ("children", "child"), ("mice", "mouse"), ("shelves", "shelf"), ("boxes", "box")],
)
def test_noun_lemmas(word: str, lemma: str) -> None:
    assert noun_lemma(word) == lemma


def test_a_word_that_is_no_noun_stays() -> None:
    assert noun_lemma("rectangularly") == "rectangularly"


@pytest.mark.parametrize(
    ("reply", "mark"),
    [("Your mark: 4/5", 4), ("4.", 4), (" 5 ", 5), ("Your mark: **4**", 4), ("3.5", None), ("", None)],
)
def test_strict_marks_read_what_the_judge_means(reply: str, mark: int | None) -> None:
    assert openeqa.parse_mark_strict(reply) == mark


def test_a_mark_outside_the_scale_is_no_mark() -> None:
    assert openeqa.parse_mark_strict("Your mark: 6") is None
    assert openeqa.parse_mark_strict("10") is None


def test_unscored_is_left_out_and_counted_and_missing_is_zero() -> None:
    assert openeqa.percent_strict({"a": 5, "b": None}, ["a", "b", "c"]) == (50.0, 1)
    assert openeqa.percent_strict({}, []) == (None, 0)


def test_a_piano_is_no_yes_or_no_question() -> None:
    assert beacon3d.is_binary_compatible(["piano"]) == 1
    assert not beacon3d.is_binary_strict(["piano"])
    assert beacon3d.is_binary_strict(["No."])
    assert beacon3d.answer_right_strict("no, it is not", ["no"])
    assert not beacon3d.answer_right_strict("yes and no", ["no"])


def test_objects_are_grouped_by_object_and_not_by_position() -> None:
    rows = [("a", True), ("b", True), ("a", True), ("b", False)]
    assert beacon3d.object_accuracy_strict(rows) == 0.5
    assert beacon3d.object_accuracy_strict([]) is None


def test_caption_tokens_split_contractions_and_drop_marks() -> None:
    assert tokenised("I can't see it, (maybe)") == "i ca n't see it -lrb- maybe -rrb-"
    assert tokenised("It's the chair's leg.") == "it 's the chair 's leg"


def test_caption_scores_of_equal_long_answers_are_full() -> None:
    answers = ["the lamp is on the desk", "a red chair near the door"]
    found = caption_scores_compatible(answers, [[a] for a in answers])
    assert found.total["Bleu_4"] == pytest.approx(100.0)
    assert found.total["ROUGE_L"] == pytest.approx(100.0)
    assert found.per_item["CIDEr"] == pytest.approx([1000.0, 1000.0])
