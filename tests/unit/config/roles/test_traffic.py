"""Who sends requests to what, who the balancers are, and how a new version is tried."""

# ruff: noqa: E501 (tables: one case a line)

import time

import pytest

from fleet.config.inventory import load_inventory
from fleet.config.project import load_desired, open_project
from fleet.errors import ConfigErrors
from fleet.model.balancing import Balancer, BalancerHost, Membership
from fleet.model.strategy import Share, Strategy
from fleet.model.watch import HttpValue, LogRate, PrometheusValue, WatchCommand, WatchSpec
from tests.unit.config.roles.project_files import Files
from tests.unit.config.roles.test_services import app

INVENTORY = """\
all:
  children:
    lb: {hosts: {lb-1: , lb-2: }}
    web: {hosts: {web-2: {ansible_host: 10.0.0.2}, web-1: {ansible_ssh_host: 10.0.0.1}, web-3: }}
    api: {hosts: {web-3: , api-1: }}
    cache: {hosts: {api-1: }}
"""
HAPROXY = """\
services:
  haproxy:
    image: haproxy
    network_mode: host
    volumes: ["/srv/lb:/etc/lb:ro", "/srv/run/:/run/haproxy"]
    x-fleet:
      balancer: {kind: haproxy, socket: /srv/run/admin.sock, state: "/srv/run/{{ env }}"}
      config: [{directory: /srv/lb, files: {lb.cfg: lb.j2}}]
"""
LB = Balancer("haproxy", "/srv/run/admin.sock", state="/srv/run/test")
TEMPLATE = """\
{% for backend, servers in backends.items() %}{{ backend }}:
{% for s in servers %}
 {{ s.name }} {{ s.host }} {{ s.address }}:{{ s.port }} {{ s.slot }} {{ s.colour or '-' }} {{ s.behind }}
{% endfor %}{% endfor %}"""
WEB = """\
services:
  app:
    image: "shop:{{ version }}"
    ports: ["{{ web_port }}:8000", "9000:9000"]
    x-fleet:
      load_balancer: {role: lb, backend: shop, port: 8000}
      port_pair: {8000: ["{{ web_port }}", "{{ web_port + 1 }}"]}
"""
API = 'services: {api: {image: api, ports: ["7000:70"], x-fleet: {load_balancer: {role: lb, backend: api, port: 70}}}}\n'


@pytest.fixture
def shop(files: Files) -> Files:
    files.write("inventories/test/hosts.yml", INVENTORY)
    files.compose(HAPROXY, "lb")
    files.write("roles/lb/templates/lb.j2", TEMPLATE)
    files.compose(WEB)
    files.write("roles/web/defaults.yml", "web_port: 8001\n")
    files.compose(API, "api")
    files.compose("services: {redis: {image: redis}}\n", "cache")
    files.compose("services: {job: {image: job}}\n", "idle")
    return files


def written(shop: Files, **options: object) -> list[str]:
    """What the balancer's template makes of ``backends``."""
    inventory = load_inventory(shop.root, "test")
    project = open_project(shop.root, inventory)
    desired = load_desired(project, inventory, [inventory.hosts["lb-1"]], "v41", **options)  # type: ignore[arg-type]
    return str(desired.hosts[0].services[0].configs[0].files[0].content).split("\n")[:-1]


def test_templates_see_every_server_of_the_environment_in_inventory_order(shop: Files) -> None:
    shop.write("inventories/test/host_vars/web-3.yml", "web_port: 8101\n")
    assert written(shop, roles=["lb"], behind=["web-1"]) == [
        "shop:",
        " web-2-blue web-2 10.0.0.2:8001 1 blue False",
        " web-2-green web-2 10.0.0.2:8002 2 green False",
        " web-1-blue web-1 10.0.0.1:8001 1 blue True",
        " web-1-green web-1 10.0.0.1:8002 2 green True",
        " web-3-blue web-3 web-3:8101 1 blue False",
        " web-3-green web-3 web-3:8102 2 green False",
        "api:",
        " web-3 web-3 web-3:7000 1 - False",
        " api-1 api-1 api-1:7000 1 - False",
    ]


def test_a_service_on_the_hosts_network_is_found_at_its_own_port(shop: Files) -> None:
    shop.compose(
        "services: {api: {image: x, network_mode: host, x-fleet: {load_balancer: {role: lb, backend: api, port: 70}}}}\n",
        "api",
    )
    assert written(shop)[-1] == " api-1 api-1 api-1:70 1 - False"


