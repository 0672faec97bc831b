"""Generated questions as JSONL: tools and gold agree, the file is whole, the majority baseline is honest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from finetune.questions.command import main, summary_table
from finetune.questions.data import QuestionSummary, answer_key, majority_baseline, write_questions
from scenes.errors import InputError
from scenes.records import Question, TypedValue


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, QuestionSummary]:
    out = tmp_path_factory.mktemp("questions") / "train.jsonl"
    return out, write_questions(out, [4], dialogs_per_world=110)


def test_tools_and_gold_agree(written: tuple[Path, QuestionSummary]) -> None:
    assert written[1].disagreements == ()


def test_each_line_is_a_dialog_with_frames_calls_results_tools_and_gold(written: tuple[Path, QuestionSummary]) -> None:
    out, summary = written
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == summary.dialogs
    assert sum(len(line["questions"]) for line in lines) == summary.questions == sum(summary.families.values())
    for line in lines:
        users = [m for m in line["messages"] if m["role"] == "user"]
        gold = [Question.model_validate(q) for q in line["questions"]]
        assert len(users) == len(gold)
        for message, q in zip(users, gold, strict=True):
            image, text = message["content"]
            assert image["source"] == {"world": q.world_seed, "visit": q.visit, "frame": q.frame_id}
            assert text["text"].endswith(q.text)
        assert line["messages"][-1]["tool_calls"][0]["function"]["name"] == "answer"
        assert {t["function"]["name"] for t in line["tools"]} >= {"where_is", "answer"}


def test_questions_stay_the_same_when_every_line_of_every_tool_is_worded_otherwise(
    written: tuple[Path, QuestionSummary], tmp_path: Path, reword_tools: Callable[[], None]
) -> None:
    out, summary = written
    reword_tools()
    again = write_questions(tmp_path / "reworded.jsonl", [4], dialogs_per_world=110)
    assert (again.disagreements, again.families) == ((), summary.families)
    lines = (out.read_text(encoding="utf-8"), (tmp_path / "reworded.jsonl").read_text(encoding="utf-8"))
    gold, reworded = ([json.loads(line)["questions"] for line in text.splitlines()] for text in lines)
    assert gold == reworded
    assert lines[0] != lines[1]


def test_a_question_cannot_be_guessed_from_its_family(written: tuple[Path, QuestionSummary]) -> None:
    assert written[1].majority < 0.4


def test_the_majority_baseline_is_right_on_a_family_with_one_answer() -> None:
    def question(number: int, family: str, count: int) -> Question:
        return Question(
            id=str(number),
            family=family,
            split="test",
            world_seed=9,
            visit=0,
            frame_id=0,
            time_s=0.0,
            dialog=str(number),
            text="how many",
            status="answered",
            value=TypedValue(kind="count", value=count),
        )

    same = [question(k, "a", 2) for k in range(4)]
    varied = [question(k, "b", k) for k in range(4)]
    assert majority_baseline(same) == 1.0
    assert majority_baseline([*same, *varied]) == pytest.approx((1.0 + 0.0) / 2)
    assert answer_key(same[0]) != answer_key(varied[0])


def test_the_command_shows_the_baseline_of_each_family(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "test.jsonl"
    assert main(["--worlds", "0:10", "--split", "test", "--dialogs", "45", "--out", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["splits"] == {"test": report["questions"]}
    shares = report["majority_by_family"]
    assert report["majority_baseline"] == pytest.approx(sum(shares.values()) / len(shares), abs=1e-3)
    assert min(report["phrasings"].values()) >= 30
    assert len(report["phrasings"]) >= 22
    with pytest.raises(InputError, match="split val"):
        main(["--worlds", "0:3", "--split", "val", "--out", str(tmp_path / "none.jsonl")])
    with pytest.raises(InputError, match="--visits"):
        main(["--worlds", "0:3", "--visits", "0", "--out", str(tmp_path / "none.jsonl")])


def test_the_table_shows_a_family_that_was_left_out_altogether_and_one_that_was_never_asked() -> None:
    summary = QuestionSummary(
        dialogs=3,
        questions=4,
        families={"count": 3, "exist": 1},
        splits={"test": 4},
        disagreements=("w1: ...", "w2: ..."),
        left_out={"changed": 2, "count": 1},
        never_asked=("route",),
        majority=0.5,
        majority_by_family={"count": 0.2, "exist": 0.6},
    )
    lines = [line.split() for line in summary_table(Path("out.jsonl"), summary).splitlines()]
    rows = {line[0]: line[1:] for line in lines if line}
    assert rows["changed"][:2] == ["0", "2"]
    assert rows["count"][:2] == ["3", "1"]
    assert rows["exist"][-3:] == ["yes", "or", "no"]
    assert lines[-1] == ["not", "asked", "at", "all:", "route"]
    assert (summary.mean_of(yes_no=True), summary.mean_of(yes_no=False)) == (0.6, 0.2)


def test_what_changed_is_written_and_as_the_tools_say(tmp_path: Path) -> None:
    out = tmp_path / "later.jsonl"
    summary = write_questions(out, [9], dialogs_per_world=90, visits=2)
    assert summary.disagreements == ()
    assert {"changed", "moved", "missing", "appeared", "moved_since"} <= set(summary.families)
    for line in map(json.loads, out.read_text(encoding="utf-8").splitlines()):
        gold = line["questions"][0]
        if gold["family"] not in ("changed", "moved", "missing", "appeared"):
            continue
        said = line["messages"][-1]["tool_calls"][0]["function"]["arguments"]["text"].lower()
        names = [n for n in gold["value"]["value"].split(", ") if n]
        assert ("no objects" in said or "nothing" in said) == (not names), said
        if len(set(names)) <= 3:
            assert all(n.rstrip("s") in said for n in names), (names, said)


def test_an_existing_file_or_no_seed_is_refused(tmp_path: Path) -> None:
    taken = tmp_path / "taken.jsonl"
    taken.write_text("mine")
    with pytest.raises(InputError, match="exists"):
        write_questions(taken, [4])
    assert taken.read_text() == "mine"
    with pytest.raises(InputError, match="seed"):
        write_questions(tmp_path / "none.jsonl", [])
