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
    ("many", "one"),
    [
        *(("knives", "knife"), ("shelves", "shelf"), ("bookshelves", "bookshelf"), ("leaves", "leaf")),
        *(("people", "person"), ("children", "child"), ("mice", "mouse"), ("feet", "foot"), ("teeth", "tooth")),
        *(("cookies", "cookie"), ("batteries", "battery"), ("pies", "pie"), ("ties", "tie"), ("potatoes", "potato")),
        *(("buses", "bus"), ("boxes", "box"), ("dishes", "dish"), ("benches", "bench"), ("glasses", "glass")),
    ],
)
def test_irregular_plurals_fold_to_their_noun(many: str, one: str) -> None:
    assert singular(many) == one


@pytest.mark.parametrize("word", ["abacus", "scissors", "glass", "bus", "tennis", "cactus", "dress", "jeans", "stairs"])
def test_a_singular_word_that_ends_in_s_is_left_alone(word: str) -> None:
    assert singular(word) == word


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


def _edits(word: str) -> set[str]:
    """Every word that one insertion, deletion, substitution or swap of neighbours makes, by trying them all."""
    cuts = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    letters = "abcde"
    return {
        *(a + b[1:] for a, b in cuts if b),
        *(a + c + b for a, b in cuts for c in letters),
        *(a + c + b[1:] for a, b in cuts if b for c in letters),
        *(a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1),
    }


@given(st.text(alphabet="abcde", min_size=5, max_size=7), st.text(alphabet="abcde", min_size=5, max_size=7))
def test_a_misspelling_is_one_edit_in_a_word_of_five_letters_or_more(a: str, b: str) -> None:
    for word in (b, *sorted(_edits(a))[::5]):
        near = len(word) >= 5 and (word == a or word in _edits(a))
        assert name_tier((a,), word) == (EXACT if word == a else FUZZY if near else 0)


@given(st.text(alphabet="abcdefgh ", min_size=1, max_size=20))
def test_a_name_always_fits_itself(name: str) -> None:
    words = parse_query(name).words
    if words and not parse_query(name).relation:
        assert name_tier(words, name) >= HEAD or not fold(name)


@given(st.text(max_size=40))
def test_any_text_can_be_parsed(text: str) -> None:
    parse_query(text)