def test_of_a_host_outside_nothing_is_rendered_that_is_not_of_traffic(shop: Files) -> None:
    shop.compose(WEB + "    environment: {X: '{{ nowhere }}'}\n    volumes: [data:/data]\n")
    assert len(written(shop)) == 10
    assert "5:" not in shop.errors()[0]


def test_sections_may_be_templates_and_none_is_no_membership(shop: Files) -> None:
    shop.compose(
        "services: {api: '{{ api }}', app: {image: x, x-fleet: {load_balancer: '{{ none }}'}}}\n", "api"
    )
    shop.write(
        "roles/api/defaults.yml",
        "api: {image: x, ports: ['7000:70'], x-fleet: '{{ traffic }}'}\n"
        "traffic: {load_balancer: {role: lb, backend: api, port: 70}}\n",
    )
    assert written(shop)[-2:] == [
        " web-3 web-3 web-3:7000 1 - False",
        " api-1 api-1 api-1:7000 1 - False",
    ]


def test_a_mistake_on_a_host_outside_is_told_with_its_place(shop: Files) -> None:
    shop.compose(WEB.replace('"{{ web_port }}:8000", "9000:9000"', '"{{ nope }}:8000"'))
    shop.compose(API.replace("port: 70}", "port: 71}"), "api")
    with pytest.raises(ConfigErrors) as caught:
        written(shop)
    assert [(str(one.at), one.what, one.why) for one in caught.value.errors] == [
        (
            "roles/api/compose.yml:1:106",
            "load_balancer: 'ports' does not publish 71 at a fixed port of the host's address",
            "on web-3 and 1 more host",
        ),
        ("roles/web/compose.yml:4:13", "the variable 'nope' is undefined", "on web-2 and 2 more hosts"),
    ]


def test_what_decides_over_backends_cannot_be_made_of_them(shop: Files) -> None:
    shop.compose(WEB.replace("{{ web_port }}:8000", "{{ backends.api[0].port + 1 }}:8000"))
    assert shop.errors()[0] == "4:13: 'backends' is made of itself: this says which servers are in it"


def test_elsewhere_in_the_balanced_role_backends_are_no_circle(shop: Files) -> None:
    shop.compose(WEB + "    environment: {N: '{{ backends.shop | length }}'}\n")
    web = next(one for state in shop.desired().hosts for one in state.services if one.key == "web.app")
    assert web.container.environment == (("N", "6"),)


def test_an_unknown_backend_is_near_another(shop: Files) -> None:
    shop.write("roles/lb/templates/lb.j2", "{{ backends.shoop | length }}\n")
    (found,) = shop.errors()
    assert (
        found
        == "roles/lb/templates/lb.j2:1:1: there is no 'shoop' in a mapping that was asked for it, did you mean 'shop'?"
    )


def test_the_balancers_are_those_of_the_whole_environment(shop: Files) -> None:
    expected = tuple(BalancerHost(host, "lb", "lb.haproxy", LB) for host in ("lb-1", "lb-2"))
    assert shop.desired(hosts=["web-1"], roles=["web"]).balancers == expected
    found = shop.desired()
    assert found.balancers == expected
    assert [one.balancer for state in found.hosts for one in state.services if one.role == "lb"] == [LB, LB]


def test_without_a_balancer_there_is_none(files: Files) -> None:
    assert files.service(app("x-fleet: {gate: {}}")).load_balancer is None
    assert files.desired().balancers == ()


