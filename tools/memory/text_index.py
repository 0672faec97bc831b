"""Nearest sentence vectors among many: sign codes first, exact cosines for the few that are left.

A code is the signs of a vector's 384 numbers, 48 bytes. The Hamming distance of two codes estimates the angle between
their vectors (Charikar, 2002), so the nearest codes hold the nearest vectors; those are read from the file and compared
exactly. Scanning 100,000 codes reads 5 MB where the vectors would be 150.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

CANDIDATES = 256
"""Nearest codes whose vectors are compared exactly."""


def sign_code(vectors: NDArray[np.floating]) -> NDArray[np.uint64]:
    """(N, D) -> (N, ceil(D / 64)) signs as bits."""
    bits = np.packbits(vectors > 0, axis=1)
    padded = np.zeros((len(bits), -(-bits.shape[1] // 8) * 8), np.uint8)
    padded[:, : bits.shape[1]] = bits
    return padded.view(np.uint64)


class SignIndex:
    """Codes of texts by id, growing in place. What a search may return is narrowed by kind and time."""

    def __init__(self, words: int) -> None:
        """``words``: 64-bit words of a code."""
        self.size = 0
        self._ids = np.zeros(1024, np.int64)
        self._codes = np.zeros((1024, words), np.uint64)
        self._kinds = np.zeros(1024, np.uint8)
        self._times = np.zeros(1024, np.float64)

    def add(
        self, ids: Sequence[int], vectors: NDArray[np.floating], kinds: Sequence[int], times_s: Sequence[float]
    ) -> None:
        """Append texts: their ids, (N, D) vectors, kinds as small numbers, and times."""
        need = self.size + len(ids)
        if need > len(self._ids):
            grown = max(need, 2 * len(self._ids))
            for name in ("_ids", "_codes", "_kinds", "_times"):
                old = getattr(self, name)
                new = np.zeros((grown, *old.shape[1:]), old.dtype)
                new[: self.size] = old[: self.size]
                setattr(self, name, new)
        rows = slice(self.size, need)
        self._ids[rows], self._kinds[rows], self._times[rows] = ids, kinds, times_s
        self._codes[rows] = sign_code(vectors)
        self.size = need

    def nearest(
        self, vector: NDArray[np.floating], kinds: Sequence[int], span_s: tuple[float, float] | None = None
    ) -> NDArray[np.int64]:
        """Ids of the (at most ``CANDIDATES``) texts of these kinds and times whose codes are nearest."""
        (code,) = sign_code(vector[None])
        distance = np.zeros(self.size, np.uint16)
        for word in range(len(code)):  # by columns: no (N, words) temporary
            distance += np.bitwise_count(self._codes[: self.size, word] ^ code[word])
        usable = np.isin(self._kinds[: self.size], kinds)
        if span_s is not None:
            usable &= (self._times[: self.size] >= span_s[0]) & (self._times[: self.size] <= span_s[1])
        if not usable.all():
            distance[~usable] = np.iinfo(np.uint16).max
        count = min(CANDIDATES, int(usable.sum()))
        if count == 0:
            return np.zeros(0, np.int64)
        best = np.argpartition(distance, count - 1)[:count]
        return self._ids[best]
