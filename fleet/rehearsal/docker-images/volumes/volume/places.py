"""Where things are in a container of the helper image."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

PARTIAL = ".fleet-partial"


@dataclass(frozen=True, slots=True)
class Places:
    """``data``: the volume. ``state``: keys and caches, never in the volume. ``copy``: where a second volume
    is mounted, if there is one."""

    data: Path = Path("/data")
    state: Path = Path("/state")
    copy: Path = Path("/copy")

    def prepare(self) -> None:
        # A tmpfs is writable for everybody at first, and sshd trusts no key in such a directory.
        self.state.mkdir(mode=0o700, exist_ok=True)
        self.state.chmod(0o700)

    @property
    def beside(self) -> Places:
        """The second volume's own."""
        return replace(self, data=self.copy, state=self.state / "copy")

    @property
    def root(self) -> bytes:
        return os.fsencode(self.data)

    @property
    def partial(self) -> Path:
        """Half a file is kept here, to go on with: in the volume, since a 20 GB file would not fit elsewhere
        and is renamed at the end. The target removes it before anything is compared."""
        return self.data / PARTIAL

    @property
    def manifest(self) -> Path:
        return self.state / "manifest"

    @property
    def names(self) -> Path:
        """What tar is through with, or at."""
        return self.state / "names"

    @property
    def known(self) -> Path:
        return self.state / "known"

    @property
    def parts(self) -> Path:
        return self.state / "parts"

    @property
    def left_out(self) -> Path:
        """What rsync is not to look at."""
        return self.state / "left-out"
