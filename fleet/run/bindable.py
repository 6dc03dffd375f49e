"""Ports that a balancer's new files would bind, and that another program has.

Found only by its new process, such a port costs requests: HAProxy asks the old process to let go of all its
ports while the new one tries, for two seconds. So the kernel is asked before anything is written.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import suppress

from fleet import shell
from fleet.balancers.kinds import KINDS
from fleet.errors import RemoteFailed
from fleet.model.balancing import BalancerHost
from fleet.ops.config import WriteConfig
from fleet.transport.base import Transport

LISTEN = "0A"
SECONDS = 10
FILES = "-- files"


def bindable(op: WriteConfig, one: BalancerHost, transport: Transport) -> None:
    """Raises RemoteFailed when a port is taken that the files so far do not bind. Of an image without ``cat``
    nothing is known."""
    listens = KINDS[one.balancer.kind].listens
    files = shell.words([f"{op.config.directory}/{file.name}" for file in op.config.files])
    # Within the container: its network may be another than the host's.
    tables = f"docker exec {op.reload} cat /proc/net/tcp /proc/net/tcp6 </dev/null 2>/dev/null || :"
    script = f"{tables}\nprintf '%s\\n' '{FILES}'\ncat {files} 2>/dev/null || :\n"
    result = transport.run(script, timeout=SECONDS)
    tables, _, before = result.out.decode("utf-8", "replace").partition(f"{FILES}\n")
    taken = set(_listening(tables))
    new = listens("\n".join(str(file.content) for file in op.config.files)) - listens(before)
    clashes = sorted({port for address, port in new if any(_same(address, port, *its) for its in taken)})
    if clashes:
        ports = ", ".join(map(str, clashes))
        raise RemoteFailed(
            f"another program listens on {ports}, which the new files bind; those from before are untouched",
            why="it would be found at the reload only, and requests be lost meanwhile",
            hint=f"choose another port, or end that program; on the host: ss -ltnp 'sport = :{clashes[0]}'",
        )


def _same(address: str, port: int, other: str, its_port: int) -> bool:
    return port == its_port and (not address or not other or address == other)


def _listening(tables: str) -> Iterator[tuple[str, int]]:
    """From the kernel's tables; an empty address is every one."""
    for line in tables.splitlines():
        columns = line.split()
        if len(columns) > 3 and columns[3] == LISTEN:
            address, _, port = columns[1].rpartition(":")
            with suppress(ValueError):
                yield _address(address), int(port, 16)


def _address(digits: str) -> str:
    """In words of 32 bits, each with its lowest byte first."""
    raw = b"".join(bytes.fromhex(digits[at : at + 8])[::-1] for at in range(0, len(digits), 8))
    found = ipaddress.ip_address(raw)
    return "" if found.is_unspecified else str(found)
