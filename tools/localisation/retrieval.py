"""Retrieval of similar keyframes: one vector per image, aggregated from its descriptors (VLAD, Jegou et al. 2010)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

WORDS = 64
"""Number of visual words; they are clustered from the map's own descriptors."""


def visual_words(descriptors: Tensor, *, rounds: int = 8, seed: int = 0) -> Tensor:
    """(N, D) descriptors -> (WORDS, D) cluster centres: k-means on a sample of at most 20,000."""
    generator = torch.Generator().manual_seed(seed)
    sample = descriptors[torch.randperm(len(descriptors), generator=generator)[:20000]]
    words = sample[torch.randperm(len(sample), generator=generator)[:WORDS]].clone()
    for _ in range(rounds):
        nearest = (sample @ words.T - 0.5 * words.square().sum(-1)).argmax(1)
        total = torch.zeros_like(words).index_add_(0, nearest, sample)
        count = torch.bincount(nearest, minlength=len(words))[:, None]
        words = torch.where(count > 0, total / count.clamp_min(1), words)
    return words


def vlad(descriptors: Tensor, words: Tensor) -> Tensor:
    """(N, D), (K, D) -> (K * D,) unit vector: per-word sums of residuals, each normalised (intra-normalisation)."""
    nearest = (descriptors @ words.T - 0.5 * words.square().sum(-1)).argmax(1)
    residual = torch.zeros_like(words).index_add_(0, nearest, descriptors - words[nearest])
    return functional.normalize(functional.normalize(residual, dim=-1).reshape(-1), dim=0)
