"""A job on its host: made, watched, recorded, removed; and what stays when that is cut off."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from fleet.errors import Drift, FleetError, Interrupted, LedgerError, RemoteFailed
from fleet.model.releases import JobRun
from fleet.ops import effects as fx
from fleet.ops.containers import Recipe
from fleet.ops.job import RunJob, one_off
from fleet.plan.tree import Step
from fleet.report import events as ev
from fleet.run.balancers import Balancers
from fleet.run.hands import RemoteHands
from fleet.run.job import JobFailed
from fleet.secret import Hole, SealedText, SecretRef
from fleet.transport.base import ApiFailed, ConnectionLost, Result
from tests.support.build import migration, pinned, service
from tests.support.stub import StubTransport, ended

NAME = "shop-test-web-app-job-migrate"
IMAGE = pinned(service().container.image)
TIMES = "2026-01-31T10:00:00.123456789Z 2026-01-31T10:01:30.623456789Z"
WELL = ended(0, f"0 false {TIMES}\n")


def job(**fields: Any) -> RunJob:
    made = one_off("shop", "test", migration(), service(), ("./manage.py", "migrate"))
    recipe = Recipe("shop", "test", "v1", made, IMAGE, "d1", job="migrate")
    return replace(RunJob(migration(), recipe, "d1"), **fields)


@dataclass
class Seen:
    transport: StubTransport
    events: list[ev.Event] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    recorded: list[JobRun] = field(default_factory=list)
    calls_when_recorded: list[type] = field(default_factory=list)

    @property
    def calls(self) -> list[type]:
        return [type(call) for call in self.transport.asked]

    def told(self, kind: type) -> list[ev.Event]:
        return [event for event in self.events if isinstance(event, kind)]

    def keep(self, name: str, text: str) -> str:
        self.kept[name] = text
        return f".fleet/runs/r/{name}.txt"

    def on_job(self, run: JobRun) -> None:
        self.recorded.append(run)
        self.calls_when_recorded = self.calls


def carry_out(
    op: RunJob, runs: Iterable[tuple[Iterable[str], Result | Exception]], *,
    cancel: threading.Event | None = None, on_job: Any = None, show: bool = False, answer: Any = None,
) -> tuple[Seen, FleetError | None]:  # fmt: skip
    seen = Seen(StubTransport(list(runs)))
    if answer:
        seen.transport.answer = answer
    stop = cancel or threading.Event()
    hands = RemoteHands(
        {"web-1": seen.transport}, seen.events.append, stop, seen.keep,
        Balancers((), {}, seen.events.append, stop),
        on_job=on_job or seen.on_job, show_commands=show,
    )  # fmt: skip
    try:
        hands.perform(Step("web-1", op))
    except FleetError as error:
        return seen, error
    return seen, None


def test_a_job_is_recorded_before_its_container_goes() -> None:
    seen, error = carry_out(job(), [(["one", "two"], ended()), ([], WELL)])
    assert error is None
    begun = [fx.ExpectContainer, fx.CreateContainer, fx.StartContainer]
    assert seen.calls == [*begun, fx.RemoveContainer]
    assert seen.calls_when_recorded == begun
    assert seen.recorded == [JobRun("web.migrate", "d1", "web-1", 90.5, "one\ntwo")]
    assert seen.told(ev.Output) == [ev.Output("web-1", "out", "one"), ev.Output("web-1", "out", "two")]
    assert seen.kept == {"jobs/web.migrate": "one\ntwo\n"}
    assert seen.transport.asked[-1] == fx.RemoveContainer(NAME, volumes=True)
    assert seen.transport.timeouts[3] == 600


def test_one_that_an_interrupted_run_began_is_waited_for_and_not_begun_again() -> None:
    seen, error = carry_out(job(found="c1"), [(["all of it"], ended()), ([], WELL)])
    assert error is None
    assert seen.transport.asked[0] == fx.ExpectContainer(NAME, "c1")
    assert seen.calls == [fx.ExpectContainer, fx.RemoveContainer]
    assert [run.output for run in seen.recorded] == ["all of it"]


def test_what_undoes_a_job_is_recorded_under_the_digest_of_the_job() -> None:
    seen, _ = carry_out(job(undo=True, digest="forth"), [([], ended()), ([], WELL)])
    assert [(run.digest, run.undone) for run in seen.recorded] == [("forth", True)]


def test_a_job_that_fails_is_told_with_its_last_words_and_not_recorded() -> None:
    lines = [f"line {number}" for number in range(30)]
    seen, error = carry_out(job(), [(lines, ended()), ([], ended(0, f"3 false {TIMES}\n"))])
    assert isinstance(error, JobFailed)
    assert error.what == "job web.migrate failed: exit status 3"
    assert (error.host, error.step) == ("web-1", "web-1/job:web.migrate")
    assert error.why.splitlines() == lines[-20:]
    assert error.hint == (
        "it was not recorded, and runs again with the next deploy; "
        "its whole output is in .fleet/runs/r/jobs/web.migrate.txt"
    )
    assert error.bundle == ".fleet/runs/r/jobs/web.migrate.txt"
    assert seen.recorded == []
    assert seen.calls[-1] is fx.RemoveContainer
    assert seen.kept["jobs/web.migrate"].splitlines() == lines


@pytest.mark.parametrize(
    ("op", "said", "what"),
    [
        (job(), f"137 true {TIMES}\n", "job web.migrate failed: exit status 137, out of memory"),
        (job(undo=True), f"1 false {TIMES}\n", "undoing job web.migrate failed: exit status 1"),
    ],
)
def test_how_it_failed_in_words(op: RunJob, said: str, what: str) -> None:
    _, error = carry_out(op, [([], ended()), ([], ended(0, said))])
    assert error is not None
    assert error.what == what


def test_one_without_an_end_is_stopped_as_its_service_is_and_removed() -> None:
    seen, error = carry_out(job(), [(["busy"], ended(None, timed_out=True))])
    assert isinstance(error, JobFailed)
    assert (error.what, error.why) == ("job web.migrate failed: no end after 600 s", "busy")
    assert seen.transport.asked[3:] == [fx.StopContainer(NAME, 10), fx.RemoveContainer(NAME, volumes=True)]
    assert (seen.recorded, seen.kept) == ([], {"jobs/web.migrate": "busy\n"})


@pytest.mark.parametrize("ending", [ended(None, stopped=True), ConnectionLost("lost"), ended(1, err="gone")])
def test_with_nobody_to_wait_the_job_goes_on(ending: Result | Exception) -> None:
    seen, error = carry_out(job(), [(["one"], ending)])
    assert seen.calls == [fx.ExpectContainer, fx.CreateContainer, fx.StartContainer]
    assert seen.recorded == []
    if isinstance(ending, Result) and ending.stopped:
        assert isinstance(error, Interrupted)
        assert error.what == "nobody waits for job web.migrate any more, and it goes on"
    else:
        assert isinstance(error, ConnectionLost | RemoteFailed)


def test_what_cannot_be_recorded_stays_to_be_taken_up() -> None:
    def refuse(run: JobRun) -> None:
        raise LedgerError("the disk is full")

    seen, error = carry_out(job(), [([], ended()), ([], WELL)], on_job=refuse)
    assert isinstance(error, LedgerError)
    assert fx.RemoveContainer not in seen.calls


@pytest.mark.parametrize("said", ["", "0 false\n", "x false a b\n"])
def test_an_end_that_cannot_be_read_is_no_good_end(said: str) -> None:
    seen, error = carry_out(job(), [([], ended()), ([], ended(1, said, "Cannot connect"))])
    assert error is not None
    assert error.what == "see how job web.migrate ended: exit status 1"
    assert seen.recorded == []
    assert fx.RemoveContainer not in seen.calls


@pytest.mark.parametrize(
    ("error", "removed"),
    [
        (ApiFailed("no such command", status=400), True),
        (ApiFailed("no answer", status=0), False),
        (Drift("another container"), False),
        (ConnectionLost("lost"), False),
    ],
)
def test_a_start_that_is_refused_leaves_nothing_and_one_without_an_answer_may_run(
    error: FleetError, removed: bool
) -> None:
    def answer(call: fx.ApiCall) -> None:
        if isinstance(call, fx.StartContainer):
            raise error

    seen, raised = carry_out(job(), [], answer=answer)
    assert raised is error
    assert (fx.RemoveContainer in seen.calls) is removed


def test_one_that_is_taken_up_is_never_removed_for_an_answer_that_is_missing() -> None:
    def answer(call: fx.ApiCall) -> None:
        raise ApiFailed("server error", status=500)

    seen, _ = carry_out(job(found="c1"), [], answer=answer)
    assert seen.calls == [fx.ExpectContainer]


def test_the_ledger_gets_the_last_whole_lines() -> None:
    lines = [f"{number:04} " + "é" * 20 for number in range(500)]
    seen, _ = carry_out(job(), [(lines, ended()), ([], WELL)])
    output = seen.recorded[0].output
    assert len(output.encode()) <= 4096
    assert output.splitlines() == lines[-len(output.splitlines()) :]
    assert len(output.splitlines()) > 80


def test_commands_are_shown_without_secrets() -> None:
    op = job()
    sealed = SealedText((Hole(SecretRef("env", "DB_PASSWORD")),))
    made = op.recipe.service
    made = replace(made, container=replace(made.container, environment=(("PASSWORD", sealed),)))
    seen, _ = carry_out(
        replace(op, recipe=replace(op.recipe, service=made)), [([], ended()), ([], WELL)], show=True
    )
    shown = [event.text for event in seen.events if isinstance(event, ev.Command)]
    assert len(shown) == len(op.effects())
    assert any("‹!secret env:DB_PASSWORD›" in text for text in shown)
    assert carry_out(job(), [([], ended()), ([], WELL)])[0].told(ev.Command) == []


def test_an_interrupt_before_it_begins_begins_nothing() -> None:
    cancel = threading.Event()
    cancel.set()
    seen, error = carry_out(job(), [], cancel=cancel)
    assert isinstance(error, Interrupted)
    assert seen.calls == []


def test_the_scripts_in_a_shell(tmp_path: Path) -> None:
    """The log's reader may fail; whether the job has ended is what counts."""
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\necho "$*"\n[ "$1" != logs ] || exit 1\n')
    docker.chmod(0o755)

    def said(effect: fx.Shell) -> str:
        done = subprocess.run(
            [shutil.which("sh") or "sh", "-s"], input=str(effect.script), text=True, capture_output=True,
            check=True, env={"PATH": str(tmp_path)},
        )  # fmt: skip
        return done.stdout

    assert said(job().follow()) == f"logs --follow {NAME}\n"
    assert said(job().ended()).endswith(f"{{{{.State.FinishedAt}}}} {NAME}\n")
