"""The hand-written wordings are what their datasheet says, and a bad line is refused with its number."""

import json
import random
import re
from collections import Counter
from pathlib import Path

import pytest

import finetune
from evals.suites.human_phrasings import (
    FAMILY_SLOTS,
    STYLES,
    HumanPhrasing,
    PhrasingError,
    fill,
    fill_turns,
    load_human_phrasings,
    normalised,
)
from scenes.questions.about_one_object import FOLLOW_UP_ROWS
from scenes.questions.generate import FAMILIES
from scenes.questions.patterns import FOLLOW_UPS, PATTERNS
from scenes.questions.phrasing import SPLITS, expansions, patterns_of, phrase

# ``note`` and ``teach`` write dialogs whose later turns have names of their own.
WRITTEN = ({name for name, _ in FAMILIES} - {"note"}) | {
    *("annotate", "recall", "taught_where", "forget", "choose"),
    *FOLLOW_UP_ROWS,
}
GOOD = {"id": "h1", "family": "where_is", "text": "where'd {the} go", "slots": ["the"], "style": ["spoken"]}


@pytest.fixture(scope="module")
def phrasings() -> tuple[HumanPhrasing, ...]:
    return load_human_phrasings()


def _written(tmp_path: Path, *records: object) -> Path:
    path = tmp_path / "phrasings.jsonl"
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in records) + "\n", encoding="utf-8")
    return path


def _bare(text: str) -> str:
    """A wording with one name for all slots that hold a thing with its article, so that only the words are compared."""
    things = r"\{(?:the|name|choice)(2?)\}|\b(?:the|my) \{(?:bare|absent|invented)(2?)\}"
    return re.sub(things, lambda m: f"{{the{m[1] or m[2] or ''}}}", normalised(text))


def test_there_are_at_least_450_valid_wordings(phrasings: tuple[HumanPhrasing, ...]):
    assert len(phrasings) >= 450


def test_every_family_of_the_generator_has_at_least_12_wordings(phrasings: tuple[HumanPhrasing, ...]):
    counts = Counter(p.family for p in phrasings)
    assert {f for f in FAMILY_SLOTS if not f.startswith("new:")} == WRITTEN
    assert {f: counts[f] for f in FAMILY_SLOTS if counts[f] < 12} == {}


def test_what_is_out_of_scope_or_not_there_has_at_least_40_wordings_each(phrasings: tuple[HumanPhrasing, ...]):
    counts = Counter(p.family for p in phrasings)
    assert sum(counts[f] for f in ("greeting", "thanks", "unsupported", "new:small_talk")) >= 40
    assert sum({"absent", "a_absent"} & set(p.slots) != set() for p in phrasings) >= 40
    assert sum({"invented", "a_invented"} & set(p.slots) != set() for p in phrasings) >= 12


def test_every_style_is_used(phrasings: tuple[HumanPhrasing, ...]):
    assert {s for p in phrasings for s in p.style} == set(STYLES)


def test_no_two_wordings_differ_only_in_case_or_punctuation(phrasings: tuple[HumanPhrasing, ...]):
    said = Counter(" / ".join(map(normalised, p.turns)) for p in phrasings)
    assert [text for text, times in said.items() if times > 1] == []


def test_no_wording_is_one_of_2000_draws_from_the_generator(phrasings: tuple[HumanPhrasing, ...]):
    rng, families = random.Random(0), (*PATTERNS, *FOLLOW_UPS)
    held = {split: [f for f in families if _has(f, split)] for split in SPLITS}
    drawn: set[str] = set()
    for _ in range(2000):
        split = rng.choice(SPLITS)
        drawn.add(_bare(phrase(rng, rng.choice(held[split]), split).text))
    assert len(drawn) > 300
    assert [p.id for p in phrasings if _bare(p.text) in drawn] == []


def test_no_wording_is_anything_that_the_generator_can_say(phrasings: tuple[HumanPhrasing, ...]):
    grammar = {_bare(t) for f in (*PATTERNS, *FOLLOW_UPS) for p in patterns_of(f) for t in expansions(p)}
    assert [p.id for p in phrasings if _bare(p.text) in grammar] == []


