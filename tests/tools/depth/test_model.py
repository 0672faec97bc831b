from __future__ import annotations

import pytest
import torch

from scenes.errors import InputError
from tools.depth.estimate import DepthEstimate
from tools.depth.model import DepthModel, calibrate_depth


def known_depth(frame):
    assert frame.depth_m is not None
    return DepthEstimate(
        camera=frame.camera,
        depth_m=frame.depth_m,
        valid=frame.depth_m > 0,
        sigma_m=torch.full_like(frame.depth_m, 0.01),
        source="sensor",
    )


def tiny_model():
    """The real class with a random configuration of a few thousand parameters."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    torch.manual_seed(0)
    backbone = Dinov2Config(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=28,
        patch_size=14,
        out_features=["stage1", "stage2", "stage1", "stage2"][:2],  # pyright: ignore[reportCallIssue]  # not in its stubs
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        patch_size=14,
        reassemble_hidden_size=16,
        reassemble_factors=[1, 0.5],
        neck_hidden_sizes=[8, 8],
        fusion_hidden_size=8,
        head_hidden_size=8,
        head_in_index=-1,
    )
    return DepthAnythingForDepthEstimation(config).eval()


def calibrated(raw, known, *, metric):
    """Depth and sigma of a calibration that succeeds."""
    result = calibrate_depth(raw, known, metric=metric)
    assert result is not None
    return result


def test_scale_and_shift_are_found_from_known_depth(room, orbit):
    frame = room.frame(orbit[0])
    raw = 7.0 / frame.depth_m + 3.0
    depth_m, sigma_m = calibrated(raw, known_depth(frame), metric=False)
    torch.testing.assert_close(depth_m, frame.depth_m, rtol=1e-3, atol=1e-3)
    assert sigma_m.max() < 0.01
    depth_m, _ = calibrated(frame.depth_m * 1.7, known_depth(frame), metric=True)
    torch.testing.assert_close(depth_m, frame.depth_m, rtol=1e-3, atol=1e-3)


def test_a_few_wrong_known_depths_do_not_move_the_calibration(room, orbit):
    frame = room.frame(orbit[0])
    known = known_depth(frame)
    known.depth_m[:20] = 0.6
    depth_m, _ = calibrated(7.0 / frame.depth_m + 3.0, known, metric=False)
    assert ((depth_m - frame.depth_m).abs() / frame.depth_m)[20:].median() < 0.01


def test_output_that_contradicts_known_depth_is_refused(room, orbit):
    frame = room.frame(orbit[0])
    assert calibrate_depth(frame.depth_m * 5, known_depth(frame), metric=False) is None
    noise = torch.rand(frame.depth_m.shape, generator=torch.Generator().manual_seed(0))
    far = known_depth(frame)
    far.depth_m.mul_(1 + 20 * noise.flip(0))
    assert calibrate_depth(noise, far, metric=False) is None


def test_a_real_model_class_runs_and_needs_known_depth(room, orbit):
    frame = room.frame(orbit[0])
    model = DepthModel(tiny_model())
    raw = model._predict(frame.rgb)
    assert raw.shape == frame.depth_m.shape
    assert torch.isfinite(raw).all()
    assert model.estimate(frame, None) is None
    estimate = model.estimate(frame, known_depth(frame))
    # Random weights: mostly refused; when the calibration passes, the result is whole.
    assert estimate is None or (estimate.source == "model" and torch.isfinite(estimate.depth_m).all())


def test_a_saved_model_is_loaded_and_a_missing_one_is_one_clear_line(tmp_path, room, orbit):
    tiny_model().save_pretrained(tmp_path / "depth")
    raw = DepthModel.load(str(tmp_path / "depth"))._predict(room.frame(orbit[0]).rgb)
    assert torch.isfinite(raw).all()
    with pytest.raises(InputError, match="expected a depth-estimation model") as error:
        DepthModel.load(str(tmp_path / "nothing"))
    assert "\n" not in str(error.value)
