"""A role of several files: what is included and extended, and where its mistakes stand."""

# ruff: noqa: E501 (tables: one case a line)

import pytest

from fleet.config.sources import role_sources
from fleet.model.services import Batches, Healthcheck, Logging, Mount, NetworkAttachment, Port, Ulimit
from tests.unit.config.roles.project_files import Files

BASE = """\
services:
  base:
    image: shop:1
    command: serve
    environment: [A=1, B=2, EMPTY]
    labels: {one: "1"}
    ports: ["80:80"]
    volumes: [/a:/data, /c:/cache]
    dns: 10.0.0.1
    extra_hosts: {db: 10.0.0.5}
    networks: [back]
    depends_on: [cache]
    logging: {driver: json-file, options: {max-size: 1m}}
    ulimits: {nofile: {soft: 1, hard: 2}, nproc: 9}
    healthcheck: {test: [CMD, ok], interval: 5s}
    env_file: base.env
    x-fleet: {gate: {deadline: 9s}, batches: [1]}
"""
APP_OVER_IT = """\
services:
  cache: {image: cache}
  app:
    extends: {file: base.yml, service: base}
    image:
    command: [work]
    environment: {B: mine, C: "3"}
    ports: ["81:81"]
    volumes: [/b:/data]
    dns: [10.0.0.2]
    extra_hosts: [cache=10.0.0.6]
    networks: {front: {aliases: [www]}}
    logging: {options: {max-file: 2}}
    ulimits: {nproc: 8}
    healthcheck: {test: [CMD, fine]}
    env_file: [{path: none.env, required: false}]
    x-fleet: {batches: [2]}
networks: {back: , front: }
"""


def test_a_service_over_the_one_that_it_extends(files: Files) -> None:
    files.write("roles/web/base.env", "FROM=base\n")
    files.write("inventories/test/group_vars/all.yml", "EMPTY: full\n")
    files.write("roles/web/base.yml", BASE)
    found = files.service(APP_OVER_IT)
    spec = found.container
    assert (spec.image, spec.command, spec.dns) == ("shop:1", ("work",), ("10.0.0.1", "10.0.0.2"))
    assert dict(spec.environment) == {"A": "1", "B": "mine", "C": "3", "EMPTY": "full", "FROM": "base"}
    assert spec.ports == (Port(80, 80), Port(81, 81))
    assert spec.mounts == (Mount("bind", "/cache", "/c"), Mount("bind", "/data", "/b"))
    assert spec.extra_hosts == ("db:10.0.0.5", "cache:10.0.0.6")
    assert spec.networks == (
        NetworkAttachment("shop-test-web_back", ("app",)),
        NetworkAttachment("shop-test-web_front", ("app", "www")),
    )
    assert spec.logging == Logging("json-file", (("max-file", "2"), ("max-size", "1m")))
    assert spec.ulimits == (Ulimit("nofile", 1, 2), Ulimit("nproc", 8, 8))
    assert spec.healthcheck == Healthcheck(("CMD", "fine"), 5.0)
    assert (found.depends_on, found.update.batches, found.gate.deadline) == (("cache",), Batches((2,)), 9.0)


def test_another_driver_has_other_options(files: Files) -> None:
    text = """\
services:
  base: {image: x, logging: {driver: json-file, options: {max-size: 1m}}}
  app: {extends: {service: base}, logging: {driver: journald}}
"""
    assert files.service(text).container.logging == Logging("journald")


def test_files_are_named_from_where_they_are_named(files: Files) -> None:
    files.write("roles/web/parts/app.env", "A=1\n")
    files.write("roles/web/parts/deeper/base.yml", "services: {base: {image: x, env_file: [../app.env]}}\n")
    files.write(
        "roles/web/parts/more.yml",
        "include: [deeper/nets.yml]\nservices: {more: {extends: {file: deeper/base.yml, service: base}, networks: [n]}}\n"
        "x-note: any\nversion: '3'\nconfigs: {c: {file: deeper/c.txt}}\nsecrets: {s: {file: ./s.key}}\n",
    )
    files.write("roles/web/parts/deeper/nets.yml", "networks: {n: }\n")
    files.write("roles/web/parts/deeper/c.txt", "text\n")
    files.compose("""\
include: [{path: parts/more.yml}]
services:
  app: {extends: {file: parts/more.yml, service: more}, configs: [c], secrets: [s]}
networks: {n: }
""")
    more, app = files.desired().hosts[0].services
    assert more.container.environment == app.container.environment == (("A", "1"),)
    assert app.container.networks[0].name == "shop-test-web_n"
    assert app.configs[0].files[0].content == "text\n"
    assert [str(secret.content) for secret in app.secrets] == ["‹!secret file:roles/web/parts/s.key›"]
    kept = role_sources(files.root, ["web"])
    assert set(kept) == {
        "web/compose.yml", "web/parts/more.yml", "web/parts/app.env", "web/parts/deeper/base.yml",
        "web/parts/deeper/nets.yml", "web/parts/deeper/c.txt",
    }  # fmt: skip


