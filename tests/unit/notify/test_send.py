"""Everybody who wants to know is told, side by side; nobody's failure is another's."""

from __future__ import annotations

import os
import pathlib
import time
import typing

import pytest

from fleet.model.notices import Command, LogFile, Moment, Notifier, Slack, Target, Webhook
from fleet.notify.send import KINDS, send
from fleet.secret import Hole, Keyring, SealedText, Secret, SecretRef
from tests.unit.notify.conftest import Server, notice

REF = SecretRef("env", "SLACK_WEBHOOK")


def test_there_is_a_sender_for_every_kind() -> None:
    assert set(KINDS) == set(typing.get_args(Target))


def test_only_those_are_told_that_want_to_know(tmp_path: pathlib.Path) -> None:
    notifiers = [
        Notifier(LogFile("all.log")),
        Notifier(LogFile("failed.log"), on=frozenset({Moment.FAILED})),
    ]
    assert send(notifiers, notice(), Keyring(), tmp_path) == ()
    assert [path.name for path in tmp_path.iterdir()] == ["all.log"]


def test_failures_are_told_one_by_one_and_the_others_are_told(server: Server, tmp_path: pathlib.Path) -> None:
    server.status, server.answer = 404, b"no_team"
    notifiers = [
        Notifier(LogFile("nowhere/x.log"), required=True),
        Notifier(LogFile("deploys.log")),
        Notifier(Webhook(server.url)),
    ]
    first, second = send(notifiers, notice(), Keyring(), tmp_path)
    cause = "it cannot be written: No such file or directory"
    assert str(first) == f"log nowhere/x.log could not be told: {cause}"
    assert str(second) == f"webhook 127.0.0.1:{server.port} could not be told: HTTP 404 Not Found: no_team"
    assert first.notifier.required
    error = first.error()
    assert (error.what, error.why) == ("log nowhere/x.log could not be told", first.why)
    assert (tmp_path / "deploys.log").exists()


def test_they_are_told_side_by_side(server: Server, tmp_path: pathlib.Path) -> None:
    server.slow = True
    began = time.monotonic()
    failures = send([Notifier(Webhook(server.url))] * 5, notice(), Keyring(), tmp_path, timeout=0.4)
    assert [failure.why for failure in failures] == ["no answer within 0.4 s"] * 5
    assert time.monotonic() - began < 1.9


def test_one_that_does_not_bound_itself_is_given_up(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.notify.send.GRACE", 0.1)
    # Nobody reads this pipe, so opening it does not return.
    os.mkfifo(tmp_path / "pipe")
    (failure,) = send([Notifier(LogFile("pipe"))], notice(), Keyring(), tmp_path, timeout=0.1)
    assert failure.why == "no answer within 0.1 s"
    os.close(os.open(tmp_path / "pipe", os.O_RDONLY))


def test_secrets_are_masked_in_what_is_told_and_in_failures(server: Server, tmp_path: pathlib.Path) -> None:
    keyring = Keyring({REF: Secret(f"{server.url}/T0K3N")})
    server.status, server.answer = 400, server.url.encode() + b"/T0K3N is revoked"
    notifier = Notifier(Slack(SealedText((Hole(REF),))))
    told = notice(Moment.FAILED, why=f"cannot reach {server.url}/T0K3N")
    (failure,) = send([notifier], told, keyring, tmp_path)
    assert str(failure) == "slack could not be told: HTTP 400 Bad Request: ‹secret› is revoked"
    assert server.received[0][1] == "/deploys/T0K3N"
    assert "T0K3N" not in server.received[0][3]["text"]


def test_a_mistake_of_ours_is_a_failure_too(tmp_path: pathlib.Path) -> None:
    unknown = Notifier(Slack(SealedText((Hole(REF),))))
    (failure,) = send([unknown], notice(), Keyring(), tmp_path)
    assert failure.why == "a mistake in Fleet, not in your files: KeyError"


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (Webhook("https://hooks.example.com/services/T0K3N"), "webhook hooks.example.com"),
        (Webhook(SealedText(("https://hooks.example.com/", Hole(REF)))), "webhook hooks.example.com"),
        (Webhook(SealedText(("https://hooks.example.com", Hole(REF)))), "webhook"),
        (Webhook(SealedText(("https://", Hole(REF), "/x"))), "webhook"),
        (Webhook(SealedText(("https://anna:pw", Hole(REF), "@host/x"))), "webhook"),
        (Slack(SealedText((Hole(REF),))), "slack"),
        (Command(("scripts/announce.sh", "x")), "command scripts/announce.sh"),
        (LogFile("deploys.log"), "log deploys.log"),
    ],
)
def test_the_name_of_a_notifier_shows_no_secret(target: Target, text: str) -> None:
    assert str(Notifier(target)) == text


def test_a_notifier_tells_which_secrets_it_needs() -> None:
    assert Notifier(Slack(SealedText((Hole(REF),)))).refs == (REF,)
    assert Notifier(LogFile("x")).refs == Notifier(Webhook("https://x/")).refs == ()
