"""Bad lines of a predictions file are counted and named; nothing crashes, and nothing becomes a silent zero."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evals.predictions import Appender, open_to_append, read_run, write_start
from evals.score import score_run
from evals.scorers.headline import HEADLINE
from scenes.errors import InputError
from tests.evals.conftest import Known


@pytest.fixture
def file(known: Known, tmp_path: Path) -> Path:
    """A run with the right answer to every item."""
    path = tmp_path / "predictions.jsonl"
    write_start(path, known.header(), known.items)
    with open_to_append(path) as lines:
        for item in known.items:
            Appender(lines).append(known.prediction(item, known.answers[item.id]))
    return path


def changed(path: Path, id: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Rewrite the answer line of one item: with a dict as JSON, else as it is."""
    lines = path.read_text().splitlines()
    for k, line in enumerate(lines):
        record = json.loads(line)
        if record["kind"] == "answer" and record["id"] == id:
            new = change(record)
            lines[k] = new if isinstance(new, str) else json.dumps(new)
    path.write_text("\n".join(lines) + "\n")


def problem_kinds(path: Path) -> list[tuple[str, str]]:
    return [(p.kind, p.id) for p in read_run(path).problems]


def test_a_whole_run_reads_back_without_problems(known: Known, file: Path):
    run = read_run(file)
    assert run.problems == ()
    assert run.items == known.items
    assert {i: p.answer for i, p in run.predictions.items()} == dict(known.answers)
    scored = score_run(run)
    assert scored.whole.outcomes == {"right": len(known.items), "wrong": 0, "abstained": 0, "error": 0, "missing": 0}


def test_a_duplicate_is_named_and_the_first_answer_counts(known: Known, file: Path):
    item = known.items[0]
    other = known.answers[item.id].model_copy(update={"answer": "Something else."})
    with open_to_append(file) as lines:
        Appender(lines).append(known.prediction(item, other))
    assert problem_kinds(file) == [("duplicate_id", item.id)]
    assert read_run(file).predictions[item.id].answer == known.answers[item.id]


def test_an_unknown_id_is_named_and_changes_no_score(known: Known, file: Path):
    before = score_run(read_run(file)).whole
    with open_to_append(file) as lines:
        Appender(lines).append(known.prediction(known.items[0], None).model_copy(update={"id": "g:w1-of-nobody"}))
    assert problem_kinds(file) == [("unknown_id", "g:w1-of-nobody")]
    assert score_run(read_run(file)).whole == before


def test_missing_answers_are_counted_and_stay_in_the_denominator(known: Known, file: Path):
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:-10]) + "\n")
    whole = score_run(read_run(file)).whole
    n = len(known.items)
    assert (whole.n, whole.outcomes["missing"]) == (n, 10)
    assert whole.scores["answer"].n == n
    assert whole.scores["answer"].mean == pytest.approx((n - 10) / n)


def negative_box(record: dict[str, Any]) -> dict[str, Any]:
    record["answer"]["anchors"][0]["box"]["size"][1] = -0.2
    return record


def not_a_number(record: dict[str, Any]) -> dict[str, Any]:
    record["answer"]["anchors"][0]["sigma_m"] = float("nan")
    return record


def other_fields(record: dict[str, Any]) -> dict[str, Any]:
    record["answer"] = {"text": "on the table"}
    return record


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (negative_box, "bad_box"),
        (not_a_number, "not_an_answer"),
        (other_fields, "not_an_answer"),
        (lambda record: {**record, "answer": "on the table"}, "not_an_answer"),
        (lambda record: {**record, "suite": "answers", "version": 99}, "other_suite"),
        (lambda record: {**record, "suite": "multi-turn"}, "other_suite"),
        (lambda record: {**record, "config": "0123456789abcdef"}, "other_config"),
    ],
)
def test_a_line_that_is_no_answer_to_its_item_is_named(
    known: Known, file: Path, change: Callable[[dict[str, Any]], object], kind: str
):
    item = next(i for i in known.items if known.answers[i.id].anchors)
    changed(file, item.id, change)
    assert problem_kinds(file) == [(kind, item.id)]
    scored = score_run(read_run(file))
    ours = next(s for s in scored.items if s.item.id == item.id)
    # A line of another suite or configuration is no answer at all; one that cannot be read is a failed one.
    assert ours.outcome == ("missing" if kind.startswith("other") else "error")
    assert ours.scores[HEADLINE].explanation
    assert sum(scored.whole.outcomes.values()) == len(known.items)


@pytest.mark.parametrize("text", ["{", "on the table", "\x00\x01", '["a", "list"]', "NaN", "42"])
def test_a_line_that_is_not_json_or_no_record_is_named_with_its_number(known: Known, file: Path, text: str):
    item = known.items[3]
    changed(file, item.id, lambda record: text)
    (problem,) = read_run(file).problems
    assert problem.kind in ("not_json", "not_an_answer")
    assert problem.line == 2 + len(known.items) + 3
    assert score_run(read_run(file)).whole.outcomes["missing"] == 1


def test_a_torn_last_line_is_ignored_and_cut_off_before_more_is_written(known: Known, file: Path):
    text = file.read_text()
    file.write_text(text[:-40])
    run = read_run(file)
    assert [p.kind for p in run.problems] == ["torn"]
    assert len(run.predictions) == len(known.items) - 1
    with open_to_append(file) as lines:
        Appender(lines).append(known.prediction(known.items[-1], known.answers[known.items[-1].id]))
    assert read_run(file).problems == ()
    assert file.read_text() == text


def test_a_file_without_a_header_or_with_too_few_items_is_refused(known: Known, file: Path, tmp_path: Path):
    with pytest.raises(InputError, match="expected a predictions file"):
        read_run(tmp_path / "nothing.jsonl")
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(InputError, match="header"):
        read_run(tmp_path / "empty.jsonl")
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    with pytest.raises(InputError, match="expected an item in line"):
        read_run(file)
