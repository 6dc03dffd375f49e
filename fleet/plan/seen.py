"""What a plan saw on each host, in words that can be compared later: drift is told by them."""

from __future__ import annotations

import hashlib
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
    yield from _of_tasks(host)


def _of_tasks(host: HostFacts) -> Iterator[str]:
    for path in host.paths.values() if isinstance(host.paths, dict) else ():
        what = f"{path.kind} {path.sha256[:12]}".strip()
        owned = f" mode {path.mode} owner {path.owner}:{path.group}" if path.mode else ""
        yield f"path {path.path} {what}{owned}{f' → {path.link}' if path.link is not None else ''}"
    for name, version in host.packages.items() if isinstance(host.packages, dict) else ():
        yield f"package {name} {version or 'not installed'}"
    for name, value in host.kernel.items() if isinstance(host.kernel, dict) else ():
        yield f"sysctl {name} {value or 'not set'}"
    for name, user in host.users.items() if isinstance(host.users, dict) else ():
        told = f"{user.uid}:{user.group} {','.join(user.groups)} {user.shell}" if user else "not there"
        yield f"user {name} {told}"
    for name, text in host.crontabs.items() if isinstance(host.crontabs, dict) else ():
        yield f"crontab of {name} {hashlib.sha256(text.encode()).hexdigest()[:12]}"
