"""``tasks.yml`` and ``handlers.yml``: what they mean, and what every mistake in them is told with."""

# ruff: noqa: E501 (tables)

from __future__ import annotations

import pathlib

import pytest

from fleet.config.tasks.reference import page, schema
from fleet.errors import ConfigErrors
from fleet.model.tasks import Body, CommandTask, CronTask, FileTask, PackageTask, SysctlTask, Task, UserTask
from fleet.secret import SealedText
from tests.unit.config.roles.project_files import Files

DOCS = pathlib.Path(__file__).parents[4] / "docs"
HANDLERS = """\
- name: reload nginx
  command: systemctl reload nginx
  listen: web server
  changed_when: false
- name: reload firewall
  command: {argv: [nft, -f, /etc/nftables.conf], chdir: /etc}
  listen: [web server, everything]
"""


@pytest.fixture
def files(tmp_path: pathlib.Path) -> Files:
    made = Files(tmp_path)
    made.compose("services: {app: {image: 'shop:1'}}\n")
    made.write("roles/web/defaults.yml", "names: [a, b]\npassword: !secret env:PASSWORD\nyes_text: 'true'\n")
    made.write("roles/web/templates/app.conf.j2", "title = {{ title | default('shop') }}\n")
    made.write("roles/web/templates/secret.j2", "password = {{ password }}\n")
    made.write("roles/web/templates/facts.j2", "{{ ansible_hostname }}\n")
    made.write("roles/web/files/motd", "Welcome\n")
    made.write("roles/web/handlers.yml", HANDLERS)
    return made


def tasks(files: Files, text: str, host: int = 0) -> tuple[Task, ...]:
    files.write("roles/web/tasks.yml", text)
    return files.desired().hosts[host].tasks


def bodies(files: Files, text: str) -> list[Body]:
    return [task.body for task in tasks(files, text)]


def errors(files: Files, text: str, file: str = "tasks.yml") -> list[str]:
    files.write(f"roles/web/{file}", text)
    with pytest.raises(ConfigErrors) as caught:
        files.desired()
    prefix = f"roles/web/{file}:"
    return [f"{str(one.at).removeprefix(prefix)}: {one.what} → {one.hint}" for one in caught.value.errors]


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("file: {path: /srv/a/, state: directory, mode: 0755}", FileTask("/srv/a", "directory", mode="0755")),
        ("file: {dest: /srv/a, mode: '600', owner: 1000}", FileTask("/srv/a", owner="1000", mode="0600")),
        ("file: {path: /srv/a, state: absent}", FileTask("/srv/a", "absent")),
        (
            "ansible.builtin.file: {src: ../b, dest: /srv/a, state: link}",
            FileTask("/srv/a", "link", target="../b"),
        ),
        ("copy: {src: motd, dest: /etc/motd}", FileTask("/etc/motd", content="Welcome\n")),
        (
            "copy: {src: files/motd, dest: /etc/, force: no}",
            FileTask("/etc/motd", content="Welcome\n", force=False),
        ),
        ("copy: {content: '', dest: /etc/empty}", FileTask("/etc/empty", content="")),
        (
            "template: {src: app.conf.j2, dest: /etc/app, validate: 'check -f %s', group: app}",
            FileTask("/etc/app", content="title = shop\n", group="app", validate=("check", "-f", "%s")),
        ),
        (
            "command: make 'a key' $HOME\n  args: {creates: /srv/key, chdir: /srv}",
            CommandTask(("make", "a key", "$HOME"), creates="/srv/key", chdir="/srv"),
        ),
        (
            "command: {argv: [a, b c], unless: test -e /x}",
            CommandTask(("a", "b c"), unless=("test", "-e", "/x")),
        ),
        ("command: {cmd: rm /a, removes: /a}", CommandTask(("rm", "/a"), removes="/a")),
        (
            "apt: {pkg: 'a, b', update_cache: yes, install_recommends: no}",
            PackageTask(("a", "b"), "present", True, "no"),
        ),
        ("package: {name: [a=1.0-1], state: absent}", PackageTask(("a=1.0-1",), "absent")),
        (
            "ansible.posix.sysctl: {key: net.ipv4.ip_forward, val: 1, reload: yes}",
            SysctlTask("net.ipv4.ip_forward", "1", "/etc/sysctl.d/99-fleet.conf"),
        ),
        (
            "user: {name: app, uid: 900, groups: 'adm,docker', append: yes, createhome: no, system: yes}",
            UserTask("app", uid="900", groups=("adm", "docker"), append=True, create_home=False, system=True),
        ),
        ("user: {name: app, groups: []}", UserTask("app", groups=())),
        ("cron: {name: x, minute: '*/5', hour: 3, job: run}", CronTask("x", "*/5 3 * * * run")),
        (
            "cron: {name: x, special_time: reboot, job: run, cron_file: shop, user: app, disabled: yes}",
            CronTask("x", "#@reboot app run", "app", "/etc/cron.d/shop"),
        ),
        (
            "cron: {name: x, minute: '0,30-59/5', day: 1-31, month: Jan-mar, weekday: 'mon,5-7', job: run}",
            CronTask("x", "0,30-59/5 * 1-31 Jan-mar mon,5-7 run"),
        ),
        ("cron: {name: x, state: absent}", CronTask("x", state="absent")),
    ],
)
def test_what_a_task_means(files: Files, text: str, body: Body) -> None:
    assert bodies(files, f"- {text}\n") == [body]


