"""HAProxy, by its runtime API (2.0 and later; tried with 2.6).

A setting answers with an empty line when it was taken, so what came of it is read from ``show servers
state`` and ``show stat``. A server that leaves maintenance counts as up before any check; therefore servers
are drained, never put into maintenance: they stay checked all the time.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping

from fleet.model.balancing import BalancerView, Server, ServerView, Workers

RUNNING = "2"
"""``srv_op_state`` of a server whose checks are good, or that has none."""
MAINTENANCE = 0x01 | 0x02 | 0x20
"""Bits of ``srv_admin_state``: by hand, inherited, for want of an address. 0x04 says that the configuration
disables it, and stays when it was enabled at run time."""
DRAIN = 0x08 | 0x10
"""By hand, inherited."""
PLACE = re.compile(r"(?:ipv[46]@)?(?P<address>[^@/]*):(?P<first>\d{1,5})(?:-(?P<last>\d{1,5}))?")
"""``:80``, ``192.0.2.1:80``, ``ipv6@[::]:8000-8003``; no UNIX socket, no inherited descriptor."""


class HAProxy:
    """See :class:`fleet.balancers.kind.Kind`."""

    look = "show servers state;show stat"
    state = "show servers state"
    processes = "show proc"
    renew = "reload"
    maps = "show map"

    def together(self, requests: Iterable[str]) -> str:
        return ";".join(requests)

    def view(self, answer: str) -> BalancerView:
        states, separator, numbers = answer.partition("# pxname,")
        if not separator:
            raise ValueError(f"no statistics in {answer[:80]!r}")
        try:
            rows = list(csv.DictReader(f"pxname,{numbers}".splitlines()))
        except csv.Error as error:
            raise ValueError(f"its statistics are no table: {error}") from error
        if any(None in row.values() for row in rows):
            raise ValueError("its statistics break off")
        try:
            told = {(row["be_name"], row["srv_name"]): row for row in _states(states)}
            servers = {
                f"{row['pxname']}/{row['svname']}": _server(row, told[row["pxname"], row["svname"]])
                for row in rows
                if (row["pxname"], row["svname"]) in told
            }
            clients = sum(_number(row["scur"]) for row in rows if row["svname"] == "FRONTEND")
        except KeyError as error:
            raise ValueError(f"no column {error} in its answer") from error
        return BalancerView(servers, clients)

    def workers(self, answer: str) -> Workers:
        master = re.search(r"^\d+\s+master\s+(\d+)(?: \[failed: (\d+)\])?", answer, re.M)
        if master is None:
            raise ValueError(f"no process in {answer[:80]!r}")
        now, _, before = answer.partition("# old workers")
        current = re.findall(r"^(\d+)\s+worker\b", now, re.M)
        old = re.findall(r"^(\d+)\s+worker\b", before, re.M)
        return Workers(
            int(current[0]) if current else 0, tuple(map(int, old)), int(master[1]), int(master[2] or 0)
        )

    def drain(self, server: Server) -> str:
        return f"set server {server} state drain"

    def admit(self, server: Server) -> str:
        return f"set server {server} state ready"

    def weigh(self, server: Server, weight: int) -> str:
        return f"set server {server} weight {weight}"

    def recheck(self, server: Server) -> str:
        return f"set server {server} health down"

    def table(self, answer: str, path: str) -> str:
        name = path.rpartition("/")[2]
        found = re.findall(r"^(\d+) \((.+?)\)", answer, re.M)
        return next((f"#{number}" for number, file in found if file.rpartition("/")[2] == name), "")

    def page(self, table: str, backend: str, *, on: bool) -> str:
        # An entry that is not there cannot be set, and one that is there is added twice: so out first.
        out = f"del map {table} {backend}"
        return f"{out};add map {table} {backend} on" if on else out

    def entries(self, table: str) -> str:
        return f"show map {table}"

    def paged(self, answer: str) -> frozenset[str]:
        return frozenset(re.findall(r"^0x[0-9a-f]+ (\S+) on$", answer, re.M))

    def listens(self, text: str) -> frozenset[tuple[str, int]]:
        words = re.findall(r"^\s*(?:bind|stats\s+socket)\s+(\S+)", text, re.M)
        return frozenset(
            ("" if place["address"] == "*" else place["address"].strip("[]"), port)
            for word in words
            for one in word.split(",")
            if (place := PLACE.fullmatch(one))
            for port in range(int(place["first"]), int(place["last"] or place["first"]) + 1)
        )

    def refused(self, answer: str) -> str:
        lines = (line.strip() for line in answer.splitlines())
        # What is not in a table need not be taken out of it.
        return " ".join(line for line in lines if line and line != "Key not found.")


def _states(text: str) -> Iterator[Mapping[str, str]]:
    lines = [line for line in text.splitlines() if line.strip()]
    header = next((line for line in lines if line.startswith("# be_id")), "")
    if not header:
        raise ValueError(f"no server states in {text[:80]!r}")
    names = header.removeprefix("# ").split()
    yield from (
        dict(zip(names, line.split(), strict=False)) for line in lines if line != header and " " in line
    )


def _server(row: Mapping[str, str], state: Mapping[str, str]) -> ServerView:
    admin = int(state["srv_admin_state"])
    code = row["check_code"]
    return ServerView(
        up=state["srv_op_state"] == RUNNING,
        drained=bool(admin & DRAIN),
        stopped=bool(admin & MAINTENANCE),
        weight=int(state["srv_uweight"]),
        sessions=_number(row["scur"]),
        queued=_number(row["qcur"]),
        check=row["check_status"].removeprefix("* ") + (f"/{code}" if code else ""),
        requests=_number(row["req_tot"]) or _number(row["stot"]),
        errors_5xx=_number(row["hrsp_5xx"]),
        connection_errors=_number(row["econ"]),
        response_errors=_number(row["eresp"]),
        queue_ms=_number(row["qtime"]),
        response_ms=_number(row["rtime"]),
    )


def _number(text: str) -> int:
    """Empty where HAProxy has nothing to count."""
    return int(text) if text else 0
