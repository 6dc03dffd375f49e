"""The whole project: which roles, in which order, for which hosts; settings; speed."""

# ruff: noqa: E501 (tables: one case a line)

import time

import pytest

from fleet.config.inventory import load_inventory
from fleet.config.order import Cycle, ordered
from fleet.config.project import environments, load_desired, open_project, rendered_hosts
from fleet.config.settings import parallel, registries
from fleet.errors import ConfigError, ConfigErrors, UsageError
from fleet.model.jobs import Job
from fleet.ops.effects import RegistryAuth
from fleet.secret import Hole, SealedText, SecretRef
from tests.unit.config.roles.project_files import Files

INVENTORY = """\
all:
  children:
    web: {hosts: {web-1: , web-2: }}
    queue: {hosts: {q-1: , web-1: }}
    database: {hosts: {db-1: {ansible_host: 10.0.0.9}}}
    norole: {hosts: {other-1: }}
"""


@pytest.fixture
def shop(files: Files) -> Files:
    files.write("inventories/test/hosts.yml", INVENTORY)
    files.compose(
        "x-fleet: {needs: [database, queue, batch], min_healthy: 50%}\n"
        "services:\n"
        "  app: {image: 'shop:{{ version }}', depends_on: [cache],\n"
        "        environment: {DB: \"{{ hostvars['db-1'].ansible_host }}\", ENV: '{{ env }}', WEB: \"{{ groups.web | join(',') }}\"}}\n"
        "  cache: {image: redis}\n"
    )
    files.compose("services: {redis: {image: redis}}\n", "queue")
    files.compose("x-fleet: {needs: queue}\nservices: {db: {image: postgres}}\n", "database")
    files.compose("services: {job: {image: batch}}\n", "batch")
    return files


def test_roles_in_the_order_of_their_needs(shop: Files) -> None:
    desired = shop.desired()
    assert (desired.project, desired.env, desired.version) == ("shop", "test", "v41")
    assert [
        (role.name, role.hosts, role.needs, role.min_healthy, role.services) for role in desired.roles
    ] == [
        ("queue", ("q-1", "web-1"), (), 0, ("redis",)),
        ("database", ("db-1",), ("queue",), 0, ("db",)),
        ("web", ("web-1", "web-2"), ("database", "queue"), "50%", ("app", "cache")),
    ]
    assert {state.host: [service.key for service in state.services] for state in desired.hosts} == {
        "web-1": ["queue.redis", "web.cache", "web.app"],
        "web-2": ["web.cache", "web.app"],
        "q-1": ["queue.redis"],
        "db-1": ["database.db"],
        "other-1": [],
    }


def test_what_templates_see(shop: Files) -> None:
    app = shop.desired(version="v42").hosts[0].services[-1].container
    assert app.image == "shop:v42"
    assert app.environment == (("DB", "10.0.0.9"), ("ENV", "test"), ("WEB", "web-1,web-2"))


def test_limit_keeps_the_roles_whole(shop: Files) -> None:
    desired = shop.desired(hosts=["web-2"])
    assert [state.host for state in desired.hosts] == ["web-2"]
    assert {role.name: role.hosts for role in desired.roles}["web"] == ("web-1", "web-2")


def test_only_some_roles(shop: Files) -> None:
    desired = shop.desired(roles=["queue"])
    assert [role.name for role in desired.roles] == ["queue", "database", "web"]
    assert [service.key for state in desired.hosts for service in state.services] == ["queue.redis"] * 2
    assert {network.role for state in desired.hosts for network in state.networks} == {"queue"}
    with pytest.raises(
        UsageError, match="no role 'qeue' in this environment, did you mean 'queue'"
    ) as caught:
        shop.desired(roles=["qeue"])
    assert caught.value.hint == "roles with hosts here: database, queue, web"


def test_precedence(shop: Files) -> None:
    shop.compose("services: {redis: {image: 'redis:{{ tag }}-{{ env }}'}}\n", "queue")
    shop.write("roles/queue/defaults.yml", "tag: default\nenv: mine\n")
    shop.write("inventories/test/host_vars/q-1.yml", "tag: own\n")
    images = {
        state.host: state.services[0].container.image
        for state in shop.desired(roles=["queue"]).hosts
        if state.services
    }
    assert images == {"web-1": "redis:default-test", "q-1": "redis:own-test"}


