"""What the engine says of the same thing made twice, as text that can be compared; and the differences that
are meant, each with its reason."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# Made anew every time, or told by the clock.
FLEETING = re.compile(
    r"Id|Created|CreatedAt|State\.(Pid|StartedAt|FinishedAt|Health.*)|ExecIDs.*|LogPath|(Resolv|Hosts|Hostname)(Conf)?Path"
    r"|(HostConfig\.)?GraphDriver.*|NetworkSettings\.(Sandbox(ID|Key)|EndpointID)"
    r"|NetworkSettings\.Networks\.[^.]+\.(EndpointID|NetworkID)|Containers.*|RestartCount"
)


@dataclass(frozen=True, slots=True)
class Intended:
    """Where the two differ (regular expressions: kind and path, Compose's value, Fleet's), and why."""

    path: str
    compose: str
    fleet: str
    why: str

    def covers(self, path: str, compose: str, fleet: str) -> bool:
        pairs = ((self.path, path), (self.compose, compose), (self.fleet, fleet))
        return all(re.fullmatch(pattern, text) for pattern, text in pairs)


INTENDED = (
    Intended(r"\w+\..*Labels\.com\.docker\.compose\..*", ".+", "", "each has its own marks"),
    Intended(r"\w+\..*Labels\.fleet\..*", "", ".+", "each has its own marks"),
    Intended(
        r"container\.Config\.Image",
        '".*box:1"',
        '".*box@sha256:.*"',
        "all hosts run the same digest of a tag",
    ),
    Intended(
        r"container\.Config\.StopTimeout",
        "|1",
        "10|2",
        "Compose's default is said, not left to the engine; 1.5 s are 2, not 1",
    ),
    Intended(r"container\.HostConfig\.RestartPolicy\.Name", '""', '"no"', "two words for one thing"),
    Intended(
        r"container\.HostConfig\.(Binds|Mounts)\[.*\].*",
        r'|true|"volume"|"[\w-]+"|"/[a-z]+"',
        r'|"[\w-]+:/.*"',
        "two ways to ask for a volume; what came of it is in Mounts",
    ),
    Intended(
        r"container\.Mounts\[.*\]\.Mode", '"z"', '"(rw|ro)(,nocopy)?"', "words for the same; RW tells it"
    ),
    Intended(
        r"container\.(HostConfig\.)?Mounts\[/run/secrets.*\].*",
        ".*",
        ".*",
        "secrets come as one directory in memory, not as files of the project's directory",
    ),
    Intended(
        r"container\.(HostConfig\.)?Mounts\[/(settings|included|etc/.*)\].*",
        ".*",
        ".*",
        "a host has no project's directory: each of the configs has a place below fleet_state_dir",
    ),
    Intended(
        r"container\.Files\.(/settings|/included|/etc/limits.conf|/run/secrets/tls.key)\.(mode|owner)",
        ".*",
        ".*",
        "Compose mounts the file of the project as it is; Fleet does what uid, gid and mode say",
    ),
    Intended(
        r"container\.(Config|NetworkSettings\.Networks\.oracle-test-mac-address_default)\.MacAddress",
        '|"‹address›"',
        '"02:42:ac:11:65:44"',
        "Compose 2.26 loses mac_address on engines from 25 on",
    ),
    Intended(
        r"container\.HostConfig\.DeviceRequests\[0\]\.Options\..*",
        "",
        ".+",
        "Compose 2.26 does not pass options of a device on",
    ),
    Intended(r"network\.IPAM\.Options\.note", "", '"oracle"', "Compose 2.26 does not pass ipam.options on"),
)


def meant(path: str, compose: str, fleet: str) -> Intended | None:
    return next((one for one in INTENDED if one.covers(path, compose, fleet)), None)


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from flat(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        # The order of what the engine lists tells nothing but in a command.
        ordered = path in {"Config.Cmd", "Config.Entrypoint", "Args"}
        items = value if ordered else sorted(value, key=json.dumps)
        for at, item in enumerate(items):
            yield from flat(item, f"{path}[{_place(path, item) or at}]")
    else:
        yield path, "" if value in ([], {}, None) else json.dumps(value, ensure_ascii=False)


def _place(path: str, item: Any) -> str:
    """What a mount is told by."""
    if isinstance(item, dict):
        return str(item.get("Destination") or item.get("Target") or "")
    return item.split(":")[1] if path == "HostConfig.Binds" else ""


def comparable(found: dict[str, Any]) -> dict[str, str]:
    """Path → value, without what is another one each time."""
    text = json.dumps(found)
    own = found.get("Id", "")
    for name in filter(None, (own, own[:12])):
        text = text.replace(name, "‹id›")
    text = re.sub(r"(?<!sha256:)\b[0-9a-f]{64}\b", "‹id›", text)
    text = re.sub(r"\b10\.211\.\d+\.\d+", "‹address›", text)
    text = re.sub(r"\b02:42:0a:d3(:[0-9a-f]{2}){2}", "‹address›", text)
    text = re.sub(r'"HostPort": "(3[2-9]|4\d|5\d)\d{3}"', '"HostPort": "‹port›"', text)
    return {path: value for path, value in flat(json.loads(text)) if value and not FLEETING.fullmatch(path)}


def differing(one: dict[str, Any], other: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Path → (here, there), intended ones included."""
    here, there = comparable(one), comparable(other)
    return {
        path: (here.get(path, ""), there.get(path, ""))
        for path in sorted(here.keys() | there.keys())
        if here.get(path, "") != there.get(path, "")
    }
