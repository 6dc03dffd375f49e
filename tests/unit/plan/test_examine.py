"""What is wrong with a host before anything is planned for it."""

from __future__ import annotations

from dataclasses import replace

from fleet.model.desired import HostState
from fleet.model.examined import Verdict
from fleet.model.found import Engine, Unknown
from fleet.model.services import ConfigDir, Port, PortPair, SecretFile
from fleet.plan.examine import directories, engine, names, ports, registries
from tests.support.build import container, desired, host_facts, service

APP = service()
WISH = desired({"web-1": [APP]})
STATE = WISH.hosts[0]


def engines(**fields: object) -> list[tuple[Verdict, str, str]]:
    found = engine(WISH, STATE, host_facts("web-1", **fields))  # type: ignore[arg-type]
    return [(one.verdict, one.text, one.remedy) for one in found]


def test_an_engine_that_is_there() -> None:
    assert engines() == [(Verdict.OK, "26.1", "")]
    assert engines(engine=Engine("20.10.24")) == [(Verdict.OK, "20.10.24", "")]


def test_an_engine_that_is_too_old() -> None:
    ((verdict, text, remedy),) = engines(engine=Engine("19.03.15"))
    assert (verdict, text) == (Verdict.WARNING, "19.03.15 is older than what Fleet is tested with")
    assert remedy == "update it to 20.10 or newer"


def test_no_engine_and_no_rights() -> None:
    assert engines(engine=Unknown("docker is not installed")) == [
        (Verdict.ERROR, "docker is not installed", "install Docker there")
    ]
    ((verdict, text, _),) = engines(networks=Unknown("networks: no answer"))
    assert (verdict, text) == (Verdict.ERROR, "cannot read networks: no answer")


def taken(state: HostState, **fields: object) -> list[tuple[Verdict, str]]:
    return [(one.verdict, one.text) for one in ports(state, host_facts("web-1", **fields))]  # type: ignore[arg-type]


def test_ports_of_our_own_containers_are_not_taken() -> None:
    ours = container(APP)
    assert taken(STATE, containers=(ours,), ports={8001: f"container {ours.name}"}) == [
        (Verdict.OK, "none is taken by others")
    ]


def test_ports_that_others_have() -> None:
    assert taken(STATE, ports={8001: "a process on the host"}) == [
        (Verdict.ERROR, "web.app: port 8001 is taken by a process on the host")
    ]


def test_the_other_slot_has_to_be_free_too() -> None:
    pair = replace(APP, port_pair=(PortPair(8000, 8001, 8002),))
    pair = replace(pair, container=replace(pair.container, ports=(Port(8000, 8001),)))
    assert taken(HostState("web-1", (pair,)), ports={8002: "container other"}) == [
        (Verdict.ERROR, "web.app: port 8002 is taken by container other")
    ]


def test_a_host_without_services_needs_no_port() -> None:
    assert taken(HostState("web-1")) == []


def test_registries_and_the_names_that_they_take() -> None:
    def of(image: str, **fields: object) -> object:
        return replace(APP, container=replace(APP.container, image=image), **fields)  # type: ignore[arg-type]

    state = HostState("web-1", (
        of("registry.example:5000/app:v1"), of("registry.example:5000/b:v1"), of("192.0.2.5:5000/c:v1"),
        of("nginx:1"), of("only.example/here:1", pull_policy="never"), of("[2001:db8::1]:5000/d:1"),
    ))  # fmt: skip  # type: ignore[arg-type]
    assert registries(state)["registry.example:5000"] == "registry.example:5000/app:v1", "the first"
    assert set(registries(state)) == {
        "registry.example:5000", "192.0.2.5:5000", "docker.io", "[2001:db8::1]:5000",
    }  # fmt: skip
    assert set(names(state)) == {"registry.example", "registry-1.docker.io"}


def test_where_there_has_to_be_room() -> None:
    made = replace(
        APP, configs=(ConfigDir("/srv/app", "/etc/app", ()),), secret_dir="/run/fleet/app",
        secrets=(SecretFile("p", "x"),),
    )  # fmt: skip
    host = host_facts("web-1", engine=Engine("26.1", "/var/lib/docker"))
    found = directories(WISH, HostState("web-1", (made,)), host)
    assert found == ("/var/lib/docker", "/var/lib/fleet", "/srv/app", "/run/fleet/app")
    unread = replace(host, engine=Unknown("docker is not installed"))
    assert directories(WISH, HostState("web-1"), unread) == ("/var/lib/fleet",)