def test_loop_when_and_names(files: Files) -> None:
    text = """\
- name: Directory {{ item }}
  file: {path: "/srv/{{ item }}", state: directory}
  loop: "{{ names }}"
  when: item != 'a' or inventory_hostname == 'web-1'
- file: {path: "/srv/{{ one.name }}", mode: "{{ one.mode }}"}
  loop: [{name: c, mode: "0640"}]
  loop_control: {loop_var: one, label: "{{ one.name }}"}
  when: [names | length == 2, yes_text]
  tags: [always]
  become: yes
- package: {name: x}
  when: false
"""
    assert [task.name for task in tasks(files, text)] == ["Directory a", "Directory b", "file /srv/c"]
    assert [task.name for task in tasks(files, text, host=1)] == ["Directory b", "file /srv/c"]


def test_handlers_and_who_notifies_them(files: Files) -> None:
    made = tasks(
        files,
        "- file: {path: /a, mode: '0600'}\n  notify: web server\n- package: {name: x}\n  notify: [reload nginx]\n",
    )
    assert [task.notify for task in made] == [("reload nginx", "reload firewall"), ("reload nginx",)]
    first, second = files.desired().hosts[0].handlers
    assert (first.name, first.body.argv) == ("reload nginx", ("systemctl", "reload", "nginx"))
    assert second.body == CommandTask(("nft", "-f", "/etc/nftables.conf"), chdir="/etc")


