"""How a container is replaced, and why: the words an operator reads before saying yes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from fleet.model.difference import difference
from fleet.model.found import Container
from fleet.model.services import Service
from fleet.ops.containers import Changes, Create, Recipe, Replace
from fleet.plan.decide import Found
from fleet.plan.traffic import Lane
from fleet.plan.transitions import before_start, before_stop, removal
from fleet.plan.tree import Gate, Node, Step


@dataclass(frozen=True, slots=True)
class Reason:
    """One line, and the fields that differ."""

    text: str
    changes: Changes = ()


def reason(recipe: Recipe, main: Container, state: Found, why: str) -> Reason:
    """``why`` is the table's word for ``state``; here it gets the particulars."""
    old = main.definition
    match state:
        case Found.DIFFERENT if old is None:
            return Reason("it was made by another version of Fleet")
        case Found.DIFFERENT if old is not None:
            changes: Changes = difference(old.container, recipe.service.container)
            changes = tuple(change for change in changes if change[0] != "image")
            if main.image != recipe.image:
                changes = (_images(main, old, recipe), *changes)
            moves = f"its name was {main.name}" if main.name != recipe.spec.name else ""
            return Reason(summary(changes) or moves or "its configuration or secrets changed", changes)
        case Found.ALTERED:
            return Reason(f"{why}: {'; '.join(main.altered)}")
        case Found.STOPPED:
            return Reason(f"{why}: {main.state}, exit code {main.exit_code}")
        case _:
            return Reason(why)


def replacement(
    gate: Callable[[str, int], Gate],
    lane: Lane,
    recipe: Recipe,
    main: Container,
    why: Reason,
    proven: Collection[str],
) -> list[Node]:
    """The old one goes, the new one comes. ``gate``: makes the gate of a container in a slot. Whether it may
    start is asked while the old one still serves."""
    made = main.definition or recipe.service
    grace, passed = made.container.stop_grace_period, gate(recipe.spec.name, recipe.slot)
    swap = Replace(
        recipe, main.name, main.id, grace, why.text, why.changes, main.anonymous, stopped=made.stopped
    )
    return [
        *before_start(passed.host, recipe.service),
        *lane.drain(recipe.slot),
        *before_stop(passed.host, main, proven),
        Step(passed.host, swap),
        passed,
        *lane.admit(recipe.slot),
    ]


def beside(
    gate: Callable[[str, int], Gate], lane: Lane, recipe: Recipe, main: Container, why: Reason
) -> list[Node]:
    """The new one starts in the other slot, and is kept from requests until it is healthy."""
    new = replace(recipe, slot=3 - recipe.slot)
    passed = gate(new.spec.name, new.slot)
    create = Create(new, True, why.text, why.changes, left=main.anonymous)
    starts = before_start(passed.host, recipe.service)
    return [*starts, *lane.hold(new.slot), Step(passed.host, create), passed]


def taking_over(lane: Lane, recipe: Recipe, main: Container, proven: Collection[str]) -> list[Node]:
    """The new one, which stands beside the old one in the other slot, takes its requests and its place."""
    goes = removal(lane.host, main, "the new one takes its place", proven)
    return [*lane.admit(3 - recipe.slot), *lane.drain(recipe.slot), *goes]


def summary(changes: Changes) -> str:
    """The image first, then how much else: ``image v41 → v42, environment.LEVEL``."""
    if not changes:
        return ""
    name, old, new = changes[0]
    first = f"image {_short(old, new)} → {_short(new, old)}" if name == "image" else name
    rest = [change[0] for change in changes[1:]]
    more = [f"{len(rest) - 2} more"] if len(rest) > 2 else []
    return ", ".join([first, *rest[:2], *more])


def _short(image: str, other: str) -> str:
    """The tag alone where the repository is the same."""
    name, _, tag = image.rpartition(":")
    if tag and name == other.rpartition(":")[0]:
        return tag
    return image.rpartition("/")[2]


def _images(main: Container, old: Service, recipe: Recipe) -> tuple[str, str, str]:
    """As they were written; by digest when the tag is the same and was moved."""
    before = old.container.image.partition("@")[0]
    after = recipe.service.container.image.partition("@")[0]
    if before != after:
        return "image", before, after
    return "image", f"{before} ({_short_digest(main.image)})", f"{after} ({_short_digest(recipe.image)})"


def _short_digest(image: str) -> str:
    return image.rpartition(":")[2][:12]
