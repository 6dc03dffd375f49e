"""Host tasks on real hosts: every kind once, a second run that finds all done, drift, failures and ^C."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from fleet.rehearsal import Host
from tests.support.look import ids
from tests.support.project import Project
from tests.support.waiting import until

Web = Callable[[int], Host]

# A package of its own, from a directory; it brings a crontab that keeps them as files.
REPOSITORY = r"""
mkdir -p /srv/debs/tree/DEBIAN /srv/debs/tree/usr/bin /srv/debs/tree/etc/probe
cat >/srv/debs/tree/DEBIAN/control <<'END'
Package: fleet-probe
Version: 1.0
Architecture: all
Maintainer: nobody <nobody@example.com>
Description: for a test
END
echo 'of the package' >/srv/debs/tree/etc/probe/probe.conf
cat >/srv/debs/tree/usr/bin/crontab <<'END'
#!/bin/sh
mkdir -p /srv/crontabs
case $1 in
  -l) cat "/srv/crontabs/$3" 2>/dev/null || { echo "no crontab for $3" >&2; exit 1; } ;;
  -u) cat "$3" >"/srv/crontabs/$2" ;;
esac
END
chmod 0755 /srv/debs/tree/usr/bin/crontab
dpkg-deb -b /srv/debs/tree /srv/debs/fleet-probe.deb >/dev/null && cd /srv/debs
{ cat tree/DEBIAN/control
  printf 'Filename: ./fleet-probe.deb\nSize: %s\n' "$(stat -c %s fleet-probe.deb)"
  printf 'SHA256: %s\n' "$(sha256sum <fleet-probe.deb | cut -c1-64)"; } >Packages
mv /etc/apt/sources.list /srv/sources.list
echo 'deb [trusted=yes] file:/srv/debs ./' >/etc/apt/sources.list
"""
AFTER = """
dpkg --purge fleet-probe >/dev/null 2>&1; userdel -r shopkeeper >/dev/null 2>&1
[ ! -e /srv/sources.list ] || mv /srv/sources.list /etc/apt/sources.list
rm -rf /etc/probe /etc/sysctl.d/99-fleet.conf /etc/cron.d/shop-report
true
"""

TASKS = """\
- name: The probe
  ansible.builtin.apt:
    name: [fleet-probe]
    update_cache: yes
- name: Who works in the shop
  user:
    name: shopkeeper
    groups: [adm]
    append: yes
    shell: /bin/sh
- name: "Directory {{ item.path }}"
  file:
    path: "{{ item.path }}"
    state: directory
    owner: shopkeeper
    mode: 0750
  loop:
    - {path: /srv/shop/data/in}
    - {path: /srv/shop/log}
  when: shop_enabled
- name: Configuration of the probe
  template:
    src: probe.conf.j2
    dest: /etc/probe/probe.conf
    validate: grep -q level %s
  notify: probe again
- name: Its secret
  copy:
    content: "password = {{ probe_password }}"
    dest: /srv/shop/secret
    owner: shopkeeper
  notify: [probe again]
- copy: {src: motd, dest: /srv/shop/motd, mode: "0644"}
- file: {src: /srv/shop/motd, path: /srv/shop/welcome, state: link}
- file: {path: /srv/shop/old, state: absent}
- name: A key that is made once
  command: sh -c 'echo made >>/srv/shop/key'
  args:
    creates: /srv/shop/key
- ansible.posix.sysctl: {name: net.core.somaxconn, value: "{{ connections }}"}
- cron: {name: backup, user: shopkeeper, minute: "*/5", job: "tar -cf /srv/backup.tar /srv/shop"}
- cron: {name: report, cron_file: shop-report, special_time: daily, job: "echo report"}
"""
HANDLERS = """\
- name: probe again
  command: sh -c 'cat /etc/probe/probe.conf >>/srv/shop/probed; test ! -e /srv/broken || exit 7'
