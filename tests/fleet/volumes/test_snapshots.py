"""Snapshots of a volume on a real host while it is written, and back; whatever is cut off meanwhile."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from fleet.errors import FleetError, RemoteFailed
from fleet.model.snapshots import Kind, Snapshot
from fleet.model.volumes import State
from fleet.rehearsal import HostFleet
from fleet.run.volumes.beside import NotEqual
from tests.fleet.volumes.keeps import Keeps
from tests.fleet.volumes.moves import SWEEP, VOLUME
from tests.support.app_image import AppRegistry
from tests.support.project import Done, Project, service
from tests.support.waiting import until

HOST = "small"
"""Its disk can be filled."""


@pytest.fixture
def keeps(hosts: HostFleet, image: str, tmp_path: Path) -> Iterator[Keeps]:
    known = tmp_path / "known_hosts"
    known.write_text(hosts.known_hosts())
    made = Keeps(hosts, image, known, names=(HOST, HOST))
    made.begin()
    yield made
    made.host.free_disk()
    made.host.run(SWEEP)


def test_under_writes(keeps: Keeps) -> None:
    before = keeps.noted()
    made = keeps.take()
    after = keeps.noted()
    print(*keeps.notes, sep="\n")
    keeps.goes_on()
    keeps.is_whole(made, before, after)
    keeps.nothing_half(made)
    assert made.bytes > 36_000_000
    assert (made.version, made.why, made.kind) == ("v1", "before v2", Kind.COPY)
    (paused,) = re.findall(r"its writers paused for ([\d.]+) s", keeps.notes[0])
    assert 0 < float(paused) < 20
    # Of the second one the first is no part, and the other way round.
    other = keeps.take()
    keeps.nothing_half(made, other)


def test_back_to_it_and_back_to_what_was_there(keeps: Keeps) -> None:
    made = keeps.take()
    keeps.goes_on()
    written = len(keeps.log(made.name))
    before = keeps.noted()
    keeps.restore(made)
    print(*keeps.notes, sep="\n")
    mark = keeps.mark(keeps.host)
    assert mark
    assert (mark.state, mark.generation, mark.snapshot) == (State.LIVE, 2, "")
    (kept,) = [one for one in keeps.snapshots().values() if one.id != made.id]
    keeps.nothing_half(made, kept)
    # Every record that was noted before the writer stopped is in what was kept.
    there = keeps.log(kept.name)
    assert there == [*range(1, len(there) + 1)]
    assert len(there) >= before > written
    # It goes on from what the snapshot held.
    until(lambda: len(keeps.log()) > written, "the writer does not write")
    assert keeps.log()[: written + 1] == [*range(1, written + 2)]
    assert keeps.docker(keeps.host, "inspect -f '{{.HostConfig.RestartPolicy.Name}}' writer") == "always"
    keeps.restore(kept)
    assert len(keeps.log()) >= len(there)


def test_frozen_and_thawed(keeps: Keeps) -> None:
    def take() -> Snapshot:
        return keeps.take(
            freeze=keeps.within("sh", "-c", "echo frozen >>/noted/did"),
            thaw=keeps.within("sh", "-c", "echo thawed >>/noted/did"),
        )

    def write(program: str) -> None:
        keeps.docker(keeps.host, "rm -f writer")
        words = f"run -d --name writer -v {VOLUME}:/data -v /srv/noted:/noted {keeps.image} sh -c '{program}'"
        keeps.docker(keeps.host, words)

    # This does not stop the writer, which is found. It only appends: of a file that becomes shorter under it,
    # rsync itself may complain first.
    write("while :; do echo more >>/data/more; sleep 0.01; done")
    with pytest.raises(NotEqual) as caught:
        take()
    assert "does the freeze command stop all that write?" in caught.value.hint
    keeps.nothing_half()
    write("sleep 600")
    made = take()
    assert keeps.host.run("cat /srv/noted/did").split() == ["frozen", "thawed"] * 3
    keeps.nothing_half(made)


def test_dumped_and_loaded(keeps: Keeps) -> None:
    made = keeps.take(dump=keeps.within("cat", "/data/log"))
    assert made.kind is Kind.DUMP
    with pytest.raises(RemoteFailed, match="exit status 3"):
        keeps.take(dump=keeps.within("sh", "-c", "echo half; exit 3"))
    keeps.nothing_half(made)
    load = keeps.within("sh", "-c", "cat >/noted/loaded")
    keeps.restore(made, writers=(), load=load)
    lines = keeps.host.run("cat /srv/noted/loaded").split()
    assert lines == [str(one) for one in range(1, len(lines) + 1)]
    assert len(lines) > 5
    keeps.goes_on()


def test_somebody_else_writes(keeps: Keeps) -> None:
    keeps.docker(keeps.host, f"run -d --name other -v {VOLUME}:/data {keeps.image} sleep 600")
    with pytest.raises(RemoteFailed, match=f"volume {VOLUME} is used by other"):
        keeps.take()
    keeps.goes_on()
    keeps.nothing_half()
    keeps.docker(keeps.host, "rm -f other")
    keeps.docker(keeps.host, f"run -d --name reader -v {VOLUME}:/data:ro {keeps.image} sleep 600")
    keeps.take()


def paused(keeps: Keeps) -> bool:
    return bool(keeps.docker(keeps.host, "ps -q --filter status=paused"))


def die(keeps: Keeps) -> None:
    """As the controller: its connections end, and nobody says anything any more."""
    for each in keeps.open:
        each.close()


def kill_helper(keeps: Keeps) -> None:
    keeps.host.run(f"docker kill {VOLUME}.copy >/dev/null; true")


def restart_engine(keeps: Keeps) -> None:
    keeps.host.restart_engine()


def kill_script(keeps: Keeps) -> None:
    """The script of the last pass itself, and whoever waits for it."""
    keeps.host.run("pkill -9 -f [t]imely; true")


@pytest.mark.parametrize("act", [die, kill_helper, restart_engine, kill_script])
def test_what_dies_within_the_pause(keeps: Keeps, act: Callable[[Keeps], None]) -> None:
    """The writer goes on, nothing counts, and the next one is whole."""
    # Long enough to be hit.
    big = "import os; open('/data/big-one', 'wb').write(os.urandom(60 << 20))"
    keeps.python(keeps.host, big)
    done = threading.Event()

    def kill() -> None:
        while not paused(keeps) and not done.is_set():
            done.wait(0.02)
        act(keeps)
        done.set()

    def heard(host: str, word: str) -> None:
        if word == "last" and not threads:
            threads.append(threading.Thread(target=kill))
            threads[0].start()

    threads: list[threading.Thread] = []
    keeps.heard = heard
    error: FleetError | None = None
    try:
        keeps.take()
    except FleetError as raised:
        error = raised
        print(error)
    done.wait(60)
    threads[0].join()
    keeps.heard = lambda host, word: None
    keeps.host.wait_engine()
    if act is kill_script:
        # Nobody is left to do it: the next one does.
        made = keeps.take()
        keeps.goes_on()
    else:
        keeps.goes_on()
        assert error
        assert keeps.snapshots() == {}
        made = keeps.take()
    keeps.is_whole(made, 1, keeps.noted())
    keeps.nothing_half(made)


def test_a_full_disk(keeps: Keeps) -> None:
    keeps.host.fill_disk()
    with pytest.raises(FleetError) as caught:
        keeps.take()
    print(caught.value)
    keeps.host.free_disk()
    keeps.nothing_half()

    def heard(host: str, word: str) -> None:
        if word == "clone":
            keeps.host.fill_disk()

    keeps.heard = heard
    with pytest.raises(FleetError) as caught:
        keeps.take()
    print(caught.value)
    keeps.heard = lambda host, word: None
    keeps.host.free_disk()
    assert keeps.docker(keeps.host, "inspect -f '{{.State.Paused}}' writer") == "false"
    # It has no room either, dies of that, and its engine waits longer each time.
    keeps.docker(keeps.host, "restart -t 1 writer")
    keeps.goes_on()
    keeps.nothing_half()
    keeps.take()


CUTS = ("clone --final", "record", "release", "mark", "back")


@pytest.mark.parametrize("step", CUTS)
def test_a_restore_that_is_cut_off(keeps: Keeps, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The controller dies at that step; the next restore goes on, or begins anew."""
    monkeypatch.setattr("fleet.ops.fence.PATIENCE", 8)
    made = keeps.take()
    written = len(keeps.log(made.name))
    keeps.goes_on()
    seen: list[str] = []

    def heard(host: str, word: str) -> None:
        seen.append(word)
        if word == step:
            die(keeps)

    keeps.heard = heard
    with pytest.raises(FleetError) as caught:
        keeps.restore(made)
    print(caught.value)
    keeps.heard = lambda host, word: None
    assert step in seen

    def settled() -> bool:
        mark = keeps.mark(keeps.host)
        return bool(
            mark
            and (mark.state is State.LIVE or f"{VOLUME}.kept" in keeps.host.run("ls /var/lib/fleet/moving"))
        )

    until(settled, "nobody knows how it stands")
    mark = keeps.mark(keeps.host)
    assert mark
    if mark.state is State.LIVE and mark.generation == 1:
        keeps.goes_on()
    else:
        assert not keeps.writing(), "nothing runs on half of it, or it was not started yet"
    keeps.host.run("docker ps -aq --filter name=.copy | xargs -r docker rm -f >/dev/null")
    keeps.restore(replace(made))
    mark = keeps.mark(keeps.host)
    assert mark
    assert mark.state is State.LIVE
    until(keeps.writing, "the writer does not run")
    assert keeps.log()[:written] == [*range(1, written + 1)]


