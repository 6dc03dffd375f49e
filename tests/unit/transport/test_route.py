from pathlib import Path

import pytest

from fleet.errors import ConfigError
from fleet.transport.endpoint import Endpoint
from fleet.transport.route import Resolver, Route


def route(tmp_path: Path, config: str = "", **words: object) -> Route:
    file = tmp_path / "config"
    file.write_text(config)
    endpoint = Endpoint(**{"name": "web-1", "address": "web-1", "user": "deploy", **words})  # type: ignore[arg-type]
    return Resolver([tmp_path / "known_hosts"], file).route(endpoint)


def names(found: Route) -> list[str]:
    return [f"{hop.user}@{hop.address}:{hop.port}" for hop in found]


def test_the_inventory_beats_the_configuration(tmp_path: Path) -> None:
    config = "Host web-1\n HostName 10.0.0.1\n User other\n Port 2222\n IdentityFile /keys/config\n"
    (hop,) = route(tmp_path, config, user=None)
    assert names((hop,)) == ["other@10.0.0.1:2222"]
    (hop,) = route(tmp_path, config, port=22, key_file="/keys/inventory")
    assert names((hop,)) == ["deploy@10.0.0.1:22"]
    assert hop.keys == ("/keys/inventory", "/keys/config")
    assert hop.explicit
    assert hop.known_hosts[0] == tmp_path / "known_hosts"


def test_hosts_do_not_get_each_others_keys(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text("Host a\n IdentityFile /keys/a\nHost b\n IdentityFile /keys/b\n")
    resolver = Resolver([], file)
    for name in ("a", "b", "a"):
        (hop,) = resolver.route(Endpoint(name, name))
        assert hop.keys == (f"/keys/{name}",)
    (hop,) = resolver.route(Endpoint("c", "c"))
    assert not hop.explicit
    assert all("/.ssh/id_" in key for key in hop.keys)


def test_options_that_concern_the_key(tmp_path: Path) -> None:
    config = "Host *\n IdentitiesOnly yes\n HostKeyAlias shop\n UserKnownHostsFile /a /b\n"
    (hop,) = route(tmp_path, config)
    assert not hop.agent
    assert hop.key_name == "shop"
    assert [str(file) for file in hop.known_hosts[1:]] == ["/a", "/b", "/etc/ssh/ssh_known_hosts"]


def test_jumps_are_entered_in_the_order_they_are_written(tmp_path: Path) -> None:
    found = route(tmp_path, proxy_jump="one@gate:2222,two@[fd00::1]:23")
    assert names(found) == ["one@gate:2222", "two@fd00::1:23", "deploy@web-1:22"]


def test_a_jump_host_with_a_jump_host_of_its_own(tmp_path: Path) -> None:
    config = "Host web-1\n ProxyJump inner\nHost inner\n User i\n ProxyJump outer\nHost outer\n User o\n"
    assert names(route(tmp_path, config)) == ["o@outer:22", "i@inner:22", "deploy@web-1:22"]


def test_none_forbids_the_jump_of_the_configuration(tmp_path: Path) -> None:
    assert len(route(tmp_path, "Host *\n ProxyJump gate\n", proxy_jump="none")) == 1


def test_a_jump_host_is_not_its_own_jump_host(tmp_path: Path) -> None:
    found = route(tmp_path, "Host *\n User u\n ProxyJump gate\n")
    assert names(found) == ["u@gate:22", "deploy@web-1:22"]


def test_the_proxy_command_is_told_the_inventorys_port_and_user(tmp_path: Path) -> None:
    (hop,) = route(tmp_path, "Host *\n ProxyCommand relay %r %h %p\n", port=2222)
    assert hop.proxy_command == "relay deploy web-1 2222"


@pytest.mark.parametrize("jump", ["gate:x", "@gate", ":22"])
def test_a_jump_that_cannot_be_read(tmp_path: Path, jump: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        route(tmp_path, proxy_jump=jump)
