"""What every transport promises of a question to a unix socket of its host."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fleet.errors import FleetError, RemoteFailed
from fleet.rehearsal import HostFleet
from fleet.transport.asking import LONGEST
from fleet.transport.base import ConnectionLost, SocketGone, Transport
from fleet.transport.connect import Connector
from fleet.transport.fake import FakeTransport
from tests.support.doors import Door
from tests.support.hosts import KEYRING, NO_CONFIG
from tests.support.sshd import Sshd

Answer = Callable[[str], bytes]
Listen = Callable[[Answer], str]


@pytest.fixture
def listen(host: Transport, tmp_path: Path) -> Iterator[Listen]:
    """Somebody answers on the host; gives the path."""
    doors: list[Door] = []

    def begin(answer: Answer) -> str:
        path = tmp_path / f"door-{len(doors)}"
        if isinstance(host, FakeTransport):
            host.sockets[str(path)] = lambda request: answer(request).decode("utf-8", "replace")
        else:
            doors.append(Door(path, answer).serve())
        return str(path)

    yield begin
    for door in doors:
        door.close()


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """Listens, and accepts nothing yet."""
    made = Door(tmp_path / "door", lambda line: b"yes\n")
    yield made
    made.close()


@pytest.fixture(params=["local", "ssh"])
def real(request: pytest.FixtureRequest, sshd: Sshd, connector: Connector) -> Iterator[Transport]:
    local = sshd.endpoint(name="here", connection="local")
    transport = connector.connect(local if request.param == "local" else sshd.endpoint())
    yield transport
    transport.close()


def gone(host: Transport, path: str) -> SocketGone:
    with pytest.raises(SocketGone) as caught:
        host.ask(path, "hello", timeout=20)
    error = caught.value
    assert error.host == host.host
    assert error.hint
    assert path in error.what
    return error


def test_a_line_is_asked_and_the_answer_is_read_to_its_end(host: Transport, listen: Listen) -> None:
    heard: list[str] = []

    def answer(line: str) -> bytes:
        heard.append(line)
        return b"one\n\ntw\xffo"

    path = listen(answer)
    assert host.ask(path, "a;b", timeout=20) == "one\n\ntw�o"
    assert host.ask(path, "ended\n", timeout=20) == "one\n\ntw�o"
    assert heard == ["a;b", "ended"]


def test_two_megabytes(host: Transport, listen: Listen) -> None:
    text = "".join(f"line {n}\n" for n in range(200_000))
    assert len(text) > 2_000_000
    assert host.ask(listen(lambda line: text.encode()), "show", timeout=60) == text


def test_no_end_in_time_is_told_with_the_time(host: Transport, listen: Listen) -> None:
    answered = threading.Event()

    def answer(line: str) -> bytes:
        answered.wait(30)
        return b"late"

    path = listen(answer)
    began = time.monotonic()
    with pytest.raises(RemoteFailed, match=r"within 0\.7 s") as caught:
        host.ask(path, "show", timeout=0.7)
    assert 0.6 < time.monotonic() - began < 5
    assert caught.value.host == host.host
    assert caught.value.hint
    answered.set()
    assert host.ask(path, "show", timeout=20) == "late"


def test_a_missing_socket(host: Transport, tmp_path: Path) -> None:
    gone(host, str(tmp_path / "nowhere"))


def test_closed_without_an_answer(host: Transport, listen: Listen) -> None:
    assert "without an answer" in gone(host, listen(lambda line: b"")).what


def test_twenty_at_once_get_each_its_own_answer(host: Transport, listen: Listen) -> None:
    path = listen(lambda line: f"to {line}".encode() * 5000)
    answers: dict[int, str] = {}

    def ask(n: int) -> None:
        answers[n] = host.ask(path, str(n), timeout=60)

    threads = [threading.Thread(target=ask, args=[n]) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == {n: f"to {n}" * 5000 for n in range(20)}


def test_who_waits_for_questions_of_ours_does_not_wait_for_the_socket(
    host: Transport, listen: Listen
) -> None:
    def answer(line: str) -> bytes:
        time.sleep(0.5)
        return b"yes"

    path = listen(answer)
    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(lambda n: host.ask(path, str(n), timeout=2), range(20))) == ["yes"] * 20


def test_twenty_refused_at_once_are_told_one_by_one(host: Transport, tmp_path: Path) -> None:
    told: list[FleetError] = []

    def ask() -> None:
        try:
            host.ask(str(tmp_path / "nowhere"), "x", timeout=60)
        except FleetError as error:
            told.append(error)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [type(error) for error in told] == [SocketGone] * 20


def test_a_question_is_one_call(host: Transport, listen: Listen) -> None:
    path = listen(lambda line: b"yes")
    before = host.calls
    host.ask(path, "a", timeout=20)
    host.ask(path, "b", timeout=20)
    assert host.calls - before == 2


def test_why_a_socket_cannot_be_opened(real: Transport, tmp_path: Path, door: Door) -> None:
    assert "No such file or directory" in gone(real, str(tmp_path / "nowhere")).why
    (tmp_path / "file").touch(mode=0o640)
    error = gone(real, str(tmp_path / "file"))
    assert error.why == "it is no socket but a regular empty file of root:root, mode 640"
    door.close()
    error = gone(real, door.path)
    assert error.why == "nobody listens there: Connection refused"
    assert "running" in error.hint


def test_a_path_with_blanks_and_quotes(real: Transport, tmp_path: Path) -> None:
    path = tmp_path / 'it\'s a "door" $HOME'
    door = Door(path, lambda line: b"yes").serve()
    assert real.ask(str(path), "x", timeout=20) == "yes"
    door.close()
    assert "nobody listens there: Connection refused" in gone(real, str(path)).why


def test_what_listens_and_accepts_nobody(real: Transport, tmp_path: Path) -> None:
    door = Door(tmp_path / "stuck", lambda line: b"", backlog=0)
    with socket.socket(socket.AF_UNIX) as first:
        first.connect(door.path)
        error = gone(real, door.path)
        assert (error.why, error.hint) == (
            "what listens there takes no connections",
            "it hangs: look at its log",
        )
    door.close()


def test_an_answer_without_bounds_is_cut(real: Transport, tmp_path: Path) -> None:
    door = Door(tmp_path / "flood", lambda line: b"x" * (LONGEST + 1)).serve()
    with pytest.raises(RemoteFailed, match="more than 16 MiB"):
        real.ask(door.path, "x", timeout=60)
    door.close()


def test_a_host_that_forbids_forwarding(another_sshd: Callable[..., Sshd], door: Door) -> None:
    sshd = another_sshd("AllowStreamLocalForwarding no")
    door.serve()
    with Connector(KEYRING, known_hosts=[sshd.known_hosts], ssh_config=NO_CONFIG, timeout=5) as connector:
        error = gone(connector.connect(sshd.endpoint()), door.path)
    assert "sshd refuses to forward it" in error.why
    assert "AllowStreamLocalForwarding" in error.hint


def test_a_question_needs_no_session(another_sshd: Callable[..., Sshd], door: Door) -> None:
    sshd = another_sshd("MaxSessions 1")
    door.serve()
    answers: list[str] = []
    with Connector(KEYRING, known_hosts=[sshd.known_hosts], ssh_config=NO_CONFIG, timeout=5) as connector:
        host = connector.connect(sshd.endpoint())
        host.run(
            "echo go; sleep 0.2",
            timeout=60,
            on_line=lambda stream, line: answers.append(host.ask(door.path, "x", timeout=20)),
        )
    assert answers == ["yes\n"]


@pytest.mark.parametrize("sent", [b"", b"the first half"])
def test_a_connection_cut_in_the_middle_is_lost_and_no_answer(
    another_sshd: Callable[..., Sshd], tmp_path: Path, sent: bytes
) -> None:
    sshd = another_sshd()
    accepted: list[socket.socket] = []
    with (
        socket.socket(socket.AF_UNIX) as listener,
        Connector(KEYRING, known_hosts=[sshd.known_hosts], ssh_config=NO_CONFIG, timeout=5) as connector,
    ):
        listener.bind(str(tmp_path / "door"))
        listener.listen()
        host = connector.connect(sshd.endpoint())

        def cut() -> None:
            connection, _ = listener.accept()
            accepted.append(connection)
            connection.recv(100)
            connection.sendall(sent)
            for pid in sshd.sessions():
                os.kill(pid, signal.SIGKILL)

        thread = threading.Thread(target=cut)
        thread.start()
        with pytest.raises(ConnectionLost) as caught:
            host.ask(str(tmp_path / "door"), "x", timeout=20)
        thread.join(20)
        assert caught.value.host == "loop"
        with pytest.raises(ConnectionLost):
            host.ask(str(tmp_path / "door"), "x", timeout=20)
    for connection in accepted:
        connection.close()


LISTEN = r"""
install -d -m 755 /srv/doors; cd /srv/doors; rm -f *
nohup perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Local => "door", Listen => 9);
while ($c = $s->accept) { print $c "to ", scalar <$c>; close $c }' >/dev/null 2>&1 </dev/null &
echo $! >pid
until [ -S door ]; do sleep 0.05; done
chown root:root door
"""


def test_rights_are_those_of_the_login_user(machine: HostFleet, enter: Callable[..., Transport]) -> None:
    """sshd opens the socket as this user; becoming root does not help."""
    inside = machine.host("engine-1")
    inside.run(LISTEN + "chmod 660 door")
    for become in (False, True):
        host = enter(become=become)
        error = gone(host, "/srv/doors/door")
        assert error.why == (
            "the login user deploy may not write to it: it is a socket of root:root, mode 660"
        )
        assert "'stats socket' must admit deploy" in error.hint
    inside.run("chmod 666 /srv/doors/door")
    assert host.ask("/srv/doors/door", "x", timeout=20) == "to x\n"
    inside.run("chmod 700 /srv/doors")
    assert "Permission denied" in gone(host, "/srv/doors/door").why
    inside.run("kill $(cat /srv/doors/pid); rm -r /srv/doors")
