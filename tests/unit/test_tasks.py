"""The tasks as invoke shows them: every flag is described, and reads alike in all of them."""

from __future__ import annotations

import copy
import inspect
import sys

import pytest
from invoke.context import Context
from invoke.exceptions import Exit as InvokeExit
from invoke.parser import Argument

from fleet.errors import Drift, Exit, FleetError, UsageError
from fleet.tasks import ns
from fleet.tasks.common import HELP, bare_words, guarded, read_options

TASKS = sorted(ns.tasks)


def arguments(name: str) -> list[Argument]:
    """invoke takes the help texts out of a task as it reads them, so of a copy."""
    task = copy.copy(ns.tasks[name])
    task.help = dict(HELPS[name])
    return task.get_arguments()


HELPS = {name: dict(task.help) for name, task in ns.tasks.items()}


def test_the_tasks() -> None:
    assert {"deploy", "plan", "status", "validate", "inventory", "exec", "rehearse"} <= set(TASKS)


@pytest.mark.parametrize("name", TASKS)
def test_every_flag_is_described_and_none_is_short(name: str) -> None:
    for argument in arguments(name):
        assert argument.help, argument.name
        short = {one for one in argument.names if len(one) == 1}
        assert short <= {"t"}, "a short flag would be guessed by invoke"


@pytest.mark.parametrize("name", TASKS)
def test_a_flag_means_the_same_in_every_task(name: str) -> None:
    for argument in arguments(name):
        if (name, argument.name) == ("rehearse", "version"):
            continue  # not of the project: of the sample that is deployed
        known = HELP.get(argument.name.replace("-", "_"))
        assert known is None or argument.help == known


@pytest.mark.parametrize("name", TASKS)
def test_only_what_is_acted_on_is_positional(name: str) -> None:
    positional = [argument.name for argument in arguments(name) if argument.positional]
    known = {
        "exec": ["command"],
        "ssh": ["host"],
        "put": ["source", "target"],
        "get": ["source", "target"],
        "diff": ["old", "new"],
        "maintenance": ["switch"],
    }
    known |= {"drain": ["host"], "ready": ["host"]}
    assert positional == known.get(name, [])


@pytest.mark.parametrize("name", TASKS)
def test_every_task_says_what_it_does(name: str) -> None:
    assert (ns.tasks[name].__doc__ or "").strip().endswith(".")


def ended(body) -> InvokeExit:  # type: ignore[no-untyped-def]
    with pytest.raises(InvokeExit) as caught:
        guarded(body)()
    return caught.value


@pytest.mark.parametrize("words", [["rollback", "--to", ""], ["deploy", "--limit", "", "--yes"]])
def test_an_empty_flag_is_no_flag_that_was_left_out(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["inv", *words])
    with pytest.raises(UsageError, match=f"{words[1]} is empty"):
        read_options(Context(), "test")


@pytest.mark.parametrize(
    ("words", "bare"),
    [
        ("", 0),
        ("--env test --sizes", 0),
        ("move data --to db-2", 2),
        ("--env test --sizes move data", 2),
        ("--env=test confirm data --yes", 2),
    ],
)
def test_words_that_may_be_left_out(words: str, bare: int) -> None:
    flags = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
             for name, default in (("env", ""), ("to", ""), ("sizes", False), ("yes", False))]  # fmt: skip
    assert bare_words("volumes", flags, ["inv", "volumes", *words.split()]) == bare


def test_an_error_becomes_a_message_and_a_code() -> None:
    def fail() -> None:
        raise Drift("other container", hint="plan again", host="web-1")

    found = ended(fail)
    assert found.code == 75
    assert found.message == "error: web-1: other container\n  → plan again"


def test_an_interrupt_has_its_own_code() -> None:
    def press() -> None:
        raise KeyboardInterrupt

    assert (ended(press).code, ended(press).message) == (130, "interrupted; nothing was begun")


@pytest.mark.parametrize("code", [Exit.FAILED, Exit.CHANGES, Exit.ROLLED_BACK, Exit.UNREACHABLE])
def test_a_code_is_handed_on(code: Exit) -> None:
    found = ended(lambda: code)
    assert found.code == code
    assert not found.message


@pytest.mark.parametrize("answer", [None, Exit.OK])
def test_done_is_no_exit(answer: object) -> None:
    assert guarded(lambda: answer)() is None  # type: ignore[arg-type]


def test_what_is_no_error_of_fleets_is_not_hidden() -> None:
    def bug() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        guarded(bug)()
    assert not issubclass(ZeroDivisionError, FleetError)