# --- whole runs


STARTS = "echo $$VERSION >>/data/log; exec /app"
CARE = {"volumes": {"data": {"snapshot": "before-deploy", "keep": 5}}}


@pytest.fixture
def project(
    hosts: HostFleet, client: docker.DockerClient, helper_image: str, tmp_path: Path
) -> Iterator[Project]:
    registry = AppRegistry(str(next(hosts.subnet.hosts())))
    for version, mode in (("v1", "healthy"), ("v2", "healthy"), ("v3", "sick")):
        registry.app(version, mode)
    registry.saved(b"".join(client.images.get(helper_image).save()), "1", "fleet-volumes")
    made = Project(tmp_path / "project", hosts, "shop", registry.address)
    made.inventory({"web": [HOST]}, fleet_volume_image=f"{registry.address}/fleet-volumes:1")
    app = service(entrypoint=["/bin/sh", "-c", STARTS], volumes=["data:/data"])
    made.compose("web", {"app": app}, volumes={"data": None}, x_fleet=CARE)
    yield made
    made.close()
    registry.close()
    hosts.host(HOST).run(SWEEP)


def test_a_bad_deploy_and_back_with_the_data(project: Project, hosts: HostFleet) -> None:
    def log() -> list[str]:
        return hosts.host(HOST).run("cat /var/lib/docker/volumes/shop-test-web_data/_data/log").split()

    def inv(*words: str) -> Done:
        return project.run("volumes", *words, "--env", "test", timeout=600)

    def deploy(version: str) -> Done:
        words = ("deploy", "--env", "test", "--version", version, "--yes")
        return project.run(*words, timeout=600)

    deploy("v1").ended(0)
    deploy("v2").ended(0).says(
        "take snapshots", "snapshot volume shop-test-web_data (its writers pause for the last pass)"
    )
    assert log() == ["v1", "v2"]
    # The sick one has written, too, when it is taken back.
    deploy("v3").ended(3)
    assert log() == ["v1", "v2", "v3", "v2"]
    inv("list", "data").ended(0)
    found = [json.loads(line) for line in inv("list", "data", "--json").ended(0).out.splitlines()]
    newest, oldest = found
    assert (newest["why"], newest["version"], oldest["version"]) == ("before v3", "v2", "v1")
    inv("restore", "data", "--snapshot", newest["id"], "--yes").ended(0).says("byte for byte the same")
    assert log() == ["v1", "v2", "v2"], "what it held, and one more start"
    project.plan("v2").ended(0)
    # A rollback leaves the data alone, and names what belongs to it.
    back = project.run("rollback", "--env", "test", "--to", "v1", "--yes", timeout=600).ended(0)
    assert log()[-1] == "v1"
    back.says("inv volumes restore data --snapshot")
    inv("snapshot", "data").ended(0)
    inv().ended(0)
    assert "snapshot-" not in inv().text, "they are no volumes of their own"
    # The volume is lost, and its snapshots are not.
    hosts.host(HOST).run("docker rm -f $(docker ps -aq) >/dev/null; docker volume rm shop-test-web_data")
    deploy("v1").ended(1).says("inv volumes restore data --snapshot ID, if there is one")
    found = [json.loads(line) for line in inv("list", "data", "--json").ended(0).out.splitlines()]
    inv("restore", "data", "--snapshot", found[0]["id"], "--yes").ended(0)
    deploy("v1").ended(0)
    assert log()[-2:] == ["v1", "v1"]
