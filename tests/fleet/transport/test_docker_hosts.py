"""Docker on a real host that is not as it should be: no right, no engine, no room, sudo that asks."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fleet.errors import FleetError, Interrupted, RemoteFailed
from fleet.ops import effects as fx
from fleet.rehearsal import HostFleet, host_fleet
from fleet.rehearsal.engine import engine
from fleet.transport.base import ApiFailed, ConnectionLost, Transport
from fleet.transport.connect import Connector
from fleet.transport.endpoint import Endpoint
from tests.support.hosts import KEYRING, NO_CONFIG
from tests.support.registry import Registry

Enter = Callable[..., Transport]
PING = fx.ExpectContainer("nobody-has-this-name")


@pytest.fixture
def registry(machine: HostFleet) -> Iterator[Registry]:
    made = Registry(str(next(machine.subnet.hosts())))
    yield made
    made.close()


def fails(transport: Transport, call: fx.ApiCall, timeout: float = 30) -> ApiFailed:
    with pytest.raises(ApiFailed) as caught:
        transport.docker(call, timeout=timeout)
    assert caught.value.host == "engine-1"
    assert caught.value.hint
    return caught.value


def test_the_login_user_and_sudo_both_reach_the_engine(enter: Enter) -> None:
    enter().docker(PING, timeout=30)
    enter(become=True).docker(PING, timeout=30)


def test_the_engine_of_this_machine(machine: HostFleet) -> None:
    # The engine under the host is this machine's; there the host is a container.
    words = ("docker", "-H", engine(lambda _: None).address)
    with Connector(KEYRING, ssh_config=NO_CONFIG) as connector:
        here = connector.connect(Endpoint("engine-1", "localhost", connection="local", docker=words))
        for _ in range(3):
            here.docker(PING, timeout=30)
        assert here.calls == 3
        here.close()
        lost = connector.connect(
            Endpoint("engine-1", "localhost", connection="local", docker=("no-docker-here",))
        )
        assert fails(lost, PING).what == "Docker is not installed"
        dead = ("docker", "-H", "unix:///nowhere.sock")
        lost = connector.connect(Endpoint("engine-1", "localhost", connection="local", docker=dead))
        assert fails(lost, PING).what == "the Docker Engine is not running"
        lost.close()


def test_calls_and_scripts_together_stay_within_the_sessions_of_sshd(enter: Enter) -> None:
    transport = enter(become=True)
    failures: list[BaseException] = []

    def use(work: Callable[[], object]) -> None:
        try:
            for _ in range(5):
                work()
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            failures.append(error)

    works = [lambda: transport.run("sleep 0.1", timeout=30), lambda: transport.docker(PING, timeout=30)] * 8
    threads = [threading.Thread(target=use, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert transport.calls == 80


@pytest.mark.parametrize("version", ["1.20", "1.99"])
def test_an_api_version_that_the_engine_does_not_speak_is_corrected(
    enter: Enter, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    transport = enter()
    monkeypatch.setattr(transport._docker, "version", version)
    transport.docker(PING, timeout=30)
    transport.docker(PING, timeout=30)
    assert transport.calls <= 3


def test_become_runs_as_root_and_as_another_user(enter: Enter) -> None:
    root = enter(become=True)
    assert root.run("id -un", timeout=30).out == b"root\n"
    assert root.run("id -un", timeout=30, become=False).out == b"deploy\n"
    other = enter(become=True, become_user="nodocker")
    assert other.run("id -un", timeout=30).out == b"nodocker\n"


def test_a_signal_under_sudo_and_a_cancel_of_roots_processes(enter: Enter) -> None:
    root = enter(become=True)
    assert root.run("kill -TERM $$; sleep 9", timeout=30).signal == "SIGTERM"
    pids: list[str] = []

    def on_line(stream: str, line: str) -> bool:
        pids.append(line)
        return True

    assert root.run("sleep 300 & echo $!; wait", timeout=60, on_line=on_line).stopped
    gone = f"for i in 1 2 3 4 5 6 7 8 9; do [ -d /proc/{pids[0]} ] || exit 0; sleep 0.2; done; exit 1"
    assert root.run(gone, timeout=30).ok


def test_sudo_that_asks_for_a_password(enter: Enter) -> None:
    transport = enter(user="sudoask", become=True)
    for use in (lambda: transport.run("true", timeout=30), lambda: transport.docker(PING, timeout=30)):
        with pytest.raises(RemoteFailed) as caught:
            use()
        assert caught.value.what == "sudo asks for a password"
        assert caught.value.host == "engine-1"
        assert "NOPASSWD" in caught.value.hint
    assert transport.run("id -un", timeout=30, become=False).out == b"sudoask\n"


def test_a_user_who_may_not_use_sudo(enter: Enter) -> None:
    transport = enter(user="nodocker", become=True)
    with pytest.raises(RemoteFailed, match="sudo") as caught:
        transport.run("true", timeout=30)
    assert "NOPASSWD" in caught.value.hint


def test_a_user_without_a_right_to_the_engine(enter: Enter) -> None:
    failure = fails(enter(user="nodocker"), PING)
    assert failure.what == "the login user has no right to the Docker Engine"
    assert "ansible_become" in failure.hint


@pytest.mark.parametrize("become", [False, True])
def test_docker_that_is_not_installed(enter: Enter, become: bool) -> None:
    failure = fails(enter(docker=("no-docker-here",), become=become), PING)
    assert failure.what == "Docker is not installed"


def test_an_engine_that_does_not_run_and_then_runs_again(machine: HostFleet, enter: Enter) -> None:
    transport = enter(become=True)
    transport.docker(PING, timeout=30)
    machine.host("engine-1").stop_engine()
    try:
        first = fails(transport, PING)
        assert first.what in {
            "the Docker Engine is not running",
            "the engine closed the connection",
        }, first
        assert fails(transport, PING).what == "the Docker Engine is not running"
    finally:
        machine.host("engine-1").start_engine()
    transport.docker(PING, timeout=30)


def test_an_engine_that_ends_during_a_call(machine: HostFleet, enter: Enter, registry: Registry) -> None:
    transport = enter(become=True)
    digest = registry.push("shop", "v1", "ends")
    image = f"{registry.address}/shop@{digest}"
    transport.docker(fx.PullImage(image), timeout=60)
    stubborn = ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done"]
    ask = {"Image": image, "Cmd": stubborn, "HostConfig": {"NetworkMode": "none"}}
    transport.docker(fx.CreateContainer("stubborn", ask), timeout=30)
    transport.docker(fx.StartContainer("stubborn"), timeout=30)
    killer = threading.Timer(1.0, machine.host("engine-1").run, ["pkill -KILL -x dockerd"])
    killer.start()
    try:
        failure = fails(transport, fx.StopContainer("stubborn", 20), timeout=60)
        assert failure.what == "the engine closed the connection"
    finally:
        killer.join()
        machine.host("engine-1").restart_engine()
    transport.docker(fx.RemoveContainer("stubborn"), timeout=60)


def test_a_call_that_takes_too_long(enter: Enter, registry: Registry) -> None:
    transport = enter(become=True)
    digest = registry.push("shop", "v1", "slow")
    image = f"{registry.address}/shop@{digest}"
    transport.docker(fx.PullImage(image), timeout=60)
    stopped = transport.run(
        "pid=$(pgrep -x dockerd) && kill -STOP $pid || exit\n"
        "until grep -q '^State:.*stopped' /proc/$pid/status; do sleep 0.05; done",
        timeout=30,
    )
    assert stopped.ok, stopped
    try:
        start = time.monotonic()
        failure = fails(transport, PING, timeout=2)
        assert failure.what == "the engine did not answer within 2 s"
        assert time.monotonic() - start < 10
    finally:
        transport.run("kill -CONT $(pgrep -x dockerd)", timeout=30)
    transport.docker(PING, timeout=30)


def test_a_pull_from_a_registry_that_never_answers_can_be_stopped(machine: HostFleet, enter: Enter) -> None:
    transport = enter(become=True)
    cancel = threading.Event()
    with socket.create_server((str(next(machine.subnet.hosts())), 0)) as silent:
        image = "{}:{}/shop:v1".format(*silent.getsockname())

        def stop_when_asked() -> None:
            with silent.accept()[0]:
                cancel.set()
                stopped.wait(60)

        stopped = threading.Event()
        thread = threading.Thread(target=stop_when_asked, daemon=True)
        thread.start()
        with pytest.raises(Interrupted) as caught:
            transport.docker(fx.PullImage(image), timeout=600, cancel=cancel)
        assert caught.value.host == "engine-1"
        assert not stopped.is_set()
        stopped.set()
        thread.join(10)
    transport.docker(PING, timeout=30)
    assert transport.run("echo still here", timeout=30).ok


def test_a_pull_that_downloads_something_else_is_no_success(enter: Enter, registry: Registry) -> None:
    digest = registry.push("shop", "v1", "broken")
    registry.damaged = True
    failure = fails(enter(become=True), fx.PullImage(f"{registry.address}/shop@{digest}"), timeout=120)
    assert "was not pulled" in failure.what


def test_a_registry_that_forbids(enter: Enter, registry: Registry) -> None:
    digest = registry.push("shop", "v1", "one")
    registry.forbidden = True
    failure = fails(enter(become=True), fx.PullImage(f"{registry.address}/shop@{digest}"))
    assert failure.status == 403
    assert "denies" in failure.what


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    with host_fleet("transport-disk", ["engine-1"], tmp_path / "keys", disk_mb={"engine-1": 64}) as fleet:
        known = tmp_path / "known_hosts"
        known.write_text(fleet.known_hosts())
        host = fleet.host("engine-1")
        registry = Registry(str(next(fleet.subnet.hosts())))
        digest = registry.push("shop", "v1", "full")
        host.fill_disk()
        with Connector(KEYRING, known_hosts=[known], ssh_config=NO_CONFIG) as connector:
            transport = connector.connect(
                Endpoint("engine-1", host.address, user="deploy", key_file=str(fleet.keys.private_key))
            )
            failure = fails(transport, fx.PullImage(f"{registry.address}/shop@{digest}"), timeout=120)
            assert failure.what == "the host's disk is full"
            transport.close()
        registry.close()


def test_a_host_that_is_switched_off_during_a_call(tmp_path: Path) -> None:
    with host_fleet("transport-off", ["engine-1"], tmp_path / "keys") as fleet:
        known = tmp_path / "known_hosts"
        known.write_text(fleet.known_hosts())
        host = fleet.host("engine-1")
        with Connector(KEYRING, known_hosts=[known], ssh_config=NO_CONFIG) as connector:
            endpoint = Endpoint("engine-1", host.address, user="deploy", key_file=str(fleet.keys.private_key))
            transport = connector.connect(endpoint)
            transport.docker(PING, timeout=30)
            host.pause()
            try:
                start = time.monotonic()
                with pytest.raises(ConnectionLost):
                    transport.docker(PING, timeout=60)
                assert time.monotonic() - start < 20
            finally:
                host.unpause()
            again = connector.connect(endpoint)
            host.kill()
            with pytest.raises(FleetError):
                again.run("true", timeout=30)
            again.close()
            transport.close()