def test_settings(shop: Files) -> None:
    shop.write(
        "inventories/test/group_vars/all.yml",
        "fleet_project: store\nfleet_state_dir: /srv/fleet/\nfleet_pull_parallel: 3\nfleet_parallel: 5\nregistry: r.example\n"
        "fleet_registries: {'r.example:5000': {username: '{{ env }}', password: !secret env:PW}}\n",
    )
    shop.write(
        "inventories/test/host_vars/db-1.yml", "ansible_host: '{{ inventory_hostname }}.{{ env }}.example'\n"
    )
    desired = shop.desired()
    assert (desired.project, desired.state_dir, desired.pull_parallel) == ("store", "/srv/fleet", 3)
    hosts = rendered_hosts(load_inventory(shop.root, "test"))
    assert hosts["db-1"].address == "db-1.test.example"
    assert parallel(hosts.values()) == 5
    assert registries(hosts.values()) == {
        "r.example:5000": RegistryAuth("test", SealedText((Hole(SecretRef("env", "PW")),)))
    }
    assert environments(shop.root) == ["test"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fleet_project: Shop!", "1:16: fleet_project: 'Shop!' cannot be a part of names"),
        ("fleet_state_dir: var", "1:18: fleet_state_dir: 'var' is not an absolute path"),
        ("fleet_pull_parallel: 0", "1:22: fleet_pull_parallel: 0 is not a number of hosts, 1 or more"),
        ("fleet_volume_image: 'A b'", "1:21: fleet_volume_image: 'A b' is not an image reference"),
        ("fleet_volume_keep: soon", "1:20: fleet_volume_keep: 'soon' is not a duration: write it as 1m30s, 500ms or 2h"),
        ("fleet_registries: [r]", "1:19: fleet_registries: must be a mapping of registry to {username, password}"),
        ("fleet_registries: {r: {user: u}}", "1:19: fleet_registries: unknown key 'user' of 'r', did you mean 'username'?"),
        ("fleet_registries: {r: {username: u}}", "1:19: fleet_registries: 'r' needs a password"),
        ("fleet_state_dir: '{{ nope }}'", "1:18: the variable 'nope' is undefined"),
    ],
)  # fmt: skip
def test_wrong_settings(shop: Files, text: str, expected: str) -> None:
    shop.write("inventories/test/group_vars/all.yml", text)
    with pytest.raises((ConfigError, ConfigErrors)) as caught:
        shop.desired()
    (error,) = getattr(caught.value, "errors", (caught.value,))
    assert f"{error.at}: {error.what}" == f"inventories/test/group_vars/all.yml:{expected}"


def test_a_setting_that_differs_by_host(shop: Files) -> None:
    shop.write("inventories/test/host_vars/db-1.yml", "fleet_state_dir: /elsewhere\n")
    with pytest.raises(ConfigErrors, match="fleet_state_dir differs between hosts 'web-1' and 'db-1'"):
        shop.desired()


def test_two_roles_on_one_host_cannot_share_a_port(shop: Files) -> None:
    shop.compose("services: {redis: {image: redis, ports: ['80:6379']}}\n", "queue")
    shop.compose("services: {app: {image: x, ports: ['81:1'], x-fleet: {port_pair: {1: [81, 80]}}}}\n")
    with pytest.raises(ConfigErrors) as caught:
        shop.desired()
    assert str(caught.value) == (
        "roles/queue/compose.yml:1:12: host port 80/tcp is published by web.app too\n"
        "    on web-1\n"
        "  → choose another host port"
    )


def test_order() -> None:
    assert ordered({"a": ["c", "gone"], "b": [], "c": ["b"]}) == ("b", "c", "a")
    with pytest.raises(Cycle, match="b → c → b"):
        ordered({"a": ["b"], "b": ["c"], "c": ["b"]})


def test_two_hundred_hosts_are_quick(files: Files) -> None:
    files.write("inventories/test/hosts.yml", "all: {children: {web: {hosts: {'web[001:200]': }}}}\n")
    files.write("roles/web/templates/a.j2", "{% for h in groups.web %}server {{ h }}\n{% endfor %}")
    service = (
        "    image: 'shop:{{ version }}'\n"
        "    environment: {A: '{{ env }}', B: '${role}', C: '{{ inventory_hostname }}'}\n"
        "    volumes: ['/srv/%d:/etc/x:ro']\n"
        "    healthcheck: {test: 'true'}\n"
        "    x-fleet: {config: [{directory: /srv/%d, files: {a: a.j2}}]}\n"
    )
    files.compose("services:\n" + "".join(f"  app{n}:\n{service % (n, n)}" for n in range(3)))
    inventory = load_inventory(files.root, "test")
    project = open_project(files.root, inventory)
    start = time.process_time()
    desired = load_desired(project, inventory, list(inventory.hosts.values()), "v41")
    # Twice the promised time: a busy machine is no error.
    assert time.process_time() - start < 3
    assert sum(len(state.services) for state in desired.hosts) == 600


def test_jobs_of_each_host_as_the_file_has_them(files: Files) -> None:
    files.compose(
        "services: {app: {image: 'shop:{{ version }}'}, worker: {image: w}}\n"
        "x-fleet:\n"
        "  jobs:\n"
        "    migrate: {service: app, command: ./manage.py migrate, timeout: 90s, down: [./manage.py, zero]}\n"
        "    index: {service: worker, command: 'index on {{ inventory_hostname }}', entrypoint: [], at: after}\n"
    )
    migrate, index = files.desired().hosts[1].jobs
    assert migrate == Job("web", "migrate", "app", ("./manage.py", "migrate"), None, "before", 90,
                          ("./manage.py", "zero"))  # fmt: skip
    assert index == Job("web", "index", "worker", ("index", "on", "web-2"), (), "after")
    assert (index.timeout, index.down, index.key) == (600, (), "web.index")


def test_jobs_of_other_roles_are_left_out(files: Files) -> None:
    files.compose("services: {app: {image: x}}\nx-fleet: {jobs: {m: {service: app, command: m}}}\n")
    files.write("inventories/test/hosts.yml", "all: {children: {web: {hosts: {a: }}, db: {hosts: {a: }}}}\n")
    files.compose("services: {db: {image: x}}\n", "db")
    assert [job.key for job in files.desired(roles=["web"]).hosts[0].jobs] == ["web.m"]
    assert files.desired(roles=["db"]).hosts[0].jobs == ()
