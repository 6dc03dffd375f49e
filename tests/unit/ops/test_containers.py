"""What is done to containers, images, networks and volumes: which calls, in which order."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from fleet.model import codec, labels
from fleet.model.desired import Network, Volume
from fleet.model.services import Mount, Port, PortPair, Service
from fleet.model.transitions import FreeCheck, Transition
from fleet.ops import effects as fx
from fleet.ops.containers import Create, Recipe, Remove, Replace
from fleet.ops.op import Op
from fleet.ops.places import MakeNetwork, MakeVolume
from fleet.ops.pull import Pull
from fleet.secret import Hole, Keyring, SealedText, Secret, SecretRef
from fleet.transport.fake_engine import FakeEngine
from tests.support.build import REGISTRY, service

NAME = "shop-test-web-app-1"
IMAGE = f"{REGISTRY}/app@sha256:" + "a" * 64


def recipe(made: Service | None = None, **fields: object) -> Recipe:
    return replace(Recipe("shop", "test", "v2", made or service(), IMAGE, "d1"), **fields)  # type: ignore[arg-type]


def calls(op: Op) -> list[fx.ApiCall]:
    found = []
    for effect in op.effects():
        assert isinstance(effect, fx.Api)
        found.append(effect.call)
    return found


def carry_out(engine: FakeEngine, op: Op) -> None:
    for call in calls(op):
        engine.carry_out(call, Keyring({SecretRef("env", "P"): Secret("hunter2")}))


@pytest.fixture
def engine() -> FakeEngine:
    made = FakeEngine()
    made.images[IMAGE] = IMAGE.partition("@")[2]
    return made


def test_create_is_guarded_by_the_name_being_free() -> None:
    guard, made, start = calls(Create(recipe()))
    assert guard == fx.ExpectContainer(NAME)
    assert isinstance(made, fx.CreateContainer)
    assert (made.name, made.body["Image"]) == (NAME, IMAGE)
    assert start == fx.StartContainer(NAME)


def test_everything_made_bears_the_marks_of_ownership() -> None:
    made = calls(Create(recipe()))[1]
    assert isinstance(made, fx.CreateContainer)
    marks = dict(made.body["Labels"])
    definition = marks.pop(labels.DEFINITION)
    assert codec.load(Service, json.loads(definition)) == service()
    assert marks == {
        "fleet.project": "shop",
        "fleet.env": "test",
        "fleet.role": "web",
        "fleet.service": "app",
        "fleet.release": "v2",
        "fleet.spec": "d1",
        "fleet.image": IMAGE,
    }


def test_a_definition_holds_references_and_no_secret() -> None:
    secret = SealedText(("x", Hole(SecretRef("env", "P"))))
    made = service(container=replace(service().container, environment=(("P", secret),)))
    call = calls(Create(recipe(made)))[1]
    assert isinstance(call, fx.CreateContainer)
    assert '"P"' in call.body["Labels"][labels.DEFINITION]
    assert isinstance(call.body["Labels"][labels.DEFINITION], str)
    assert isinstance(call.body["Env"][0], SealedText)


def test_a_replacement_is_made_before_the_old_one_stops_and_started_before_it_goes() -> None:
    guard, clean, made, *rest = calls(Replace(recipe(), NAME, "old", 7, "image"))
    assert guard == fx.ExpectContainer(NAME, "old")
    assert clean == fx.RemoveContainer(f"{NAME}.next")
    assert isinstance(made, fx.CreateContainer)
    assert made.name == f"{NAME}.next"
    assert rest == [
        fx.StopContainer("old", 7),
        fx.RemoveContainer(f"{NAME}.old"),
        fx.RenameContainer("old", f"{NAME}.old"),
        fx.RenameContainer(f"{NAME}.next", NAME),
        fx.StartContainer(NAME),
        fx.RemoveContainer("old"),
    ]


def test_between_stop_and_start_it_waits_for_what_the_old_one_leaves() -> None:
    op = Replace(recipe(), NAME, "old", 7, "image", stopped=Transition((FreeCheck(8001),), 90))
    kinds = [type(one.call if isinstance(one, fx.Api) else one) for one in op.effects()]
    at = kinds.index(fx.Shell)
    assert kinds.index(fx.StopContainer) < at < kinds.index(fx.StartContainer)
    assert op.timeout == Replace(recipe(), NAME, "old", 7, "image").timeout + 90


@pytest.mark.parametrize("cut", range(3, 8))
def test_a_replacement_that_fails_on_its_way_puts_the_old_one_back(engine: FakeEngine, cut: int) -> None:
    carry_out(engine, Create(recipe()))
    (old,) = engine.containers
    op = Replace(recipe(release="v3"), NAME, old, 7, "image")
    for call in calls(op)[:cut]:
        engine.carry_out(call, Keyring({}))
    for effect in op.undo():
        assert isinstance(effect, fx.Api)
        engine.carry_out(effect.call, Keyring({}))
    back = engine.container(NAME)
    assert back
    assert (back.id, back.state) == (old, "running")
    assert not engine.container(f"{NAME}.next")


def test_a_replacement_ends_with_one_running_container(engine: FakeEngine) -> None:
    carry_out(engine, Create(recipe()))
    (old,) = engine.containers
    carry_out(engine, Replace(recipe(release="v3"), NAME, old, 7, "image"))
    (new,) = engine.containers.values()
    assert (new.name, new.state, new.body["Labels"]["fleet.release"]) == (NAME, "running", "v3")
    assert new.id != old


def test_anonymous_volumes_move_on_unless_something_else_is_mounted_there() -> None:
    mounts = (Mount("volume", "/data", "shop_data"), Mount("volume", "/cache"))
    made = service(container=replace(service().container, mounts=mounts, tmpfs=(("/tmp", ""),)))
    old = (("v1" * 32, "/data"), ("v2" * 32, "/cache"), ("v3" * 32, "/lib"), ("v4" * 32, "/tmp"))
    call = calls(Replace(recipe(made), NAME, "old", 7, "image", volumes=old))[2]
    assert isinstance(call, fx.CreateContainer)
    host: dict[str, Any] = call.body["HostConfig"]
    assert host["Binds"] == ["shop_data:/data:rw", f"{'v2' * 32}:/cache:rw", f"{'v3' * 32}:/lib:rw"]
    targets = [mount["Target"] for mount in host["Mounts"]]
    assert "/cache" not in targets, "the engine refuses two mounts at one place"


def test_a_renamed_container_is_replaced_only_while_the_new_name_is_free() -> None:
    made = calls(Replace(recipe(), "shop-old", "old", 7, "renamed"))
    assert made[:2] == [fx.ExpectContainer("shop-old", "old"), fx.ExpectContainer(NAME)]


def test_the_second_slot_has_its_own_name_and_port() -> None:
    pair = (PortPair(8000, 8001, 8002),)
    base = service(
        port_pair=pair, container=replace(service().container, ports=(Port(8000, 8001), Port(9000, 9000)))
    )
    call = calls(Create(recipe(base, slot=2), beside=True, why="image"))[1]
    assert isinstance(call, fx.CreateContainer)
    assert call.name == "shop-test-web-app-2"
    bindings = call.body["HostConfig"]["PortBindings"]
    assert [one["HostPort"] for ones in bindings.values() for one in ones] == ["8002", "9000"]
    assert codec.load(Service, json.loads(call.body["Labels"][labels.DEFINITION])) == base


def test_remove_is_guarded_by_the_id() -> None:
    assert calls(Remove("old-name", "old", "web.app", 3, "not wanted")) == [
        fx.ExpectContainer("old-name", "old"),
        fx.StopContainer("old", 3),
        fx.RemoveContainer("old"),
    ]


def test_the_time_for_a_step_grows_with_the_grace_of_what_it_stops() -> None:
    assert Replace(recipe(), NAME, "old", 300, "x").timeout > 300
    assert Remove("n", "i", "k", 300, "x").timeout > 300


def test_how_they_are_told() -> None:
    changes = (("image", "app:v1", "app:v2"), ("environment.NEW", "", "1"), ("environment.OLD", "1", ""))
    lines = ("-image: app:v1", "+image: app:v2", "+environment.NEW: 1", "-environment.OLD: 1")
    assert Create(recipe()).describe() == "start web.app (app:v1)"
    assert Create(recipe(), True, "image").describe() == "start web.app beside the old one (image)"
    assert Replace(recipe(), NAME, "old", 1, "image", changes).diff() == lines
    assert Create(recipe(), changes=changes).diff() == lines
    assert Replace(recipe(), NAME, "old", 1, "image v1 → v2").describe() == "replace web.app (image v1 → v2)"
    assert Remove("n", "i", "web.app", 1, "not wanted").describe() == "remove web.app (not wanted)"
    assert Create(recipe()).target == Replace(recipe(), NAME, "o", 1, "").target == "container:web.app"


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        (f"{REGISTRY}/app:v1", f"{REGISTRY}/app:v1"),
        (f"{REGISTRY}/app", f"{REGISTRY}/app:latest"),
        ("redis", "redis:latest"),
        (f"{REGISTRY}/app:v1@sha256:{'a' * 64}", ""),
    ],
)
def test_pull_is_by_digest_and_tags_as_written(written: str, tag: str) -> None:
    auth = fx.RegistryAuth("shop", SealedText((Hole(SecretRef("env", "P")),)))
    pull = Pull(IMAGE, written, auth)
    assert calls(pull) == [fx.PullImage(IMAGE, tag, auth)]
    assert pull.target == f"image:{written}"
    assert "P" not in pull.describe().replace("Pull", "")
    assert pull.describe().endswith(f"({'a' * 12})")


def test_a_network(engine: FakeEngine) -> None:
    network = Network("shop_front", "web", "bridge", (("mtu", "1400"),), True, True, True,
                      (("10.1.0.0/24", "10.1.0.1"), ("fd00::/64", "")), (("team", "shop"),))  # fmt: skip
    made = MakeNetwork("shop", "test", network)
    (call,) = calls(made)
    assert isinstance(call, fx.CreateNetwork)
    assert call.body == {
        "Name": "shop_front",
        "Driver": "bridge",
        "Options": {"mtu": "1400"},
        "Internal": True,
        "Attachable": True,
        "EnableIPv6": True,
        "Labels": {"fleet.project": "shop", "fleet.env": "test", "fleet.role": "web", "team": "shop"},
        "IPAM": {
            "Driver": "default",
            "Config": [{"Subnet": "10.1.0.0/24", "Gateway": "10.1.0.1"}, {"Subnet": "fd00::/64"}],
        },
    }
    carry_out(engine, made)
    assert list(engine.networks) == ["shop_front"]
    assert (made.target, made.describe()) == ("network:shop_front", "create network shop_front")


def test_a_network_with_addresses_set_aside() -> None:
    network = Network(
        "n",
        "web",
        subnets=(("10.1.0.0/24", ""), ("10.2.0.0/24", "")),
        ip_ranges=(("10.1.0.0/24", "10.1.0.128/25"),),
        aux_addresses=(("10.1.0.0/24", "printer", "10.1.0.9"),),
        ipam_driver="own",
        ipam_options=(("a", "b"),),
    )
    (call,) = calls(MakeNetwork("shop", "test", network))
    assert isinstance(call, fx.CreateNetwork)
    assert call.body["IPAM"] == {
        "Driver": "own",
        "Options": {"a": "b"},
        "Config": [
            {
                "Subnet": "10.1.0.0/24",
                "IPRange": "10.1.0.128/25",
                "AuxiliaryAddresses": {"printer": "10.1.0.9"},
            },
            {"Subnet": "10.2.0.0/24"},
        ],
    }


def test_a_network_without_wishes_leaves_addresses_to_the_engine() -> None:
    (call,) = calls(MakeNetwork("shop", "test", Network("n", "web")))
    assert isinstance(call, fx.CreateNetwork)
    assert "IPAM" not in call.body


def test_a_volume(engine: FakeEngine) -> None:
    volume = Volume("shop_data", "web", "local", (("type", "nfs"),), (("team", "shop"),))
    made = MakeVolume("shop", "test", volume)
    (call,) = calls(made)
    assert call == fx.CreateVolume(
        {
            "Name": "shop_data",
            "Driver": "local",
            "DriverOpts": {"type": "nfs"},
            "Labels": {"fleet.project": "shop", "fleet.env": "test", "fleet.role": "web", "team": "shop"},
        }
    )
    carry_out(engine, made)
    assert list(engine.volumes) == ["shop_data"]
    assert (made.target, made.describe()) == ("volume:shop_data", "create volume shop_data")
