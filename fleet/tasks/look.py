"""Tasks that look at the project and its hosts, and change nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fleet.errors import UsageError
from fleet.tasks.common import Given, operator_task, with_session

if TYPE_CHECKING:
    from fleet.app.options import Options
    from fleet.report.watched import Watched


@operator_task("env", "limit", "roles", "json", "parallel",
               watch="show it again and again, until ^C",
               drift="field by field, where hosts are not as the last release left them")  # fmt: skip
def status(given: Given, watch: bool = False, drift: bool = False) -> int | None:
    """Who runs which version: health, uptime, drift."""
    from fleet.app.drift import drift as compare  # noqa: PLC0415
    from fleet.app.status import status as run  # noqa: PLC0415
    from fleet.app.watch import watch as go_on  # noqa: PLC0415

    if watch and drift:
        raise UsageError("--watch or --drift, not both")
    options = given.options()
    if drift:
        return with_session(options, compare)
    if watch:
        return with_session(options, lambda session: go_on(session, _screen(options)))
    return with_session(options, run)


def _screen(options: Options) -> Watched:
    from rich.console import Console  # noqa: PLC0415

    from fleet.report.jsonl import JsonReport  # noqa: PLC0415
    from fleet.report.watched import Lines, Records, Screen  # noqa: PLC0415

    if options.json:
        return Records(JsonReport())
    console = Console(highlight=False, markup=False)
    return Screen(console) if console.is_terminal else Lines(console)


@operator_task("env", "limit", "version", "json", "parallel")
def doctor(given: Given) -> int | None:
    """Is everything as a deploy needs it, on this machine and on the hosts? Says what to do if not."""
    from fleet.app.doctor import doctor as run  # noqa: PLC0415

    return with_session(given.options(), run)


@operator_task("env", "limit", "roles", "version")
def validate(given: Given) -> int | None:
    """Check inventory, roles and templates, without any network."""
    from fleet.app.validate import validate as run  # noqa: PLC0415

    return with_session(given.options(), run)


@operator_task("env", "limit", "roles", "json", "parallel", "ledger")
def verify(given: Given) -> int | None:
    """Run the tests of the roles, roles/ROLE/tests, on their hosts."""
    from fleet.app.verify import verify as run  # noqa: PLC0415

    return with_session(given.options(), run)


@operator_task("env", "limit", list="the JSON that ansible-inventory --list prints",
               graph="groups and hosts as a tree, as ansible-inventory --graph prints it",
               explain="a host: each of its variables, where it was written, and what it beat",
               pattern="the hosts of a pattern, one a line, as ansible PATTERN --list-hosts")  # fmt: skip
def inventory(
    given: Given, list: bool = False, graph: bool = False, explain: str = "", pattern: str = ""
) -> int | None:
    """The inventory as Fleet reads it."""
    import json as codec  # noqa: PLC0415

    from fleet.app.inventory import explained, read_inventory  # noqa: PLC0415
    from fleet.config.inventory import limit as limited  # noqa: PLC0415
    from fleet.config.inventory import select, to_list_json  # noqa: PLC0415
    from fleet.config.inventory.graph import graph as tree  # noqa: PLC0415

    options = given.options()
    loaded = read_inventory(options.root, options.env)
    for warning in loaded.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    chosen = {host.name for host in limited(loaded, options.limit or None)}
    if list:
        lines = [codec.dumps(to_list_json(loaded), indent=4, sort_keys=True)]
    elif graph:
        lines = [*tree(loaded)]
    elif explain:
        lines = [*explained(options.root, loaded, explain)]
    else:
        lines = [host.name for host in select(loaded, pattern or "all") if host.name in chosen]
    print("\n".join(lines))
    return None
