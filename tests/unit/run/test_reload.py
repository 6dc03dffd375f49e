"""A balancer takes up new files, or does not: real files and shells, its processes in memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from fleet.errors import Fenced, FleetError, Interrupted, RemoteFailed
from fleet.facts.files import CURRENT, PENDING, DirsProbe
from fleet.facts.probe import Answer, Question
from fleet.model.balancing import Balancer, BalancerHost
from fleet.model.desired import HostState
from fleet.model.services import ConfigDir, ConfigFile, Reload
from fleet.ops.config import WriteConfig
from fleet.plan.files import config_change
from fleet.plan.tree import Step
from fleet.report import events as ev
from fleet.run.balancers import Balancers
from fleet.run.perform import perform
from fleet.run.reload import OLD_SECONDS, TAKEN_UP_SECONDS, reload
from fleet.transport.base import ConnectionLost
from fleet.transport.fake import FakeTransport
from tests.support.build import host_facts, service
from tests.support.clock import Clock
from tests.support.directed import Directed
from tests.support.directed import Server as Seen
from tests.support.haproxy import DRAIN
from tests.support.shells import Bench

SOCKET, MASTER = "/run/admin.sock", "/run/master.sock"
SIGNAL = "exec cid sh -c kill -s USR2 1"


@dataclass
class There:
    """A balancer whose files lie in ``place``. ``signals``: what each signal from now on brings about; the
    last of them for good."""

    bench: Bench
    transport: FakeTransport
    clock: Clock = field(default_factory=Clock)
    lb: Directed = field(default_factory=lambda: Directed(Seen("web-1")))
    silent: int = 0
    lingers: int = 0
    events: list[ev.Event] = field(default_factory=list)
    signals: list[Callable[[], None]] = field(default_factory=list)
    heard: int = 0

    def __post_init__(self) -> None:
        self.place = self.bench.root / "conf"
        self.place.mkdir()
        told = Balancer("haproxy", SOCKET, MASTER, f"{self.bench.root}/state")
        self.balancer = BalancerHost("lb-1", "lb", "lb.haproxy", told)
        self.lb["web-1"].put(DRAIN)
        self.transport.sockets |= {SOCKET: self.lb.ask, MASTER: self.ask}
        self.signals = [self.reload]

    def reload(self, *, good: bool = True, silent: int = 0, lingers: int = 0) -> None:
        """``silent``: questions to the master that nobody hears; ``lingers``: those that an old process
        lives on for."""
        self.silent, self.lingers = silent, lingers
        self.lb.reload((self.bench.root / "state").read_text(), valid=good, lingering=lingers > 0)

    def hear(self) -> None:
        for _ in self.bench.calls[self.heard :]:
            self.heard += 1
            (self.signals.pop(0) if len(self.signals) > 1 else self.signals[0])()

    def ask(self, request: str) -> str:
        self.hear()
        if self.silent:
            self.silent -= 1
            return ""
        self.lingers -= 1
        if not self.lingers:
            self.lb.end_old()
        return self.lb.master(request)

    def op(self, content: str) -> WriteConfig:
        config = ConfigDir(
            str(self.place), "/etc/haproxy", (ConfigFile("haproxy.cfg", content),),
            reload=Reload(signal="SIGUSR2"), uid=os.geteuid(), gid=os.getegid(),
        )  # fmt: skip
        made = service("haproxy", "lb", configs=(config,))
        probe = DirsProbe()
        done = self.bench.run(probe.script(Question("shop", "test", "/state", HostState("lb-1", (made,)))))
        dirs = probe.parse(Answer(done.stdout.decode(), done.returncode))
        change = config_change(config, host_facts("lb-1", dirs=dirs), {})
        assert change, "nothing to do"
        return WriteConfig(
            "lb.haproxy", f"{self.bench.root}/fleet", config, "haproxy@sha256:1", "", (), change.found,
            change.stale, reload="cid", lines=change.lines, verified=True,
        )  # fmt: skip

    def write(self, content: str, *, cut: bool = False) -> None:
        op = self.op(content)
        step = Step("lb-1", op)
        carry_out = partial(perform, step, self.transport, self.events.append, threading.Event())
        if cut:
            carry_out()
            self.hear()
            self.lb.master("show proc")  # the master is back
            return
        balancers = Balancers([self.balancer], {"lb-1": self.transport}, self.events.append, self.clock)
        reload(
            step,
            op,
            self.balancer,
            balancers,
            self.transport,
            self.events.append,
            self.clock,
            carry_out,
            self.clock,
        )

    @property
    def content(self) -> str:
        return (self.place / "haproxy.cfg").read_text()

    @property
    def pending(self) -> bool:
        return (self.place / PENDING).exists()

    @property
    def waited(self) -> list[str]:
        return [event.need for event in self.events if isinstance(event, ev.Waiting)]


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> There:
    bench = Bench(tmp_path)
    monkeypatch.setenv("PATH", f"{bench.bin}:{os.environ['PATH']}")
    bench.replace(
        "docker",
        f"""case "$*" in
          "exec cid cat "*) cat {bench.root}/listening ;;
          exec*) echo "$*" >>{bench.root}/calls ;;
          *) echo "[ALERT] unknown keyword" ;;
        esac""",
    )
    made = There(bench, FakeTransport("lb-1", tmp_path))
    made.write("first\n")
    made.events.clear()
    return made


def refuse(there: There) -> Callable[[], None]:
    return partial(there.reload, good=False)


def test_files_that_are_taken_up_are_confirmed(there: There) -> None:
    there.write("second\n")
    assert there.content == "second\n"
    assert not there.pending
    assert there.bench.calls == [SIGNAL] * 2
    assert there.waited == []


def test_what_was_told_at_run_time_is_saved_before(there: There) -> None:
    (there.bench.root / "state").unlink()
    seen: list[str] = []
    there.signals = [lambda: (seen.append((there.bench.root / "state").read_text()), there.reload())[1]]
    there.write("second\n")
    assert " web-1 127.0.0.1 2 8 100 " in seen[0]


def test_refused_files_are_taken_back_and_the_balancer_told_again(there: There) -> None:
    there.signals = [refuse(there), there.reload]
    with pytest.raises(
        RemoteFailed, match="did not take the new files up; those from before are back"
    ) as caught:
        there.write("second\n")
    assert caught.value.why.splitlines() == [
        "it cannot work with them, and goes on with the files from before",
        "log: [ALERT] unknown keyword",
    ]
    assert (caught.value.host, caught.value.step) == ("lb-1", f"lb-1/config:{there.place}")
    assert caught.value.hint
    assert there.content == "first\n"
    assert not there.pending
    assert there.bench.calls[1:] == [SIGNAL] * 2
    assert there.clock.now < 1


def test_after_that_the_same_files_are_written_anew_and_taken_up(there: There) -> None:
    there.signals = [refuse(there), there.reload]
    with pytest.raises(RemoteFailed):
        there.write("second\n")
    there.hear()
    there.lb.master("show proc")  # the master is back
    there.write("second\n")
    assert there.content == "second\n"


def test_when_they_cannot_be_put_back_the_error_does_not_say_so(there: There) -> None:
    def refuse_and_break() -> None:
        there.reload(good=False)
        there.bench.replace("ln", "exit 3")

    there.signals = [refuse_and_break]
    with pytest.raises(RemoteFailed) as caught:
        there.write("second\n")
    assert "are back" not in caught.value.what
    assert "the files from before cannot be put back" in caught.value.why
    assert there.pending, "the next plan has to write again"


def test_a_failure_from_before_is_not_held_against_the_new_files(there: There) -> None:
    """Somebody's bad reload by hand; the signal takes a moment to get to the master."""
    there.reload(good=False)
    there.lb.master("show proc")  # the master is back
    asked = 0

    def ask(request: str) -> str:
        nonlocal asked
        asked += 1
        return there.lb.master(request) if asked < 4 else there.ask(request)

    there.transport.sockets[MASTER] = ask
    there.write("second\n")
    assert there.content == "second\n"


