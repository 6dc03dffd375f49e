"""Who runs this command, and whether a run that began on this machine still lives."""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path

BOOT = Path("/proc/sys/kernel/random/boot_id")


def who() -> str:
    """The operator's login name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def controller() -> str:
    return socket.gethostname()


def process(pid: int | None = None) -> str:
    """Names a process (this one) so that only the same machine, started once, knows it again; empty where
    that cannot be told. Containers of one machine count their processes apart."""
    number = os.getpid() if pid is None else pid
    try:
        space = os.readlink("/proc/self/ns/pid")
        # The 22nd field; the second one, in brackets, may hold anything.
        started = Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
        return f"{BOOT.read_text(encoding='utf-8').strip()} {space} {number} {started}"
    except (OSError, IndexError):
        return ""


def gone(name: str) -> bool:
    """Whether ``name`` was a process of this machine and is none any more; False when nobody can tell."""
    boot, _, rest = name.partition(" ")
    space, _, rest = rest.partition(" ")
    number = rest.partition(" ")[0]
    ours = process().split(" ")[:2]
    if not number.isdecimal() or [boot, space] != ours:
        return False
    there = process(int(number))
    return there != name if there else _ended(int(number))


def _ended(pid: int) -> bool:
    """/proc may hide the processes of other users; a signal tells them from those that are no more."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
