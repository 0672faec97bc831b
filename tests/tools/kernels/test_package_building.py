"""Packages that are built while nothing is asked: which, when, and that nobody waits for them."""

from __future__ import annotations

import io
import json
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch

from scenes.errors import InputError
from tools.kernels import compiled, package_building, packages
from tools.kernels.compiled import COMPILED, Kernel
from tools.kernels.package_building import IdleBuilder


class Process:
    """Stands in for the building process; remembers the signals."""

    def __init__(self) -> None:
        self.pid, self.ended = -1, False

    def poll(self) -> int | None:
        return 0 if self.ended else None

    def wait(self) -> int:
        return 0


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path) -> list[object]:
    """Every start and signal, in order; one job is missing."""
    seen: list[object] = []
    process = Process()

    def start(jobs: list[dict[str, object]]) -> Process:
        seen.append(jobs)
        return process

    def kill(pid: int, which: int) -> None:
        seen.append(signal.Signals(which).name)
        process.ended = which == signal.SIGKILL

    monkeypatch.setenv(packages.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(package_building, "missing", lambda: [{"kernel": "refine", "arguments": []}])
    monkeypatch.setattr(package_building, "_started", start)
    monkeypatch.setattr(package_building.os, "killpg", kill)
    monkeypatch.setattr(compiled, "kernels", lambda: COMPILED)
    monkeypatch.setattr(compiled, "compiler_available", lambda: True)
    return seen


def until(condition: Callable[[], bool]) -> bool:
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_a_pause_starts_the_building_and_a_question_stops_it(started: list[object]) -> None:
    builder = IdleBuilder(0.01)
    with builder.waiting():
        assert until(lambda: len(started) == 1)
    assert started[1:] == ["SIGSTOP"]
    with builder.waiting():
        assert until(lambda: len(started) == 3)
    builder.close()
    assert started[1:] == ["SIGSTOP", "SIGCONT", "SIGSTOP", "SIGKILL"]


def test_a_short_pause_starts_nothing(started: list[object]) -> None:
    builder = IdleBuilder(60.0)
    for _ in range(3):
        with builder.waiting():
            pass
    builder.close()
    assert started == []


def test_zero_turns_it_off(started: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(package_building.PAUSE_VARIABLE, "0")
    builder = IdleBuilder()
    assert not builder.enabled
    with builder.waiting():
        time.sleep(0.05)
    assert started == []


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf"])
def test_a_pause_that_is_no_time_is_bad_input(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(package_building.PAUSE_VARIABLE, text)
    with pytest.raises(InputError, match="expected seconds, or 0 for never"):
        IdleBuilder()


def eager(kernel: object) -> Callable[..., Any]:
    """The eager twin of a kernel."""
    assert isinstance(kernel, Kernel)
    return kernel.eager


def test_a_sketch_is_json_and_makes_arguments_of_the_same_key() -> None:
    args = (torch.ones(7, 3, dtype=torch.int32), None, 4, torch.tensor(0.5), torch.ones(2, 2, dtype=torch.float64))
    sketch = json.loads(json.dumps(packages.argument_specs(args)))
    like = packages.zero_arguments(sketch)
    function = eager(COMPILED.refine)
    assert packages.description(function, like, (0,)) == packages.description(function, args, (0,))
    with pytest.raises(ValueError, match="argument"):
        packages.zero_arguments([["no", "tensor", "this"]])


def test_what_was_run_and_has_no_package_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv(packages.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(compiled._WORKER, "submit", lambda *request: None)
    kernel = Kernel(compiled.blocks.gather)
    args = (torch.arange(9), torch.tensor([3, 5]))
    kernel(*args)
    assert kernel.missing_packages() == [packages.argument_specs(args)]
    packages._path(packages.description(kernel.eager, args, ())).write_bytes(b"")
    assert kernel.missing_packages() == []


@pytest.mark.compile
@pytest.mark.slow
def test_the_process_builds_what_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """In this process, so that the lowest priority does not make the test slow."""
    priorities: list[int] = []
    monkeypatch.setenv(packages.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(package_building.os, "nice", priorities.append)
    args = (torch.rand(18, 26), torch.tensor([20.0, 20.0, 12.0, 8.0]))
    job = {"kernel": "backproject_normals", "arguments": packages.argument_specs(args)}
    request = {"threads": torch.get_num_threads(), "jobs": [job]}
    monkeypatch.setattr(package_building.sys, "stdin", io.StringIO(json.dumps(request)))
    assert package_building.main() == 0
    assert priorities == [package_building.LOWEST_PRIORITY]
    loaded = packages.load(eager(COMPILED.backproject_normals), args, ())
    assert loaded is not None
    for got, want in zip(loaded(*args), eager(COMPILED.backproject_normals)(*args), strict=True):
        assert torch.allclose(got.float(), want.float(), atol=1e-5)
