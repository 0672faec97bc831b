"""Reports say what was met, what was missed and what was not measured."""

import json

import pytest

from evals.command import main
from evals.perception.report import Report, Row


def test_a_row_is_met_on_the_right_side_of_its_target():
    assert Row(what="F1", value=0.9, target=0.85).met is True
    assert Row(what="time", value=0.9, target=0.85, better="lower").met is False
    assert Row(what="F1", value=None, target=0.85).met is None


def test_the_table_names_what_was_not_measured():
    report = Report(suite="x", rows=(Row(what="peer", value=None, target=1.0, note="not installed"),))
    assert "not measured" in report.table()
    assert "not installed" in report.table()


def test_the_record_round_trips_as_json():
    report = Report(suite="x", rows=(Row(what="F1", value=0.5, target=0.4),), settings={"seed": 3})
    record = json.loads(report.to_json())
    assert record["rows"][0]["met"] is True
    assert record["settings"] == {"seed": 3}


def test_an_unknown_suite_is_a_usage_error(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stop:
        main(["run", "nonsense"])
    assert stop.value.code == 2
    assert "scene-graph" in capsys.readouterr().err
