"""The embedded network on the analytic room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scenes.errors import InputError
from tests.tools.box_world import ROOM, render
from tools.geometry.surfaces import surface_image
from tools.segmentation.embedded_segmenter import WEIGHTS, EmbeddedSegmenter

EYE, TARGET = (0.0, 1.6, -0.3), (0.0, 0.6, 1.2)


def test_half_precision_says_what_single_precision_says() -> None:
    surface = surface_image(render(ROOM, EYE, TARGET)[0], 160)
    segmenter = EmbeddedSegmenter()
    said = []
    for segmenter.half_precision in (False, True):
        said.append(segmenter.infer(surface))
    kinds = len(segmenter.vote_kinds)
    same = said[0][:kinds].argmax(0) == said[1][:kinds].argmax(0)
    assert same.mean() > 0.98
    # Offsets to the centre, in metres.
    assert np.median(np.abs(said[0][kinds : kinds + 3] - said[1][kinds : kinds + 3])) < 0.01


def test_every_kind_has_a_share_and_shares_add_up() -> None:
    segmenter = EmbeddedSegmenter()
    out = segmenter.infer(surface_image(render(ROOM, EYE, TARGET)[0], 160))
    assert out[: len(segmenter.vote_kinds)].sum(0) == pytest.approx(np.ones(out.shape[1:]), abs=1e-4)


def test_weights_of_something_else_are_refused(tmp_path: Path) -> None:
    broken = tmp_path / "w.safetensors"
    broken.write_bytes(WEIGHTS.read_bytes()[:1000])
    with pytest.raises(InputError, match="expected weights of the segmentation network"):
        EmbeddedSegmenter(weights=broken)
