"""The house as its pages describe it: rooms that are small and say what they are, paths in the pages that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("scenes", "tools", "agent", "evals", "finetune")
PAGES = ("README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/data.md", "agent/weights/README.md")
ROOMS = sorted(
    path.parent.relative_to(ROOT).as_posix() for package in PACKAGES for path in (ROOT / package).rglob("__init__.py")
)
PATH_IN_CODE = re.compile(r"`((?:scenes|tools|agent|evals|finetune|tests|docs|examples|\.ci)/[\w./-]*)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_small_and_says_what_it_is(room: str) -> None:
    files = [p for p in (ROOT / room).glob("*.py") if p.name != "__init__.py"]
    assert len(files) <= 20
    assert ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text()))


@pytest.mark.parametrize("package", ["tools", "agent"])
def test_few_files_lie_directly_in_a_package(package: str) -> None:
    assert len(list((ROOT / package).glob("*.py"))) <= 6


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_exists(page: str) -> None:
    text = (ROOT / page).read_text()
    links = [(ROOT / page).parent / link for link in LINK.findall(text)]
    missing = [
        p
        for p in (*links, *(ROOT / name for name in PATH_IN_CODE.findall(text) if "NAME" not in name))
        if not p.exists()
    ]
    assert not missing


def test_the_readme_lists_every_room() -> None:
    text = (ROOT / "README.md").read_text()
    assert [room for room in ROOMS if f"{room.rsplit('/', 1)[-1]}/" not in text] == []
