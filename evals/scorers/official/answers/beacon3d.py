"""Beacon3D: answers and grounding by case, chain and object.

Source of the definitions: beacon-3d, ``evaluate_qa.py``, ``evaluate_grounding.py`` and ``utils.py`` (Apache-2.0).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evals.scorers.official.answers.cleaning import clean_answer
from evals.scorers.official.answers.leo import answer_match_compatible, answer_match_strict

QA_KINDS = ("class", "appearance", "geometry", "spatial", "existence", "functionality")
GROUNDING_KINDS = ("class", "appearance", "geometry", "spatial", "functionality")
QUESTIONS_OF_OBJECT = 3
RIGHT_SCORE = 4
FULL_SCORE = 5


def extract_number_compatible(reply: str) -> int | None:
    """The first run of digits of a judge's reply. Traps: "-1" is 1, "3.7" is 3, "10" is 10; nothing is clipped."""
    match = re.search(r"\d+", reply)
    return int(match.group()) if match else None


def is_binary_compatible(truths: Iterable[str]) -> int:
    """1 for a yes/no question. Trap: "yes" and "no" are looked for inside words: "piano" is binary."""
    return int(any("yes" in t.lower() or "no" in t.lower() for t in truths))


def is_binary_strict(truths: Iterable[str]) -> bool:
    """Whether every answer is yes or no."""
    answers = [t.strip(" .!").lower() for t in truths]
    return bool(answers) and all(a in ("yes", "no") for a in answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedAnswer:
    """One question with its answer judged 1..5."""

    question: str
    em: int
    em_r: int
    score: int | None
    prediction: str
    tag: str
    extra_knowledge: int


def percent_of_scores(scores: Sequence[float | None]) -> float:
    """``(mean - 1) / 4 * 100``; NaN for none. Raises TypeError where the judge gave no number."""
    return (_mean(scores) - 1) / 4 * 100


def judge_answers_compatible(
    items: Sequence[Mapping[str, Any]], predictions: Sequence[Any], judge: Callable[[str], str]
) -> list[JudgedAnswer]:
    """Answers judged and put in the order of the metadata: by scene, class and object, as they first occur.

    Args:
        items: scene_id, object_class, object_id, question, answers, tag, extra.
        predictions: a text each, or a list of which the first counts.
        judge: question -> the judge's reply; asked only where neither EM nor, for yes/no questions, EM-R holds.

    Traps: see ``is_binary_compatible``; with an empty prediction EM-R holds; a question that occurs twice in a scene
    keeps the later answer, and raises AssertionError where its tags differ.
    """
    found: dict[tuple[Any, str], JudgedAnswer] = {}
    for item, prediction in zip(items, predictions, strict=False):
        text = clean_answer(prediction if isinstance(prediction, str) else prediction[0])
        truths = [clean_answer(t) for t in item["answers"]]
        em, em_r = answer_match_compatible(text, truths)
        sure = em or (is_binary_compatible(truths) and em_r)
        question = item["question"].lower()
        found[item["scene_id"], question] = JudgedAnswer(
            question=question,
            em=em,
            em_r=em_r,
            score=FULL_SCORE if sure else extract_number_compatible(judge(item["question"])),
            prediction=text,
            tag=item["tag"],
            extra_knowledge=int(item["extra"]),
        )
    ordered = []
    for item in _by_object(items, ("scene_id", "object_class", "object_id")):
        answer = found[item["scene_id"], item["question"].lower()]
        assert (answer.tag, answer.extra_knowledge) == (item["tag"], int(item["extra"])), "expected the same tags"
        ordered.append(answer)
    return ordered


def qa_scores_compatible(answers: Sequence[JudgedAnswer]) -> dict[str, float]:
    """Percent: EM, EM_R, GPT_score, case, object and the kinds that occur.

    Traps: an object is any three answers in a row, the last group may be shorter; scores above 5 are not clipped.
    """
    case = percent_of_scores([a.score for a in answers])
    groups = [answers[k : k + QUESTIONS_OF_OBJECT] for k in range(0, len(answers), QUESTIONS_OF_OBJECT)]
    kinds = [k for k in QA_KINDS if any(a.tag.lower() == k for a in answers)]
    return {
        "EM": _mean([a.em for a in answers]) * 100,
        "EM_R": _mean([a.em_r for a in answers]) * 100,
        "GPT_score": case,
        "case": case,
        "object": _mean([all(_number(a.score) >= RIGHT_SCORE for a in group) for group in groups]) * 100,
        **{k: percent_of_scores([a.score for a in answers if a.tag.lower() == k]) for k in kinds},
    }


def object_accuracy_strict(right: Iterable[tuple[Any, bool]]) -> float | None:
    """Share of objects all of whose questions are right, from (object, right) of every question; None without any."""
    objects: dict[Any, bool] = {}
    for key, ok in right:
        objects[key] = objects.get(key, True) and ok
    return sum(objects.values()) / len(objects) if objects else None


def answer_right_strict(prediction: str | None, truths: Sequence[str]) -> bool:
    """Right without a judge: EM, or for yes/no questions an answer that says only the right one of the two."""
    exact, _ = answer_match_strict(prediction, truths)
    if exact or not is_binary_strict(truths):
        return bool(exact)
    said = {w for w in re.findall(r"[a-z]+", (prediction or "").lower()) if w in ("yes", "no")}
    return said == {truths[0].strip(" .!").lower()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The texts of one chain about one object, from coarse to fine, found right or wrong."""

    object_id: str
    correct: tuple[int, ...]


def grounding_chains_compatible(items: Sequence[Mapping[str, Any]]) -> list[Chain]:
    """Chains by scene, object and chain as they first occur, each reversed: the data list the finest text first.

    ``items``: scene_id, object_id, chain_id, text, tag, correct. Trap: a text that occurs twice in a scene keeps the
    later judgement.
    """
    found = {(i["scene_id"], i["text"].lower()): i["correct"] for i in items}
    chains: dict[tuple[Any, ...], list[int]] = {}
    for item in _by_object(items, ("scene_id", "object_id", "chain_id")):
        key = (item["scene_id"], item["object_id"], item["chain_id"])
        chains.setdefault(key, []).insert(0, int(found[item["scene_id"], item["text"].lower()]))
    return [Chain(object_id=f"{key[0]}-{key[1]}", correct=tuple(flags)) for key, flags in chains.items()]


def grounding_scores_compatible(items: Sequence[Mapping[str, Any]], chains: Sequence[Chain]) -> dict[str, float]:
    """Percent: overall, the kinds, chain (all texts right), object (the finest text of three chains in a row).

    Trap: a kind that does not occur raises ZeroDivisionError.
    """
    found = {(i["scene_id"], i["text"].lower()): (i["correct"], set(i["tag"].lower().split("-"))) for i in items}

    def share(kind: str | None) -> float:
        flags = [int(ok) for ok, tags in found.values() if kind is None or kind in tags]
        return sum(flags) / len(flags) * 100

    groups = [chains[k : k + QUESTIONS_OF_OBJECT] for k in range(0, len(chains), QUESTIONS_OF_OBJECT)]
    return {
        "overall": share(None),
        **{kind: share(kind) for kind in GROUNDING_KINDS},
        "chain": _mean([all(c.correct) for c in chains]) * 100,
        "object": _mean([all(c.correct[-1] for c in group) for group in groups]) * 100,
    }


def chain_types_compatible(chains: Sequence[Chain]) -> list[float]:
    """Percent of chains: coarse and fine right, only coarse, only fine, none."""
    kinds = [(all(c.correct[:-1]), bool(c.correct[-1])) for c in chains]
    return _four_types(kinds)


def coherence_compatible(chains: Sequence[Chain], answers: Sequence[tuple[int, float]]) -> dict[str, Any]:
    """How answers and grounding of the same objects go together.

    Args:
        chains: three in a row for an object, which is grounded where the finest text of each is right.
        answers: (needs extra knowledge, judge's score), three in a row for an object, objects in the same order.

    Returns: ``without_extra`` and ``overall``, percent of answers that are grounded and right, grounded and wrong,
    not grounded and right, neither; ``r1`` = grounded and wrong of all wrong ones, without extra knowledge; ``r2`` =
    not grounded and right of all right ones. Trap: any empty group raises ZeroDivisionError.
    """
    grounded = []
    for k in range(0, len(chains), QUESTIONS_OF_OBJECT):
        first, second, third = chains[k : k + QUESTIONS_OF_OBJECT]
        grounded.append(bool(first.correct[-1] and second.correct[-1] and third.correct[-1]))
    rows = [(grounded[i // 3], s >= RIGHT_SCORE, bool(extra)) for i, (extra, s) in enumerate(answers)]
    plain = [(g, ok) for g, ok, extra in rows if not extra]
    every = [(g, ok) for g, ok, _ in rows]
    lost, wrong = plain.count((True, False)), plain.count((False, False))
    lucky, sound = every.count((False, True)), every.count((True, True))
    return {
        "without_extra": _four_types(plain),
        "overall": _four_types(every),
        "r1": lost / (lost + wrong) * 100,
        "r2": lucky / (sound + lucky) * 100,
    }


def _four_types(rows: Sequence[tuple[bool, bool]]) -> list[float]:
    order = ((True, True), (True, False), (False, True), (False, False))
    return [rows.count(kind) / len(rows) * 100 for kind in order]


def _by_object(items: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[Mapping[str, Any]]:
    """Items regrouped by each key in turn, groups in the order of their first item."""
    if not keys:
        return list(items)
    groups: dict[Any, list[Mapping[str, Any]]] = {}
    for item in items:
        groups.setdefault(item.get(keys[0]), []).append(item)
    return [item for group in groups.values() for item in _by_object(group, keys[1:])]


def _mean(values: Sequence[float | None]) -> float:
    return math.fsum(_number(v) for v in values) / len(values) if values else math.nan


def _number(value: float | None) -> float:
    if value is None:
        raise TypeError("expected a number in the judge's reply, got none")
    return float(value)
