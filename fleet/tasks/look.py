"""Tasks that look at the project and its hosts, and change nothing."""

from __future__ import annotations

import sys

from invoke.context import Context

from fleet.tasks.common import operator_task, read_options, with_session


@operator_task("env", "limit", "roles", "json", "parallel")
def status(
    ctx: Context, env: str = "", limit: str = "", roles: str = "", json: bool = False, parallel: str = ""
) -> int | None:
    """Who runs which version: health, uptime, drift."""
    from fleet.app.status import status as run  # noqa: PLC0415

    options = read_options(ctx, env, limit=limit, roles=roles, json=json, parallel=parallel)
    return with_session(options, run)


@operator_task("env", "limit", "roles", "version")
def validate(ctx: Context, env: str = "", limit: str = "", roles: str = "", version: str = "") -> int | None:
    """Check inventory, roles and templates, without any network."""
    from fleet.app.validate import validate as run  # noqa: PLC0415

    options = read_options(ctx, env, limit=limit, roles=roles, version=version)
    return with_session(options, run)


@operator_task("env", "limit", list="the JSON that ansible-inventory --list prints",
       pattern="the hosts of a pattern, one a line, as ansible PATTERN --list-hosts names them")  # fmt: skip
def inventory(
    ctx: Context, env: str = "", limit: str = "", list: bool = False, pattern: str = ""
) -> int | None:
    """The inventory as Fleet reads it."""
    import json as codec  # noqa: PLC0415

    from fleet.config.inventory import limit as limited  # noqa: PLC0415
    from fleet.config.inventory import load_inventory, select, to_list_json  # noqa: PLC0415

    options = read_options(ctx, env, limit=limit)
    loaded = load_inventory(options.root, options.env)
    for warning in loaded.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if list:
        print(codec.dumps(to_list_json(loaded), indent=4, sort_keys=True))
    else:
        chosen = {host.name for host in limited(loaded, limit or None)}
        for host in select(loaded, pattern or "all"):
            if host.name in chosen:
                print(host.name)
    return None
