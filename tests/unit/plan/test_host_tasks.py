"""Host tasks carried out by real shells over a directory: planned, done, and then nothing is left to do."""

# ruff: noqa: E501 (tables)

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fleet.facts.probe import Question
from fleet.facts.script import parse, probe_script
from fleet.model import codec
from fleet.model.desired import Desired, HostState
from fleet.model.found import Facts, HostFacts, Unknown
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
)
from fleet.ops.effects import Shell
from fleet.ops.tasks.change import ChangeHost, RunHandler
from fleet.plan.tasks.stage import HostTasks, host_tasks
from fleet.plan.tree import Step
from fleet.secret import Hole, Keyring, SealedText, Secret, SecretRef
from tests.support.shells import SHELLS, Bench

MARK = "fleet-4711"
REF = SecretRef("env", "PASSWORD")
SECRET = SealedText(("password = ", Hole(REF), "\n"))
VALUE = "it's secret"
GENERATED = ("paths", "packages", "kernel", "users", "crontabs", "commands", "notified")

STAND_INS = {
    "id": 'case $1 in -u) echo 0 ;; *) cat "$HERE/groups" 2>/dev/null || echo app ;; esac',
    "getent": 'cat "$HERE/passwd" 2>/dev/null || exit 2',
    "dpkg-query": 'cat "$HERE/version" 2>/dev/null || { echo "no packages found" >&2; exit 1; }',
    "crontab": 'case $1 in -l) cat "$HERE/tab" 2>/dev/null || { echo "no crontab for app" >&2; exit 1; } ;; '
    '*) cat "$3" >"$HERE/tab" ;; esac',
    "sync": "",
    "docker": "exit 1",
}
NOTED = {
    "apt-get": 'case $* in *" install "*) echo "installed 1.0" >"$HERE/version" ;; '
    '*" remove "*) rm -f "$HERE/version" ;; esac',
    "useradd": 'echo "app:x:900:900::/srv/app:/bin/sh" >"$HERE/passwd"',
    "usermod": 'echo "app:x:900:900::/srv/app:/bin/bash" >"$HERE/passwd"',
    "userdel": 'rm "$HERE/passwd"',
    "chown": "",
}


@dataclass
class Site:
    """A host that is a directory. ``at`` is a path in it."""

    bench: Bench
    shell: str
    tasks: list[Task] = field(default_factory=list)
    handlers: tuple[Handler, ...] = ()

    def at(self, path: str) -> str:
        return str(self.bench.root / path)

    def want(self, *bodies: Body, notify: tuple[str, ...] = ()) -> None:
        self.tasks = [
            Task("web", f"task {number}", body, "told", notify) for number, body in enumerate(bodies)
        ]

    @property
    def state(self) -> HostState:
        return HostState("web-1", tasks=tuple(self.tasks), handlers=self.handlers)

    def facts(self) -> HostFacts:
        question = Question("shop", "test", self.at("state"), self.state)
        done = self.run(probe_script(question, MARK))
        return parse("web-1", done.stdout.decode(errors="replace"), MARK)

    def planned(self) -> HostTasks:
        facts = self.facts()
        unknown = {name: one for name in GENERATED if isinstance(one := getattr(facts, name), Unknown)}
        assert not unknown
        wish = Desired("shop", "test", "v1", self.at("state"), (), (self.state,))
        return host_tasks(
            wish, Facts({"web-1": facts}, fingerprints={"web-1": {str(REF): "0123456789abcdef"}})
        )

    def steps(self) -> list[Step]:
        """Those of the plan, which is as good when it was saved and read again."""
        found = self.planned()
        assert found.findings == ()
        steps = [step for phase in found.phases for turn in phase.turns for step in turn.steps]
        for step in steps:
            assert isinstance(step, Step)
            assert codec.canonical(codec.dump(step.op))
        return [step for step in steps if isinstance(step, Step)]

    def said(self) -> list[str]:
        return [step.describe().replace(str(self.bench.root), "") for step in self.steps()]

    def carry_out(self, step: Step) -> subprocess.CompletedProcess[bytes]:
        (effect,) = step.op.effects()
        assert isinstance(effect, Shell)
        return self.run(Keyring({REF: Secret(VALUE)}).reveal(effect.script))

    def deploy(self) -> list[str]:
        steps = self.steps()
        for step in steps:
            done = self.carry_out(step)
            assert done.returncode == 0, (step.describe(), done.stderr)
        return [step.describe().replace(str(self.bench.root), "") for step in steps]

    def run(self, script: str) -> subprocess.CompletedProcess[bytes]:
        script = script.replace("/proc/sys/", f"{self.bench.root}/sys/")
        return self.bench.run(script, shell=self.shell)


