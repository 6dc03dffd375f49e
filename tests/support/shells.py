"""Scripts run in every POSIX shell of this machine, with stand-ins for the programs they call."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from fleet.transport import script as scripts

CANDIDATES = (("sh",), ("dash",), ("bash", "--posix"), ("busybox", "sh"))
# Each program once: sh is often a link to one of the others.
SHELLS = list(
    {
        (os.path.realpath(path), words[1:]): " ".join(words)
        for words in reversed(CANDIDATES)
        if (path := shutil.which(words[0]))
    }.values()
)


class Bench:
    """A directory whose ``bin`` comes first in the PATH of the scripts. ``calls`` is what the stand-ins
    were called with, a line per call with the words separated by tabs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin = root / "bin"
        self.bin.mkdir()

    def stand_in(self, name: str, body: str) -> None:
        """A program that notes its arguments and then runs ``body``, with ``HERE`` as the directory."""
        note = f'{{ printf %s {name}; printf "\\t%s" "$@"; echo; }} >>"$HERE/calls"\n'
        self.replace(name, note + body)

    def replace(self, name: str, body: str = "") -> None:
        """A program that runs ``body`` and notes nothing."""
        path = self.bin / name
        # Never through a link: it would write into the real program.
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        path = self.root / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def run(
        self, script: str, *, shell: str = "sh", environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """As the transports run it: from standard input, within a function."""
        return subprocess.run(
            [*shell.split(), "-s"],
            input=scripts.framed(script),
            capture_output=True,
            env={"PATH": f"{self.bin}:{os.environ['PATH']}", "HERE": str(self.root), **(environ or {})},
            timeout=30,
            check=False,
        )
