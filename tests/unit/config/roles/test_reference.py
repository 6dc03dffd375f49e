"""The pages say what the code does: tables made from it, examples loaded by it."""

# ruff: noqa: E501 (tables)

import json
import pathlib
import re

from fleet.config.roles.keys import REFUSED, REMARKS
from fleet.config.roles.reference import page, schema
from fleet.config.roles.validate import LEVELS
from fleet.config.yaml import parse
from tests.unit.config.roles.project_files import Files

DOCS = pathlib.Path(__file__).parents[4] / "docs"

# The Compose Specification's own lists.
SERVICE_KEYS = """
    annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent command configs container_name
    cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset credential_spec
    depends_on deploy develop device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint env_file
    environment expose extends external_links extra_hosts gpus group_add healthcheck hostname image init ipc isolation
    label_file labels links logging mac_address mem_limit mem_reservation mem_swappiness memswap_limit models
    network_mode networks oom_kill_disable oom_score_adj pid pids_limit platform ports post_start pre_stop privileged
    profiles provider pull_policy pull_refresh_after read_only restart runtime scale secrets security_opt shm_size
    stdin_open stop_grace_period stop_signal storage_opt sysctls tmpfs tty ulimits use_api_socket user userns_mode uts
    volumes volumes_from working_dir
"""
KEYS = {
    "": "version name include services models networks volumes secrets configs",
    "services.*": SERVICE_KEYS,
    "services.*.deploy": (
        "mode endpoint_mode replicas labels rollback_config update_config resources restart_policy placement"
    ),
    "services.*.deploy.update_config": "parallelism delay failure_action monitor max_failure_ratio order",
    "services.*.deploy.rollback_config": "parallelism delay failure_action monitor max_failure_ratio order",
    "services.*.deploy.resources": "limits reservations",
    "services.*.deploy.resources.limits": "cpus memory pids",
    "services.*.deploy.resources.reservations": "cpus memory generic_resources devices",
    "services.*.healthcheck": "disable interval retries test timeout start_period start_interval",
    "services.*.networks.*": (
        "aliases interface_name ipv4_address ipv6_address link_local_ips mac_address driver_opts priority gw_priority"
    ),
    "services.*.ports.*": "name mode host_ip target published protocol app_protocol",
    "services.*.volumes.*": "type source target read_only consistency bind volume tmpfs image",
    "services.*.volumes.*.bind": "propagation create_host_path recursive selinux",
    "services.*.volumes.*.volume": "labels nocopy subpath",
    "services.*.volumes.*.tmpfs": "size mode",
    "services.*.depends_on.*": "restart required condition",
    "services.*.devices.*": "source target permissions",
    "services.*.logging": "driver options",
    "services.*.secrets.*": "source target uid gid mode",
    "services.*.configs.*": "source target uid gid mode",
    "services.*.extends": "service file",
    "services.*.deploy.resources.reservations.devices.*": "capabilities driver count device_ids options",
    "services.*.blkio_config": (
        "weight weight_device device_read_bps device_read_iops device_write_bps device_write_iops"
    ),
    "include.*": "path project_directory env_file",
    "configs.*": "name content environment file external labels template_driver",
    "networks.*": "name driver driver_opts ipam external internal enable_ipv4 enable_ipv6 attachable labels",
    "networks.*.ipam": "driver config options",
    "networks.*.ipam.config.*": "subnet ip_range gateway aux_addresses",
    "volumes.*": "name driver driver_opts external labels",
    "secrets.*": "name environment file external labels driver driver_opts template_driver",
}


def test_every_key_of_the_specification_is_carried_out_or_refused() -> None:
    for level, keys in KEYS.items():
        carried, refused = set(LEVELS()[level]), set(REFUSED.get(level, ()))
        assert not carried & refused, level
        assert set(keys.split()) - carried == refused - {"pids"}, level


def test_remarks_are_about_keys_that_exist() -> None:
    for level, remarks in REMARKS.items():
        assert set(remarks) <= set(LEVELS()[level]), level


def test_the_page_is_made_from_the_table() -> None:
    text = (DOCS / "compose.md").read_text()
    assert page(text) == text, "run: python -m fleet.config.roles.reference"


