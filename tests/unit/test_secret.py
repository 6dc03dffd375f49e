"""A secret stays one: in text, in logs, in pickles, in lists of parts."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from fleet.errors import Position
from fleet.secret import MASK, Hole, Keyring, SealedText, Secret, SecretRef, concat, parts_of, refs_of

A, B = SecretRef("env", "A"), SecretRef("file", "b.txt")
KEY = b"k" * 32


@pytest.mark.parametrize("shown", [str, repr, "{}".format, "{:>10}".format, lambda one: f"{one!s} {one!r}"])
def test_no_way_to_print_a_value(shown) -> None:  # type: ignore[no-untyped-def]
    assert "hunter2" not in shown(Secret("hunter2"))
    assert MASK in shown(Secret("hunter2"))


@pytest.mark.parametrize("save", [pickle.dumps, copy.deepcopy, json.dumps])
def test_no_way_to_save_a_value(save) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TypeError):
        save(Secret("hunter2"))


def test_no_way_to_join_a_secret_to_text() -> None:
    with pytest.raises(TypeError):
        "x" + Secret("hunter2")  # type: ignore[operator]
    with pytest.raises(TypeError):
        "".join([Secret("hunter2")])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        "".join([SealedText((Hole(A),))])  # type: ignore[list-item]


def test_a_fingerprint_changes_with_value_and_key_and_tells_neither() -> None:
    prints = {Secret(value).fingerprint(key) for value in ("a", "b") for key in (KEY, b"x" * 32)}
    assert len(prints) == 4
    assert all(len(one) == 16 and set(one) <= set("0123456789abcdef") for one in prints)
    assert Secret("a").fingerprint(KEY) == Secret("a").fingerprint(KEY)


def test_a_reference_is_the_same_wherever_it_stands() -> None:
    assert SecretRef("env", "A", Position("x", 1, 1)) == A
    assert str(A) == "!secret env:A"


def test_sealed_text_grows_by_text_on_both_sides() -> None:
    text = "user:" + SealedText((Hole(A),)) + "@host"
    assert isinstance(text, SealedText)
    assert text.parts == ("user:", Hole(A), "@host")
    assert str(text) == "user:‹!secret env:A›@host"
    assert refs_of(text) == (A,)
    assert refs_of("plain") == ()
    assert parts_of("plain") == ("plain",)


def test_concat_is_sealed_as_soon_as_one_part_is() -> None:
    assert concat(["a", "b"], ", ") == "a, b"
    assert concat([]) == ""
    sealed = concat(["a", SealedText((Hole(A),)), "b"], ", ")
    assert isinstance(sealed, SealedText)
    assert Keyring({A: Secret("X")}).reveal(sealed) == "a, X, b"


def test_reveal_fills_every_hole_and_quotes_where_asked() -> None:
    keyring = Keyring({A: Secret("it's"), B: Secret("b")})
    text = SealedText(("<", Hole(A), Hole(B), Hole(A, quoted=True), ">"))
    assert keyring.reveal(text) == "<it'sbit'\\''s>"
    assert keyring.reveal("plain") == "plain"
    with pytest.raises(KeyError):
        Keyring().reveal(text)


def test_a_keyring_learns_and_tells_nothing_of_values() -> None:
    keyring = Keyring({A: Secret("hunter2")})
    keyring.learn(Keyring({B: Secret("swordfish")}))
    assert list(keyring) == [A, B]
    assert repr(keyring) == "Keyring(2 secrets)"
    assert set(keyring.fingerprints(KEY)) == {A, B}


@pytest.mark.parametrize(
    ("value", "text", "masked"),
    [
        ("hunter2", "login hunter2 failed: hunter2", f"login {MASK} failed: {MASK}"),
        ("hunter2\n", "login hunter2 failed", f"login {MASK} failed"),
        ("first line\nsecond line", "at second line", f"at {MASK}"),
        ('say "no"\\', repr('say "no"\\'), f"'{MASK}'"),
        ("tab\there", "'tab\\there'", f"'{MASK}'"),
        ("abc", "abc", "abc"),
        ("", "nothing", "nothing"),
    ],
)
def test_redact(value: str, text: str, masked: str) -> None:
    assert Keyring({A: Secret(value)}).redact(text) == masked


def test_a_value_that_holds_another_is_masked_whole() -> None:
    keyring = Keyring({A: Secret("hunter2"), B: Secret("prefix-hunter2-suffix")})
    assert keyring.redact("prefix-hunter2-suffix") == MASK
