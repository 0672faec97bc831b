"""The keyframes of a map as flat tables for fast look-up, made once, when a pose is first asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from scenes.geometry import project, transform
from scenes.types import Camera
from tools.localisation.descriptor_codes import QuantisationLevels
from tools.localisation.keyframes import Keyframe
from tools.localisation.retrieval import vlad

COVISIBILITY_SAMPLES = 64
"""Points of a keyframe that are projected to estimate how much of it a pose sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyframeTables:
    """All V keyframes of a map, V > 0, and their P points."""

    levels: QuantisationLevels
    words: Tensor
    """(WORDS, D) float32."""
    vlads: Tensor
    """(V, WORDS * D) float32."""
    points: Tensor
    """(P, 3) float32, world: keyframe after keyframe, each one's points in the order of ``by_strength``."""
    uv: Tensor
    """(P, 2) float32, position in the keyframe's image, in widths of that image."""
    codes: Tensor
    """(P, D) uint8."""
    lengths: Tensor
    """(P,) float32, see ``QuantisationLevels.lengths``."""
    starts: tuple[int, ...]
    """V + 1 rows: the first row of each keyframe, then P."""
    samples: Tensor
    """(V, COVISIBILITY_SAMPLES, 3) float32, world: some points of each keyframe."""

    @classmethod
    def of(
        cls, keyframes: Sequence[Keyframe], levels: QuantisationLevels, vocabulary: tuple[Tensor, Tensor]
    ) -> KeyframeTables:
        """The tables of keyframes and their ``vocabulary``: visual words and VLAD vectors."""
        kept = [(k, by_strength(k.scale)) for k in keyframes]
        spread = torch.linspace(0, 1, COVISIBILITY_SAMPLES)
        starts = torch.tensor([0, *[len(k.points) for k in keyframes]]).cumsum(0).tolist()
        return cls(
            levels=levels,
            words=vocabulary[0],
            vlads=vocabulary[1],
            points=torch.cat([k.points[order] for k, order in kept]),
            uv=torch.cat([k.uv[order] / k.camera.width for k, order in kept]),
            codes=torch.cat([k.codes[order] for k, order in kept]),
            lengths=torch.cat([levels.lengths(k.codes[order]) for k, order in kept]),
            starts=tuple(starts),
            samples=torch.stack([k.points[(spread * (len(k.points) - 1)).long()] for k in keyframes]),
        )

    def __len__(self) -> int:
        return len(self.vlads)

    def nearest_views(self, descriptors: Tensor, count: int) -> Tensor:
        """(at most ``count``,) indices of the keyframes that look most like an image's (N, D) descriptors, best
        first."""
        similarity = self.vlads @ vlad(descriptors, self.words)
        return similarity.topk(min(count, len(self))).indices

    def covisible(self, camera_from_world: Tensor, camera: Camera, count: int) -> list[int]:
        """Indices of at most ``count`` keyframes of whose points a pose sees most, the best first; never any unseen."""
        _, inside = project(camera, transform(camera_from_world.float(), self.samples.reshape(-1, 3)))
        shared = inside.reshape(len(self), -1).sum(-1)
        best = shared.topk(min(count, len(shared)))
        return best.indices[best.values > 0].tolist()

    def strongest_of(self, view: int, share: float) -> slice:
        """Rows of the strongest ``share`` of a keyframe's points, of every scale."""
        start, stop = self.starts[view : view + 2]
        return slice(start, start + math.ceil(share * (stop - start)))

    def rows_of(self, views: Sequence[int]) -> Tensor:
        """(R,) int64 rows of ``points`` and ``codes`` that belong to some keyframes."""
        rows = [torch.arange(self.starts[v], self.starts[v + 1]) for v in views]
        return torch.cat([torch.zeros(0, dtype=torch.int64), *rows])


def by_strength(scale: Tensor) -> Tensor:
    """Indices that sort features by relative rank within their scale, so that any prefix holds the best of every scale.

    ``scale`` (N,): the features of one scale come in order of strength. The first half of the result holds the stronger
    half of every scale.
    """
    scales, member = scale.unique(return_inverse=True)
    sizes = torch.bincount(member, minlength=len(scales))
    order = member.argsort(stable=True)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order)) - (sizes.cumsum(0) - sizes)[member[order]]
    return (rank / sizes[member]).argsort(stable=True)
