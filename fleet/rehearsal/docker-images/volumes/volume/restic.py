"""restic: how it is called, and what its words mean. No secret is in its arguments."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .children import Complaints, child
from .places import Places
from .words import Failure, last_lines

Line = Callable[[Mapping[str, Any]], None]
_FIELDS = {"repository": str, "environment": dict, "key": str, "known_hosts": str}
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*|[0-9A-Fa-f:.]+")


@dataclass(frozen=True, slots=True)
class Repository:
    """``options``: of restic, for the way there."""

    location: str
    environment: Mapping[str, str]
    options: tuple[str, ...] = ()

    def hidden(self, text: str) -> str:
        """Without what is secret: restic names the repository, which may have a password in it."""
        for secret in sorted((value for value in self.environment.values() if value), key=len, reverse=True):
            text = text.replace(secret, "***")
        return re.sub(r"(//[^/\s:@]*):[^/\s@]+@", r"\1:***@", text)


def repository(places: Places, given: bytes) -> Repository:
    """From the JSON of the caller. Raises Failure."""
    fields = _fields(given)
    location = fields["repository"]
    environment = {str(name): str(text) for name, text in fields["environment"].items()}
    if not location:
        raise Failure("volume was called wrongly", "no repository is named")
    if not environment.get("RESTIC_PASSWORD"):
        raise Failure("the repository's password is missing", "restic encrypts all that it keeps")
    options: tuple[str, ...] = ()
    if location.startswith("sftp:"):
        options = ("-o", f"sftp.command={_ssh(places, location, fields['key'], fields['known_hosts'])}")
    return Repository(location, environment, options)


def _fields(given: bytes) -> dict[str, Any]:
    wrong = Failure("volume was called wrongly", f"expected one JSON on stdin: {', '.join(_FIELDS)}")
    try:
        value = json.loads(given)
    except ValueError as error:
        raise wrong from error
    if not isinstance(value, dict) or set(value) - set(_FIELDS):
        raise wrong
    fields = {name: value.get(name, kind()) for name, kind in _FIELDS.items()}
    if not all(isinstance(fields[name], kind) for name, kind in _FIELDS.items()):
        raise wrong
    return fields


def _ssh(places: Places, location: str, key: str, known_hosts: str) -> str:
    """``sftp.command``: restic 0.14 has no ``sftp.args``."""
    user, host, port = _login(location)
    if not key.strip():
        raise Failure(f"the key for {host} is missing", "ssh has to log in there")
    if not known_hosts.strip():
        raise Failure(f"the host key of {host} is missing", "nobody could tell who answers")
    files = {}
    for name, text in (("restic-key", key), ("restic-known", known_hosts)):
        files[name] = places.state / name
        files[name].unlink(missing_ok=True)
        files[name].touch(0o600)
        files[name].write_text(text.rstrip("\n") + "\n")
    words = [
        *("ssh", "-F", "none", "-i", str(files["restic-key"])),
        *("-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes"),
        *("-o", f"UserKnownHostsFile={files['restic-known']}", "-o", "GlobalKnownHostsFile=/dev/null"),
        *("-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=10"),
        *("-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3"),
        *(("-p", port) if port else ()),
        *(("-l", user) if user else ()),
        *(host, "-s", "sftp"),
    ]
    return " ".join(words)


def _login(location: str) -> tuple[str, str, str]:
    """User, host, port of ``sftp:user@host:/path`` or ``sftp://user@host:port/path``. Raises Failure."""
    wrong = Failure("that is no repository", f"{location}: expected sftp:USER@HOST:/PATH or sftp://…")
    if location.startswith("sftp://"):
        try:
            parts = urllib.parse.urlsplit(location)
            user, host, port = parts.username or "", parts.hostname or "", str(parts.port or "")
        except ValueError as error:
            raise wrong from error
    else:
        user, _, host = location.removeprefix("sftp:").partition(":")[0].rpartition("@")
        port = ""
    # They become words of a command, and no option of it.
    if not _HOST.fullmatch(host) or (user and not _USER.fullmatch(user)):
        raise wrong
    return user, host, port


def restic(repository: Repository, words: Sequence[str], told: Line | None = None) -> str:
    """What it prints; ``told`` of each line of JSON as it comes. Raises Failure.

    Without a cache: it would lie in memory, and not outlive the container.
    """
    complaints = Complaints()
    environment = {
        **repository.environment,
        "RESTIC_REPOSITORY": repository.location,
        "RESTIC_PROGRESS_FPS": "2",
    }
    printed = []
    with child(
        ["restic", "--no-cache", *repository.options, *words],
        stdout=subprocess.PIPE,
        stderr=complaints.file,
        environment=environment,
    ) as process:
        assert process.stdout  # noqa: S101 - asked for above
        for line in process.stdout:
            text = line.decode("utf-8", "backslashreplace")
            if told and text.startswith("{"):
                told(json.loads(text))
            else:
                printed.append(text)
        status = process.wait()
    if status:
        said = complaints.text() + ("" if told else "".join(printed))
        raise failure(status, repository.hidden(said))
    return "".join(printed)


_MEANINGS = (
    (r"wrong password or no key found", "that is not the repository's password"),
    (r"config file already exists|config already initialized", "there is a repository already"),
    (r"Host key verification failed", "the repository's host is not who it should be"),
    (r"Permission denied \(", "the repository's host does not accept this key"),
    (
        r"Access ?Denied|InvalidAccessKeyId|SignatureDoesNotMatch|403 Forbidden",
        "the repository refuses these credentials",
    ),
    (
        r"(?i)connection refused|could not resolve|no such host|timed out|i/o timeout|no route to host|"
        r"network is unreachable",
        "the repository cannot be reached",
    ),
    (
        r"Is there a repository at the following location|unable to open config file|"
        r"repository does not exist",
        "there is no repository",
    ),
    (r"already locked|unable to create lock", "the repository is locked"),
    (r"no matching ID|no snapshot found|invalid id|multiple IDs with prefix", "there is no such backup"),
    (r"not found in snapshot", "that is no backup of a volume by Fleet"),
    (r"(?i)no space left on device|disk quota exceeded", "there is no space left"),
    (r"invalid backend|parsing repository location failed", "restic knows no such repository"),
)


def failure(status: int, said: str) -> Failure:
    why = last_lines(said) or f"restic ended with status {status}"
    for pattern, what in _MEANINGS:
        if re.search(pattern, said):
            return Failure(what, why)
    return Failure("restic failed", why)