def test_nothing_that_trains_names_the_held_out_wordings():
    package = Path(finetune.__file__).parent
    sources = list(package.rglob("*.py"))
    assert sources
    assert [s.name for s in sources if "human_phrasings" in s.read_text(encoding="utf-8")] == []


def _has(family: str, split: str) -> bool:
    place = {"train": range(4), "test": (4,), "val": (5,)}[split]
    return any(i % 6 in place for i in range(len(patterns_of(family))))


def test_filled_wordings_hold_every_slot_text_and_no_open_slot(phrasings: tuple[HumanPhrasing, ...]):
    for p in phrasings:
        slots = {slot: f"<{slot}>" for slot in p.slots}
        turns = fill_turns(p, slots)
        assert turns[-1] == fill(p, slots)
        assert not re.search(r"[{}]", " ".join(turns))
        assert all(text in " ".join(turns) for text in slots.values())


def test_slot_texts_are_put_in_as_they_are(tmp_path: Path):
    (p,) = load_human_phrasings(_written(tmp_path, GOOD))
    assert fill(p, {"the": r"the {odd} \1 mug"}) == r"where'd the {odd} \1 mug go"


@pytest.mark.parametrize("slots", [{}, {"bare": "mug"}, {"the": "the mug", "room": "the hall"}])
def test_filling_with_other_slots_is_an_error_that_names_both(tmp_path: Path, slots: dict[str, str]):
    (p,) = load_human_phrasings(_written(tmp_path, GOOD))
    with pytest.raises(PhrasingError, match=r"h1: expected the slots the; received"):
        fill(p, slots)


CORRECTED = {**GOOD, "id": "h2", "family": "new:correction", "expects": {"kind": "direction", "gold": []}}
COUNTED = {**GOOD, "id": "h2", "family": "new:more_than_one", "text": "another {the}?"}


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        ("{", "Invalid JSON"),
        ({k: v for k, v in GOOD.items() if k != "style"}, "style: Field required"),
        ({**GOOD, "answer": "yes"}, "answer: Extra inputs"),
        ({**GOOD, "text": "elsewhere {the}"}, "id 'h1' is already in line 1"),
        ({**GOOD, "id": "h2", "text": "Where'd... {the} go?!"}, "is already in line 1"),
        ({**GOOD, "id": "h2", "family": "whereis"}, "unknown family 'whereis'"),
        ({**GOOD, "id": "h2", "text": "where {thing}", "slots": ["thing"]}, "unknown slot 'thing'"),
        ({**GOOD, "id": "h2", "text": "where is it", "slots": []}, "missing slot for where_is"),
        ({**GOOD, "id": "h2", "text": "{the}, {bare}"}, "slots must list those of the text"),
        ({**GOOD, "id": "h2", "text": "hm, {the}", "style": ["shouted"]}, "unknown style 'shouted'"),
        ({**GOOD, "id": "h2", "text": "hm, {the}", "style": []}, "no style"),
        ({**GOOD, "id": "h2", "text": "hm, {the}", "turns": ["{the}?"]}, "the last of the turns must be the text"),
        ({**GOOD, "id": "h2", "text": "hm, {the}", "expects": {"kind": "no_tool"}}, "expects must be given"),
        ({**COUNTED, "expects": None}, "expects must be given"),
        ({**COUNTED, "expects": {"kind": "bool"}}, "gold must be given"),
        ({**COUNTED, "expects": {"kind": "truth"}}, "expects.kind"),
        ({**COUNTED, "expects": {"kind": "bool", "gold": ["sum", "$thing"]}}, "unknown operator 'sum'"),
        ({**COUNTED, "expects": {"kind": "bool", "gold": []}}, "unknown operator ''"),
        ({**COUNTED, "expects": {"kind": "bool", "gold": ["count"]}}, "count takes 1 arguments, got 0"),
        ({**COUNTED, "expects": {"kind": "bool", "gold": ["count", "$it"]}}, "unknown atom '[$]it'"),
        ({**COUNTED, "expects": {"kind": "bool", "gold": ["count", "$ref"]}}, "[$]ref needs one of the slots ref"),
    ],
)
def test_a_bad_line_is_refused_with_its_number(tmp_path: Path, record: object, complaint: str):
    with pytest.raises(PhrasingError, match=rf"phrasings\.jsonl, line 2: .*{complaint}"):
        load_human_phrasings(_written(tmp_path, GOOD, record))
