"""Local features without learned weights: DoG keypoints (Lowe 2004), upright, with RootSIFT descriptors
(Arandjelovic and Zisserman 2012). Pure kernels.

Upright: orientation is not estimated. A head-worn or hand-held camera rolls by less than the 22 degrees of half an
orientation bin most of the time, and descriptors that keep the vertical tell more places apart.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from tools.core.blocks import gather

INTERVALS = 3
"""Scales per octave."""
BASE_SIGMA = 1.3
"""Blur of the first scale; images are taken to have a blur of 0.5 already (Lowe)."""
OCTAVES = 3
CONTRAST = 0.006
"""Least DoG response, of intensities 0..1; a fifth of Lowe's, because indoor walls hold little contrast."""
EDGE_RATIO = 10.0
"""Largest ratio of principal curvatures (Lowe)."""
PATCH = 16
"""Samples along the edge of a descriptor's window."""
CELL_SIGMAS = 3.0
"""Width of one of the 4x4 cells, in keypoint scales (Lowe)."""


def gaussian_blur(images: Tensor, sigma: float) -> Tensor:
    """(N, H, W) -> (N, H, W), separable, with replicated borders."""
    radius = math.ceil(3 * sigma)
    x = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (x / sigma) ** 2)
    kernel = kernel / kernel.sum()
    padded = functional.pad(images[:, None], (radius, radius, radius, radius), mode="replicate")
    rows = functional.conv2d(padded, kernel[None, None, None, :])
    return functional.conv2d(rows, kernel[None, None, :, None])[:, 0]


def scale_space(gray: Tensor) -> list[Tensor]:
    """(H, W) intensities 0..1 -> per octave (INTERVALS + 3, H / 2^o, W / 2^o) blurred images."""
    octaves = []
    image = gaussian_blur(gray[None], math.sqrt(BASE_SIGMA**2 - 0.25))
    for _ in range(OCTAVES):
        levels = [image]
        for s in range(1, INTERVALS + 3):
            before, now = (BASE_SIGMA * 2 ** (k / INTERVALS) for k in (s - 1, s))
            levels.append(gaussian_blur(levels[-1], math.sqrt(now**2 - before**2)))
        octaves.append(torch.cat(levels))
        # The level with twice the base blur, at half the resolution, has the base blur again.
        image = levels[INTERVALS][:, ::2, ::2]
    return octaves


def extrema(levels: Tensor, border: int) -> tuple[Tensor, Tensor]:
    """Extrema of one octave's differences of Gaussians.

    Args:
        levels: (INTERVALS + 3, H, W).

    Returns:
        response (INTERVALS, H, W): |DoG| at an extremum that is no edge, else 0; and the DoG (INTERVALS + 2, H, W).
    """
    dog = levels[1:] - levels[:-1]
    _, height, width = dog.shape
    middle = dog[1:-1]
    highest = functional.max_pool3d(dog[None, None], 3, stride=1, padding=(0, 1, 1))[0, 0]
    lowest = -functional.max_pool3d(-dog[None, None], 3, stride=1, padding=(0, 1, 1))[0, 0]
    peak = ((middle == highest) & (middle > 0)) | ((middle == lowest) & (middle < 0))
    p = functional.pad(middle[None], (1, 1, 1, 1), mode="replicate")[0]
    centre = p[:, 1:-1, 1:-1]
    dxx = p[:, 1:-1, 2:] + p[:, 1:-1, :-2] - 2 * centre
    dyy = p[:, 2:, 1:-1] + p[:, :-2, 1:-1] - 2 * centre
    dxy = (p[:, 2:, 2:] + p[:, :-2, :-2] - p[:, 2:, :-2] - p[:, :-2, 2:]) / 4
    trace, determinant = dxx + dyy, dxx * dyy - dxy * dxy
    no_edge = (determinant > 0) & (trace * trace * EDGE_RATIO < (EDGE_RATIO + 1) ** 2 * determinant)
    row = torch.arange(height)[:, None]
    column = torch.arange(width)[None, :]
    inside = (row >= border) & (row < height - border) & (column >= border) & (column < width - border)
    keep = peak & no_edge & inside[None] & (middle.abs() > CONTRAST)
    return torch.where(keep, middle.abs(), 0.0), dog


