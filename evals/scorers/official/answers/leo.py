"""LEO: exact match and refined exact match on ScanQA and SQA3D.

Source of the definitions: embodied-generalist, ``evaluator/scanqa_eval.py`` and ``sqa3d_eval.py`` (MIT).
"""

from __future__ import annotations

from collections.abc import Sequence

from evals.scorers.official.answers.cleaning import clean_answer, without_blanks

SITUATED_TYPES = 6
"""SQA3D's question types: what, is, how, can, which, others."""
_COUNT_START = 1e-10


def answer_match_compatible(prediction: str, truths: Sequence[str]) -> tuple[int, int]:
    """(EM, EM-R) of texts that are clean already; EM-R also takes a part of an answer, or an answer as a part.

    Traps: the first answer that fits in any way decides, so the result depends on the order of the answers; an empty
    prediction fits everything under EM-R, and so does one that lists all options.
    """
    for truth in truths:
        if prediction == truth:
            return 1, 1
        p, g = without_blanks(prediction), without_blanks(truth)
        if p in g or g in p:
            return 0, 1
    return 0, 0


def answer_match_strict(prediction: str | None, truths: Sequence[str]) -> tuple[int, int]:
    """(EM, EM-R): EM against any answer; EM-R where an answer's words stand in the prediction in a row, or equal.

    Both are 0 for an empty prediction. Words are whole, so "no" is not in "notebook"; a prediction that holds an
    answer and is longer than it by more than three words is no answer to EM-R but a list.
    """
    words = clean_answer(prediction or "").casefold().replace(",", " ").split()
    if not words:
        return 0, 0
    accepted = [clean_answer(t).casefold().replace(",", " ").split() for t in truths]
    exact = int(words in accepted)
    near = any(t and _holds(words, t) and len(words) - len(t) <= 3 for t in accepted)
    return exact, int(exact or near)


def batch_compatible(predictions: Sequence[str], truths: Sequence[Sequence[str]]) -> dict[str, float]:
    """Mean EM and EM-R of a batch, cleaned here. Raises ZeroDivisionError for an empty one."""
    pairs = [_cleaned_match(p, t) for p, t in zip(predictions, truths, strict=False)]
    total = len(predictions)
    em, refined = sum(p[0] for p in pairs) / total, sum(p[1] for p in pairs) / total
    return {"total_count": total, "em": em, "em_refined": refined, "target_metric": refined}


def situated_batch_compatible(
    predictions: Sequence[str], truths: Sequence[Sequence[str]], kinds: Sequence[int]
) -> dict[str, float]:
    """The same with means by question type 0..5.

    Trap: the counts of types start at 1e-10, so that the mean of a type that is all right is slightly below 1.
    """
    pairs = [_cleaned_match(p, t) for p, t in zip(predictions, truths, strict=False)]
    total = len(predictions)
    counts = [_COUNT_START + sum(kind == k for kind in kinds) for k in range(SITUATED_TYPES)]
    out: dict[str, float] = {f"type{k}_count": counts[k] for k in range(SITUATED_TYPES)}
    out["total_count"] = total
    out["em_overall"] = sum(p[0] for p in pairs) / total
    out["em_refined_overall"] = sum(p[1] for p in pairs) / total
    for k in range(SITUATED_TYPES):
        of_kind = [p for p, kind in zip(pairs, kinds, strict=False) if kind == k]
        out[f"em_type{k}"] = sum(p[0] for p in of_kind) / counts[k]
        out[f"em_refined_type{k}"] = sum(p[1] for p in of_kind) / counts[k]
    out["target_metric"] = out["em_refined_overall"]
    return out


def _cleaned_match(prediction: str, truths: Sequence[str]) -> tuple[int, int]:
    return answer_match_compatible(clean_answer(prediction), [clean_answer(t) for t in truths])


def _holds(words: Sequence[str], part: Sequence[str]) -> bool:
    n = len(part)
    return any(list(words[k : k + n]) == list(part) for k in range(len(words) - n + 1))
