"""``x-fleet.pre_start``, ``pre_stop`` and ``stopped``: what must be seen around a start and a stop."""

from __future__ import annotations

from fleet.config.roles.scope import ServiceScope
from fleet.config.roles.xfleet import TransitionCheckModel, TransitionModel
from fleet.model.gates import ExecCheck, HttpCheck, TcpCheck
from fleet.model.transitions import CommandCheck, FreeCheck, SleepCheck, Transition, TransitionCheck


def transition(service: ServiceScope, name: str) -> Transition | None:
    """Of a container only ``pre_stop`` can ask: before its start, and after its stop, there is none."""
    model: TransitionModel | None = getattr(service.model.x_fleet, name)
    if model is None:
        return None
    for number, check in enumerate(model.checks):
        _check_kind(service, name, number, check)
    asleep = sum(check.sleep for check in model.checks)
    if asleep >= model.deadline:
        what = f"{name} can never pass: it sleeps {asleep:g}s, and its deadline is {model.deadline:g}s"
        service.wrong(what, "x-fleet", name, hint=f"raise x-fleet.{name}.deadline, or sleep less")
    return Transition(tuple(map(_check, model.checks)), model.deadline, model.interval)


def _check_kind(service: ServiceScope, name: str, number: int, check: TransitionCheckModel) -> None:
    place = ("x-fleet", name, "checks", number)
    if check.free and name != "stopped":
        service.wrong("'free' is for stopped: before that its own container has the port", *place)
    if name == "pre_stop":
        return
    when = "before its start" if name == "pre_start" else "after its stop"
    if check.exec:
        what = f"'exec' is for pre_stop: {when} there is no container to run it in"
        service.wrong(what, *place, hint="command: [words] runs on the host")
    for kind, asked in (("http", check.http), ("tcp", check.tcp)):
        if asked and not asked.host:
            what = f"'{kind}' needs a host: {when} there is no container to ask"
            service.wrong(what, *place, hint=f"{kind}: {{host: db.example.com, port: {asked.port}}}")


def _check(check: TransitionCheckModel) -> TransitionCheck:
    if check.http:
        one = check.http
        return HttpCheck(one.port, one.path, one.status, one.match, one.host)
    if check.tcp:
        return TcpCheck(check.tcp.port, check.tcp.host)
    if check.exec:
        return ExecCheck(check.exec)
    if check.free:
        return FreeCheck(check.free.port)
    return CommandCheck(check.command) if check.command else SleepCheck(check.sleep)
