"""What an Engine API call does and how it fails: the same on the engine in memory and on a real one."""

import threading
from typing import Any

import pytest

from fleet.errors import Drift, FleetError, Interrupted
from fleet.ops import effects as fx
from fleet.secret import Hole, SealedText
from fleet.transport.base import ApiFailed
from tests.fleet.transport.conftest import World
from tests.support.hosts import PASSWORD, PASSWORD_VALUE

LIMIT = 60.0


def do(world: World, call: fx.ApiCall) -> Any:
    return world.docker.docker(call, timeout=LIMIT)


def fails(world: World, call: fx.ApiCall) -> ApiFailed:
    with pytest.raises(ApiFailed) as caught:
        do(world, call)
    assert caught.value.host == world.docker.host
    return caught.value


@pytest.fixture
def image(world: World) -> str:
    """Pulled, by digest."""
    digest = world.push("shop", "v1", "one")
    reference = f"{world.registry}/shop@{digest}"
    do(world, fx.PullImage(reference))
    return reference


def body(image: str, **more: Any) -> dict[str, Any]:
    return {"Image": image, "Cmd": ["/bin/sleep", "1000"], "HostConfig": {"NetworkMode": "none"}, **more}


def test_a_container_lives_and_goes(world: World, image: str) -> None:
    made = do(world, fx.CreateContainer("app", body(image)))
    assert len(made) == 64
    assert world.state("app") == "created"
    do(world, fx.ExpectContainer("app", made))
    do(world, fx.StartContainer("app"))
    do(world, fx.StartContainer(made))
    assert world.state("app") == "running"
    do(world, fx.StopContainer("app", 0.2))
    do(world, fx.StopContainer("app", 0.2))
    assert world.state("app") == "exited"
    do(world, fx.RenameContainer("app", "app-old"))
    do(world, fx.ExpectContainer("app"))
    do(world, fx.ExpectContainer("app-old", made))
    do(world, fx.RemoveContainer(made))
    do(world, fx.RemoveContainer(made))
    assert world.state("app-old") == ""


def test_a_container_comes_back_in_place_of_its_successor(world: World, image: str) -> None:
    before = do(world, fx.CreateContainer("app", body(image)))
    do(world, fx.StartContainer("app"))
    do(world, fx.StopContainer("app", 0.1))
    do(world, fx.RenameContainer("app", "app.old"))
    after = do(world, fx.CreateContainer("app", body(image)))
    do(world, fx.StartContainer("app"))
    for _ in range(2):
        do(world, fx.ReinstateContainer(before, "app"))
        do(world, fx.ExpectContainer("app", before))
        assert world.state("app") == "running"
        assert world.state(after) == ""


def test_a_container_comes_back_where_it_has_no_successor(world: World, image: str) -> None:
    before = do(world, fx.CreateContainer("app.old", body(image)))
    do(world, fx.ReinstateContainer(before, "app"))
    assert world.state("app") == "running"
    do(world, fx.StopContainer("app", 0.1))
    do(world, fx.ReinstateContainer(before, "app"))
    assert world.state("app") == "running"


def test_a_container_that_is_gone_does_not_come_back_and_its_successor_stays(
    world: World, image: str
) -> None:
    after = do(world, fx.CreateContainer("app", body(image)))
    failure = fails(world, fx.ReinstateContainer("0" * 64, "app"))
    assert (failure.status, failure.what) == (
        404, "the container 000000000000, which was 'app', does not exist any more",
    )  # fmt: skip
    do(world, fx.ExpectContainer("app", after))


def test_a_running_container_is_removed(world: World, image: str) -> None:
    do(world, fx.CreateContainer("app", body(image)))
    do(world, fx.StartContainer("app"))
    do(world, fx.RemoveContainer("app"))
    do(world, fx.ExpectContainer("app"))


def test_another_container_than_the_planned_one_is_drift(world: World, image: str) -> None:
    made = do(world, fx.CreateContainer("app", body(image)))
    for name, planned in (("app", ""), ("app", "0" * 64), ("other", made)):
        with pytest.raises(Drift):
            do(world, fx.ExpectContainer(name, planned))


def test_the_beginning_of_an_id_is_no_name(world: World, image: str) -> None:
    made = do(world, fx.CreateContainer("app", body(image)))
    do(world, fx.ExpectContainer(made[:12]))


