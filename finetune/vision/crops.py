"""Pictures of things, packed into files: a renderer makes them once, and training needs no renderer.

Only ``render_crops`` touches the renderer. The packed form is safetensors: ``images`` (N, S, S, 3) uint8, ``names`` and
``colors`` (N,) int64 into the lists of the metadata.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from agent.model.protocol import UNCLEAR

MIN_VISIBLE, MIN_PIXELS = 0.2, 14.0
"""Below either, a person would not be sure: the label becomes ``unclear``."""


def render_crops(out: Path, *, seeds: range, per_seed: int, size: int = 128) -> int:
    """Render crops of the worlds of ``seeds``, one shard a seed; finished shards are kept. Returns how many crops."""
    from scenes.worlds.capture.crops import iter_object_crops

    out.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        shard = out / f"crops-{seed:05d}.safetensors"
        if shard.exists():
            continue
        crops = list(iter_object_crops(seed, per_seed, size=size))
        sure = [c.visible_fraction >= MIN_VISIBLE and c.pixel_size >= MIN_PIXELS for c in crops]
        names = [c.category if ok else "" for c, ok in zip(crops, sure, strict=True)]
        colors = [c.color if ok else "" for c, ok in zip(crops, sure, strict=True)]
        save_shard(shard, torch.stack([c.rgb for c in crops]), names, colors)
    return len(seeds) * per_seed


def save_shard(path: Path, images: Tensor, names: list[str], colors: list[str]) -> None:
    """Write (N, S, S, 3) uint8 crops with their names and colours; the file appears only when it is complete."""
    name_list, color_list = sorted(set(names)), sorted(set(colors))
    tensors = {
        "images": images.contiguous(),
        "names": torch.tensor([name_list.index(n) for n in names]),
        "colors": torch.tensor([color_list.index(c) for c in colors]),
    }
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata={"names": json.dumps(name_list), "colors": json.dumps(color_list)})
    partial.replace(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledCrop:
    """One picture with what a person would say of it; name ``""`` = cannot say."""

    image: Tensor
    """(S, S, 3) uint8."""
    name: str
    color: str

    @property
    def caption(self) -> str:
        """``mug, red``, or ``unclear``."""
        if not self.name:
            return UNCLEAR
        return f"{self.name}, {self.color}" if self.color else self.name


class CropFile:
    """Packed shards, read picture by picture from the memory map."""

    def __init__(self, folder: Path, *, held_out: bool = False) -> None:
        shards = sorted(folder.glob("crops-*.safetensors"))
        # Whole worlds are held out, not single views of a world that was trained on.
        self._shards = [s for i, s in enumerate(shards) if (i % 20 == 19) == held_out]
        if not self._shards:
            raise FileNotFoundError(
                f"expected crop shards in {folder}, found {len(shards)}; run `finetune crops` first"
            )
        self._index: list[tuple[int, int, str, str]] = []
        self._open = []
        for number, shard in enumerate(self._shards):
            handle = safe_open(shard, "pt")
            meta = handle.metadata()
            names, colors = json.loads(meta["names"]), json.loads(meta["colors"])
            rows = zip(handle.get_tensor("names").tolist(), handle.get_tensor("colors").tolist(), strict=True)
            self._index += [(number, row, names[n], colors[c]) for row, (n, c) in enumerate(rows)]
            self._open.append(handle.get_slice("images"))
        self.names = tuple(sorted({name for _, _, name, _ in self._index if name}))
        self.colors = tuple(sorted({color for _, _, _, color in self._index if color}))

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, index: int) -> LabelledCrop:
        shard, row, name, color = self._index[index]
        return LabelledCrop(image=self._open[shard][row], name=name, color=color)
