"""What the doctor has found: a line per check and answer, with the hosts that it holds for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fleet.model.examined import Diagnosis, Verdict
from fleet.report.names import fold
from fleet.report.plan_text import Line

MARKS = {Verdict.ERROR: ("✗", "error"), Verdict.WARNING: ("!", "warning"), Verdict.OK: ("✓", "plain")}
ANSWERS = 3
"""Different good answers to one check that are worth a line each; more are only counted."""
NAMED = 60
"""Columns; hosts whose names take more are counted."""


def doctor_lines(env: str, hosts: int, found: Sequence[Diagnosis]) -> Iterator[Line]:
    yield Line("this machine", "title")
    ours = [one for one in found if not one.host]
    width = max(len(one.check) for one in found) + 2
    yield from _checks(ours, width)
    yield Line(f"{env}: {_count(hosts, 'host')}", "title")
    yield from _checks([one for one in found if one.host], width)
    errors = [one for one in found if one.verdict is Verdict.ERROR]
    warnings = [one for one in found if one.verdict is Verdict.WARNING]
    if errors or warnings:
        told = [_count(len(some), word) for some, word in ((errors, "error"), (warnings, "warning")) if some]
        yield Line(", ".join(told), "error" if errors else "warning")
    else:
        yield Line("all is well", "add")


def _checks(found: Sequence[Diagnosis], width: int) -> Iterator[Line]:
    """Checks in the order in which they were made; of each the worst first."""
    for check in dict.fromkeys(one.check for one in found):
        answers = [one for one in found if one.check == check]
        for verdict in MARKS:
            yield from _answers(check, verdict, [one for one in answers if one.verdict is verdict], width)


def _answers(check: str, verdict: Verdict, found: Sequence[Diagnosis], width: int) -> Iterator[Line]:
    groups: dict[tuple[str, str], list[str]] = {}
    for one in found:
        groups.setdefault((one.text, one.remedy), []).append(one.host)
    mark, style = MARKS[verdict]
    beginning = f"  {mark} {check:<{width}}"
    if verdict is Verdict.OK and len(groups) > ANSWERS:
        yield Line(f"{beginning}{_named([one.host for one in found])}", style, hang=len(beginning) - 2)
        return
    for (text, remedy), hosts in groups.items():
        first, *others = text.splitlines()
        where = f"{_named(hosts)}: " if any(hosts) else ""
        yield Line(f"{beginning}{where}{first}", style, hang=len(beginning) - 2)
        margin = " " * len(beginning)
        yield from (Line(f"{margin}{other}") for other in others)
        if remedy:
            yield Line(f"{margin}→ {remedy}")


def _named(hosts: Iterable[str]) -> str:
    """A host may have given several good answers to one check."""
    names = list(dict.fromkeys(hosts))
    folded = fold(names)
    return folded if len(folded) <= NAMED else _count(len(names), "host")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
