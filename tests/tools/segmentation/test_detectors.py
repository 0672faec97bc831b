"""Each adapter through the real class of its model, at a tiny size with random weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from scenes.errors import InputError
from tests.tools.box_world import BOOK, MUG, ROOM, render
from tests.tools.segmentation import tiny_models as tiny
from tools.scene_graph.builder import SceneGraphBuilder
from tools.segmentation.base import GazeSegment
from tools.segmentation.choose import open_segmenter
from tools.segmentation.detection_segmenter import DetectionSegmenter
from tools.segmentation.detectors import (
    Detection,
    MaskGenerator,
    PanopticDetector,
    SemanticDetector,
    ZeroShotDetector,
    detection_of_mask,
    drop_duplicate_masks,
)

EYE, TARGET = (0.0, 1.6, -0.3), (0.0, 0.6, 1.2)


@pytest.fixture
def rgb() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)


def check(found: list[Detection], rgb: NDArray[np.uint8]) -> None:
    for one in found:
        left, top, right, bottom = one.box_px
        assert 0 <= left <= right <= rgb.shape[1]
        assert 0 <= top <= bottom <= rgb.shape[0]
        assert 0.0 <= one.score <= 1.0
        assert one.mask is None or one.mask.shape == rgb.shape[:2]


@pytest.mark.parametrize("make", [tiny.grounding_dino, tiny.owlv2])
def test_a_zero_shot_detector_says_boxes_of_the_names_it_was_asked_for(
    make: Callable[[], tuple[Any, Any]], rgb: NDArray[np.uint8]
) -> None:
    found = ZeroShotDetector(*make(), tiny.NAMES, threshold=0.0).detect(rgb)
    assert found
    check(found, rgb)
    if make is tiny.owlv2:
        assert {f.label for f in found} <= set(tiny.NAMES)


def test_a_mask_generator_gives_masks_without_doubles(rgb: NDArray[np.uint8]) -> None:
    found = MaskGenerator(*tiny.sam(), threshold=-10.0, grid=2).detect(rgb)
    assert all(f.mask is not None and f.label == "" for f in found)
    assert len(found) <= 4


def test_a_universal_model_gives_masks_that_share_no_pixel(rgb: NDArray[np.uint8]) -> None:
    found = PanopticDetector(*tiny.mask2former(), threshold=0.0).detect(rgb)
    check(found, rgb)
    assert sum(f.mask.astype(int) for f in found if f.mask is not None) is not None
    total = np.zeros(rgb.shape[:2], int)
    for one in found:
        assert one.mask is not None
        total += one.mask
    assert total.max(initial=0) <= 1
    assert {f.label for f in found} <= set(tiny.NAMES)


def test_a_semantic_model_gives_connected_regions_that_cover_the_image(rgb: NDArray[np.uint8]) -> None:
    found = SemanticDetector(*tiny.segformer()).detect(rgb)
    check(found, rgb)
    assert found
    assert {f.label for f in found} <= set(tiny.NAMES)


class Oracle:
    """Finds what the renderer knows: a model that is always right."""

    def __init__(self, *, boxes: bool) -> None:
        self.boxes = boxes
        self.hit = np.zeros((0, 0), int)

    def detect(self, rgb: NDArray[np.uint8]) -> list[Detection]:
        del rgb
        out = []
        for k, solid in enumerate(ROOM):
            if (mask := self.hit == k).sum() >= 20:
                one = detection_of_mask(mask, solid.name, 0.9)
                out.append(Detection(box_px=one.box_px, mask=None if self.boxes else mask, label=one.label, score=0.9))
        return out


@pytest.mark.parametrize("boxes", [False, True])
def test_what_a_model_finds_becomes_a_named_piece_of_surface(boxes: bool) -> None:
    oracle = Oracle(boxes=boxes)
    frame, hit = render(ROOM, EYE, TARGET)
    oracle.hit = np.asarray(hit)
    segments = DetectionSegmenter(oracle).segment(frame)
    label = next(k for k, (name, _) in segments.names.items() if name == MUG.name)
    points = segments.surface.points[segments.labels == label]
    assert np.abs(points.mean(0) - np.array(MUG.center)).max() < 0.1


def test_names_of_a_model_reach_the_graph_as_those_of_a_detector() -> None:
    oracle = Oracle(boxes=False)
    builder = SceneGraphBuilder("room", None, DetectionSegmenter(oracle))
    for k in range(6):
        frame, hit = render(ROOM, (0.1 * k, 1.6, -0.3), TARGET, frame_id=k, time_s=0.3 * k)
        oracle.hit = np.asarray(hit)
        builder.observe(frame)
    labels = {o.label: o.label_source for o in builder.snapshot().objects.values()}
    assert labels[BOOK.name] == "detector"


def test_a_gaze_takes_the_mask_of_the_model() -> None:
    oracle = Oracle(boxes=False)
    frame, hit = render(ROOM, EYE, TARGET)
    oracle.hit = np.asarray(hit)
    rows, columns = np.nonzero(oracle.hit == ROOM.index(BOOK))
    got = DetectionSegmenter(oracle).segment_at(frame, (float(columns.mean()) + 0.5, float(rows.mean()) + 0.5))
    assert isinstance(got, GazeSegment)
    assert got.persistence == 1.0


def test_masks_that_repeat_a_better_one_are_dropped() -> None:
    mask = np.zeros((10, 10), bool)
    mask[2:6, 2:6] = True
    scored = ((mask, 0.5), (mask, 0.9), (np.roll(mask, 4, 1), 0.4))
    kept = drop_duplicate_masks([detection_of_mask(m, "", score) for m, score in scored])
    assert [f.score for f in kept] == [0.9, 0.4]


def test_a_box_without_a_mask_cannot_be_compared_with_masks() -> None:
    box = Detection(box_px=(0.0, 0.0, 2.0, 2.0), mask=None, label="", score=0.5)
    with pytest.raises(ValueError, match="with masks"):
        drop_duplicate_masks([box])


@pytest.mark.parametrize("spec", ["sam", "zero-shot:", "boxes:some/model", "masks:/no/such/folder"])
def test_an_unknown_segmenter_is_an_input_error(spec: str) -> None:
    with pytest.raises(InputError):
        open_segmenter(spec, ("mug",))
