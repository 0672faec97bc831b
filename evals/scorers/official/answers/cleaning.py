"""The clean-up of answers that SQA3D, LEO and Beacon3D share.

Source of the rules: SQA3D, ``LLM/eval_sqa3d_llm.py`` (Apache-2.0). The rules are kept as data, in their order,
because later ones see what earlier ones made.
"""

from __future__ import annotations

import re

from evals.scorers.official.answers.number_words import NUMBER_WORDS

_TYPING_SLIPS = {
    "letf": "left",
    "let": "left",
    "tehre": "there",
    "rigth": "right",
    "rght": "right",
    "behine": "behind",
    "tv": "TV",
    "chai": "chair",
    "wasing": "washing",
    "waslked": "walked",
    "oclock": "o'clock",
}
_FIGURES = {
    "0": "zero",
    "none": "zero",
    **{str(number): word for word, number in NUMBER_WORDS.items() if number},
    "23": "twenty-three",
}
_ARTICLES = ("a", "an", "the")


def clean_answer(text: str) -> str:
    """Lower case, single blanks, letters, digits and ``, ' - :`` only, known slips mended, small figures as words.

    Traps: "none" becomes "zero", "let" becomes "left" and "tv" becomes "TV"; "1.5" loses its dot and becomes
    "fifteen"; one digit at the end of a word is dropped ("mat2"); only one article before a word is dropped at a time.
    Raises AttributeError for what is not a string.
    """
    text = text.lower().strip(" ")
    text = re.sub(" {2,}", " ", text)
    text = re.sub(r"\.[ ]{2,}", ". ", text)
    text = re.sub(r"[^a-zA-Z0-9,'\s\-:]+", "", text)
    for word, right in _TYPING_SLIPS.items():
        text = re.sub(rf"\b{word}\b", right, text)
    text = re.sub(r"\bo'[ ]+clock\b", "o'clock", text)
    for figure, word in _FIGURES.items():
        text = re.sub(rf"\b{figure}\b", word, text)
    text = re.sub(r"\b([a-zA-Z]+)([0-9])\b", r"\g<1>", text)
    for article in _ARTICLES:
        text = re.sub(rf"\b{article}\b ([a-zA-Z]+)", r"\g<1>", text)
    return re.sub(r"\bbackwards\b", "backward", text)


def without_blanks(text: str) -> str:
    """The text with all white space taken out."""
    return "".join(text.split())
