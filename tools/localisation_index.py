"""The keyframes of a map: features with their places in the world, and which keyframes look like an image."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from scenes.geometry import backproject, pose_error, project, transform
from scenes.types import Camera, Frame
from tools.depth import estimate_depth
from tools.localisation_features import FeatureExtractor, Features
from tools.localisation_tracks import MIN_CORRECTION, DepthCorrection, SightedView, triangulated, undistorted
from tools.map_file import MapError

FORMAT_VERSION = 3
FILE_NAME = "keyframes.safetensors"
WORDS = 64
"""Visual words of the VLAD (Jegou et al. 2010); made from the map's own features."""
SPACING_M, SPACING_RAD = 0.08, 0.08
"""A frame this far or this turned (5 degrees) from every keyframe becomes one."""
SAME_CAMERA = 0.01
"""Cameras whose relative focal lengths differ by less are taken for one, whose distortion is known."""
COVISIBILITY_SAMPLES = 64
"""Points of a keyframe that tell whether a pose sees it."""
EDGE_M = 0.05
"""A keypoint whose four surrounding depths differ by more lies on an edge: its place is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyframe:
    """One remembered view."""

    frame_id: int
    world_from_camera: Tensor
    """(4, 4) float64."""
    camera: Camera
    features: Features
    depth_m: Tensor
    """(N,) float32, as the sensor measured it; only features with a depth are kept."""
    points: Tensor
    """(N, 3) float32, world."""


class KeyframeIndex:
    """The keyframes of one map, in order of capture."""

    def __init__(self, extractor: FeatureExtractor, *, map_id: str) -> None:
        """An empty index whose features come from ``extractor``."""
        self.extractor = extractor
        self.map_id = map_id
        self.keyframes: list[Keyframe] = []
        self.correction = DepthCorrection()
        """What the map's poses say of its depth sensor, once ``settle`` has run."""
        self._words: Tensor | None = None
        self._vlads: Tensor | None = None
        self._stack: tuple[Tensor, Tensor, Tensor] | None = None
        self._samples: Tensor | None = None
        self._all: tuple[Tensor, Tensor] | None = None

    def __len__(self) -> int:
        return len(self.keyframes)

    @property
    def camera(self) -> Camera | None:
        """The colour camera of the newest keyframe; None for an empty index."""
        return self.keyframes[-1].camera if self.keyframes else None

    def offer(self, frame: Frame) -> bool:
        """Remember a posed frame with depth if it shows a new view; whether it was taken."""
        if frame.world_from_camera is None or frame.depth_m is None or not self._is_new(frame.world_from_camera):
            return False
        return self.add(frame)

    def add(self, frame: Frame) -> bool:
        """Remember a frame; False when it has no pose, no depth, or too few features with a place."""
        estimate = estimate_depth(frame)
        if estimate is None or frame.world_from_camera is None or min(frame.rgb.shape[:2]) < self.extractor.least_px:
            return False
        features = self.extractor(frame.rgb)
        straight = self.undistorted(features.uv, frame.camera)
        depth, known = depth_at_points(estimate.depth_m, straight)
        if int(known.sum()) < 16:
            return False
        features, depth, straight = features.chosen(known), depth[known], straight[known].double()
        rays = backproject(frame.camera, straight, torch.ones(len(straight), dtype=torch.float64))
        p_camera = rays * self.correction(depth.double(), rays)[:, None]
        self.keyframes.append(
            Keyframe(
                frame_id=frame.id,
                world_from_camera=frame.world_from_camera.double(),
                camera=frame.camera,
                features=features,
                depth_m=depth,
                points=transform(frame.world_from_camera.double(), p_camera).float(),
            )
        )
        self._changed()
        return True

    def settle(self, first: int = 0) -> DepthCorrection:
        """Make the points exact with what the keyframes see of each other; see ``tools.localisation_tracks``.

        Meant for the end of a visit, for its keyframes from ``first`` on: a pair of keyframes costs about 10 ms. The
        correction of the depth sensor is that of the newest keyframes that tell one.
        """
        views = [
            SightedView(
                world_from_camera=k.world_from_camera,
                intrinsics=torch.tensor([k.camera.fx, k.camera.fy, k.camera.cx, k.camera.cy], dtype=torch.float64),
                uv=k.features.uv,
                descriptors=k.features.descriptors,
                depth_m=k.depth_m.double(),
            )
            for k in self.keyframes
        ]
        if first < len(views):
            depths, correction = triangulated(views, first=first)
            if correction.count >= MIN_CORRECTION or first == 0:
                self.correction = correction
            self.keyframes[first:] = [
                replace(k, points=replace(view, radial=correction.radial).points(depth).float())
                for k, view, depth in zip(self.keyframes[first:], views[first:], depths, strict=True)
            ]
            self._changed()
        return self.correction

    def undistorted(self, uv: Tensor, camera: Camera) -> Tensor:
        """(N, 2) keypoints of an image as a pinhole would show them, where it is the keyframes' camera that took it."""
        own = self.camera
        if own is None or abs(camera.fx / camera.width - own.fx / own.width) > SAME_CAMERA * own.fx / own.width:
            return uv
        return undistorted(uv, camera, self.correction.radial)

    def nearest_views(self, features: Features, count: int) -> list[int]:
        """Indices of the keyframes that look most like an image, best first."""
        if not self.keyframes or len(features) == 0:
            return []
        words, vlads = self._vocabulary()
        likeness = vlads @ vlad(features.descriptors, words)
        return likeness.topk(min(count, len(self.keyframes))).indices.tolist()

    def screened(self, views: Sequence[int], screen: Callable[[Features], Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Of V keyframes, the features that ``screen`` picks, K at most, the rest of the K zero.

        Returns:
            descriptors (V, K, D); positions (V, K, 2) in widths of the image; points (V, K, 3) float32.
        """
        if self._stack is None:
            chosen = [screen(k.features) for k in self.keyframes]
            kept = list(zip(self.keyframes, chosen, strict=True))
            self._stack = (
                pad_sequence([k.features.descriptors[c] for k, c in kept], batch_first=True),
                pad_sequence([k.features.uv[c] / k.camera.width for k, c in kept], batch_first=True),
                pad_sequence([k.points[c] for k, c in kept], batch_first=True),
            )
        some = torch.tensor(views)
        descriptors, uv, points = self._stack
        return descriptors[some], uv[some], points[some]

    def points_of(self, views: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """All points (P, 3) float32 and descriptors (P, D) of the index, and the rows (R,) that some keyframes own."""
        if self._all is None:
            points = torch.cat([k.points for k in self.keyframes])
            self._all = (points, torch.cat([k.features.descriptors for k in self.keyframes]))
        ends = torch.tensor([len(k.points) for k in self.keyframes]).cumsum(0).tolist()
        rows = [torch.arange(ends[v] - len(self.keyframes[v].points), ends[v]) for v in views]
        return *self._all, torch.cat([torch.zeros(0, dtype=torch.int64), *rows])

    def covisible(self, camera_from_world: Tensor, camera: Camera, count: int) -> list[int]:
        """Indices of the keyframes of whose points a pose sees most, the best first; none that it sees nothing of."""
        if self._samples is None:
            spread = torch.linspace(0, 1, COVISIBILITY_SAMPLES)
            self._samples = torch.stack([k.points[(spread * (len(k.points) - 1)).long()] for k in self.keyframes])
        _, inside = project(camera, transform(camera_from_world, self._samples.reshape(-1, 3).double()))
        shared = inside.reshape(len(self.keyframes), -1).sum(-1)
        best = shared.topk(min(count, len(shared)))
        return best.indices[best.values > 0].tolist()

    def transformed(self, new_from_old: Tensor) -> None:
        """Move every keyframe into a corrected map frame: (4, 4) float64."""
        self.keyframes = [
            replace(
                k,
                world_from_camera=new_from_old @ k.world_from_camera,
                points=transform(new_from_old, k.points.double()).float(),
            )
            for k in self.keyframes
        ]
        self._stack = self._samples = self._all = None

    def _changed(self) -> None:
        self._words = self._vlads = self._stack = self._samples = self._all = None

    def _is_new(self, world_from_camera: Tensor) -> bool:
        if not self.keyframes:
            return True
        poses = torch.stack([k.world_from_camera for k in self.keyframes])
        distance, angle = pose_error(poses, world_from_camera.double().expand_as(poses))
        return bool(((distance > SPACING_M) | (angle > SPACING_RAD)).all())

    def _vocabulary(self) -> tuple[Tensor, Tensor]:
        """Visual words and one VLAD per keyframe, made when first needed after a change."""
        if self._words is None or self._vlads is None:
            self._words = visual_words(torch.cat([k.features.descriptors for k in self.keyframes]))
            words = self._words
            self._vlads = torch.stack([vlad(k.features.descriptors, words) for k in self.keyframes])
        return self._words, self._vlads

    def save(self, folder: Path) -> None:
        """Write the index beside the map, crash-safe.

        Raises:
            MapError: it cannot be written; an older index is intact.
        """
        header = {
            "format_version": FORMAT_VERSION,
            "map_id": self.map_id,
            "extractor": self.extractor.name,
            "cameras": [asdict(k.camera) for k in self.keyframes],
            "correction": asdict(self.correction),
        }
        counts = torch.tensor([len(k.features) for k in self.keyframes], dtype=torch.int64)
        dimension = self.keyframes[0].features.descriptors.shape[1] if self.keyframes else 1
        tensors = {
            "counts": counts,
            "frame_ids": torch.tensor([k.frame_id for k in self.keyframes], dtype=torch.int64),
            "poses": _cat([k.world_from_camera[None] for k in self.keyframes], (4, 4), torch.float64),
            "uv": _cat([k.features.uv for k in self.keyframes], (2,), torch.float32),
            "scale": _cat([k.features.scale for k in self.keyframes], (), torch.float32),
            "descriptors": _cat([k.features.descriptors for k in self.keyframes], (dimension,), torch.float32).half(),
            "points": _cat([k.points for k in self.keyframes], (3,), torch.float32),
            "depth": _cat([k.depth_m for k in self.keyframes], (), torch.float32),
        }
        if self.keyframes:
            words, vlads = self._vocabulary()
            tensors |= {"words": words.contiguous(), "vlads": vlads.contiguous()}
        temporary: Path | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=FILE_NAME, suffix=".part", dir=folder)
            os.close(handle)
            temporary = Path(name)
            save_file(tensors, temporary, metadata={"sightline": json.dumps(header)})
            temporary.replace(folder / FILE_NAME)
        except (OSError, SafetensorError) as error:
            raise MapError(f"cannot write keyframes to {folder}: {error}; free some space or choose another") from error
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)

    @classmethod
    def load(cls, folder: Path, extractor: FeatureExtractor) -> KeyframeIndex:
        """The index that ``save`` wrote.

        Raises:
            MapError: none there, a damaged one, another version, or features of another extractor.
        """
        path = folder / FILE_NAME
        if not path.is_file():
            raise MapError(f"expected keyframes in {folder}, found no {FILE_NAME}; map the recording again")
        try:
            with safe_open(path, framework="pt") as file:
                header = json.loads((file.metadata() or {})["sightline"])
                t = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            if (header["format_version"], header["extractor"]) != (FORMAT_VERSION, extractor.name):
                raise MapError(
                    f"{path} holds keyframes {header['format_version']}/{header['extractor']}, "
                    f"expected {FORMAT_VERSION}/{extractor.name}; map again or choose that extractor"
                )
            index = cls(extractor, map_id=header["map_id"])
            index.correction = DepthCorrection(**header["correction"])
            cameras = [Camera(**values) for values in header["cameras"]]
            sizes = t["counts"].tolist()
            parts = [t[name].split(sizes) for name in ("uv", "descriptors", "scale", "points", "depth")]
            for i, (uv, descriptors, scale, points, depth) in enumerate(zip(*parts, strict=True)):
                features = Features(uv=uv, descriptors=functional.normalize(descriptors.float(), dim=-1), scale=scale)
                index.keyframes.append(
                    Keyframe(
                        frame_id=int(t["frame_ids"][i]),
                        world_from_camera=t["poses"][i],
                        camera=cameras[i],
                        features=features,
                        depth_m=depth,
                        points=points,
                    )
                )
            if index.keyframes:
                index._words, index._vlads = t["words"], t["vlads"]
        except MapError:
            raise
        except (
            OSError,
            SafetensorError,
            KeyError,
            TypeError,
            ValueError,
            RuntimeError,
            IndexError,
        ) as error:
            raise MapError(f"{path} is damaged ({error!r}); restore it from a copy or map again") from error
        return index


def stored_extractor(folder: Path) -> str:
    """The name of the extractor that made a folder's keyframes. Raises MapError."""
    path = folder / FILE_NAME
    try:
        with safe_open(path, framework="pt") as file:
            return str(json.loads((file.metadata() or {})["sightline"])["extractor"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise MapError(f"{path} is damaged ({error!r}); restore it from a copy or map again") from error


def depth_at_points(depth_m: Tensor, uv: Tensor) -> tuple[Tensor, Tensor]:
    """Bilinear depth at (N, 2) positions, and where all four surrounding pixels lie on one surface."""
    height, width = depth_m.shape
    x, y = (uv[:, 0] - 0.5).clamp(0, width - 1.001), (uv[:, 1] - 0.5).clamp(0, height - 1.001)
    column, row = x.long(), y.long()
    corners = torch.stack([depth_m[row + i, column + j] for i in (0, 1) for j in (0, 1)])
    fx, fy = x - column, y - row
    weights = torch.stack([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy])
    known = (corners > 0).all(0) & (corners.amax(0) - corners.amin(0) < EDGE_M)
    return (corners * weights).sum(0), known


def visual_words(descriptors: Tensor, *, rounds: int = 8, seed: int = 0) -> Tensor:
    """(N, D) -> (WORDS, D): k-means on at most 20,000 descriptors."""
    generator = torch.Generator().manual_seed(seed)
    sample = descriptors[torch.randperm(len(descriptors), generator=generator)[:20000]]
    words = sample[torch.randperm(len(sample), generator=generator)[:WORDS]].clone()
    for _ in range(rounds):
        nearest = (sample @ words.T - 0.5 * words.square().sum(-1)).argmax(1)
        total = torch.zeros_like(words).index_add_(0, nearest, sample)
        count = torch.bincount(nearest, minlength=len(words))[:, None]
        words = torch.where(count > 0, total / count.clamp_min(1), words)
    return words


def vlad(descriptors: Tensor, words: Tensor) -> Tensor:
    """(N, D), (K, D) -> (K * D,) unit vector: per-word sums of residuals, each normalised (intra-normalisation)."""
    nearest = (descriptors @ words.T - 0.5 * words.square().sum(-1)).argmax(1)
    residual = torch.zeros_like(words).index_add_(0, nearest, descriptors - words[nearest])
    return functional.normalize(functional.normalize(residual, dim=-1).reshape(-1), dim=0)


def _cat(parts: list[Tensor], shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Concatenation that keeps its shape when there is nothing to concatenate."""
    return torch.cat([torch.zeros(0, *shape, dtype=dtype), *parts]).contiguous()
