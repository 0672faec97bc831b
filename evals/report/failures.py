"""What failed, as cards: question, picture, answer, truth, why, the tool calls and the cited lines."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import zip_longest

from evals.scorers.evidence import cited_line
from evals.scorers.headline import HEADLINE, ItemScores

RESULT_CHARS = 400


def failures_first(items: Sequence[ItemScores]) -> list[ItemScores]:
    """Items that are not right, families in turn, so that the first few show many kinds of failure."""
    by_family: dict[str, list[ItemScores]] = {}
    for s in items:
        value = s.value(HEADLINE)
        if (value if value is not None else s.value("answer")) != 1.0:
            by_family.setdefault(s.item.family, []).append(s)
    turns = zip_longest(*(by_family[name] for name in sorted(by_family)))
    return [s for turn in turns for s in turn if s is not None]


def failure_card(s: ItemScores, picture: str | None) -> str:
    """One item."""
    item, answer = s.item, s.prediction.answer if s.prediction is not None else None
    score = s.scores[HEADLINE] if s.value(HEADLINE) is not None else s.scores["answer"]
    said = answer.answer if answer is not None else "no answer"
    status = s.outcome if answer is None else answer.status + (f", {answer.reason}" if answer.reason else "")
    asked = " / ".join((*item.opening, item.text))
    parts = [
        f'<img src="{picture}" alt="the asked frame with the answer and the truth drawn in it">' if picture else "",
        f'<p class="soft">{escape(item.family)} · {escape(item.wording)} · {escape(item.cluster)} frame {item.frame_id}'
        f"{' · looking at a thing' if item.gaze_px else ''}</p>",
        f"<p><b>{escape(asked)}</b></p>",
        f"<p>{escape(said)} <span class='soft'>[{escape(status)}]</span></p>",
        f'<p class="gold">{escape(gold_words(s))}</p>',
        f'<p class="why">{escape(score.explanation)}</p>',
        f"<details><summary>tool calls and cited lines</summary><pre>{escape(trace_words(s))}</pre></details>",
    ]
    return f'<div class="card">{"".join(parts)}</div>'


def gold_words(s: ItemScores) -> str:
    """The right answer in one line."""
    gold = s.item.gold
    value = "" if gold.value is None else f": {gold.value.value}{' ' + gold.value.unit if gold.value.unit else ''}"
    reason = f" ({gold.reason.replace('_', ' ')})" if gold.reason else ""
    things = f"; things {', '.join(list(gold.boxes)[:6])}" if gold.boxes else ""
    due = f"; by {s.item.trace[0].name} {s.item.trace[0].arguments}" if s.item.trace else ""
    return f"right: {gold.status}{reason}{value}{things}{due}"


def trace_words(s: ItemScores) -> str:
    """The tool calls with what they returned, then what the answer cites."""
    answer = s.prediction.answer if s.prediction is not None else None
    if answer is None:
        return s.scores["answer"].explanation
    lines = []
    for call in answer.tool_calls:
        arguments = ", ".join(f"{k}={v!r}" for k, v in call.arguments.items())
        lines += [f"{call.name}({arguments})", f"  {call.result[:RESULT_CHARS]}".replace("\n", "\n  ")]
    lines += [f"cited {c.source}: {cited_line(c)}" for c in answer.citations]
    return "\n".join(lines) or "no tool was called, nothing is cited"
