"""Golden files of geometry."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from evals.scorers.official.cases.check import FLOAT32, FLOAT64, Case, Check, FilesMissing
from evals.scorers.official.geometry import (
    depth,
    localisation,
    multi3drefer,
    pose_auc,
    reconstruction,
    relative_pose,
    scanrefer,
    trajectory,
)
from scenes import boxes

Header = Mapping[str, Any]
FILES = "files"
"""Key of the header under which ``evals.golden`` puts the folder of pose files that some cases name."""
_ARCCOS_NOISE_DEG = 2e-6
"""arccos near 1 turns one unit in the last place of its argument into this many degrees."""


def _scanrefer_iou(case: Case, header: Header) -> Any:
    given = case["input"]
    if case["kind"] == "box3d_iou":
        return scanrefer.corners_iou_compatible(given["corners1"], given["corners2"])
    return scanrefer.center_size_iou_compatible(given["box_a"], given["box_b"])


def _scanrefer_acc(case: Case, header: Header) -> Any:
    return scanrefer.evaluate_compatible(case["input"]["ground_truth"], case["input"]["predictions"])


def _multi3drefer(case: Case, header: Header) -> Any:
    given = case["input"]
    if case["kind"] == "one_query":
        return multi3drefer.query_f1_compatible(given["pred"], given["gt"])
    if case["kind"] == "evaluate":
        return multi3drefer.evaluate_compatible(given["ground_truth"], given["predictions"])
    return multi3drefer.evaluate_single_compatible(given["ground_truth"], given["predictions"])


def _obb(case: Case, header: Header) -> Any:
    parts = []
    for name in ("box_a", "box_b"):
        box = case["input"][name]
        parts.append(tuple(torch.tensor(box[k], dtype=torch.float64) for k in ("center", "size", "rotation")))
    (center_a, size_a, rotation_a), (center_b, size_b, rotation_b) = parts
    volume_a, volume_b = float(size_a.prod()), float(size_b.prod())
    if not all(bool(torch.isfinite(x).all()) for part in parts for x in part):
        return dict.fromkeys(("iou", "intersection_volume", "volume_a", "volume_b"), math.nan)
    shared = boxes.obb_intersection_volume(center_a, size_a, rotation_a, center_b, size_b, rotation_b)
    union = volume_a + volume_b - shared
    return {
        # The reference calls a union without volume undefined; the product's own iou gives 0 there.
        "iou": shared / union if union > 0 else math.nan,
        "intersection_volume": shared,
        "volume_a": volume_a,
        "volume_b": volume_b,
    }


def _hloc(case: Case, header: Header) -> Any:
    given = case["input"]
    report = localisation.hloc_compatible(
        given["ground_truth"],
        given["estimates"],
        names=given.get("list"),
        only_localised=given.get("only_localized", False),
    )
    rows = list(zip(localisation.HLOC_THRESHOLDS, report.recall, strict=True))
    printed = [f"Median errors: {report.median_m:.3f}m, {report.median_deg:.3f}deg"]
    printed.append("Percentage of test images localized within:")
    printed += [f"\t{m * 100:.0f}cm, {d:.0f}deg : {share * 100:.2f}%" for (m, d), share in rows]
    return {
        "median_t_m": report.median_m,
        "median_R_deg": report.median_deg,
        "recall": [{"t_m": m, "R_deg": d, "recall": share} for (m, d), share in rows],
        "n": len(report.metres),
        "errors_t": list(report.metres),
        "errors_R": list(report.degrees),
        "printed": printed,
    }


def _visloc(case: Case, header: Header) -> Any:
    given = case["input"]
    if given.get("error_max_images", -1) >= 0 and any(
        len(s["ground_truth"]) > given["error_max_images"] for s in given["scenes"]
    ):
        raise TypeError("the official script cannot draw a random part of the images on this Python")
    errors: dict[str, list[list[float]]] = {}
    for scene in given["scenes"]:
        truth = scene["ground_truth"] if "ground_truth" in scene else _poses(header, scene["pgt"])
        for algorithm, poses in _estimates(header, scene).items():
            errors.setdefault(algorithm, []).append(localisation.visloc_errors_compatible(truth, poses))
    shares = {
        a: [localisation.visloc_recall_compatible(e, given["threshold"]) for e in rows] for a, rows in errors.items()
    }
    recall = {a: [s[0] for s in rows] for a, rows in shares.items()}
    average = {a: float(np.mean(rows)) for a, rows in recall.items()}
    printed = []
    for k, scene in enumerate(given["scenes"]):
        printed += [scene["name"], *(f"{a:<15} {rows[k] * 100:>5.1f}%" for a, rows in recall.items())]
    printed += ["Average", *(f"{a:<15} {share * 100:>5.1f}%" for a, share in average.items())]
    out = {"recall": recall, "average": average, "printed": printed}
    if case["kind"] != "full_by_reference":
        out["curve_last_bin"] = {a: [s[1] for s in rows] for a, rows in shares.items()}
        out["last_errors"] = list(errors.values())[-1][-1]
    return out


def _estimates(header: Header, scene: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(scene["estimates"], Mapping):
        return dict(scene["estimates"])
    return {e["algo"]: _poses(header, e["file"]) for e in scene["estimates"]}


def _poses(header: Header, name: str) -> dict[str, list[float]]:
    """Pose lines of a file that the case names but does not repeat. Raises FilesMissing."""
    folder = header.get(FILES)
    path = Path(folder) / name if folder else None
    if path is None or not path.is_file():
        raise FilesMissing(name)
    lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return {words[0]: [float(w) for w in words[1:8]] for words in lines}


def _dsac(case: Case, header: Header) -> Any:
    frames = case["input"]["frames"]
    report = localisation.dsac_compatible([f["ground_truth"] for f in frames], [f["estimate"] for f in frames])
    names = ("5cm5deg", "2cm2deg", "1cm1deg")
    return {
        "n": len(frames),
        "median_R_deg": report.median_deg,
        "median_t_cm": report.median_cm,
        **{f"pct_{name}": share for name, share in zip(names, report.percent, strict=True)},
        "sorted_R_deg": list(report.sorted_deg),
        "sorted_t_cm": list(report.sorted_cm),
        "printed": [
            *(f"{name}: {share:.1f}%" for name, share in zip(names, report.percent, strict=True)),
            f"Median Error: {report.median_deg:.1f}deg, {report.median_cm:.1f}cm",
        ],
    }


def _trajectories(case: Case, header: Header) -> tuple[trajectory.Trajectory, trajectory.Trajectory]:
    given = case["input"]
    shared = header.get("shared_inputs", {})
    reference, estimate = (
        trajectory.trajectory_of(shared[given[k]] if isinstance(given[k], str) else given[k])
        for k in ("reference", "estimate")
    )
    if given.get("associate", True):
        limit = given.get("max_diff", trajectory.MAX_DIFFERENCE_S)
        return trajectory.associated_compatible(reference, estimate, limit, given.get("offset", 0.0))
    return reference, estimate


def _aligned(case: Case, reference: Any, estimate: Any) -> tuple[Any, Any]:
    given = case["input"]
    turn, scale = given.get("align", False), given.get("correct_scale", False)
    if turn or scale:
        estimate, found = trajectory.aligned(
            estimate, reference, rotate=turn, scale=scale, first=given.get("n_to_align", -1)
        )
        return estimate, found.matrix
    if given.get("align_origin", False):
        return trajectory.aligned_origin(estimate, reference)
    return estimate, None


def _error_report(errors: Any, motion: Any) -> dict[str, Any]:
    out: dict[str, Any] = {"pairs": len(errors), "stats": trajectory.statistics(errors)}
    if len(errors) <= 45:
        out["errors"] = errors.tolist()
    if motion is not None:
        out["alignment_sim3"] = motion.tolist()
    return out


def _evo_ape(case: Case, header: Header) -> Any:
    given = case["input"]
    if case["kind"] == "umeyama":
        found = trajectory.umeyama(given["x"], given["y"], given["with_scale"])
        return {"r": found.rotation.tolist(), "t": found.translation.tolist(), "c": found.scale}
    if case["kind"] == "associate":
        pairs = trajectory.matching_indices_compatible(
            given["stamps_1"], given["stamps_2"], given["max_diff"], given["offset_2"]
        )
        return [list(p) for p in pairs]
    reference, estimate = _trajectories(case, header)
    estimate, motion = _aligned(case, reference, estimate)
    return _error_report(trajectory.absolute_errors(reference, estimate, given["relation"]), motion)


def _evo_rpe(case: Case, header: Header) -> Any:
    given = case["input"]
    reference, estimate = _trajectories(case, header)
    estimate, motion = _aligned(case, reference, estimate)
    if len(reference.poses) != len(estimate.poses):
        raise trajectory.MetricsError("expected as many poses on both sides")
    pairs = relative_pose.pairs_compatible(
        (reference if given.get("pairs_from_reference") else estimate).poses,
        given["delta"],
        given["delta_unit"],
        relative_tolerance=given.get("rel_delta_tol", 0.1),
        every=given.get("all_pairs", False),
    )
    errors = relative_pose.relative_errors(reference, estimate, given["relation"], pairs)
    return _error_report(errors, motion)


def _depth(case: Case, header: Header) -> Any:
    given = case["input"]
    if case["kind"] == "eval_depth":
        return _floats(depth.depth_errors_compatible(given["pred"], given["target"], given["dtype"]))
    if case["kind"] == "masked":
        found = _masked_depth(given)
        return {"skipped": True} if found is None else _floats(found)
    images = [_masked_depth(image) for image in given["images"]]
    known = sum(image is not None for image in images)
    return {"n": known, **_floats(depth.dataset_errors_compatible(images))}


def _masked_depth(given: Mapping[str, Any]) -> dict[str, float] | None:
    return depth.masked_errors_compatible(
        given["pred"],
        given["target"],
        given["valid_mask"],
        nearest_m=given["min_depth"],
        farthest_m=given["max_depth"],
        dtype=given.get("dtype", "float32"),
    )


def _floats(table: Mapping[str, Any]) -> dict[str, float]:
    return {k: float(v) for k, v in table.items()}


def _reconstruction(case: Case, header: Header) -> Any:
    given = case["input"]
    return reconstruction.reconstruction_compatible(
        given["pred"], given["target"], given["threshold"], given.get("down_sample")
    )


def _chamfer(case: Case, header: Header) -> Any:
    return reconstruction.chamfer_compatible(case["input"]["a"], case["input"]["b"])


def _pose_auc(case: Case, header: Header) -> Any:
    given = case["input"]
    dtype = torch.float64 if given["dtype"] == "float64" else torch.float32
    rotation, bend = pose_auc.relative_pose_errors_compatible(given["pred"], given["gt"], dtype)
    names = {f"auc{t:02d}": pose_auc.auc_compatible(rotation, bend, t) for t in pose_auc.THRESHOLDS_DEG}
    return {**names, "relative_rotation_deg": rotation.tolist(), "relative_translation_deg": bend.tolist()}


_OBB_CHECK = "figures of how the reference was checked, not of the metric"

CHECKS = (
    Check(metric="scanrefer_iou", run=_scanrefer_iou, rtol=FLOAT64),
    Check(metric="scanrefer_acc", run=_scanrefer_acc, rtol=FLOAT64),
    Check(metric="multi3drefer_f1", run=_multi3drefer, rtol=FLOAT32),
    Check(metric="obb_iou", run=_obb, rtol=FLOAT64, not_covered={"cross_check": _OBB_CHECK}),
    Check(metric="localization_hloc", run=_hloc, rtol=1e-6, atol=_ARCCOS_NOISE_DEG),
    Check(metric="localization_visloc_pgt", run=_visloc, rtol=1e-6, atol=_ARCCOS_NOISE_DEG),
    Check(metric="localization_dsacstar", run=_dsac, rtol=FLOAT32, atol=_ARCCOS_NOISE_DEG),
    Check(metric="evo_ape", run=_evo_ape, rtol=FLOAT64),
    Check(metric="evo_rpe", run=_evo_rpe, rtol=FLOAT64),
    Check(metric="depth_metrics", run=_depth, rtol=FLOAT32),
    Check(metric="reconstruction", run=_reconstruction, rtol=FLOAT64),
    Check(metric="chamfer", run=_chamfer, rtol=FLOAT64),
    Check(metric="pose_auc", run=_pose_auc, rtol=FLOAT32),
)
