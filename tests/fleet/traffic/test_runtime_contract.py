"""What HAProxy's runtime does with servers, weights, maps and reloads: facts, and the fake beside them."""

import contextlib
import http.server
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from fleet.balancers.haproxy import HAProxy
from fleet.model.balancing import BalancerView, ServerView, Workers
from fleet.secret import Keyring
from fleet.transport.base import SocketGone
from fleet.transport.endpoint import Endpoint
from fleet.transport.fake import FakeTransport
from fleet.transport.local import LocalTransport
from tests.support.haproxy import STAT, STATE, FakeHaproxy, FakeServer
from tests.support.sshd import free_port

SERVERS = ("web-1", "web-2", "off")
"""``off`` is disabled in the configuration; beside them ``plain/one`` is not checked."""

CONFIG = """\
global
  stats socket {at}/admin.sock mode 660 level admin
  server-state-file {at}/state
  hard-stop-after 20s
defaults
  mode http
  timeout connect 1s
  timeout client 20s
  timeout server 20s
  load-server-state-from-file global
frontend front
  bind 127.0.0.1:{port}
  http-request return status 503 if {{ str(app),map_str({at}/maintenance.map,off) -m str on }}
  default_backend app
backend app
  option httpchk GET /health
  default-server inter 60ms fastinter 60ms downinter 60ms fall 2 rise 2 weight 100 check
{servers}
backend plain
  server one 127.0.0.1:{first}
"""


T = TypeVar("T")


class Rig(Protocol):
    """A balancer with its servers, real or not."""

    map: str

    def ask(self, request: str) -> str: ...

    def ask_master(self) -> str:
        """``show proc``. Raises SocketGone while it reloads."""

    def serve(self, server: str, good: bool | None) -> None:
        """From now on the service behind it is good, or sick, or nobody listens there (None)."""

    def reload(self, state: str, *, valid: bool = True) -> None: ...

    def occupy(self) -> Callable[[], None]:
        """A client has a request under way at ``web-1``; the answer lets it end."""


class FakeRig:
    map = "/maintenance.map"

    def __init__(self, directory: Path) -> None:
        self._good: dict[str, bool | None] = {}
        app = [FakeServer("web-1"), FakeServer("web-2"), FakeServer("off", disabled=True)]
        self.fake = FakeHaproxy(
            {"app": app, "plain": [FakeServer("one", weight=1, checked=False)]},
            lambda server: self._good.get(server.partition("/")[2], True),
            [self.map],
        )
        self._host = FakeTransport("fake", directory)
        self._host.sockets = {"admin": self.fake.admin, "master": self.fake.master}

    def ask(self, request: str) -> str:
        return self._host.ask("admin", request, timeout=10)

    def ask_master(self) -> str:
        return self._host.ask("master", "show proc", timeout=10)

    def serve(self, server: str, good: bool | None) -> None:
        self._good[server] = good

    def reload(self, state: str, *, valid: bool = True) -> None:
        lingering = self.fake.clients > 0
        self.fake.reload(state, valid=valid, lingering=lingering)

    def occupy(self) -> Callable[[], None]:
        self.fake.clients = self.fake.server("app/web-1").sessions = 1

        def end() -> None:
            self.fake.clients = self.fake.server("app/web-1").sessions = 0
            self.fake.end_old()

        return end


