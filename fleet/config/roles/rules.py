"""What may stand in a value beyond its kind, and the one way in which it is kept."""

from __future__ import annotations

import re
from ipaddress import IPv4Address
from typing import Any

from fleet.config.roles.scalars import wrong
from fleet.model.images import ImageRef
from fleet.suggest import suggest


def image(written: str) -> str:
    try:
        ImageRef.parse(written)
    except ValueError as error:
        raise wrong(str(error)) from error
    return written


def owner(written: str) -> str:
    if not re.fullmatch(r"(0|[1-9]\d{0,8}):(0|[1-9]\d{0,8})", written):
        # What a name means is the image's affair, and the host knows nothing of that.
        raise wrong(f"{written!r} is no owner in numbers", hint='as "999:999", in quotes')
    return written


def container_path(written: str) -> str:
    """``/path[:options]`` of a tmpfs."""
    if not written.startswith("/"):
        raise wrong(f"{written!r} is not an absolute path in the container")
    return written


def config_target(path: str) -> str:
    """A relative one is below the root, as in Compose."""
    parts = path.split("/")
    if path.endswith("/") or {".", ".."} & set(parts) or "" in parts[1:]:
        raise wrong(f"{path!r} is not the path of a file in the container")
    return path if path.startswith("/") else f"/{path}"


def all_or_some(count: Any) -> Any:
    return -1 if count == "all" else count


def health_test(test: Any) -> Any:
    if not isinstance(test, list):
        return ["CMD-SHELL", test]
    if test and test[0] not in ("NONE", "CMD", "CMD-SHELL"):
        hint = "as one text it is run by a shell; as a list it begins with CMD"
        raise wrong("a list begins with CMD, CMD-SHELL or NONE", hint=hint)
    return test


def network_mode(mode: str) -> str:
    if mode.startswith("service:"):
        hint = "use container:<name>, or put both services on one network"
        raise wrong("'service:…' is not carried out", hint=hint)
    if mode not in ("host", "none", "bridge") and not mode.startswith("container:"):
        what = f"{mode!r} is not one of host, none, bridge, container:<name>"
        raise wrong(what, hint="name networks in 'networks'")
    return mode


def restart(policy: str) -> str:
    if not re.fullmatch(r"no|always|unless-stopped|on-failure(:\d+)?", policy):
        near = suggest(policy, ("no", "always", "unless-stopped", "on-failure"))
        raise wrong(f"{policy!r} is not one of no, always, unless-stopped, on-failure or on-failure:5{near}")
    return policy


def namespace(mode: str) -> str:
    """``ipc`` and ``pid``."""
    if mode.startswith("service:"):
        raise wrong("'service:…' is not carried out", hint="use container:<name>")
    return mode


def security_option(option: str) -> str:
    kind, _, value = option.replace(":", "=", 1).partition("=")
    if kind == "seccomp" and value != "unconfined":
        what = "security_opt: a seccomp profile of one's own is not carried out"
        raise wrong(what, hint="only seccomp=unconfined")
    return option


def capabilities(names: list[str]) -> list[str]:
    return sorted({name.upper().removeprefix("CAP_") for name in names})


def sorted_once(names: list[str]) -> list[str]:
    return sorted(set(names))


def regular_expression(pattern: str) -> str:
    """Extended, as the host's ``grep -E`` reads it; what only Python would understand is refused."""
    if foreign := re.search(r"\\[dDAZ]|\(\?", pattern):
        what = f"{pattern!r}: {foreign.group()} is not known to extended regular expressions"
        raise wrong(what, hint="such as [0-9] for a digit")
    try:
        re.compile(pattern)
    except re.error as error:
        raise wrong(f"{pattern!r} is not a regular expression: {error}") from error
    return pattern


def signal(name: str) -> str:
    if not re.fullmatch(r"(SIG)?[A-Z][A-Z0-9+-]*|\d+", name):
        raise wrong(f"{name!r} is not a signal", hint="such as SIGHUP")
    return name


def host_path(path: str) -> str:
    if not path.startswith("/") or path.endswith("/") or {".", "..", ""} & set(path[1:].split("/")):
        raise wrong(f"{path!r} is not the absolute path of a file on the host")
    return path


def ipv4(address: str) -> str:
    try:
        return str(IPv4Address(address))
    except ValueError as error:
        raise wrong(f"{address!r} is not an IPv4 address") from error


def file_name(name: str) -> str:
    if "/" in name or name in (".", "..", ""):
        raise wrong(f"{name!r} is not the name of a file in the directory")
    if name.startswith(".") or not name.isprintable():
        raise wrong(f"{name!r}: no dot at the beginning (those are Fleet's own), no control characters")
    return name
