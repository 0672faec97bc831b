"""Augmentation of crops, and pictures made from them that show nothing nameable.

Rendered pictures are cleaner than real ones. So light, colour cast, sharpness, noise, framing and occlusion vary far
more than the renderer does; and pictures that show nothing nameable (scrambled, blended, drowned in noise) are taught
as ``unclear``, so that a real picture of something unknown is not forced into a known name.
"""

from __future__ import annotations

import random

import torch
from torch import Tensor
from torch.nn import functional

from finetune.vision.crops import LabelledCrop

UNCLEAR_SHARE = 0.08
"""Share of crops that are turned into a negative."""


def augmented(crop: LabelledCrop, other: LabelledCrop, rng: random.Random) -> LabelledCrop:
    """One random view of a crop. ``other`` is a second crop, for blends."""
    generator = torch.Generator().manual_seed(rng.getrandbits(62))
    image = crop.image.permute(2, 0, 1).float() / 255
    if rng.random() < UNCLEAR_SHARE:
        image = _made_unclear(image, other.image.permute(2, 0, 1).float() / 255, rng, generator)
        return LabelledCrop(image=_to_bytes(_random_light(image, rng)), name="", color="")
    image = _random_window(image, rng)
    if rng.random() < 0.5:
        image = image.flip(-1)
    image = _random_light(image, rng)
    image = _random_blur(image, rng)
    if rng.random() < 0.5:
        image = image + torch.randn(image.shape, generator=generator) * rng.uniform(0.005, 0.06)
    if rng.random() < 0.3:
        image = _random_cutout(image, rng)
    return LabelledCrop(image=_to_bytes(image), name=crop.name, color=crop.color)


def _to_bytes(image: Tensor) -> Tensor:
    return (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous()


def _random_window(image: Tensor, rng: random.Random) -> Tensor:
    """A shifted, zoomed and slightly stretched window, the edge repeated where it leaves the picture."""
    size = image.shape[-1]
    pad = size // 8
    wide = functional.pad(image[None], (pad, pad, pad, pad), mode="replicate")[0]
    width = int(size * rng.uniform(0.72, 1.2))
    height = min(max(int(width * rng.uniform(0.8, 1.25)), size // 2), wide.shape[1])
    width = min(width, wide.shape[2])
    x, y = rng.randint(0, wide.shape[2] - width), rng.randint(0, wide.shape[1] - height)
    window = wide[None, :, y : y + height, x : x + width]
    return functional.interpolate(window, (size, size), mode="bilinear", align_corners=False)[0]


def _random_light(image: Tensor, rng: random.Random) -> Tensor:
    """Exposure, contrast, gamma and a mild colour cast; the colour keeps its name."""
    gain = torch.tensor([rng.uniform(0.9, 1.1) for _ in range(3)])[:, None, None]
    exposure, contrast = rng.uniform(0.6, 1.4), rng.uniform(0.7, 1.3)
    shaded = image.clamp(0, 1) ** rng.uniform(0.75, 1.35) * gain * exposure
    mean = shaded.mean()
    return (shaded - mean) * contrast + mean


def _random_blur(image: Tensor, rng: random.Random) -> Tensor:
    """The blur of a small or moving thing: down and up again."""
    if rng.random() < 0.5:
        return image
    size = image.shape[-1]
    small = functional.interpolate(image[None], size=rng.randint(24, 96), mode="area")
    return functional.interpolate(small, (size, size), mode="bilinear", align_corners=False)[0]


def _random_cutout(image: Tensor, rng: random.Random) -> Tensor:
    size = image.shape[-1]
    edge = rng.randint(size // 8, size // 3)
    x, y = rng.randint(0, size - edge), rng.randint(0, size - edge)
    image = image.clone()
    image[:, y : y + edge, x : x + edge] = torch.tensor([rng.random() for _ in range(3)])[:, None, None]
    return image


def _made_unclear(image: Tensor, other: Tensor, rng: random.Random, generator: torch.Generator) -> Tensor:
    """A picture in which nobody could name a thing, but with the statistics of real ones."""
    style = rng.randrange(5)
    if style == 0:  # tiles in random order: the same colours and edges, no shape
        tiles = rng.choice((4, 8))
        edge = image.shape[-1] // tiles
        cut = image.unfold(1, edge, edge).unfold(2, edge, edge).reshape(3, tiles * tiles, edge, edge)
        cut = cut[:, torch.randperm(tiles * tiles, generator=generator)].reshape(3, tiles, tiles, edge, edge)
        return cut.permute(0, 1, 3, 2, 4).reshape(image.shape)
    if style == 1:  # two things through each other
        return 0.5 * image + 0.5 * other
    if style == 2:  # far too close
        size = image.shape[-1]
        x, y = rng.randint(0, size - 16), rng.randint(0, size - 16)
        return functional.interpolate(image[None, :, y : y + 16, x : x + 16], (size, size), mode="bilinear")[0]
    if style == 3:  # noise of many scales
        noise = [
            functional.interpolate(torch.rand(1, 3, n, n, generator=generator), image.shape[1:], mode="bilinear")[0]
            for n in (2, 4, 8, 16, 32, 64)
        ]
        weights = torch.rand(len(noise), generator=generator)
        return sum(w * n for w, n in zip(weights / weights.sum(), noise, strict=True))  # type: ignore[return-value]
    return image.mean(dim=(1, 2), keepdim=True) + 0.3 * torch.randn(image.shape, generator=generator)


def augmented_batch(images: Tensor, generator: torch.Generator, size: int | None = None) -> tuple[Tensor, Tensor]:
    """(N, 3, S, S) uint8 -> augmented uint8 and (N,) bool: which became a negative. The batched form, milder.

    ``size`` is the edge of the result, a multiple of 8; the pictures' own by default.
    """
    count = len(images)
    size = size or images.shape[-1]

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator) * (high - low) + low

    pixels = images.float() / 255
    scale = uniform(0.8, 1.15, count)
    stretch = uniform(0.9, 1.1, count)
    turn = uniform(-0.12, 0.12, count)
    flip = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    affine = torch.zeros(count, 2, 3)
    affine[:, 0, 0], affine[:, 0, 1] = flip * scale * stretch * turn.cos(), -scale * turn.sin()
    affine[:, 1, 0], affine[:, 1, 1] = flip * scale * turn.sin(), scale / stretch * turn.cos()
    affine[:, :, 2] = uniform(-0.15, 0.15, count, 2)
    grid = functional.affine_grid(affine, [count, 3, size, size], align_corners=False)
    pixels = functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    gain = uniform(0.92, 1.08, count, 3, 1, 1) * uniform(0.65, 1.35, count, 1, 1, 1)
    mean = pixels.mean(dim=(1, 2, 3), keepdim=True)
    pixels = ((pixels - mean) * uniform(0.75, 1.25, count, 1, 1, 1) + mean) * gain
    pixels += torch.randn(pixels.shape, generator=generator) * uniform(0.0, 0.04, count, 1, 1, 1)
    spoiled = torch.rand(count, generator=generator) < UNCLEAR_SHARE
    tiles = 8
    edge = size // tiles
    for index in spoiled.nonzero().flatten().tolist():
        cut = pixels[index].unfold(1, edge, edge).unfold(2, edge, edge).reshape(3, tiles * tiles, edge, edge)
        cut = cut[:, torch.randperm(tiles * tiles, generator=generator)].reshape(3, tiles, tiles, edge, edge)
        pixels[index] = cut.permute(0, 1, 3, 2, 4).reshape(3, size, size)
    return (pixels.clamp(0, 1) * 255).round().to(torch.uint8), spoiled