def test_a_master_that_is_silent_while_it_reloads_is_waited_for(there: There) -> None:
    there.signals = [partial(there.reload, silent=8)]
    there.write("second\n")
    assert there.clock.now >= 2
    assert there.content == "second\n"


def test_a_master_that_stays_silent_has_not_taken_them_up(there: There) -> None:
    there.signals = [partial(there.reload, silent=10_000), there.reload]
    with pytest.raises(RemoteFailed, match="those from before are back") as caught:
        there.write("second\n")
    assert "without an answer" in caught.value.why
    assert there.clock.now >= TAKEN_UP_SECONDS
    assert there.content == "first\n"


def test_a_signal_that_changes_nothing_is_found_out(there: There) -> None:
    there.signals = [lambda: None]
    with pytest.raises(RemoteFailed) as caught:
        there.write("second\n")
    assert "its processes are the same as before" in caught.value.why
    assert there.content == "first\n"


def test_a_master_that_is_not_there_before_leaves_everything_as_it_is(there: There) -> None:
    there.silent = 10_000
    with pytest.raises(FleetError, match="without an answer"):
        there.write("second\n")
    assert there.content == "first\n"
    assert not there.pending
    assert len(there.bench.calls) == 1


def test_an_answer_without_sense_before_leaves_everything_as_it_is(there: There) -> None:
    there.transport.sockets[MASTER] = lambda request: "<html>\n"
    with pytest.raises(RemoteFailed, match="master process makes no sense"):
        there.write("second\n")
    assert there.content == "first\n"


