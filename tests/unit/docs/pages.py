"""The pages, and what stands in them."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).parents[3]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])

_BLOCK = re.compile(r"^```(\w*) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block: ``kind`` and ``name`` from its first line."""

    kind: str
    name: str
    body: str


def text(page: pathlib.Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(part: str) -> list[Block]:
    return [Block(*match) for match in _BLOCK.findall(part)]


def sections(page: pathlib.Path) -> list[str]:
    return re.split(r"^#{1,3} (?=.*\n)", _hidden_comments(text(page)), flags=re.MULTILINE)


def commands(page: pathlib.Path) -> Iterator[str]:
    """Lines of shell and recorded prompts, and spans that begin as a command does."""
    whole = text(page)
    for block in blocks(whole):
        for line in block.body.splitlines():
            if block.kind == "sh":
                yield line
            elif block.kind == "text" and line.startswith("$ "):
                yield line[2:]
    prose = _BLOCK.sub("", whole)
    yield from (span for span in _SPAN.findall(prose) if span.startswith(("inv ", "fleet ")))


def _hidden_comments(whole: str) -> str:
    """A comment at the beginning of a line of an example is no heading."""
    return _BLOCK.sub(lambda match: match[0].replace("\n# ", "\n #"), whole)
