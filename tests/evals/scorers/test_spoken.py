"""What a sentence states, read as a person would hear it."""

from __future__ import annotations

import pytest

from evals.scorers import spoken
from scenes.records import Direction
from tools.geometry.directions import ago_words, direction_words, length_words


@pytest.mark.parametrize("metres", [0.01, 0.08, 0.19, 0.2, 0.45, 0.96, 0.99, 1.0, 2.44, 9.9, 10.2, 34.0])
def test_every_length_that_tools_speak_is_read_within_its_rounding(metres: float):
    (said,) = spoken.lengths(f"The mug is {length_words(metres)} away.")
    assert abs(said.value - metres) <= max(0.5 * said.step, 0.026)


@pytest.mark.parametrize("seconds", [0.0, 1.0, 2.0, 12.4, 88.0, 90.0, 600.0, 7200.0, 200_000.0])
def test_every_time_that_tools_speak_is_read_within_its_rounding(seconds: float):
    (said,) = spoken.durations(f"It was last seen {ago_words(seconds)}.")
    assert abs(said.value - seconds) <= max(0.5 * said.step, 1.5)


@pytest.mark.parametrize("azimuth", range(-179, 181, 7))
@pytest.mark.parametrize("elevation", [-70.0, -40.0, 0.0, 40.0, 70.0])
def test_every_direction_that_tools_speak_is_read_as_a_sector_that_holds_it(azimuth: int, elevation: float):
    direction = Direction(azimuth_deg=azimuth, elevation_deg=elevation, distance_m=1.0, clock=12, in_view=False)
    said = spoken.sides(f"The mug is 1 m away, {direction_words(direction)}, on the table.")
    assert len(said) == 1
    assert said[0].off_by(azimuth, elevation) == 0.0


@pytest.mark.parametrize("azimuth", [-150, -90, -40, 0, 40, 90, 150, 180])
def test_the_opposite_direction_is_never_right(azimuth: int):
    opposite = (azimuth + 360) % 360 - 180
    direction = Direction(azimuth_deg=opposite, elevation_deg=0.0, distance_m=1.0, clock=12, in_view=False)
    (said,) = spoken.sides(direction_words(direction))
    assert said.off_by(azimuth, 0.0) > 10


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I have seen 3 mugs on the table.", (3,)),
        ("There are two mugs, the nearest is 1.2 m away.", (2,)),
        ("I have seen no mugs.", (0,)),
        ("I have seen 1 mug in the bedroom 2.", (1,)),
        ("In the kitchen: a clock, a sink and 20 more.", ()),
        ("It is at 3 o'clock, seen 12 s ago.", ()),
        ("Between 2 and 3.", (2, 3)),
    ],
)
def test_counts_are_numbers_of_things_and_nothing_else(text: str, expected: tuple[int, ...]):
    assert spoken.counts(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes, it fits.", True),
        ("There are 2 mugs on the table.", True),
        ("No, I have seen 0 mugs.", False),
        ("I have seen no mug.", False),
        ("Yes and no.", None),
        ("The purple pillow is 2.9 m away.", None),
        ("", None),
    ],
)
def test_yes_and_no_are_said_or_not_said(text: str, expected: bool | None):
    assert spoken.yes_or_no(text) is expected


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("2.1 m wide, 90 cm deep and 80 cm tall", [2.1, 0.9, 0.8]),
        ("about half a metre", [0.5]),
        ("two metres", [2.0]),
        ("6 feet", [1.8288]),
        ("the mug touches the plate", [0.0]),
        ("5 minutes", []),
        ("3 mugs", []),
    ],
)
def test_lengths_are_read_in_metres(text: str, lengths: list[float]):
    assert [q.value for q in spoken.lengths(text)] == pytest.approx(lengths)


def test_a_name_is_said_in_the_singular_or_the_plural_but_not_inside_another_word():
    assert spoken.mentions("I see two wine glasses.", "wine glass")
    assert not spoken.mentions("The cupboard is white.", "cup")
    assert not spoken.mentions("a wine bottle and a glass", "wine glass")
