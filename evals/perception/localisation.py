"""Localisation of single images: recall, accuracy, time, and the share of poses that are wrong with high confidence.

    sightline eval run localisation --data PATH [--poses both] [--depth] [--every N] [--negatives] [--peer]

PATH holds ``redkitchen`` (7-Scenes frames), ``redkitchen_poses`` (reference poses) and ``hololens`` (another place).
The map is built from the frames up to 248, the queries are those from 250 on; map and judgement use the same pose
source, whose poses are of the colour camera. With ``--peer``, a plain pipeline of other libraries is asked each query
in turn with this one (``evals.perception.localisation_peer``). A query without a pose counts as an infinite error. The
queries were looked at while the localiser was written: the lens and the correction of depth come from map frames
alone, the structure does not.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from evals.perception.localisation_peer import PeerLocaliser
from evals.perception.report import Report, Row
from evals.scorers.pose_metrics import median, pose_errors, poses_by_frame, recall
from scenes.errors import InputError
from scenes.recordings import open_recording
from scenes.recordings.reading.base import Recording
from scenes.types import Frame
from tools.kernels.compiled import wait_until_compiled
from tools.localisation.features import FeatureExtractor, PooledGradients, RootSift
from tools.localisation.keyframe_index import KeyframeIndex
from tools.localisation.learned_features import LearnedFeatures
from tools.localisation.localiser import Localisation, Localiser
from tools.mapping.surface_map import SurfaceMap

LAST_MAPPED = 248
POSE_FILES = {"sfm": "pgt_sfm_seq01_first500.txt", "depth-slam": "pgt_dslam_seq01_first500.txt"}
CORRECT_M, CORRECT_DEG = 0.05, 5.0
WRONG_M, WRONG_DEG = 0.25, 10.0
SURE_CONFIDENCE = 0.5
NEGATIVE_IMAGES = 200
TARGETS = {("sfm", False): 0.85, ("sfm", True): 0.92}
"""Recall that is asked for; the other combinations are reported without a target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalisationQuery:
    """One localised image with its errors."""

    frame_id: int
    metres: float
    """Infinite without a pose."""
    degrees: float
    confidence: float
    """0 without a pose."""
    sigma_m: float
    reason: str
    """``""`` with a pose."""
    ms: float

    @property
    def sure_and_wrong(self) -> bool:
        """Whether a pose is far off although its confidence is high."""
        far = self.metres > WRONG_M or self.degrees > WRONG_DEG
        return self.reason == "" and self.confidence >= SURE_CONFIDENCE and far


def build_map(
    frames: Sequence[Frame], extractor: FeatureExtractor, *, compile: bool | None = None
) -> tuple[SurfaceMap, KeyframeIndex]:
    """Surface and keyframes of posed frames; the surface is fused from depth as the keyframes' parallax corrects it."""
    surface = SurfaceMap(compile=compile)
    index = KeyframeIndex(extractor, map_id=surface.map_id)
    for frame in frames:
        index.offer(frame)
    correction = index.refine_points()
    for frame in frames:
        if frame.depth_m is not None and frame.depth_camera is not None:
            surface.integrate(replace(frame, depth_m=correction.of_image(frame.depth_m, frame.depth_camera)))
    return surface, index


def ask(localiser: Localiser, frame: Frame, truth: Tensor | None, *, with_depth: bool) -> LocalisationQuery:
    """Localise a frame without its pose, and judge against ``truth`` (4, 4) where there is one."""
    blind = replace(frame, world_from_camera=None)
    if not with_depth:
        blind = replace(blind, depth_m=None, depth_camera=None)
    found = localiser.localise(blind)
    if not isinstance(found, Localisation):
        return LocalisationQuery(
            frame_id=frame.id,
            metres=math.inf,
            degrees=math.inf,
            confidence=0.0,
            sigma_m=math.inf,
            reason=found.reason,
            ms=found.ms,
        )
    metres, degrees = _errors(found.world_from_camera, truth)
    return LocalisationQuery(
        frame_id=frame.id,
        metres=metres,
        degrees=degrees,
        confidence=found.confidence,
        sigma_m=found.sigma_m,
        reason="",
        ms=found.ms,
    )


