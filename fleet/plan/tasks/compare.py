"""What differs between the tasks of one host in two releases."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from fleet.model.desired import HostState
from fleet.model.tasks import Body
from fleet.plan.text_diff import difference

TaskChange = tuple[str, str, str, str, tuple[str, ...]]
"""Subject, what of it, before, after, and a unified difference."""


def task_changes(old: HostState, new: HostState) -> Iterator[TaskChange]:
    """By their names; those of a loop may have one together. Secrets are shown as references."""
    before, after = _by_name(old), _by_name(new)
    for subject in dict.fromkeys([*before, *after]):
        one, two = before.get(subject, ()), after.get(subject, ())
        if len(one) == len(two) == 1 and type(one[0]) is type(two[0]):
            yield from _fields(subject, one[0], two[0])
        elif one != two:
            yield subject, "", _times(one), _times(two), ()


def _by_name(state: HostState) -> dict[str, tuple[Body, ...]]:
    found: dict[str, tuple[Body, ...]] = {}
    for kind, some in (("task", state.tasks), ("handler", state.handlers)):
        for one in some:
            subject = f"{kind} {one.role}: {one.name}"
            found[subject] = (*found.get(subject, ()), one.body)
    return found


def _times(bodies: tuple[Body, ...]) -> str:
    return "" if not bodies else "wanted" if len(bodies) == 1 else f"wanted {len(bodies)} times"


def _fields(subject: str, old: Body, new: Body) -> Iterator[TaskChange]:
    for field in dataclasses.fields(old):
        one, two = getattr(old, field.name), getattr(new, field.name)
        if one == two:
            continue
        if field.name == "content" and one is not None and two is not None:
            yield subject, "content", "", "", tuple(difference("content", str(one), str(two)))
        else:
            yield subject, field.name, _shown(one), _shown(two), ()


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return "" if value is None else str(value).partition("\n")[0]
