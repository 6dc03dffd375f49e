"""A script of the operator's machine as one for a host: it is written to a file there, run, and removed."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from fleet.shell import words

SHEBANG = b"#!"
END = "FLEET_END"


def uploaded(content: bytes, arguments: Iterable[str]) -> str:
    """It is run by what its first line names, else by ``sh``; not by its path: the host may allow no
    programs where its temporary files are."""
    first = content.partition(b"\n")[0].decode(errors="replace").strip()
    # As the kernel reads it: a program and at most one argument.
    by = first.removeprefix("#!").split(maxsplit=1) if content.startswith(SHEBANG) else ["sh"]
    return (
        "umask 077\n"
        "file=$(mktemp) || exit\n"
        "trap 'rm -f \"$file\"' EXIT\n"
        "trap 'exit 143' TERM\n"
        f"base64 -d >\"$file\" <<'{END}' || exit\n"
        f"{base64.encodebytes(content).decode()}{END}\n"
        f'{words(by)} "$file" {words(arguments)}\n'
    )
