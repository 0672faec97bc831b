"""PNG files hold exactly what was given, as another program reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scenes.recordings.reading.png import write_png

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "pixels",
    [
        RNG.integers(0, 256, (37, 53, 3)).astype(np.uint8),
        np.zeros((5, 1, 3), np.uint8),
        RNG.integers(0, 256, (20, 31)).astype(np.uint8),
        RNG.integers(0, 65536, (20, 31)).astype(np.uint16),
        (np.arange(48 * 64).reshape(48, 64) * 7).astype(np.uint16),
    ],
    ids=["noisy colour", "one column", "grey", "noisy depth", "smooth depth"],
)
def test_another_program_reads_the_same_pixels(tmp_path: Path, pixels: np.ndarray) -> None:
    write_png(tmp_path / "a.png", pixels)
    with Image.open(tmp_path / "a.png") as image:
        image.verify()
    with Image.open(tmp_path / "a.png") as image:
        assert np.array_equal(np.array(image).astype(np.int64), pixels.astype(np.int64))


@pytest.mark.parametrize("pixels", [np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4)), np.zeros((4, 4, 3), np.uint16)])
def test_other_arrays_are_refused(tmp_path: Path, pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        write_png(tmp_path / "a.png", pixels)
    assert list(tmp_path.iterdir()) == []
