"""HAProxy's runtime in memory, as 2.6 answers on its admin and its master socket; what is asked goes by.

Servers are checked once before each request to the admin socket, so a test that looks again and again sees a
server come and go as a real one would, without a clock.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

VERSION = "2.6.12-1+deb12u4"
_COLUMNS = (
    "pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,"
    "weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,"
    "rate_lim,rate_max,check_status,check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,"
    "hrsp_other,hanafail,req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,"
    "lastsess,last_chk,last_agt,qtime,ctime,rtime,ttime,agent_status,agent_code,agent_duration,check_desc,"
    "agent_desc,check_rise,check_fall,check_health,agent_rise,agent_fall,agent_health,addr,cookie,mode,algo"
)
STAT = _COLUMNS.split(",")
STATE = (
    "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state "
    "srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port "
    "srv_check_addr srv_agent_addr srv_agent_port"
)
STOPPED, RUNNING, STOPPING = 0, 2, 3
MAINT, OF_CONFIG, DRAIN = 0x01, 0x04, 0x08
RISE = FALL = 2
WHOLE = RISE + FALL - 1
UNCHECKED, NO_CONNECTION, GOOD, WRONG_STATUS = 1, 8, 15, 17
CHECKS = {UNCHECKED: ("", "", 0), NO_CONNECTION: ("L4CON", "", 2), GOOD: ("L7OK", "200", 3),
          WRONG_STATUS: ("L7STS", "503", 2)}  # fmt: skip
NO_MAP = "Unknown map identifier. Please use #<id> or <file>.\n\n"


@dataclass
class FakeServer:
    """``sessions``, ``queued`` and ``counters`` (by their columns in ``show stat``) are set by a test. The
    configuration gives its ``weight``, and says ``check`` and ``disabled`` or does not."""

    name: str
    weight: int = 100
    checked: bool = True
    disabled: bool = False
    sessions: int = 0
    queued: int = 0
    counters: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """As a new process sees it: up, until a check says otherwise."""
        self.now, self.op, self.health, self.seen = self.weight, RUNNING, RISE, UNCHECKED
        self.admin = MAINT | OF_CONFIG if self.disabled else 0
        if self.disabled:
            self.op = STOPPED

    def check(self, code: int) -> None:
        if not self.checked or self.admin & MAINT:
            return
        self.seen = code
        if code != GOOD:
            self.health = self.health - 1 if self.health > RISE else 0
            self.op = self.op if self.health else STOPPED
            return
        self.health = min(self.health + 1, WHOLE)
        if self.health >= RISE and self.op != RUNNING:
            self.op, self.health = RUNNING, WHOLE

    def state(self, word: str) -> None:
        before = self.admin
        self.admin &= ~(MAINT | DRAIN)
        if word == "maint":
            self.admin |= MAINT
            self.op, self.health = STOPPED, 0
            return
        if word == "drain":
            self.admin |= DRAIN
        if before & MAINT:
            self.op, self.health = RUNNING, RISE

    def health_is(self, word: str) -> None:
        self.op = {"up": RUNNING, "down": STOPPED, "stopping": STOPPING}[word]
        self.health = 0 if word == "down" else WHOLE

    @property
    def status(self) -> str:
        if self.admin & MAINT:
            return "MAINT"
        if self.op == STOPPED:
            return f"DOWN {self.health}/{RISE}" if self.checked and self.health else "DOWN"
        word = "NOLB" if self.op == STOPPING else "DRAIN" if self.admin & DRAIN else "UP"
        if not self.checked:
            return "no check" if word == "UP" else word
        return word if self.health == WHOLE else f"{word} {self.health - RISE + 1}/{FALL}"


@dataclass
class Worker:
    pid: int
    reloads: int = 0


class FakeHaproxy:
    """``backends``: servers by the name of their backend; ``healthy``: whether the service behind
    ``backend/server`` is (None: nobody listens there). ``maps``: files of maps, all empty. ``clients``:
    connections from outside. ``asked``: every request, of both sockets.

    :meth:`admin` and :meth:`master` are what answers on the two sockets (``FakeTransport.sockets``).
    """

    def __init__(
        self,
        backends: Mapping[str, Iterable[FakeServer]],
        healthy: Callable[[str], bool | None] = lambda server: True,
        maps: Iterable[str] = (),
    ) -> None:
        self.backends = {name: {one.name: one for one in servers} for name, servers in backends.items()}
        self.healthy = healthy
        self.maps: dict[str, list[tuple[str, str]]] = {name: [] for name in maps}
        self.clients = 0
        self.asked: list[str] = []
        self.workers = [Worker(101)]
        self.reloads = self.failed = 0
        self._pids = itertools.count(102)
        self._deaf = False

    def server(self, name: str) -> FakeServer:
        """By ``backend/server``."""
        backend, _, server = name.partition("/")
        return self.backends[backend][server]

    def reload(self, state: str, *, valid: bool = True, lingering: bool = False) -> None:
        """What SIGUSR2 does. ``state``: the text of the state file; ``valid``: the configuration can be read;
        ``lingering``: the process from before has something to end, until :meth:`end_old`."""
        self.reloads += 1
        self._deaf = True
        for worker in self.workers:
            worker.reloads += 1
        if not valid:
            self.failed += 1
            return
        self.failed = 0
        for entries in self.maps.values():
            entries.clear()
        self.workers = [Worker(next(self._pids)), *(self.workers if lingering else ())]
        for servers in self.backends.values():
            for one in servers.values():
                one.begin()
                one.sessions, one.queued, one.counters = 0, 0, {}
        for line in state.splitlines():
            words = dict(zip(STATE.split(), line.split(), strict=False))
            one = self.backends.get(words.get("be_name", ""), {}).get(words.get("srv_name", ""))
            if one:
                _take_over(one, words)

    def end_old(self) -> None:
        """The processes from before have ended."""
        del self.workers[1:]

    def admin(self, request: str) -> str:
        self.asked.append(request)
        for backend, servers in self.backends.items():
            for one in servers.values():
                good = self.healthy(f"{backend}/{one.name}")
                one.check(NO_CONNECTION if good is None else GOOD if good else WRONG_STATUS)
        return "".join(self._carry_out(command.strip()) for command in request.split(";"))

    def master(self, request: str) -> str:
        """Of the one request after a reload nothing is heard: the master is not there for a moment."""
        self.asked.append(request)
        if self._deaf:
            self._deaf = False
            return ""
        if request.strip() != "show proc":
            return "Unknown command, but maybe one of the following ones is a better match:\n\n"
        now, *old = self.workers
        rows = [
            ("#<PID>", "<type>", "<reloads>", "<uptime>", "<version>      "),
            ("100", "master", f"{self.reloads} [failed: {self.failed}]", "0d00h01m00s", VERSION),
            ("# workers",), _process(now), *([("# old workers",), *map(_process, old)] if old else []),
        ]  # fmt: skip
        lines = (row[0] if len(row) == 1 else "{:<15} {:<15} {:<15} {:<15} {}".format(*row) for row in rows)
        text = "\n".join(lines)
        return f"{text}\n# programs\n\n"

    def _carry_out(self, command: str) -> str:
        if command == "show stat":
            return self._stat()
        if command == "show info":
            return f"Name: HAProxy\nVersion: {VERSION}\nPid: {self.workers[0].pid}\nStopping: 0\n\n"
        if found := re.fullmatch(r"show servers state(?: (\S+))?", command):
            return self._states(found[1])
        if found := re.fullmatch(r"set server (\S+)/(\S+) (state|weight|health) (\S+)", command):
            return self._set(*found.groups())
        if found := re.fullmatch(r"(show|add|del|clear) map (\S+)(?: (\S+))?(?: (.+))?", command):
            return self._map(found[1], found[2], found[3] or "", found[4] or "")
        return "Unknown command, but maybe one of the following ones is a better match:\n\n"

    def _set(self, backend: str, name: str, what: str, value: str) -> str:
        if backend not in self.backends:
            return "No such backend.\n\n"
        one = self.backends[backend].get(name)
        if one is None:
            return "No such server.\n\n"
        if what == "weight":
            if not value[0].isdigit():
                return "Empty weight string empty or preceded by garbage\n"
            number = int(value.rstrip("%"))
            number = one.weight * number // 100 if value.endswith("%") else number
            if number > 256:
                return "Absolute weight can only be between 0 and 256 inclusive.\n\n"
            one.now = number
        elif what == "state":
            if value not in {"ready", "drain", "maint"}:
                return "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n\n"
            one.state(value)
        elif value not in {"up", "stopping", "down"}:
            return "'set server <srv> health' expects 'up', 'stopping', or 'down'.\n\n"
        else:
            one.health_is(value)
        return "\n"

    def _map(self, verb: str, name: str, key: str, value: str) -> str:
        entries = self.maps.get(name)
        if entries is None:
            return NO_MAP
        if verb == "add":
            entries.append((key, value))
        elif verb == "clear":
            entries.clear()
        elif verb == "del":
            kept = [entry for entry in entries if entry[0] != key]
            if len(kept) == len(entries):
                return "Key not found.\n\n"
            entries[:] = kept
        else:
            return "".join(f"{id(entry):#x} {entry[0]} {entry[1]}\n" for entry in entries) + "\n"
        return "\n"

    def _states(self, only: str | None) -> str:
        if only is not None and only not in self.backends:
            return "Can't find backend.\n\n"
        lines = ["1", f"# {STATE}"]
        for number, (backend, servers) in enumerate(self.backends.items(), 3):
            if only is not None and backend != only:
                continue
            for place, one in enumerate(servers.values(), 1):
                checking = (14 if one.admin & MAINT else 6) if one.checked else 0
                lines.append(
                    f"{number} {backend} {place} {one.name} 127.0.0.1 {one.op} {one.admin} {one.now} "
                    f"{one.weight} 1 {one.seen} {CHECKS[one.seen][2]} {one.health} {checking} "
                    "0 0 0 - 80 - 0 0 - - 0"
                )
        return "\n".join(lines) + "\n\n"

    def _stat(self) -> str:
        rows = [{"pxname": "front", "svname": "FRONTEND", "scur": self.clients, "status": "OPEN"}]
        for backend, servers in self.backends.items():
            rows += [_row(backend, one) for one in servers.values()]
            up = any(one.op != STOPPED and one.now for one in servers.values())
            sessions = sum(one.sessions for one in servers.values())
            rows.append(
                {"pxname": backend, "svname": "BACKEND", "scur": sessions, "status": "UP" if up else "DOWN"}
            )
        lines = [",".join(str(row.get(column, "")) for column in STAT) + "," for row in rows]
        return f"# {','.join(STAT)},\n" + "\n".join(lines) + "\n\n"


def _row(backend: str, one: FakeServer) -> dict[str, object]:
    status, code, _ = CHECKS[one.seen] if one.checked and not one.admin & MAINT else ("", "", 0)
    counted = dict.fromkeys(("stot", "hrsp_5xx", "econ", "eresp", "qtime", "rtime"), 0)
    return {
        "pxname": backend, "svname": one.name, "qcur": one.queued, "scur": one.sessions, "status": one.status,
        "weight": one.now, "check_status": status, "check_code": code, **counted, **one.counters,
    }  # fmt: skip


def _process(worker: Worker) -> tuple[str, ...]:
    return str(worker.pid), "worker", str(worker.reloads), "0d00h01m00s", VERSION


def _take_over(one: FakeServer, words: Mapping[str, str]) -> None:
    admin = int(words["srv_admin_state"])
    one.admin = admin & (MAINT | DRAIN) | (OF_CONFIG if one.disabled else 0)
    one.op, one.seen = int(words["srv_op_state"]), int(words["srv_check_status"])
    one.health = int(words["srv_check_health"])
    if int(words["srv_iweight"]) == one.weight:
        one.now = int(words["srv_uweight"])
