"""Does what a tool returned in this turn support what the sentence says?

Three things are checked, whatever the system claims. Each citation must stand, letter by letter, in a result of a tool
call of this turn. Each number, colour, side, room and name in the sentence must occur in a cited line (a name, a room
or a colour may also be the question's: an answer may repeat what it was asked about). And each other word must occur
there too, or be one of the plain words that sentences are built with: a garbled word is supported by nothing.

An abstention is supported by a tool result that gives its reason; its sentence may say what the tools' results say.
Small talk and refusals of what no tool can do need no evidence and get none: they are unscored.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from evals.items import Item
from evals.scorers import spoken
from evals.scorers.score import UNSCORED, Score
from scenes.records import Citation, GroundedAnswer


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


PLAIN = _set(
    """
    a an the this that these those it its it's they them their there there's here i i'm i've me my mine you
    you're your yours we our and or but so if of off in on at to from for with by as into onto then when where
    what which who how whose is are was were be been being am do does did has have had can could will would may
    might must should yes yeah ok okay sure sorry please thanks welcome hello hi ones other others another each
    every both either all any some many much more also just too very about around approximately roughly nearly
    almost exactly away far now ago last again still already yet seen see saw look looking looks like found find
    know known remember saved note noted called call name named stands standing sits sitting lies lying located
    placed hangs hanging rests appears seems kept thing things object objects item items place room way go walk
    measures measure measuring total number color colour colored coloured distance second seconds minute minutes
    hour hours meter meters metre metres centimeter centimeters centimetre centimetres cm m s min h shows
    picture because currently let maybe probably support answer sure
    """
)
"""Words that any sentence may use: none of them says where, how large, which colour, how many, changed or not."""
SIDE_WORDS = _set(
    """
    left right ahead straight behind above below beside inside outside underneath beneath overhead opposite
    between
    """
)


NEGATIONS = _set(
    """
    no not none nothing never neither nor without cannot can't isn't aren't wasn't weren't doesn't don't didn't
    hasn't haven't won't unable
    """
)
"""A sentence may say no where a cited line does."""


def cited_line(citation: Citation) -> str:
    """The line that a citation repeats."""
    return citation.evidence


def judge_evidence(item: Item, answer: GroundedAnswer) -> Score:
    """1 where everything that is said is supported; the explanation names what is not."""
    if answer.status == "error":
        return Score(value=0.0, explanation="no answer")
    if answer.status != "answered":
        return _abstention(item, answer)
    returned = [line for call in answer.tool_calls for line in call.result.split("\n")]
    invented = [c.source for c in answer.citations if f"{c.source} {cited_line(c)}" not in returned]
    if invented:
        return Score(value=0.0, explanation=f"cited what no tool returned: {', '.join(invented)}")
    if not answer.citations:
        return Score(value=0.0, explanation="nothing is cited")
    wrong = unsupported(answer.answer, item.text, [cited_line(c) for c in answer.citations])
    return Score(
        value=float(not wrong),
        answer=answer.answer,
        explanation=f"not in a cited line: {', '.join(wrong)}" if wrong else "",
        metadata={"unsupported": tuple(wrong)},
    )


def _abstention(item: Item, answer: GroundedAnswer) -> Score:
    """Whether a tool gave this reason; unscored where the right answer needs no tool."""
    if not item.trace and item.gold.status != "answered":
        return UNSCORED
    said = (answer.reason or "").replace("_", " ")
    given = {reason for call in answer.tool_calls if (reason := _reason(call.result, call.artifact))}
    if not given:
        return Score(value=0.0, explanation="abstained, and no tool result says why")
    if answer.reason not in given:
        why = f"abstained as {said or 'nothing'}, the tools said {', '.join(sorted(given))}"
        return Score(value=0.0, answer=said, explanation=why)
    wrong = unsupported(answer.answer, item.text, [call.result for call in answer.tool_calls])
    why = f"not in a tool's result: {', '.join(wrong)}" if wrong else ""
    return Score(value=float(not wrong), answer=answer.answer, explanation=why, metadata={"unsupported": tuple(wrong)})


def _reason(result: str, artifact: dict[str, object] | None) -> str:
    """Why a tool gave no plain answer, or ``""``; the text must say it too, so that a claim alone is not enough."""
    reason = (artifact or {}).get("reason")
    if not isinstance(reason, str) or not result.strip():
        return ""
    return reason


def unsupported(text: str, question: str, cited: Sequence[str]) -> list[str]:
    """Words and numbers of a sentence that neither the cited lines nor, for names, the question has; in order."""
    lines = " \n ".join(cited)
    known = _words(lines) | {"your" if w == "my" else w for w in _words(lines)}
    asked = _words(question)
    out = []
    denied = bool(NEGATIONS & known) or "0" in _numbers(lines)
    for word in spoken.tokens(text):
        if word[0].isdigit():
            supported = word in _numbers(lines)
        elif word in NEGATIONS:
            supported = denied
        else:
            plain = spoken.singular(word)
            supported = word in known or plain in known
            if not supported and word not in SIDE_WORDS and not _is_number(word):
                supported = word in PLAIN or ((word in asked or plain in asked) and _may_repeat(plain))
            if not supported and _is_number(word):
                supported = _digits(word) in _numbers(lines) or word == "one"
        if not supported:
            out.append(word)
    return list(dict.fromkeys(out))


@lru_cache(maxsize=8192)
def _words(text: str) -> frozenset[str]:
    said = spoken.tokens(text)
    return frozenset(said) | frozenset(spoken.singular(w) for w in said)


@lru_cache(maxsize=8192)
def _numbers(text: str) -> frozenset[str]:
    words = spoken.tokens(text)
    return frozenset(w for w in words if w[0].isdigit()) | frozenset(_digits(w) for w in words if _is_number(w))


NUMBER_WORDS = {
    w: str(i)
    for i, w in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    )
}


def _is_number(word: str) -> bool:
    return word in NUMBER_WORDS


def _digits(word: str) -> str:
    return NUMBER_WORDS[word]


def _may_repeat(word: str) -> bool:
    """Whether an answer may take a word from the question without evidence: any but a side or a number."""
    return word not in SIDE_WORDS and not _is_number(word)
