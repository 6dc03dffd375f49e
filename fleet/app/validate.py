"""Check everything that can be checked without a network."""

from __future__ import annotations

from fleet.app.session import Session
from fleet.config.notify import notifiers
from fleet.config.settings import lease_seconds, ledger, parallel
from fleet.errors import Exit
from fleet.model.refs import all_refs
from fleet.report.plan_text import Line
from fleet.run.hooks import Hooks
from fleet.transport.endpoint import endpoint_of


def validate(session: Session) -> Exit:
    """Raises ConfigErrors with all that is wrong. Secrets are counted, not fetched: they belong to
    whoever deploys."""
    desired = session.desired()
    check_rest(session)
    services = sum(len(state.services) for state in desired.hosts)
    for warning in session.inventory.warnings:
        session.show(Line(f"warning: {warning}", "warning"))
    if not desired.roles:
        text = "warning: these hosts have no role (roles/GROUP/compose.yml): nothing to deploy"
        session.show(Line(text, "warning"))
    session.show(
        Line(
            f"{session.options.env} is valid: {_many(len(desired.hosts), 'host')}, "
            f"{_many(len(desired.roles), 'role')}, {_many(services, 'service')}, "
            f"{_many(len(all_refs(desired, session.registries())), 'secret')} referred to"
        )
    )
    return Exit.OK


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def check_rest(session: Session) -> None:
    """Hooks, notices, and what a run needs besides the roles. Raises ConfigError, ConfigErrors."""
    for host in session.everyone.values():
        endpoint_of(host)
    hosts = tuple(session.everyone.values())
    parallel(hosts)
    lease_seconds(hosts)
    ledger(hosts)
    Hooks(session.options.root, session.emit, session.interrupt.now).check()
    notifiers(tuple(session.everyone.values()), session.options.root)
