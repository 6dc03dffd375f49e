"""A page instead of a backend, on every balancer that has it."""

from __future__ import annotations

from fleet import shell
from fleet.balancers.kinds import KINDS
from fleet.run.balancers import SAVE_SECONDS, Balancers, TrafficFailed
from fleet.run.perform import failure


def page(balancers: Balancers, role: str, backend: str, *, on: bool) -> list[str]:
    """Hosts whose balancers answer the backend's requests by a page from now on, or no longer. Raises
    TrafficFailed when one has no table for it, RemoteFailed."""
    told = []
    for one in balancers.of(role):
        kind = KINDS[one.balancer.kind]
        tables = balancers.ask(one, kind.maps)
        if tables is None:
            continue
        path = one.balancer.maintenance
        table = kind.table(tables, path) if path else ""
        if not table:
            raise TrafficFailed(
                f"the balancer on {one.host} has no table of backends that are answered by a page",
                why=f"x-fleet.balancer.maintenance is {path or 'not set'}",
                hint="see docs/traffic.md: its configuration has to look backends up in that file",
            )
        # The file first: a balancer that starts anew meanwhile does the same.
        file, entry = shell.words([path]), shell.words([f"{backend} on"])
        keep = f"{{ ! grep -vxF {entry} {file} 2>/dev/null || :; }}"
        more = f"printf '%s\\n' {entry}" if on else ":"
        script = f"set -eu; umask 022\n{{ {keep}; {more}; }} >{file}.new\nmv {file}.new {file}\n"
        result = balancers.run(one.host, script)
        if not result.ok:
            raise failure(f"write {path}", result, SAVE_SECONDS)
        if balancers.order(one, kind.page(table, backend, on=on), "to change what is answered by a page"):
            told.append(one.host)
    return told
