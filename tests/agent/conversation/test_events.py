"""Scripts are checked before anything happens."""

from __future__ import annotations

import pytest

from agent.conversation.events import Say, ToFrame, parse_event
from scenes.errors import InputError


def test_both_kinds_of_event_are_read() -> None:
    assert parse_event('{"to_frame": 12}', "s:1") == ToFrame(to_frame=12)
    said = parse_event('{"say": " hi ", "gaze": [3, 4.5]}', "s:2")
    assert said == Say(say="hi", gaze=(3.0, 4.5))
    assert parse_event('{"say": "hi"}', "s:3") == Say(say="hi", gaze=None)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"say": ""}',
        '{"say": "  "}',
        '{"say": 3}',
        '{"to_frame": "3"}',
        '{"to_frame": 1.5}',
        '{"to_frame": 1, "say": "x"}',
        '{"say": "x", "gaze": [1]}',
        '{"say": "x", "gaze": [1, NaN]}',
        '{"walk": 3}',
    ],
)
def test_anything_else_is_refused_with_its_place(line: str) -> None:
    with pytest.raises(InputError, match=r"^s:7: expected") as refused:
        parse_event(line, "s:7")
    assert "\n" not in str(refused.value)
