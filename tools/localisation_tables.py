"""What localisation looks up in a map's keyframes, laid out for speed: made once, when a pose is first asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from scenes.geometry import project, transform
from scenes.types import Camera
from tools.localisation_codes import Levels
from tools.localisation_keyframes import Keyframe
from tools.localisation_retrieval import vlad

SCREENED = 0.3
"""Share of keypoints, the strongest of every scale, that are matched by likeness alone."""
COVISIBILITY_SAMPLES = 64
"""Points of a keyframe that tell whether a pose sees it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyframeTables:
    """All keyframes of a map, at least one."""

    levels: Levels
    words: Tensor
    """(WORDS, D) float32."""
    vlads: Tensor
    """(V, WORDS * D) float32."""
    points: Tensor
    """(P, 3) float32, of all keyframes in turn."""
    codes: Tensor
    """(P, D) uint8."""
    lengths: Tensor
    """(P,) float32, see ``Levels``."""
    starts: tuple[int, ...]
    """V + 1 rows: where each keyframe's points begin, and their number."""
    samples: Tensor
    """(V, COVISIBILITY_SAMPLES, 3) float32, some points of each keyframe."""
    screened_descriptors: Tensor
    """(V, K, D) bfloat16, the strongest features of each keyframe; beyond a keyframe's own all zero."""
    screened_uv: Tensor
    """(V, K, 2) float32, in widths of the image."""
    screened_points: Tensor
    """(V, K, 3) float32."""

    @classmethod
    def of(cls, keyframes: Sequence[Keyframe], levels: Levels, vocabulary: tuple[Tensor, Tensor]) -> KeyframeTables:
        """The tables of some keyframes, their visual words and their vectors."""
        chosen = [strongest(k.scale) for k in keyframes]
        spread = torch.linspace(0, 1, COVISIBILITY_SAMPLES)
        kept = list(zip(keyframes, chosen, strict=True))
        starts = torch.tensor([0, *[len(k.points) for k in keyframes]]).cumsum(0).tolist()
        return cls(
            levels=levels,
            words=vocabulary[0],
            vlads=vocabulary[1],
            points=torch.cat([k.points for k in keyframes]),
            codes=torch.cat([k.codes for k in keyframes]),
            lengths=torch.cat([levels.lengths(k.codes) for k in keyframes]),
            starts=tuple(starts),
            samples=torch.stack([k.points[(spread * (len(k.points) - 1)).long()] for k in keyframes]),
            screened_descriptors=pad_sequence(
                [levels.decode(k.codes[c]).bfloat16() for k, c in kept], batch_first=True
            ),
            screened_uv=pad_sequence([k.uv[c] / k.camera.width for k, c in kept], batch_first=True),
            screened_points=pad_sequence([k.points[c] for k, c in kept], batch_first=True),
        )

    def __len__(self) -> int:
        return len(self.vlads)

    def nearest_views(self, descriptors: Tensor, count: int) -> Tensor:
        """(at most ``count``,) indices of the keyframes that look most like an image's (N, D) descriptors, best
        first."""
        likeness = self.vlads @ vlad(descriptors, self.words)
        return likeness.topk(min(count, len(self))).indices

    def covisible(self, camera_from_world: Tensor, camera: Camera, count: int) -> list[int]:
        """Indices of the keyframes of whose points a pose sees most, the best first; none that it sees nothing of."""
        _, inside = project(camera, transform(camera_from_world, self.samples.reshape(-1, 3).double()))
        shared = inside.reshape(len(self), -1).sum(-1)
        best = shared.topk(min(count, len(shared)))
        return best.indices[best.values > 0].tolist()

    def rows_of(self, views: Sequence[int]) -> Tensor:
        """(R,) rows of ``points`` and ``codes`` that some keyframes own."""
        rows = [torch.arange(self.starts[v], self.starts[v + 1]) for v in views]
        return torch.cat([torch.zeros(0, dtype=torch.int64), *rows])


def _likened(levels: Levels, codes: Tensor) -> Tensor:
    return levels.decode(codes).bfloat16()


def strongest(scale: Tensor) -> Tensor:
    """Indices of the strongest ``SCREENED`` share of each of (N,) scales; the strongest of a scale come first.

    In the order of their rank in their scale, so that the first half of them is half of the share of each scale.
    """
    scales, member = scale.unique(return_inverse=True)
    sizes = torch.bincount(member, minlength=len(scales))
    order = member.argsort(stable=True)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order)) - (sizes.cumsum(0) - sizes)[member[order]]
    place = rank / sizes[member]
    ranked = place.argsort(stable=True)
    return ranked[place[ranked] < SCREENED]
