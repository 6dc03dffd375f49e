"""From a role's file to the service: Compose's syntaxes, each in its one normal form."""

# ruff: noqa: E501 (tables: one case a line)

from typing import Any

import pytest

from fleet.model import codec, gates
from fleet.model.services import (
    Batches,
    BlockIo,
    ConfigDir,
    ConfigFile,
    Device,
    DeviceRate,
    DeviceRequest,
    Healthcheck,
    Logging,
    Mount,
    NetworkAttachment,
    Port,
    PortPair,
    Reload,
    SecretFile,
    Service,
    Ulimit,
    UpdatePolicy,
)
from fleet.model.transitions import CommandCheck, FreeCheck, SleepCheck, Transition
from fleet.secret import Hole, SealedText, SecretRef
from tests.unit.config.roles.project_files import Files

HOLE = Hole(SecretRef("env", "DB_PASSWORD"))


def app(body: str, rest: str = "") -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"services:\n  app:\n    image: shop\n{lines}{rest}"


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        ("ports: [8000]", "ports", (Port(8000),)),
        ("ports: ['8001:8000']", "ports", (Port(8000, 8001),)),
        ("ports: [8001:8000]", "ports", (Port(8000, 8001),)),
        ("ports: ['127.0.0.1:53:53/udp']", "ports", (Port(53, 53, "udp", "127.0.0.1"),)),
        ("ports: ['[::1]:80:80']", "ports", (Port(80, 80, "tcp", "::1"),)),
        ("ports: ['127.0.0.1::80']", "ports", (Port(80, 0, "tcp", "127.0.0.1"),)),
        ("ports: ['9000-9001:80-81']", "ports", (Port(80, 9000), Port(81, 9001))),
        ("ports: [{target: 80, published: '81', host_ip: 1.2.3.4}]", "ports", (Port(80, 81, "tcp", "1.2.3.4"),)),
        ("ports: ['9:9', '8:8', '9:9']", "ports", (Port(8, 8), Port(9, 9))),
        ("expose: [3000, '3001-3002/udp']", "expose", ("3000/tcp", "3001/udp", "3002/udp")),
        ("command: gunicorn 'shop:app' -w 2", "command", ("gunicorn", "shop:app", "-w", "2")),
        ("command: [a b, 5]", "command", ("a b", "5")),
        ("command: []", "command", ()),
        ("command:", "command", None),
        ("entrypoint: ''", "entrypoint", ()),
        ("environment: [B=2, A=x=y]", "environment", (("A", "x=y"), ("B", "2"))),
        ("environment: {T: true, N: 1.0, E: ''}", "environment", (("E", ""), ("N", "1"), ("T", "true"))),
        ("environment: {ON: yes}", "environment", (("ON", "yes"),)),
        ("labels: [a=b, c]", "labels", (("a", "b"), ("c", ""))),
        ("stop_grace_period: 1m30s", "stop_grace_period", 90.0),
        ("stop_grace_period: 500ms", "stop_grace_period", 0.5),
        ("mem_limit: 1.5g", "mem_limit", 1610612736),
        ("mem_limit: 64kb", "mem_limit", 65536),
        ("mem_limit: 1000", "mem_limit", 1000),
        ("memswap_limit: -1", "memswap_limit", -1),
        ("deploy: {resources: {limits: {cpus: '0.5', memory: 1m, pids: 9}}}", "mem_limit", 1048576),
        ("deploy: {resources: {limits: {cpus: '0.5'}}}", "cpus", 0.5),
        ("deploy: {resources: {reservations: {memory: 2k}}}", "mem_reservation", 2048),
        ("cpu_period: 50ms", "cpu_period", 50000),
        ("dns: 1.1.1.1", "dns", ("1.1.1.1",)),
        ("extra_hosts: [a:1.2.3.4, 'b=::1']", "extra_hosts", ("a:1.2.3.4", "b:::1")),
        ("extra_hosts: {a: [1.1.1.1, 2.2.2.2]}", "extra_hosts", ("a:1.1.1.1", "a:2.2.2.2")),
        ("tmpfs: /run:size=1m", "tmpfs", (("/run", "size=1m"),)),
        ("cgroup: private", "cgroup", "private"),
        ("blkio_config: {weight: 300, weight_device: [{path: /dev/a, weight: 10}], device_write_bps: [{path: /dev/a, rate: 1mb}], device_read_iops: [{path: /dev/a, rate: 5}]}",
         "blkio_config", BlockIo(300, (("/dev/a", 10),), (DeviceRate("device_read_iops", "/dev/a", 5), DeviceRate("device_write_bps", "/dev/a", 1048576)))),
        ("deploy: {resources: {reservations: {devices: [{capabilities: [gpu], count: all}, {capabilities: [gpu], driver: nvidia, device_ids: ['0'], options: {a: b}}, {capabilities: [tpu], count: 2}, {capabilities: [x]}]}}}",
         "device_requests", (DeviceRequest(("gpu",), count=-1), DeviceRequest(("gpu",), "nvidia", 0, ("0",), (("a", "b"),)), DeviceRequest(("tpu",), count=2), DeviceRequest(("x",), count=-1))),
        ("ulimits: {nproc: 9, nofile: {soft: 1, hard: 2}}", "ulimits", (Ulimit("nofile", 1, 2), Ulimit("nproc", 9, 9))),
        ("devices: ['/dev/a', '/dev/b:/dev/c:r']", "devices", (Device("/dev/a", "/dev/a"), Device("/dev/b", "/dev/c", "r"))),
        ("cap_add: [CAP_NET_ADMIN, net_raw]", "cap_add", ("NET_ADMIN", "NET_RAW")),
        ("sysctls: {net.core.somaxconn: 1024}", "sysctls", (("net.core.somaxconn", "1024"),)),
        ("logging: {driver: json-file, options: {max-file: 3}}", "logging", Logging("json-file", (("max-file", "3"),))),
        ("restart: no", "restart", "no"),
        ("restart: on-failure:3", "restart", "on-failure:3"),
        ("user: 1000", "user", "1000"),
        ("init: true", "init", True),
        ("healthcheck: {test: curl -f x, interval: 2s}", "healthcheck", Healthcheck(("CMD-SHELL", "curl -f x"), 2.0)),
        ("healthcheck: {test: [CMD, ok], retries: 2}", "healthcheck", Healthcheck(("CMD", "ok"), retries=2)),
        ("healthcheck: {disable: true}", "healthcheck", Healthcheck(("NONE",))),
        ("network_mode: host", "networks", ()),
        ("hostname: '{{ inventory_hostname }}-${role}'", "hostname", "web-1-web"),
        ("image: shop:{{ version }}\nx-ours: {any: thing}", "image", "shop:v41"),
        ("container_name: shop", "name", "shop"),
        ("user: root", "name", "shop-test-web-app-1"),
    ],
)  # fmt: skip
def test_container_fields(files: Files, body: str, field: str, expected: Any) -> None:
    text = app(body) if "image" not in body else app(body).replace("    image: shop\n", "")
    found = getattr(files.service(text).container, field)
    assert found == expected
    assert type(found) is type(expected)