def test_old_processes_get_time_to_end(there: There) -> None:
    there.signals = [partial(there.reload, lingers=5)]
    there.write("second\n")
    assert there.waited[0] == "1 old process of the balancer to end"
    assert len(there.lb.workers) == 1
    assert not [event for event in there.events if isinstance(event, ev.Note)]


def test_one_that_does_not_end_is_told_of(there: There) -> None:
    there.signals = [partial(there.reload, lingers=10_000)]
    there.write("second\n")
    (note,) = (event for event in there.events if isinstance(event, ev.Note))
    assert "hard-stop-after" in note.text
    assert note.level == "warning"
    assert OLD_SECONDS <= there.clock.now < OLD_SECONDS + 2
    assert there.content == "second\n"


def test_a_moment_of_silence_while_old_ones_end_is_no_failure(there: There) -> None:
    def ask(request: str) -> str:
        answer = there.ask(request)
        if "# old" in answer and there.lingers == 4:
            there.silent = 3
        return answer

    there.signals = [partial(there.reload, lingers=6)]
    there.transport.sockets[MASTER] = ask
    there.write("second\n")
    assert there.content == "second\n"
    assert not there.pending
    assert len(there.lb.workers) == 1


HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def listening(there: There, *rows: str) -> None:
    lines = [f"   {number}: {row} 00000000:00000000 00:00000000 0 0 0" for number, row in enumerate(rows)]
    (there.bench.root / "listening").write_text(HEAD + "\n".join(lines) + "\n")


