"""Compose's short syntaxes: one text for a port, a mount, a device, a host entry."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fleet.config.roles.scalars import text, wrong
from fleet.config.yaml_errors import shortened
from fleet.model.services import Port

_PORT = re.compile(
    r"(?:(?P<ip>\[[0-9a-fA-F:.]+\]|\d+(?:\.\d+){3}):)?"
    r"(?:(?P<published>\d+(?:-\d+)?)?:)?(?P<target>\d+(?:-\d+)?)(?:/(?P<protocol>tcp|udp|sctp))?"
)
_PROPAGATIONS = ("shared", "slave", "private", "rshared", "rslave", "rprivate")


@dataclass(frozen=True, slots=True)
class PortRange:
    """Host ports from ``first`` to ``last`` for one port of a container: one for each instance."""

    target: int
    first: int
    last: int
    protocol: str
    host_ip: str

    def of(self, instance: int) -> Port:
        return Port(self.target, self.first + instance - 1, self.protocol, self.host_ip)


def ports(value: Any) -> tuple[Port | PortRange, ...]:
    """``[[ip:]published:]target[/protocol]``, each side a port or a range of equal length, or a range of
    ``published`` for one target."""
    written = text(value)
    found = _PORT.fullmatch(written)
    if not found:
        raise wrong(
            f"{written!r} is not a port: write it as 8000, 8001:8000, 127.0.0.1:8001:8000 or 53:53/udp"
        )
    targets = port_range(found["target"])
    published = port_range(found["published"]) if found["published"] else [0] * len(targets)
    ip = (found["ip"] or "").strip("[]")
    protocol = found["protocol"] or "tcp"
    if len(published) > len(targets) == 1:
        return (PortRange(targets[0], published[0], published[-1], protocol, ip),)
    if len(published) != len(targets):
        raise wrong(f"{written!r}: the two ranges have different lengths")
    return tuple(Port(target, host, protocol, ip) for target, host in zip(targets, published, strict=True))


def host_ports(written: str) -> str:
    """The host port of the long syntax, or a range of them; empty: the engine chooses."""
    if written:
        port_range(written)
    return written


def port_range(written: str) -> list[int]:
    if not re.fullmatch(r"\d+(-\d+)?", written):
        raise wrong(f"{written!r} is not a port from 1 to 65535")
    low, _, high = written.partition("-")
    # Five digits are enough, and thousands are more than Python converts.
    first, last = (int(each) if len(each) < 9 else 0 for each in (low, high or low))
    if not 1 <= first <= last <= 65535:
        raise wrong(f"{shortened(written)!r} is not a port from 1 to 65535 or a rising range of them")
    return list(range(first, last + 1))


def exposed(value: Any) -> list[str]:
    """``3000``, ``3000-3005/udp`` as the engine's ``port/protocol``."""
    number, _, protocol = text(value).partition("/")
    if not re.fullmatch(r"\d+(-\d+)?", number) or protocol not in ("", "tcp", "udp", "sctp"):
        raise wrong(f"{text(value)!r} is not a port: write it as 3000 or 3000/udp")
    return [f"{port}/{protocol or 'tcp'}" for port in port_range(number)]


def mount(value: Any) -> Any:
    """``[source:]target[:options]`` as the long form that it stands for."""
    if isinstance(value, dict):
        return value
    written = text(value)
    parts = written.split(":")
    if len(parts) > 3 or not all(parts):
        raise wrong(f"{written!r} is not a mount: write it as name:/path, /host/path:/path or …:ro")
    if len(parts) == 1:
        return {"type": "volume", "target": parts[0]}
    source, target, options = parts[0], parts[1], parts[2].split(",") if len(parts) == 3 else []
    long: dict[str, Any] = {"type": mount_type(source), "source": source, "target": target}
    if long["type"] == "bind":
        long["bind"] = {"create_host_path": True}
    for option in options:
        _option(long, option)
    return long


def mount_type(source: str) -> str:
    return "bind" if source.startswith(("/", ".", "~")) else "volume"


def _option(long: dict[str, Any], option: str) -> None:
    if option in ("ro", "rw"):
        long["read_only"] = option == "ro"
    elif option == "nocopy" and long["type"] == "volume":
        long["volume"] = {"nocopy": True}
    elif option in _PROPAGATIONS and long["type"] == "bind":
        long["bind"] = {**long["bind"], "propagation": option}
    elif option in ("z", "Z"):
        raise wrong("SELinux relabelling is not carried out: label the directory on the host")
    elif option in ("consistent", "cached", "delegated"):
        raise wrong(f"{option!r} has no effect on Linux: remove it")
    else:
        raise wrong(
            f"unknown mount option {option!r}: known are ro, rw, nocopy and {', '.join(_PROPAGATIONS)}"
        )


def device(value: Any) -> Any:
    """``source[:target[:permissions]]``."""
    if isinstance(value, dict):
        return value
    source, _, rest = text(value).partition(":")
    target, _, permissions = rest.partition(":")
    return {"source": source, "target": target or source, "permissions": permissions or "rwm"}


def extra_hosts(value: Any) -> Any:
    """``name:address`` or ``name=address`` items, or a mapping, as the engine's ``name:address``."""
    if isinstance(value, dict):
        entries = [(name, item) for name, items in value.items() for item in _several(items)]
        return [f"{name}:{text(address)}" for name, address in entries]
    if not isinstance(value, list):
        return value
    return [_host_entry(text(item)) for item in value]


def _host_entry(item: str) -> str:
    found = re.fullmatch(r"([^:=]+)[:=](.+)", item)
    if not found:
        raise wrong(f"{item!r} is not a host entry: write it as name:address")
    return f"{found[1]}:{found[2].strip('[]')}"


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def ulimit(value: Any) -> Any:
    return value if isinstance(value, dict) else {"soft": value, "hard": value}


def alone(key: str) -> Callable[[Any], Any]:
    """A value by itself stands for the mapping that has only it, under ``key``."""
    return lambda value: value if isinstance(value, dict) else {key: value}
