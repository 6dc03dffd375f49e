"""Connecting to the hosts of a change: all of them, or all but a few that are left behind."""

from __future__ import annotations

from fleet.app.connections import Connections, Unreached
from fleet.app.options import budget
from fleet.app.session import Session
from fleet.plan.tree import Finding


def reach(session: Session, connections: Connections) -> tuple[Finding, ...]:
    """Connect to the hosts of the run and of the ledger. Those that do not answer leave the run, as far as
    ``--unreachable`` allows; each is told by a finding. Raises Unreached, UsageError."""
    allowed = budget(session.options.unreachable, len(session.hosts))
    keeper = session.ledger
    connections.open(dict.fromkeys([*session.hosts, keeper]))
    require_ledger(session, connections)
    errors = dict(connections.errors)
    if not errors:
        return ()
    if len(errors) > allowed or len(errors) == len(session.hosts):
        error = Unreached(errors)
        if allowed:
            error.what = f"{error.what}; {allowed} may be skipped"
        else:
            error.hint = f"{error.hint}; or leave them behind: --unreachable skip"
        raise error
    session.hosts = tuple(host for host in session.hosts if host.name not in errors)
    connections.leave()
    return tuple(
        Finding(
            False,
            f"it does not answer and is left behind: {error.what}",
            f"when it is back: inv converge --env {session.options.env}",
            name,
        )
        for name, error in errors.items()
    )


def require_ledger(session: Session, connections: Connections) -> None:
    """Raises Unreachable: without lease and record nothing may be changed."""
    keeper = session.ledger.name
    if keeper in connections.errors:
        env, error = session.options.env, Unreached(connections.errors)
        if len(connections.errors) == 1:
            error.what = f"{keeper} keeps the ledger of {env} and cannot be used; nothing was changed"
        error.hint = (
            f"repair {keeper}, which keeps the ledger; if it is gone for good: inv releases --env {env} "
            "--rebuild --ledger HOST makes the ledger anew on another host, from the copies of all hosts"
        )
        raise error
