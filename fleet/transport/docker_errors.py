"""What an engine or a registry answers, turned into errors an operator can act on.

The engine hands a registry's refusal on as text, often under status 500; so the text decides first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from email.utils import mktime_tz, parsedate_tz
from typing import Any

from fleet.errors import Drift, FleetError
from fleet.ops import effects as fx
from fleet.transport.base import ApiFailed
from fleet.transport.refusals import sudo_failure


class Refusal(Exception):
    """An HTTP answer that is not a success. ``retry_after`` in seconds."""

    def __init__(self, status: int, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after

    @classmethod
    def of(cls, status: int, text: str, headers: Mapping[str, str], now: float) -> Refusal:
        """``now`` in seconds since the epoch, for an answer that does not say when it was given."""
        try:
            message = str(json.loads(text)["message"])
        except (ValueError, KeyError, TypeError):
            message = text.strip()
        return cls(status, message, _retry_after(headers, now))


def explain(refusal: Refusal, call: fx.ApiCall, host: str) -> ApiFailed | Drift:
    """The one error for this refusal of this call."""
    text, status, wait = refusal.message, refusal.status, None
    if "no space left on device" in text:
        what = "the host's disk is full"
        hint = "make room (docker system df; df -h) and run the same command again"
    elif isinstance(call, (fx.ResolveDigest, fx.PullImage)):
        status, what, hint = _registry_refusal(refusal, call.image)
        wait = (refusal.retry_after or _wait_in(text)) if status == 429 else None
    elif match := re.search(r"Bind for \S*:(\d+) failed|listen (?:tcp|udp)\d? \S*:(\d+): bind", text):
        port = match[1] or match[2]
        what = f"port {port} of the host is taken"
        hint = f"find who listens there (ss -lptn 'sport = :{port}'; docker ps --filter publish={port})"
    elif status == 409 and re.search(r"already in use|already exists", text):
        what = f"{_name(call)} is taken"
        hint = "something else was created under this name since the plan was made: plan again"
        return Drift(what, why=text, hint=hint, host=host)
    elif status == 404:
        what, hint = _missing(call, text), "it was there when the plan was made: plan again"
    else:
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(call).__name__).lower()
        what = f"the engine refused: {words} {_subject(call)}"
        hint = "see the engine's log on the host (journalctl -u docker)"
    return ApiFailed(what, status=status, retry_after=wait, why=text, hint=hint, host=host)


def unanswered(error: BaseException, host: str, timeout: float) -> FleetError:
    """For a request that got no answer at all."""
    causes = list(_chain(error))
    if known := next((cause for cause in causes if isinstance(cause, FleetError)), None):
        return known
    said = next((cause.said for cause in causes if hasattr(cause, "said") and cause.said), "")
    if said:
        return engine_gone(said, host)
    if any(isinstance(cause, TimeoutError) or "timed out" in str(cause) for cause in causes):
        return ApiFailed(
            f"the engine did not answer within {timeout:.0f} s",
            hint="nobody knows whether the call took effect; is the host overloaded? (docker info)",
            host=host,
        )
    what, hint = _CLOSED
    return ApiFailed(what, why=str(causes[-1]), hint=hint, host=host)


def engine_gone(said: str, host: str) -> FleetError:
    """From what the Docker client on the host wrote before it ended."""
    # "sudo: docker: command not found" speaks of Docker.
    if re.search(r"\bsudo: (?!\S+: command not found)", said):
        return sudo_failure(said, host)
    what, hint = next(row[1:] for row in _CLIENT_WORDS if re.search(row[0], said))
    return ApiFailed(what, why=said, hint=hint, host=host)


_CLOSED = (
    "the engine closed the connection",
    "was it restarted? Nobody knows whether the call took effect; run the same command again",
)

_CLIENT_WORDS = (
    (r"error while copying|broken pipe|connection reset", *_CLOSED),
    (
        r"permission denied",
        "the login user has no right to the Docker Engine",
        "set ansible_become: true, or put the user into the group docker",
    ),
    (
        r"not found|No such file or directory\b.*docker$|command not found",
        "Docker is not installed",
        "install Docker on the host (docker.io, or Docker's own packages)",
    ),
    (
        r"no such file or directory|connection refused|Is the docker daemon running",
        "the Docker Engine is not running",
        "start it (systemctl start docker) and see journalctl -u docker",
    ),
    (r"", "the Docker client on the host failed", "try it on the host: docker system dial-stdio"),
)


def registry_of(image: str) -> str:
    """``registry.example:5000`` of a reference; Docker Hub's own name where it names none."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first
    return "docker.io"


