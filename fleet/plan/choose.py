"""Which release is meant: by its version, by its number, or the last good one before this."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.errors import UsageError
from fleet.model.releases import Outcome, Release, current
from fleet.plan.tree import Finding
from fleet.suggest import suggest

SHOWN = 10
"""Releases that an error lists."""

Releases = Sequence[Release]
"""From the oldest to the newest, as a history has them."""


def choose(releases: Releases, to: str) -> Release:
    """The release to go back to. ``to``: its version, which means the newest good one of it, or its number
    (``7`` or ``#7``); empty: the last good release before what the environment is at.

    Raises UsageError, with the newest releases, when there is none.
    """
    if not to:
        return _before(releases)
    found = find(releases, to)
    if found.outcome is not Outcome.GOOD and found.head.version == to:
        raise UsageError(
            f"no release of {to} is good: {told(found)}",
            why=_listed(releases),
            hint=f"--to '#{found.number}' takes it all the same",
        )
    return found


def find(releases: Releases, named: str) -> Release:
    """Of one version the newest good release of all hosts, or of some, or the newest when none is good; else
    the one of that number. ``#7`` is always a number. Raises UsageError."""
    versions = [one for one in releases if one.head.version == named]
    if versions:
        good = [one for one in versions if one.outcome is Outcome.GOOD]
        whole = [one for one in good if not one.head.limited]
        return (whole or good or versions)[-1]
    number = named.removeprefix("#")
    by_number = {str(one.number): one for one in releases}
    if number in by_number:
        return by_number[number]
    if not releases:
        raise _nothing()
    near = suggest(named, dict.fromkeys(one.head.version for one in releases))
    raise UsageError(
        f"there is no release {named!r}{near}",
        why=_listed(releases),
        hint="name a version or a number; inv releases shows them all",
    )


def doubts(releases: Releases, to: str, chosen: Release) -> tuple[Finding, ...]:
    """What the operator should know of a choice before agreeing to it."""
    found = []
    if chosen.head.version == to and any(str(one.number) == to for one in releases if one is not chosen):
        what = f"{to} is also the number of a release; release {chosen.number}, of that version, is meant"
        found.append(Finding(False, what, f"--to '#{to}' means the number"))
    if chosen.outcome is not Outcome.GOOD:
        found.append(Finding(False, f"release {told(chosen)}: it has not worked before"))
    return tuple(found)


def told(release: Release) -> str:
    """``5 v41 good``."""
    return f"{release.number} {release.head.version} {release.outcome.value}"


def _before(releases: Releases) -> Release:
    """One step back. A rollback stands for the release that it returned to: so the next goes on from there
    and does not undo it."""
    here = current(releases)
    if here is None:
        raise _nothing()
    start = here
    while target := _target(releases, start):
        if start.head.limited:
            # A part of the hosts is there already: now the others follow.
            return target
        start = target
    good = [one for one in releases if one.outcome is Outcome.GOOD and one.number < start.number]
    if good:
        return good[-1]
    raise UsageError(
        f"there is no good release before {start.number} ({start.head.version})", why=_listed(releases)
    )


def _target(releases: Releases, rollback: Release) -> Release | None:
    """What it returned to; None when it is no rollback, or the history has lost that release."""
    known = (one for one in releases if one.number == rollback.head.of < rollback.number)
    return next(known, None)


def _listed(releases: Releases) -> str:
    return "\n".join(told(one) for one in reversed(releases[-SHOWN:]))


def _nothing() -> UsageError:
    return UsageError("nothing was released yet", hint="inv deploy makes the first release")
