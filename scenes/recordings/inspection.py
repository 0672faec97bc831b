"""What a recording holds, and whether its calibration makes sense."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from scenes.geometry import backproject, inverse, pixel_grid, project, transform
from scenes.recordings.reading.base import Gravity, Recording
from scenes.recordings.reading.indexed import IndexedRecording
from scenes.types import Camera, Frame

SAMPLES = 12
"""Frames, and pairs of frames, that are read: enough for a median, and under two seconds at 640x480."""
AGREES_M, AGREES_SHARE = 0.02, 0.02
"""A depth agrees within 2 cm plus 2% of the distance: sensor noise and pose error together at 4 m."""
FOV_DEG = (20.0, 150.0)
"""A horizontal field of view outside this is a wrong focal length rather than a lens."""
MEDIAN_DEPTH_M = (0.2, 20.0)
"""Rooms and streets; outside, the unit is wrong (millimetres read as metres give thousands)."""
MAX_SPEED_M_S = 5.0
"""A running person; faster is a jump of the tracking or a wrong unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthAgreement:
    """Depth of one frame carried into another and compared there."""

    step: int
    """Frames between the two of a pair, in the recording's order."""
    pairs: int
    median_error_m: float
    """Median over pairs of the median absolute difference of depths; occluded points included."""
    agreeing_share: float
    """Share of points within 2 cm + 2% of the distance."""
    seen_share: float
    """Share of the first frame's valid points that fall on valid depth of the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingReport:
    """The result of ``inspect``."""

    path: str
    format: str
    frames: int
    frame_ids: tuple[int, int]
    """First and last."""
    duration_s: float
    camera: Camera
    fov_deg: tuple[float, float]
    """Horizontal, vertical."""
    depth_camera: Camera | None
    depth_frames: int
    """How many of the frames that were read have depth."""
    frames_read: int
    depth_valid_share: float
    depth_range_m: tuple[float, float] | None
    """5th and 95th percentile."""
    poses: int
    rotation_error: float
    """Largest entry of ``R^T R - I``."""
    path_length_m: float
    gravity: Gravity
    agreement: tuple[DepthAgreement, ...]
    skipped: tuple[str, ...]
    notes: tuple[str, ...]
    problems: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """For people."""
        camera = self.camera
        out = [
            f"{self.path}: {self.format}, {self.frames} frames ({self.frame_ids[0]} to {self.frame_ids[1]}), "
            f"{self.duration_s:.1f} s",
            f"colour: {camera.width}x{camera.height}, fx {camera.fx:.1f}, fy {camera.fy:.1f}, centre "
            f"({camera.cx:.1f}, {camera.cy:.1f}), field of view {self.fov_deg[0]:.0f} x {self.fov_deg[1]:.0f} degrees",
        ]
        if self.depth_camera is not None and self.depth_range_m is not None:
            depth = self.depth_camera
            out.append(
                f"depth: {depth.width}x{depth.height} in {self.depth_frames} of {self.frames_read} frames read, "
                f"{self.depth_valid_share:.0%} valid, {self.depth_range_m[0]:.1f} to {self.depth_range_m[1]:.1f} m"
            )
        else:
            out.append("depth: none")
        out.append(
            f"poses: {self.poses} of {self.frames} frames, {self.path_length_m:.1f} m walked, rotations exact to "
            f"{self.rotation_error:.0e}"
        )
        out.append(f"gravity: from {self.gravity.source}, confidence {self.gravity.confidence:.2f}")
        out += [
            f"depth of a frame seen {a.step} later: median error {1000 * a.median_error_m:.1f} mm, "
            f"{a.agreeing_share:.0%} of points agree ({a.pairs} pairs)"
            for a in self.agreement
        ]
        out += [f"left out: {line}" for line in self.skipped[:5]]
        if len(self.skipped) > 5:
            out.append(f"left out: {len(self.skipped) - 5} more frames")
        out += [f"note: {line}" for line in self.notes[:5]]
        if len(self.notes) > 5:
            out.append(f"note: {len(self.notes) - 5} more")
        return out + ([f"PROBLEM: {line}" for line in self.problems] or ["no problems found"])


def inspect(recording: Recording, *, steps: tuple[int, ...] = (1, 2, 5)) -> RecordingReport:
    """Read a sample of the frames and check what can be checked without ground truth.

    ``steps``: distances of the frames whose depths are compared. Raises RecordingError where a sampled frame cannot
    be read.
    """
    count = len(recording)
    sample = [recording[i] for i in _spread(count, SAMPLES)]
    first, last = recording[0], recording[count - 1]
    poses = _poses(recording)
    agreement = tuple(a for a in (_agreement(recording, step) for step in steps) if a is not None)
    with_depth = [frame for frame in sample if frame.depth_m is not None]
    depth = torch.cat([f.depth_m[f.depth_m > 0] for f in with_depth if f.depth_m is not None] or [torch.zeros(0)])
    span = (float(depth.quantile(0.05)), float(depth.quantile(0.95))) if 0 < depth.numel() < 2**24 else None
    if depth.numel() >= 2**24:  # the limit of torch.quantile
        thin = depth[:: math.ceil(depth.numel() / 2**23)]
        span = (float(thin.quantile(0.05)), float(thin.quantile(0.95)))
    pixels = sum(f.depth_m.numel() for f in with_depth if f.depth_m is not None)
    report = RecordingReport(
        path=str(recording.path),
        format=recording.format,
        frames=count,
        frame_ids=(recording.frame_ids[0], recording.frame_ids[-1]),
        duration_s=last.time_s - first.time_s,
        camera=first.camera,
        fov_deg=_fov_deg(first.camera),
        depth_camera=with_depth[0].depth_camera if with_depth else None,
        depth_frames=len(with_depth),
        frames_read=len(sample),
        depth_valid_share=depth.numel() / pixels if pixels else 0.0,
        depth_range_m=span,
        poses=len(poses),
        rotation_error=_rotation_error(poses),
        path_length_m=sum(float((b[1] - a[1])[:3, 3].norm()) for a, b in pairwise(poses)),
        gravity=recording.gravity,
        agreement=agreement,
        skipped=recording.skipped,
        notes=recording.notes if isinstance(recording, IndexedRecording) else (),
        problems=(),
    )
    return _with_problems(report, poses, float(depth.median()) if depth.numel() else None)


def depth_agreement(frame: Frame, other: Frame) -> tuple[Tensor, Tensor, int] | None:
    """Depth of ``frame`` as ``other`` should measure it.

    Returns (expected z-depths (N,), measured ones (N,), number of valid points of ``frame``), for the points that
    fall on valid depth of ``other`` (nearest pixel); None where depth or a pose is missing. The sampling takes every
    second pixel.
    """
    a, b = frame.world_from_depth, other.world_from_depth
    if frame.depth_m is None or other.depth_m is None or a is None or b is None:
        return None
    if frame.depth_camera is None or other.depth_camera is None:
        return None
    grid = pixel_grid(frame.depth_camera.width, frame.depth_camera.height, torch.float64)[::2, ::2]
    depth = frame.depth_m[::2, ::2]
    valid = depth > 0
    points = backproject(frame.depth_camera, grid[valid], depth[valid].double())
    p_other = transform(inverse(b) @ a, points)
    uv, seen = project(other.depth_camera, p_other)
    column, row = uv[seen].floor().long().unbind(-1)
    measured = other.depth_m[row, column].double()
    known = measured > 0
    return p_other[seen][known, 2], measured[known], int(valid.sum())


def _agreement(recording: Recording, step: int) -> DepthAgreement | None:
    """Median over pairs spread through the recording; None where no pair has depth and poses."""
    medians: list[float] = []
    agreeing = seen = valid = 0
    for i in _spread(len(recording) - step, SAMPLES):
        compared = depth_agreement(recording[i], recording[i + step])
        if compared is None:
            continue
        expected, measured, points = compared
        valid += points
        if measured.numel() == 0:
            continue
        error = (expected - measured).abs()
        medians.append(float(error.median()))
        agreeing += int((error < AGREES_M + AGREES_SHARE * measured).sum())
        seen += measured.numel()
    if not medians:
        return None
    return DepthAgreement(
        step=step,
        pairs=len(medians),
        median_error_m=float(torch.tensor(medians).median()),
        agreeing_share=agreeing / seen,
        seen_share=seen / valid,
    )


def _with_problems(
    report: RecordingReport, poses: list[tuple[float, Tensor]], median_depth_m: float | None
) -> RecordingReport:
    problems: list[str] = []
    camera = report.camera
    if not FOV_DEG[0] <= report.fov_deg[0] <= FOV_DEG[1]:
        problems.append(f"field of view {report.fov_deg[0]:.0f} degrees: expected {FOV_DEG[0]:.0f} to {FOV_DEG[1]:.0f}")
    if abs(camera.fx / camera.fy - 1) > 0.05:
        problems.append(f"fx {camera.fx:.1f} and fy {camera.fy:.1f} differ by more than 5%")
    if max(abs(camera.cx / camera.width - 0.5), abs(camera.cy / camera.height - 0.5)) > 0.1:
        problems.append(f"centre ({camera.cx:.1f}, {camera.cy:.1f}) is far from the middle of the image")
    if median_depth_m is not None and not MEDIAN_DEPTH_M[0] <= median_depth_m <= MEDIAN_DEPTH_M[1]:
        problems.append(f"median depth {median_depth_m:.3g} m: the depth unit looks wrong")
    if report.poses < report.frames:
        problems.append(f"{report.frames - report.poses} frames have no pose")
    jumps = [(b[1][:3, 3] - a[1][:3, 3]).norm() / (b[0] - a[0]) for a, b in pairwise(poses) if b[0] > a[0]]
    fast = sum(float(speed) > MAX_SPEED_M_S for speed in jumps)
    if fast:
        problems.append(f"{fast} steps faster than {MAX_SPEED_M_S:g} m/s: tracking jumped, or times are wrong")
    if report.gravity.confidence < 0.3:
        problems.append("the vertical is not known: directions up and down may be wrong")
    for a in report.agreement:
        if a.agreeing_share < 0.5:
            problems.append(
                f"only {a.agreeing_share:.0%} of depths agree {a.step} frames on: calibration or poses are off"
            )
    return replace(report, problems=tuple(problems))


def _spread(count: int, samples: int) -> list[int]:
    """At most ``samples`` of ``range(count)``, evenly."""
    return sorted({round(i) for i in torch.linspace(0, count - 1, min(samples, count)).tolist()}) if count > 0 else []


def _fov_deg(camera: Camera) -> tuple[float, float]:
    """Full angles through the middle of the edges."""
    x = math.atan(camera.cx / camera.fx) + math.atan((camera.width - camera.cx) / camera.fx)
    y = math.atan(camera.cy / camera.fy) + math.atan((camera.height - camera.cy) / camera.fy)
    return math.degrees(x), math.degrees(y)


def _poses(recording: Recording) -> list[tuple[float, Tensor]]:
    """(time, world_from_camera) of all frames that have one, without reading images where the index knows them."""
    if isinstance(recording, IndexedRecording):
        pairs = [(s.time_s, s.world_from_camera) for s in recording.sources]
    else:
        pairs = [(frame.time_s, frame.world_from_camera) for frame in recording]
    return [(time_s, pose) for time_s, pose in pairs if pose is not None]


def _rotation_error(poses: list[tuple[float, Tensor]]) -> float:
    if not poses:
        return 0.0
    rotations = torch.stack([pose[:3, :3] for _, pose in poses])
    return float((rotations.mT @ rotations - torch.eye(3, dtype=torch.float64)).abs().max())