def _registry_refusal(refusal: Refusal, image: str) -> tuple[int, str, str]:
    """The status that the registry meant, what, hint."""
    by_text = (row for row in _REGISTRY_WORDS if re.search(row[1], refusal.message, re.IGNORECASE))
    by_status = (row for row in _REGISTRY_WORDS if row[0] == refusal.status)
    status, _, *texts = next(by_text, None) or next(by_status, _NOT_PULLED)
    what, hint = (text.format(registry=registry_of(image), image=image) for text in texts)
    return refusal.status if status is None else status, what, hint


_REGISTRY_WORDS: tuple[tuple[int | None, str, str, str], ...] = (
    (
        429,
        r"toomanyrequests|too many requests|\b429\b",
        "the registry {registry} asks for a pause: too many requests",
        "wait, or log in with an account of its own (fleet_registries)",
    ),
    (
        None,
        r"x509|\btls:|server gave HTTP response to HTTPS",
        "the host does not trust the registry {registry}",
        "put its CA into /etc/docker/certs.d/{registry}/ca.crt, or name it in insecure-registries",
    ),
    (
        None,
        r"dial tcp|no such host|Client\.Timeout|i/o timeout|connection (?:refused|reset)|: EOF$",
        "the host cannot reach the registry {registry}",
        "is {registry} up, and reachable from this host?",
    ),
    (
        401,
        r"unauthorized|no basic auth|authentication required|incorrect username or password",
        "the registry {registry} refuses the login",
        "set username and password for {registry!r} in fleet_registries",
    ),
    (
        403,
        r"\bdenied\b|forbidden",
        "the registry {registry} denies access to {image}",
        # Registries also deny what does not exist.
        "was it pushed, and may the account of {registry!r} in fleet_registries pull it?",
    ),
    (
        404,
        r"manifest unknown|not found|name unknown|does not exist|no such image",
        "there is no image {image}",
        "was this version built and pushed to {registry}?",
    ),
)

_NOT_PULLED = (
    None,
    "",
    "the image {image} was not pulled",
    "run the same command again; then see the engine's log on the host (journalctl -u docker)",
)


def _missing(call: fx.ApiCall, text: str) -> str:
    if match := re.search(r"No such image: (\S+)|network (\S+) not found", text):
        return f"there is no image {match[1]}" if match[1] else f"there is no network {match[2]}"
    if isinstance(call, fx.ReinstateContainer):
        return f"the container {call.id[:12]}, which was {call.name!r}, does not exist any more"
    return f"{_name(call)} does not exist"


def _name(call: fx.ApiCall) -> str:
    kind = {fx.CreateNetwork: "network name", fx.CreateVolume: "volume name"}.get(
        type(call), "container name" if hasattr(call, "name") else "container"
    )
    return f"the {kind} {_subject(call)!r}"


def _subject(call: fx.ApiCall) -> str:
    if isinstance(call, (fx.CreateNetwork, fx.CreateVolume)):
        return str(call.body.get("Name", ""))
    return getattr(call, "name", "") or getattr(call, "container", "")


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, of a number of them or of a date; the clock of the one who answers counts."""
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    until, answered = _epoch(text), _epoch(headers.get("Date", ""))
    return None if until is None else max(0.0, until - (now if answered is None else answered))


def _epoch(date: str) -> float | None:
    parsed = parsedate_tz(date)
    return mktime_tz(parsed) if parsed else None


def _wait_in(text: str) -> float | None:
    match = re.search(r"(?:retry.after|try again in)\D{0,5}(\d+(?:\.\d+)?)\s*(ms|m|h)?", text, re.IGNORECASE)
    if not match:
        return None
    return float(match[1]) * {"ms": 0.001, "m": 60.0, "h": 3600.0}.get((match[2] or "").lower(), 1.0)


def _chain(error: Any) -> list[BaseException]:
    """The error and all that it stands for: requests and urllib3 keep the cause in ``args``."""
    found: list[BaseException] = []
    todo = [error]
    while todo:
        one = todo.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            todo += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
    return found
