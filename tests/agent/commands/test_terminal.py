"""What is typed: nothing is being asked while the terminal waits, and something is as soon as a line has come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import cast

import pytest

from agent.commands.terminal import typed_events
from agent.conversation.events import Say
from agent.conversation.session import Session


def test_the_pause_is_exactly_the_wait_for_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting_now = False

    @contextmanager
    def waiting() -> Iterator[None]:
        nonlocal waiting_now
        waiting_now = True
        yield
        waiting_now = False

    lines = iter(["where is the mug?", "/gaze 3,4 and that?", "/quit"])

    def typed(prompt: str) -> str:
        assert waiting_now
        return next(lines)

    monkeypatch.setattr("builtins.input", typed)
    session = cast(Session, SimpleNamespace(asked_frame=SimpleNamespace(id=0)))
    events = []
    for event in typed_events(session, waiting):
        assert not waiting_now
        events.append(event)
    assert events == [Say(say="where is the mug?", gaze=None), Say(say="and that?", gaze=(3.0, 4.0))]