def test_secrets_are_sealed_and_the_mode_keeps_others_out(files: Files) -> None:
    (task,) = tasks(files, "- template: {src: secret.j2, dest: /etc/app}\n  notify: reload nginx\n")
    assert isinstance(task.body, FileTask)
    assert isinstance(task.body.content, SealedText)
    assert task.body.mode == "0600"
    assert "PASSWORD" not in task.told


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("tasks: []", "1:1: must be a list of tasks, not a mapping → as in tasks/main.yml of an Ansible role; "
         "handlers stand in handlers.yml"),
        ("- x", "1:3: a task is a mapping, not text → "),
        ("- name: x", "1:3: the task has no module → known: file, copy, template, command, package, apt, sysctl, "
         "user, cron"),
        ("- shell: ls | wc", "1:3: the module 'shell' is not carried out by Fleet → write command: {argv: [sh, -c, "
         '"…"]} with creates, removes or unless'),
        ("- tmplate: {src: x}", "1:3: unknown module 'tmplate', did you mean 'template'? → known: file, copy, "
         "template, command, package, apt, sysctl, user, cron"),
        ("- file: {path: /a, mode: '0600'}\n  copy: {}", "2:3: a task has one module, and this has file and copy → "
         "write two tasks"),
        ("- file: {path: /a, mode: '0600'}\n  register: x", "2:3: 'register' is not carried out by Fleet → the plan "
         "is made before anything is done: no task sees what another one printed"),
        ("- file: {path: /a, mode: '0600'}\n  wen: x", "2:3: unknown keyword 'wen', did you mean 'when'? → "),
        ("- file: {path: /a, mode: '0600'}\n  become: no", "2:11: become: tasks are done as root → for another user "
         "write a command: runuser -u USER -- …"),
        ("- file: {path: /a, mode: '0600'}\n  listen: x", "2:3: 'listen' is a keyword of handlers, not of tasks → "),
        ("- file: {path: /a, mode: '0600'}\n  notify: relod nginx", "2:11: there is no handler 'relod nginx', did you "
         "mean 'reload nginx'? → handlers stand in roles/web/handlers.yml"),
        ("- file: {path: /a, mode: '0600'}\n  timeout: soon", "2:12: timeout: must be a number of seconds, not text → "),
        ("- file: {path: a, state: directory}", "1:16: path: 'a' is not a path from / → write it whole, such as "
         "/etc/motd"),
        ("- file: {path: /a/../b, state: directory}", "1:16: path: '/a/../b' is not a whole path of something below "
         "/ → write /b"),
        ("- file: {path: /, state: absent}", "1:16: path: '/' is not a whole path of something below / → "),
        ("- file: {path: /a, mode: 644}", "1:26: mode: 644 is not octal → write it in quotes: \"0644\""),
        ("- file: {path: /a, mode: 'u=rw'}", "1:26: mode: 'u=rw' is not a mode → write it as four octal digits in "
         'quotes, such as "0644"'),
        ("- file: {path: /a, state: touch}", "1:27: state: 'touch' is not one of 'file', 'directory', 'absent' or "
         "'link' → it would be another file with every run; write copy: {dest: …, content: '', force: false}"),
        ("- file: {path: /a}", "1:9: nothing is said of the file but that it is there → mode, owner or group; a "
         "file with content is made by copy: or template:"),
        ("- file: {path: /a, state: directory, recurse: yes}", "1:38: file: 'recurse' is not carried out by Fleet → "
         "only the directory itself is looked at; write command: chown -R … with unless"),
        ("- file: {path: /a, dest: /b, mode: '0600'}", "1:20: 'path' is said twice → "),
        ("- file: {path: /a, state: link}", "1:27: state: link needs src, where it leads → "),
        ("- file: {path: /a, state: absent, mode: '0600'}", "1:9: owner, group and mode say nothing of state: "
         "absent → leave them out; those of a link are those of what it leads to"),
        ("- apt: name=x", "1:8: apt: parameters are a mapping, not text → apt: {name: value}, instead of name=value"),
        ("- apt: {name: x, state: latest}", "1:25: state: 'latest' is not one of 'present' or 'absent' → which "
         "version that is, nobody can say beforehand; write name: package=version"),
        ("- apt: {nam: x}", "1:9: apt: unknown parameter 'nam', did you mean 'name'? → "),
        ("- apt: {name: 'a;b'}", "1:15: 'a;b' is not the name of a package, or name=version → "),
        ("- command: ls", "1:3: nobody can tell whether this command was run before → say when it is done: "
         "creates: /path, removes: /path or unless: command; or make it a handler"),
        ("- command: ls creates=/x", "1:12: parameters stand in the command's line → write them below args:"),
        ("- command: {cmd: \"a 'b\", creates: /x}", "1:3: command: needs either cmd or argv, with closed quotes → "),
        ("- command: {cmd: '{{ password }}', creates: /x}", "1:18: cmd: a secret cannot stand here: only in "
         "environment and in files → others could read it here; the program can read it from its environment or "
         "/run/secrets"),
        ("- copy: {src: mot, dest: /etc/motd}", "1:15: there is no file 'mot', did you mean 'motd'? → it is looked "
         "for below roles/web/files"),
        ("- copy: {src: ../x, dest: /etc/motd}", "1:15: src: must be a file of the role → it is looked for below "
         "roles/web/files"),
        ("- copy: {dest: /etc/motd}", "1:3: copy: needs either src or content → "),
        ("- copy: {content: x, dest: /etc/}", "1:28: dest: must name the file → "),
        ("- template: {src: app.conf, dest: /etc/a}", "1:19: there is no template 'app.conf', did you mean "
         "'app.conf.j2'? → it is looked for below roles/web/templates"),
        ("- template: {src: app.conf.j2, dest: /etc/a, validate: check}", "1:56: validate: must be a command with "
         "%s, where the new file's name goes → "),
        ("- template: {src: secret.j2, dest: /etc/a, mode: '0644'}", "1:50: /etc/a holds a secret and mode 0644 lets "
         'everybody on the host read it → use "0600", or "0640" with a group'),
        ("- sysctl: {name: a.b}", "1:11: value is missing → "),
        ("- sysctl: {name: 'a b', value: 1}", "1:18: 'a b' is not the name of a setting → "),
        ("- sysctl: {name: a.b, value: 1, reload: no}", "1:41: reload: only true: the running kernel is set, too → "),
        ("- user: {name: A b}", "1:16: 'A b' is not the name of a user → "),
        ("- user: {name: root, state: absent}", "1:29: root stays → "),
        ("- user: {name: app, groups: ['a:b']}", "1:29: 'a:b' is not the name of a group → "),
        ("- user: {name: app, comment: 'a:b'}", "1:30: comment: no colon may stand in it → "),
        ("- cron: {name: x}", "1:9: job is missing → "),
        ("- cron: {name: x, job: a, minute: 5 5}", "1:35: minute: '5 5' is not a time → "
         "numbers from 0 to 59, as crontab(5) has them"),
        ("- cron: {name: x, job: a, minute: 99999}", "1:35: minute: '99999' is not a time → "
         "numbers from 0 to 59, as crontab(5) has them"),
        ("- cron: {name: x, job: a, month: 0-3}", "1:34: month: '0-3' is not a time → "
         "numbers from 1 to 12, or jan …, as crontab(5) has them"),
        ("- cron: {name: x, job: a, weekday: '*/0'}", "1:36: weekday: '*/0' is not a time → "
         "numbers from 0 to 7, or sun …, as crontab(5) has them"),
        ("- cron: {name: x, job: a, cron_file: a.b}", "1:38: cron_file: '/etc/cron.d/a.b' → cron passes over names "
         "in /etc/cron.d with other than letters, digits, - and _"),
        ("- file: {path: /a, mode: '0600'}\n  when: ansible_os_family == 'Debian'", "2:9: the variable "
         "'ansible_os_family' is undefined → facts of hosts are no variables here: write it into the inventory "
         "(group_vars)"),
        ("- template: {src: facts.j2, dest: /etc/a}", "roles/web/templates/facts.j2:1:1: the variable "
         "'ansible_hostname' is undefined, did you mean 'inventory_hostname'? → facts of hosts are no variables here: write it into the inventory "
         "(group_vars)"),
        ("- file: {path: /a, mode: '0600'}\n  when: names", "2:9: when: gives a list, and must be true or false → "
         "compare it: … == …, … | length > 0, … is defined"),
        ("- file: {path: /a, mode: '0600'}\n  when: '{{ x }}'", "2:9: when: is an expression already → leave out the "
         "{{ }}"),
        ("- file: {path: /a, mode: '0600'}\n  loop: one", "2:9: loop: must be a list, not text → "),
        ("- file: {path: /a, mode: '0600'}\n  loop: [1]\n  loop_control: {pause: 1}", "3:18: loop_control: 'pause' is "
         "not carried out by Fleet → "),
        ("- file: {path: /a, mode: '0600'}\n- file: {path: /a, mode: '0644'}", "2:3: a second task for /a, the first "
         "at roles/web/tasks.yml:1:3 → say all of it in one task"),
        ("- apt: {name: [a, b]}\n- apt: {name: b, state: absent}", "2:3: a second task for package b, the first at "
         "roles/web/tasks.yml:1:3 → say all of it in one task"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_task(files: Files, text: str, error: str) -> None:
    assert errors(files, f"{text}\n") == [error]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("- command: ls", "1:3: a handler needs a name → tasks notify it by that"),
        ("- name: a\n  package: {name: x}", "2:3: a handler is a command → such as command: systemctl reload NAME"),
        ("- name: a\n  service: {name: x}", "2:3: the module 'service' is not carried out by Fleet → in handlers.yml "
         "write command: systemctl restart NAME; here command: {cmd: systemctl enable --now NAME, unless: systemctl "
         "is-enabled NAME}"),
        ("- name: a\n  command: {cmd: ls, creates: /x}", "2:12: a handler is run when it was notified → leave out the "
         "condition"),
        ("- name: a\n  command: ls\n- name: a\n  command: ps", "3:9: a second handler 'a' → "),
        ("- name: a\n  command: ls\n  loop: [1]", "3:3: 'loop' is a keyword of tasks, not of handlers → "),
        ("- name: a\n  command: ls\n  changed_when: x", "3:17: changed_when: only false, at handlers → "),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_handler(files: Files, text: str, error: str) -> None:
    assert errors(files, f"{text}\n", "handlers.yml") == [error]


def test_all_mistakes_of_both_files_are_told_at_once(files: Files) -> None:
    files.write("roles/web/handlers.yml", "- command: ls\n")
    assert len(errors(files, "- file: {path: x, mode: y}\n- command: ls\n")) == 4


def test_a_role_of_tasks_alone(files: Files) -> None:
    files.write("roles/all/tasks.yml", "- package: {name: x}\n")
    desired = files.desired()
    assert [[task.role for task in state.tasks] for state in desired.hosts] == [["all"]] * len(desired.hosts)
    (role,) = (one for one in desired.roles if one.name == "all")
    assert (role.services, role.needs) == ((), ())
    files.compose("x-fleet: {needs: [all]}\nservices: {app: {image: 'shop:1'}}\n")
    assert [one.name for one in files.desired().roles] == ["all", "web"]
    files.write("roles/all/tasks.yml", "- command: {comand: ls}\n")
    with pytest.raises(ConfigErrors) as caught:
        files.desired()
    assert str(caught.value).startswith("roles/all/tasks.yml:1:")


def test_handlers_alone_are_no_role(files: Files) -> None:
    files.write("roles/all/handlers.yml", HANDLERS)
    assert [one.name for one in files.desired().roles] == ["web"]


def test_only_the_tasks_of_the_roles_of_a_run(files: Files) -> None:
    files.write(
        "inventories/test/hosts.yml", "all: {children: {web: {hosts: {web-1: }}, db: {hosts: {web-1: }}}}\n"
    )
    files.compose("services: {pg: {image: 'pg:1'}}\n", role="db")
    files.write("roles/db/tasks.yml", "- package: {name: x}\n")
    files.write("roles/web/tasks.yml", "- package: {name: x}\n")
    assert [task.role for task in files.desired().hosts[0].tasks] == ["web", "db"]
    (state,) = files.desired(roles=["web"]).hosts
    assert ([task.role for task in state.tasks], {one.role for one in state.handlers}) == (["web"], {"web"})


def test_the_page_and_the_schema_are_made_from_the_types() -> None:
    text = (DOCS / "host-tasks.md").read_text(encoding="utf-8")
    assert page(text) == text, "run: python -m fleet.config.roles.reference"
    assert schema() == (DOCS / "schema" / "tasks.json").read_text(encoding="utf-8")
