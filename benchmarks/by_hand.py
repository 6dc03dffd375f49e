"""What one does by hand: ``tar | ssh | tar`` from one host to another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from fleet.rehearsal import Host

COPY = "/var/lib/docker/by-hand"


def copy(here: Host, there: Host, data: str, *flags: str) -> float:
    """``data`` comes to :data:`COPY`; answers the seconds."""
    with _trust(here, there):
        there.run(f"rm -rf {COPY}; mkdir {COPY}")
        began = time.monotonic()
        here.run(
            f"tar -C {data} --numeric-owner {' '.join(flags)} -cf - . | "
            "ssh -c aes128-gcm@openssh.com -i /root/by-hand -o StrictHostKeyChecking=yes "
            f"-o UserKnownHostsFile=/root/by-hand.hosts deploy@{there.address} "
            f"'sudo tar -C {COPY} -xpf -'"
        )
        return time.monotonic() - began


@contextmanager
def _trust(here: Host, there: Host) -> Iterator[None]:
    """A key for the copy, as long as it takes."""
    here.run("rm -f /root/by-hand*; ssh-keygen -q -t ed25519 -N '' -C by-hand -f /root/by-hand")
    public = here.run("cat /root/by-hand.pub").strip()
    server = there.run("cat /etc/ssh/ssh_host_ed25519_key.pub").split()
    here.write("/root/by-hand.hosts", f"{there.address} {server[0]} {server[1]}\n".encode())
    keys = "/etc/ssh/authorized_keys"
    there.run(f"cp -p {keys} {keys}.before && printf '\\n%s\\n' '{public}' >>{keys}")
    try:
        yield
    finally:
        there.run(f"mv {keys}.before {keys}")
        here.run("rm -f /root/by-hand*")
