"""HAProxy in memory: its runtime API as 2.6 answers it, and the API of its master process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from fleet.transport.base import SocketGone

STATES = (
    "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state "
    "srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port "
    "srv_check_addr srv_agent_addr srv_agent_port"
)
STATS = (
    "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,"
    "weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,"
    "rate_lim,rate_max,check_status,check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,"
    "hrsp_other,hanafail,req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,"
    "lastsess,last_chk,last_agt,qtime,ctime,rtime,ttime,"
)
MAINT, DRAIN = 0x01, 0x08


@dataclass
class FakeServer:
    """``well``: what a check finds; None: it has no check. ``left``: its sessions at each look to come, the
    last of them for good."""

    well: Callable[[], bool] | None = lambda: True
    up: bool = True
    admin: int = 0
    weight: int = 100
    left: list[int] = field(default_factory=lambda: [0])
    passed: int = 3
    requests: int = 0
    errors: int = 0
    response_ms: int = 5

    @property
    def serves(self) -> bool:
        return self.up and not self.admin and self.weight > 0


@dataclass
class FakeHaproxy:
    """``servers`` by ``backend/name``. A look at the statistics takes as long as a check, and ``rise`` good
    ones bring a server up; ``clients`` send ``pace`` requests from one look to the next, shared by weight,
    and of those to a server that ``worse`` names all fail. ``told``: what was set, in order. ``gone``: how
    many questions find nobody who listens; -1: all of them. ``user``: its socket has no level admin."""

    servers: dict[str, FakeServer] = field(default_factory=dict)
    rise: int = 2
    pace: int = 0
    worse: Callable[[str], bool] = lambda name: False
    told: list[str] = field(default_factory=list)
    gone: int = 0
    user: bool = False
    maps: dict[str, dict[str, str]] = field(default_factory=dict)
    on_look: Callable[[], object] = lambda: None
    looks: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __call__(self, request: str) -> str:
        with self.lock:
            if self.gone:
                self.gone -= 1 if self.gone > 0 else 0
                raise SocketGone("the socket cannot be opened", why="connection refused")
            if "show stat" in request:
                self._look()
            return "".join(f"{self._answer(one.strip())}\n" for one in request.split(";"))

    def serving(self) -> dict[str, int]:
        """Weight by server."""
        return {name: one.weight for name, one in self.servers.items() if one.serves}

    def restart(self) -> None:
        """A new process, which was given nothing of what this one was told."""
        for one in self.servers.values():
            one.admin, one.weight = 0, 100

    def _answer(self, request: str) -> str:
        match request.split():
            case ["show", "servers", "state"]:
                return self._states()
            case ["show", "stat"]:
                return self._stats()
            case ["show", "map"]:
                lines = [
                    f"{n} ({file}) pattern loaded from file '{file}'" for n, file in enumerate(self.maps)
                ]
                return "\n".join(["# id (file) description", *lines]) + "\n"
            case [_, "map", *_] | ["set", *_] if self.user:
                return "Permission denied\n"
            case ["del" | "add" as word, "map", table, key, *value]:
                return self._map(word, table, key, *value)
            case ["set", "server", name, *words]:
                return self._set(name, words)
        return f"Unknown command: '{request}'\n"

    def _map(self, word: str, table: str, key: str, value: str = "") -> str:
        number = int(table.removeprefix("#"))
        if number >= len(self.maps):
            return "Unknown map identifier. Please use #<id> or <file>.\n"
        entries = list(self.maps.values())[number]
        self.told.append(f"{word} {key}")
        if word == "add":
            assert key not in entries, "HAProxy adds an entry a second time, and deletes one of them"
            entries[key] = value
            return ""
        return "" if entries.pop(key, None) else "Key not found.\n"

    def _set(self, name: str, words: list[str]) -> str:
        if name not in self.servers:
            return "No such server.\n"
        one = self.servers[name]
        match words:
            case ["state", "drain" | "ready" | "maint" as state]:
                if one.admin & MAINT and state != "maint":
                    one.up = True  # before any check
                one.admin = {"drain": DRAIN, "ready": 0, "maint": MAINT}[state]
                if state == "maint":
                    one.up = False
            case ["weight", number]:
                one.weight = int(number)
            case ["health", "down"]:
                one.up, one.passed = False, 0
            case _:
                return "usage\n"
        self.told.append(f"{name} {' '.join(words)}")
        return ""

    def _look(self) -> None:
        self.looks += 1
        self.on_look()
        for one in self.servers.values():
            if len(one.left) > 1:
                one.left.pop(0)
            if one.well is not None and not one.admin & MAINT:
                one.passed = one.passed + 1 if one.well() else 0
                one.up = one.passed >= (1 if one.up else self.rise)
        shares = self.serving()
        for name, weight in shares.items():
            count = round(self.pace * weight / sum(shares.values()))
            self.servers[name].requests += count
            self.servers[name].errors += count if self.worse(name) else 0

    def _states(self) -> str:
        lines = ["1", STATES]
        for number, (name, one) in enumerate(self.servers.items(), 1):
            backend, _, server = name.partition("/")
            lines.append(
                f"3 {backend} {number} {server} 10.0.0.1 {2 if one.up else 0} {one.admin} {one.weight} 100 7 "
                f"15 3 {one.passed} 6 0 0 0 - 8001 - 0 0 - - 0"
            )
        return "\n".join(lines) + "\n"

    def _stats(self) -> str:
        columns = STATS.removeprefix("# ").split(",")
        lines = [STATS, _row(columns, pxname="web", svname="FRONTEND", scur=2, stot=9)]
        for name, one in self.servers.items():
            backend, _, server = name.partition("/")
            found = "" if one.well is None else "L7OK" if one.up else "* L4CON" if not one.passed else "L7OK"
            lines.append(
                _row(
                    columns, pxname=backend, svname=server, qcur=0, scur=one.left[0], stot=one.requests,
                    econ=0, eresp=0, check_status=found, check_code=200 if one.up and found else "",
                    hrsp_5xx=one.errors, req_tot=one.requests, qtime=0, rtime=one.response_ms,
                )
            )  # fmt: skip
        lines.append(_row(columns, pxname="app", svname="BACKEND", scur=1))
        return "\n".join(lines) + "\n"


def _row(columns: list[str], **values: object) -> str:
    return ",".join(str(values.get(column, "")) for column in columns)


@dataclass
class FakeMaster:
    """``gone``: how many questions find nobody; ``lingers``: how many looks an old worker lives on."""

    current: int = 100
    old: list[int] = field(default_factory=list)
    reloads: int = 0
    failed: int = 0
    gone: int = 0
    lingers: int = 0

    def reload(self, good: bool = True, gone: int = 0, lingers: int = 0) -> None:
        self.reloads += 1
        self.failed = 0 if good else self.failed + 1
        self.gone, self.lingers = gone, lingers
        if good:
            self.old = [self.current] if lingers else []
            self.current += 1

    def __call__(self, request: str) -> str:
        assert request == "show proc"
        if self.gone:
            self.gone -= 1
            raise SocketGone("the socket cannot be opened", why="connection refused")
        old = list(self.old)
        if old:
            self.lingers -= 1
            self.old = old if self.lingers > 0 else []
        lines = [
            "#<PID>          <type>          <reloads>       <uptime>        <version>      ",
            f"7               master          {self.reloads} [failed: {self.failed}] 0d00h00m03s 2.6.12",
            "# workers",
            f"{self.current}             worker          0               0d00h00m03s     2.6.12",
            *(["# old workers"] if old else []),
            *(f"{one}             worker          1               0d00h00m09s     2.6.12" for one in old),
            "# programs",
        ]
        return "\n".join(lines) + "\n\n"