LINE = "x-fleet: {load_balancer: "


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (LINE + "{role: lbb, backend: b, port: 80}}", "5:37: load_balancer: there is no role 'lbb', did you mean 'lb'?"),
        (LINE + "{role: idle, backend: b, port: 80}}", "5:37: load_balancer: role 'idle' has no hosts in this environment"),
        (LINE + "{role: cache, backend: b, port: 80}}", "5:37: load_balancer: no service of role 'cache' is a balancer"),
        (LINE + "{role: lb, backend: b/c, port: 80}}", "5:50: backend: may hold only what ^[a-zA-Z0-9_.-]+$ allows"),
        (LINE + "{role: lb, backend: b, port: 81}}",
         "5:59: load_balancer: 'ports' does not publish 81 at a fixed port of the host's address"),
        (LINE + "{role: lb, backend: b, port: 82}}",
         "5:59: load_balancer: 'ports' does not publish 82 at a fixed port of the host's address"),
        (LINE + "{role: lb, backend: b, port: 83}}",
         "5:59: load_balancer: 'ports' does not publish 83 at a fixed port of the host's address"),
        (LINE + "{role: lb, backend: b, port: 0}}", "5:59: port: must be at least 1"),
        (LINE + "{role: lb, backend: b}}", "5:15: 'port' is missing"),
        (LINE + "{role: lb, backend: b, port: 80, drain_timeout: 30}}",
         "5:78: drain_timeout: a duration needs a unit: 30s"),
        (LINE + "{role: lb, backend: b, port: 80, drian_timeout: 3s}}", "5:63: unknown key 'drian_timeout', did you mean 'drain_timeout'?"),
        (LINE + "{role: lb, backend: b, port: 80}}\ndeploy: {update_config: {order: start-first}}",
         "6:37: order: start-first needs a second host port for 80:80|6:37: order: start-first needs a second host port for 82:82|6:37: order: start-first needs a second host port for 83:83"),
        ("x-fleet: {balancer: {kind: nginx, socket: /a/b}}", "5:32: kind: only 'haproxy' is carried out"),
        ("x-fleet: {balancer: {kind: haproxy}}", "5:15: 'socket' is missing"),
        ("x-fleet: {balancer: {kind: haproxy, socket: run/a}}",
         "5:49: socket: 'run/a' is not the absolute path of a file on the host"),
        ("x-fleet: {balancer: {kind: haproxy, socket: /a/../b}}",
         "5:49: socket: '/a/../b' is not the absolute path of a file on the host"),
        ("x-fleet: {balancer: {kind: haproxy, socket: /run/a, master: /srv/ab}}\nvolumes: ['/run:/run', '/srv/a:/srv']",
         "5:65: balancer: '/srv/ab' is not below a directory that this service mounts from its host"),
        ("x-fleet: {strategy: blue-gren}",
         "5:25: strategy: 'blue-gren' is not one of 'rolling', 'blue-green' or 'canary', did you mean 'blue-green'?"),
        ("x-fleet: {strategy: canary}", "5:25: strategy: canary needs its steps"),
        ("x-fleet: {strategy: {canary: []}}", "5:34: canary: needs at least 1"),
        ("x-fleet: {strategy: {canary: [{weight: 100}]}}", "5:44: weight: must be at most 99"),
        ("x-fleet: {strategy: {canary: [{weight: 0}]}}", "5:44: weight: must be at least 1"),
        ("x-fleet: {strategy: {canary: [{weight: 9}, {weight: 5}]}}", "5:34: canary: the weights do not rise: 9, 5"),
        ("x-fleet: {strategy: {canary: [{weight: 9}, {weight: 9}]}}", "5:34: canary: the weights do not rise: 9, 9"),
        ("x-fleet: {strategy: {canary: [{weight: 5, for: 0}]}}", "5:52: for: must be more than 0"),
        ("x-fleet: {strategy: {canary: [{weight: 5, fro: 2m}]}}", "5:47: unknown key 'fro', did you mean 'for'?"),
        ("x-fleet: {strategy: {blue-green: {}}}", "5:15: 'canary' is missing|5:26: unknown key 'blue-green'"),
        ("x-fleet: {strategy: blue-green}",
         "5:25: strategy: blue-green needs a second host port for 80:80|5:25: strategy: blue-green needs a second host port for 82:82|5:25: strategy: blue-green needs a second host port for 83:83"),
        ("x-fleet: {watch: {}}", "5:15: watch: nothing is watched with strategy: rolling"),
        ("x-fleet: {watch: {errors: 2}}", "5:31: errors: 2 is no share of the requests: write 1% or 0.01"),
        ("x-fleet: {watch: {errors: 1 %}}", "5:31: errors: '1 %' is no share of the requests: write 1% or 0.01"),
        ("x-fleet: {watch: {slower: 0.5}}", "5:31: slower: must be at least 1"),
        ("x-fleet: {watch: {requests: 0}}", "5:33: requests: must be at least 1"),
        ("x-fleet: {watch: {on_failure: stop}}", "5:35: on_failure: 'stop' is not one of 'abort' or 'pause'"),
        ("x-fleet: {watch: {measures: {a: {log: x, command: y}}}}",
         "5:37: a: a measure is exactly one of http, prometheus, log or command"),
        ("x-fleet: {watch: {measures: {a: {most: 1}}}}",
         "5:37: a: a measure is exactly one of http, prometheus, log or command"),
        ("x-fleet: {watch: {measures: {a: {log: x}}}}",
         "5:37: a: log needs most, and nothing else: lines a minute and container"),
        ("x-fleet: {watch: {measures: {a: {command: x, most: 1}}}}",
         "5:37: a: a command is good when it exits 0: it has no least and no most"),
        ("x-fleet: {watch: {measures: {a: {http: {url: 'http://x', path: p}}}}}",
         "5:37: a: a number needs a limit: least, most, or both"),
        ("x-fleet: {watch: {measures: {a: {http: {url: 'http://x', path: p}, least: 2, most: 1}}}}",
         "5:37: a: nothing is at least 2 and at most 1"),
        ("x-fleet: {watch: {measures: {a: {http: {url: x, path: p}, least: 2}}}}",
         "5:50: url: may hold only what ^https?://[^/] allows"),
        ("x-fleet: {watch: {measures: {a b: {log: x, most: 2}}}}",
         "5:39: a b: may hold only what ^[a-zA-Z0-9_-]+$ allows"),
        ("x-fleet: {watch: {measures: {a: {log: '(', most: 2}}}}",
         "5:43: log: '(' is not a regular expression: missing ), unterminated subpattern at position 0"),
    ],
)  # fmt: skip
def test_one_mistake(shop: Files, body: str, expected: str) -> None:
    ports = "ports: ['80:80', '81/udp', '127.0.0.1:82:82', '83:83/udp']\n"
    assert "|".join(shop.errors(app(ports + body), hosts=["web-1"])) == expected


