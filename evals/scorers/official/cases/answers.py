"""Golden files of question answering."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evals.scorers.official.answers import beacon3d, leo, openeqa, scanqa, sqa3d, vsi_bench
from evals.scorers.official.answers.caption_tokens import tokenised
from evals.scorers.official.answers.captions import caption_scores_compatible
from evals.scorers.official.answers.cleaning import clean_answer
from evals.scorers.official.cases.check import FLOAT64, Case, Check

Header = Mapping[str, Any]


def _vsi_mra(case: Case, header: Header) -> Any:
    given = case["input"]
    if case["kind"] == "mra":
        rest = {k: float(given[k]) for k in ("start", "end", "interval") if k in given}
        return vsi_bench.mean_relative_accuracy_compatible(given["pred"], given["target"], **rest)
    return vsi_bench.item_score_compatible(given["doc"], given["results"])[1]


def _vsi_mca(case: Case, header: Header) -> Any:
    given = case["input"]
    if case["kind"] == "fuzzy_matching":
        return vsi_bench.first_token(given["pred"])
    return vsi_bench.item_score_compatible(given["doc"], given["results"])[1]


def _vsi_aggregate(case: Case, header: Header) -> Any:
    given = case["input"]
    rows = given.get("rows")
    if rows is None:
        rows = []
        for item in given["items"]:
            name, value = vsi_bench.item_score_compatible(item, [item["prediction"]])
            rows.append({"question_type": item["question_type"], name: value})
    scores = vsi_bench.aggregate_compatible(rows)
    table = {
        "tabulated_keys": ", ".join(scores),
        "tabulated_results": ", ".join(f"{v:.3f}" for v in scores.values()),
    }
    return {**scores, **table}


def _sqa3d(case: Case, header: Header) -> Any:
    given = case["input"]
    if case["kind"] == "clean_answer":
        return clean_answer(given["answer"])
    if case["kind"] == "match":
        return int(sqa3d.match_compatible(given["prediction"], given["answer"]))
    return sqa3d.accuracy_compatible(given["items"], given["predictions"])


def _leo(case: Case, header: Header) -> Any:
    given = case["input"]
    match case["kind"]:
        case "answer_match_raw":
            return list(leo.answer_match_compatible(given["prediction"], given["answers"]))
        case "answer_match":
            truths = [clean_answer(a) for a in given["answers"]]
            return list(leo.answer_match_compatible(clean_answer(given["prediction"]), truths))
        case "scanqa_batch":
            return leo.batch_compatible(given["output_txt"], given["output_gt"])
        case _:
            return leo.situated_batch_compatible(given["output_txt"], given["output_gt"], given["sqa_type"])


def _scanqa_em(case: Case, header: Header) -> Any:
    given = case["input"]
    if case["kind"] == "f_value":
        return scanqa.unigram_f_compatible(given["ref"], given["pred"])
    return scanqa.scores_compatible(given["gold_data"], given["preds"])


def _captions(case: Case, header: Header) -> Any:
    given = case["input"]
    questions = {q["question_id"]: q["answers"] for q in given["gold_data"]}
    assert set(questions) == set(given["preds"]), "expected the same question ids"
    order = list(questions)
    references = {key: [tokenised(a) for a in questions[key]] for key in order}
    predictions = {key: [tokenised(given["preds"][key]["answer_top10"][0])] for key in order}
    scores = caption_scores_compatible([predictions[k][0] for k in order], [references[k] for k in order])
    return {
        "total": scores.total,
        "per_item": scores.per_item,
        "item_order": order,
        "tokenized_references": references,
        "tokenized_predictions": predictions,
    }


def _openeqa_mark(case: Case, header: Header) -> Any:
    given = case["input"]
    if case["kind"] == "parse_score":
        return openeqa.parse_mark_compatible(given["output"])
    asked: list[str] = []

    def ask() -> str:
        asked.append(given["judge"])
        return asked[-1]

    return {"score": openeqa.match_score_compatible(given["prediction"], ask), "judge_called": bool(asked)}


def _openeqa_aggregate(case: Case, header: Header) -> Any:
    given = case["input"]
    if case["kind"] == "preprocess":
        return openeqa.preprocess_compatible(given["answer"])
    return openeqa.evaluate_compatible(
        given["dataset"],
        given["results"],
        given["marks"].__getitem__,
        force=given.get("force", False),
        dry_run=given.get("dry_run", False),
        existing=given.get("existing"),
    )


def _beacon_qa(case: Case, header: Header) -> Any:
    given = case["input"]
    match case["kind"]:
        case "extract_number":
            return beacon3d.extract_number_compatible(given["text"])
        case "is_binary_question":
            return beacon3d.is_binary_compatible(given["gts"])
        case "chain":
            return _beacon_chain(given)
        case _:
            return _beacon_pipeline(given)


def _beacon_pipeline(given: Mapping[str, Any]) -> dict[str, Any]:
    items = given["items"]
    said = [next(iter(item["inference"].values())) for item in items]
    answers = beacon3d.judge_answers_compatible(items, said, given["judge"].__getitem__)
    scores = beacon3d.qa_scores_compatible(answers)
    kinds = [k for k in beacon3d.QA_KINDS if k in scores]
    return {
        "per_item": [
            {"question": a.question, "em": a.em, "em_r": a.em_r, "score": a.score, "pred": a.prediction}
            for a in answers
        ],
        **{k: scores[k] for k in ("EM", "EM_R", "GPT_score", "case", "object")},
        "printed": ["Scores:", *(f"{k}: {scores[k]:.2f}" for k in ("case", "object", *kinds))],
    }


def _beacon_chain(given: Mapping[str, Any]) -> list[str]:
    chains = [beacon3d.Chain(object_id="", correct=tuple(c["correct"])) for c in given["grounding"]]
    found = beacon3d.coherence_compatible(chains, [(a["extra_knowledge"], a["score"]) for a in given["qa"]])
    return [
        "Chain analysis:",
        f"[w/o extra] four types: {_percents(found['without_extra'])}",
        f"[overall] four types: {_percents(found['overall'])}",
        f"R1 (higher better): {found['r1']:.2f}",
        f"R2 (lower better): {found['r2']:.2f}",
    ]


def _beacon_grounding(case: Case, header: Header) -> Any:
    items = case["input"]["items"]
    chains = beacon3d.grounding_chains_compatible(items)
    scores = beacon3d.grounding_scores_compatible(items, chains)
    printed = ["Scores:", "case:"]
    printed += [f"[{k}]: {scores[k]:.2f}" for k in ("overall", *beacon3d.GROUNDING_KINDS)]
    printed += [f"chain: {scores['chain']:.2f}", f"object: {scores['object']:.2f}", "Chain analysis:"]
    printed.append(f"four types: {_percents(beacon3d.chain_types_compatible(chains))}")
    return {"chains": [{"obj_id": c.object_id, "correct": list(c.correct)} for c in chains], "printed": printed}


def _percents(values: list[float]) -> str:
    return ", ".join(f"{v:.2f}" for v in values)


_METEOR = "METEOR 1.5 is a Java program with its own synonym and paraphrase tables; it is not ported"

CHECKS = (
    Check(metric="vsibench_mra", run=_vsi_mra),
    Check(metric="vsibench_mca", run=_vsi_mca),
    Check(metric="vsibench_aggregate", run=_vsi_aggregate, rtol=FLOAT64),
    Check(metric="sqa3d_em", run=_sqa3d),
    Check(metric="leo_em_refined", run=_leo),
    Check(metric="scanqa_em", run=_scanqa_em, rtol=FLOAT64),
    Check(metric="scanqa_captions", run=_captions, rtol=FLOAT64, not_covered={"METEOR": _METEOR}),
    Check(metric="openeqa_parse_score", run=_openeqa_mark),
    Check(metric="openeqa_aggregate", run=_openeqa_aggregate, rtol=FLOAT64),
    Check(metric="beacon3d_qa", run=_beacon_qa, rtol=FLOAT64),
    Check(metric="beacon3d_grounding", run=_beacon_grounding, rtol=FLOAT64),
)