@pytest.fixture(params=SHELLS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    bench = Bench(tmp_path)
    for name, body in STAND_INS.items():
        bench.replace(name, body)
    for name, body in NOTED.items():
        bench.stand_in(name, body)
    (tmp_path / "sys/net").mkdir(parents=True)
    (tmp_path / "sys/net/limit").write_text("128\n")
    return Site(bench, request.param)


Make = Callable[[Site], tuple[Body, ...]]
CASES: list[tuple[Make, list[str]]] = [
    (
        lambda on: (FileTask(on.at("a/b"), "directory", mode="0750"),),
        ["create directory /a/b (mode 0750)"],
    ),
    (lambda on: (FileTask(on.at("f"), content="it's\n$HOME %s\n"),), ["write /f"]),
    (lambda on: (FileTask(on.at("f"), content="", mode="0640"),), ["write /f"]),
    (lambda on: (FileTask(on.at("s"), content=SECRET, mode="0600"),), ["write /s"]),
    (
        lambda on: (FileTask(on.at("d"), "directory"), FileTask(on.at("d/f"), content="x", mode="0600")),
        ["create directory /d", "write /d/f"],
    ),
    (lambda on: (FileTask(on.at("l"), "link", target="../x y"),), ["link /l → ../x y"]),
    (lambda on: (FileTask(on.at("sys"), "absent"),), ["remove directory /sys with all that is in it"]),
    (lambda on: (FileTask(on.at("sys/net/limit"), mode="0600"),), ["set mode of /sys/net/limit 0644 → 0600"]),
    (
        lambda on: (CommandTask(("touch", on.at("made it")), creates=on.at("made it"), chdir="/"),),
        ["run touch '/made it'"],
    ),
    (lambda on: (PackageTask(("nginx",), update_cache=True, recommends="no"),), ["install nginx"]),
    (lambda on: (PackageTask(("nginx=1.0",)),), ["install nginx=1.0"]),
    (lambda on: (UserTask("app", home="/srv/app", system=True),), ["create user app"]),
    (
        lambda on: (SysctlTask("net.limit", "4096", on.at("etc/fleet.conf")),),
        ["set net.limit = 4096 (was 128)"],
    ),
    (
        lambda on: tuple(SysctlTask(name, "128", on.at("fleet.conf")) for name in ("net.limit", "net/limit")),
        ["set net.limit = 128 in /fleet.conf", "set net/limit = 128 in /fleet.conf"],
    ),
    (
        lambda on: (CronTask("one", "* * * * * a", "app"), CronTask("two", "@daily b", "app")),
        ['write cron job "one" in the crontab of app', 'write cron job "two" in the crontab of app'],
    ),
    (
        lambda on: (CronTask("one", "@daily root a", file=on.at("cron.d/shop")),),
        ['write cron job "one" in /cron.d/shop'],
    ),
]


@pytest.mark.parametrize(("make", "said"), CASES, ids=[said[0] for _, said in CASES])
def test_what_is_done_is_not_done_again(site: Site, make: Make, said: list[str]) -> None:
    if "cron job" in said[0]:
        (site.bench.root / "passwd").write_text("app:x:900:900::/srv/app:/bin/sh\n")
    site.want(*make(site))
    assert site.deploy() == said
    assert site.said() == []


def test_contents_arrive_byte_by_byte_and_secrets_only_where_they_belong(site: Site) -> None:
    site.want(
        FileTask(site.at("f"), content="it's\n$HOME %s\n\n"),
        FileTask(site.at("s"), content=SECRET, mode="0600"),
    )
    steps = site.steps()
    site.deploy()
    assert Path(site.at("f")).read_text() == "it's\n$HOME %s\n\n"
    assert Path(site.at("s")).read_text() == f"password = {VALUE}\n"
    assert [oct(os.stat(site.at(name)).st_mode)[-3:] for name in "fs"] == ["644", "600"]
    assert VALUE not in "".join(str(step.op.diff()) for step in steps)
    site.want(FileTask(site.at("s"), content=SealedText((*SECRET.parts, "more")), mode="0600"))
    assert site.said() == ["write /s"]


def test_attributes_that_nobody_speaks_of_stay(site: Site) -> None:
    path = Path(site.at("f"))
    path.write_text("old\n")
    path.chmod(0o640)
    site.want(FileTask(str(path), content="new\n"))
    assert site.deploy() == ["write /f"]
    assert (path.read_text(), oct(path.stat().st_mode)[-3:]) == ("new\n", "640")
    site.want(FileTask(str(path), content="never", force=False))
    assert site.said() == []


def test_a_file_that_its_check_refuses_is_not_there(site: Site) -> None:
    site.want(FileTask(site.at("f"), content="bad", validate=("grep", "-q", "good", "%s")))
    (step,) = site.steps()
    assert site.carry_out(step).returncode == 66
    assert not [one for one in site.bench.root.iterdir() if one.name.startswith((".fleet", "f"))]


def test_lines_of_others_stay_where_they_are(site: Site) -> None:
    conf = Path(site.at("sysctl.conf"))
    conf.write_text("# ours\nnet.limit=1\nother = 2\nnet.limit = 3\n")
    tab = Path(site.at("tab"))
    tab.write_text("# mine\n#Ansible: one\n1 * * * * old\n2 * * * * other\n")
    Path(site.at("passwd")).write_text("app:x:900:900::/srv/app:/bin/sh\n")
    site.want(SysctlTask("net.limit", "128", str(conf)), CronTask("one", "3 * * * * new", "app"))
    site.deploy()
    assert conf.read_text() == "# ours\nnet.limit = 128\nother = 2\n"
    assert tab.read_text() == "# mine\n#Ansible: one\n3 * * * * new\n2 * * * * other\n"
    site.want(SysctlTask("net.limit", "", str(conf), "absent"), CronTask("one", "", "app", state="absent"))
    site.deploy()
    assert (conf.read_text(), tab.read_text()) == ("# ours\nother = 2\n", "# mine\n2 * * * * other\n")
    assert Path(site.at("sys/net/limit")).read_text() == "128\n"
    assert site.said() == []


def test_a_user_is_changed_only_in_what_differs(site: Site) -> None:
    Path(site.at("passwd")).write_text("app:x:900:900::/srv/app:/bin/sh\n")
    Path(site.at("groups")).write_text("app\n")
    site.want(UserTask("app", uid="900", shell="/bin/bash", groups=("app",)))
    assert site.deploy() == ["change user app: shell /bin/sh → /bin/bash"]
    assert site.bench.calls == ["usermod\t-s\t/bin/bash\tapp"]
    site.want(UserTask("app", groups=("adm",), append=True))
    assert site.said() == ["change user app: groups also adm"]
    site.want(UserTask("app", state="absent", remove=True))
    assert site.deploy() == ["remove user app and its home directory"]
    assert site.bench.calls[-1] == "userdel\t-r\tapp"


def test_packages_are_asked_for_without_questions(site: Site) -> None:
    site.want(PackageTask(("nginx", "curl"), update_cache=True, recommends="no"))
    site.deploy()
    assert [call.split("\t")[-1] for call in site.bench.calls] == ["update", "curl"]
    assert "--no-install-recommends" in site.bench.calls[1]
    site.want(PackageTask(("nginx",), "absent"))
    assert site.deploy() == ["remove package nginx"]


def change(path: str, text: str) -> Callable[[Site], object]:
    return lambda on: Path(on.at(path)).write_text(text)


@pytest.mark.parametrize(
    ("make", "by_hand"),
    [
        (lambda on: (FileTask(on.at("f"), content="x"),), change("f", "by hand")),
        (lambda on: (FileTask(on.at("d"), "directory"),), change("d", "by hand")),
        (lambda on: (FileTask(on.at("sys/net/limit"), "absent"),), change("sys/net/limit", "by hand")),
        (lambda on: (PackageTask(("a",)),), change("version", "installed 2.0\n")),
        (lambda on: (UserTask("app"),), change("passwd", "app:x:1:1::/:/bin/sh\n")),
        (lambda on: (SysctlTask("net.limit", "1", on.at("conf")),), change("conf", "by hand\n")),
        (lambda on: (CronTask("x", "y", file=on.at("cron")),), change("cron", "by hand\n")),
        # Behind a change that may change more than itself, what was seen is looked at before the first one.
        (
            lambda on: (CommandTask(("touch", on.at("done")), creates=on.at("done")), FileTask(on.at("f"), content="x")),
            change("f", "by hand"),
        ),
    ],
)  # fmt: skip
def test_what_was_changed_since_the_plan_is_left_alone(
    site: Site, make: Make, by_hand: Callable[[Site], object]
) -> None:
    site.want(*make(site))
    first, *_ = site.steps()
    by_hand(site)
    before = sorted(path.name for path in site.bench.root.iterdir())
    done = site.carry_out(first)
    assert (done.returncode, done.stderr.endswith(b"was changed since the plan was made\n")) == (75, True)
    assert [name for name in before if name != "calls"] == sorted(
        path.name for path in site.bench.root.iterdir() if path.name != "calls"
    )


def test_what_an_earlier_task_changes_on_the_side_is_no_drift(site: Site) -> None:
    site.want(
        CommandTask(
            ("sh", "-c", f"echo default >{site.at('f')}; touch {site.at('done')}"), creates=site.at("done")
        ),
        FileTask(site.at("f"), content="ours\n"),
    )
    site.deploy()
    assert Path(site.at("f")).read_text() == "ours\n"
    assert site.said() == []


def test_a_command_that_fails_tells_its_status_and_its_last_lines(site: Site) -> None:
    site.want(CommandTask(("sh", "-c", "seq 40; echo broken >&2; exit 75"), creates="/none"))
    (step,) = site.steps()
    done = site.carry_out(step)
    assert done.returncode == 68
    lines = done.stderr.decode().splitlines()
    assert lines[-2:] == ["broken", "exit status 75"]
    assert len(lines) == 16


def test_a_command_that_does_not_make_what_it_creates(site: Site) -> None:
    site.want(CommandTask(("true",), creates=site.at("none")))
    (step,) = site.steps()
    done = site.carry_out(step)
    assert (done.returncode, b"it ended well, and" in done.stderr) == (68, True)


def test_a_handler_runs_once_and_until_it_has_ended_well(site: Site) -> None:
    ran = site.at("ran")
    command = CommandTask(("sh", "-c", f'echo x >>"{ran}"; test ! -e "{site.at("broken")}"'))
    site.handlers = (Handler("web", "again", command), Handler("web", "never", command))
    site.want(FileTask(site.at("a"), content="x"), FileTask(site.at("b"), content="x"), notify=("again",))
    Path(site.at("broken")).touch()
    *changes, handler = site.steps()
    assert isinstance(handler.op, RunHandler)
    assert handler.op.diff() == ("notified by task 0, task 1",)
    for step in changes:
        assert isinstance(step.op, ChangeHost)
        site.carry_out(step)
    assert site.carry_out(handler).returncode == 68
    (left,) = site.steps()
    assert left.op.diff() == ("notified by an earlier run, in which it did not end well",)
    Path(site.at("broken")).unlink()
    assert site.carry_out(left).returncode == 0
    assert Path(ran).read_text() == "x\nx\n"
    assert site.said() == []


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda on: FileTask(on.at("sys"), content="x"), "/sys is a directory, and a task wants a file there"),
        (lambda on: FileTask(on.at("sys/net/limit"), "directory"), "/sys/net/limit is a file, and a task wants a directory there"),
        (lambda on: FileTask(on.at("sys"), "link", target="x"), "/sys is a directory, and a task wants a link there"),
        (lambda on: FileTask(on.at("lost"), "directory"), "/lost is a link to nowhere, which is not there"),
        (lambda on: SysctlTask("net.limit", "1", on.at("binary")), "/binary cannot be edited: its content is not known"),
    ],
)  # fmt: skip
def test_what_is_in_the_way_is_no_plan(site: Site, make: Callable[[Site], Body], what: str) -> None:
    Path(site.at("lost")).symlink_to("nowhere")
    Path(site.at("binary")).write_bytes(b"\xff\xfe")
    site.want(make(site))
    (finding,) = site.planned().findings
    assert finding.error
    assert finding.what.replace(str(site.bench.root), "") == what
    assert finding.hint


def test_the_same_task_of_two_roles_is_done_once(site: Site) -> None:
    site.want(PackageTask(("a",)), PackageTask(("a",)))
    assert site.said() == ["install a"]


def test_tasks_are_kept_in_records_whole(site: Site) -> None:
    site.handlers = (Handler("web", "again", CommandTask(("true",))),)
    site.want(
        FileTask("/a", content=SECRET), CommandTask(("a",), unless=("b",)), PackageTask(("a",)), SysctlTask("a", "1"),
        UserTask("a", groups=()), CronTask("a", "b"), notify=("again",),
    )  # fmt: skip
    state = site.state
    assert codec.load(HostState, codec.dump(state)) == state
