"""Everything wrong in a role: place, cause, and the word that was meant."""

# ruff: noqa: E501 (tables: one case a line)

import pathlib

import pytest

from fleet.errors import ConfigErrors
from tests.unit.config.roles.project_files import Files
from tests.unit.config.roles.test_services import app


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("imagee: x", "4:5: unknown key 'imagee', did you mean 'image'?"),
        ("build: .", "4:5: 'build' is not carried out by Fleet"),
        ("scale: 2", "4:5: 'scale' is not carried out by Fleet"),
        ("deploy: {replicas: 0}", "4:24: replicas: must be at least 1"),
        ("deploy: {replicas: 1001}", "4:24: replicas: must be at most 1000"),
        (f"deploy: {{replicas: '{'9' * 5000}'}}", f"4:24: replicas: '{'9' * 69}…' is too large a number"),
        ("pids_limit: 9223372036854775808", "4:17: pids_limit: 9223372036854775808 is too large a number"),
        ("mem_limit: 9999999999g", "4:16: mem_limit: '9999999999g' is too large a number"),
        (f"mem_limit: {'9' * 400}g", f"4:16: mem_limit: '{'9' * 69}…' is too large a number"),
        (f"cpus: '{'9' * 400}'", f"4:11: cpus: '{'9' * 69}…' is too large a number"),
        ("stop_grace_period: 99999d", "4:24: stop_grace_period: '99999d' is longer than 3660 days"),
        (f"ports: ['{'9' * 5000}:80']",
         f"4:13: '{'9' * 69}…' is not a port from 1 to 65535 or a rising range of them"),
        ("environment: {A=B: c}", "4:19: 'A=B' cannot be the name of a variable"),
        ("environment: {A: \"x\\0y\"}", "4:22: A: a NUL cannot stand here: no program takes one"),
        ("deploy: {replicas: 2}\nports: ['8000:80']", "5:13: only one of 2 replicas can have host port 8000"),
        ("deploy: {replicas: 2}\nports: [{target: 80, published: 8000}]", "5:13: only one of 2 replicas can have host port 8000"),
        ("deploy: {replicas: 3}\nports: ['8000-8001:80']", "5:13: 3 replicas need 3 host ports, and 8000-8001 are 2"),
        ("deploy: {replicas: 2}\nports: ['8000-8001:80', '8001-8002:81']", "2:3: host port 8001/tcp is published by web.app too"),
        ("deploy: {replicas: 2}\ncontainer_name: shop", "5:5: container_name is the name of one container, and there are 2 replicas"),
        ("deploy: {replicas: 2}\nmac_address: '02:42:ac:11:65:43'", "5:5: mac_address is that of one container, and there are 2 replicas"),
        ("deploy: {replicas: 2}\nnetworks: {front: {ipv4_address: 10.1.0.2}}", "5:16: a fixed address is that of one container, and there are 2 replicas"),
        ("deploy: {replicas: 2, update_config: {order: start-first}}", "4:43: order: start-first is for one container, and there are 2 replicas"),
        ("deploy: {replicas: 2}\nports: ['81-82:80']\nx-fleet: {strategy: blue-green}", "6:15: a new version is tried beside one old container, and there are 2 replicas"),
        ("deploy: {replicas: 2}\nports: ['81-82:80']\nx-fleet: {port_pair: {80: [81, 91]}}",
         "6:15: port_pair is for one container, and there are 2 replicas"),
        ("deploy: {replicas: 2}\nx-fleet: {config: [{directory: /a, files: {a: a.j2}}]}\nvolumes: ['/a:/b:ro']",
         "5:15: the files of x-fleet.config are those of one container, and there are 2 replicas"),
        ("deploy: {replicas: 2}\nx-fleet: {balancer: {kind: haproxy, socket: /a/s}}\nvolumes: ['/a:/b']",
         "5:15: a host has one balancer, and there are 2 replicas"),
        ("deploy: {mode: global}", "4:14: 'mode' is not carried out by Fleet"),
        ("deploy: {update_config: {paralelism: 2}}", "4:30: unknown key 'paralelism', did you mean 'parallelism'?"),
        ("deploy: {update_config: {order: start-frist}}",
         "4:37: order: 'start-frist' is not one of 'stop-first' or 'start-first', did you mean 'start-first'?"),
        ("stop_grace_period: 10", "4:24: stop_grace_period: a duration needs a unit: 10s"),
        ("stop_grace_period: 10 s", "4:24: stop_grace_period: '10 s' is not a duration: write it as 1m30s, 500ms or 2h"),
        ("mem_limit: lots", "4:16: mem_limit: 'lots' is not a size: write it as 512m, 1.5g or a number of bytes"),
        ("ports: {80: 80}", "4:12: ports: must be a list, not a mapping"),
        ("ports: ['80:80', '8O:80']", "4:22: '8O:80' is not a port: write it as 8000, 8001:8000, 127.0.0.1:8001:8000 or 53:53/udp"),
        ("ports: ['1-2:1-3']", "4:13: '1-2:1-3': the two ranges have different lengths"),
        ("ports: [{target: 80, publised: 81}]", "4:26: unknown key 'publised', did you mean 'published'?"),
        ("ports: [{target: 80, published: 8O}]", "4:37: published: '8O' is not a port from 1 to 65535"),
        ("ports: [{published: 81}]", "4:13: 'target' is missing"),
        ("ports: ['80:1', '80:2']", "4:21: host port 80 is published twice"),
        ("environment: text", "4:18: environment: must be a mapping, not text"),
        ("environment: {A: [1]}", "4:22: A: must be text, not a list"),
        ("environment: {NOVALUE: }", "4:28: 'NOVALUE' has no value, and no variable has this name"),
        ("environment: {A: '{{ verison }}'}", "4:22: the variable 'verison' is undefined, did you mean 'version'?"),
        ("environment: {A: '${NOPE}'}", "4:22: the variable 'NOPE' is undefined"),
        ("environment: {A: '{{ 1 / 0 }}'}", "4:22: the template fails: division by zero"),
        ("command: \"run 'x\"", "4:14: command: cannot be split into words: no closing quotation"),
        ("command: [run, !secret env:X]",
         "4:14: command: a secret cannot stand here: only in environment and in files"),
        ("healthcheck: {test: !secret env:X}",
         "4:25: a secret cannot stand here: only in environment and in files"),
        ("volumes: ['/a:/b']\nx-fleet: {config: [{directory: /a, files: {a: a.j2}}]}",
         "5:36: '/a' must be mounted read-only: its content is Fleet's"),
        ("volumes: ['/a:/b:ro']\nx-fleet: {config: [{directory: /a, files: {.sums: a.j2}}]}",
         "5:48: '.sums': no dot at the beginning (those are Fleet's own), no control characters"),
        ("x-fleet: {gate: {checks: [{log: '[0-9]+ (?:ready)'}]}}",
         "4:37: log: '[0-9]+ (?:ready)': (? is not known to extended regular expressions"),
        ("labels: {a: !secret env:X}",
         "4:17: a: a secret cannot stand here: only in environment and in files"),
        ("labels: {fleet.role: x}", "4:26: label 'fleet.role': those that begin with 'fleet.' are Fleet's own"),
        ("hostname: !secret env:X",
         "4:15: hostname: a secret cannot stand here: only in environment and in files"),
        ("restart: sometimes", "4:14: restart: 'sometimes' is not one of no, always, unless-stopped, on-failure or on-failure:5"),
        ("init: maybe", "4:11: init: must be true or false, not 'maybe'"),
        ("oom_score_adj: 2000", "4:20: oom_score_adj: must be at most 1000"),
        ("volumes: [./conf:/etc]", "4:15: './conf' is relative: a host has no project directory"),
        ("volumes: [dta:/data]", "4:15: there is no volume 'dta', did you mean 'data'?"),
        ("volumes: ['/a:/b:rr']",
         "4:15: unknown mount option 'rr': known are ro, rw, nocopy and shared, slave, private, rshared, rslave, rprivate"),
        ("volumes: ['/a:/b:z']", "4:15: SELinux relabelling is not carried out: label the directory on the host"),
        ("volumes: ['/a:/b', '/c:/b']", "4:24: a second mount at '/b'"),
        ("volumes: [{type: bind, source: /a, target: /b, bind: {selinux: z}}]", "4:59: 'selinux' is not carried out by Fleet"),
        ("networks: [frnt]", "4:16: there is no network 'frnt', did you mean 'front'?"),
        ("networks: {frnt: }", "4:22: there is no network 'frnt', did you mean 'front'?"),
        ("network_mode: host\nports: [80]", "5:5: no port can be published with network_mode: host"),
        ("network_mode: bridg", "4:19: network_mode: 'bridg' is not one of host, none, bridge, container:<name>"),
        ("depends_on: [wroker]", "4:18: there is no service 'wroker', did you mean 'worker'?"),
        ("depends_on: {wroker: }", "4:18: there is no service 'wroker', did you mean 'worker'?"),
        ("depends_on: {worker: {condition: service_completed_successfully}}",
         "4:38: condition: 'service_completed_successfully' is not one of 'service_started' or 'service_healthy'"),
        ("healthcheck: {test: [curl, x]}", "4:25: test: a list begins with CMD, CMD-SHELL or NONE"),
        ("mem_limit: 1m\ndeploy: {resources: {limits: {memory: 2m}}}", "4:16: mem_limit and deploy.resources say different things"),
        ("deploy: {resources: {reservations: {devices: [{capabilities: [gpu], count: 1, device_ids: ['0']}]}}}",
         "4:51: count and device_ids exclude each other"),
        ("deploy: {resources: {reservations: {devices: [{capabilities: [gpu], count: some}]}}}",
         "4:80: count: must be a whole number, not 'some'"),
        ("deploy: {resources: {reservations: {devices: [{count: 1}]}}}", "4:51: 'capabilities' is missing"),
        ("blkio_config: {weight: 5}", "4:28: weight: must be at least 10"),
        ("cgroup: none", "4:13: cgroup: 'none' is not one of 'host' or 'private'"),
        ("secrets: [tokn]", "4:15: there is no secret 'tokn', did you mean 'token'?"),
        ("secrets: [plain]", "16:28: the value of secret 'plain' stands in the file"),
        ("secrets: [none]", "17:3: secret 'none' needs exactly one source"),
        ("env_file: app.evn", "4:15: there is no file 'app.evn'"),
        ("env_file: bad.env", "roles/web/bad.env:2:1: not of the form NAME=value"),
        ("env_file: open.env", "roles/web/open.env:1:1: the quote \" is not closed"),
        ("x-fleet: {gates: {}}", "4:15: unknown key 'gates', did you mean 'gate'?"),
        ("x-fleet: {gate: {checks: [dokcer]}}",
         "4:31: 'dokcer' is not one of 'docker' or 'running', did you mean 'docker'?"),
        ("x-fleet: {gate: {checks: [{http: {prot: 80}}]}}", "4:32: 'port' is missing|4:39: unknown key 'prot', did you mean 'port'?"),
        ("x-fleet: {gate: {checks: [{tcp: {port: 1}, log: x}]}}",
         "4:31: a check is exactly one of http, tcp, exec, controller, log or any"),
        ("x-fleet: {gate: {checks: [{log: '('}]}}",
         "4:37: log: '(' is not a regular expression: missing ), unterminated subpattern at position 0"),
        ("x-fleet: {gate: {deadline: 5s}}", "4:21: the gate can never pass: healthy_for is 5s, the deadline 5s"),
        ("x-fleet: {gate: {checks: [{any: []}]}}", "4:37: any: needs at least 1"),
        ("x-fleet: {pre_start: {checks: [{exec: a}]}}",
         "4:36: 'exec' is for pre_stop: before its start there is no container to run it in"),
        ("x-fleet: {stopped: {checks: [{tcp: {port: 80}}]}}",
         "4:34: 'tcp' needs a host: after its stop there is no container to ask"),
        ("x-fleet: {pre_stop: {checks: [{free: {port: 80}}]}}",
         "4:35: 'free' is for stopped: before that its own container has the port"),
        ("x-fleet: {pre_stop: {deadline: 5s, checks: [{sleep: 3s}, {sleep: 2s}]}}",
         "4:25: pre_stop can never pass: it sleeps 5s, and its deadline is 5s"),
        ("x-fleet: {pre_stop: {checks: [{exec: a, sleep: 1s}]}}",
         "4:35: a check is exactly one of http, tcp, exec, command, free or sleep"),
        ("x-fleet: {pre_stop: {deadline: 5s}}", "4:15: 'checks' is missing"),
        ("x-fleet: {batches: [0]}", "4:25: a batch has at least one host"),
        ("x-fleet: {batches: 200%}", "4:24: '200%' is more than all: a percentage goes up to 100%"),
        ("x-fleet: {port_pair: {80: [1, 2]}}", "4:31: port_pair: 'ports' does not publish 80 at 1"),
        ("ports: ['81:80']\ndeploy: {update_config: {order: start-first}}",
         "5:37: order: start-first needs a second host port for 81:80"),
        ("x-fleet: {config: [{directory: /srv/cnf, files: {a: a.j2}}]}\nvolumes: ['/srv/conf:/b']",
         "4:36: '/srv/cnf' is not the source of a bind mount of this service, did you mean '/srv/conf'?"),
        ("x-fleet: {config: [{directory: /a, files: {a: b.j2}}]}\nvolumes: ['/a:/b:ro']",
         "4:51: there is no template 'b.j2', did you mean 'a.j2'?"),
        ("x-fleet: {config: [{directory: /a, files: {x/y: a.j2}}]}\nvolumes: ['/a:/b:ro']",
         "4:48: 'x/y' is not the name of a file in the directory"),
        ("x-fleet: {config: [{directory: /a, files: {a: broken.j2}}]}\nvolumes: ['/a:/b:ro']",
         "roles/web/templates/broken.j2:2:1: the variable 'nope' is undefined"),
        ("x-fleet: {config: [{directory: /a, files: {a: {template: pw.j2, mode: '0644'}}}]}\nvolumes: ['/a:/b:ro']",
         "4:75: 'a' holds a secret and mode 0644 lets everybody on the host read it"),
        ("x-fleet: {config: [{directory: /a, files: {a: {template: a.j2, mode: 644}}}]}\nvolumes: ['/a:/b:ro']",
         '4:74: mode: write the mode as four octal digits in quotes, such as "0640" (this is 0o1204)'),
        ("x-fleet: {config: [{directory: /a, files: {a: a.j2}, reload: {signal: HUP, command: x}}]}\nvolumes: ['/a:/b:ro']",
         "4:66: reload: exactly one of signal and command"),
        ("image: UPPER", "'UPPER' is not an image reference"),
    ],
)  # fmt: skip
def test_one_mistake(files: Files, body: str, expected: str) -> None:
    files.write("roles/web/templates/a.j2", "x\n")
    files.write("roles/web/templates/broken.j2", "one\n{{ nope }}\n")
    files.write("roles/web/templates/pw.j2", "{{ pw }}\n")
    files.write("roles/web/defaults.yml", "pw: !secret env:X\n")
    files.write("roles/web/bad.env", "A=1\n=2\n")
    files.write("roles/web/open.env", 'A="1\n')
    rest = "  worker: {image: shop}\n" + "#\n" * (7 - body.count("\n"))
    rest += "networks: {front: }\nvolumes: {data: }\nsecrets:\n  plain: {x-fleet: {value: open}}\n  none: {}\n  token: {environment: X}\n"
    text = app(body, rest)
    if body.startswith("image:"):
        text = text.replace("    image: shop\n", "", 1)
        expected = f"3:12: image: {expected}"
    assert "|".join(files.errors(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("services: {app: {image: x}}\nname: shop\n", ["2:1: 'name' is not carried out by Fleet"]),
        ("services: {app: {image: x}}\nmodels: {}\n", ["2:1: 'models' is not carried out by Fleet"]),
        ("services: {app: {image: x}}\nservcies: {}\n", ["2:1: unknown key 'servcies', did you mean 'services'?"]),
        ("services: {}\n", ["1:11: services: needs at least 1"]),
        ("volumes: {}\n", ["1:1: 'services' is missing"]),
        ("- a\n", ["1:1: a Compose file is a mapping with 'services'"]),
        ("services: {app: {}}\n", ["1:12: 'image' is missing"]),
        ("services: {app: }\n", ["1:17: app: must be a mapping, not nothing"]),
        ("services: {app: {image: x}}\nx-fleet: {need: web}\n", ["2:11: unknown key 'need', did you mean 'needs'?"]),
        ("services: {app: {image: x}}\nx-fleet: {needs: [database, webb]}\n",
         ["2:19: there is no role 'database'", "2:29: there is no role 'webb', did you mean 'web'?"]),
        ("services: {app: {image: x}}\nx-fleet: {min_healthy: 4}\n", ["2:24: min_healthy is 4, and the role has 3 hosts"]),
        ("services: {app: {image: x}}\nx-fleet: {jobs: {m: {service: ap, command: m}}}\n",
         ["2:31: there is no service 'ap', did you mean 'app'?"]),
        ("services: {app: {image: x}}\nx-fleet: {jobs: {m: {command: m}, n: {service: app}}}\n",
         ["2:18: 'service' is missing", "2:35: 'command' is missing"]),
        ("services: {app: {image: x}}\nx-fleet: {jobs: {m: {service: app, command: '', down: []}}}\n",
         ["2:45: command: must be a command", "2:55: down: must be a command"]),
        ("services: {app: {image: x}}\nx-fleet: {jobs: {m: {service: app, command: m, at: befor, timeout: 0s}}}\n",
         ["2:52: at: 'befor' is not one of 'before' or 'after', did you mean 'before'?", "2:68: timeout: must be more than 0"]),
        ("services: {app: {image: x}}\nx-fleet: {jobs: {m: {service: app, command: m, timeout: 10}}}\n",
         ["2:57: timeout: a duration needs a unit: 10s"]),
        ("services: {app: {image: x}}\nx-fleet: {jobs: {m: {service: app, command: m, restart: always}}}\n",
         ["2:48: unknown key 'restart'"]),
        ("services: {app: {image: x}}\nx-fleet: {jobs: {m: {service: app, command: [m, !secret env:X]}}}\n",
         ["2:45: command: a secret cannot stand here: only in environment and in files"]),
        ("services: {app: {image: x}}\nx-fleet: {jobs: {a/b: {service: app, command: m}}}\n",
         ["2:23: a/b: may hold only what ^[a-zA-Z0-9_-]+$ allows"]),
        ("services: {app: {image: x}}\nx-fleet: {jobs: {m: {service: app, command: 'm {{ nope }}'}}}\n",
         ["2:45: the variable 'nope' is undefined"]),
        ("services: {app: {image: x}}\nnetworks: {a: {external: true, internal: true}}\n", []),
        ("services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: {c: }}\n  c: {image: x, depends_on: [a]}\n",
         ["2:30: services depend on each other in a circle: a → b → c → a"]),
        ("services:\n  a: {image: x, ports: ['80:1']}\n  b: {image: x, ports: ['80:2']}\n",
         ["3:3: host port 80/tcp is published by web.a too"]),
        ("services:\n  a: {image: x, deploy: {replicas: 2}}\n  a-2: {image: x}\n",
         ["2:36: replica 2 and the service 'a-2' have one name"]),
        ("services:\n  a: {image: x, container_name: same}\n  b: {image: x, container_name: same}\n",
         ["3:3: the container name 'same' is that of web.a too"]),
    ],
)  # fmt: skip
def test_whole_file(files: Files, text: str, expected: list[str]) -> None:
    if expected:
        assert files.errors(text) == expected
    else:
        files.compose(text)
        files.desired()


