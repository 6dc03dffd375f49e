"""Tasks that look at the project and its hosts, and change nothing."""

from __future__ import annotations

import sys

from fleet.tasks.common import Given, operator_task, with_session


@operator_task("env", "limit", "roles", "json", "parallel")
def status(given: Given) -> int | None:
    """Who runs which version: health, uptime, drift."""
    from fleet.app.status import status as run  # noqa: PLC0415

    return with_session(given.options(), run)


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


@operator_task("env", "limit", list="the JSON that ansible-inventory --list prints",
       pattern="the hosts of a pattern, one a line, as ansible PATTERN --list-hosts names them")  # fmt: skip
def inventory(given: Given, list: bool = False, pattern: str = "") -> int | None:
    """The inventory as Fleet reads it."""
    import json as codec  # noqa: PLC0415

    from fleet.config.inventory import limit as limited  # noqa: PLC0415
    from fleet.config.inventory import load_inventory, select, to_list_json  # noqa: PLC0415

    options = given.options()
    loaded = load_inventory(options.root, options.env)
    for warning in loaded.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if list:
        print(codec.dumps(to_list_json(loaded), indent=4, sort_keys=True))
    else:
        chosen = {host.name for host in limited(loaded, options.limit or None)}
        for host in select(loaded, pattern or "all"):
            if host.name in chosen:
                print(host.name)
    return None