"""


@pytest.fixture
def project(project: Project, web: Web) -> Iterator[Project]:
    project.environ["PROBE_PASSWORD"] = "hunter2-of-the-probe"
    settings(project)
    project.write(
        "roles/web/defaults.yml", "probe_password: !secret env:PROBE_PASSWORD\nshop_enabled: true\n"
    )
    project.write("roles/web/templates/probe.conf.j2", "level = {{ level }}\n")
    project.write("roles/web/files/motd", "Welcome\n")
    project.write("roles/web/tasks.yml", TASKS)
    project.write("roles/web/handlers.yml", HANDLERS)
    web(1).run(f"mkdir -p /srv/shop/old; echo x >/srv/shop/old/file\n{REPOSITORY}")
    yield project
    web(1).run(AFTER)


def settings(project: Project, level: str = "info", connections: int = 3333) -> None:
    project.inventory({"web": ["web-1"]}, level=level, connections=connections)


def test_every_kind_of_task_is_done_once(project: Project, web: Web) -> None:
    host = web(1)
    project.plan("v1", "--diff").ended(2).says(
        "host tasks",
        "+ install fleet-probe",
        "+ create user shopkeeper",
        "+ create directory /srv/shop/data/in (mode 0750, owner shopkeeper)",
        "+level = info",
        "- remove directory /srv/shop/old with all that is in it",
        "set net.core.somaxconn = 3333",
        'run handler "probe again"',
        "13 host tasks to do, 1 handler to run",
    )
    assert host.run("ls /srv/shop") == "old\n"
    first = project.deploy("v1").ended(0)
    assert first.text.index("✓ write /etc/probe/probe.conf") < first.text.index("✓ start web.app")
    assert "hunter2" not in first.text
    assert host.run("stat -c '%U %a' /srv/shop/data/in /srv/shop/log /srv/shop/secret") == (
        "shopkeeper 750\nshopkeeper 750\nshopkeeper 600\n"
    )
    assert host.run("cat /srv/shop/secret") == "password = hunter2-of-the-probe"
    assert host.run("cat /srv/shop/welcome /srv/shop/key /srv/shop/probed") == "Welcome\nmade\nlevel = info\n"
    assert host.run("cat /proc/sys/net/core/somaxconn /etc/sysctl.d/99-fleet.conf") == (
        "3333\nnet.core.somaxconn = 3333\n"
    )
    assert host.run("cat /srv/crontabs/shopkeeper /etc/cron.d/shop-report") == (
        "#Ansible: backup\n*/5 * * * * tar -cf /srv/backup.tar /srv/shop\n"
        "#Ansible: report\n@daily root echo report\n"
    )
    assert "adm" in host.run("id -Gn shopkeeper")
    assert "old" not in host.run("ls /srv/shop")
    before = ids(host)
    project.deploy("v1").ended(0).says("Nothing to do")

    # By hand: what is not as wanted is put right, and nothing else is done.
    host.run(
        "chmod 0777 /srv/shop/log; echo x >>/etc/probe/probe.conf; echo 128 >/proc/sys/net/core/somaxconn"
    )
    mended = project.deploy("v1", "--diff").ended(0)
    mended.says(
        "mode of /srv/shop/log 0777 → 0750", "-x", "(was 128)", "3 host tasks to do, 1 handler to run"
    )
    assert ids(host) == before
    assert host.run("cat /srv/shop/probed") == "level = info\n" * 2

    # Yesterday's tasks are part of the release before.
    settings(project, level="debug", connections=4444)
    project.deploy("v2").ended(0)
    assert host.run("cat /etc/probe/probe.conf /proc/sys/net/core/somaxconn") == "level = debug\n4444\n"
    project.run("rollback", "--env", "test", "--yes").ended(0)
    assert host.run("cat /etc/probe/probe.conf /proc/sys/net/core/somaxconn") == "level = info\n3333\n"


def test_a_role_that_has_tasks_alone(project: Project, web: Web) -> None:
    host = web(2)
    project.environ["FLEET_ENV"] = "test"
    project.write("roles/base/tasks.yml", "- copy: {content: '{{ level }}', dest: /srv/base, mode: '0644'}\n")
    project.inventory({"base": ["web-2"]}, level="info")
    project.run("validate").ended(0).says("1 host, 1 role, 0 services")
    project.plan("v1").ended(2).says("host tasks", "+ write /srv/base", "1 host task to do")
    project.deploy("v1").ended(0)
    project.deploy("v1").ended(0).says("Nothing to do")
    project.run("status").ended(0)
    project.inventory({"base": ["web-2"]}, level="debug")
    project.deploy("v2").ended(0)
    project.run("rollback", "--yes").ended(0)
    assert host.run("cat /srv/base") == "info"

    project.run("status", "--drift").ended(0).says("1 host is as v1 (release 3) left it")
    host.run("chmod 0664 /srv/base; echo by hand >/srv/base")
    project.run("status", "--drift").ended(75).says(
        "task base: copy /srv/base on web-2", "/srv/base mode: 0644 → 0664", "-info", "+by hand"
    )
    project.run("converge", "--yes").ended(0)
    assert host.run("cat /srv/base; stat -c %a /srv/base") == "info644\n"


def test_a_task_that_fails_ends_the_run_before_any_service(project: Project, web: Web) -> None:
    host = web(1)
    project.write("roles/web/templates/probe.conf.j2", "verbose\n")
    project.deploy("v1").ended(1).says(
        "its own check refuses the new files",
        "roles/web/tasks.yml:21:3: template: src=probe.conf.j2 dest=/etc/probe/probe.conf",
        "host tasks failed on web-1",
    )
    assert ids(host) == set()
    assert host.run("cat /etc/probe/probe.conf") == "of the package\n"

    # A handler that fails is still to be run, also when no task changes anything any more.
    project.write("roles/web/templates/probe.conf.j2", "level = {{ level }}\n")
    host.run("touch /srv/broken")
    project.deploy("v1").ended(1).says('run handler "probe again"', "exit status 7")
    assert ids(host) == set()
    host.run("rm /srv/broken")
    project.deploy("v1", "--diff").ended(0).says(
        "1 handler to run", "notified by an earlier run, in which it did not end well"
    )
    assert host.run("cat /srv/shop/probed") == "level = info\n" * 2
    project.deploy("v1").ended(0).says("Nothing to do")

    # Changed between plan and run: nothing is done.
    settings(project, level="debug")
    project.plan("v1", "--out", "plan.json").ended(2)
    host.run("echo by hand >/etc/probe/probe.conf")
    project.run("deploy", "--plan", "plan.json", "--yes").ended(75).says("path /etc/probe/probe.conf file")
    assert host.run("cat /etc/probe/probe.conf") == "by hand\n"


def test_an_interrupted_task_ends_and_the_next_run_goes_on(project: Project, web: Web) -> None:
    host = web(1)
    project.write(
        "roles/web/tasks.yml",
        "- command: sh -c 'touch /srv/begun; while [ ! -e /srv/go ]; do sleep 0.1; done; touch /srv/done'\n"
        "  args: {creates: /srv/done}\n"
        "- copy: {content: later, dest: /srv/later}\n",
    )
    running = project.start("v1")
    until(lambda: host.run("ls /srv/begun 2>/dev/null || :") != "", "the command begins", 60)
    running.press()
    running.until("again")
    host.run("touch /srv/go")
    running.end().ended(130)
    assert host.run("ls /srv/done /srv/later 2>&1 | sort").count("No such") == 0
    assert ids(host) == set()
    project.deploy("v1").ended(0)
    assert len(ids(host)) == 1
