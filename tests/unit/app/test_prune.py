"""Prune from the ledger to the host: its scripts are really run, over a stand-in for the Docker client."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from fleet.app.options import Options
from fleet.app.prune import prune
from fleet.app.session import Session
from fleet.errors import Exit, FleetError, LedgerError, Locked, Unreachable, UsageError
from fleet.ledger.copies import copy_script
from fleet.ledger.embedded import EmbeddedStore
from fleet.model import labels
from fleet.model.leases import Lease
from fleet.model.place import Place
from fleet.model.releases import Outcome
from fleet.model.services import ConfigDir, ConfigFile
from fleet.ops.effects import CreateContainer
from fleet.secret import Keyring
from fleet.transport.base import ConnectionLost
from fleet.transport.fake import FakeTransport
from fleet.transport.fake_engine import FakeEngine, FakeRegistry
from tests.support.build import service
from tests.support.ledger import claim, entry, record, taken
from tests.unit.app.conftest import Told

HOSTS = """\
all:
  vars: {{fleet_project: shop, fleet_state_dir: {state}}}
  children:
    web: {{hosts: {{web-1: }}}}
"""
COMPOSE = 'services: {app: {image: "r:5000/app:{{ version }}"}}\n'
DOCKER = """\
#!{python} -IS
import json, pathlib, sys
path = pathlib.Path({images!r})
images = json.loads(path.read_text())
match sys.argv[1:]:
    case ["ps", *_]:
        print("\\n".join(json.loads(pathlib.Path({containers!r}).read_text())))
    case ["inspect", *_]:
        print("\\n".join(json.loads(pathlib.Path({containers!r}).read_text()).values()))
    case ["image", "ls", *_]:
        print("\\n".join(images))
    case ["image", "inspect", "--format", "{{{{.Id}}}}", name]:
        found = [id for id, names in images.items() if name in names]
        print(*found)
        sys.exit(not found)
    case ["image", "inspect", *_]:
        for id, names in images.items():
            digests = [name for name in names if "@" in name]
            tags = [name for name in names if "@" not in name]
            told = {{"id": id, "tags": tags, "digests": digests, "size": 214000000}}
            print(json.dumps(told, separators=(",", ":")))
    case ["image", "rm", name]:
        if {refuses!r} in name:
            sys.exit("conflict: unable to remove (must force) - container 1 is using its referenced image")
        images = {{id: [one for one in names if one != name] for id, names in images.items()}}
        path.write_text(json.dumps({{id: names for id, names in images.items() if names}}))
