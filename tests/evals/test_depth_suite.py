"""Which frames the depth suite measures."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from evals.depth import FIRST, _chosen, _ids
from scenes.errors import InputError
from scenes.recordings import Recording


@dataclass
class Named:
    frame_ids: tuple[int, ...]
    path: Path = Path("some")


EVERY_SECOND = cast(Recording, Named(tuple(range(0, 200, 2))))


def test_ids_choose_frames_and_the_first_ones_have_no_neighbours():
    assert list(_chosen(EVERY_SECOND, _ids("0:98"), 10)) == [20, 30, 40]
    assert list(_chosen(EVERY_SECOND, _ids("100:198"), 25)) == [50, 75]
    assert _chosen(EVERY_SECOND, None, 25).start == FIRST


@pytest.mark.parametrize("text", ["500:600", "0:10"])
def test_ids_without_a_frame_to_measure_are_bad_input(text):
    with pytest.raises(InputError, match="expected --ids"):
        _chosen(EVERY_SECOND, _ids(text), 1)


def test_ids_that_are_no_span_are_bad_usage():
    with pytest.raises(argparse.ArgumentTypeError, match="FIRST:LAST"):
        _ids("12")