def test_mounts(files: Files) -> None:
    body = """\
volumes:
  - data:/data
  - /srv/a:/a:ro,rslave
  - /anonymous
  - {type: bind, source: /srv/b/, target: /b/}
  - {type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 0700}}
  - {type: volume, source: shared, target: /s, volume: {nocopy: true}}
secrets: [token]
"""
    rest = """\
volumes: {data: {driver_opts: {size: 5}}, shared: {external: true}, unused: }
secrets: {token: {environment: DB_PASSWORD}}
"""
    files.compose(app(body, rest))
    state = files.desired().hosts[0]
    assert state.services[0].container.mounts == (
        Mount("bind", "/a", "/srv/a", read_only=True, propagation="rslave"),
        Mount("volume", "/anonymous"),
        Mount("bind", "/b", "/srv/b", create_host_path=False),
        Mount("volume", "/data", "shop-test-web_data"),
        Mount("bind", "/run/secrets", "/run/fleet/shop/test/web/app", read_only=True, create_host_path=False),
        Mount("volume", "/s", "shared", nocopy=True),
        Mount("tmpfs", "/t", tmpfs_size=1048576, tmpfs_mode=0o700),
    )
    assert [(v.name, v.options, v.external) for v in state.volumes] == [
        ("shop-test-web_data", (("size", "5"),), False),
        ("shared", (), True),
    ]


def test_networks_by_priority(files: Files) -> None:
    body = "networks: {back: , front: {priority: 5, aliases: [www], ipv4_address: 10.0.0.5}}\nmac_address: 02:42:ac:11:00:03"
    rest = "networks: {front: {name: edge, ipam: {config: [{subnet: 10.0.0.0/24}]}}, back: {internal: true}, unused: }\n"
    files.compose(app(body, rest))
    state = files.desired().hosts[0]
    assert state.services[0].container.networks == (
        NetworkAttachment("edge", ("app", "www"), "10.0.0.5", mac_address="02:42:ac:11:00:03"),
        NetworkAttachment("shop-test-web_back", ("app",)),
    )
    assert [(n.name, n.internal, n.subnets) for n in state.networks] == [
        ("edge", False, (("10.0.0.0/24", ""),)),
        ("shop-test-web_back", True, ()),
    ]


