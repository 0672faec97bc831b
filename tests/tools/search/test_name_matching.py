"""Names in arguments against names of objects."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.search.name_matching import EXACT, FUZZY, HEAD, fold, name_tier, parse_query, plural, singular


@pytest.mark.parametrize(
    ("text", "words", "color", "relation", "reference", "rank", "possessive"),
    [
        ("the red mugs", ("mug",), "red", "", "", "", False),
        ("my bag", ("bag",), "", "", "", "", True),
        ("mug on the coffee table", ("mug",), "", "on", "the coffee table", "", False),
        ("books on top of shelf", ("book",), "", "on", "shelf", "", False),
        ("nearest chair", ("chair",), "", "", "", "nearest", False),
        ("objects", (), "", "", "", "", False),
        ("grey wooden box", ("wooden", "box"), "gray", "", "", "", False),
        ("orange", ("orange",), "", "", "", "", False),
        ("things in the kitchen", (), "", "in", "the kitchen", "", False),
    ],
)
def test_an_argument_is_split_into_its_parts(
    text: str, words: tuple[str, ...], color: str, relation: str, reference: str, rank: str, possessive: bool
) -> None:
    q = parse_query(text)
    assert (q.words, q.color, q.relation, q.reference, q.rank, q.possessive) == (
        words,
        color,
        relation,
        reference,
        rank,
        possessive,
    )


@pytest.mark.parametrize("noun", ["mug", "box", "glass", "knife", "bookshelf", "battery", "toy", "brush", "blicket"])
def test_a_plural_folds_back_to_its_noun(noun: str) -> None:
    assert singular(plural(noun)) == noun


@pytest.mark.parametrize(
    ("query", "name", "tier"),
    [
        ("mug", "mug", EXACT),
        ("table", "coffee table", HEAD),
        ("coffee table", "table", 0),
        ("tea pot", "teapot", EXACT),
        ("refridgerator", "refrigerator", FUZZY),
        ("keybaord", "keyboard", FUZZY),
        ("mug", "rug", 0),
        ("lamp", "lump", 0),
        ("table", "table lamp", 0),
        ("bag", "my bag", EXACT),
    ],
)
def test_names_fit_by_head_and_by_small_misspelling_only(query: str, name: str, tier: int) -> None:
    assert name_tier(fold(query), name) == tier


@given(st.text(alphabet="abcdefgh ", min_size=1, max_size=20))
def test_a_name_always_fits_itself(name: str) -> None:
    words = parse_query(name).words
    if words and not parse_query(name).relation:
        assert name_tier(words, name) >= HEAD or not fold(name)


@given(st.text(max_size=40))
def test_any_text_can_be_parsed(text: str) -> None:
    parse_query(text)
