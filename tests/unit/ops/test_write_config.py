"""WriteConfig's script runs in real shells over real directories, with a stand-in for Docker."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.facts.files import CURRENT, PENDING, DirsProbe, SealedProbe
from fleet.facts.probe import Answer, Question
from fleet.model.desired import HostState
from fleet.model.found import FoundDir, HostFacts
from fleet.model.services import ConfigDir, ConfigFile, Mount, Reload
from fleet.ops.config import INVALID, RELOAD, WriteConfig
from fleet.ops.effects import Shell
from fleet.plan.files import config_change
from fleet.run.perform import DRIFT
from fleet.secret import Hole, Keyring, SealedText, Secret, SecretRef
from tests.support.build import host_facts, service
from tests.support.shells import SHELLS, Bench

IMAGE = "registry.example:5000/app@sha256:" + "a" * 64
REF = SecretRef("env", "PASSWORD")
SEALED = SealedText(("password=", Hole(REF), "\n"))
CONTENTS = {
    "plain.ini": "a = 1\n",
    "empty": "",
    "no last newline": "x",
    "percent": "100% %s %d \\n \\0 \\\\ \\c\n\n\n",
    'it\'s "quoted"': "it's \"quoted\" $HOME `id` $(id) !x\n'''",
    "-n": "-n\n",
    "líne": "Grüße ☃\r\n\ttab\n",
    ".dot": "END\nEOF\n",
}


class Host:
    """One directory on a host that is managed as the planner would."""

    def __init__(self, bench: Bench, place: Path) -> None:
        self.bench = bench
        self.place = place
        self.state = bench.root / "state"
        self.keyring = Keyring({REF: Secret("it's a secret %s")})

    def config(self, contents: dict[str, str], **fields: object) -> ConfigDir:
        files = tuple(ConfigFile(name, content) for name, content in sorted(contents.items()))
        owner = {"uid": os.geteuid(), "gid": os.getegid()}
        return ConfigDir(str(self.place), "/etc/app", files, **{**owner, **fields})  # type: ignore[arg-type]

    def facts(self, wanted: ConfigDir | None = None) -> HostFacts:
        """As a probe for ``wanted`` sees them."""
        made = service(configs=(wanted or self.config({}),))
        question = Question("shop", "test", str(self.state), HostState("h", (made,)))
        answers = []
        for probe in (DirsProbe(), SealedProbe()):
            done = self.bench.run(probe.script(question))
            answers.append(probe.parse(Answer(done.stdout.decode(), done.returncode)))
        return host_facts("h", dirs=answers[0], sealed=answers[1])

    @property
    def dir(self) -> FoundDir:
        found = self.facts().dirs
        assert isinstance(found, dict)
        return found[str(self.place)]

    def op(self, config: ConfigDir, **fields: object) -> WriteConfig:
        """As the planner makes it from what is on the host."""
        change = config_change(config, self.facts(config), {str(REF): "0123456789abcdef"})
        assert change, "nothing to do"
        made = WriteConfig("web.app", str(self.state), config, IMAGE, "", (), change.found, change.stale,
                           fingerprints=change.fingerprints)  # fmt: skip
        return replace(made, **fields)  # type: ignore[arg-type]

    def run(self, op: WriteConfig, shell: str = "sh") -> subprocess.CompletedProcess[bytes]:
        (effect,) = op.effects()
        assert isinstance(effect, Shell)
        return self.bench.run(self.keyring.reveal(effect.script), shell=shell)

    def write(self, contents: dict[str, str], **fields: object) -> None:
        done = self.run(self.op(self.config(contents, **fields)))
        assert done.returncode == 0, done
        assert (done.stdout, done.stderr) == (b"", b"")

    @property
    def shown(self) -> dict[str, str]:
        """What a container sees: visible files and their contents."""
        return {
            path.name: path.read_bytes().decode() for path in sorted(self.place.iterdir()) if path.is_file()
        }

    @property
    def versions(self) -> set[str]:
        return {path.name for path in self.place.glob(".fleet-*")} - {CURRENT}


@pytest.fixture
def host(bench: Bench, tmp_path: Path) -> Host:
    bench.stand_in("docker", "")
    # Flushing this machine's disk at each write would take most of the time.
    bench.replace("sync")
    return Host(bench, tmp_path / "con f'ig")


@pytest.mark.parametrize("shell", SHELLS)
def test_every_content_arrives_byte_by_byte_under_every_name(host: Host, shell: str) -> None:
    done = host.run(host.op(host.config(CONTENTS)), shell)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert host.shown == CONTENTS
    assert host.dir.intact
    assert config_change(host.config(CONTENTS), host.facts(), {}) is None, "a second plan is empty"


def test_modes_and_owners(host: Host) -> None:
    files = (ConfigFile("a", "1", "0640"), ConfigFile("b", "2", "0755"), ConfigFile("c", SEALED, "0600"))
    uid, gid = (1234, 2345) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    config = replace(host.config({}), files=files, uid=uid, gid=gid)
    host.run(host.op(config)).check_returncode()
    found = {name: (host.place / name).stat() for name in "abc"}
    assert [stat.S_IMODE(found[name].st_mode) for name in "abc"] == [0o640, 0o755, 0o600]
    assert {(one.st_uid, one.st_gid) for one in found.values()} == {(uid, gid)}
    assert stat.S_IMODE((host.place / CURRENT).stat().st_mode) == 0o755


def test_all_files_change_at_one_instant(host: Host) -> None:
    names = [f"file{number}" for number in range(3)]
    host.write(dict.fromkeys(names, "0"))
    torn: list[object] = []
    reads = 0
    done = threading.Event()

    def read() -> None:
        nonlocal reads
        while not done.is_set():
            try:
                seen = os.readlink(host.place / CURRENT)
                contents = [(host.place / name).read_text() for name in names]
                after = os.readlink(host.place / CURRENT)
            except OSError as error:
                torn.append(error)
                continue
            reads += 1
            if seen == after and len(set(contents)) > 1:
                torn.append(contents)

    reader = threading.Thread(target=read)
    reader.start()
    for version in "123":
        host.write(dict.fromkeys(names, version))
    done.set()
    reader.join()
    assert torn == []
    assert reads > 20


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("how", ["edited", "gone", "appeared"])
def test_a_file_that_changed_since_the_plan_stops_everything(host: Host, how: str, shell: str) -> None:
    host.write({"a": "1", "b": "1"})
    op = host.op(host.config({"a": "2", "b": "2", "c": "2"}, validate=("check",), reload=Reload("HUP")))
    match how:
        case "edited":
            (host.place / "b").write_text("by hand")
        case "gone":
            (host.place / "b").unlink()
        case "appeared":
            (host.place / "c").write_text("by hand")
    before = host.shown
    done = host.run(replace(op, reload="cid"), shell)
    assert done.returncode == DRIFT
    assert b"was changed since the plan was made" in done.stderr
    assert host.shown == before
    assert host.bench.calls == []


@pytest.mark.parametrize("shell", SHELLS)
def test_files_that_their_own_program_refuses_never_arrive(host: Host, shell: str) -> None:
    host.write({"a": "1"})
    host.bench.stand_in("docker", "cat >/dev/null; echo 'line 3: no such option' >&2; exit 1")
    op = host.op(host.config({"a": "2", "b": "2"}, validate=("check", "--config", "/etc/app/a b")))
    done = host.run(op, shell)
    assert done.returncode == INVALID
    assert done.stderr.decode().splitlines() == [
        "line 3: no such option",
        "the new files were refused; the old ones are untouched",
    ]
    assert host.shown == {"a": "1"}
    assert host.dir.intact
    assert not (host.place / ".fleet-stage").exists()


def test_validation_runs_the_target_image_with_the_new_files_in_their_place(host: Host) -> None:
    host.bench.stand_in("docker", f'cp -rL "{host.place}/.fleet-stage" "$HERE/validated"')
    mounts = (
        Mount("bind", "/etc/app", str(host.place), read_only=True),
        Mount("volume", "/data", "shop_data"),
        Mount("tmpfs", "/tmp"),
    )
    config = host.config({"a": "1"}, validate=("app", "--check", "/etc/app/a b"))
    host.run(host.op(config, mounts=mounts, user="1000:1000")).check_returncode()
    (call,) = host.bench.calls
    assert call.split("\t") == [
        "docker", "run", "--rm", "--network", "none", "--entrypoint", "app",
        "-v", f"{host.place}/.fleet-stage:/etc/app:ro", "-v", "shop_data:/data:ro",
        "--user", "1000:1000", IMAGE, "--check", "/etc/app/a b",
    ]  # fmt: skip
    assert (host.bench.root / "validated" / "a").read_text() == "1"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_failed_reload_brings_the_old_files_back(host: Host, shell: str) -> None:
    host.write({"a": "1", "stale": "1"})
    host.bench.stand_in("docker", "echo 'no such container' >&2; exit 1")
    before = host.facts().dirs
    (host.place / "taken").write_text("by somebody")
    (host.place / "taken.before-fleet").write_text("long ago")
    config = host.config({"a": "2", "new": "2", "taken": "2"}, reload=Reload(command=("app", "re load")))
    done = host.run(host.op(config, reload="cid"), shell)
    assert done.returncode == RELOAD
    assert done.stderr.decode().splitlines() == [
        "no such container",
        "the reload failed; the old files are back",
    ]
    assert host.bench.calls == ["docker\texec\tcid\tapp\tre load"]
    (host.place / "taken").unlink()
    assert host.facts().dirs == before
    assert host.dir.intact


def test_a_failed_reload_of_a_directory_that_was_not_ours_brings_the_files_back(host: Host) -> None:
    host.place.mkdir()
    (host.place / "a").write_text("by somebody")
    host.bench.stand_in("docker", "exit 1")
    done = host.run(host.op(host.config({"a": "2", "b": "2"}, reload=Reload("SIGHUP")), reload="cid"))
    assert done.returncode == RELOAD
    assert host.shown == {"a": "by somebody"}
    assert not (host.place / "a").is_symlink()


def test_a_reload_signals_the_container_after_the_switch(host: Host) -> None:
    host.bench.stand_in("docker", f'cat "{host.place}/a" >"$HERE/seen"')
    host.run(host.op(host.config({"a": "2"}, reload=Reload("SIGHUP")), reload="cid")).check_returncode()
    assert host.bench.calls == ["docker\texec\tcid\tsh\t-c\tkill -s HUP 1"]
    assert (host.bench.root / "seen").read_text() == "2"


def test_an_image_without_a_shell_is_signalled_by_the_engine(host: Host) -> None:
    host.bench.stand_in("docker", "[ $1 = kill ]")
    host.run(host.op(host.config({"a": "2"}, reload=Reload("SIGHUP")), reload="cid")).check_returncode()
    assert host.bench.calls[1:] == ["docker\tkill\t-s\tSIGHUP\tcid"]


def test_no_running_container_is_told_nothing(host: Host) -> None:
    host.write({"a": "2"}, reload=Reload("SIGHUP"))
    assert host.bench.calls == []


@pytest.mark.parametrize("how", ["through the link", "link replaced"])
def test_a_file_edited_by_hand_is_put_right(host: Host, how: str) -> None:
    host.write({"a": "1", "b": "1"})
    if how == "link replaced":
        (host.place / "a").unlink()
    (host.place / "a").write_text("by hand")
    assert not host.dir.intact
    host.write({"a": "1", "b": "1"})
    assert {name: host.shown[name] for name in "ab"} == {"a": "1", "b": "1"}
    assert host.dir.intact
    assert config_change(host.config({"a": "1", "b": "1"}), host.facts(), {}) is None


def test_what_is_wanted_no_more_goes_and_what_was_never_ours_stays(host: Host) -> None:
    host.write({"a": "1", "old file": "1"})
    (host.place / "foreign").write_text("by hand")
    host.write({"a": "2"})
    assert host.shown == {"a": "2", "foreign": "by hand"}
    assert host.dir.intact


def test_a_file_that_was_there_before_fleet_keeps_a_copy(host: Host) -> None:
    host.place.mkdir()
    (host.place / "a").write_text("by somebody")
    (host.place / "a").chmod(0o600)
    host.write({"a": "1"})
    assert host.shown == {"a": "1", "a.before-fleet": "by somebody"}
    assert stat.S_IMODE((host.place / "a.before-fleet").stat().st_mode) == 0o600
    assert host.dir.intact


def test_only_the_version_before_is_kept(host: Host) -> None:
    for version in "1234":
        host.write({"a": version})
    names = {
        WriteConfig("k", "/var/lib/fleet", host.config({"a": one}), IMAGE, "", (), ()).version for one in "34"
    }
    assert host.versions == names


def test_an_interrupted_run_leaves_nothing_in_the_way(host: Host) -> None:
    host.write({"a": "1"})
    (host.place / ".fleet-stage").mkdir()
    (host.place / ".fleet-stage" / "half").write_text("half")
    (host.place / ".fleet-switch").symlink_to("nowhere")
    (host.place / ".fleet-link").symlink_to("nowhere")
    host.write({"a": "2"})
    assert host.shown == {"a": "2"}
    assert not (host.place / CURRENT / "half").exists()


def test_done_again_after_a_cut_it_gives_the_same(host: Host) -> None:
    config = host.config({"a": "1"})
    host.run(host.op(config)).check_returncode()
    here = host.dir.files[0].sha256
    again = WriteConfig("web.app", "/var/lib/fleet", config, IMAGE, "", (), (("a", here),))
    host.run(again).check_returncode()
    assert host.shown == {"a": "1"}
    assert host.dir.intact


def test_a_secret_is_written_and_stands_in_no_argument(host: Host) -> None:
    for program in (
        "sha256sum",
        "chown",
        "chmod",
        "mv",
        "ln",
        "mkdir",
        "rm",
        "cp",
        "readlink",
        "cut",
    ):
        host.bench.stand_in(program, f'exec /usr/bin/env PATH="${{PATH#*:}}" {program} "$@"')
    config = replace(
        host.config({}), files=(ConfigFile("a", SEALED, "0600"),), validate=("check",), reload=Reload("HUP")
    )
    op = host.op(config, reload="cid")
    host.run(op).check_returncode()
    assert host.shown == {"a": "password=it's a secret %s\n"}
    told = (host.bench.root / "calls").read_text()
    assert "chmod\t0600" in told
    assert "a secret" not in told
    assert "a secret" not in str(op.effects()[0].script) + op.describe() + "".join(op.diff())


def test_a_sealed_file_is_the_same_by_its_fingerprint_alone(host: Host) -> None:
    config = replace(host.config({}), files=(ConfigFile("a", SEALED, "0600"),))
    host.run(host.op(config)).check_returncode()
    now = host.facts()
    assert config_change(config, now, {str(REF): "0123456789abcdef"}) is None
    assert config_change(config, now, {str(REF): "another value..."}) is not None
    (host.place / "a").write_text("by hand")
    assert config_change(config, host.facts(), {str(REF): "0123456789abcdef"}) is not None


class TestUndo:
    """As it is called when a balancer has not taken the files up."""

    def op(self, host: Host, contents: dict[str, str]) -> WriteConfig:
        return host.op(host.config(contents, reload=Reload(signal="HUP")), reload="cid", verified=True)

    def bring(self, host: Host, *effects: object) -> subprocess.CompletedProcess[bytes]:
        (effect,) = effects
        assert isinstance(effect, Shell)
        return host.bench.run(host.keyring.reveal(effect.script), shell=self.shell)

    @pytest.fixture(autouse=True, params=SHELLS)
    def in_every_shell(self, request: pytest.FixtureRequest) -> None:
        self.shell: str = request.param

    def test_the_files_from_before_are_back(self, host: Host) -> None:
        host.write({"a": "good"})
        op = self.op(host, {"a": "bad", "b": "more"})
        self.bring(host, *op.effects()).check_returncode()
        assert host.shown.items() >= {"a": "bad", "b": "more"}.items()
        self.bring(host, *op.undo()).check_returncode()
        assert host.shown == {"a": "good"}
        assert host.bench.calls == ["docker\texec\tcid\tsh\t-c\tkill -s HUP 1"] * 2

    def test_where_nothing_was_nothing_is(self, host: Host) -> None:
        op = self.op(host, {"a": "bad"})
        self.bring(host, *op.effects()).check_returncode()
        assert (host.place / PENDING).read_text() == ""
        self.bring(host, *op.undo()).check_returncode()
        assert host.shown == {}

    def test_what_was_there_by_hand_comes_back(self, host: Host) -> None:
        host.place.mkdir()
        (host.place / "a").write_text("by hand")
        op = self.op(host, {"a": "bad"})
        self.bring(host, *op.effects()).check_returncode()
        self.bring(host, *op.undo()).check_returncode()
        assert host.shown["a"] == "by hand"

    @pytest.mark.parametrize("lost", ["mark", "files"])
    def test_who_does_not_know_what_was_before_touches_nothing(self, host: Host, lost: str) -> None:
        host.write({"a": "good"})
        op = self.op(host, {"a": "bad"})
        self.bring(host, *op.effects()).check_returncode()
        mark = host.place / PENDING
        if lost == "mark":
            mark.unlink()
        else:
            mark.write_text(".fleet-0123456789abcdef")
        before, calls = host.shown, host.bench.calls
        done = self.bring(host, *op.undo())
        assert done.returncode == DRIFT
        assert b"is gone" in done.stderr
        assert host.shown == before
        assert before["a"] == "bad"
        assert host.bench.calls == calls

    def test_a_run_that_was_cut_off_as_it_switched_leaves_what_was_good(self, host: Host) -> None:
        host.write({"a": "good"})
        op = self.op(host, {"a": "bad"})
        real = '/usr/bin/env PATH="${PATH#*:}" mv "$@"'
        host.bench.replace("mv", f"{real} && case $* in *{CURRENT}) kill -9 $PPID ;; esac")
        assert self.bring(host, *op.effects()).returncode == -signal.SIGKILL
        assert host.shown["a"] == "bad"
        host.bench.replace("mv", f"exec {real}")
        again = self.op(host, {"a": "bad"})
        self.bring(host, *again.effects()).check_returncode()
        self.bring(host, *again.undo()).check_returncode()
        assert host.shown["a"] == "good"


def test_how_it_is_told() -> None:
    config = ConfigDir(
        "/srv/app", "/etc/app", (ConfigFile("a", "1"), ConfigFile("b", "2")), reload=Reload("HUP")
    )
    op = WriteConfig("web.app", "/var/lib/fleet", config, IMAGE, "", (), (), lines=("-x", "+y"))
    assert op.target == "config:/srv/app"
    assert op.describe() == "write /srv/app: a b"
    assert replace(op, reload="cid").describe() == "write /srv/app: a b, then reload (HUP)"
    assert op.diff() == ("-x", "+y")


def test_the_version_is_named_after_all_that_can_be_seen_of_the_files() -> None:
    config = ConfigDir("/srv/app", "/etc/app", (ConfigFile("a", "1"),))
    others = (
        config,
        replace(config, uid=1),
        replace(config, files=(ConfigFile("b", "1"),)),
        replace(config, files=(ConfigFile("a", "2"),)),
        replace(config, files=(ConfigFile("a", "1", "0600"),)),
    )
    names = {WriteConfig("k", "/var/lib/fleet", one, IMAGE, "", (), ()).version for one in others}
    assert len(names) == len(others)
    assert all(len(name) == len(".fleet-") + 16 for name in names)