def test_a_networks_addresses(files: Files) -> None:
    rest = """\
networks:
  n:
    ipam:
      driver: own
      options: {a: b}
      config: [{subnet: 10.0.0.0/24, ip_range: 10.0.0.128/25, aux_addresses: {printer: 10.0.0.200}}, {subnet: 10.0.1.0/24}]
"""
    files.compose(app("networks: {n: {link_local_ips: [169.254.0.5]}}", rest))
    state = files.desired().hosts[0]
    (made,) = state.networks
    assert (made.ipam_driver, made.ipam_options) == ("own", (("a", "b"),))
    assert (made.ip_ranges, made.aux_addresses) == (
        (("10.0.0.0/24", "10.0.0.128/25"),),
        (("10.0.0.0/24", "printer", "10.0.0.200"),),
    )
    assert state.services[0].container.networks[0].link_local_ips == ("169.254.0.5",)


def test_the_default_network(files: Files) -> None:
    files.compose(app("user: root"))
    state = files.desired().hosts[0]
    assert state.services[0].container.networks == (NetworkAttachment("shop-test-web_default", ("app",)),)
    assert [network.name for network in state.networks] == ["shop-test-web_default"]


def test_environment_files_below_the_services_own(files: Files) -> None:
    files.write(
        "roles/web/app.env",
        "# comment\nexport A=1\nB='$raw # x'\nC=\"two\\nlines ${A}\" # c\nD=${city:-none}  # c\nE\nF=f#f\n\nG=\ncity\n",
    )
    files.write("roles/web/raw.env", "R='${A}'\n")
    files.write("inventories/test/group_vars/all.yml", "city: Ulm\npw: !secret env:DB_PASSWORD\n")
    body = """\
env_file: [app.env, {path: raw.env, format: raw}, {path: none.env, required: false}]
environment: {A: own, city: , PW: "{{ pw }}", pw: }
"""
    assert files.service(app(body)).container.environment == (
        ("A", "own"),
        ("B", "$raw # x"),
        ("C", "two\nlines 1"),
        ("D", "Ulm"),
        ("F", "f#f"),
        ("G", ""),
        ("PW", SealedText((HOLE,))),
        ("R", "'${A}'"),
        ("city", "Ulm"),
        ("pw", SealedText((HOLE,))),
    )


def test_secrets_where_they_may_be(files: Files) -> None:
    body = """\
environment:
  - URL=postgresql://shop:{{ pw }}@db/shop
  - TOKEN=${pw}
secrets: [token, {source: cert, target: tls.key, mode: 0400, uid: '5'}, path]
"""
    rest = """\
secrets:
  token: {environment: DB_PASSWORD}
  cert: {x-fleet: {value: !secret "command:pass show cert"}}
  path: {file: ./secret/token}
"""
    files.write("roles/web/defaults.yml", "pw: !secret env:DB_PASSWORD\n")
    service = files.service(app(body, rest))
    assert service.container.environment == (
        ("TOKEN", SealedText((HOLE,))),
        ("URL", SealedText(("postgresql://shop:", HOLE, "@db/shop"))),
    )
    assert service.secret_dir == "/run/fleet/shop/test/web/app"
    assert service.secrets == (
        SecretFile("path", SealedText((Hole(SecretRef("file", "roles/web/secret/token")),)), mode="0444"),
        SecretFile(
            "tls.key", SealedText((Hole(SecretRef("command", "pass show cert")),)), uid=5, mode="0400"
        ),
        SecretFile("token", SealedText((HOLE,)), mode="0444"),
    )


def test_rolling(files: Files) -> None:
    body = """\
ports: ["8001:8000"]
healthcheck: {test: "true"}
pull_policy: if_not_present
deploy:
  update_config: {parallelism: 2, delay: 2s, monitor: 3s, failure_action: rollback, max_failure_ratio: 0.2, order: start-first}
  rollback_config: {parallelism: 0}
x-fleet:
  batches: [1, "50%"]
  port_pair: {8000: [8001, 8002]}
"""
    service = files.service(app(body))
    assert service.update == UpdatePolicy(Batches((1, "50%")), 2.0, "rollback", 0.2, "start-first")
    assert service.rollback == UpdatePolicy(Batches(("100%",)))
    assert service.gate == gates.GateSpec((gates.DockerCheck(),), healthy_for=3.0)
    assert service.port_pair == (PortPair(8000, 8001, 8002),)
    assert service.pull_policy == "missing"


