"""Configuration of an older release that lists the hosts of a role, and not those that came since."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from fleet.model.desired import Desired
from fleet.model.hosts import Inventory
from fleet.plan.tree import Finding


def unaware(
    number: int, desired: Desired, today: Inventory, new: Mapping[str, tuple[str, ...]]
) -> Iterator[Finding]:
    """Files that name hosts of a role, by name or address, and none of ``new`` (host → roles) in it: a
    balancer would send nothing there."""
    for state, path, text in _files(desired):
        for role in desired.roles:
            came = [host for host in role.hosts if role.name in new.get(host, ())]
            known = [host for host in role.hosts if host not in came]
            if not any(_names(text, today, host) for host in known):
                continue
            missing = [host for host in came if not _names(text, today, host)]
            if missing:
                what = f"{path} is as in release {number} and does not know {', '.join(missing)}"
                yield Finding(False, what, "the next deploy writes it anew", state)


def _files(desired: Desired) -> Iterator[tuple[str, str, str]]:
    """Host, path and text; a secret in it stands as its reference."""
    for state in desired.hosts:
        for service in state.services:
            for config in service.configs:
                for file in config.files:
                    yield state.host, f"{config.directory}/{file.name}", str(file.content)


def _names(text: str, today: Inventory, host: str) -> bool:
    words = {host, str(today.hosts[host].vars.get("ansible_host", host))}
    return any(re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w-])", text) for word in words)
