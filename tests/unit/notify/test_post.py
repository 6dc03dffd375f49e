"""Webhooks, against a real server: what arrives, and how it is told that nothing did."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace

import pytest

from fleet.model.notices import Moment, Slack, Webhook
from fleet.notify.delivery import Delivery, Undelivered
from fleet.notify.slack import slack_text, to_slack
from fleet.notify.webhook import to_webhook
from fleet.secret import Hole, Keyring, SealedText, Secret, SecretRef
from tests.unit.notify.conftest import Server, notice

REF = SecretRef("env", "TOKEN")


def failure(url: str | SealedText, delivery: Delivery) -> str:
    with pytest.raises(Undelivered) as caught:
        to_webhook(Webhook(url), notice(), delivery)
    alone = caught.value.__suppress_context__ or caught.value.__context__ is None
    assert alone, "a cause could carry the URL along"
    return str(caught.value)


def test_a_webhook_gets_the_notice_as_json(server: Server, delivery: Delivery) -> None:
    to_webhook(Webhook(server.url), notice(Moment.FAILED, why="<b> & ü"), delivery)
    ((method, path, headers, body),) = server.received
    assert (method, path, headers["Content-Type"]) == ("POST", "/deploys", "application/json")
    assert body == {
        "event": "failed",
        "env": "production",
        "version": "v42",
        "release": 7,
        "command": "deploy",
        "who": "anna",
        "controller": "laptop",
        "run": "20260131-142233-4711",
        "hosts": ["web-1", "web-2"],
        "at": "2026-01-31T14:22:33Z",
        "seconds": 72.4,
        "outcome": "v42 deployed",
        "why": "<b> & ü",
    }


def test_slack_gets_a_sentence(server: Server, delivery: Delivery) -> None:
    to_slack(Slack(server.url), notice(), delivery)
    assert server.received[0][3] == {"text": slack_text(notice())}


def test_a_secret_of_the_url_is_filled_in_when_it_is_sent(server: Server, delivery: Delivery) -> None:
    url = SealedText((f"{server.url}/", Hole(REF)))
    to_webhook(Webhook(url), notice(), replace(delivery, keyring=Keyring({REF: Secret("tok-123")})))
    assert server.received[0][1] == "/deploys/tok-123"


def test_a_refusal_is_told_with_what_the_server_says(server: Server, delivery: Delivery) -> None:
    server.status, server.answer = 500, b"out of\nquota"
    assert failure(server.url, delivery) == "HTTP 500 Internal Server Error: out of quota"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("scheme", ["http", "ftp", "file"])
def test_no_redirect_is_followed(server: Server, delivery: Delivery, status: int, scheme: str) -> None:
    server.status, server.location = status, f"{scheme}://127.0.0.1:{server.port}/token-elsewhere"
    said = failure(server.url, delivery)
    assert said.startswith(f"HTTP {status} ")
    assert "not followed" in said
    assert "token-elsewhere" not in said
    assert len(server.received) == 1


def test_nobody_listens(delivery: Delivery) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert failure(f"http://127.0.0.1:{port}/", delivery) == "Connection refused"


def test_a_slow_server_is_not_waited_for(server: Server, delivery: Delivery) -> None:
    server.slow = True
    assert failure(server.url, replace(delivery, timeout=0.2)) == "no answer within 0.2 s"


def test_a_server_of_another_protocol(delivery: Delivery) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"220 mail.example.com ESMTP\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        said = failure(f"http://127.0.0.1:{listening.getsockname()[1]}/", delivery)
        thread.join()
    assert said == "its answer is not HTTP"


@pytest.mark.parametrize(
    "value",
    ["", "tok-123", "file:///etc/tok-123", "https://", "https://anna:tok-123@x/", "http://x:tok-123/", "http://x/tok-123\nq"],
)  # fmt: skip
def test_a_secret_that_is_no_url_is_not_shown(delivery: Delivery, value: str) -> None:
    keyring = Keyring({REF: Secret(value)})
    said = failure(SealedText((Hole(REF),)), replace(delivery, keyring=keyring))
    assert said.startswith("the URL ")
    assert "tok-123" not in said


def test_the_proxy_of_the_environment_is_used(
    server: Server, delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    to_webhook(Webhook("http://hooks.example.com/deploys"), notice(), delivery)
    assert server.received[0][1] == "http://hooks.example.com/deploys"