def test_a_name_that_is_taken_is_drift(world: World, image: str) -> None:
    do(world, fx.CreateContainer("app", body(image)))
    with pytest.raises(Drift, match="'app' is taken"):
        do(world, fx.CreateContainer("app", body(image)))
    do(world, fx.CreateContainer("app-new", body(image)))
    with pytest.raises(Drift, match="'app' is taken"):
        do(world, fx.RenameContainer("app-new", "app"))
    do(world, fx.CreateNetwork({"Name": "shop_net"}))
    with pytest.raises(Drift, match="network name 'shop_net' is taken"):
        do(world, fx.CreateNetwork({"Name": "shop_net"}))


def test_what_is_not_there_is_named(world: World, image: str) -> None:
    missing = fails(world, fx.StartContainer("nobody"))
    assert (missing.status, missing.what) == (404, "the container 'nobody' does not exist")
    assert fails(world, fx.StopContainer("nobody", 1)).status == 404
    assert fails(world, fx.RenameContainer("nobody", "x1")).status == 404
    no_image = fails(world, fx.CreateContainer("app", body("shop:v999")))
    assert (no_image.status, no_image.what) == (404, "there is no image shop:v999")
    assert world.state("app") == ""


def test_a_container_joins_further_networks(world: World, image: str) -> None:
    for name in ("front", "back"):
        do(world, fx.CreateNetwork({"Name": name}))
    ask = body(image, HostConfig={"NetworkMode": "front"})
    do(world, fx.CreateContainer("app", ask, {"back": {"Aliases": ["shop"]}}))
    do(world, fx.StartContainer("app"))
    assert world.state("app") == "running"


def test_a_container_that_cannot_join_all_its_networks_is_not_left_behind(world: World, image: str) -> None:
    do(world, fx.CreateNetwork({"Name": "front"}))
    ask = body(image, HostConfig={"NetworkMode": "front"})
    fails(world, fx.CreateContainer("app", ask, {"host": {}}))
    do(world, fx.ExpectContainer("app"))


@pytest.mark.parametrize(("first", "further"), [("nowhere", {}), ("front", {"nowhere": {}})])
def test_a_missing_network_stops_the_start(
    world: World, image: str, first: str, further: dict[str, Any]
) -> None:
    do(world, fx.CreateNetwork({"Name": "front"}))
    do(world, fx.CreateContainer("app", body(image, HostConfig={"NetworkMode": first}), further))
    failure = fails(world, fx.StartContainer("app"))
    assert failure.status == 404
    assert failure.what == "there is no network nowhere"


