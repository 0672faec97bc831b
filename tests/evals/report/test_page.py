"""The page: one file, verdict first, nothing from outside, and what is not there is not made up."""

from __future__ import annotations

import re
from html import unescape

from evals.report.analysis import abstention, confidence, tool_confusion
from evals.report.details import detail_lines, details
from evals.report.failures import failures_first
from evals.report.page import page
from evals.report.tables import report_markdown
from tests.evals.test_compare import items, scored


def test_the_verdict_comes_before_the_failures_and_those_before_the_tables():
    html = page([scored(lambda i, n: n % 4 != 0)], {})
    places = [html.index(part) for part in ("Grounded correct:", "What failed", "Scores", "By family", "How this was")]
    assert places == sorted(places)
    assert "75.0 %" in html


def test_the_page_needs_no_other_file_and_runs_nothing():
    html = page([scored(lambda i, n: n % 4 != 0)], {"s0-0": "data:image/jpeg;base64,AAAA"})
    assert not re.search(r"<script|<link|src=\"(?!data:)|href=|url\(|@import", html)
    assert "prefers-color-scheme: dark" in html


def test_words_of_a_question_cannot_become_markup():
    asked = items("<img src=x onerror=alert(1)> & how many")
    html = page([scored(lambda i, n: False, asked)], {})
    assert "<img src=x" not in html
    assert "<img src=x onerror=alert(1)> & how many" in unescape(html)


def test_other_systems_stand_beside_with_a_sentence_each():
    runs = [scored(lambda i, n: n % 10 < 9), scored(lambda i, n: n % 10 < 5), scored(lambda i, n: n % 10 < 9)]
    html = page(runs, {})
    assert html.count(" is better than ") == 1
    assert "No difference on any item." in html
    assert report_markdown(runs).count("All systems:") == 1


def test_failures_come_families_in_turn():
    shown = failures_first(scored(lambda i, n: n % 4 > 1).items)
    assert [s.item.family for s in shown[:4]] == ["count", "exist", "count", "exist"]
    assert all(s.value("grounded_correct") == 0 for s in shown)


def test_what_a_run_does_not_tell_is_left_out():
    run = scored(lambda i, n: True)
    assert confidence(run.items) is None
    assert tool_confusion(run.items).total() == 0
    assert details(run)["latency_ms"] == {}
    assert not any("Confidence" in line or "tool" in line for line in detail_lines(run))
    assert (abstention(run.items).due, abstention(run.items).refused) == (0, 0)