def test_the_schema_is_made_from_the_models() -> None:
    text = (DOCS / "schema" / "compose.json").read_text()
    assert text == schema(), "run: python -m fleet.config.roles.reference"
    service = json.loads(text)["$defs"]["ServiceModel"]["properties"]
    assert {"image", "x-fleet"} <= service.keys()
    assert "build" not in service


def examples(name: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", (DOCS / name).read_text(), re.DOTALL)


def balancers(name: str) -> str:
    (found,) = re.findall(r"```yaml roles/loadbalancer[^\n]*\n(.*?)```", (DOCS / name).read_text(), re.DOTALL)
    return str(found)


def roles_of(files: Files, compose: str) -> None:
    files.write("inventories/test/hosts.yml", (
        "all: {children: {web: {hosts: {web-1: , web-2: }}, loadbalancer: {hosts: {lb-1: }}, "
        "database: {hosts: {db-1: {ansible_host: 10.0.0.9}}}}}\n"
    ))  # fmt: skip
    for role in ("database", "queue"):
        files.compose("services: {main: {image: x}}\n", role)
    for name in ("shop.ini.j2", "users.j2"):
        files.write(f"roles/web/templates/{name}", "version = {{ version }}\n")
    files.compose(balancers("x-fleet.md"), "loadbalancer")
    files.compose(compose)


def test_the_examples_of_x_fleet_load_and_name_every_key(files: Files) -> None:
    text = "\n".join(examples("x-fleet.md"))
    roles_of(files, text)
    desired = files.desired()
    service = next(one for state in desired.hosts for one in state.services if one.key == "web.app")
    assert service.configs[0].files[1].mode == "0640"
    assert {role.name: role.needs for role in desired.roles if role.name != "loadbalancer"} == {
        "database": (), "web": ("database",)
    }  # fmt: skip
    assert [one.balancer.master for one in desired.balancers] == ["/srv/haproxy/run/master.sock"]
    value = parse(text, "x-fleet.md").value
    assert set(value["x-fleet"]) == set(LEVELS()["x-fleet"])
    assert set(value["x-fleet"]["jobs"]["migrate"]) == set(LEVELS()["x-fleet.jobs.*"])
    kept = {*value["x-fleet"]["volumes"]["files"], "dump", "load"}
    assert kept == set(LEVELS()["x-fleet.volumes.*"])
    extension = value["services"]["app"]["x-fleet"]
    assert {*extension, "balancer", "virtual_address"} == set(LEVELS()["services.*.x-fleet"])
    assert set(extension["load_balancer"]) == set(LEVELS()["services.*.x-fleet.load_balancer"])
    assert set(extension["watch"]) == set(LEVELS()["services.*.x-fleet.watch"])
    balancer = parse(balancers("x-fleet.md"), "x-fleet.md").value["services"]["haproxy"]["x-fleet"][
        "balancer"
    ]
    assert set(balancer) == set(LEVELS()["services.*.x-fleet.balancer"])
    assert set(extension["gate"]) == set(LEVELS()["services.*.x-fleet.gate"])
    assert set(extension["stopped"]) == set(LEVELS()["services.*.x-fleet.stopped"])
    assert set(extension["config"][0]) == set(LEVELS()["services.*.x-fleet.config.*"])


def test_the_examples_of_compose_and_secrets_load(files: Files) -> None:
    roles_of(files, "\n".join(examples("compose.md")))
    files.write("inventories/test/group_vars/all.yml", "\n".join(examples("secrets.md")))
    environment = dict(files.desired(hosts=["web-1"]).hosts[0].services[0].container.environment)
    assert str(environment["DATABASE_URL"]) == "postgresql://shop:‹!secret env:DB_PASSWORD›@10.0.0.9/shop"
    assert environment["LOG_LEVEL"] == "info"
    assert environment["PEERS"] == "web-1,web-2"


def test_the_defaults_in_the_page_are_those_of_the_models(files: Files) -> None:
    gate = files.service("services: {app: {image: x}}\n").gate
    text = (DOCS / "x-fleet.md").read_text()
    for key in ("deadline", "interval", "rise", "fall"):
        written = re.search(rf"\| `{key}` \| `?([\d]+)s?`? \|", text)
        assert written, key
        assert float(written[1]) == getattr(gate, key)
