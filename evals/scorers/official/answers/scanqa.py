"""ScanQA: exact match among the first and the first ten answers, and unigram F on noun lemmas.

Source of the definitions: the outputs and the description of ScanQA's ``scripts/score.py`` (non-commercial code,
not read for this).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from evals.scorers.official.answers.noun_lemmas import noun_lemma


def unigram_f_compatible(reference: str, prediction: str) -> float:
    """F of the lemmas that two texts share.

    Traps: repeated words are not clipped, so "chair chair chair" beside "chair" has 1; an empty text raises
    ZeroDivisionError; case counts.
    """
    wanted = [noun_lemma(w) for w in reference.split()]
    given = [noun_lemma(w) for w in prediction.split()]
    precision = sum(w in wanted for w in given) / len(given)
    recall = sum(w in given for w in wanted) / len(wanted)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0


def unigram_f_strict(reference: str, prediction: str | None) -> float:
    """F of the lemmas that two texts share, each as often as in both; 0 where one is empty. Case is ignored."""
    wanted = Counter(noun_lemma(w) for w in reference.lower().split())
    given = Counter(noun_lemma(w) for w in (prediction or "").lower().split())
    shared = (wanted & given).total()
    return 2 * shared / (wanted.total() + given.total()) if shared else 0.0


def scores_compatible(
    questions: Sequence[Mapping[str, Any]], predictions: Mapping[Any, Mapping[str, Any]]
) -> dict[str, float]:
    """Percent over the questions: ``Top1 (EM)``, ``Top10 (EM)``, ``Top1 (F-value)``.

    Args:
        questions: question_id, answers.
        predictions: question_id -> answer_top10.

    Traps: texts are compared as they are; all entries of ``answer_top10`` count, also when there are more than ten;
    an empty answer that is not exact raises ZeroDivisionError, a question without answers ValueError; no questions
    give NaN.
    """
    first, among, f_values = [], [], []
    for question in questions:
        truths = question["answers"]
        answers = predictions[question["question_id"]]["answer_top10"]
        exact = answers[0] in truths
        first.append(float(exact))
        among.append(float(any(a in truths for a in answers)))
        f_values.append(1.0 if exact else max(unigram_f_compatible(answers[0], t) for t in truths))
    return {
        "Top1 (EM)": _percent(first),
        "Top10 (EM)": _percent(among),
        "Top1 (F-value)": _percent(f_values),
    }


def scores_strict(
    truths: Mapping[Any, Sequence[str]], predictions: Mapping[Any, Sequence[str]]
) -> dict[str, float | None]:
    """The same over every question: case and blanks ignored, ten answers at most, a missing answer is wrong."""
    first, among, f_values = [], [], []
    for key, answers in truths.items():
        accepted = {_plain(a) for a in answers}
        given = [_plain(a) for a in predictions.get(key, ())][:10]
        first.append(float(bool(given) and bool(given[0]) and given[0] in accepted))
        among.append(float(any(g and g in accepted for g in given)))
        f_values.append(max((unigram_f_strict(a, given[0]) for a in accepted), default=0.0) if given else 0.0)
    if not first:
        return {"Top1 (EM)": None, "Top10 (EM)": None, "Top1 (F-value)": None}
    return {"Top1 (EM)": _percent(first), "Top10 (EM)": _percent(among), "Top1 (F-value)": _percent(f_values)}


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _percent(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) * 100 if values else math.nan
