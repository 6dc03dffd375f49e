"""What a release records is the whole environment, by digest."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings

from fleet.model.balancing import Balancer, BalancerHost
from fleet.model.desired import Desired, HostState, Volume
from fleet.model.found import Image
from fleet.plan.build import plan
from fleet.plan.recorded import recorded
from tests.support.build import REGISTRY, desired, digest_of, facts_for, host_facts, service
from tests.unit.plan.test_laws import fresh, wishes

IMAGE = f"{REGISTRY}/app:v1"


def images(wish: Desired) -> dict[tuple[str, str], str]:
    return {(state.host, one.key): one.container.image for state in wish.hosts for one in state.services}


def test_images_are_by_digest_and_keep_their_tag() -> None:
    wish = desired({"web-1": [service()]})
    assert images(recorded(wish, facts_for(wish), None)) == {
        ("web-1", "web.app"): f"{IMAGE}@{digest_of(IMAGE)}"
    }


def test_a_local_image_stays_as_it_is_and_another_hosts_digest_is_its_own() -> None:
    wish = desired({"web-1": [service(pull_policy="never")], "web-2": [service(pull_policy="never")]})
    built = replace(host_facts("web-1"), images={IMAGE: Image("sha256:built")})
    facts = replace(facts_for(wish, built, host_facts("web-2", images=[IMAGE])), digests={})
    assert images(recorded(wish, facts, None)) == {
        ("web-1", "web.app"): IMAGE,
        ("web-2", "web.app"): f"{IMAGE}@{digest_of(IMAGE)}",
    }


def test_a_skipped_host_gets_the_digest_that_the_registry_told() -> None:
    wish = desired({"web-1": [service()], "web-2": [service()]})
    facts = facts_for(wish)
    facts = replace(facts, hosts={"web-1": facts.hosts["web-1"]})
    assert set(images(recorded(wish, facts, None)).values()) == {f"{IMAGE}@{digest_of(IMAGE)}"}


def test_hosts_of_no_concern_are_as_before_and_bear_their_release() -> None:
    before = desired({"web-1": [service()], "web-2": [service(release="v0")], "web-9": [service()]})
    both = desired({"web-1": [service(version="v2")], "web-2": [service(version="v2")]}, "v2")
    wish = replace(both, hosts=both.hosts[:1], remove_orphans=True)
    made = recorded(wish, facts_for(wish), before)
    assert {state.host: state.services[0].release for state in made.hosts} == {"web-2": "v0", "web-1": ""}
    made = recorded(wish, facts_for(wish), replace(before, version="v1", hosts=before.hosts[:1]))
    assert [state.host for state in made.hosts] == ["web-1"]
    named = recorded(replace(wish, hosts=both.hosts[1:]), facts_for(wish), replace(before, version="v1"))
    assert {state.host: state.services[0].release for state in named.hosts} == {"web-1": "v1", "web-2": ""}
    assert (made.remove_orphans, made.selected, made.undo) == (False, (), ())


def test_with_roles_the_others_of_a_host_stay() -> None:
    job, app = service("worker", "jobs"), service()
    before = desired({"web-1": [app, job], "web-2": [app]})
    volume = Volume("shop-data", "jobs")
    first = replace(before.hosts[0], volumes=(volume, Volume("shop-web", "web")))
    before = replace(before, hosts=(first, *before.hosts[1:]))
    wish = desired({"web-1": [service(version="v2")], "web-2": [service(version="v2")]}, "v2")
    made = recorded(replace(wish, selected=("web",)), facts_for(wish), before)
    state = {one.host: one for one in made.hosts}["web-1"]
    assert [(one.key, one.release) for one in state.services] == [("jobs.worker", "v1"), ("web.app", "")]
    assert state.volumes == (volume,)
    assert [(role.name, role.hosts) for role in made.roles] == [
        ("web", ("web-1", "web-2")),
        ("jobs", ("web-1",)),
    ]
    whole = recorded(wish, facts_for(wish), before)
    assert {one.role for state in whole.hosts for one in state.services} == {"web"}
    assert [role.name for role in whole.roles] == ["web"]


def test_a_host_without_a_role_any_more_is_not_taken_over() -> None:
    before = desired({"web-1": [service()], "web-9": [service()]})
    wish = desired({"web-1": [service(version="v2")]}, "v2")
    assert [state.host for state in recorded(wish, facts_for(wish), before).hosts] == ["web-1"]


def test_a_way_back_keeps_the_hosts_of_roles_that_were_added_since() -> None:
    db = service("pg", "db", "v2")
    today = desired({"web-1": [service(version="v2")], "web-2": [service(version="v2")], "db-1": [db]}, "v2")
    both = desired({"web-1": [service()], "web-2": [service()]})
    made = recorded(replace(both, hosts=both.hosts[:1]), facts_for(both), today)
    assert {state.host: [(one.key, one.release) for one in state.services] for state in made.hosts} == {
        "web-1": [("web.app", "")],
        "web-2": [("web.app", "v2")],
        "db-1": [("db.pg", "v2")],
    }
    assert [(role.name, role.hosts) for role in made.roles] == [
        ("web", ("web-1", "web-2")),
        ("db", ("db-1",)),
    ]
    assert recorded(both, facts_for(both), made).roles == made.roles


@given(wishes("v1"))
@settings(deadline=None)
def test_a_record_planned_on_what_it_recorded_is_empty(wish: Desired) -> None:
    world = fresh(wish)
    world.run(plan(wish, world.facts))
    made = recorded(wish, world.facts, None)
    bare = replace(world.facts, digests={})
    assert plan(made, bare).empty, list(plan(made, bare).steps)
    assert recorded(made, bare, None) == made


def test_an_empty_state_stays() -> None:
    wish = replace(desired({"web-1": [service()]}), hosts=(HostState("web-1"),))
    assert recorded(wish, facts_for(wish), None).hosts == (HostState("web-1"),)


def test_an_image_that_is_never_pulled_stays_at_the_digest_that_is_named() -> None:
    """One image can have several digests in its repository."""
    one = service(pull_policy="never")
    first, second = (f"sha256:{digit * 64}" for digit in "ab")
    named = replace(one, container=replace(one.container, image=f"{IMAGE}@{second}"))
    local = Image("sha256:local", (f"{REGISTRY}/app@{first}", f"{REGISTRY}/app@{second}"))
    wish = desired({"web-1": [named]})
    there = replace(host_facts("web-1"), images=dict.fromkeys(local.digests, local))
    assert recorded(wish, facts_for(wish, there), None) == wish


def test_balancers_are_those_of_today_and_of_roles_that_only_the_release_before_knows() -> None:
    kind = Balancer("haproxy", "/run/admin.sock")
    before = desired({"lb-1": [service("haproxy", "lb", balancer=kind)], "web-1": [service()]})
    old = BalancerHost("lb-1", "lb", "lb.haproxy", kind)
    gone = BalancerHost("lb-9", "lb", "lb.haproxy", kind)
    before = replace(before, balancers=(old, gone))
    today = desired({"web-1": [service()]})
    assert recorded(today, facts_for(today), before).balancers == (old,)
    assert recorded(today, facts_for(today), replace(before, balancers=())).balancers == ()
    moved = replace(old, balancer=replace(kind, socket="/run/other.sock"))
    both = replace(before, balancers=(moved,))
    assert recorded(both, facts_for(both), before).balancers == (moved,)
