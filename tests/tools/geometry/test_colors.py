"""Colour terms: the oracle is the names of CSS colours, and the published CIELAB values of primaries."""

from __future__ import annotations

import numpy as np
import pytest

from scenes.vocabulary import BASIC_COLORS
from tools.geometry.colors import (
    color_terms,
    dominant_color,
    lab_from_rgb,
    lab_signature,
    signature_similarity,
    term_histogram,
)

CSS = {
    "red": (255, 0, 0),
    "green": (0, 128, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "orange": (255, 165, 0),
    "purple": (128, 0, 128),
    "pink": (255, 192, 203),
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "gray": (128, 128, 128),
}


def test_lab_of_the_primaries_is_the_published_one() -> None:
    # CIELAB (D65) of the sRGB primaries, e.g. Lindbloom's calculator.
    expected = {
        (255, 0, 0): (53.24, 80.09, 67.20),
        (0, 255, 0): (87.73, -86.18, 83.18),
        (0, 0, 255): (32.30, 79.19, -107.86),
    }
    for rgb, lab in expected.items():
        np.testing.assert_allclose(lab_from_rgb(np.array(rgb)), lab, atol=0.1)


@pytest.mark.parametrize("name", CSS)
def test_a_css_colour_named_by_a_basic_term_gets_that_term(name: str) -> None:
    assert BASIC_COLORS[color_terms(lab_from_rgb(np.array([CSS[name]])))[0]] == name


@pytest.mark.parametrize("name", ["red", "green", "blue"])
def test_a_colour_keeps_its_term_in_dimmer_light(name: str) -> None:
    linear = (np.array(CSS[name]) / 255.0) ** 2.2 * 0.5
    assert BASIC_COLORS[color_terms(lab_from_rgb(np.array([255 * linear ** (1 / 2.2)])))[0]] == name


def test_the_dominant_colour_is_that_of_most_samples() -> None:
    samples = np.array([CSS["red"]] * 60 + [CSS["blue"]] * 40)
    histogram = term_histogram(lab_from_rgb(samples))
    assert dominant_color(histogram) == "red"
    assert histogram.sum() == pytest.approx(1.0)


def test_no_samples_have_no_colour() -> None:
    assert dominant_color(term_histogram(np.zeros((0, 3), np.float32))) == ""


def test_signatures_are_distributions_and_tell_colours_apart() -> None:
    rng = np.random.default_rng(0)
    red = lab_from_rgb(np.array(CSS["red"]) * rng.uniform(0.7, 1.0, (200, 1)))
    red_again = lab_from_rgb(np.array(CSS["red"]) * rng.uniform(0.7, 1.0, (150, 1)))
    blue = lab_from_rgb(np.array(CSS["blue"]) * rng.uniform(0.7, 1.0, (200, 1)))
    a, b, c = (lab_signature(x) for x in (red, red_again, blue))
    assert a.sum() == pytest.approx(1.0, abs=1e-5)
    assert signature_similarity(a, a) == pytest.approx(1.0, abs=1e-4)
    assert signature_similarity(a, b) > 0.95
    assert signature_similarity(a, c) < 0.3