"""


@dataclass
class Yard:
    """One host that keeps its own ledger, and what the last command said."""

    root: Path
    transport: FakeTransport
    told: Told = field(default_factory=Told)
    unreachable: bool = False

    @property
    def place(self) -> Place:
        return Place(f"{self.root}/state", "shop", "test")

    def connector(self, keyring: Keyring, **_: Any) -> Yard:
        return self

    def connect_all(self, endpoints: Any, parallel: int) -> dict[str, Any]:
        return {one.name: Unreachable("refused") if self.unreachable else self.transport for one in endpoints}

    def connect(self, endpoint: Any) -> FakeTransport:
        return self.transport

    def close(self) -> None:
        """The next command connects again."""

    @property
    def store(self) -> EmbeddedStore:
        return EmbeddedStore(self.transport, self.place)

    def released(self, version: str, outcome: Outcome = Outcome.GOOD) -> None:
        """A release of ``version``: in the ledger, its uses noted, image and configuration on the host."""
        store = self.store
        lease = taken(store)
        app = service(configs=(ConfigDir(f"{self.root}/srv/{version}", "/etc", (ConfigFile("a.ini", "x"),)),))
        app = replace(app, container=replace(app.container, image=f"r:5000/app:{version}@sha256:{version}"))
        made = record(version, web_1=(app,))
        made = replace(made, head=store.begin(lease, made, entry()))
        store.add(lease, made.head.number, entry(outcome))
        store.release(lease)
        assert self.transport.run(copy_script(self.place, made, [entry(outcome)], "web-1"), timeout=30).ok
        self.images = {
            **self.images,
            f"id-{version}": [f"r:5000/app@sha256:{version}", f"r:5000/app:{version}"],
        }
        (self.root / "srv" / version / ".fleet-1").mkdir(parents=True)
        os.symlink(".fleet-1", self.root / "srv" / version / ".fleet-current")

    @property
    def images(self) -> dict[str, list[str]]:
        return json.loads((self.root / "images").read_text())

    @images.setter
    def images(self, images: dict[str, list[str]]) -> None:
        (self.root / "images").write_text(json.dumps(images))

    def holds(self, id: str, image: str, name: str = "/some", **marks: str) -> None:
        """A container."""
        found = json.loads((self.root / "containers").read_text())
        value = {"id": id, "name": name, "state": "running", "image": image, "written": "?",
                 "labels": marks, "mounts": []}  # fmt: skip
        found[id] = json.dumps(value, separators=(",", ":"))
        (self.root / "containers").write_text(json.dumps(found))

    def docker(self, refuses: str = "nothing") -> None:
        path = self.root / "bin" / "docker"
        path.parent.mkdir(exist_ok=True)
        files = {name: str(self.root / name) for name in ("images", "containers")}
        path.write_text(DOCKER.format(python=sys.executable, refuses=refuses, **files))
        path.chmod(0o755)
        # Nothing here has to outlive a loss of power.
        sync = self.root / "bin" / "sync"
        sync.write_text("#!/bin/sh\n")
        sync.chmod(0o755)

    @property
    def uses(self) -> str:
        return Path(self.place.base, "uses").read_text()

    def prune(self, keep: int = 2, confirm: Callable[[str], bool] | None = None, **options: Any) -> Exit:
        self.told = Told()
        given = replace(Options(self.root, "test", version="v9", yes=confirm is None), **options)
        return prune(Session.open(given, self.told, Keyring()), confirm or refuse, keep)


def refuse(question: str) -> bool:
    raise AssertionError(f"asked: {question}")


def empty(root: Path) -> Yard:
    for name in ("inventories/test", "roles/web", "home", "srv"):
        (root / name).mkdir(parents=True)
    (root / "inventories/test/hosts.yml").write_text(HOSTS.format(state=root / "state"))
    (root / "roles/web/compose.yml").write_text(COMPOSE)
    for name in ("images", "containers"):
        (root / name).write_text("{}")
    made = Yard(root, FakeTransport("web-1", root / "home", FakeEngine(FakeRegistry())))
    made.docker()
    return made


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a copy of a host that has seen four releases, of which the third failed: they are made once."""
    root = tmp_path_factory.mktemp("prune")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{root / 'yard/bin'}:{os.environ['PATH']}")
        yard = empty(root / "yard")
        for version in ("v1", "v2", "v3", "v4"):
            yard.released(version, Outcome.FAILED if version == "v3" else Outcome.GOOD)
    (root / "yard").rename(root / "copy")
    return root


