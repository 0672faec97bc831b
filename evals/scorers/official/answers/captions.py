"""Caption metrics as ScanQA reports them: corpus BLEU-1..4, ROUGE-L and CIDEr over tokenised answers, in percent.

Source of the definitions: pycocoevalcap 1.2 (BSD-2-Clause) after Papineni et al. 2002, Lin 2004 and Vedantam et al.
2015. METEOR is not here: it is a Java program with its own paraphrase tables. ``caption_tokens.tokenised`` makes the
tokens.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

ORDER = 4
_TINY, _SMALL = 1e-15, 1e-9
_ROUGE_BETA = 1.2
_CIDER_SIGMA = 6.0
Ngram = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionScores:
    """Percent, of the corpus and of each item in order."""

    total: dict[str, float]
    per_item: dict[str, list[float]]


def caption_scores_compatible(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> CaptionScores:
    """All metrics of tokenised answers (tokens separated by blanks).

    Traps: BLEU is of the corpus and never 0 by its constants, so that perfect answers of two words have BLEU-4 0.1;
    CIDEr takes its document frequencies from these references, is 0 for one question and 500 for perfect answers of
    two words; ROUGE-L takes the best precision and the best recall from different references. No item raises
    ValueError, an item without references AssertionError.
    """
    if not predictions:
        raise ValueError("expected at least one item")
    assert all(references), "expected at least one reference for each item"
    bleu_total, bleu_items = bleu(predictions, references)
    cider_items = cider(predictions, references)
    rouge_items = [rouge_l(p, r) for p, r in zip(predictions, references, strict=True)]
    total = {f"Bleu_{k + 1}": bleu_total[k] * 100 for k in range(ORDER)}
    per_item = {f"Bleu_{k + 1}": [item[k] * 100 for item in bleu_items] for k in range(ORDER)}
    for name, values in (("ROUGE_L", rouge_items), ("CIDEr", cider_items)):
        total[name] = _mean(values) * 100
        per_item[name] = [v * 100 for v in values]
    return CaptionScores(total=total, per_item=per_item)


def bleu(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> tuple[list[float], list[list[float]]]:
    """(corpus BLEU-1..4, BLEU-1..4 of each item), 0..1; the reference length is the one nearest to the answer's."""
    items: list[list[float]] = []
    guessed, matched = [0] * ORDER, [0] * ORDER
    length = wanted = 0
    for prediction, refs in zip(predictions, references, strict=True):
        words = prediction.split()
        given = _ngrams(words)
        best: Counter[Ngram] = Counter()
        for ref in refs:
            best |= _ngrams(ref.split())
        guesses = [max(0, len(words) - k) for k in range(ORDER)]
        hits = [sum(min(n, best[g]) for g, n in given.items() if len(g) == k + 1) for k in range(ORDER)]
        nearest = min((abs(len(r.split()) - len(words)), len(r.split())) for r in refs)[1]
        items.append(_bleu_of(hits, guesses, len(words), nearest))
        length, wanted = length + len(words), wanted + nearest
        guessed = [a + b for a, b in zip(guessed, guesses, strict=True)]
        matched = [a + b for a, b in zip(matched, hits, strict=True)]
    return _bleu_of(matched, guessed, length, wanted), items


def _bleu_of(hits: Sequence[int], guesses: Sequence[int], length: int, wanted: int) -> list[float]:
    product, values = 1.0, []
    ratio = (length + _TINY) / (wanted + _SMALL)
    penalty = math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
    for k in range(ORDER):
        product *= (hits[k] + _TINY) / (guesses[k] + _SMALL)
        values.append(product ** (1 / (k + 1)) * penalty)
    return values


def rouge_l(prediction: str, references: Sequence[str]) -> float:
    """F with beta 1.2 of the longest common subsequence, 0..1."""
    words = prediction.split(" ")
    common = [(_longest_common(ref.split(" "), words), len(ref.split(" "))) for ref in references]
    precision = max(n / len(words) for n, _ in common)
    recall = max(n / size for n, size in common)
    if not precision or not recall:
        return 0.0
    return (1 + _ROUGE_BETA**2) * precision * recall / (recall + _ROUGE_BETA**2 * precision)


def _longest_common(a: Sequence[str], b: Sequence[str]) -> int:
    row = [0] * (len(b) + 1)
    for x in a:
        diagonal = 0
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], diagonal + 1 if x == y else max(row[j], row[j - 1])
    return row[-1]


def cider(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """CIDEr of each item, 0..10, with clipped counts and the Gaussian length penalty (sigma 6) of the package."""
    counted = [[_ngrams(r.split()) for r in refs] for refs in references]
    documents: Counter[Ngram] = Counter(g for refs in counted for g in {g for ref in refs for g in ref})
    log_total = math.log(len(references)) if references else 0.0
    scores = []
    for prediction, refs in zip(predictions, counted, strict=True):
        given = _TfIdf.of(_ngrams(prediction.split()), documents, log_total)
        sums = [0.0] * ORDER
        for ref in refs:
            for k, value in enumerate(given.similarity(_TfIdf.of(ref, documents, log_total))):
                sums[k] += value
        scores.append(_mean(sums) / len(refs) * 10)
    return scores


@dataclass(frozen=True, slots=True, kw_only=True)
class _TfIdf:
    weights: tuple[dict[Ngram, float], ...]
    norms: tuple[float, ...]
    length: int
    """Number of bigrams: what the package calls length."""

    @classmethod
    def of(cls, counts: Counter[Ngram], documents: Counter[Ngram], log_total: float) -> _TfIdf:
        weights: tuple[dict[Ngram, float], ...] = tuple({} for _ in range(ORDER))
        for gram, n in counts.items():
            weights[len(gram) - 1][gram] = n * (log_total - math.log(max(1.0, documents[gram])))
        norms = tuple(math.sqrt(sum(v * v for v in w.values())) for w in weights)
        return cls(weights=weights, norms=norms, length=sum(n for g, n in counts.items() if len(g) == 2))

    def similarity(self, reference: _TfIdf) -> list[float]:
        out = []
        for k in range(ORDER):
            mine, other = self.weights[k], reference.weights[k]
            value = sum(min(v, other.get(g, 0.0)) * other.get(g, 0.0) for g, v in mine.items())
            if self.norms[k] and reference.norms[k]:
                value /= self.norms[k] * reference.norms[k]
            out.append(value * math.exp(-((self.length - reference.length) ** 2) / (2 * _CIDER_SIGMA**2)))
        return out


def _ngrams(words: Sequence[str]) -> Counter[Ngram]:
    return Counter(tuple(words[i : i + k]) for k in range(1, ORDER + 1) for i in range(len(words) - k + 1))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan
