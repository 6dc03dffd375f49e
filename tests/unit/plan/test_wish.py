"""A recorded release on the hosts of today."""

from __future__ import annotations

from dataclasses import replace

from fleet.model.balancing import Balancer, BalancerHost
from fleet.model.desired import Desired, HostState, Role, Volume
from fleet.model.gates import AnyOf, ControllerCheck, GateSpec, RunningCheck
from fleet.model.jobs import Job
from fleet.model.releases import Record
from fleet.model.services import ConfigDir, ConfigFile, Mount, Service
from fleet.model.tasks import PackageTask, Task
from fleet.model.volumes import FoundVolume, Mark, State
from fleet.model.watch import WatchCommand, WatchSpec
from fleet.ops.containers import Remove
from fleet.plan.build import plan
from fleet.plan.caveats import secrets_changed, spared, volumes_kept
from fleet.plan.recorded import recorded
from fleet.plan.tree import Finding
from fleet.plan.wish import joined, wish
from fleet.secret import Hole, SealedText, SecretRef
from tests.support.build import REGISTRY, container, desired, digest_of, facts_for, host_facts, service
from tests.support.history import inventory, record

IMAGE = f"{REGISTRY}/app:v1"
PINNED = f"{IMAGE}@{digest_of(IMAGE)}"


def made(given: Desired) -> Record:
    return record(recorded(given, facts_for(given), None))


def texts(findings: tuple[Finding, ...]) -> list[str]:
    return [f"{one.host}: {one.what}" if one.host else one.what for one in findings]


WEB = made(desired({"web-1": [service()], "web-2": [service()]}))


def test_as_it_was_on_the_hosts_of_then() -> None:
    today = inventory({"web": ("web-2", "web-1")})
    going = wish(WEB, today, {}, ["web-1", "web-2"])
    assert [state.host for state in going.desired.hosts] == ["web-2", "web-1"]
    assert {one.container.image for state in going.desired.hosts for one in state.services} == {PINNED}
    assert (going.desired.version, going.desired.remove_orphans) == ("v1", True)
    assert going.findings == ()
    assert joined(WEB, today) == {}


def test_a_role_of_tasks_alone_is_in_its_release() -> None:
    state = HostState("web-1", tasks=(Task("base", "it", PackageTask(("ntp",))),))
    given = Desired("shop", "test", "v1", "/var/lib/fleet", (Role("base", ("web-1",)),), (state,))
    today = inventory({"base": ("web-1",)})
    going = wish(made(given), today, {}, ["web-1"])
    assert (going.desired.hosts, going.findings, joined(made(given), today)) == ((state,), (), {})
    moved = wish(made(given), inventory({"base": ("web-2",), "web": ("web-1",)}), {}, ["web-1"])
    assert texts(moved.findings) == ["web-1: had role base in release 5 and is not in that group any more"]


def test_with_a_limit_the_roles_keep_all_their_hosts() -> None:
    going = wish(WEB, inventory({"web": ("web-1", "web-2")}), {}, ["web-2"])
    assert [state.host for state in going.desired.hosts] == ["web-2"]
    assert going.desired.roles[0].hosts == ("web-1", "web-2")


def test_a_host_that_is_gone_is_said() -> None:
    going = wish(WEB, inventory({"web": ("web-1",)}), {}, ["web-1"])
    assert [state.host for state in going.desired.hosts] == ["web-1"]
    assert going.desired.roles[0].hosts == ("web-1",)
    assert texts(going.findings) == ["web-2: was in release 5 and is not in the inventory any more"]


def test_a_host_that_came_gets_the_release_by_the_records_digest() -> None:
    today = inventory({"web": ("web-1", "web-2", "web-4"), "db": ("db-1",)})
    assert joined(WEB, today) == {"web-4": ("web",)}
    other = service("worker", "jobs")
    state = HostState("web-4", (service(), other), volumes=(Volume("shop-data", "jobs"),))
    going = wish(WEB, today, {"web-4": state}, ["web-1", "web-4"])
    assert {one.host: [s.container.image for s in one.services] for one in going.desired.hosts} == {
        "web-1": [PINNED],
        "web-4": [PINNED],
    }
    assert going.desired.hosts[1].volumes == ()
    assert going.desired.roles[0].hosts == ("web-1", "web-2", "web-4")
    assert texts(going.findings) == ["web-4: was added since release 5; it gets v1, too"]


