"""Shell text is quoted by construction: what a real shell reads is what was meant."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fleet.secret import Hole, Keyring, SealedText, Secret, SecretRef
from fleet.shell import lines, quote, words
from tests.support.shells import SHELLS

REF = SecretRef("env", "A")
TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=20)


def echoed(script: str, shell: str = "sh") -> list[str]:
    done = subprocess.run([*shell.split(), "-s"], input=script.encode(), capture_output=True, check=True)
    return done.stdout.decode().split("\0")[:-1]


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=15, deadline=None)
@given(values=st.lists(TEXT, min_size=1, max_size=20))
@example(values=["", " ", "it's", '"', "$HOME", "`id`", "\\", "\n", "-n", "*", "~", "a;b", "ü☃", "'"])
def test_words_arrive_as_they_are(shell: str, values: list[str]) -> None:
    assert echoed(f"printf '%s\\0' {words(values)}\n", shell) == values


@settings(max_examples=15, deadline=None)
@given(before=TEXT, value=TEXT, after=TEXT)
@example(before="it's ", value="it's $HOME `id` \\", after="'")
def test_a_secret_is_quoted_when_it_is_filled_in(before: str, value: str, after: str) -> None:
    word = quote(SealedText((before, Hole(REF), after)))
    script = Keyring({REF: Secret(value)}).reveal(lines(["printf '%s\\0' " + word]))
    assert echoed(script) == [before + value + after]


def test_a_quoted_secret_stays_a_hole() -> None:
    word = quote(SealedText(("a'", Hole(REF))))
    assert isinstance(word, SealedText)
    assert word.parts == ("'", "a'\\''", Hole(REF, quoted=True), "'")


def test_lines_end_with_a_newline() -> None:
    assert lines(["a", "b"]) == "a\nb\n"
    assert isinstance(lines(["a", SealedText((Hole(REF),))]), SealedText)
