"""A run that has lost the lease changes nothing more, however it lost it and whenever it notices."""

from __future__ import annotations

from collections.abc import Callable

from fleet.rehearsal import Host, HostFleet
from tests.support.look import answer, containers, only_version, versions
from tests.support.operators import Operator, everything, expires, history, slowly
from tests.support.waiting import until

Web = Callable[[int], Host]
ALL = (1, 2, 3)


def test_a_controller_that_slept_past_its_lease_changes_nothing_and_resume_goes_on(
    fleet: Operator, hosts: HostFleet, web: Web
) -> None:
    fleet.deploy("v1").ended(0)
    slowly(fleet)
    run = fleet.begin("v2")
    run.until("web-1 ✓ replace")
    run.pause()
    expires(fleet, web(1))
    before = everything(fleet, hosts)
    run.wake()
    done = run.end().ended(73)
    done.says(
        "the lease was lost",
        "this controller slept",
        "stopped: the lease was lost; v2 is on a part of test",
        "web.app  v1        web-2 web-3",
        "inv deploy --env test --resume",
    )
    assert everything(fleet, hosts) == before
    fleet.resume().ended(0).says("test is at v2", "release 2")
    assert [answer(web(number)) for number in ALL] == ["ok v2"] * 3
    assert history(fleet, web(1))[-1] == (2, "v2", ["running", "running", "good"])


def test_a_controller_that_slept_in_the_middle_of_a_swap_leaves_it_to_the_next_run(
    fleet: Operator, hosts: HostFleet, web: Web
) -> None:
    fleet.project.role(stop_grace_period="3s")
    fleet.deploy("deaf").ended(0)
    fleet.project.role(update={"parallelism": 1}, stop_grace_period="3s")
    run = fleet.begin("v1")
    until(lambda: f"{fleet.name()}.next" in containers(web(1)), "the swap begins")
    run.pause()
    until(lambda: "deaf (exited)" in versions(web(1)).values(), "the engine stops the old one")
    expires(fleet, web(1))
    before = everything(fleet, hosts)
    run.wake()
    run.end().ended(73).says("the lease was lost", "web-1")
    assert everything(fleet, hosts) == before
    fleet.deploy("v2").ended(0)
    assert [versions(web(number)) for number in ALL] == [{fleet.name(): "v2"}] * 3
    assert history(fleet, web(1))[1:] == [
        (2, "v1", ["running", "superseded"]), (3, "v2", ["running", "good"])
    ]  # fmt: skip


def test_a_lease_that_was_taken_away_ends_the_run_at_its_next_renewal(
    fleet: Operator, hosts: HostFleet, web: Web
) -> None:
    fleet.deploy("v1").ended(0)
    slowly(fleet, "8s")
    run = fleet.begin("v2")
    run.until("web-1 ✓ replace")
    fleet.say("unlock", "--yes").ended(0).says("test is free")
    before = everything(fleet, hosts)
    run.end().ended(73).says("the lease was lost", "inv lock --env test shows who works now")
    assert everything(fleet, hosts) == before
    assert [only_version(web(number)) for number in ALL] == ["v2", "v1", "v1"]


def test_hosts_refuse_a_run_that_does_not_know_yet_that_another_took_over(
    fleet: Operator, hosts: HostFleet, web: Web
) -> None:
    fleet.inventory(fleet_lease_seconds=600)
    slowly(fleet)
    run = fleet.begin("v1")
    run.until("web-1 ✓ start")
    run.pause()
    fleet.say("unlock", "--yes").ended(0)
    fleet.deploy("v2").ended(0)
    before = everything(fleet, hosts)
    run.wake()
    run.end().ended(73).says("the host refuses this run", "another has worked here since")
    assert everything(fleet, hosts) == before
    assert [answer(web(number)) for number in ALL] == ["ok v2"] * 3
    assert history(fleet, web(1)) == [(1, "v1", ["running", "superseded"]), (2, "v2", ["running", "good"])]
