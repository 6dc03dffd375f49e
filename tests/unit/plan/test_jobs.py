"""Containers of jobs beside those of services, and which job runs where."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.app.state import state_lines
from fleet.model.desired import Desired
from fleet.model.found import Container, Facts, HostFacts
from fleet.model.jobs import Job, Undo, job_digest
from fleet.model.releases import JobRun
from fleet.model.services import SecretFile, Service, UpdatePolicy
from fleet.ops.job import RunJob
from fleet.plan.build import plan
from fleet.plan.jobs import TABLE, Left, Move, left
from fleet.plan.lint import healthy_hosts
from fleet.plan.orphans import orphans
from fleet.plan.previous import lost, previous
from fleet.plan.tree import Phase, Plan, Step
from fleet.secret import Hole, SealedText, SecretRef
from tests.support.build import (
    container,
    desired,
    facts_for,
    host_facts,
    job_container,
    migration,
    pinned,
    service,
    with_jobs,
)

HOSTS = ("web-1", "web-2")
ONE = service()
IMAGE = ONE.container.image
DIGEST = job_digest(migration(), pinned(IMAGE))


def world(*more: Container, on: str = "web-1", one: Service = ONE) -> tuple[Desired, Facts]:
    """The service as wanted on both hosts, with ``more`` on one of them."""
    wish = with_jobs(desired({host: [one] for host in HOSTS}), migration())
    found = {name: host_facts(name, [container(one, f"{name}-app")], [IMAGE]) for name in HOSTS}
    found[on] = replace(found[on], containers=(*found[on].of_services, *more))
    return wish, facts_for(wish, *found.values())


def ran(**fields: object) -> dict[str, JobRun]:
    return {"web.migrate": replace(JobRun("web.migrate", DIGEST, "web-1"), **fields)}  # type: ignore[arg-type]


def run_jobs(result: Plan) -> list[tuple[str, RunJob]]:
    return [(step.host, step.op) for step in result.steps if isinstance(step.op, RunJob)]


def lines(result: Plan) -> list[str]:
    return [f"{step.host}: {step.op.describe()}" for step in result.steps]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Left.RUNNING),
        ({"state": "paused"}, Left.RUNNING),
        ({"state": "exited"}, Left.ENDED_WELL),
        ({"state": "exited", "exit_code": 1}, Left.FAILED),
        ({"state": "created"}, Left.FAILED),
        ({"state": "dead"}, Left.FAILED),
        ({"spec_digest": "other"}, Left.ANOTHER),
        ({"spec_digest": "other", "state": "exited"}, Left.ANOTHER),
    ],
)
def test_what_is_left_of_a_job(fields: dict[str, object], expected: Left) -> None:
    assert left(job_container(migration(), ONE, **fields), DIGEST) is expected


def test_the_table_is_total_and_runs_nothing_twice() -> None:
    assert set(TABLE) == set(Left)
    assert left(None, DIGEST) is Left.NOTHING
    assert {one for one, move in TABLE.items() if move is Move.TAKE_UP} == {Left.RUNNING, Left.ENDED_WELL}


@pytest.mark.parametrize(
    ("jobs", "due"),
    [
        ({}, True),
        (ran(), False),
        (ran(digest="another"), True),
        (ran(undone=True), True),
    ],
)
def test_when_a_job_is_due(jobs: dict[str, JobRun], due: bool) -> None:
    wish, facts = world()
    result = plan(wish, replace(facts, jobs=jobs))
    assert bool(run_jobs(result)) is due
    assert [(one.host, one.why) for one in result.kept if one.service == "job web.migrate"] == (
        [] if due else [("web-1", "ran in this release")]
    )


def test_it_is_taken_up_on_the_host_that_began_it() -> None:
    wish, facts = world(job_container(migration(), ONE, "c1"), on="web-2")
    ((host, op),) = run_jobs(plan(wish, facts))
    assert (host, op.found) == ("web-2", "c1")


def test_one_that_a_host_outside_of_the_run_began_is_an_error() -> None:
    wish, facts = world(job_container(migration(), ONE), on="web-2")
    limited = replace(wish, hosts=wish.hosts[:1])
    (error,) = plan(limited, facts).errors
    assert (error.host, error.hint) == ("web-2", "deploy with web-2 among the hosts")
    assert not plan(limited, replace(facts, jobs=ran())).errors


def test_one_of_another_release_is_stopped_before_the_job_runs() -> None:
    wish, facts = world(job_container(migration(), ONE, spec_digest="other"))
    assert lines(plan(wish, facts)) == [
        "web-1: remove job web.migrate (left by an interrupted run)",
        "web-1: run job web.migrate: ./manage.py migrate",
    ]


def test_what_was_recorded_and_not_yet_removed_goes() -> None:
    wish, facts = world(job_container(migration(), ONE, state="exited"))
    assert lines(plan(wish, replace(facts, jobs=ran()))) == [
        "web-1: remove job web.migrate (left by an interrupted run)"
    ]
    assert plan(wish, replace(facts, jobs=ran()), spared={"job-1"}).empty


def test_jobs_of_roles_that_are_not_selected_are_left_alone() -> None:
    wish, facts = world(job_container(migration(), ONE, state="exited", exit_code=1))
    other = replace(with_jobs(wish), selected=("batch",))
    assert plan(other, facts).empty


def test_a_job_whose_image_is_not_known_is_an_error_of_its_service() -> None:
    wish, facts = world(one=service(pull_policy="never"))
    bare = replace(facts, hosts={name: replace(host, images={}) for name, host in facts.hosts.items()})
    result = plan(wish, bare)
    assert run_jobs(result) == []
    assert all("is not on the host" in error.what for error in result.errors)


@pytest.mark.parametrize(
    ("action", "expected"), [("pause", "pause"), ("continue", "pause"), ("rollback", "rollback")]
)
def test_what_follows_needs_the_job(action: str, expected: str) -> None:
    wish, facts = world(one=service(update=UpdatePolicy(failure_action=action)))
    (phase,) = plan(wish, facts).stages
    assert isinstance(phase, Phase)
    assert phase.on_failure == expected


def test_secrets_are_written_before_a_job_and_once() -> None:
    sealed = SealedText((Hole(SecretRef("env", "P")),))
    one = service(secret_dir="/run/fleet/x", secrets=(SecretFile("p", sealed),))
    wish = with_jobs(desired({host: [one] for host in HOSTS}), migration(), migration(name="second"))
    marks = {str(SecretRef("env", "P")): "0" * 16}
    facts = replace(facts_for(wish), fingerprints=dict.fromkeys(HOSTS, marks))
    told = [line for line in lines(plan(wish, facts)) if "pull" not in line]
    assert told == [
        "web-1: write secrets of web.app: p",
        "web-1: run job web.migrate: ./manage.py migrate",
        "web-1: run job web.second: ./manage.py migrate",
        "web-1: start web.app (app:v1)",
        "web-2: write secrets of web.app: p",
        "web-2: start web.app (app:v1)",
    ]


def test_a_job_of_a_role_that_is_gone_is_undone_all_the_same() -> None:
    wish, facts = world()
    gone = Job("batch", "seed", "worker", ("seed",), down=("unseed",))
    worker = service("worker", "batch", container=replace(ONE.container, name="worker"))
    result = plan(replace(wish, undo=(Undo("web-2", gone, worker, 3, "v0"),)), facts)
    assert lines(result)[-1] == "web-2: undo job batch.seed: unseed"


def test_with_two_runs_to_undo_the_ledger_tells_which_is_left() -> None:
    wish, facts = world()
    later = service(version="v2")
    undo = (Undo("web-1", migration(), later, 2, "v2"), Undo("web-1", migration(), ONE, 1, "v1"))
    facts = replace(facts, digests={**facts.digests, later.container.image: pinned_digest(later)})
    wish = replace(with_jobs(wish), undo=undo)

    def images(jobs: dict[str, JobRun]) -> list[str]:
        return [op.recipe.image for _, op in run_jobs(plan(wish, replace(facts, jobs=jobs)))]

    newest, oldest = pinned(later.container.image), pinned(IMAGE)
    assert images(ran(digest=job_digest(migration(), newest))) == [newest, oldest]
    assert images(ran(digest=job_digest(migration(), newest), undone=True)) == [oldest]
    assert images(ran(undone=True)) == []


def pinned_digest(one: Service) -> str:
    return pinned(one.container.image).partition("@")[2]


def test_a_job_is_never_taken_for_its_service() -> None:
    alone = job_container(migration(), ONE)
    wish, facts = world()
    host = host_facts("web-1", [alone], [IMAGE])
    facts = replace(facts, hosts={**facts.hosts, "web-1": host}, jobs=ran())
    assert list(healthy_hosts(wish.roles[0], facts)) == ["web-2"]
    assert [step.op.describe() for step in plan(wish, facts).steps if isinstance(step, Step)] == [
        "start web.app (app:v1)"
    ]
    assert previous(wish, facts, {"web-1"}).hosts[0].services == ()
    assert previous(wish, facts, {"web-1"}).hosts[0].jobs == ()
    assert list(lost(wish, facts, replace(facts, hosts={"web-1": HostFacts("web-1", host.engine)}))) == []
    assert list(orphans(wish, replace(wish.hosts[0], services=()), host)) == []
    assert state_lines(facts, wish.hosts) == ("web.app  absent    web-1", "web.app  v1        web-2")


def test_an_unhealthy_or_ended_job_takes_no_host_from_the_healthy_ones() -> None:
    wish, facts = world(job_container(migration(), ONE, state="exited", exit_code=1))
    assert list(healthy_hosts(wish.roles[0], facts)) == list(HOSTS)
