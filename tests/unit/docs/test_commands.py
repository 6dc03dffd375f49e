"""Every command that a page shows is one that the parser takes."""

from __future__ import annotations

import pathlib
import re
import shlex
import sys

import pytest
from invoke.exceptions import ParseError
from invoke.parser import Parser

from fleet.errors import Exit
from scripts import docs
from tests.unit.docs.pages import PAGES, ROOT, commands, text

SHOWN = sorted({line for page in PAGES for line in commands(page)})
NAMES = {"inv", "fleet"}


def words(line: str) -> list[str]:
    """The words of a call of ours in a line of shell; none where it is something else."""
    found = shlex.split(line.removesuffix("&"), comments=True)
    while found and ("=" in found[0] or found[0] == "&&"):
        found = found[1:]
    return found[1:] if found and pathlib.Path(found[0]).name in NAMES else []


def parse(arguments: list[str]) -> None:
    """As the program does; its own options come before the task."""
    if arguments[:1] in (["--list"], ["--help"]):
        arguments = arguments[1:]
    if arguments and arguments != ["<task>"]:
        # What follows -- is the task's own business.
        own = arguments[: arguments.index("--")] if "--" in arguments else arguments
        Parser(contexts=docs.collection().to_contexts()).parse_argv(own)


CALLS = [line for line in SHOWN if words(line)]


@pytest.mark.parametrize("line", CALLS)
def test_every_command_in_the_pages_is_understood(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The task for a command looks at the whole line itself.
    monkeypatch.setattr(sys, "argv", ["inv", *words(line)])
    parse(words(line))


def test_the_parser_refuses_what_is_wrong() -> None:
    for wrong in ("inv deploy --chekc", "inv stauts", "fleet plan --env"):
        with pytest.raises(ParseError):
            parse(words(wrong))


def test_the_pages_show_every_task() -> None:
    shown = {words(line)[0] for line in CALLS}
    assert set(docs.collection().tasks) <= shown
    assert len(CALLS) > 15


def test_the_reference_is_made_from_the_tasks() -> None:
    assert docs.page(text(docs.PAGE)) == text(docs.PAGE), "run: python scripts/docs.py"


def test_the_reference_knows_every_exit_code() -> None:
    assert set(docs.EXITS) == set(Exit)
    for code in Exit:
        assert f"| {code.value} |" in text(docs.PAGE)


def test_make_targets_in_the_pages_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = {match for page in PAGES for match in re.findall(r"\bmake ([a-z-]+)[`\s]", text(page))}
    assert {"rehearse", "test"} <= used & targets
    assert set(re.findall(r"^make ([\w-]+)", text(ROOT / "README.md"), re.MULTILINE)) <= targets
