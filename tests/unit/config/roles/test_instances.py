"""A service that runs several times on a host: what each of its instances is."""

from __future__ import annotations

import pytest

from fleet.config.hosted import find_service, find_services
from fleet.config.inventory import load_inventory
from fleet.config.project import load_desired, open_project
from fleet.errors import ConfigErrors, UsageError
from fleet.model.services import Port
from tests.unit.config.roles.project_files import Files

APP = """\
services:
  app:
    image: shop
    deploy: {replicas: "{{ instances }}"}
    ports: ["8080-8083:80", "9000"]
    secrets: [token]
    configs: [motd]
  worker: {image: shop, depends_on: [app]}
  db: {image: db, deploy: {resources: {limits: {pids: 5}}}}
secrets: {token: {environment: X}}
configs: {motd: {content: hello}}
"""

MEMBER = "    x-fleet: {load_balancer: {role: lb, backend: shop, port: 80}}\n"
BALANCED = APP.replace("    secrets", f"{MEMBER}    secrets")


def with_count(files: Files, count: int, text: str = APP) -> None:
    files.write("roles/web/defaults.yml", f"instances: {count}\n")
    files.compose(text)


def test_each_has_a_name_a_port_and_files_of_its_own(files: Files) -> None:
    with_count(files, 2)
    first, second, _, worker = sorted(files.desired().hosts[0].services, key=lambda one: one.name)
    assert [(one.name, one.instance, one.base, one.replicas) for one in (first, second)] == [
        ("app", 1, "app", 2), ("app-2", 2, "app", 2),
    ]  # fmt: skip
    assert first.container.name.endswith("-web-app-1")
    assert second.container.name.endswith("-web-app-2")
    assert first.container.ports == (Port(80, 8080), Port(9000))
    assert second.container.ports == (Port(80, 8081), Port(9000))
    assert second.secret_dir.endswith("/web/app-2")
    assert first.configs[0].directory != second.configs[0].directory
    aliases = [one.container.networks[0].aliases for one in (first, second)]
    assert aliases == [("app",), ("app",)], "other services find all of them by one name"
    assert worker.depends_on == ("app",)


def test_more_of_them_change_nothing_of_the_first(files: Files) -> None:
    with_count(files, 1)
    alone = files.desired().hosts[0].services[0].container
    with_count(files, 3)
    assert files.desired().hosts[0].services[0].container == alone


def test_a_range_in_the_long_syntax(files: Files) -> None:
    ports = '[{target: 80, published: "8080-8081"}, {target: 81, published: 8090-8090}]'
    files.compose(f"services: {{app: {{image: shop, ports: {ports}}}}}\n")
    assert files.desired().hosts[0].services[0].container.ports == (Port(80, 8080), Port(81, 8090))


def test_balancers_get_a_server_for_each(files: Files) -> None:
    files.write(
        "inventories/test/hosts.yml",
        "all: {children: {lb: {hosts: {lb-1: }}, web: {hosts: {web-1: {ansible_host: 10.0.0.1}}}}}\n",
    )
    files.compose(
        'services: {haproxy: {image: haproxy, volumes: ["/srv/run:/run/haproxy"], environment: '
        '{SERVERS: "{% for s in backends.shop %}{{ s.name }} {{ s.address }}:{{ s.port }} {{ s.instance }}, '
        '{% endfor %}"}, x-fleet: {balancer: {kind: haproxy, socket: /srv/run/admin.sock}}}}\n',
        "lb",
    )
    with_count(files, 2, BALANCED)
    inventory = load_inventory(files.root, "test")
    # Also when nobody deploys to the hosts that have them.
    hosts = [one for one in inventory.hosts.values() if one.name == "lb-1"]
    desired = load_desired(open_project(files.root, inventory), inventory, hosts, "v1")
    (haproxy,) = desired.hosts[0].services
    assert dict(haproxy.container.environment)["SERVERS"] == (
        "web-1 10.0.0.1:8080 1, web-1-2 10.0.0.1:8081 2, "
    )


def test_no_two_servers_have_one_name(files: Files) -> None:
    """One backend of one service: else a host that is called like an instance of another is left out."""
    files.write(
        "inventories/test/hosts.yml",
        "all: {children: {lb: {hosts: {lb-1: }}, web: {hosts: {web: , web-2: }}}}\n",
    )
    files.compose(
        'services: {haproxy: {image: "{{ backends | length }}", volumes: ["/srv/run:/run/haproxy"], x-fleet: '
        "{balancer: {kind: haproxy, socket: /srv/run/admin.sock}}}}\n",
        "lb",
    )
    with_count(files, 2, BALANCED)
    with pytest.raises(ConfigErrors, match="two servers of backend 'shop' are called 'web-2'"):
        files.desired()


def test_they_are_found_by_name(files: Files) -> None:
    with_count(files, 2)
    inventory = load_inventory(files.root, "test")
    assert str(find_service(files.root, inventory, "web.app")) == "web.app"
    assert str(find_service(files.root, inventory, "app-2")) == "web.app-2"
    assert str(find_service(files.root, inventory, "web.app-12")) == "web.app-12"
    (every,) = find_services(files.root, inventory, "app")
    assert every.replicated
    assert not find_services(files.root, inventory, "app-2")[0].replicated
    for name in ("web.app-1", "worker-2", "db-2"):
        with pytest.raises(UsageError, match=f"no service {name}"):
            find_service(files.root, inventory, name)
