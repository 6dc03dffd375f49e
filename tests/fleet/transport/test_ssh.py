"""Ways in which a host cannot be entered or is lost, each with an error of its own."""

import os
import resource
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fleet.errors import Unreachable
from fleet.transport.base import ConnectionLost, Transport
from fleet.transport.connect import Connector
from fleet.transport.endpoint import Endpoint
from fleet.transport.known_hosts import fingerprint
from fleet.transport.ssh import SshTransport
from tests.support.hosts import KEYRING, NO_CONFIG
from tests.support.sshd import Sshd, children, free_port, keygen

AnotherSshd = Callable[..., Sshd]


def refused(connector: Connector, endpoint: Endpoint) -> Unreachable:
    with pytest.raises(Unreachable) as caught:
        connector.connect(endpoint)
    assert caught.value.host == endpoint.name
    assert caught.value.hint
    return caught.value


def fresh(*known_hosts: Path, ssh_config: Path = NO_CONFIG, timeout: float = 5) -> Connector:
    return Connector(KEYRING, known_hosts=known_hosts, ssh_config=ssh_config, timeout=timeout)


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Listens, and its queue of connections is full: further ones get no answer."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        waiting = []
        for _ in range(3):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(server.getsockname())
            waiting.append(client)
        yield server
        for client in waiting:
            client.close()


def greeter(answer: bytes) -> tuple[int, threading.Thread]:
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with server, server.accept()[0] as client:
            client.sendall(answer)
            client.recv(100)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return server.getsockname()[1], thread


def test_a_name_that_does_not_resolve(connector: Connector) -> None:
    error = refused(connector, Endpoint("web-1", "no-such-host.invalid", user="x"))
    assert error.what == "the name 'no-such-host.invalid' is not known"
    assert error.why


def test_a_refused_connection(connector: Connector) -> None:
    port = free_port()
    error = refused(connector, Endpoint("web-1", "127.0.0.1", port=port, user="x"))
    assert error.what == f"127.0.0.1 port {port} refuses the connection"


def test_a_host_that_does_not_answer(silent: socket.socket) -> None:
    port = silent.getsockname()[1]
    start = time.monotonic()
    error = refused(fresh(timeout=1), Endpoint("web-1", "127.0.0.1", port=port, user="x"))
    assert error.what == f"127.0.0.1 port {port} does not answer"
    assert error.why == "no connection within 1 s"
    assert time.monotonic() - start < 5


def test_a_server_that_is_no_ssh(connector: Connector) -> None:
    port, thread = greeter(b"HTTP/1.0 400 Bad Request\r\n\r\n")
    error = refused(connector, Endpoint("web-1", "127.0.0.1", port=port, user="x"))
    assert error.what == f"127.0.0.1 port {port} does not speak SSH"
    thread.join(10)


def test_a_server_that_says_nothing() -> None:
    port, thread = greeter(b"")
    start = time.monotonic()
    error = refused(fresh(timeout=1), Endpoint("web-1", "127.0.0.1", port=port, user="x"))
    assert error.what == f"127.0.0.1 port {port} does not speak SSH"
    assert time.monotonic() - start < 8
    thread.join(10)