@pytest.fixture
def grown(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    shutil.copytree(place / "copy", place / "yard", symlinks=True)
    root = place / "yard"
    yield connected(
        Yard(root, FakeTransport("web-1", root / "home", FakeEngine(FakeRegistry()))), monkeypatch
    )
    shutil.rmtree(root)


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    return connected(empty(tmp_path / "yard"), monkeypatch)


def connected(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> Yard:
    monkeypatch.setenv("PATH", f"{yard.root / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr("fleet.app.connections.Connector", yard.connector)
    return yard


def test_what_no_kept_release_needs_goes(grown: Yard) -> None:
    assert grown.prune() is Exit.OK
    assert set(grown.images) == {"id-v2", "id-v3", "id-v4"}
    assert sorted(path.name for path in (grown.root / "srv").iterdir()) == ["v2", "v3", "v4"]
    assert "000001" not in grown.uses
    assert grown.uses.count("000002") == 3
    assert grown.told.lines == [
        "prune",
        "  web-1",
        "    - remove image app:v1 (214 MB)",
        f"    - remove configuration {grown.root}/srv/v1",
        "    forget what release 1 used",
        "",
        "Plan for test: keeps v2 v3 v4 (releases 2-4); 1 image, 1 configuration to remove, up to 214 MB",
    ]
    assert grown.told.finished.outcome == ("1 image, 1 configuration removed, up to 214 MB; 3 releases kept")


def test_a_second_prune_has_nothing_to_do(grown: Yard) -> None:
    grown.prune()
    assert grown.prune() is Exit.OK
    assert grown.told.lines == ["Nothing to prune: 3 releases kept"]
    assert not any("Started" in repr(event) for event in grown.told.events)
    assert grown.store.holder() is None


def test_check_shows_changes_nothing_and_takes_no_lease(grown: Yard) -> None:
    before = grown.images
    token = taken(grown.store)
    assert grown.prune(check=True) is Exit.CHANGES
    assert grown.images == before
    assert "    - remove image app:v1 (214 MB)" in grown.told.lines
    grown.store.renew(token)


def test_nobody_is_asked_when_there_is_nothing_and_no_means_no(grown: Yard) -> None:
    asked: list[str] = []
    before = grown.images
    assert grown.prune(confirm=lambda question: bool(asked.append(question))) is Exit.FAILED
    assert asked == ["Remove this from test?"]
    assert grown.images == before
    assert grown.store.holder() is None


def test_only_our_containers_go(grown: Yard) -> None:
    marks = {labels.PROJECT: "shop", labels.ENV: "test", labels.ROLE: "web", labels.SERVICE: "old"}
    engine = grown.transport.engine
    engine.images["x"] = "sha256:x"
    body = {"Image": "x", "Labels": marks, "HostConfig": {"NetworkMode": "bridge"}}
    old = engine.carry_out(CreateContainer("old", body), Keyring())
    engine.carry_out(CreateContainer("theirs", {**body, "Labels": {}}), Keyring())
    grown.holds(old, "id-v1", name="/old", **marks)
    grown.holds("theirs", "id-v2")
    assert grown.prune() is Exit.OK
    assert [one.name for one in engine.containers.values()] == ["theirs"]
    assert "    - remove web.old (no kept release has it; it still runs)" in grown.told.lines
    assert "id-v1" not in grown.images


def test_what_the_engine_has_in_use_is_told(grown: Yard) -> None:
    grown.docker(refuses="app")
    assert grown.prune() is Exit.OK
    assert "id-v1" in grown.images
    assert grown.told.finished.state == ("web-1: not done, it is in use: remove image app:v1 (214 MB)",)
    assert grown.told.finished.outcome == "1 configuration removed; 3 releases kept"


def test_a_fleet_without_a_ledger_keeps_everything(yard: Yard) -> None:
    marks = {labels.PROJECT: "shop", labels.ENV: "test", labels.ROLE: "web", labels.SERVICE: "app"}
    yard.holds("app", "id", **marks)
    assert yard.prune() is Exit.OK
    assert "Nothing to prune: the ledger knows no good release" in yard.told.text
    assert not [one for one in yard.transport.seen if not isinstance(one, str)]


def test_somebody_elses_lease_keeps_us_out(grown: Yard) -> None:
    before = grown.images
    lease = taken(grown.store, claim(who="bob"))
    assert isinstance(lease, Lease)
    with pytest.raises(Locked):
        grown.prune()
    assert grown.images == before


def test_a_damaged_record_of_a_kept_release_is_refused(grown: Yard) -> None:
    path = Path(grown.place.base, "ledger", "000002.record")
    path.chmod(0o600)
    path.write_text("x")
    with pytest.raises(LedgerError):
        grown.prune()
    assert "id-v1" in grown.images


def test_a_host_that_cannot_be_read_is_refused(grown: Yard) -> None:
    (grown.root / "bin" / "docker").write_text("#!/bin/sh\necho 'the engine is down' >&2; exit 1\n")
    with pytest.raises(FleetError, match="the plan cannot run; nothing was changed: cannot read containers"):
        grown.prune()


def test_a_host_that_does_not_answer(grown: Yard) -> None:
    grown.unreachable = True
    with pytest.raises(Unreachable):
        grown.prune()


@pytest.mark.parametrize("keep", [0, -1])
def test_the_current_release_always_stays(yard: Yard, keep: int) -> None:
    with pytest.raises(UsageError):
        yard.prune(keep)


def test_a_connection_that_is_lost_in_the_middle_is_told_truly(
    grown: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = grown.transport.run

    def lost(script: Any, **rest: Any) -> Any:
        if "docker image rm" in str(script):
            raise ConnectionLost("the connection was lost")
        return run(script, **rest)

    monkeypatch.setattr(grown.transport, "run", lost)
    assert grown.prune() is Exit.FAILED
    assert grown.told.finished.outcome == "prune failed on web-1; nothing removed but notes of what was used"
    assert grown.told.finished.state[0] == "web-1: not done: remove image app:v1 (214 MB)"
    assert "id-v1" in grown.images