class Service:
    """Behind one server. ``held``: requests other than checks wait for it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._server: http.server.ThreadingHTTPServer | None = None
        self.good: bool | None = True
        self.held = threading.Event()
        self.held.set()

    def set(self, good: bool | None) -> None:
        self.good = good
        if good is None:
            self.close()
        elif self._server is None:
            self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
            threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True).start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _handler(service) -> type[http.server.BaseHTTPRequestHandler]:  # noqa: N805 - both are meant inside
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path != "/health":
                    service.held.wait(20)
                self.send_response(200 if service.good else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


class RealRig:
    def __init__(self, directory: Path) -> None:
        self._at = directory
        ports = [free_port() for _ in SERVERS]
        self._front = free_port()
        self._services = {name: Service(port) for name, port in zip(SERVERS, ports, strict=True)}
        for service in self._services.values():
            service.set(True)
        servers = "\n".join(
            f"  server {name} 127.0.0.1:{port}{' disabled' if name == 'off' else ''}"
            for name, port in zip(SERVERS, ports, strict=True)
        )
        self._config = CONFIG.format(at=directory, port=self._front, first=ports[0], servers=servers)
        self.map = f"{directory}/maintenance.map"
        Path(self.map).touch()
        (directory / "state").touch()
        (directory / "haproxy.cfg").write_text(self._config)
        self._log = (directory / "log").open("wb")
        words = ["haproxy", "-W", "-db", "-S", f"{directory}/master.sock,mode,660"]
        environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
        self._process = subprocess.Popen(
            [*words, "-f", f"{directory}/haproxy.cfg"], stdout=self._log, stderr=self._log, env=environment
        )
        self._host = LocalTransport(Endpoint("here", "localhost", connection="local"), Keyring({}))

    def ask(self, request: str) -> str:
        return self._host.ask(f"{self._at}/admin.sock", request, timeout=10)

    def ask_master(self) -> str:
        return self._host.ask(f"{self._at}/master.sock", "show proc", timeout=10)

    def serve(self, server: str, good: bool | None) -> None:
        self._services[server].set(good)

    def reload(self, state: str, *, valid: bool = True) -> None:
        before = awaited(lambda: workers(self))
        (self._at / "state").write_text(state)
        (self._at / "haproxy.cfg").write_text(self._config + ("" if valid else "nonsense\n"))
        self._process.send_signal(signal.SIGUSR2)
        awaited(lambda: workers(self).reloads > before.reloads)
        (self._at / "haproxy.cfg").write_text(self._config)

    def occupy(self) -> Callable[[], None]:
        service = self._services["web-1"]
        service.held.clear()
        client = socket.create_connection(("127.0.0.1", self._front))
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")

        def end() -> None:
            service.held.set()
            assert client.recv(100)
            client.close()

        return end

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        for service in self._services.values():
            service.held.set()
            service.close()
        self._log.close()
        self._host.close()


@pytest.fixture(params=["fake", "haproxy"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    if request.param == "fake":
        yield FakeRig(tmp_path)
        return
    real = RealRig(tmp_path)
    try:
        awaited(lambda: server(real, "web-1").up and server(real, "web-1").check.startswith("L7OK"))
        yield real
    finally:
        real.close()


def awaited(condition: Callable[[], T], seconds: float = 15) -> T:
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(SocketGone):
            if found := condition():
                return found
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.01)


def view(rig: Rig) -> BalancerView:
    return HAProxy().view(rig.ask(HAProxy.look))


def server(rig: Rig, name: str) -> ServerView:
    return view(rig).servers[name if "/" in name else f"app/{name}"]


def workers(rig: Rig) -> Workers:
    return HAProxy().workers(rig.ask_master())


def words(rig: Rig, name: str) -> dict[str, str]:
    """A server in ``show servers state``."""
    line = next(line for line in rig.ask("show servers state").splitlines() if f" {name} " in line)
    return dict(zip(STATE.split(), line.split(), strict=False))


def status(rig: Rig, name: str) -> str:
    """``status`` of a server in ``show stat``."""
    line = next(line for line in rig.ask("show stat").splitlines() if f",{name}," in line)
    return line.split(",")[STAT.index("status")]


def order(rig: Rig, what: str) -> None:
    """``web-1 state drain``"""
    assert rig.ask(f"set server app/{what}") == "\n"


def fresh(rig: Rig) -> ServerView:
    """web-1, drained, with its checks good."""
    order(rig, "web-1 state drain")
    awaited(lambda: status(rig, "web-1") == "DRAIN")
    return server(rig, "web-1")


def test_the_columns_are_those_of_the_fake(rig: Rig) -> None:
    stat = rig.ask("show stat")
    assert stat.startswith(f"# {','.join(STAT)},")
    assert stat.endswith("\n\n")
    assert rig.ask("show servers state").startswith(f"1\n# {STATE}\n")
    assert rig.ask("show servers state plain").count("\n") == 4
    assert "\nPid: " in rig.ask("show info")


def test_a_setting_answers_with_an_empty_line_and_each_of_several_with_its_own(rig: Rig) -> None:
    assert rig.ask("set server app/web-1 state drain") == "\n"
    assert rig.ask("set server app/web-1 weight 10; set server app/web-2 state ready") == "\n\n"
    assert rig.ask("set server no/x state drain;set server app/web-1 weight 20") == "No such backend.\n\n\n"
    assert server(rig, "web-1").weight == 20


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        ("set server app/no state drain", "No such server.\n\n"),
        ("set server no/web-1 state drain", "No such backend.\n\n"),
        (
            "set server app/web-1 state away",
            "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n\n",
        ),
        (
            "set server app/web-1 health well",
            "'set server <srv> health' expects 'up', 'stopping', or 'down'.\n\n",
        ),
        ("set server app/web-1 weight 300", "Absolute weight can only be between 0 and 256 inclusive.\n\n"),
        ("set server app/web-1 weight x", "Empty weight string empty or preceded by garbage\n"),
        ("show servers state no", "Can't find backend.\n\n"),
        ("show map /no", "Unknown map identifier. Please use #<id> or <file>.\n\n"),
        ("add map /no a b", "Unknown map identifier. Please use #<id> or <file>.\n\n"),
    ],
)
def test_what_it_refuses(rig: Rig, request_: str, answer: str) -> None:
    before = rig.ask("show servers state app").splitlines()[2].split()[:9]
    assert rig.ask(request_) == answer
    assert rig.ask("show servers state app").splitlines()[2].split()[:9] == before


def test_an_unknown_command_is_told_with_a_list_of_those_it_knows(rig: Rig) -> None:
    assert rig.ask("dance").startswith("Unknown command")


def test_a_drained_server_whose_checks_are_good_is_in_drain_and_counts_as_up(rig: Rig) -> None:
    seen = fresh(rig)
    assert (seen.up, seen.drained, seen.stopped, seen.serves, seen.weight) == (True, True, False, False, 100)
    assert (words(rig, "web-1")["srv_op_state"], words(rig, "web-1")["srv_admin_state"]) == ("2", "8")


@pytest.mark.parametrize(("good", "check"), [(False, "L7STS/503"), (None, "L4CON")])
def test_a_drained_server_goes_down_by_its_checks_though_nobody_asks_it(
    rig: Rig, good: bool | None, check: str
) -> None:
    """Also without a session and without a listener: DOWN, no longer DRAIN; the drain stays in its state."""
    fresh(rig)
    rig.serve("web-1", good)
    awaited(lambda: status(rig, "web-1") == "DOWN" and server(rig, "web-1").check == check)
    seen = server(rig, "web-1")
    assert (seen.up, seen.drained) == (False, True)
    rig.serve("web-1", True)
    awaited(lambda: status(rig, "web-1") == "DRAIN")
    assert server(rig, "web-1").drained


def test_health_down_in_drain_is_down_at_once_and_only_checks_bring_it_back_into_drain(rig: Rig) -> None:
    fresh(rig)
    told = rig.ask("set server app/web-1 health down;show servers state app").splitlines()[3]
    assert told.split()[5:7] == ["0", "8"]
    awaited(lambda: server(rig, "web-1").up)
    assert status(rig, "web-1") == "DRAIN"
    assert server(rig, "web-1").drained


def test_health_down_in_drain_stays_down_while_the_checks_fail(rig: Rig) -> None:
    fresh(rig)
    rig.serve("web-1", False)
    order(rig, "web-1 health down")
    for _ in range(20):
        assert not server(rig, "web-1").up
        time.sleep(0.01)
    assert status(rig, "web-1") == "DOWN"


def test_after_health_down_the_column_of_the_last_check_still_shows_the_old_result(rig: Rig) -> None:
    """So a good check alone does not tell that the server was checked since."""
    fresh(rig)
    row = rig.ask("set server app/web-1 health down;show stat").splitlines()
    columns = next(line for line in row if ",web-1," in line).split(",")
    assert columns[STAT.index("check_status")].removeprefix("* ") == "L7OK"
    assert columns[STAT.index("status")] == "DOWN"


def test_ready_while_the_checks_fail_stays_down_until_they_pass(rig: Rig) -> None:
    fresh(rig)
    rig.serve("web-1", False)
    awaited(lambda: not server(rig, "web-1").up)
    order(rig, "web-1 state ready")
    seen = server(rig, "web-1")
    assert (seen.up, seen.drained) == (False, False)
    rig.serve("web-1", True)
    awaited(lambda: status(rig, "web-1") == "UP")
    assert server(rig, "web-1").serves


def test_a_server_that_leaves_maintenance_is_up_before_any_check(rig: Rig) -> None:
    rig.serve("web-1", None)
    order(rig, "web-1 state maint")
    assert (status(rig, "web-1"), server(rig, "web-1").stopped) == ("MAINT", True)
    told = rig.ask("set server app/web-1 state ready;show servers state app").splitlines()[3]
    assert told.split()[5:7] == ["2", "0"]
    awaited(lambda: not server(rig, "web-1").up)


def test_maintenance_ends_a_drain_and_a_drain_ends_maintenance(rig: Rig) -> None:
    fresh(rig)
    order(rig, "web-1 state maint")
    assert words(rig, "web-1")["srv_admin_state"] == "1"
    order(rig, "web-1 state drain")
    assert words(rig, "web-1")["srv_admin_state"] == "8"


def test_disabled_by_the_configuration_leaves_its_bit_though_the_server_serves(rig: Rig) -> None:
    """Bit 4 of srv_admin_state says what the file said; bit 1 alone says maintenance."""
    assert (status(rig, "off"), words(rig, "off")["srv_admin_state"]) == ("MAINT", "5")
    order(rig, "off state ready")
    awaited(lambda: status(rig, "off") == "UP")
    assert words(rig, "off")["srv_admin_state"] == "4"


def test_a_server_without_checks_is_up_in_drain_too_and_down_for_good_by_hand(rig: Rig) -> None:
    assert status(rig, "one") == "no check"
    rig.ask("set server plain/one state drain")
    assert (status(rig, "one"), server(rig, "plain/one").up) == ("DRAIN", True)
    rig.ask("set server plain/one health down")
    assert (status(rig, "one"), server(rig, "plain/one").up) == ("DOWN", False)
    rig.ask("set server plain/one health up")
    assert server(rig, "plain/one").up


def test_health_stopping_ends_with_the_next_good_check(rig: Rig) -> None:
    told = rig.ask("set server app/web-1 health stopping;show servers state app").splitlines()[3]
    assert told.split()[5] == "3"
    awaited(lambda: status(rig, "web-1") == "UP")


def test_weights_are_absolute_and_a_percentage_is_of_the_configuration(rig: Rig) -> None:
    order(rig, "web-1 weight 0")
    seen = server(rig, "web-1")
    assert (seen.up, seen.weight, seen.serves) == (True, 0, False)
    order(rig, "web-1 weight 50%")
    assert server(rig, "web-1").weight == 50
    rig.ask("set server plain/one weight 50%")
    assert server(rig, "plain/one").weight == 0, "half of one is nothing"


def test_a_map_takes_a_key_twice_and_loses_both_at_once(rig: Rig) -> None:
    def entries() -> list[list[str]]:
        return [line.split()[1:] for line in rig.ask(f"show map {rig.map}").splitlines() if line]

    assert rig.ask(f"show map {rig.map}") == "\n"
    for _ in range(2):
        assert rig.ask(f"add map {rig.map} app on") == "\n"
    assert entries() == [["app", "on"]] * 2
    assert HAProxy().paged(rig.ask(HAProxy().entries(rig.map))) == {"app"}
    assert rig.ask(f"del map {rig.map} app") == "\n"
    assert entries() == []
    assert rig.ask(f"del map {rig.map} app") == "Key not found.\n\n"
    rig.ask(f"add map {rig.map} app on")
    assert rig.ask(f"clear map {rig.map}") == "\n"
    assert entries() == []


def test_a_reload_with_a_state_file_keeps_drain_weight_and_health(rig: Rig) -> None:
    fresh(rig)
    order(rig, "web-1 weight 37")
    rig.serve("web-2", None)
    awaited(lambda: not server(rig, "web-2").up)
    order(rig, "off state ready")
    awaited(lambda: status(rig, "off") == "UP")
    rig.reload(rig.ask("show servers state"))
    states = {one: words(rig, one) for one in SERVERS}
    assert [states["web-1"][key] for key in ("srv_op_state", "srv_admin_state", "srv_uweight")] == [
        "2", "8", "37"
    ]  # fmt: skip
    assert states["web-2"]["srv_op_state"] == "0"
    assert (states["off"]["srv_op_state"], states["off"]["srv_admin_state"]) == ("2", "4")


def test_a_saved_health_down_is_still_down_after_the_reload_until_the_checks_pass(rig: Rig) -> None:
    fresh(rig)
    state = rig.ask("set server app/web-1 health down;show servers state").removeprefix("\n")
    rig.serve("web-1", False)
    rig.reload(state)
    assert words(rig, "web-1")["srv_op_state"] == "0"
    rig.serve("web-1", True)
    awaited(lambda: status(rig, "web-1") == "DRAIN")


def test_a_reload_without_a_state_file_gives_a_drained_server_its_requests_back(rig: Rig) -> None:
    fresh(rig)
    order(rig, "web-1 weight 37")
    rig.reload("")
    seen = server(rig, "web-1")
    assert (seen.drained, seen.weight) == (False, 100)


def test_a_saved_maintenance_outlives_the_reload(rig: Rig) -> None:
    order(rig, "web-2 state maint")
    rig.reload(rig.ask("show servers state"))
    assert status(rig, "web-2") == "MAINT"


def test_maps_keep_what_was_added_at_run_time_only_until_the_reload(rig: Rig) -> None:
    rig.ask(f"add map {rig.map} app on")
    rig.reload(rig.ask("show servers state"))
    assert rig.ask(f"show map {rig.map}") == "\n"


def test_a_reload_makes_a_new_worker_and_counts(rig: Rig) -> None:
    before = awaited(lambda: workers(rig))
    assert (before.reloads, before.failed, before.old) == (0, 0, ())
    rig.reload(rig.ask("show servers state"))
    now = awaited(lambda: workers(rig))
    assert (now.reloads, now.failed) == (1, 0)
    assert now.current != before.current


def test_a_reload_that_fails_is_counted_and_the_worker_stays_until_one_goes_well(rig: Rig) -> None:
    before = awaited(lambda: workers(rig))
    fresh(rig)
    state = rig.ask("show servers state")
    for count in (1, 2):
        rig.reload(state, valid=False)
        now = awaited(lambda: workers(rig))
        assert (now.current, now.reloads, now.failed) == (before.current, count, count)
    assert server(rig, "web-1").drained
    rig.reload(state)
    now = awaited(lambda: workers(rig))
    assert (now.reloads, now.failed) == (3, 0)
    assert now.current != before.current


def test_an_old_worker_ends_with_its_last_request_and_its_sessions_are_not_seen_any_more(rig: Rig) -> None:
    before = awaited(lambda: workers(rig))
    end = rig.occupy()
    awaited(lambda: server(rig, "web-1").sessions == 1)
    rig.reload(rig.ask("show servers state"))
    assert awaited(lambda: workers(rig)).old == (before.current,)
    assert server(rig, "web-1").sessions == 0, "only 'show proc' tells of it"
    end()
    awaited(lambda: workers(rig).old == ())


def test_connections_from_outside_are_the_sessions_of_the_frontends(rig: Rig) -> None:
    """The admin socket's own are not among them."""
    assert view(rig).clients == 0
    end = rig.occupy()
    awaited(lambda: view(rig).clients == 1)
    assert server(rig, "web-1").sessions == 1
    end()
    awaited(lambda: view(rig).clients == 0)