def test_a_mistake_stands_where_it_is_written(files: Files) -> None:
    files.write(
        "roles/web/base.yml", "services:\n  base:\n    image: x\n    ports: [a]\n    restart: never\n"
    )
    text = "services:\n  app:\n    extends: {file: base.yml, service: base}\n    ports: [b]\n    imagee: y\n"
    assert set(files.errors(text)) == {
        "roles/web/base.yml:4:13: 'a' is not a port: write it as 8000, 8001:8000, 127.0.0.1:8001:8000 or 53:53/udp",
        "4:13: 'b' is not a port: write it as 8000, 8001:8000, 127.0.0.1:8001:8000 or 53:53/udp",
        "roles/web/base.yml:5:14: restart: 'never' is not one of no, always, unless-stopped, on-failure or on-failure:5",
        "5:5: unknown key 'imagee', did you mean 'image'?",
    }


APP = "services:\n  app: {image: x}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("services:\n  app: {extends: bas}\n  base: {image: x}\n", "2:18: there is no service 'bas', did you mean 'base'?"),
        ("services:\n  app: {extends: {service: bas, file: base.yml}}\n", "2:28: there is no service 'bas' in base.yml, did you mean 'base'?"),
        ("services:\n  app: {extends: {service: base, file: none.yml}}\n", "2:40: there is no file 'none.yml' in the role's directory"),
        ("services:\n  app: {extends: {service: base, file: ../base.yml}}\n", "2:40: '../base.yml' lies outside of the role"),
        ("services:\n  app: {extends: {file: base.yml}}\n", "2:18: 'service' is missing"),
        ("services:\n  app: {extends: {service: base, from: base.yml}}\n", "2:34: unknown key 'from'"),
        ("services:\n  app: {extends: [base]}\n", "2:18: extends: must be text"),
        ("services:\n  app: {extends: '{{ role }}'}\n", "2:18: extends: no template can stand here: files are read before there are variables"),
        ("services:\n  app: {extends: base}\n  base: {extends: app}\n", "3:19: services extend each other in a circle: app → base → app"),
        ("services:\n  app: {extends: {service: app}}\n", "2:28: services extend each other in a circle: app → app"),
        ("services:\n  base: '{{ b }}'\n  app: {extends: base}\n", "2:9: a service that another one extends must be a mapping, not a template"),
        ("services:\n  base: {image: x, labels: [a]}\n  app: {extends: base, labels: 5}\n", "3:32: labels: must be a mapping, not a number"),
        ("services:\n  base: {image: x, ports: '{{ p }}'}\n  app: {extends: base, ports: [80]}\n", "2:27: a template cannot stand for 'ports' here: it is merged with that of another service"),
        ("services:\n  base: {image: x, environment: '{{ p }}'}\n  app: {extends: base, environment: {A: b}}\n", "2:33: a template cannot stand for 'environment' here: it is merged with that of another service"),
        ("services:\n  base: {image: x, environment: ['${p}=1']}\n  app: {extends: base, environment: {A: b}}\n", "2:34: a template cannot stand for 'environment' here: it is merged with that of another service"),
        ("services: '{{ {\"app\": {\"image\": \"x\", \"extends\": \"base\"}} }}'\n", "1:11: extends: a template cannot bring this in: it is read before there are variables"),
        (APP + "include: base.yml\n", "3:10: include: must be a list"),
        (APP + "include: [5]\n", "3:11: include: must be text"),
        (APP + "include: [{path: [a, b]}]\n", "3:18: include: must be text"),
        (APP + "include: [{file: a}]\n", "3:12: unknown key 'file'"),
        (APP + "include: [{path: base.yml, project_directory: .}]\n", "3:28: 'project_directory' is not carried out by Fleet"),
        (APP + "include: [round.yml]\n", "roles/web/round.yml:1:11: files include or extend each other in a circle: compose.yml → round.yml → compose.yml"),
        (APP + "include: [list.yml]\n", "roles/web/list.yml:1:1: a Compose file is a mapping with 'services'"),
        (APP + "include: [own.yml]\n", "roles/web/own.yml:1:10: x-fleet of a role stands in its compose.yml"),
        (APP + "include: [same.yml]\n", "roles/web/same.yml:2:3: service 'app' is that of roles/web/compose.yml:2:3, too"),
    ],
)  # fmt: skip
def test_what_cannot_be_put_together(files: Files, text: str, expected: str) -> None:
    files.write("roles/web/base.yml", "services: {base: {image: x}}\n")
    files.write("roles/web/round.yml", "include: [compose.yml]\n")
    files.write("roles/web/list.yml", "- a\n")
    files.write("roles/web/own.yml", "x-fleet: {needs: []}\n")
    files.write("roles/web/same.yml", "services:\n  app: {image: y}\n")
    assert files.errors(text) == [expected]


def test_two_files_may_say_the_same(files: Files) -> None:
    files.write("roles/web/same.yml", "services: {app: {image: x}}\nvolumes:\n")
    files.compose(APP + "include: [same.yml]\n")
    assert len(files.desired().hosts[0].services) == 1