def test_a_port_that_is_taken_is_named(world: World, image: str) -> None:
    ask = body(
        image,
        ExposedPorts={"80/tcp": {}},
        HostConfig={"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "18080"}]}},
    )
    do(world, fx.CreateContainer("first", ask))
    do(world, fx.StartContainer("first"))
    do(world, fx.CreateContainer("second", ask))
    failure = fails(world, fx.StartContainer("second"))
    assert failure.what == "port 18080 of the host is taken"
    assert world.state("second") == "created"
    do(world, fx.StopContainer("first", 0.1))
    do(world, fx.StartContainer("second"))


def test_a_body_that_cannot_be_read_is_refused(world: World, image: str) -> None:
    for wrong in ({"Env": "A=1"}, {"Cmd": [1]}, {"Labels": {"a": 1}}):
        failure = fails(world, fx.CreateContainer("app", body(image, **wrong)))
        # Engines before 23 answer 500.
        assert failure.status in {400, 500}
        assert "cannot unmarshal" in failure.why
    assert fails(world, fx.CreateContainer("not/a name", body(image))).status == 400


def test_volumes_are_made_once(world: World) -> None:
    do(world, fx.CreateVolume({"Name": "shop_data", "Labels": {"fleet.env": "test"}}))
    do(world, fx.CreateVolume({"Name": "shop_data", "Labels": {"fleet.env": "test"}}))


def test_a_digest_is_resolved_by_the_registry(world: World) -> None:
    digest = world.push("shop", "v2", "two")
    assert do(world, fx.ResolveDigest(f"{world.registry}/shop:v2")) == digest
    before = world.docker.calls
    pinned = f"{world.registry}/shop:v2@{digest}"
    assert do(world, fx.ResolveDigest(pinned)) == digest
    assert world.docker.calls - before <= 1


def test_a_pull_tells_its_progress_and_tags(world: World) -> None:
    digest = world.push("shop", "v3", f"three {world.registry}")
    told: list[tuple[int, int]] = []
    call = fx.PullImage(f"{world.registry}/shop@{digest}", tag="shop:v3")
    world.docker.docker(call, timeout=LIMIT, on_progress=lambda done, known: told.append((done, known)))
    assert told
    assert told[-1][0] == told[-1][1] > 0
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    do(world, fx.CreateContainer("app", body("shop:v3")))


def test_a_pull_can_be_stopped_and_the_connection_stays(world: World) -> None:
    digest = world.push("shop", "v3", f"stopped {world.registry}")
    pull = fx.PullImage(f"{world.registry}/shop@{digest}", tag="shop:stopped")
    cancel = threading.Event()
    for _ in range(2):
        with pytest.raises(Interrupted) as caught:
            world.docker.docker(
                pull, timeout=LIMIT, on_progress=lambda done, known: cancel.set(), cancel=cancel
            )
        assert caught.value.host == world.docker.host
        assert cancel.is_set()
    assert fails(world, fx.CreateContainer("app", body("shop:stopped"))).status == 404


def test_what_changes_a_container_is_finished(world: World, image: str) -> None:
    cancel = threading.Event()
    cancel.set()
    for call in (
        fx.CreateContainer("app", body(image)),
        fx.StartContainer("app"),
        fx.StopContainer("app", 0.1),
    ):
        world.docker.docker(call, timeout=LIMIT, cancel=cancel)
    assert world.state("app") == "exited"


def test_a_pull_by_tag(world: World) -> None:
    world.push("shop", "v4", "four")
    do(world, fx.PullImage(f"{world.registry}/shop:v4"))
    do(world, fx.CreateContainer("app", body(f"{world.registry}/shop:v4")))


@pytest.mark.parametrize("reference", ["shop:v999", "nothing:v1", "shop@sha256:" + "0" * 64])
def test_an_image_that_the_registry_has_not(world: World, reference: str) -> None:
    world.push("shop", "v1", "one")
    failure = fails(world, fx.PullImage(f"{world.registry}/{reference}"))
    assert failure.status == 404
    assert failure.what == f"there is no image {world.registry}/{reference}"
    if "@" not in reference:
        assert fails(world, fx.ResolveDigest(f"{world.registry}/{reference}")).status == 404


def test_a_registry_that_wants_a_login(world: World) -> None:
    digest = world.push("shop", "v1", "one")
    world.ask_for_login("fleet", PASSWORD_VALUE)
    pull = f"{world.registry}/shop@{digest}"
    wrong = fx.RegistryAuth("fleet", "guess")
    right = fx.RegistryAuth("fleet", SealedText((Hole(PASSWORD),)))
    for auth in (None, wrong):
        for call in (fx.PullImage(pull, auth=auth), fx.ResolveDigest(f"{world.registry}/shop:v1", auth)):
            failure = fails(world, call)
            assert failure.status == 401, failure
            assert failure.what == f"the registry {world.registry} refuses the login"
            assert "fleet_registries" in failure.hint
            assert PASSWORD_VALUE not in str(failure)
    assert do(world, fx.ResolveDigest(f"{world.registry}/shop:v1", right)) == digest
    do(world, fx.PullImage(pull, auth=right))
    # The login was for that one request.
    assert fails(world, fx.ResolveDigest(f"{world.registry}/shop:v1")).status == 401


def test_a_registry_that_asks_for_a_pause(world: World) -> None:
    world.push("shop", "v1", "one")
    for _ in range(10):
        world.busy(30)
    failure = fails(world, fx.PullImage(f"{world.registry}/shop:v1"))
    assert failure.status == 429
    assert "too many requests" in failure.what


def test_a_registry_that_is_not_there(world: World) -> None:
    image = "127.0.0.1:9/shop:v1"
    if hasattr(world.docker, "engine"):
        world.docker.engine.registry.down = True
    for call in (fx.PullImage(image), fx.ResolveDigest(image)):
        assert fails(world, call).what == "the host cannot reach the registry 127.0.0.1:9"


def test_secrets_reach_the_container_and_no_error(world: World, image: str) -> None:
    sealed = SealedText(("PASSWORD=", Hole(PASSWORD)))
    do(world, fx.CreateContainer("app", body(image, Env=[sealed])))
    if hasattr(world.docker, "engine"):
        assert world.docker.engine.container("app").body["Env"] == [f"PASSWORD={PASSWORD_VALUE}"]
    else:
        found = world.docker.run("docker inspect -f '{{index .Config.Env 0}}' app", timeout=30)
        assert found.out.decode().strip() == f"PASSWORD={PASSWORD_VALUE}"
    with pytest.raises(FleetError) as caught:
        do(world, fx.CreateContainer("app", body(image, Env=[sealed])))
    assert PASSWORD_VALUE not in str(caught.value)
