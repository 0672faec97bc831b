"""Which segmenter a person asked for."""

from __future__ import annotations

from collections.abc import Sequence

from scenes.errors import InputError
from tools.segmentation.base import Segmenter
from tools.segmentation.detection_segmenter import DetectionSegmenter
from tools.segmentation.detectors import KINDS, load_detector
from tools.segmentation.embedded_segmenter import WEIGHTS, EmbeddedSegmenter, load_network
from tools.segmentation.geometric import GeometricSegmenter

EMBEDDED, GEOMETRIC = "embedded", "geometric"
CHOICES = f"{EMBEDDED}, {GEOMETRIC}, or KIND:MODEL with a kind out of {', '.join(KINDS)}"


def open_segmenter(spec: str, names: Sequence[str] = ()) -> Segmenter:
    """The segmenter of a spec: ``embedded``, ``geometric``, or ``KIND:MODEL`` with a folder or hub id.

    ``names`` are what a zero-shot detector looks for; without any, the kinds that the embedded network knows.
    Raises InputError for another spec, and for a model that does not load.
    """
    if spec == GEOMETRIC:
        return GeometricSegmenter()
    if spec == EMBEDDED:
        return EmbeddedSegmenter()
    kind, _, source = spec.partition(":")
    if kind not in KINDS or not source:
        raise InputError(f"expected a segmenter ({CHOICES}), got {spec!r}")
    return DetectionSegmenter(load_detector(kind, source, tuple(names) or load_network(WEIGHTS)[1][1:]))
