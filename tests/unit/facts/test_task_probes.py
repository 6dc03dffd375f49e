"""The probes of host tasks, run by real shells: what is there, what is not, and what cannot be known."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.facts.probe import Answer, Probe, Question
from fleet.facts.tasks.commands import CommandsProbe
from fleet.facts.tasks.crontabs import CrontabsProbe
from fleet.facts.tasks.kernel import KernelProbe, place
from fleet.facts.tasks.notified import NotifiedProbe
from fleet.facts.tasks.packages import PackagesProbe
from fleet.facts.tasks.paths import PathsProbe, marks_file
from fleet.facts.tasks.users import UsersProbe
from fleet.model.desired import HostState
from fleet.model.found import Unknown
from fleet.model.found_tasks import FoundUser
from fleet.model.tasks import (
    Body,
    CommandTask,
    CronTask,
    FileTask,
    PackageTask,
    SysctlTask,
    Task,
    UserTask,
    command_key,
    task_dir,
)
from fleet.secret import Hole, SealedText, SecretRef
from tests.support.shells import SHELLS, Bench

PRINT = "0123456789abcdef"
SECRET = SealedText((Hole(SecretRef("env", "PASSWORD")),))


@pytest.fixture
def bench(bench: Bench) -> Bench:
    bench.replace("id", '[ "$1" = -u ] && echo ${HOW_ID:-0} || exec /usr/bin/id "$@"')
    return bench


def asked(bench: Bench, probe: Probe, *bodies: Body, shell: str = "sh", user: str = "0") -> object:
    tasks = tuple(Task("web", "x", body) for body in bodies)
    question = Question("shop", "test", str(bench.root / "state"), HostState("web-1", tasks=tasks))
    done = bench.run(probe.script(question), shell=shell, environ={"HOW_ID": user, "LC_ALL": "C"})
    return probe.parse(Answer((done.stdout + done.stderr).decode(errors="replace"), done.returncode))


@pytest.mark.parametrize("shell", SHELLS)
def test_paths(bench: Bench, tmp_path: Path, shell: str) -> None:
    place = tmp_path / "it's here"
    place.mkdir(mode=0o750)
    contents = {"text": "a = 1\n", "empty": "", "no newline": "Grüße", "private": "x"}
    for name, content in contents.items():
        (place / name).write_text(content)
        (place / name).chmod(0o600 if name == "private" else 0o644)
    (place / "binary").write_bytes(b"\xff\x00")
    (place / "link").symlink_to("text")
    (place / "lost").symlink_to("nowhere at all")
    names = [*contents, "binary", "link", "lost", "none"]
    wanted = [FileTask(str(place)), *(FileTask(str(place / name)) for name in names)]
    found = asked(bench, PathsProbe(), *wanted, shell=shell)
    assert isinstance(found, dict), found
    here = {Path(path).name: one for path, one in found.items()}
    assert (here["it's here"].kind, here["it's here"].mode) == ("directory", "0750")
    assert {name: here[name].content for name in contents} == contents | {"private": None}
    assert len(here["private"].sha256) == 64
    assert here["binary"].content is None
    assert (here["link"].kind, here["link"].link, here["link"].content) == ("file", "text", "a = 1\n")
    assert (here["lost"].kind, here["lost"].link) == ("absent", "nowhere at all")
    assert (here["none"].kind, here["none"].link) == ("absent", None)


def test_a_file_with_secrets_is_known_by_its_mark_while_it_is_unchanged(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("x")
    mark = Path(marks_file(task_dir(str(tmp_path / "state"), "shop", "test"), str(path)))
    mark.parent.mkdir(parents=True)
    wish = FileTask(str(path), content=SECRET)
    marks = []
    for content in ("2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881", "0" * 64):
        mark.write_text(f"{content} {PRINT}\n")
        found = asked(bench, PathsProbe(), wish)
        assert isinstance(found, dict)
        marks.append(found[str(path)].mark)
    assert marks == [PRINT, ""]


@pytest.mark.parametrize("shell", SHELLS)
def test_packages(bench: Bench, shell: str) -> None:
    bench.replace(
        "dpkg-query",
        'case $3 in here) echo "installed 1.2-3" ;; gone) echo "config-files 1.0" ;; '
        '*) echo "no packages found matching $3" >&2; exit 1 ;; esac',
    )
    wish = PackageTask(("here=1.2-3", "gone", "none"))
    assert asked(bench, PackagesProbe(), wish, shell=shell) == {"here": "1.2-3", "gone": "", "none": ""}
    bench.replace("dpkg-query", "echo 'error: the database is damaged' >&2; exit 2")
    found = asked(bench, PackagesProbe(), wish, shell=shell)
    assert found == Unknown("packages: error: the database is damaged")


@pytest.mark.parametrize("shell", SHELLS)
def test_users(bench: Bench, shell: str) -> None:
    bench.replace(
        "getent",
        'case $2 in app) echo "app:x:900:900:The app,,:/srv/app:/bin/sh" ;; odd) exit 3 ;; *) exit 2 ;; esac',
    )
    bench.replace("id", 'case $1 in -u) echo 0 ;; -gn) echo app ;; *) echo "app docker adm" ;; esac')
    found = asked(bench, UsersProbe(), UserTask("app"), UserTask("none"), shell=shell)
    assert isinstance(found, dict)
    assert found["none"] is None
    app = found["app"]
    assert app == FoundUser(
        "app", "900", "app", ("adm", "docker"), "The app,,", "/srv/app", "/bin/sh", app.seen
    )
    assert isinstance(asked(bench, UsersProbe(), UserTask("odd"), shell=shell), Unknown)


@pytest.mark.parametrize("shell", SHELLS)
def test_kernel_settings(bench: Bench, shell: str) -> None:
    found = asked(
        bench, KernelProbe(), SysctlTask("kernel.ostype", "x"), SysctlTask("no.such", "1"), shell=shell
    )
    assert found == {"kernel.ostype": "Linux", "no.such": None}


def test_a_name_with_slashes_keeps_its_dots() -> None:
    assert place("net.ipv4.ip_forward") == "/proc/sys/net/ipv4/ip_forward"
    assert place("net/ipv4/conf/eth0.100/rp_filter") == "/proc/sys/net/ipv4/conf/eth0.100/rp_filter"


@pytest.mark.parametrize("shell", SHELLS)
def test_crontabs(bench: Bench, shell: str) -> None:
    bench.replace(
        "crontab",
        'case $3 in root) printf "# x\\n* * * * * a%%b\\n" ;; odd) echo "cannot read" >&2; exit 1 ;; '
        '*) echo "no crontab for $3" >&2; exit 1 ;; esac',
    )
    bench.replace("getent", '[ "$2" != nobody-yet ] || exit 2')
    jobs = [CronTask("x", "y", user=user) for user in ("root", "app", "nobody-yet")]
    told = {"root": "# x\n* * * * * a%b\n", "app": "", "nobody-yet": ""}
    assert asked(bench, CrontabsProbe(), *jobs, shell=shell) == told
    odd = asked(bench, CrontabsProbe(), CronTask("x", "y", user="odd"), shell=shell)
    assert odd == Unknown("crontabs: cannot read")


@pytest.mark.parametrize("shell", SHELLS)
def test_commands(bench: Bench, tmp_path: Path, shell: str) -> None:
    (tmp_path / "there").touch()
    there, gone = str(tmp_path / "there"), str(tmp_path / "gone")
    wanted = {
        CommandTask(("a",), creates=there): True,
        CommandTask(("a",), creates=gone): False,
        CommandTask(("a",), removes=there): False,
        CommandTask(("a",), removes=gone): True,
        CommandTask(("a",), unless=("test", "-e", there)): True,
        CommandTask(("a",), unless=("test", "-e", gone)): False,
        CommandTask(("a",), creates=gone, unless=("true",)): True,
    }
    found = asked(bench, CommandsProbe(), *wanted, shell=shell)
    assert found == {command_key(body): done for body, done in wanted.items()}
    odd = asked(bench, CommandsProbe(), CommandTask(("a",), unless=("no-such-program",)), shell=shell)
    assert odd == Unknown("commands of host tasks: unless: no-such-program cannot be run")


@pytest.mark.parametrize("shell", SHELLS)
def test_handlers_that_are_still_to_run(bench: Bench, tmp_path: Path, shell: str) -> None:
    wish = PackageTask(("a",))
    assert asked(bench, NotifiedProbe(), wish, shell=shell) == ()
    directory = Path(task_dir(str(tmp_path / "state"), "shop", "test")) / "notified"
    directory.mkdir(parents=True)
    (directory / PRINT).touch()
    assert asked(bench, NotifiedProbe(), wish, shell=shell) == (PRINT,)


def test_who_is_not_root_knows_nothing(bench: Bench, tmp_path: Path) -> None:
    found = asked(bench, NotifiedProbe(), PackageTask(("a",)), user="1000")
    assert found == Unknown("what host tasks need: the login user is not root")
    assert asked(bench, PathsProbe(), FileTask("/etc"), user="1000") == {}


PROBES: tuple[Probe, ...] = (
    PathsProbe(),
    PackagesProbe(),
    KernelProbe(),
    UsersProbe(),
    CrontabsProbe(),
    CommandsProbe(),
    NotifiedProbe(),
)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: str(probe.name))
@pytest.mark.parametrize(
    "answer", [Answer("", 1), Answer("sh: 1: cannot fork\n", 0), Answer("path a b\n", 0)]
)
def test_what_cannot_be_understood_is_unknown(probe: Probe, answer: Answer) -> None:
    try:
        found = probe.parse(answer)
    except ValueError:
        return  # the frame around all probes makes it Unknown
    assert isinstance(found, Unknown)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: str(probe.name))
def test_without_tasks_nothing_is_asked(probe: Probe) -> None:
    assert probe.script(Question("shop", "test", "/var/lib/fleet", HostState("web-1"))) == ""
