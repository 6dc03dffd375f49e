"""What a host says when it does not run what it was given, put into words an operator can act on."""

from __future__ import annotations

import re

from fleet.errors import RemoteFailed


def not_begun(said: str, host: str, *, sudo: bool, told: bool = False) -> RemoteFailed:
    """For a script whose shell never started. ``told``: sudo was given a password."""
    if re.search(r"\btimeout: (?:command )?not found", said):
        return RemoteFailed(
            "the host has no timeout command", why=said, hint="install GNU coreutils on it", host=host
        )
    if told and re.search(r"incorrect password|try again|no password", said, re.IGNORECASE):
        return RemoteFailed(
            "sudo did not take the password",
            why=said,
            hint="it is the login user's own, on that host; it was tried once",
            host=host,
        )
    if sudo:
        return sudo_failure(said, host)
    return RemoteFailed(
        "the host did not start the script",
        why=said,
        hint="does the login shell of this user run commands?",
        host=host,
    )


def sudo_failure(said: str, host: str) -> RemoteFailed:
    hint = (
        "give the login user a NOPASSWD rule (visudo), or set ansible_become: false; exec --sudo asks for it"
    )
    if re.search(r"password", said, re.IGNORECASE):
        return RemoteFailed("sudo asks for a password", why=said, hint=hint, host=host)
    if re.search(r"\bsudo: (?:command )?not found", said):
        return RemoteFailed(
            "sudo is not installed",
            why=said,
            hint="install it, or log in as root and set ansible_become: false",
            host=host,
        )
    return RemoteFailed("sudo refused", why=said, hint=hint, host=host)