def test_a_host_that_was_there_and_not_in_the_release_was_not_added() -> None:
    one = replace(WEB, desired=replace(WEB.desired, hosts=WEB.desired.hosts[:1]))
    going = wish(
        one, inventory({"web": ("web-1", "web-2")}), {"web-2": HostState("web-2", (service(),))}, ["web-2"]
    )
    assert texts(going.findings) == ["web-2: is not in release 5; it gets v1, too"]
    without = wish(one, inventory({"web": ("web-1", "web-2")}), {}, ["web-2"])
    assert texts(without.findings) == [
        "web-2: is not in release 5, which has no files of role web; it stays without"
    ]


def test_a_host_that_took_up_a_role_has_both() -> None:
    known = made(desired({"web-1": [service()], "db-1": [service("db", "db")]}))
    today = inventory({"web": ("web-1", "db-1"), "db": ("db-1",)})
    assert joined(known, today) == {"db-1": ("web",)}
    added = HostState("db-1", (service(), service("db", "db", "v9")))
    going = wish(known, today, {"db-1": added}, ["db-1"])
    assert [one.key for one in going.desired.hosts[0].services] == ["db.db", "web.app"]
    assert {role.name: role.hosts for role in going.desired.roles} == {
        "web": ("web-1", "db-1"),
        "db": ("db-1",),
    }


def test_a_host_that_left_a_role_does_not_get_it_back() -> None:
    known = made(desired({"web-1": [service()], "web-2": [service(), service("side", "side")]}))
    going = wish(known, inventory({"web": ("web-1",), "side": ("web-2",)}), {}, ["web-1", "web-2"])
    assert [one.key for one in going.desired.hosts[1].services] == ["side.side"]
    assert texts(going.findings) == ["web-2: had role web in release 5 and is not in that group any more"]


def test_a_role_that_the_inventory_lost_comes_back_where_it_was() -> None:
    known = made(desired({"web-1": [service(), service("worker", "jobs")]}))
    going = wish(known, inventory({"web": ("web-1",)}), {}, ["web-1"])
    assert [one.key for one in going.desired.hosts[0].services] == ["web.app", "jobs.worker"]
    assert texts(going.findings) == [
        "role jobs has no hosts in the inventory any more; it goes to those of release 5"
    ]


def test_jobs_do_not_run_on_the_way_back() -> None:
    state = replace(WEB.desired.hosts[0], jobs=(Job("web", "migrate", "app"),))
    going = wish(
        replace(WEB, desired=replace(WEB.desired, hosts=(state,))),
        inventory({"web": ("web-1",)}),
        {},
        ["web-1"],
    )
    assert going.desired.hosts[0].jobs == ()


def test_only_checks_that_a_role_has_today_run_on_the_controller() -> None:
    ours, theirs = ControllerCheck(("./smoke",)), ControllerCheck(("curl", "http://evil.example"))
    gate = GateSpec((RunningCheck(), ours, AnyOf((theirs, RunningCheck()))))
    known = made(desired({"web-1": [service(gate=gate)]}))
    going = wish(known, inventory({"web": ("web-1",)}), {}, ["web-1"], {ours})
    assert going.desired.hosts[0].services[0].gate.checks == (RunningCheck(), ours)
    assert texts(going.findings) == ["web-1: web.app: a check on the controller of release 5 is left out"]


def balancer(text: str) -> Service:
    return service(
        "haproxy", "lb", configs=(ConfigDir("/srv/lb", "/etc/lb", (ConfigFile("haproxy.cfg", text),)),)
    )


def test_a_balancer_that_does_not_know_the_new_host_is_said() -> None:
    today = inventory(
        {"lb": ("lb-1",), "web": ("web-1", "web-2", "web-4")}, {"web-1": "10.0.0.1", "web-4": "10.0.0.11"}
    )
    for text, said in (
        ("server a 10.0.0.1:8000\nserver b web-2:8000\n", True),
        ("server a web-2.example.com:80", True),
        ("server a 10.0.0.1:80\nserver b 10.0.0.11:80\n", False),
        ("server a web-20:80\nserver b 10.0.0.12:80", False),
        ("resolve by dns", False),
    ):
        known = made(desired({"lb-1": [balancer(text)], "web-1": [service()], "web-2": [service()]}))
        added = {"web-4": HostState("web-4", (service(),))}
        found = texts(wish(known, today, added, list(today.hosts)).findings)
        unaware = "lb-1: /srv/lb/haproxy.cfg is as in release 5 and does not know web-4"
        assert (unaware in found) is said, text


