"""What pruning asks a host, in every shell of this machine, with a stand-in for the Docker client."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fleet.facts.leavings import leavings_script, parse_leavings
from fleet.model import codec, labels
from fleet.model.found import Unknown
from fleet.model.leavings import Leavings, Occupant, StoredImage, Use, Uses
from fleet.model.place import Place
from tests.support.build import service
from tests.support.shells import SHELLS, Bench

WARNING = "echo 'WARNING: Error loading config file: permission denied' >&2\n"
ENGINE = """case "$1 $2" in
  "ps -aq") cat "$HERE/ids" ;;
  "inspect --type") cat "$HERE/containers" ;;
  "image ls") cat "$HERE/image-ids" ;;
  "image inspect") cat "$HERE/images" ;;
  "volume ls") echo "$*" >"$HERE/asked"; cat "$HERE/volumes" ;;
esac"""


@pytest.fixture
def host(bench: Bench) -> Bench:
    for name in ("ids", "containers", "image-ids", "images", "volumes"):
        (bench.root / name).write_text("")
    bench.stand_in("docker", WARNING + ENGINE)
    return bench


def look(host: Bench, shell: str = "sh") -> Leavings:
    done = host.run(leavings_script(Place(str(host.root), "shop", "test"), "mark"), shell=shell)
    return parse_leavings("web-1", done.stdout.decode(), "mark")


def uses(host: Bench, where: str, *lines: str) -> Path:
    directory = host.root / "releases" / where
    directory.mkdir(parents=True)
    (directory / "uses").write_text("".join(f"{line}\n" for line in lines))
    return directory


def holds(host: Bench, kind: str, *found: dict[str, object]) -> None:
    (host.root / {"containers": "ids", "images": "image-ids"}[kind]).write_text("some-id\n")
    (host.root / kind).write_text("".join(f"{json.dumps(one, separators=(',', ':'))}\n" for one in found))


@pytest.mark.parametrize("shell", SHELLS)
def test_a_host_without_anything(host: Bench, shell: str) -> None:
    found = look(host, shell)
    assert isinstance(found.clock, int)
    assert found == Leavings("web-1", clock=found.clock)


@pytest.mark.parametrize("shell", SHELLS)
def test_uses_of_every_environment(host: Bench, shell: str) -> None:
    uses(host, "shop/test", "000007 image r:5000/app@sha256:1", "000007 dir /srv/a b")
    uses(host, "other/live", "1000000 tag app:v1")
    (host.root / "releases/shop/empty").mkdir()
    assert look(host, shell).uses == (
        Uses("other", "live", (Use(1000000, "tag", "app:v1"),)),
        Uses("shop", "test", (Use(7, "image", "r:5000/app@sha256:1"), Use(7, "dir", "/srv/a b"))),
    )


def test_a_line_that_makes_no_sense_leaves_all_of_its_file_unknown(host: Bench) -> None:
    uses(host, "shop/test", "000007 image app@sha256:1", "00000")
    assert look(host).uses == (Uses("shop", "test", Unknown("a line makes no sense: 00000")),)


@pytest.mark.parametrize("closed", ["shop", "shop/test", "shop/test/uses"])
def test_what_may_not_be_read_is_not_taken_for_absent(host: Bench, closed: str) -> None:
    """Root may read everything: so what may not be read is stood in for."""
    uses(host, "shop/test", "000007 image app@sha256:1")
    script = leavings_script(Place(str(host.root), "shop", "test"), "mark")
    if closed == "shop/test/uses":
        host.replace("sed", "exit 4")
    else:
        name = {"shop": "project", "shop/test": "env"}[closed]
        assert f'[ -x "${name}" ]' in script
        script = script.replace(f'[ -x "${name}" ]', "false")
    found = parse_leavings("web-1", host.run(script).stdout.decode(), "mark").uses
    name = "*" if closed == "shop" else "test"
    assert found == (Uses("shop", name, Unknown("no right to read it")),)


def test_uses_round_trip() -> None:
    assert str(Use(7, "tag", "app:v1")) == "000007 tag app:v1"


def test_containers_of_everybody(host: Bench) -> None:
    made = service()
    marks = {labels.PROJECT: "shop", labels.ENV: "test", labels.ROLE: "web", labels.SERVICE: "app",
             labels.RELEASE: "v1", labels.JOB: "migrate",
             labels.DEFINITION: codec.canonical(codec.dump(made))}  # fmt: skip
    ours = {"id": "c1", "name": "/shop-1", "state": "exited", "image": "sha256:a", "written": "app@sha256:1",
            "labels": marks, "mounts": [{"Type": "bind", "Source": "/srv/a"}, {"Type": "tmpfs"}]}  # fmt: skip
    theirs = {"id": "c2", "name": "/a-db", "state": "running", "image": "sha256:b", "written": "postgres",
              "labels": None, "mounts": None}  # fmt: skip
    holds(host, "containers", ours, theirs)
    grace = made.container.stop_grace_period
    assert look(host).occupants == (
        Occupant("c2", "a-db", "running", "sha256:b", "postgres"),
        Occupant("c1", "shop-1", "exited", "sha256:a", "app@sha256:1", "shop", "test", "web", "app",
                 "migrate", "v1", grace, ("/srv/a",)),
    )  # fmt: skip


def test_images_each_once(host: Bench) -> None:
    one = {"id": "sha256:a", "tags": ["app:v1", "app:v2"], "digests": ["app@sha256:1"], "size": 1000}
    holds(host, "images", one, {"id": "sha256:b", "tags": None, "digests": [], "size": 5}, one)
    assert look(host).images == (
        StoredImage("sha256:a", ("app@sha256:1", "app:v1", "app:v2"), 1000),
        StoredImage("sha256:b", (), 5),
    )


def test_directories_in_which_files_of_fleet_lie(host: Bench) -> None:
    for name in ("mine", "two words", "not mine"):
        (host.root / name).mkdir()
    for name in ("mine", "two words"):
        os.symlink(".fleet-12", host.root / name / ".fleet-current")
    lines = [f"{number:06} dir {host.root}/{name}"
             for number, name in enumerate(["mine", "mine", "two words", "not mine", "gone"], 1)]  # fmt: skip
    uses(host, "shop/test", *lines)
    assert look(host).directories == (f"{host.root}/mine", f"{host.root}/two words")


@pytest.mark.parametrize("shell", SHELLS)
def test_an_engine_that_gives_no_answer(host: Bench, shell: str) -> None:
    host.stand_in("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    found = look(host, shell)
    assert found.occupants == Unknown("containers: Cannot connect to the Docker daemon")
    assert found.images == Unknown("images: Cannot connect to the Docker daemon")
    assert found.uses == ()


def test_a_container_that_goes_meanwhile_is_asked_about_again(host: Bench) -> None:
    other = {"id": "c2", "name": "/b", "state": "running", "image": "sha256:b", "written": "b", "labels": {},
             "mounts": []}  # fmt: skip
    holds(host, "containers", other)
    gone = f"""{WARNING}case "$1 $2" in
      "inspect --type") [ -e "$HERE/again" ] || {{ : >"$HERE/again"; echo 'none such' >&2; exit 1; }} ;;
    esac
    {ENGINE}"""
    host.stand_in("docker", gone)
    assert look(host).occupants == (Occupant("c2", "b", "running", "sha256:b", "b"),)


def test_an_answer_that_was_cut_is_unknown() -> None:
    whole = "\nmark 0\n\nmark 0\n\nmar"
    found = parse_leavings("web-1", whole, "mark")
    assert (found.uses, found.occupants) == ((), ())
    assert isinstance(found.images, Unknown)
    assert isinstance(found.directories, Unknown)
    assert isinstance(found.clock, Unknown)


def test_values_without_sense_are_unknown() -> None:
    found = parse_leavings("web-1", 'x\nmark 0\n{"id":"c"}\nmark 0\n', "mark")
    assert found.occupants == Unknown("occupants: the host's answer makes no sense")


@pytest.mark.parametrize("shell", SHELLS)
def test_snapshots_that_were_cut_off(host: Bench, shell: str) -> None:
    (host.root / "volumes").write_text("data.snapshot-2\ndata.snapshot-1\n")
    (host.root / "snapshots").mkdir()
    (host.root / "snapshots" / "data.snapshot-1").touch()
    assert look(host, shell).begun == ("data.snapshot-2",)
    asked = (host.root / "asked").read_text()
    assert "label=fleet.project=shop" in asked
    assert "label=fleet.env=test" in asked
    assert "label=fleet.snapshot" in asked
