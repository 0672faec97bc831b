"""The segmenter with the network that ships in this package; it votes for boxes and kinds.

Floor, walls and ceiling still come from geometry, because rooms and routes need them as planes.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from scenes.errors import InputError
from scenes.types import Frame
from tools.geometry.surfaces import SurfaceImage, surface_image
from tools.segmentation.base import Segments
from tools.segmentation.geometric import GeometricSegmenter
from tools.segmentation.network import VOTE_STRIDE, SegmentNetwork, heading, network_input
from tools.segmentation.regions import N_CUES
from tools.segmentation.structure import Structure
from tools.segmentation.vote_clusters import FrameVotes, Votes, cluster_votes

WEIGHTS = Path(__file__).with_name("embedded.safetensors")
MIN_THING_PROBABILITY = 0.5
"""A pixel shows a thing when the network gives everything but the building more than this."""
MAX_RANGE_M = 5.0
DENSE_EDGE_M = 0.45
"""Of things with a smaller mean edge every voting pixel counts; of larger ones, one in four is enough."""


@lru_cache(maxsize=2)
def load_network(path: Path) -> tuple[SegmentNetwork, tuple[str, ...]]:
    """The network and the names of its kinds; 0 is the building. Raises InputError for a file that is none."""
    try:
        with safe_open(path, "pt") as file:
            kinds = tuple((file.metadata() or {}).get("kinds", "").split("\n"))
            state = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
        model = SegmentNetwork(len(kinds))
        model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"expected weights of the segmentation network in {path}, got others ({reason})") from error
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model.eval(), kinds


def has_fast_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware; without that it would be slower than float32, not faster."""
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()  # not in every release of torch
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


class EmbeddedSegmenter(GeometricSegmenter):
    """The embedded network; one instance per map."""

    def __init__(
        self, structure: Structure | None = None, *, weights: Path = WEIGHTS, label_frames: bool = False
    ) -> None:
        """``weights``: a file of ``SegmentNetwork``. ``label_frames``: whether ``segment`` also tells the things of one
        frame apart; without it everything that is no building has label 1, because a map clusters the votes of all
        frames once.

        Raises InputError for a file that holds no such weights.
        """
        super().__init__(structure)
        self.network, self.vote_kinds = load_network(weights)
        self.label_frames = label_frames
        self.half_precision = has_fast_bfloat16()
        """Whether the network multiplies bfloat16, as in training: half the time."""

    def segment(self, frame: Frame) -> Segments:
        surface = surface_image(frame, self.width)
        background = self.structure.observe(surface)
        votes = self.votes(surface)
        sure = votes.thing > MIN_THING_PROBABILITY
        label = np.zeros(len(sure), np.int32)
        label[sure] = cluster_votes(votes.votes.subset(sure)) if self.label_frames else 1
        labels = votes.to_surface(label)
        return Segments(
            surface=surface,
            labels=labels,
            background=background,
            border_pairs=np.zeros((0, 2), np.int64),
            border_sums=np.zeros((0, N_CUES)),
            votes=votes,
        )

    def votes(self, surface: SurfaceImage) -> FrameVotes:
        """The votes of a frame: of all voting pixels on small things, of every second one each way on large ones."""
        out = self.infer(surface)
        kinds, box = out[: len(self.vote_kinds)], out[len(self.vote_kinds) :]
        depth = surface.depth_m[::VOTE_STRIDE, ::VOTE_STRIDE]
        pixels = (depth > 0) & (depth < MAX_RANGE_M)
        dense = box[3:6].mean(0) < np.log(DENSE_EDGE_M)
        dense[::2, ::2] = True
        pixels &= dense
        right, ahead = heading(surface.world_from_camera)
        at, b = surface.points[::VOTE_STRIDE, ::VOTE_STRIDE][pixels], box[:, pixels]
        offset = np.stack([b[0] * right[0] + b[2] * ahead[0], b[1], b[0] * right[1] + b[2] * ahead[1]], -1)
        # The doubled angle was told relative to the direction ahead: yaw = turn of the head - angle.
        turn = 2.0 * float(np.arctan2(ahead[0], ahead[1]))
        c, s = np.cos(turn), np.sin(turn)
        thing = (1.0 - kinds[0][pixels]).astype(np.float32)
        votes = Votes(
            points=at,
            center=(at + offset).astype(np.float32),
            log_size=np.clip(b[3:6].T, np.log(0.02), np.log(4.0)).astype(np.float32),
            turn=np.stack([c * b[6] + s * b[7], s * b[6] - c * b[7]], -1).astype(np.float32),
            weight=thing,
            kinds=np.ascontiguousarray(kinds[:, pixels].T),
        )
        return FrameVotes(surface=surface, pixels=pixels, votes=votes, thing=thing)

    def infer(self, surface: SurfaceImage) -> NDArray[np.float32]:
        """(kinds + 8, h/2, w/2): probabilities of the kinds, then the box channels."""
        inputs = torch.from_numpy(network_input(surface, self.structure.floor_y))[None]
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.half_precision):
            out = self.network(inputs.contiguous(memory_format=torch.channels_last))[0].float()
            out[: len(self.vote_kinds)] = out[: len(self.vote_kinds)].softmax(0)
        return out.numpy()
