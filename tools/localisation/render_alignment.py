"""Compares an image with the map rendered from a pose: small patches of the rendering are searched in the image.

Keypoints match from any viewpoint, but few of them survive a step to the side, and none survive blur. Once a pose is
known to a few degrees, the map can be rendered from there, and patches of that rendering look like the image however
far away the keyframes are. Refining on them reaches the right pose from a third of a metre away, and the share of
patches that are found where the pose predicts tells a right pose from a wrong one. Knows nothing of keyframes.
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
from tools.localisation.pose_check import downscaled_camera
from tools.localisation.pose_refinement import Matches
from tools.mapping.surface_map import SurfaceMap

COARSE_WIDTH_PX, FINE_WIDTH_PX = 160, 240
"""Widths of the compared images: at 5 m, a coarse pixel is as large as a voxel of the map, 2 cm."""
MAX_PATCHES = 800
ZERO_WEIGHT_CORRELATION = 0.4
"""A match weighs as much as its correlation exceeds this."""
INLIER_SHIFT_PX = 1.5
"""A patch that is found within this distance of where the pose predicts it, in coarse pixels, is an inlier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderMatchScore:
    """How well an image matches the rendering of the map from one pose."""

    matches: Matches
    """The patches that were found, each with its place in the image and in the map."""
    inliers: int
    """Patches found within ``INLIER_SHIFT_PX`` of where the pose predicts them."""
    patches: int
    """Patches that were searched: textured ones of the rendering."""

    @property
    def inlier_ratio(self) -> float:
        """Inliers over searched patches, 0..1."""
        return self.inliers / max(self.patches, 1)

    @property
    def score(self) -> float:
        """Inliers times their ratio: larger for more evidence and for less that contradicts it."""
        return self.inliers * self.inlier_ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class DownscaledImage:
    """A small copy of an image."""

    camera: Camera
    gray: Tensor
    """(h, w) float32, 0..1."""
    depth_m: Tensor
    """(h, w) float32 measured depth; 0 where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderAlignment:
    """One image, prepared for comparison with renderings of a map."""

    camera: Camera
    coarse: DownscaledImage
    fine: DownscaledImage
    surface: SurfaceMap
    kernels: KernelSet

    @classmethod
    def of(
        cls, rgb: Tensor, camera: Camera, depth_m: Tensor | None, surface: SurfaceMap, kernels: KernelSet
    ) -> RenderAlignment:
        """Of an (H, W, 3) uint8 image, and its depth (h, w) in a small copy of the camera if it has any."""
        gray = luma(rgb)[None, None]
        return cls(
            camera=camera,
            coarse=_downscaled_image(gray, camera, depth_m, COARSE_WIDTH_PX),
            fine=_downscaled_image(gray, camera, depth_m, FINE_WIDTH_PX),
            surface=surface,
            kernels=kernels,
        )

    def score_pose(
        self, camera_from_world: Tensor, reach_px: int, image: DownscaledImage | None = None
    ) -> RenderMatchScore:
        """Render the map from a pose and search its patches in an image (the coarse one by default).

        ``reach_px``: how far from its predicted place a patch is searched, in pixels of that image.
        """
        image = image or self.coarse
        small = image.camera
        view = self.surface.raycast(small, inverse(camera_from_world))
        centre, usable, uv, correlation, found = self.kernels.block_matches(
            image.gray, luma(view.rgb), view.valid, reach_px, MAX_PATCHES
        )
        predicted, uv = centre[found], uv[found]
        predicted_uv = torch.stack([predicted % small.width, predicted // small.width], -1) + 0.5
        depth = view.depth_m.reshape(-1)[predicted].double()
        pixel = (uv.long() * torch.tensor([1, small.width])).sum(-1).clamp(0, small.width * small.height - 1)
        factor = torch.tensor([self.camera.width / small.width, self.camera.height / small.height], dtype=torch.float64)
        shift = (uv - predicted_uv).norm(dim=-1) * (self.coarse.camera.width / small.width)
        k = self.camera
        return RenderMatchScore(
            matches=Matches(
                uv=uv.double() * factor,
                points=transform(inverse(camera_from_world), backproject(small, predicted_uv.double(), depth)),
                depth_m=image.depth_m.reshape(-1)[pixel].double(),
                weight=(correlation[found].double() - ZERO_WEIGHT_CORRELATION).clamp_min(0),
                intrinsics=torch.tensor([k.fx, k.fy, k.cx, k.cy], dtype=torch.float64),
            ),
            inliers=int((shift < INLIER_SHIFT_PX).sum()),
            patches=int(usable.sum()),
        )


def _downscaled_image(gray: Tensor, camera: Camera, depth_m: Tensor | None, width: int) -> DownscaledImage:
    small = downscaled_camera(camera, width)
    size = (small.height, small.width)
    return DownscaledImage(
        camera=small,
        gray=functional.interpolate(gray, size, mode="bilinear", antialias=True)[0, 0],
        depth_m=torch.zeros(size)
        if depth_m is None
        else functional.interpolate(depth_m[None, None], size, mode="nearest")[0, 0],
    )
