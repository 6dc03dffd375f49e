"""The ledger is down, full, damaged, or gone: nothing is changed without it, and it can be mended."""

from __future__ import annotations

from collections.abc import Callable

from fleet.rehearsal import Host
from tests.support.look import answer, only_version
from tests.support.operators import Operator, history, slowly

Web = Callable[[int], Host]
FILL = "dd if=/dev/zero of=/srv/full bs=4k 2>/dev/null; true"


def test_without_its_host_nothing_is_changed_and_status_says_what_it_does_not_know(
    fleet: Operator, web: Web
) -> None:
    two = {"web": ["web-1", "web-2"]}
    fleet.inventory(two)
    fleet.deploy("v1").ended(0)
    fleet.inventory(two, hosts={"web-1": {"ansible_port": 1}})
    refused = fleet.deploy("v2", "--unreachable", "skip").ended(69)
    refused.says("web-1 keeps the ledger of test and cannot be used; nothing was changed", "repair web-1")
    fleet.say("status").ended(69).says("web.app  web-2  v1", "the releases are not known")
    assert [answer(web(number)) for number in (1, 2)] == ["ok v1"] * 2


def test_a_full_disk_stops_a_deploy_before_anything_is_changed(fleet: Operator, web: Web) -> None:
    fleet.inventory({"web": ["web-3", "web-1"]}, fleet_state_dir="/srv/fleet", fleet_ledger="web-3")
    fleet.deploy("v1").ended(0)
    web(3).run(FILL)
    refused = fleet.deploy("v2").ended(1)
    refused.says("web-3", "the disk is full", "make room there")
    assert [only_version(web(number)) for number in (1, 3)] == ["v1"] * 2
    web(3).run("rm /srv/full")
    fleet.deploy("v2").ended(0).says("release 2")


def test_a_disk_that_is_full_at_the_end_leaves_a_release_that_resume_closes(
    fleet: Operator, web: Web
) -> None:
    """The lease is long, so that it need not be written meanwhile."""
    fleet.inventory(
        {"web": ["web-3", "web-1"]},
        fleet_state_dir="/srv/fleet", fleet_ledger="web-3", fleet_lease_seconds=600,
    )  # fmt: skip
    slowly(fleet)
    run = fleet.begin("v1")
    run.until("web-3 ✓ web.app is healthy")
    web(3).run(FILL)
    told = run.end().ended(1)
    told.says("test is at v1", "but the ledger could not be told", "the disk is full", "inv deploy --resume")
    web(3).run("rm /srv/full")
    assert history(fleet, web(3)) == [(1, "v1", ["running"])]
    fleet.resume().ended(0).says("Nothing to do")
    assert history(fleet, web(3)) == [(1, "v1", ["running", "running", "good"])]


def test_a_damaged_record_is_told_and_mended_from_the_copies(fleet: Operator, web: Web) -> None:
    fleet.deploy("v1").ended(0)
    web(1).run(f"truncate -s -20 {fleet.base}/ledger/000001.record")
    fleet.say("releases").says("the ledger is damaged: release 1", "v1")
    refused = fleet.deploy("v2").ended(1)
    refused.says("release 1 cannot be read", "inv releases --rebuild")
    assert only_version(web(2)) == "v1"
    fleet.say("releases", "--rebuild", "--yes").ended(0).says("release 1: v1, good", "kept by web-[1-3]")
    assert "damaged" not in fleet.say("releases").ended(0).text
    fleet.deploy("v2").ended(0).says("release 2")


def test_a_ledger_that_is_gone_is_made_anew_on_another_host(fleet: Operator, web: Web) -> None:
    fleet.inventory({"web": ["web-1", "web-2"]})
    fleet.deploy("v1").ended(0)
    fleet.deploy("v2").ended(0)
    web(1).run(f"rm -r {fleet.base}/ledger")
    refused = fleet.deploy("v3").ended(1)
    refused.says("web-1 does not keep the whole ledger of test; nothing was changed", "--rebuild --ledger")
    assert only_version(web(2)) == "v2"
    rebuilt = fleet.say("releases", "--rebuild", "--ledger", "web-2", "--yes").ended(0)
    rebuilt.says("release 2: v2, good", "fleet_ledger: web-2")
    fleet.deploy("v3", "--ledger", "web-2").ended(0).says("release 3")
    assert history(fleet, web(2))[-1] == (3, "v3", ["running", "good"])
    assert [answer(web(number)) for number in (1, 2)] == ["ok v3"] * 2
