"""What a plan saw on each host, in words that can be compared later: drift is told by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fleet.model.found import Facts, HostFacts

Seen = Mapping[str, tuple[str, ...]]


def seen(facts: Facts) -> dict[str, tuple[str, ...]]:
    """By host: our containers, and the files that Fleet writes. Health and uptime are no drift."""
    return {name: tuple(_lines(host)) for name, host in facts.hosts.items()}


def drift(before: Seen, now: Seen) -> Iterator[str]:
    """``host: - what was there`` and ``host: + what is there``, for everything that changed."""
    for name in dict.fromkeys([*before, *now]):
        old, new = before.get(name, ()), now.get(name, ())
        yield from (f"{name}: - {line}" for line in old if line not in new)
        yield from (f"{name}: + {line}" for line in new if line not in old)


def _lines(host: HostFacts) -> Iterator[str]:
    for one in host.containers if isinstance(host.containers, tuple) else ():
        altered = f", changed by hand: {', '.join(one.altered)}" if one.altered else ""
        yield f"container {one.name} {one.id[:12]} {one.state}{altered}"
    for found in host.dirs.values() if isinstance(host.dirs, dict) else ():
        for file in found.files:
            yield f"file {found.path}/{file.name} {file.sha256[:12]} mode {file.mode}"
    for directory, marks in host.sealed.items() if isinstance(host.sealed, dict) else ():
        for name, mark in marks.items():
            yield f"secret {directory}/{name} {mark}"
