"""Fast percentiles against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from tools.geometry.quantiles import percentiles


@pytest.mark.parametrize("count", [1, 2, 3, 19, 20, 101])
def test_percentiles_are_those_of_numpy(count: int) -> None:
    values = np.random.default_rng(count).normal(size=(count, 3)).astype(np.float32)
    percent = (0.0, 1.0, 4.0, 37.5, 96.0, 100.0)
    assert np.allclose(percentiles(values, percent), np.percentile(values.astype(np.float64), percent, axis=0))