def strongest_keypoints(octaves: list[Tensor], count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The ``count`` strongest keypoints over all octaves.

    Returns:
        place (count, 4) int64: octave, interval, row, column; offset (count, 2) float32, the sub-pixel shift of the
        extremum (column, row), at most half a pixel; response (count,), 0 for places that hold no keypoint.
    """
    responses, places, offsets = [], [], []
    for octave, levels in enumerate(octaves):
        response, dog = extrema(levels, border=5)
        _, height, width = response.shape
        top, flat = response.reshape(-1).topk(min(count, response.numel()))
        interval, row, column = flat // (height * width), flat // width % height, flat % width
        responses.append(top)
        places.append(torch.stack([torch.full_like(flat, octave), interval, row, column], dim=-1))
        offsets.append(_subpixel(dog, interval + 1, row, column))
    response, order = torch.cat(responses).topk(count)
    return torch.cat(places)[order], torch.cat(offsets)[order], response


def _subpixel(dog: Tensor, level: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Peak of the parabola through three neighbours on each image axis, (N, 2) as (column, row)."""
    _, height, width = dog.shape
    row, column = row.clamp(1, height - 2), column.clamp(1, width - 2)
    centre = dog[level, row, column]
    shifts = []
    for dr, dc in ((0, 1), (1, 0)):
        after, before = dog[level, row + dr, column + dc], dog[level, row - dr, column - dc]
        curvature = after + before - 2 * centre
        flat = curvature.abs() < 1e-9
        shift = (before - after) / torch.where(flat, torch.ones_like(curvature), 2 * curvature)
        shifts.append(torch.where(flat, 0.0, shift.clamp(-0.5, 0.5)))
    return torch.stack(shifts, dim=-1)


def describe(octaves: list[Tensor], place: Tensor, offset: Tensor) -> Tensor:
    """(N, 128) unit RootSIFT descriptors of keypoints from ``strongest_keypoints``.

    Gradients are sampled on a 16x16 grid of the level that has the keypoint's blur, shared out linearly over 8
    orientations and 4x4 cells, clipped at 0.2 (Lowe), L1-normalised and square-rooted.
    """
    shapes = [levels.shape for levels in octaves]
    starts = torch.tensor([0, *[s[0] * s[1] * s[2] for s in shapes]]).cumsum(0)
    pixels = torch.cat([levels.reshape(-1) for levels in octaves])
    octave, level = place[:, 0], place[:, 1] + 1
    height = torch.tensor([s[1] for s in shapes])[octave][:, None]
    width = torch.tensor([s[2] for s in shapes])[octave][:, None]
    start = (starts[octave] + level * height[:, 0] * width[:, 0])[:, None]
    sigma = BASE_SIGMA * 2 ** (level.float() / INTERVALS)
    spacing = (4 * CELL_SIGMAS / PATCH) * sigma
    grid = torch.arange(PATCH, dtype=torch.float32) - (PATCH - 1) / 2
    gy, gx = (g.reshape(-1) for g in torch.meshgrid(grid, grid, indexing="ij"))
    x = place[:, 3, None].float() + offset[:, 0:1] + spacing[:, None] * gx
    y = place[:, 2, None].float() + offset[:, 1:2] + spacing[:, None] * gy
    column, row = (x + 0.5).long(), (y + 0.5).long()
    column, row = torch.minimum(column.clamp_min(1), width - 2), torch.minimum(row.clamp_min(1), height - 2)
    at = start + row * width + column
    dx, dy = gather(pixels, at + 1) - gather(pixels, at - 1), gather(pixels, at + width) - gather(pixels, at - width)
    window = torch.exp(-(gx * gx + gy * gy) / (2 * (PATCH / 2) ** 2))
    magnitude = (dx * dx + dy * dy).sqrt() * window
    orientation = torch.atan2(dy, dx) * (8 / (2 * math.pi))
    bins = torch.arange(8, dtype=torch.float32)
    # Distance on the circle of 8 bins; the share falls linearly to zero one bin away.
    apart = (orientation[..., None] - bins + 4).remainder(8) - 4
    shares = (1 - apart.abs()).clamp_min(0) * magnitude[..., None]
    cells = _cell_weights(gx, gy)
    histogram = torch.einsum("npb,pc->ncb", shares, cells).reshape(len(place), 128)
    histogram = functional.normalize(histogram, dim=-1).clamp_max(0.2)
    return (histogram / histogram.sum(-1, keepdim=True).clamp_min(1e-9)).sqrt()


def _cell_weights(gx: Tensor, gy: Tensor) -> Tensor:
    """(256, 16): the share of each sample in each of the 4x4 cells, linear on both axes."""
    centre = torch.tensor([-1.5, -0.5, 0.5, 1.5])
    wx = (1 - (gx[:, None] / (PATCH / 4) - centre).abs()).clamp_min(0)
    wy = (1 - (gy[:, None] / (PATCH / 4) - centre).abs()).clamp_min(0)
    return (wy[:, :, None] * wx[:, None, :]).reshape(-1, 16)


def detect_and_describe(gray: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Keypoints and descriptors of an image.

    Args:
        gray: (H, W) float32, 0..1, at least 64 pixels on each side. count: number of keypoints.

    Returns:
        uv (count, 2) float32 ``uv_px``; scale (count,) float32, blur in pixels; descriptor (count, 128) float32;
        valid (count,) bool.
    """
    octaves = scale_space(gray)
    place, offset, response = strongest_keypoints(octaves, count)
    factor = (2.0 ** place[:, 0].float())[:, None]
    # Every second pixel starts with the first: sample (c) of octave o is pixel c * 2^o, whose centre is + 0.5.
    uv = (place[:, [3, 2]].float() + offset) * factor + 0.5
    scale = BASE_SIGMA * 2 ** ((place[:, 1].float() + 1) / INTERVALS) * factor[:, 0]
    return uv, scale, describe(octaves, place, offset), response > 0