def test_a_host_that_hangs_after_its_first_words() -> None:
    """As one does whose processes are stopped, or that is out of memory."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port, over = server.getsockname()[1], threading.Event()

        def serve() -> None:
            with server.accept()[0] as client:
                client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                over.wait(30)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        error = refused(fresh(timeout=1), Endpoint("web-1", "127.0.0.1", port=port, user="x"))
        over.set()
    thread.join(10)
    assert error.what == f"127.0.0.1 port {port} accepts the connection and then says nothing"
    assert "no SSH handshake within 1 s" in error.why


def test_nothing_is_written_to_the_terminal(connector: Connector, capfd: pytest.CaptureFixture[str]) -> None:
    port, thread = greeter(b"nonsense\r\n")
    refused(connector, Endpoint("web-1", "127.0.0.1", port=port, user="x"))
    thread.join(10)
    assert capfd.readouterr() == ("", "")


def sha256(line: str) -> str:
    done = subprocess.run(["ssh-keygen", "-lf", "-"], input=line, text=True, capture_output=True, check=True)
    return done.stdout.split()[1]


def test_an_unknown_host_key(sshd: Sshd, tmp_path: Path) -> None:
    empty = tmp_path / "known_hosts"
    error = refused(fresh(empty), sshd.endpoint())
    assert error.what == f"the host key of 127.0.0.1 port {sshd.port} is not known"
    assert error.why == f"ssh-ed25519 {sha256(sshd.host_key)}"
    assert str(empty) in error.hint
    assert f"[127.0.0.1]:{sshd.port}" in error.hint
    assert not empty.exists(), "a key must never be added"


def test_a_changed_host_key(sshd: Sshd, tmp_path: Path) -> None:
    other = keygen(tmp_path / "other")
    known = tmp_path / "known_hosts"
    known.write_text(f"# a comment\n\n[127.0.0.1]:{sshd.port} {other}")
    error = refused(fresh(known), sshd.endpoint())
    assert error.what == f"the host key of 127.0.0.1 port {sshd.port} has changed"
    assert sha256(sshd.host_key) in error.why
    assert sha256(other) in error.why
    assert f"{known}:3" in error.why


def test_a_known_key_of_another_type_does_not_let_a_new_one_in(sshd: Sshd, tmp_path: Path) -> None:
    other = keygen(tmp_path / "other", "ecdsa")
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{sshd.port} {other}")
    assert refused(fresh(known), sshd.endpoint()).what.endswith("has changed")


def test_a_revoked_host_key(sshd: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    line = f"[127.0.0.1]:{sshd.port} {sshd.host_key}"
    known.write_text(f"{line}@revoked {line}")
    assert refused(fresh(known), sshd.endpoint()).what.endswith("is revoked")


def test_a_hashed_known_hosts_file(sshd: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(sshd.known_hosts.read_text())
    subprocess.run(["ssh-keygen", "-H", "-f", str(known)], check=True, capture_output=True)
    assert "127.0.0.1" not in known.read_text()
    with fresh(known) as connector:
        connector.connect(sshd.endpoint()).close()


def test_the_environments_own_known_hosts_beat_the_users(sshd: Sshd, tmp_path: Path) -> None:
    wrong = tmp_path / "environment"
    wrong.write_text(f"[127.0.0.1]:{sshd.port} {keygen(tmp_path / 'other')}")
    config = tmp_path / "config"
    config.write_text(f"Host *\n UserKnownHostsFile {sshd.known_hosts}\n")
    with fresh(ssh_config=config) as connector:
        connector.connect(sshd.endpoint()).close()
    assert refused(fresh(wrong, ssh_config=config), sshd.endpoint()).what.endswith("has changed")


def test_a_refused_login_names_the_user_and_the_keys(
    sshd: Sshd, connector: Connector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    keygen(tmp_path / "stranger")
    error = refused(connector, sshd.endpoint(user="root", key_file=str(tmp_path / "stranger")))
    assert error.what == f"127.0.0.1 port {sshd.port} refuses the login of user 'root'"
    assert error.why == f"{tmp_path}/stranger: refused"
    assert "authorized_keys" in error.hint


def test_a_missing_and_an_encrypted_key_are_told(
    sshd: Sshd, connector: Connector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    missing = refused(connector, sshd.endpoint(key_file=str(tmp_path / "missing")))
    assert missing.why == f"{tmp_path}/missing: no such file"
    keygen(tmp_path / "locked", passphrase="secret")
    locked = refused(connector, sshd.endpoint(key_file=str(tmp_path / "locked")))
    assert locked.why == f"{tmp_path}/locked: needs a passphrase"
    assert "ssh-add" in locked.hint
    (tmp_path / "broken").write_text("nonsense")
    broken = refused(connector, sshd.endpoint(key_file=str(tmp_path / "broken")))
    assert "cannot be read" in broken.why


def test_a_key_of_the_agent(
    sshd: Sshd, connector: Connector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(tmp_path / "agent")], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while not (tmp_path / "agent").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        subprocess.run(["ssh-add", str(sshd.client_key)], check=True, capture_output=True)
        keygen(tmp_path / "stranger")
        connector.connect(sshd.endpoint(key_file=str(tmp_path / "stranger"))).close()
    finally:
        agent.terminate()
        agent.wait(10)


def test_ssh_config_gives_address_port_user_and_keys(sshd: Sshd, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        f"Host alias\n HostName 127.0.0.1\n Port {sshd.port}\n User root\n IdentityFile {sshd.client_key}\n"
    )
    with fresh(sshd.known_hosts, ssh_config=config) as connector:
        transport = connector.connect(Endpoint("web-1", "alias"))
        assert transport.run("id -un", timeout=30).out == b"root\n"
        transport.close()


@pytest.mark.parametrize("where", ["inventory", "ssh config", "proxy command"])
def test_a_jump_host(sshd: Sshd, another_sshd: AnotherSshd, tmp_path: Path, where: str) -> None:
    jump = another_sshd()
    config = tmp_path / "config"
    entry = (
        f"Host jump\n HostName 127.0.0.1\n Port {jump.port}\n User root\n IdentityFile {jump.client_key}\n"
    )
    extra = {
        "inventory": "",
        "ssh config": "Host 127.0.0.1\n ProxyJump jump\n",
        "proxy command": "Host 127.0.0.1\n ProxyCommand nc %h %p\n",
    }[where]
    if where == "proxy command":
        extra = f"Host 127.0.0.1\n ProxyCommand {_relay(tmp_path)} %h %p\n"
    config.write_text(entry + extra)
    with fresh(sshd.known_hosts, jump.known_hosts, ssh_config=config) as connector:
        transport = connector.connect(sshd.endpoint(proxy_jump="jump" if where == "inventory" else ""))
        assert transport.run("echo $SSH_CONNECTION", timeout=30).out
        assert len(jump.sessions()) == (0 if where == "proxy command" else 1)
        transport.close()


def _relay(directory: Path) -> Path:
    """What ``nc`` does, without needing it."""
    program = directory / "relay"
    program.write_text(
        "#!/usr/bin/env python3\nimport os, socket, sys, threading\n"
        "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "def up():\n"
        "    while d := os.read(0, 65536): s.sendall(d)\n"
        "    s.shutdown(socket.SHUT_WR)\n"
        "threading.Thread(target=up, daemon=True).start()\n"
        "while d := s.recv(65536): os.write(1, d)\n"
    )
    program.chmod(0o755)
    return program


def test_hosts_behind_a_jump_host_share_one_connection_to_it(sshd: Sshd, another_sshd: AnotherSshd) -> None:
    jump = another_sshd()
    hop = f"root@127.0.0.1:{jump.port}"
    config = jump.directory / "config"
    config.write_text(f"Host *\n IdentityFile {jump.client_key}\n")
    endpoints = [sshd.endpoint(name=f"web-{n}", proxy_jump=hop) for n in range(12)]
    with fresh(sshd.known_hosts, jump.known_hosts, ssh_config=config, timeout=20) as connector:
        found = connector.connect_all(endpoints, parallel=12)
        assert list(found) == [endpoint.name for endpoint in endpoints]
        assert len(jump.sessions()) == 1
        for transport in found.values():
            assert isinstance(transport, SshTransport), transport
            assert transport.run("echo up", timeout=30).out == b"up\n"
            transport.close()


def test_a_jump_host_that_cannot_be_entered_is_tried_once_and_named(sshd: Sshd) -> None:
    tried: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve() -> None:
            while True:
                try:
                    client = server.accept()[0]
                except OSError:
                    return
                tried.append(1)
                client.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        endpoints = [sshd.endpoint(name=f"web-{n}", proxy_jump=f"x@127.0.0.1:{port}") for n in range(5)]
        with fresh(sshd.known_hosts) as connector:
            found = connector.connect_all(endpoints)
        server.shutdown(socket.SHUT_RDWR)
    thread.join(10)
    assert len(tried) == 1
    for name, error in found.items():
        assert isinstance(error, Unreachable)
        assert error.host == name
        assert error.what == f"the jump host 127.0.0.1 port {port} cannot be entered"
        assert "does not speak SSH" in error.why


def test_a_jump_host_that_was_lost_is_entered_again(sshd: Sshd, another_sshd: AnotherSshd) -> None:
    jump = another_sshd()
    config = jump.directory / "config"
    config.write_text(f"Host *\n IdentityFile {jump.client_key}\n")
    behind = sshd.endpoint(proxy_jump=f"root@127.0.0.1:{jump.port}")
    with fresh(sshd.known_hosts, jump.known_hosts, ssh_config=config) as connector:
        before = connector.connect(behind)
        signal_all(jump.sessions(), signal.SIGKILL)
        with pytest.raises(ConnectionLost):
            before.run("sleep 60", timeout=60)
        before.close()
        transport = connector.connect(behind)
        assert transport.run("echo up", timeout=30).out == b"up\n"
        transport.close()


def test_a_jump_host_that_failed_is_tried_again_the_next_time(sshd: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    config = tmp_path / "config"
    # The key file is missing at first.
    config.write_text(f"Host *\n IdentityFile {tmp_path}/key\n IdentitiesOnly yes\n")
    behind = sshd.endpoint(proxy_jump=f"root@127.0.0.1:{sshd.port}", address="localhost")
    known.write_text(sshd.known_hosts.read_text() + f"[localhost]:{sshd.port} {sshd.host_key}")
    with fresh(known, ssh_config=config) as connector:
        assert "cannot be entered" in refused(connector, behind).what
        (tmp_path / "key").symlink_to(sshd.client_key)
        connector.connect(behind).close()


def test_too_many_open_files_are_told(sshd: Sshd, connector: Connector) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    filled = [os.open(os.devnull, os.O_RDONLY) for _ in range(100)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(filled) + 4, limits[1]))
    try:
        found = connector.connect_all([sshd.endpoint(name=f"web-{n}") for n in range(20)], parallel=2)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for number in filled:
            os.close(number)
    refused = [error for error in found.values() if isinstance(error, Unreachable)]
    assert refused
    for error in refused:
        assert "ulimit -n" in error.hint
    for transport in found.values():
        if not isinstance(transport, Unreachable):
            transport.close()


def test_a_proxy_command_that_cannot_be_run(sshd: Sshd, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Host *\n ProxyCommand /no/such/program %h %p\n")
    error = refused(fresh(sshd.known_hosts, ssh_config=config), sshd.endpoint())
    assert "/no/such/program" in error.hint


def test_a_jump_host_that_cannot_reach_the_host(another_sshd: AnotherSshd) -> None:
    jump = another_sshd()
    config = jump.directory / "config"
    config.write_text(f"Host *\n IdentityFile {jump.client_key}\n")
    port = free_port()
    behind = Endpoint("db-1", "127.0.0.1", port=port, user="x", proxy_jump=f"root@127.0.0.1:{jump.port}")
    with fresh(jump.known_hosts, ssh_config=config) as connector:
        error = refused(connector, behind)
    assert error.what == f"the jump host did not connect to 127.0.0.1 port {port}"
    assert error.why == "Connect failed"


def test_connect_all_gives_every_host_its_transport_or_its_error(sshd: Sshd, connector: Connector) -> None:
    dead = Endpoint("dead", "127.0.0.1", port=free_port(), user="x")
    here = Endpoint("here", "localhost", connection="local")
    found = connector.connect_all([sshd.endpoint(name="up"), dead, here])
    assert isinstance(found["dead"], Unreachable)
    for name in ("up", "here"):
        transport = found[name]
        assert not isinstance(transport, Unreachable)
        assert transport.run("echo x", timeout=30).out == b"x\n"
        transport.close()


def signal_all(pids: list[int], sign: signal.Signals) -> None:
    for pid in pids:
        for process in (pid, *children(pid)):
            os.kill(process, sign)


def test_a_connection_that_ends_in_the_middle_is_lost_and_no_success(
    another_sshd: AnotherSshd, tmp_path: Path
) -> None:
    sshd = another_sshd()
    with fresh(sshd.known_hosts) as connector:
        transport = connector.connect(sshd.endpoint())
        pids = sshd.sessions()

        def on_line(stream: str, line: str) -> None:
            signal_all(pids, signal.SIGKILL)

        with pytest.raises(ConnectionLost) as caught:
            transport.run("echo go; sleep 3", timeout=60, on_line=on_line)
        assert caught.value.host == "loop"
        assert "nobody knows" in caught.value.hint
        with pytest.raises(ConnectionLost):
            transport.run("true", timeout=60)
        transport.close()


def test_a_host_that_falls_silent_is_lost_within_seconds(another_sshd: AnotherSshd) -> None:
    """A frozen sshd keeps its TCP connection; only unanswered keep-alives tell."""
    sshd = another_sshd()
    with fresh(sshd.known_hosts) as connector:
        transport = connector.connect(sshd.endpoint())
        pids = sshd.sessions()
        start = time.monotonic()

        def on_line(stream: str, line: str) -> None:
            signal_all(pids, signal.SIGSTOP)

        try:
            with pytest.raises(ConnectionLost) as caught:
                transport.run("echo go; sleep 100", timeout=120, on_line=on_line)
        finally:
            signal_all(pids, signal.SIGCONT)
        assert "no sign of life" in caught.value.why
        assert time.monotonic() - start < 20
        transport.close()


def test_keepalives_do_not_disturb_a_long_command(ssh: Transport) -> None:
    result = ssh.run("sleep 9; echo done", timeout=60)
    assert result.out == b"done\n"


def test_what_an_rc_file_prints_is_not_output(another_sshd: AnotherSshd) -> None:
    sshd = another_sshd()
    (sshd.directory / ".bashrc").write_text("echo 'Welcome to this fine host'\n")
    with fresh(sshd.known_hosts) as connector:
        transport = connector.connect(sshd.endpoint())
        assert transport.run("echo x", timeout=30).out == b"x\n"
        transport.close()


def test_a_host_that_runs_no_commands_says_so(another_sshd: AnotherSshd) -> None:
    sshd = another_sshd("ForceCommand echo 'This account is closed'; exit 1")
    with fresh(sshd.known_hosts) as connector:
        transport = connector.connect(sshd.endpoint())
        with pytest.raises(Exception, match="did not start the script") as caught:
            transport.run("true", timeout=30)
        assert "This account is closed" in str(caught.value)
        transport.close()


def test_fingerprints_are_those_of_ssh_keygen(sshd: Sshd) -> None:
    import base64

    assert fingerprint(base64.b64decode(sshd.host_key.split()[1])) == sha256(sshd.host_key)
