"""What is on a host, asked of its own engine, past everything that Fleet believes."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from fleet.rehearsal import Host


def containers(host: Host) -> dict[str, dict[str, Any]]:
    """Every container of the host by name, as ``docker inspect`` tells it."""
    told = host.run("ids=$(docker ps -aq); [ -z \"$ids\" ] && echo '[]' || docker inspect $ids")
    return {one["Name"].lstrip("/"): one for one in json.loads(told)}


def versions(host: Host) -> dict[str, str]:
    """Container → what version its image is; ``(state)`` after it unless it runs."""
    found = {}
    for name, one in containers(host).items():
        image = dict(pair.split("=", 1) for pair in one["Config"]["Env"])
        state = one["State"]["Status"]
        found[name] = image.get("VERSION", "?") + ("" if state == "running" else f" ({state})")
    return found


def only_version(host: Host) -> str:
    """The version of the one container on the host."""
    found = versions(host)
    assert len(found) == 1, found
    return next(iter(found.values()))


def ids(host: Host) -> set[str]:
    return {one["Id"] for one in containers(host).values()}


def answer(host: Host, port: int = 8001) -> str:
    """What the application on the host says to a client."""
    try:
        with urllib.request.urlopen(f"http://{host.address}:{port}/", timeout=3) as reply:
            return str(reply.read().decode().strip())
    except (OSError, urllib.error.HTTPError) as error:
        return f"({error})"
