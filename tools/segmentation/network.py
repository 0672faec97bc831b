"""The embedded segmentation network: what each patch of surface belongs to, and where the whole of that thing is.

A small U-Net reads the reduced surface of a frame (``tools.geometry.surfaces``) and says, for every second pixel,
which kind of thing it is and the box of the thing that it belongs to: the offset to the box's centre, its edge lengths
and its direction (voting as in Qi et al. 2019, "Deep Hough Voting"). Everything is told in a frame that stands upright
under the wearer and looks where they look, so that the same thing looks the same from everywhere.
Learned by ``finetune.segmentation.fit_segments`` on generated worlds only; knows nothing of maps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tools.geometry.surfaces import Floats, SurfaceImage

INPUTS = 11
"""Channels of ``network_input``."""
BOX_CHANNELS = 8
"""Offset to the centre (right, up, ahead; metres), log edge lengths (3), cosine and sine of the doubled direction."""
VOTE_STRIDE = 2
"""Between the pixels of the surface that vote. Twice as coarse, a mug two metres away has one vote and is lost."""
WIDTHS = (24, 40, 72, 120)
EYE_M = 1.6
"""Height of the eye where no floor is known yet."""
LEVEL = 0.2
"""Below this horizontal length of the viewing direction, the image's up says where ahead is."""


def heading(world_from_camera: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit horizontal (x, z) directions to the right and ahead of a camera."""
    forward, down = world_from_camera[[0, 2], 2], world_from_camera[[0, 2], 1]
    if np.linalg.norm(forward) < LEVEL:
        forward = down * np.sign(world_from_camera[1, 2])
    ahead = forward / np.linalg.norm(forward)
    return np.array([-ahead[1], ahead[0]]), ahead


def network_input(surface: SurfaceImage, floor_y: float | None) -> Floats:
    """(11, h, w): place and normal in the wearer's upright frame, depth, colour, validity; zeros where invalid."""
    right, ahead = (v.astype(np.float32) for v in heading(surface.world_from_camera))
    eye, depth, points, normals = surface.eye, surface.depth_m, surface.points, surface.normals
    floor = float(eye[1]) - EYE_M if floor_y is None else floor_y
    x, z = points[..., 0] - eye[0], points[..., 2] - eye[2]
    out = np.stack(
        [
            (x * right[0] + z * right[1]) / 2.0,
            points[..., 1] - (floor + 1.0),
            (x * ahead[0] + z * ahead[1]) / 2.0 - 1.0,
            normals[..., 0] * right[0] + normals[..., 2] * right[1],
            normals[..., 1],
            normals[..., 0] * ahead[0] + normals[..., 2] * ahead[1],
            depth / 2.0 - 1.0,
            surface.lab[..., 0] / 25.0 - 2.0,
            surface.lab[..., 1] / 25.0,
            surface.lab[..., 2] / 25.0,
            surface.valid,
        ]
    ).astype(np.float32)
    out[:7, depth <= 0] = 0.0
    return out


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.norm2(self.second(F.relu(self.norm1(self.first(x))))))


def _down(width_in: int, width_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width_in, width_out, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width_out), nn.ReLU()
    )


def _join(width_in: int, width_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(width_in, width_out, 3, padding=1, bias=False), nn.BatchNorm2d(width_out), nn.ReLU())


class SegmentNetwork(nn.Module):
    """(B, 11, H, W) -> (B, classes + 8, H/2, W/2): logits of kinds (0 = floor, walls, ceiling), then the box."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        w1, w2, w3, w4 = WIDTHS
        self.stem = nn.Sequential(
            nn.Conv2d(INPUTS, w1, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(w1), nn.ReLU(), _Residual(w1)
        )
        self.down2 = nn.Sequential(_down(w1, w2), _Residual(w2))
        self.down3 = nn.Sequential(_down(w2, w3), _Residual(w3))
        self.down4 = nn.Sequential(_down(w3, w4), _Residual(w4))
        self.around = nn.Linear(w4, w4)
        self.side3, self.up3 = nn.Conv2d(w4, w3, 1), _join(w3, w3)
        self.side2, self.up2 = nn.Conv2d(w3, w2, 1), _join(w2, w2)
        self.across = nn.Conv2d(w1, w2, 1)
        self.fine = _Residual(w2)
        self.head = nn.Conv2d(w2, classes + BOX_CHANNELS, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = self.stem(x)
        b = self.down2(a)
        c = self.down3(b)
        d = self.down4(c)
        d = F.relu(d + self.around(d.mean((2, 3)))[:, :, None, None])
        c = self.up3(_like(self.side3(d), c) + c)
        b = self.up2(_like(self.side2(c), b) + b)
        return self.head(self.fine(F.relu(_like(b, a) + self.across(a))))


def _like(x: Tensor, other: Tensor) -> Tensor:
    """Enlarged to another tensor's height and width."""
    return F.interpolate(x, size=other.shape[2:], mode="bilinear", align_corners=False)