class TestPortsThatAreTaken:
    """22 on every address, 5432 on 127.0.0.1 and on ::1; somebody is connected from port 9000."""

    @pytest.fixture(autouse=True)
    def _taken(self, there: There) -> None:
        listening(
            there,
            "00000000:0016 00000000:0000 0A",
            "0100007F:1538 00000000:0000 0A",
            "00000000000000000000000001000000:1538 00000000000000000000000000000000:0000 0A",
            "0100007F:2328 0100007F:0016 01",
        )

    @pytest.mark.parametrize(
        "bind", [":22", "*:22", "10.0.0.1:22", "ipv4@10.0.0.1:20-25", ":5432", "127.0.0.1:5432", "[::1]:5432"]
    )
    def test_nothing_is_written_and_nobody_told(self, there: There, bind: str) -> None:
        with pytest.raises(RemoteFailed, match=r"another program listens on (22|5432), which the") as caught:
            there.write(f"frontend more\n    bind {bind} name x\n")
        assert "ss -ltnp" in caught.value.hint
        assert there.content == "first\n"
        assert not there.pending
        assert there.bench.calls == [SIGNAL]

    @pytest.mark.parametrize(
        "bind", [":23", "10.0.0.1:5432", "[2001:db8::1]:5432", ":9000", "/run/x.sock", "fd@22", "${X}"]
    )
    def test_other_ports_and_addresses_are_no_matter(self, there: There, bind: str) -> None:
        there.write(f"frontend more\n    bind {bind}\n")
        assert len(there.bench.calls) == 2

    def test_the_ports_that_it_has_itself_are_its_own(self, there: There) -> None:
        there.write("listen app\n    bind :80,:443\n")
        listening(there, "00000000:0050 00000000:0000 0A", "00000000:01BB 00000000:0000 0A")
        there.write("listen app\n    bind :80\n    bind *:443\n# more\n")
        assert len(there.bench.calls) == 3

    def test_an_image_that_cannot_tell_is_left_alone(self, there: There) -> None:
        (there.bench.root / "listening").unlink()
        there.write("frontend more\n    bind :22\n")
        assert there.content == "frontend more\n    bind :22\n"


def test_an_interrupt_puts_the_files_back(there: There) -> None:
    there.signals = [there.clock.set, there.reload]
    with pytest.raises(Interrupted):
        there.write("second\n")
    assert there.content == "first\n"


@pytest.mark.parametrize("error", [Fenced("the lease was lost"), ConnectionLost("the connection was lost")])
def test_who_must_not_or_cannot_go_on_leaves_the_mark(there: There, error: FleetError) -> None:
    real, lost = there.transport.run, False

    def cut() -> None:
        nonlocal lost
        lost = True
        raise error

    def run(*args: object, **kwargs: object) -> object:
        if lost:
            raise error
        return real(*args, **kwargs)  # type: ignore[arg-type]

    there.signals = [cut]
    there.transport.run = run  # type: ignore[method-assign, assignment]
    with pytest.raises(FleetError) as caught:
        there.write("second\n")
    assert isinstance(caught.value, Fenced) is isinstance(error, Fenced)
    assert there.pending


def test_a_lease_that_is_lost_as_they_are_put_back_is_told_as_that(there: There) -> None:
    """Else the run would go on to take back what is another's now."""
    real = there.transport.run

    def run(script: object, **kwargs: object) -> object:
        if "who knows what was before" in str(script):
            raise Fenced("the lease was lost")
        return real(script, **kwargs)  # type: ignore[arg-type]

    there.signals = [refuse(there)]
    there.transport.run = run  # type: ignore[method-assign, assignment]
    with pytest.raises(Fenced):
        there.write("second\n")
    assert there.pending


class TestCutBetweenWriteAndConfirm:
    def test_the_next_plan_writes_again(self, there: There) -> None:
        there.write("second\n", cut=True)
        assert there.pending
        assert any(
            "was written, and its container was not told" in line for line in there.op("second\n").lines
        )
        there.write("second\n")
        assert there.content == "second\n"
        assert not there.pending

    def test_and_if_they_were_bad_goes_back_to_what_was_good_before(self, there: There) -> None:
        there.signals = [refuse(there), refuse(there), there.reload]
        there.write("bad\n", cut=True)
        with pytest.raises(RemoteFailed, match="are back"):
            there.write("bad\n")
        assert there.content == "first\n"
        assert not there.pending

    def test_also_with_other_files(self, there: There) -> None:
        there.write("bad\n", cut=True)
        there.write("bad\n", cut=True)
        there.signals = [refuse(there), there.reload]
        with pytest.raises(RemoteFailed, match="are back"):
            there.write("worse\n")
        assert there.content == "first\n"

    def test_nothing_is_left_behind(self, there: There) -> None:
        there.write("bad\n", cut=True)
        there.write("second\n")
        there.write("third\n")
        left = {path.name for path in there.place.iterdir() if path.name.startswith(".fleet-")}
        assert CURRENT in left
        assert len(left) == 3, left  # the link, what it leads to, and what it led to before