def test_all_mistakes_at_once_with_hosts_and_hints(files: Files) -> None:
    files.write("inventories/test/host_vars/web-2.yml", "port: eighty\n")
    files.write("roles/web/defaults.yml", "port: 80\n")
    files.compose(
        "services:\n"
        "  app:\n"
        "    image: '{{ nope }}'\n"
        "    build: .\n"
        "    ports: ['{{ port }}']\n"
        "    environment: {A: '{{ nope }}'}\n"
    )
    with pytest.raises(ConfigErrors) as caught:
        files.desired()
    assert str(caught.value) == (
        "roles/web/compose.yml:3:12: the variable 'nope' is undefined\n"
        "    on web-1 and 2 more hosts\n"
        "  → set it in the inventory or in defaults.yml\n"
        "roles/web/compose.yml:4:5: 'build' is not carried out by Fleet\n"
        "    on web-1 and 2 more hosts\n"
        "  → images are built before a deploy: build and push it, name it in `image`\n"
        "roles/web/compose.yml:5:13: 'eighty' is not a port: write it as 8000, 8001:8000, "
        "127.0.0.1:8001:8000 or 53:53/udp\n"
        "    on web-2\n"
        "roles/web/compose.yml:6:22: the variable 'nope' is undefined\n"
        "    on web-1 and 2 more hosts\n"
        "  → set it in the inventory or in defaults.yml"
    )


