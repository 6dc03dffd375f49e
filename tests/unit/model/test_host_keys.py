"""How a file of known hosts is changed, and what of it stays."""

from __future__ import annotations

import pytest

from fleet.model.host_keys import HostKey, Trust, written


def key(name: str, *lines: int, blob: bytes = b"new") -> HostKey:
    return HostKey("web-1", name, name, "ssh-ed25519", blob, "SHA256:x", Trust.NEW, (), lines)


def test_new_keys_are_added_at_the_end() -> None:
    assert written("", [key("web-1")]) == "web-1 ssh-ed25519 bmV3\n"
    assert written("# ours\ndb-1 ssh-rsa AAAA", [key("web-1"), key("[web-2]:2222")]) == (
        "# ours\ndb-1 ssh-rsa AAAA\nweb-1 ssh-ed25519 bmV3\n[web-2]:2222 ssh-ed25519 bmV3\n"
    )


def test_the_lines_that_a_key_replaces_go_and_others_stay() -> None:
    text = "# ours\nweb-1 ssh-ed25519 b2xk\ndb-1 ssh-rsa AAAA\nweb-1 ssh-rsa b2xk\n"
    assert written(text, [key("web-1", 2, 4)]) == "# ours\ndb-1 ssh-rsa AAAA\nweb-1 ssh-ed25519 bmV3\n"


def test_other_names_of_a_line_keep_it() -> None:
    text = "web-1,WEB-2,10.0.0.1 ssh-ed25519 b2xk\n"
    assert written(text, [key("web-2", 1)]) == ("web-1,10.0.0.1 ssh-ed25519 b2xk\nweb-2 ssh-ed25519 bmV3\n")
    both = written("web-1,web-2 ssh-ed25519 b2xk\n", [key("web-1", 1), key("web-2", 1)])
    assert both == "web-1 ssh-ed25519 bmV3\nweb-2 ssh-ed25519 bmV3\n"


def test_a_hashed_name_is_one_name() -> None:
    assert written("|1|c2FsdA==|aGFzaA== ssh-ed25519 b2xk\n", [key("web-1", 1)]) == "web-1 ssh-ed25519 bmV3\n"


def test_a_pattern_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match=r"line 1 names it by the pattern \*\.example\.com"):
        written("*.example.com ssh-ed25519 b2xk\n", [key("web-1.example.com", 1)])
