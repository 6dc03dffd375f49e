import pytest

from fleet.errors import ConfigError, Position
from fleet.model.hosts import Host
from fleet.transport.endpoint import Endpoint, endpoint_of


def test_the_inventorys_variables() -> None:
    host = Host(
        "web-1",
        vars={
            "ansible_host": "10.0.0.1",
            "ansible_port": 2222,
            "ansible_user": "deploy",
            "ansible_ssh_private_key_file": "/k",
            "ansible_become": True,
            "ansible_become_user": "app",
        },
    )
    endpoint = endpoint_of(host)
    assert endpoint == Endpoint("web-1", "10.0.0.1", 2222, "deploy", "/k", become=True, become_user="app")
    assert endpoint.sudo() == ("sudo", "-n", "-u", "app", "--")
    assert endpoint.sudo(become=False) == ()
    assert endpoint_of(Host("here", vars={"ansible_connection": "local"})).connection == "local"
    assert endpoint_of(Host("web-2")).sudo() == ()


@pytest.mark.parametrize(
    "words",
    [
        "-J gate",
        "-Jgate",
        "-o ProxyJump=gate",
        "-oProxyJump=gate",
        "-o 'ProxyJump gate'",
        "-o proxyjump=gate",
    ],
)
def test_every_spelling_of_a_jump(words: str) -> None:
    assert endpoint_of(Host("web-1", vars={"ansible_ssh_common_args": words})).proxy_jump == "gate"


@pytest.mark.parametrize("words", ["-o StrictHostKeyChecking=no", "-C", "-J", "-o ProxyJump=gate -v", "'"])
def test_what_is_not_carried_out_is_refused_with_its_place(words: str) -> None:
    at = Position("hosts.yml", 3, 5)
    variable = "ansible_ssh_common_args"
    with pytest.raises(ConfigError, match=variable) as caught:
        endpoint_of(Host("web-1", vars={variable: words}, places={variable: at}))
    assert caught.value.at == at