def test_the_place_of_a_variable_that_is_wrong(files: Files) -> None:
    files.write("inventories/test/group_vars/all.yml", "a: 1\ncity: '{{ town }}'\ntown: '{{ city }}'\n")
    assert files.errors(app("hostname: '{{ town }}'")) == [
        "inventories/test/group_vars/all.yml:3:7: the variable 'town' is made of itself: town → city → town"
    ]


def test_sections_that_are_templates(files: Files) -> None:
    files.write(
        "roles/web/defaults.yml",
        "all: {app: {image: x, depends_on: [gone], networks: [none]}}\nx: {needs: [nope]}\n",
    )
    assert files.errors("services: '{{ all }}'\nx-fleet: '{{ x }}'\n") == [
        "1:1: there is no service 'gone'",
        "1:11: there is no network 'none'",
        "2:10: there is no role 'nope'",
    ]


def test_variable_names_are_text(files: Files) -> None:
    files.write("roles/web/defaults.yml", "5: x\n")
    assert files.errors("services: {app: {image: '{{ nope }}'}}\n") == [
        "roles/web/defaults.yml:1:1: a variable's name is text, not 5"
    ]


def test_unsafe_text_is_no_template(files: Files) -> None:
    files.write("inventories/test/group_vars/all.yml", "motto: !unsafe '{{ $x }}'\n")
    container = files.service(
        app("hostname: '{{ motto }}'\nenvironment: {A: !unsafe '{{ ${A} }}'}")
    ).container
    assert container.hostname == "{{ $x }}"
    assert container.environment == (("A", "{{ ${A} }}"),)


def test_roles_in_a_circle(files: Files, tmp_path: pathlib.Path) -> None:
    groups = "".join(f"    {name}: {{hosts: {{h-1: }}}}\n" for name in ("web", "queue", "db"))
    files.write("inventories/test/hosts.yml", f"all:\n  children:\n{groups}")
    for role, needs in (("web", "[db, queue]"), ("queue", "web"), ("db", "[]")):
        files.compose(f"services: {{x: {{image: x}}}}\nx-fleet: {{needs: {needs}}}\n", role)
    assert files.errors() == ["2:23: roles need each other in a circle: web → queue → web"]


def test_broken_files_of_several_roles(files: Files) -> None:
    files.write("inventories/test/hosts.yml", "all: {children: {web: {hosts: {a: }}, db: {hosts: {a: }}}}\n")
    files.compose("services: {app: {image: [}}\n")
    files.compose("services: {app: {imag: x}}\n", "db")
    assert [error.split(": ")[0] for error in files.errors()] == [
        "roles/db/compose.yml:1:12",
        "roles/db/compose.yml:1:18",
        "1:26",
    ]