def ask_peer(peer: PeerLocaliser, frame: Frame, truth: Tensor) -> LocalisationQuery:
    """The same of the peer, which says nothing of how sure it is."""
    found, ms = peer.localise(frame)
    metres, degrees = (math.inf, math.inf) if found is None else _errors(found, truth)
    return LocalisationQuery(
        frame_id=frame.id,
        metres=metres,
        degrees=degrees,
        confidence=0.0,
        sigma_m=math.inf,
        reason="no_pose" if found is None else "",
        ms=ms,
    )


def _errors(found: Tensor, truth: Tensor | None) -> tuple[float, float]:
    """Metres and degrees; infinite without a truth."""
    if truth is None:
        return math.inf, math.inf
    metres, degrees = pose_errors({"": found}, {"": truth})
    return float(metres[0]), float(degrees[0])


def rows_of(
    queries: Sequence[LocalisationQuery], what: str, target: float | None, *, peer: bool = False
) -> Iterator[Row]:
    """The figures of one run over queries; of a ``peer``'s, which has no targets and no confidence, fewer."""
    metres = torch.tensor([q.metres for q in queries], dtype=torch.float64)
    degrees = torch.tensor([q.degrees for q in queries], dtype=torch.float64)
    ms = torch.tensor([q.ms for q in queries], dtype=torch.float64)
    n = len(queries)
    found = sum(q.reason == "" for q in queries)
    wrong = sum(q.sure_and_wrong for q in queries) / n
    share = recall(metres, degrees, within_m=CORRECT_M, within_deg=CORRECT_DEG)
    yield Row(what=f"{what}: recall 5 cm 5°", value=share, target=target, count=n, note=f"{found} given a pose")
    at_25 = recall(metres, degrees, within_m=WRONG_M, within_deg=WRONG_DEG)
    yield Row(what=f"{what}: recall 25 cm 10°", value=at_25, count=n)
    yield Row(what=f"{what}: median position", value=_finite(100 * median(metres)), unit="cm", better="lower", count=n)
    yield Row(what=f"{what}: median rotation", value=_finite(median(degrees)), unit="°", better="lower", count=n)
    note = f"median; minimum {float(ms.min()):.0f}"
    limit = None if peer else 80.0
    if not peer:
        sure = sum(q.confidence >= SURE_CONFIDENCE for q in queries)
        yield Row(
            what=f"{what}: wrong and sure", value=wrong, target=0.01, better="lower", count=n, note=f"{sure} sure"
        )
    yield Row(what=f"{what}: a query", value=median(ms), unit="ms", target=limit, better="lower", count=n, note=note)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def run(args: argparse.Namespace) -> Report:
    """Run the suite. Raises InputError where the data is not there."""
    extractor = _extractor(args.features)
    kitchen = open_recording(args.data / "redkitchen")
    rows: list[Row] = []
    items: list[dict[str, Any]] = []
    sources = tuple(POSE_FILES) if args.poses == "both" else (args.poses,)
    for source in sources:
        poses = poses_by_frame(args.data / "redkitchen_poses" / POSE_FILES[source])
        mapped = [f for f in _posed(kitchen, poses) if f.id <= LAST_MAPPED]
        surface, index = build_map(mapped, extractor)
        localiser = Localiser(surface, index)
        queries = [f for f in _posed(kitchen, poses) if f.id > LAST_MAPPED][:: args.every]
        peer = PeerLocaliser(mapped) if args.peer else None
        warm_up(localiser, mapped, with_depth=args.depth)
        for with_depth in (False, True) if args.depth else (False,):
            asked, rival = [], []
            for f in queries:
                asked.append(ask(localiser, f, poses[f.id], with_depth=with_depth))
                if peer is not None and not with_depth:
                    rival.append(ask_peer(peer, f, poses[f.id]))
            what = f"{source}, {'with depth' if with_depth else 'colour only'}"
            rows += rows_of(asked, what, TARGETS.get((source, with_depth)))
            items += [_item(q, source, with_depth) for q in asked]
            if rival:
                rows += rows_of(rival, f"{source}, RootSIFT + VLAD + PoseLib", None, peer=True)
        if args.negatives and source == sources[0]:
            rows.append(_negatives(localiser, args.data / "hololens", args.depth))
    settings = {
        "data": str(args.data.name),
        "last_mapped": LAST_MAPPED,
        "every": args.every,
        "features": extractor.name,
    }
    return Report(suite="localisation", rows=tuple(rows), settings=settings, items=tuple(items))


