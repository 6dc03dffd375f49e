"""What tasks have brought about and somebody has changed since: every field has its line."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from fleet.model.desired import Desired, HostState
from fleet.model.found import Facts, Unknown
from fleet.model.found_tasks import FoundPath, FoundUser
from fleet.model.tasks import (
    Body,
    CommandTask,
    CronTask,
    FileTask,
    Handler,
    PackageTask,
    SysctlTask,
    Task,
    UserTask,
    command_key,
)
from fleet.plan.compare import Change
from fleet.plan.drift import drift
from fleet.plan.files import seal
from fleet.secret import Hole, SealedText, SecretRef
from tests.support.build import host_facts

REF = SecretRef("env", "PASSWORD")
SEALED = SealedText(("password=", Hole(REF)))
MARKS = {str(REF): "f1"}


def file(content: str = "level = info\n", **fields: object) -> FoundPath:
    digest = hashlib.sha256(content.encode()).hexdigest()
    made = FoundPath("/etc/app", "file", "0644", "root", "root", "0:0", digest, content=content)
    return replace(made, **fields)  # type: ignore[arg-type]


def found(
    *bodies: Body, marks: dict[str, str] | None = None, handlers: tuple[Handler, ...] = (), **facts: object
) -> list[tuple[str, str, str, tuple[str, ...]]]:
    state = HostState("web-1", tasks=tuple(Task("web", "it", body) for body in bodies), handlers=handlers)
    wish = Desired("shop", "test", "v1", "/var/lib/fleet", (), (state,))
    changes = drift(wish, {"web-1": marks or {}}, Facts({"web-1": host_facts("web-1", **facts)}))
    assert all(one.hosts == ("web-1",) and one.subject.endswith("web: it") for one in changes), changes
    return [(one.what, one.old, one.new, one.lines) for one in changes]


FILE = FileTask("/etc/app", content="level = info\n", mode="0644", owner="root")
DIRECTORY = FileTask("/srv/data", "directory", mode="0750")
LINK = FileTask("/srv/now", "link", target="/srv/v1")
SECRET = FileTask("/etc/app", content=SEALED)
USER = UserTask("app", groups=("adm",), append=True, shell="/bin/sh")
APP = FoundUser("app", "900", "app", ("adm",), "", "/srv/app", "/bin/sh")
SYSCTL = SysctlTask("net.core.somaxconn", "4096", "/etc/sysctl.d/9.conf")
SET = file("net.core.somaxconn = 4096\n", path="/etc/sysctl.d/9.conf")
CRON = CronTask("report", "@daily report")
KEY = CommandTask(("make", "key"), creates="/srv/key")
PACKAGE = PackageTask(("nginx", "curl=8.1"))


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        (FILE, {"paths": {"/etc/app": file()}}),
        (replace(FILE, content="other", force=False), {"paths": {"/etc/app": file()}}),
        (DIRECTORY, {"paths": {"/srv/data": FoundPath("/srv/data", "directory", "0750")}}),
        (LINK, {"paths": {"/srv/now": FoundPath("/srv/now", "directory", link="/srv/v1")}}),
        (FileTask("/etc/app", "absent"), {}),
        (SECRET, {"paths": {"/etc/app": file(mark=seal(SEALED, "", "", MARKS))}, "marks": MARKS}),
        (SECRET, {"paths": {"/etc/app": file(mark="of another value")}}),
        (USER, {"users": {"app": APP}}),
        (UserTask("app", "absent"), {"users": {"app": None}}),
        (SYSCTL, {"paths": {SET.path: SET}, "kernel": {"net.core.somaxconn": "4096"}}),
        (CRON, {"crontabs": {"root": "#Ansible: report\n@daily report\n"}}),
        (KEY, {"commands": {command_key(KEY): True}}),
        (PACKAGE, {"packages": {"nginx": "1.22", "curl": "8.1"}}),
    ],
)  # fmt: skip
def test_as_it_was_left(body: Body, facts: dict[str, object]) -> None:
    assert found(body, **facts) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "facts", "expected"),
    [
        (FILE, {"paths": {"/etc/app": file("level = debug\n", mode="0666", owner="anna", ids="7:0")}},
         [("/etc/app mode", "0644", "0666", ()), ("/etc/app owner", "root", "anna", ()),
          ("/etc/app", "", "", ("@@ -1 +1 @@", "-level = info", "+level = debug"))]),
        (FILE, {}, [("/etc/app", "there", "", ())]),
        (FILE, {"paths": {"/etc/app": replace(file(), sha256="0", content=None)}},
         [("/etc/app", "as deployed", "changed; it is not shown", ())]),
        (FILE, {"paths": {"/etc/app": file("level = info", link=None)}},
         [("/etc/app", "", "", ("  the last line's end",))]),
        (FILE, {"paths": {"/etc/app": file(link="/app")}}, [("/etc/app", "a file", "link to /app", ())]),
        (FILE, {"paths": {"/etc/app": FoundPath("/etc/app", "directory")}},
         [("", "as deployed", "/etc/app is a directory, and a task wants a file there", ())]),
        (DIRECTORY, {}, [("/srv/data", "there", "", ())]),
        (LINK, {"paths": {"/srv/now": FoundPath("/srv/now", "directory", link="/srv/v2")}},
         [("/srv/now", "link to /srv/v1", "link to /srv/v2", ())]),
        (LINK, {}, [("/srv/now", "link to /srv/v1", "", ())]),
        (FileTask("/etc/app", "absent"), {"paths": {"/etc/app": file()}}, [("/etc/app", "", "there", ())]),
        (SECRET, {"paths": {"/etc/app": file(mark="of another value")}, "marks": MARKS},
         [("/etc/app", "as deployed", "changed; it holds secrets and is not shown", ())]),
        (USER, {"users": {"app": replace(APP, groups=(), shell="/bin/bash")}},
         [("user app shell", "/bin/sh", "/bin/bash", ()), ("user app groups", "adm", "none", ())]),
        (USER, {"users": {"app": None}}, [("user app", "there", "", ())]),
        (UserTask("app", "absent"), {"users": {"app": APP}}, [("user app", "", "there", ())]),
        (SYSCTL, {"paths": {SET.path: SET}, "kernel": {"net.core.somaxconn": "128"}},
         [("net.core.somaxconn", "4096", "128", ())]),
        (SYSCTL, {"paths": {SET.path: FoundPath(SET.path)}, "kernel": {"net.core.somaxconn": "4096"}},
         [(SET.path, "", "", ("@@ -1 +0,0 @@", "-net.core.somaxconn = 4096"))]),
        (CRON, {"crontabs": {"root": "#Ansible: report\n@hourly report\n"}},
         [("the crontab of root", "", "",
           ("@@ -1,2 +1,2 @@", " #Ansible: report", "-@daily report", "+@hourly report"))]),
        (KEY, {"commands": {command_key(KEY): False}}, [("make key", "done", "to be done again", ())]),
        (PACKAGE, {"packages": {"nginx": "", "curl": "8.0"}},
         [("package nginx", "installed", "", ()), ("package curl", "8.1", "8.0", ())]),
        (PackageTask(("telnet",), "absent"), {"packages": {"telnet": "0.17"}},
         [("package telnet", "", "0.17", ())]),
    ],
)  # fmt: skip
def test_field_by_field(body: Body, facts: dict[str, object], expected: list[object]) -> None:
    assert found(body, **facts) == expected  # type: ignore[arg-type]


def test_what_could_not_be_read_is_not_guessed() -> None:
    state = HostState("web-1", tasks=(Task("web", "it", FILE),))
    wish = Desired("shop", "test", "v1", "/var/lib/fleet", (), (state,))
    host = host_facts("web-1", packages=Unknown("dpkg is locked"))
    assert drift(wish, {}, Facts({"web-1": host})) == (
        Change("host tasks", "", "as deployed", "not known: dpkg is locked", ("web-1",)),
    )


def test_a_handler_that_did_not_end_well_and_the_same_in_two_roles() -> None:
    handler = Handler("web", "it", CommandTask(("reload",)))
    assert found(FILE, FILE, handlers=(handler,), notified=(handler.mark,)) == [
        ("/etc/app", "there", "", ()),
        ("", "has run", "is still to be run", ()),
    ]