def test_secrets_that_have_changed_are_said() -> None:
    password, other = SecretRef("env", "DB"), SecretRef("env", "OTHER")
    one = service()
    one = replace(one, container=replace(one.container, environment=(("DB", SealedText((Hole(password),))),)))
    wanted = desired({"web-1": [one], "web-2": [one], "web-3": [one]})
    marks = {host: {str(password): "a", str(other): "a"} for host in ("web-1", "web-2")}
    facts = replace(
        facts_for(wanted),
        fingerprints={
            "web-1": {str(password): "b", str(other): "b"},
            "web-2": {str(password): "a"},
            "web-3": {str(password): "b"},
        },
    )
    assert texts(tuple(secrets_changed(record(wanted, marks=marks), facts))) == [
        "web-1: the value of !secret env:DB has changed since release 5; today's is used"
    ]


def test_volumes_that_were_there_are_said_when_their_service_is_made_anew() -> None:
    def with_data(version: str) -> Service:
        one = service("db", "db", version)
        return replace(
            one, container=replace(one.container, mounts=(Mount("volume", "/data", "shop-pgdata"),))
        )

    wanted = desired({"db-1": [with_data("v1"), service()], "db-2": [with_data("v1")]})
    volume = (Volume("shop-pgdata", "db"),)
    wanted = replace(wanted, hosts=tuple(replace(state, volumes=volume) for state in wanted.hosts))
    there = host_facts(
        "db-1",
        [container(with_data("v2"))],
        volumes={"shop-pgdata": FoundVolume("shop-pgdata", mark=Mark("a", 0, State.LIVE))},
    )
    made_anew = plan(wanted, facts_for(wanted, there))
    said = ["db-1: volume shop-pgdata keeps its data: a rollback does not touch volumes"]
    assert texts(tuple(volumes_kept(made_anew))) == said
    there = host_facts(
        "db-1",
        [container(with_data("v1"))],
        volumes={"shop-pgdata": FoundVolume("shop-pgdata", mark=Mark("a", 0, State.LIVE))},
    )
    assert texts(tuple(volumes_kept(plan(wanted, facts_for(wanted, there))))) == []


def test_what_later_releases_brought_goes_and_what_no_release_knows_stays() -> None:
    side, older = service("side", "web"), service("old", "old")
    later = made(desired({"web-1": [service(version="v2"), side]}, "v2"))
    there = host_facts("web-1", [container(service(version="v2")), container(side), container(older)])
    going = wish(WEB, inventory({"web": ("web-1",)}), {}, ["web-1"]).desired
    facts = facts_for(going, there)
    kept = spared(WEB, [later], facts)
    assert kept == {"old-old"}
    removed = [step.op.name for step in plan(going, facts, spared=kept).steps if isinstance(step.op, Remove)]
    assert removed == ["shop-test-web-side-1"]


BALANCER = Balancer("haproxy", "/srv/haproxy/run/admin.sock")


def test_the_balancers_are_those_of_the_record_that_still_are_and_those_that_came() -> None:
    haproxy = service("haproxy", "lb", balancer=BALANCER)
    wanted = desired({"lb-1": [haproxy], "lb-2": [haproxy], "web-1": [service()]})
    hosts = [BalancerHost(host, "lb", "lb.haproxy", BALANCER) for host in ("lb-1", "lb-2")]
    there = made(replace(wanted, balancers=tuple(hosts)))
    today = inventory({"lb": ("lb-2", "lb-3"), "web": ("web-1",)})
    going = wish(there, today, {"lb-3": HostState("lb-3", (haproxy,))}, ["web-1", "lb-3"])
    assert [one.host for one in going.desired.balancers] == ["lb-2", "lb-3"]
    assert wish(made(wanted), today, {}, ["web-1"]).desired.balancers == ()


def test_what_a_record_says_of_a_watch_is_not_run() -> None:
    spec = WatchSpec(measures=(WatchCommand("books", ("rm", "-rf", "/")),))
    there = made(desired({"web-1": [service(watch=spec)]}))
    going = wish(there, inventory({"web": ("web-1",)}), {}, ["web-1"])
    assert [one.watch for state in going.desired.hosts for one in state.services] == [None]
