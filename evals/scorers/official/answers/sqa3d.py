"""SQA3D: accuracy of answers to situated questions.

Source of the definitions: SQA3D, ``LLM/eval_sqa3d_llm.py`` (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evals.scorers.official.answers.cleaning import clean_answer, without_blanks


def match_compatible(prediction: str, truth: str) -> bool:
    """Whether a prediction fits the one annotated answer.

    Traps: only the prediction is cleaned, so "tv" fails against "tv" and "1" against "1"; an empty prediction, any
    part of the answer and any shared word are right.
    """
    return _fits(clean_answer(prediction), truth)


def match_strict(prediction: str | None, truths: Sequence[str]) -> bool:
    """Whether the cleaned prediction equals one of the cleaned answers; an empty one is wrong."""
    cleaned = clean_answer(prediction or "").casefold().strip()
    return bool(cleaned) and cleaned in {clean_answer(t).casefold().strip() for t in truths}


def accuracy_compatible(items: Sequence[Mapping[str, Any]], predictions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """``correct`` and ``total`` over predictions.

    Args:
        items: question_id, scene_id, situation, question, rotation, position, answers.
        predictions: question_id, answer.

    Traps: the denominator is the number of distinct predictions' questions, not of the data set; several predictions
    for a question are OR-ed; only the first annotated answer counts; questions that agree in scene, pose, situation
    and text share one answer, the last; no prediction raises ZeroDivisionError.
    """
    cleaned = {id(p): clean_answer(p["answer"]) for p in predictions}
    truth = {_key(item): item["answers"][0] for item in items}
    by_id = {item["question_id"]: item for item in items}
    right: dict[object, bool] = {}
    for prediction in predictions:
        item = by_id.get(prediction["question_id"])
        key = None if item is None else _key(item)
        ok = key in truth and _fits(cleaned[id(prediction)], truth[key])
        right[key] = right.get(key, False) or ok
    correct, total = sum(right.values()), len(right)
    return {"correct": correct, "total": total, "printed": f"Acc: {correct}/{total} = {correct / total:.4f}"}


def accuracy_strict(truths: Mapping[Any, Sequence[str]], predictions: Mapping[Any, str | None]) -> float | None:
    """Share of all questions whose prediction equals an answer; missing ones are wrong. None without questions."""
    hits: Iterable[bool] = (match_strict(predictions.get(key), answers) for key, answers in truths.items())
    return sum(hits) / len(truths) if truths else None


def _fits(cleaned: str, truth: str) -> bool:
    return (
        cleaned in truth
        or without_blanks(cleaned) in without_blanks(truth)
        or bool(set(cleaned.split()) & set(truth.split()))
    )


def _key(item: Mapping[str, Any]) -> tuple[object, ...]:
    place = (*item["position"].values(), *item["rotation"].values())
    return (item["scene_id"], item["situation"], item["question"], *place)
