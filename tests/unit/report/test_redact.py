"""The second wall: no field of any event lets a secret through."""

from __future__ import annotations

import pytest

from fleet.report import events as ev
from fleet.report.redact import Redactor
from fleet.secret import MASK, Keyring, Secret, SecretRef
from tests.unit.report.samples import TYPES, every, fill

VALUE = "hunter2 'n\" \\ more"
LINES = "-----BEGIN KEY-----\nabcdefgh\nijklmnop"


@pytest.fixture
def redactor() -> Redactor:
    return Redactor(Keyring({SecretRef("env", "A"): Secret(VALUE), SecretRef("env", "B"): Secret(LINES)}))


@pytest.mark.parametrize("kind", TYPES)
def test_every_field_of_every_event_is_masked(redactor: Redactor, kind: type) -> None:
    masked = redactor.event(fill(kind, lambda name: f"{name}: {VALUE}!"))
    assert type(masked) is kind
    assert "hunter2" not in repr(masked)
    assert masked == fill(kind, lambda name: f"{name}: {MASK}!")


def test_one_line_of_a_value_is_masked_too(redactor: Redactor) -> None:
    assert redactor.event(ev.Output("web-1", "err", "key ijklmnop?")) == ev.Output(
        "web-1", "err", f"key {MASK}?"
    )
    assert redactor.text(repr(VALUE)) == f"'{MASK}'" or "hunter2" not in redactor.text(repr(VALUE))


def test_what_holds_no_secret_passes_as_it_is(redactor: Redactor) -> None:
    assert [redactor.event(event) for event in every()] == list(every())


def test_a_secret_learnt_later_is_masked_from_then_on(redactor: Redactor) -> None:
    event = ev.Note("swordfish")
    assert redactor.event(event) == event
    redactor.keyring.learn(Keyring({SecretRef("env", "C"): Secret("swordfish")}))
    assert redactor.event(event) == ev.Note(MASK)
