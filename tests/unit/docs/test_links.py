"""Links lead somewhere, and names in the tables are names in the code."""

from __future__ import annotations

import pathlib
import re

import pytest

from tests.test_layers import ALLOWED
from tests.unit.docs.pages import PAGES, ROOT, text

LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
SOURCES = {
    path: path.read_text(encoding="utf-8") for path in (ROOT / "fleet").rglob("*.py") if path.is_file()
}


def anchors(page: pathlib.Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page: pathlib.Path) -> None:
    for target in LINK.findall(FENCE.sub("", text(page))):
        assert not target.startswith("http"), f"{target}: the pages stand on their own"
        name, _, anchor = target.partition("#")
        there = (page.parent / name) if name else page
        assert there.is_file(), target
        if anchor:
            assert anchor in anchors(there), target


def test_every_page_is_reached_from_the_readme() -> None:
    linked = {(ROOT / name.partition("#")[0]).resolve() for name in LINK.findall(text(ROOT / "README.md"))}
    assert set(PAGES) - {ROOT / "README.md"} <= linked


def test_the_variables_in_the_page_are_those_that_are_read() -> None:
    page = text(ROOT / "docs" / "variables.md")
    written = set(re.findall(r"`((?:fleet|ansible)_[a-z_]+)`", page))
    read = {
        name
        for path, source in SOURCES.items()
        if path.name in {"settings.py", "restic.py", "hosts.py", "tree.py", "session.py"}
        for name in re.findall(r'"((?:fleet|ansible)_[a-z_]+)"', source)
    }
    assert written == read


def test_the_modules_in_the_architecture_exist() -> None:
    page = text(ROOT / "docs" / "architecture.md")
    for name in re.findall(r"`?\b((?:[a-z_]+/)+[a-z_]+\.py)\b", page):
        assert (ROOT / name).is_file() or (ROOT / "fleet" / name).is_file(), name


def test_the_packages_in_the_architecture_are_those_of_the_layer_test() -> None:
    page = text(ROOT / "docs" / "architecture.md")
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]*)\|$", page, re.MULTILINE)
    table = {name: set(re.findall(r"`(\w+)`", cell)) for name, cell in rows}
    assert {name: table.get(name) for name in ALLOWED} == ALLOWED


@pytest.mark.parametrize(
    "message",
    [
        span
        for line in text(ROOT / "docs" / "errors.md").splitlines()
        if line.startswith("| `")
        for span in re.findall(r"`([^`]+)`", line.split(" | ")[0])
    ],
)
def test_the_messages_in_the_page_are_in_the_code(message: str) -> None:
    # Adjacent strings of one message and the code between them do not matter.
    code = re.sub(r'"\s*\n\s*f?"', "", "\n".join(SOURCES.values()))
    for piece in filter(None, (part.strip(" :") for part in message.split("…"))):
        assert piece in code, piece


def test_measured_pictures_are_pictures() -> None:
    for picture in (ROOT / "docs" / "images").glob("*.svg"):
        source = picture.read_text(encoding="utf-8")
        assert source.startswith("<svg")
        assert "url(" not in source.replace("url(#", "")
