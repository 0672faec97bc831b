"""Fixtures that every test package may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# What tests compile they ask for; compiles in the background would only take the cores from them.
os.environ.setdefault("SIGHTLINE_COMPILE", "0")
if "PYTEST_XDIST_WORKER" in os.environ:
    # The workers share the cores: with a thread a core in each, they wait for each other (520 s instead of 340).
    os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings beside the checkout; skips, with a reason, where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("real recordings are not beside this checkout (../shared/data)")
    return SHARED_DATA
