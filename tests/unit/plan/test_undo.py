"""Once-per-release jobs on the way back."""

from __future__ import annotations

from dataclasses import replace

from fleet.model.jobs import Job
from fleet.model.releases import JobRun, Record
from fleet.plan.undo import undo, undone
from tests.support.build import desired, service
from tests.support.history import record, release

MIGRATE = Job("web", "migrate", "app", down=("down",))


def with_job(number: int) -> Record:
    wanted = desired({"web-1": [service()], "web-2": [service()]}, f"v{number}")
    states = tuple(replace(state, jobs=(MIGRATE,)) for state in wanted.hosts)
    return record(replace(wanted, hosts=states), number)


def ran(digest: str, host: str = "web-2", *, undone: bool = False) -> JobRun:
    return JobRun("web.migrate", digest, host, undone=undone)


HISTORY = (release(5, "v5"), release(6, "v6", job=ran("six")), release(7, "v7", job=ran("seven")))
LATER = (with_job(7), with_job(6))
BOTH = ("web-1", "web-2")


def test_what_later_releases_ran_the_newest_first_where_it_ran() -> None:
    found = undo(LATER, HISTORY, BOTH)
    assert [(one.number, one.version, one.host, one.job) for one in found] == [
        (7, "v7", "web-2", MIGRATE),
        (6, "v6", "web-2", MIGRATE),
    ]
    assert [one.host for one in undo(LATER, HISTORY, ["web-1"])] == ["web-1", "web-1"]
    assert undo(LATER, HISTORY, ["web-9"]) == ()


def test_what_was_undone_is_not_undone_again_unless_it_ran_again() -> None:
    history = (*HISTORY, release(8, "v6", of=6, job=ran("seven", undone=True)))
    assert [one.number for one in undo(LATER, history, BOTH)] == [6]
    again = (*history, release(9, "v7", job=ran("seven")))
    later = (with_job(9), *LATER)
    assert [one.number for one in undo(later, again, BOTH)] == [9, 6]


def test_a_release_that_ran_nothing_has_nothing_to_undo() -> None:
    assert undo(LATER, (release(5, "v5"), release(6, "v6"), release(7, "v7")), BOTH) == ()
    assert undo(LATER, (), BOTH) == ()


def test_going_forth_again_to_a_release_whose_job_was_undone_is_said() -> None:
    history = (*HISTORY, release(8, "v5", of=5, job=ran("seven", undone=True)))
    (said,) = undone(with_job(7), history)
    assert said.what == "job web.migrate of release 7 was undone since, and does not run again here"
    assert said.hint == "inv deploy --version v7 runs it"
    assert list(undone(with_job(6), history)) == []
    assert list(undone(with_job(7), HISTORY)) == []
