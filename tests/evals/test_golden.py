"""Ports of official metrics against golden files, and what the checker says of files that are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evals import golden
from evals.command import main
from evals.scorers.official.cases.check import Check, decoded, difference
from evals.scorers.official.geometry import localisation
from scenes.errors import InputError


def golden_file(folder: Path, name: str, cases: list[dict[str, Any]]) -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"header": {"official_repo": "https://example.org/code"}, "cases": cases}))
    return path


def pose_lines(path: Path) -> dict[str, list[float]]:
    lines = (line.split() for line in path.read_text().splitlines())
    return {words[0]: [float(w) for w in words[1:8]] for words in lines}


def clean_case(key: str, answer: str, official: object) -> dict[str, Any]:
    return {"id": key, "kind": "clean_answer", "input": {"answer": answer}, "official_output": official}


@pytest.mark.realdata
@pytest.mark.parametrize("metric", [check.metric for check in golden.CHECKS])
def test_every_case_equals_the_official_output(shared_data: Path, metric: str) -> None:
    check = next(c for c in golden.CHECKS if c.metric == metric)
    parity = golden.check_file(shared_data / "golden_metrics" / f"{metric}.json", check)
    assert [d.text for d in parity.differing] == []
    assert parity.equal + len(parity.not_run) == parity.cases > 0


@pytest.mark.realdata
def test_every_golden_file_has_a_port_and_the_page_is_current(shared_data: Path) -> None:
    found = golden.check_golden(shared_data / "golden_metrics")
    assert [p.metric for p in found if not p.known] == []
    page = Path(golden.__file__).with_name("PARITY.md").read_text(encoding="utf-8")
    assert page == golden.parity_markdown(found)


@pytest.mark.realdata
def test_published_estimates_have_the_official_recall(shared_data: Path) -> None:
    """The complete pose files of one scene that a case of the golden file names, as far as they are here."""
    content = json.loads((shared_data / "golden_metrics" / "localization_visloc_pgt.json").read_text())
    case = next(c for c in content["cases"] if c["id"] == "localization_visloc_pgt-039")
    poses = shared_data / "redkitchen_poses"
    truth = pose_lines(poses / "pgt_dslam_test.txt")
    estimates = sorted((poses / "estimates_dslam").glob("*.txt"))
    assert estimates
    for path in estimates:
        algorithm = path.stem.removeprefix("redkitchen_")
        errors = localisation.visloc_errors_compatible(truth, pose_lines(path))
        share, _ = localisation.visloc_recall_compatible(errors, case["input"]["threshold"])
        assert [share] == case["official_output"]["recall"][algorithm]


def test_a_difference_is_named_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    golden_file(tmp_path, "sqa3d_em", [clean_case("c-1", "1", "one"), clean_case("c-2", "1", "two")])
    assert golden.run(tmp_path) == golden.EXIT_DIFFERENT
    out = capsys.readouterr().out
    assert "1/2" in out
    assert "differs: c-2" in out
    assert "official 'two', port 'one'" in out


def test_the_command_writes_the_page_and_one_json_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    golden_file(tmp_path, "sqa3d_em", [clean_case("c-1", "1", "one")])
    page = tmp_path / "page.md"
    assert main(["golden", str(tmp_path), "--out", str(page), "--json"]) == golden.EXIT_EQUAL
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["metric"], found["equal"], found["cases"]) == ("sqa3d_em", 1, 1)
    assert "| sqa3d_em | 1/1 | exact |" in page.read_text()


def test_an_exception_is_an_output(tmp_path: Path) -> None:
    path = golden_file(
        tmp_path,
        "sqa3d_em",
        [
            {**clean_case("right", "", {"raises": "AttributeError"}), "input": {"answer": None}},
            {**clean_case("wrong class", "", {"raises": "KeyError"}), "input": {"answer": None}},
            clean_case("not raised", "a chair", {"raises": "KeyError"}),
            {**clean_case("raised", "", "chair"), "input": {"answer": None}},
        ],
    )
    check = next(c for c in golden.CHECKS if c.metric == "sqa3d_em")
    assert [d.id for d in golden.check_file(path, check).differing] == ["wrong class", "not raised", "raised"]


def test_a_file_without_port_is_named_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    golden_file(tmp_path, "some_new_metric", [clean_case("c-1", "1", "one")])
    assert golden.run(tmp_path) == golden.EXIT_DIFFERENT
    assert "no port for some_new_metric" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["not json", "[]", '{"cases": [{"id": 1}]}', '{"cases": 3}'])
def test_what_is_not_a_golden_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "sqa3d_em.json").write_text(text)
    with pytest.raises(InputError, match=r"sqa3d_em\.json: expected"):
        golden.check_golden(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found none"):
        golden.check_golden(tmp_path)


def test_equality_knows_nan_types_and_tolerance() -> None:
    exact = Check(metric="m", run=lambda case, header: None)
    typed = Check(metric="m", run=lambda case, header: None, typed=True)
    near = Check(metric="m", run=lambda case, header: None, rtol=1e-9)
    nan = decoded({"$float": "nan"})
    assert difference(exact, nan, float("nan")) == ""
    assert difference(exact, 1, 1.0) == ""
    assert difference(typed, 1, 1.0) != ""
    assert difference(typed, {"a": [True]}, {"a": [1]}) == ".a[0]: official True, port 1"
    assert difference(exact, 1.0, 1.0 + 1e-12) != ""
    assert difference(near, 1.0, 1.0 + 1e-12) == ""
    assert difference(near, nan, 1.0) != ""
    assert difference(exact, [1, 2], [1]) != ""
    assert difference(exact, {"a": 1}, {"a": 1, "b": 2}) != ""
    assert difference(exact, {"a": 1, "b": 2}, {"a": 1}) == ".b is missing"
