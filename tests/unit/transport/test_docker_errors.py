"""Texts as engines and registries really write them."""

# ruff: noqa: E501 - a text is not broken for the eye

from datetime import UTC, datetime

import pytest

from fleet.errors import Drift, RemoteFailed
from fleet.ops import effects as fx
from fleet.transport.base import ApiFailed
from fleet.transport.docker_errors import Refusal, engine_gone, explain, registry_of

PULL = fx.PullImage("registry.example:5000/shop:v1")


def explained(call: fx.ApiCall, status: int, text: str, wait: float | None = None) -> ApiFailed | Drift:
    return explain(Refusal(status, text, wait), call, "web-1")


@pytest.mark.parametrize(
    ("status", "text", "expected", "what"),
    [
        (
            500,
            "Get https://registry.example:5000/v2/shop/manifests/v1: unauthorized: authentication required",
            401,
            "login",
        ),
        (500, "Head https://registry.example:5000/v2/: no basic auth credentials", 401, "login"),
        (403, "requested access to the resource is denied", 403, "denies"),
        (500, "denied: access forbidden", 403, "denies"),
        (
            404,
            "manifest for registry.example:5000/shop:v1 not found: manifest unknown",
            404,
            "there is no image",
        ),
        (
            404,
            "pull access denied for shop, repository does not exist or may require 'docker login': denied",
            403,
            "denies",
        ),
        (500, "toomanyrequests: You have reached your pull rate limit.", 429, "pause"),
        (500, "received unexpected HTTP status: 429 Too Many Requests", 429, "pause"),
        (
            500,
            "Get https://registry.example:5000/v2/: x509: certificate signed by unknown authority",
            500,
            "trust",
        ),
        (500, "Get https://r/v2/: http: server gave HTTP response to HTTPS client", 500, "trust"),
        (500, "Get https://r/v2/: dial tcp 10.0.0.1:5000: connect: connection refused", 500, "reach"),
        (500, "Get https://r/v2/: dial tcp: lookup r: no such host", 500, "reach"),
        (0, "write /var/lib/docker/tmp/x: no space left on device", 0, "disk is full"),
        (0, "filesystem layer verification failed for digest sha256:1", 0, "was not pulled"),
    ],
)
def test_a_pull(status: int, text: str, expected: int, what: str) -> None:
    failure = explained(PULL, status, text)
    assert isinstance(failure, ApiFailed)
    assert failure.status == expected
    assert what in failure.what
    assert failure.why == text
    assert failure.hint
    assert failure.host == "web-1"


@pytest.mark.parametrize(
    ("text", "header", "seconds"),
    [
        ("toomanyrequests: slow down", 30.0, 30.0),
        ("toomanyrequests: retry-after: 743.3 ms, allowed: 44000/minute", None, 0.7433),
        ("429 Too Many Requests, try again in 5m", None, 300.0),
        ("Too Many Requests, Retry-After: 12", None, 12.0),
        ("toomanyrequests: slow down", None, None),
    ],
)
def test_how_long_a_registry_wants_us_to_wait(text: str, header: float | None, seconds: float | None) -> None:
    failure = explained(PULL, 500, text, header)
    assert isinstance(failure, ApiFailed)
    assert failure.retry_after == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "30"}, 30.0),
        ({"Retry-After": "Fri, 02 Jan 2026 03:05:00 GMT"}, 60.0),
        (
            {"Retry-After": "Fri, 02 Jan 2026 03:05:00 GMT", "Date": "Fri, 02 Jan 2026 03:04:30 GMT"},
            30.0,
        ),
        ({"Retry-After": "Fri, 02 Jan 2026 03:00:00 GMT"}, 0.0),
        ({"Retry-After": "soon", "Date": "Fri, 02 Jan 2026 03:04:30 GMT"}, None),
        ({"Date": "Fri, 02 Jan 2026 03:04:30 GMT"}, None),
    ],
)
def test_retry_after_is_a_number_of_seconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    now = datetime(2026, 1, 2, 3, 4, tzinfo=UTC).timestamp()
    assert Refusal.of(429, "{}", headers, now).retry_after == seconds


@pytest.mark.parametrize(
    "text",
    [
        "driver failed programming external connectivity on endpoint a (1f): Bind for 0.0.0.0:8001 failed: port is already allocated",
        "driver failed programming external connectivity on endpoint a: Error starting userland proxy: listen tcp4 0.0.0.0:8001: bind: address already in use",
        "failed to bind host port 0.0.0.0:8001/tcp: listen tcp [::]:8001: bind: address already in use",
    ],
)
def test_a_port_is_named(text: str) -> None:
    assert explained(fx.StartContainer("app"), 500, text).what == "port 8001 of the host is taken"


def test_a_taken_name_is_drift_and_other_conflicts_are_not() -> None:
    create = fx.CreateContainer("app", {})
    text = 'Conflict. The container name "/app" is already in use by container "1f"'
    assert isinstance(explained(create, 409, text), Drift)
    network = fx.CreateNetwork({"Name": "net"})
    assert isinstance(explained(network, 409, "network with name net already exists"), Drift)
    assert isinstance(explained(create, 409, "some other conflict"), ApiFailed)


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (
            "dial unix /var/run/docker.sock: connect: permission denied",
            "the login user has no right to the Docker Engine",
        ),
        ("bash: line 1: exec: docker: not found", "Docker is not installed"),
        ("sudo: docker: command not found", "Docker is not installed"),
        (
            "dial unix /var/run/docker.sock: connect: no such file or directory",
            "the Docker Engine is not running",
        ),
        ("dial unix /var/run/docker.sock: connect: connection refused", "the Docker Engine is not running"),
        (
            "error while copying (stdin to stream): write unix @->/run/docker.sock: broken pipe",
            "the engine closed the connection",
        ),
        ("unknown command: dial-stdio", "the Docker client on the host failed"),
        ("sudo: a password is required", "sudo asks for a password"),
        ("bash: line 1: exec: sudo: not found", "sudo is not installed"),
        ("sudo: sorry, you must have a tty to run sudo", "sudo refused"),
    ],
)
def test_what_the_docker_client_says(said: str, what: str) -> None:
    failure = engine_gone(said, "web-1")
    assert failure.what == what
    assert failure.hint
    assert isinstance(failure, (ApiFailed, RemoteFailed))


def test_the_registry_of_a_reference() -> None:
    assert registry_of("registry.example:5000/shop:v1") == "registry.example:5000"
    assert registry_of("localhost/shop") == "localhost"
    assert registry_of("library/redis:7") == "docker.io"
    assert registry_of("redis:7") == "docker.io"
