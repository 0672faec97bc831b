"""Generated questions in people's own words: the same question and gold answer, said by a hand-written phrasing.

The slots are read back from the question's gold trace, which names the things unmistakably. A wording is chosen by a
generator that is seeded with the question's id, so that the same world is always asked in the same words.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby

from evals.suites.human_gold import relation_word
from evals.suites.human_phrasings import HumanPhrasing, fill_turns, load_human_phrasings
from scenes.questions.asker import plural_noun, with_article
from scenes.questions.lexicon import NOUNS
from scenes.records import Question
from scenes.vocabulary import BASIC_COLORS, RANKS, SPOKEN_RELATIONS

ABSENT_FAMILIES = frozenset({"never_present", "not_yet_seen"})
NAMED_FAMILIES = frozenset({"teach", "taught_where", "forget"})
WORDS_OF = {"it_forget": "forget"}
"""Follow-ups that are said in the words of another family."""


@cache
def by_family() -> Mapping[str, tuple[HumanPhrasing, ...]]:
    """All phrasings, by family."""
    found = sorted(load_human_phrasings(), key=lambda p: p.family)
    return {family: tuple(group) for family, group in groupby(found, key=lambda p: p.family)}


def in_human_words(questions: Iterable[Question], labels: Sequence[str]) -> Iterator[Question]:
    """The questions with other words. A dialog of which a turn has no phrasing, or whose slots cannot be told, is left
    out; ``labels``: names of the things that are known, to tell a plural from a name."""
    for _, dialog in groupby(questions, key=lambda q: q.dialog):
        turns = [reworded(q, labels) for q in dialog]
        whole = [q for q in turns if q is not None]
        if len(whole) == len(turns):
            yield from whole


def reworded(question: Question, labels: Sequence[str]) -> Question | None:
    """One question in other words, or None where there are none for it."""
    family = WORDS_OF.get(question.family, question.family)
    given = slots_of(question, labels)
    fitting = [p for p in by_family().get(family, ()) if given is not None and set(p.slots) <= set(given)]
    if not fitting or given is None:
        return None
    chosen = random.Random(f"words {question.id}").choice(fitting)
    text = fill_turns(chosen, {slot: given[slot] for slot in chosen.slots})[-1]
    return question.model_copy(update={"text": text})


def slots_of(question: Question, labels: Sequence[str]) -> dict[str, str] | None:
    """What the slots of a question's family stand for; None where the trace does not tell."""
    if not question.trace:
        return {}
    arguments = question.trace[0].arguments
    family = question.family
    if family in NAMED_FAMILIES:
        return {"name": str(arguments.get("name") or arguments.get("object") or arguments["target"])}
    said = arguments.get("object") or arguments.get("a") or arguments.get("target") or arguments.get("query")
    if said is None or family.startswith("gaze_") or said == "gaze":
        return {}
    rank, _, rest = str(said).partition(" ")
    if rank in RANKS:
        name = singular_of(rest, labels)
        return None if name is None else {"rank": rank, "bare": name, "many": plural_noun(name)}
    out: dict[str, str] = {}
    if said != "objects":
        name = singular_of(str(said), labels)
        if name is None:
            return None
        out = named(name, family)
    if arguments.get("b"):
        out |= {"the2": f"the {arguments['b']}", "bare2": str(arguments["b"])}
    if arguments.get("relation"):
        spoken = random.Random(f"relation {question.id}").choice(SPOKEN_RELATIONS[relation_word(arguments["relation"])])
        out |= {"rel": spoken, "ref": f"the {arguments['reference']}"}
    if arguments.get("room"):
        out["room"] = f"the {arguments['room']}"
    if arguments.get("text"):
        out["note"] = str(arguments["text"])
    return out


def named(name: str, family: str) -> dict[str, str]:
    """A thing's name in the forms that slots take."""
    if family in ABSENT_FAMILIES:
        return {"absent": name, "a_absent": with_article(name)}
    if family == "choose":
        return {"choice": f"the {name}", "color": name.split(" ", 1)[0]}
    return {"the": f"the {name}", "bare": name, "a": with_article(name), "many": plural_noun(name)}


def singular_of(said: str, labels: Sequence[str]) -> str | None:
    """The name that was said in the singular or the plural, perhaps with a colour before it."""
    color, _, rest = said.partition(" ")
    if color in BASIC_COLORS and rest:
        inner = singular_of(rest, labels)
        return None if inner is None else f"{color} {inner}"
    if said in labels or said in NOUNS:
        return said
    return next((name for name in (*labels, *NOUNS) if plural_noun(name) == said), None)
