"""Two machines that Vagrant makes: up, a deploy onto them, down, and nothing is left."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.app.init import init
from fleet.rehearsal import Rehearsal
from fleet.rehearsal.engine import engine

HERE, THERE = "172.30.9.", "172.31.248."
BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[3]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The beginner's project with one host and the registry, and Fleet's own Vagrantfile."""
    monkeypatch.setattr("fleet.rehearsal.rehearsal.SERVERS", {})
    monkeypatch.setattr("fleet.rehearsal.rehearsal.VERSIONS", ("v41",))
    init(tmp_path)
    shutil.copy(ROOT / "Vagrantfile", tmp_path)
    for path in (tmp_path / "inventories").rglob("*.yml"):
        lines = path.read_text().replace(HERE, THERE).splitlines(keepends=True)
        path.write_text("".join(line for line in lines if "web-2:" not in line))
    rehearsal = Rehearsal(tmp_path, print, vagrant=True)
    try:
        rehearsal.up()
        yield tmp_path
    finally:
        rehearsal.down()


def test_a_deploy_onto_them_and_nothing_is_left(project: Path) -> None:
    done = subprocess.run(
        [BIN / "fleet", "deploy", "--env", "vagrant", "--version", "v41", "--yes"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "vagrant is at v41" in done.stdout
    client = engine(print).client
    ours = {"label": "fleet.rehearsal=vagrant-172.31.248"}
    machines = client.containers.list(filters=ours)
    assert sorted(one.name for one in machines) == [
        "vagrant-172.31.248-registry-1",
        "vagrant-172.31.248-web-1",
    ]
    volumes = {
        mount["Name"] for one in machines for mount in one.attrs["Mounts"] if mount["Type"] == "volume"
    }
    assert len(volumes) == 2

    with pytest.MonkeyPatch.context() as patch:
        # The other tests go on with the engine.
        patch.setattr("fleet.rehearsal.engine.stop", lambda *_, **__: None)
        Rehearsal(project, print, vagrant=True).down()
    assert client.containers.list(all=True, filters=ours) == []
    assert client.networks.list(filters=ours) == []
    assert not volumes & {volume.name for volume in client.volumes.list()}
    left = [project / ".vagrant", project / ".fleet" / "vagrant", project / "inventories" / "vagrant"]
    assert not any(path.exists() for path in left)
