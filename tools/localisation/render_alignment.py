"""An image against what a map looks like from a pose: where each patch of the map's view is found, and how many are.

Keypoints find what looks alike from anywhere, but few of them survive a step to the side, and none blur. Once a pose
is known to a few degrees, the map can be drawn from there, and its patches look like the image's, however far the
keyframes are. They lead to the right pose from a third of a metre away, and how many of them are found where they
should be tells it from a wrong one. Knows nothing of keyframes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from scenes.geometry import backproject, inverse, transform
from scenes.types import Camera
from tools.core.pooled_gradients import luma
from tools.kernels.compiled import KernelSet
from tools.localisation.pose_check import working_camera
from tools.localisation.pose_refinement import Matches
from tools.mapping.surface_map import SurfaceMap

COARSE, FINE = 160, 240
"""Pixels across of the compared pictures: a coarse pixel is a map's voxel, 2 cm, at 5 m."""
PATCHES = 800
LEAST_CORRELATION = 0.4
"""Counts for nothing; a match weighs what it has more."""
CLOSE_PX = 1.5
"""A patch this near, in coarse pixels, is where the pose puts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What an image shows of what it should show from a pose."""

    matches: Matches
    """Patches that were found, with the places that the map gives them."""
    close: int
    """How many are where they should be; of the patches that could have been seen."""
    patches: int

    @property
    def share(self) -> float:
        """0..1."""
        return self.close / max(self.patches, 1)

    @property
    def score(self) -> float:
        """How much speaks for the pose: patches found, weighed by how many of those there are that is."""
        return self.close * self.share


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A small copy of an image."""

    camera: Camera
    gray: Tensor
    """(h, w) float32, 0..1."""
    depth_m: Tensor
    """(h, w) float32, as far as it was measured; 0 = not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """An image that is compared with a map."""

    camera: Camera
    coarse: Picture
    fine: Picture
    surface: SurfaceMap
    kernels: KernelSet

    @classmethod
    def of(
        cls, rgb: Tensor, camera: Camera, depth_m: Tensor | None, surface: SurfaceMap, kernels: KernelSet
    ) -> Alignment:
        """Of an (H, W, 3) uint8 image, and its depth (h, w) in a small copy of the camera if it has any."""
        gray = luma(rgb)[None, None]
        return cls(
            camera=camera,
            coarse=_picture(gray, camera, depth_m, COARSE),
            fine=_picture(gray, camera, depth_m, FINE),
            surface=surface,
            kernels=kernels,
        )

    def sighting(self, camera_from_world: Tensor, reach: int, picture: Picture | None = None) -> Sighting:
        """What is seen from a pose within ``reach`` pixels of a picture (the coarse one) from where it should be."""
        picture = picture or self.coarse
        small = picture.camera
        view = self.surface.raycast(small, inverse(camera_from_world))
        centre, there, uv, correlation, found = self.kernels.block_matches(
            picture.gray, luma(view.rgb), view.valid, reach, PATCHES
        )
        at, uv = centre[found], uv[found]
        places = torch.stack([at % small.width, at // small.width], -1) + 0.5
        depth = view.depth_m.reshape(-1)[at].double()
        pixel = (uv.long() * torch.tensor([1, small.width])).sum(-1).clamp(0, small.width * small.height - 1)
        factor = torch.tensor([self.camera.width / small.width, self.camera.height / small.height], dtype=torch.float64)
        shift = (uv - places).norm(dim=-1) * (self.coarse.camera.width / small.width)
        k = self.camera
        return Sighting(
            matches=Matches(
                uv=uv.double() * factor,
                points=transform(inverse(camera_from_world), backproject(small, places.double(), depth)),
                depth_m=picture.depth_m.reshape(-1)[pixel].double(),
                weight=(correlation[found].double() - LEAST_CORRELATION).clamp_min(0),
                intrinsics=torch.tensor([k.fx, k.fy, k.cx, k.cy], dtype=torch.float64),
            ),
            close=int((shift < CLOSE_PX).sum()),
            patches=int(there.sum()),
        )


def _picture(gray: Tensor, camera: Camera, depth_m: Tensor | None, width: int) -> Picture:
    small = working_camera(camera, width)
    size = (small.height, small.width)
    return Picture(
        camera=small,
        gray=functional.interpolate(gray, size, mode="bilinear", antialias=True)[0, 0],
        depth_m=torch.zeros(size)
        if depth_m is None
        else functional.interpolate(depth_m[None, None], size, mode="nearest")[0, 0],
    )