@pytest.mark.parametrize(
    "how", ["deploy: {update_config: {order: start-first}}", "x-fleet: {strategy: blue-green}"]
)
def test_on_the_hosts_network_no_two_are_behind_a_balancer_at_once(files: Files, how: str) -> None:
    files.write("inventories/test/hosts.yml", INVENTORY)
    files.compose(HAPROXY, "lb")
    files.write("roles/lb/templates/lb.j2", "")
    body = f"network_mode: host\n{how}\n"
    assert files.service(app(body), hosts=["web-1"]).load_balancer is None
    member = "load_balancer: {role: lb, backend: b, port: 80}"
    body = (
        body.replace("x-fleet: {", f"x-fleet: {{{member}, ")
        if "x-fleet" in body
        else f"{body}x-fleet: {{{member}}}"
    )
    (found,) = files.errors(app(body), hosts=["web-1"])
    assert found.endswith("and network_mode: host exclude each other behind a balancer")


def test_two_services_of_a_host_in_one_place(shop: Files) -> None:
    shop.compose(API.replace("backend: api", "backend: shop"), "api")
    assert shop.errors(hosts=["web-3"]) == [
        "roles/api/compose.yml:1:12: web.app of the same host is in backend 'shop', too"
    ]
    assert shop.errors(hosts=["lb-1"]) == shop.errors(hosts=["web-3"])
    second = HAPROXY.replace("haproxy:\n", "other:\n", 1).removeprefix("services:\n")
    shop.compose(API, "api")
    shop.compose(HAPROXY + second, "lb")
    assert shop.errors(hosts=["lb-1"]) == [
        "roles/lb/compose.yml:9:3: lb.haproxy is a balancer, too: a host has one"
    ]


def test_one_name_of_a_backend_for_two_roles(shop: Files) -> None:
    shop.compose(HAPROXY, "cache")
    shop.write("roles/cache/templates/lb.j2", "")
    shop.compose(API.replace("role: lb, backend: api", "role: cache, backend: shop"), "api")
    shop.write("inventories/test/hosts.yml", INVENTORY.replace("{web-3: , api-1: }", "{api-1: }"))
    assert shop.errors(hosts=["lb-1"]) == [
        "roles/api/compose.yml:1:12: backend 'shop' is one of role 'lb' for web.app"
    ]


