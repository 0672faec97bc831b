"""Whether the poses of views fit what the views show, and better ones where they do not.

Matches features of a view with those around it. Where given poses leave the matches on their epipolar lines they are
kept; else they are adjusted (``tools.core.view_adjustment``). Knows nothing of depth images or recordings.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from scenes.geometry import inverse
from tools.core.view_adjustment import Star, adjust, epipolar_px
from tools.localisation_features import Features, mutual_pairs

MIN_MATCHES = 40
"""Views with fewer matches say nothing about their pose."""
MAX_EPIPOLAR_PX = 0.25
"""Median distance of matches from the epipolar lines, pixels at the width of the sweep, up to which given poses are
kept. Poses from structure from motion leave 0.1 to 0.2, those of depth SLAM 0.25 to 1."""


def corrected(
    features: Features, pose: Tensor, others: Sequence[Features], poses: Sequence[Tensor], intrinsics: Tensor
) -> tuple[list[int], list[Tensor]] | None:
    """Poses of the views around a view, relative to its given one; None where the given ones are good enough.

    Args:
        features: of the view itself. pose, poses: (4, 4) float64 world_from_camera as given.
        intrinsics: (3, 3) float64, of all of them.

    Returns:
        Which views have matches enough, and their world_from_camera (4, 4) float64.
    """
    pairs = [mutual_pairs(features.descriptors @ other.descriptors.T) for other in others]
    used = [i for i, found in enumerate(pairs) if len(found) >= MIN_MATCHES]
    if not used:
        return None
    star = star_of(features, [others[i] for i in used], [pairs[i] for i in used], intrinsics)
    moves = torch.stack([inverse(poses[i]) @ pose for i in used])
    rotation, offset = moves[:, :3, :3], moves[:, :3, 3:]
    centre = -(rotation.transpose(1, 2) @ offset)[..., 0]
    if _median(epipolar_px(star, rotation, centre), star.seen) <= MAX_EPIPOLAR_PX:
        return None
    rotation, centre, _ = adjust(star, rotation, centre)
    reference_from_view = torch.eye(4, dtype=torch.float64).repeat(len(used), 1, 1)
    reference_from_view[:, :3, :3] = rotation.transpose(1, 2)
    reference_from_view[:, :3, 3] = centre
    return used, list(pose @ reference_from_view)


def star_of(features: Features, others: Sequence[Features], pairs: Sequence[Tensor], intrinsics: Tensor) -> Star:
    """Tracks of a view's features through others; ``pairs``: (M, 2) each, of their indices."""
    places = torch.zeros(len(others), len(features), 2, dtype=torch.float64)
    seen = torch.zeros(len(others), len(features), dtype=torch.float64)
    focal, middle = intrinsics.diagonal()[:2], intrinsics[:2, 2]
    for k, (other, found) in enumerate(zip(others, pairs, strict=True)):
        here, there = found.unbind(-1)
        places[k, here] = (other.uv[there].double() - middle) / focal
        seen[k, here] = 1.0
    tracked = seen.any(0)
    rays = (features.uv.double() - middle) / focal
    return Star(
        rays=rays[tracked], places=places[:, tracked], seen=seen[:, tracked], focal_px=float(focal.prod().sqrt())
    )


def _median(distance: Tensor, seen: Tensor) -> float:
    """Over views, of each view's median over its tracks."""
    return float(torch.stack([row[mask > 0].median() for row, mask in zip(distance, seen, strict=True)]).median())
