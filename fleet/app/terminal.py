"""A shell on one host, or in one container of it, on the operator's own terminal."""

from __future__ import annotations

from fleet.app.connections import Connections
from fleet.app.orders import in_service
from fleet.app.session import Session
from fleet.errors import Exit, UsageError
from fleet.report.names import fold
from fleet.run import inside


def terminal(
    session: Session, line: str = "", *, service: str = "", sudo: bool = False, become: bool = True
) -> Exit:
    """``line``, or without one a shell. ``sudo`` asks on the terminal itself. Raises UsageError when there is
    not exactly one host."""
    if sudo:
        session.work_by_sudo("")
    if service:
        hosted = in_service(session, service)
        line = inside.terminal(session.place, hosted.role, hosted.service, line)
    if len(session.hosts) != 1:
        names = fold(host.name for host in session.hosts)
        raise UsageError(f"a terminal is for one host, not for {names}", hint="choose one: --limit HOST")
    (host,) = session.hosts
    with Connections(session) as connections:
        connections.open([host])
        if error := connections.errors.get(host.name):
            raise error
        return Exit.FAILED if connections.entered[host.name].shell(line, become=become) else Exit.OK
