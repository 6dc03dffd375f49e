from pathlib import Path

import pytest

from fleet.ops import effects as fx
from fleet.transport.base import ApiFailed
from fleet.transport.fake import FakeTransport
from fleet.transport.fake_engine import FakeContainer, FakeEngine, FakeRegistry


@pytest.fixture
def host(tmp_path: Path) -> FakeTransport:
    made = FakeTransport("web-1", tmp_path)
    made.engine.images["shop:v1"] = made.engine.registry.push("shop:v1")
    return made


@pytest.mark.parametrize(
    "body", [{"Image": "shop:v1", "Enviroment": []}, {"Image": "shop:v1", "HostConfig": {"Bind": []}}, {}]
)
def test_a_body_that_the_engine_would_not_carry_out(host: FakeTransport, body: dict[str, object]) -> None:
    with pytest.raises(ApiFailed) as caught:
        host.docker(fx.CreateContainer("app", body), timeout=9)
    assert caught.value.status == 400


def test_scripts_run_in_the_hosts_own_directory(host: FakeTransport, tmp_path: Path) -> None:
    host.run("echo x >file", timeout=9)
    assert (tmp_path / "file").read_text() == "x\n"
    assert host.seen == ["echo x >file"]


def test_a_container_may_die_at_its_start_and_hosts_share_a_registry(tmp_path: Path) -> None:
    registry = FakeRegistry()
    engines = [FakeEngine(registry), FakeEngine(registry)]
    digest = registry.push("shop:v2")
    registry.busy.append(7.0)
    one, two = (FakeTransport(name, tmp_path, engine) for name, engine in zip("ab", engines, strict=True))
    with pytest.raises(ApiFailed) as caught:
        one.docker(fx.PullImage(f"shop@{digest}"), timeout=9)
    assert (caught.value.status, caught.value.retry_after) == (429, 7.0)
    two.docker(fx.PullImage(f"shop@{digest}", tag="shop:v2"), timeout=9)

    def dies(container: FakeContainer) -> None:
        container.state, container.exit_code = "exited", 1

    engines[1].on_start = dies
    two.docker(fx.CreateContainer("app", {"Image": "shop:v2"}), timeout=9)
    two.docker(fx.StartContainer("app"), timeout=9)
    assert [c.state for c in engines[1].containers.values()] == ["exited"]