def test_a_host_whose_name_no_balancer_takes(shop: Files) -> None:
    shop.write("inventories/test/hosts.yml", INVENTORY.replace("web-2:", "wéb-2:"))
    expected = ["2:3: 'wéb-2' cannot be the name of a server in backend 'shop'"]
    assert shop.errors(hosts=["lb-1"]) == expected
    assert shop.errors(hosts=["wéb-2"]) == expected


def test_a_role_whose_file_is_broken_is_not_doubted_for_it(shop: Files) -> None:
    shop.compose("services: [\n", "lb")
    (found,) = shop.errors()
    assert found.startswith("roles/lb/compose.yml:")


PAIRS = "ports: ['8001:80']\n"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("rolling", Strategy()),
        ("blue-green", Strategy("blue-green", (Share(50),))),
        ("{canary: [{weight: 5, for: 2m}, {weight: 50}]}", Strategy("canary", (Share(5, 120), Share(50)))),
    ],
)
def test_strategies(files: Files, written: str, expected: Strategy) -> None:
    body = f"{PAIRS}x-fleet: {{port_pair: {{80: [8001, 8002]}}, strategy: {written}}}"
    assert files.service(app(body)).strategy == expected


def test_a_worker_may_be_on_trial_as_well(files: Files) -> None:
    assert files.service(app("x-fleet: {strategy: blue-green}")).strategy.tried


def test_membership(shop: Files) -> None:
    body = (
        PAIRS
        + "x-fleet: {load_balancer: {role: lb, backend: b, port: 80, drain_timeout: 1m, slow_start: 10s}}"
    )
    found = shop.service(app(body), hosts=["web-1"])
    assert found.load_balancer == Membership("lb", "b", 80, 60, 10)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{}", WatchSpec()),
        ("{errors: 0.5%}", WatchSpec(errors=0.005)),
        ("{errors: 0.02}", WatchSpec(errors=0.02)),
        ("{window: 2m, requests: 5, slower: 2, on_failure: pause}", WatchSpec(120, 5, 0.01, 2, "pause")),
        ("{measures: {b: {log: ^E, most: 0}, a: {command: run x}}}",
         WatchSpec(measures=(WatchCommand("a", ("run", "x")), LogRate("b", "^E", 0)))),
        ("{measures: {a: {http: {url: 'http://x/y', path: q.len}, most: 3}}}",
         WatchSpec(measures=(HttpValue("a", "http://x/y", "q.len", most=3),))),
        ("{measures: {a: {prometheus: {url: 'https://x', query: up}, least: 1, most: 3}}}",
         WatchSpec(measures=(PrometheusValue("a", "https://x", "up", 1, 3),))),
    ],
)  # fmt: skip
def test_watches(files: Files, written: str, expected: WatchSpec) -> None:
    assert files.service(app(f"x-fleet: {{strategy: blue-green, watch: {written}}}")).watch == expected


def test_a_thousand_servers_are_found_once(shop: Files) -> None:
    shop.write(
        "inventories/test/hosts.yml",
        "all: {children: {lb: {hosts: {'lb-[1:2]': }}, web: {hosts: {'web-[1:1000]': }}}}\n",
    )
    inventory = load_inventory(shop.root, "test")
    project = open_project(shop.root, inventory)
    began = time.process_time()
    desired = load_desired(project, inventory, [inventory.hosts["lb-1"], inventory.hosts["lb-2"]], "v41")
    took = time.process_time() - began
    text = str(desired.hosts[1].services[0].configs[0].files[0].content)
    assert text.count("\n") == 2001
    assert took < 3, f"{took:.2f} s of CPU"


def test_what_a_profile_keeps_away_is_no_server(shop: Files) -> None:
    shop.compose(API.replace("image: api,", "image: api, profiles: [api],"), "api")
    shop.write("inventories/test/host_vars/api-1.yml", "fleet_profiles: [api]\n")
    assert [line for line in written(shop) if "70" in line] == [" api-1 api-1 api-1:7000 1 - False"]


def test_profiles_that_are_no_names_are_told_once(shop: Files) -> None:
    shop.compose(API.replace("image: api,", "image: api, profiles: [api],"), "api")
    shop.write("inventories/test/host_vars/api-1.yml", "fleet_profiles: 5\n")
    with pytest.raises(ConfigErrors) as caught:
        shop.desired()
    assert [error.what for error in caught.value.errors] == ["fleet_profiles is not a list of names"]