def _extractor(name: str | None) -> FeatureExtractor:
    """The features of ``--features``. Raises InputError: a folder without a model."""
    if name is None:
        return PooledGradients()
    return RootSift() if name == "rootsift" else LearnedFeatures(Path(name))


def warm_up(localiser: Localiser, frames: Sequence[Frame], *, with_depth: bool) -> None:
    """Ask for some frames, with little effort and with all, and wait until the kernels are compiled, so that what is
    timed is the steady state."""
    for depth in (False, True) if with_depth else (False,):
        for thorough in (False, True):
            for frame in (frames[0], frames[len(frames) // 2], frames[-1]):
                asked = frame if depth else replace(frame, depth_m=None, depth_camera=None)
                localiser.localise(asked, thorough=thorough)
                wait_until_compiled()


def _negatives(localiser: Localiser, folder: Path, with_depth: bool) -> Row:
    """Images of another place that are given a pose at all, and those that are given one surely."""
    elsewhere = open_recording(folder)
    positions = range(min(NEGATIVE_IMAGES, len(elsewhere)))
    asked = [ask(localiser, elsewhere[i], None, with_depth=with_depth) for i in positions]
    accepted = [q for q in asked if q.reason == "" and q.confidence >= SURE_CONFIDENCE]
    given = sum(q.reason == "" for q in asked)
    return Row(
        what="images of another place accepted",
        value=float(len(accepted)),
        target=0.0,
        better="lower",
        count=len(asked),
        note=f"confidence ≥ {SURE_CONFIDENCE:g}; {given} given a pose at all",
    )


def _posed(kitchen: Recording, poses: dict[int, Tensor]) -> Iterator[Frame]:
    """The recording's frames with the poses of one source."""
    for index, frame_id in enumerate(kitchen.frame_ids):
        if frame_id not in poses:
            raise InputError(f"{kitchen.path}: expected a reference pose of frame {frame_id}, got none")
        yield kitchen[index].with_pose(poses[frame_id])


def _item(query: LocalisationQuery, source: str, with_depth: bool) -> dict[str, Any]:
    return {
        "poses": source,
        "depth": with_depth,
        "frame": query.frame_id,
        "error_m": _finite(query.metres),
        "error_deg": _finite(query.degrees),
        "confidence": query.confidence,
        "sigma_m": _finite(query.sigma_m),
        "reason": query.reason or None,
        "ms": query.ms,
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The suite's options."""
    parser.add_argument("--data", type=Path, required=True, metavar="PATH", help="folder with redkitchen, ..._poses")
    parser.add_argument(
        "--poses", choices=(*POSE_FILES, "both"), default="both", help="reference poses (default: both)"
    )
    parser.add_argument("--depth", action="store_true", help="also with the query's own depth")
    parser.add_argument("--peer", action="store_true", help="also RootSIFT + VLAD + PoseLib (needs the extra `peers`)")
    parser.add_argument(
        "--features",
        metavar="DIR|rootsift",
        help="RootSIFT or a SuperPoint-shaped model instead of the default",
    )
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every n-th query")
    parser.add_argument(
        "--negatives", action="store_true", help=f"also {NEGATIVE_IMAGES} images of another place (hololens)"
    )