def test_update_defaults_are_composes(files: Files) -> None:
    service = files.service(app("user: root"))
    assert service.update == UpdatePolicy(Batches((1,)), 0, "pause", 0, "stop-first")
    assert service.gate == gates.GateSpec()
    assert files.service(app("x-fleet: {batches: 30%}")).update.batches == Batches(("30%",))


def test_gate(files: Files) -> None:
    body = """\
x-fleet:
  gate:
    deadline: 2m
    interval: 500ms
    rise: 3
    fall: 1
    healthy_for: 0
    checks:
      - running
      - http: {port: 8000, path: /health, status: 204, match: ok}
      - tcp: {port: 8000}
      - exec: shop ping
      - controller: [curl, -f]
      - log: "ready .*"
      - any: [docker, {any: [running]}]
"""
    assert files.service(app(body)).gate == gates.GateSpec(
        (
            gates.RunningCheck(),
            gates.HttpCheck(8000, "/health", 204, "ok"),
            gates.TcpCheck(8000),
            gates.ExecCheck(("shop", "ping")),
            gates.ControllerCheck(("curl", "-f")),
            gates.LogCheck("ready .*"),
            gates.AnyOf((gates.DockerCheck(), gates.AnyOf((gates.RunningCheck(),)))),
        ),
        deadline=120.0,
        interval=0.5,
        rise=3,
        fall=1,
        healthy_for=0.0,
    )


def test_transitions(files: Files) -> None:
    body = """\
x-fleet:
  pre_start: {checks: [{tcp: {host: db, port: 5432}}, {http: {host: api, port: 80, path: /up, match: ok}}]}
  pre_stop:
    deadline: 5m
    interval: 2s
    checks: [{exec: shop finish}, {tcp: {port: 8000}}, {sleep: 3s}]
  stopped: {deadline: 5s, checks: [{free: {port: 8001}}, {command: [test, "!", -e, /srv/lock]}]}
"""
    service = files.service(app(body))
    assert service.pre_start == Transition(
        (gates.TcpCheck(5432, "db"), gates.HttpCheck(80, "/up", 200, "ok", "api"))
    )
    finish = (gates.ExecCheck(("shop", "finish")), gates.TcpCheck(8000), SleepCheck(3))
    assert service.pre_stop == Transition(finish, 300, 2)
    gone = (FreeCheck(8001), CommandCheck(("test", "!", "-e", "/srv/lock")))
    assert service.stopped == Transition(gone, 5)
    assert codec.load(Service, codec.dump(service)) == service


def test_config_directories(files: Files) -> None:
    files.write("roles/web/templates/shop.ini.j2", "version={{ version }} on {{ inventory_hostname }}\n")
    files.write("roles/web/templates/sub/users.j2", "{{ pw }}\n")
    files.write("roles/web/defaults.yml", "pw: !secret env:DB_PASSWORD\n")
    body = """\
volumes: ["/srv/conf:/etc/shop:ro"]
x-fleet:
  config:
    - directory: /srv/conf/
      files: {users: sub/users.j2, shop.ini: {template: shop.ini.j2, mode: "0640"}}
      uid: 1000
      validate: shop --check '/etc/shop/shop.ini'
      reload: {command: [shop, reload]}
"""
    assert files.service(app(body)).configs == (
        ConfigDir(
            "/srv/conf",
            "/etc/shop",
            (
                ConfigFile("shop.ini", "version=v41 on web-1\n", "0640"),
                ConfigFile("users", SealedText((HOLE, "\n")), "0600"),
            ),
            uid=1000,
            validate=("shop", "--check", "/etc/shop/shop.ini"),
            reload=Reload(command=("shop", "reload")),
        ),
    )


def test_anchors_and_merge_keys(files: Files) -> None:
    text = """\
x-base: &base {image: shop, restart: always}
services:
  app: {<<: *base, command: web}
  worker: {<<: *base, restart: "no", depends_on: {app: {condition: service_healthy}}}
"""
    files.compose(text)
    app_, worker = files.desired().hosts[0].services
    assert (app_.container.restart, worker.container.restart) == ("always", "no")
    assert worker.depends_on == ("app",)


def test_equal_wishes_are_equal(files: Files) -> None:
    one = files.service(app("environment: {A: 'v41', B: '2'}\nports: [80, 81]\nstop_grace_period: 60s"))
    other = files.service(
        app("environment: [B=2, 'A={{ version }}']\nports: ['81', '80']\nstop_grace_period: 1m")
    )
    assert one == other
