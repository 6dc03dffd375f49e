"""Host patterns: the language of ``ansible PATTERN --list-hosts`` and ``--limit``."""

from __future__ import annotations

import fnmatch
import pathlib
import re
from collections.abc import Iterable, Sequence

from fleet.config.inventory.host_names import split_port
from fleet.errors import UsageError
from fleet.model.hosts import Host, Inventory
from fleet.suggest import suggest

_PARTS = re.compile(r"(?:[^\s:\[\]]|\[[^\]]*\])+")
_SUBSCRIPT = re.compile(
    r"(?P<expr>.+)\[(?:(?P<index>-?[0-9]{1,9})|(?P<start>[0-9]{1,9})[:-](?P<end>[0-9]{0,9}))\]"
)
_LOCALHOST = ("127.0.0.1", "localhost", "::1")


def select(inventory: Inventory, pattern: str | Sequence[str]) -> tuple[Host, ...]:
    """The hosts of ``pattern`` in its order, each once; ``@file`` stands for the patterns in its lines.

    Raises UsageError when a part matches nothing, or all of it together no host.
    """
    parts = _read_files(_split(pattern))
    if not parts:
        raise UsageError("the host pattern is empty", hint="to mean every host, say 'all'")
    chosen: list[str] = []
    for part in _ordered(parts):
        if part in inventory.hosts:
            chosen.append(part)
            continue
        matched = _match(inventory, part.removeprefix(part[0]) if part[0] in "&!" else part)
        if part[0] in "&!":
            kept = set(chosen) & set(matched) if part[0] == "&" else set(chosen) - set(matched)
            chosen = [name for name in chosen if name in kept]
        else:
            chosen += matched
    if not chosen:
        shown = pattern if isinstance(pattern, str) else ",".join(pattern)
        raise UsageError(f"no host is left by {shown!r}", hint=_known(inventory))
    return tuple(inventory.hosts[name] for name in dict.fromkeys(chosen))


def limit(inventory: Inventory, pattern: str | Sequence[str] | None) -> tuple[Host, ...]:
    """The hosts of ``--limit pattern`` in the inventory's order; None: all of them. Raises as select does."""
    everyone = inventory.groups["all"].members
    chosen = set(everyone) if pattern is None else {host.name for host in select(inventory, pattern)}
    return tuple(inventory.hosts[name] for name in everyone if name in chosen)


def _split(pattern: str | Sequence[str]) -> list[str]:
    if not isinstance(pattern, str):
        return [part for text in pattern for part in _split(text)]
    if "," in pattern:
        parts = pattern.split(",")
    elif split_port(pattern):
        # The colons of an IPv6 address, of a port and of web[1:3] do not separate.
        parts = [pattern]
    else:
        parts = _PARTS.findall(pattern)
    return [part.strip() for part in parts if part.strip()]


def _read_files(parts: Iterable[str]) -> list[str]:
    read: list[str] = []
    for part in parts:
        if not part.startswith("@"):
            read.append(part)
            continue
        try:
            lines = pathlib.Path(part[1:]).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise UsageError(f"cannot read the hosts of {part!r}", why=why) from error
        read += [line.strip() for line in lines if line.strip()]
    return read


def _ordered(parts: list[str]) -> list[str]:
    """What adds, then what intersects, then what excludes; with nothing to add, all hosts are added."""
    excluded = [part for part in parts if part[0] == "!"]
    required = [part for part in parts if part[0] == "&"]
    added = [part for part in parts if part[0] not in "!&"]
    return (added or ["all"]) + required + excluded


def _match(inventory: Inventory, text: str) -> list[str]:
    expression, subscript = text, None
    if not text.startswith("~") and (subscript := _SUBSCRIPT.fullmatch(text)):
        expression = subscript["expr"]
    matched = _enumerate(inventory, expression)
    if not subscript or not matched:
        return matched
    if subscript["index"]:
        start, end = int(subscript["index"]), 0
    else:
        start, end = int(subscript["start"]), int(subscript["end"] or -1)
    if end:
        # Both ends count; -1 is the last one.
        return matched[start:] if end == -1 else matched[start : end + 1]
    try:
        return [matched[start]]
    except IndexError:
        raise UsageError(f"{text!r} is out of range: {expression!r} has {len(matched)} hosts") from None


def _enumerate(inventory: Inventory, expression: str) -> list[str]:
    matcher = _compile(expression)
    groups = [name for name in inventory.groups if matcher.match(name)]
    # May name a host more than once, which counts for a slice, as in Ansible.
    names = [host for group in groups for host in inventory.groups[group].members]
    if not groups or expression.startswith("~") or any(special in expression for special in ".?*["):
        names += [name for name in inventory.hosts if matcher.match(name)]
    if not names and expression in _LOCALHOST:
        raise UsageError(
            f"{expression!r} is not in the inventory",
            hint="Fleet has no implicit localhost: name it in hosts.yml",
        )
    if not names and not groups and expression != "all":
        near = suggest(expression, [*inventory.groups, *inventory.hosts])
        raise UsageError(f"no host or group matches {expression!r}{near}", hint=_known(inventory))
    return names


def _compile(expression: str) -> re.Pattern[str]:
    if not expression:
        raise UsageError("'!' and '&' need a pattern after them")
    try:
        return re.compile(expression[1:] if expression[0] == "~" else fnmatch.translate(expression))
    except re.error as error:
        raise UsageError(f"{expression!r} is not a valid regular expression", why=str(error)) from error


def _known(inventory: Inventory) -> str:
    return f"groups: {', '.join(inventory.groups)}"
