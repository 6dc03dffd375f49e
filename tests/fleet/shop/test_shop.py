"""The main job on real input: the sample shop on nine real hosts, deployed, updated, and held back.

The repository's own inventory and roles, on a fleet of this test's own, beside any rehearsal that runs.
The tests follow each other as an operator's morning does.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import testinfra

from fleet.rehearsal import Rehearsal

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
ENV = "suite"
HERE, SUITE = "172.30.7.", "172.30.8."
FRONT = f"http://{SUITE}11/"
FAILED_SHARE = 1.0
"""Per cent. Draining at the balancer is not there yet; without it a rolling update loses a few."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("shop")
    shutil.copytree(ROOT / "roles", root / "roles")
    shutil.copy(ROOT / "tasks.py", root)
    source, target = ROOT / "inventories" / "rehearsal", root / "inventories" / ENV
    for path in [source / "hosts.yml", *source.glob("group_vars/*")]:
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text().replace(HERE, SUITE).replace(".fleet/rehearsal", f".fleet/{ENV}"))
    rehearsal = Rehearsal(root, print, ENV)
    rehearsal.up()
    yield root
    rehearsal.down()


def inv(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What an operator types, and what comes back."""
    command = [str(BIN / "inv"), words[0], "--env", ENV, *words[1:]]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=300, check=False)


def deploy(project: Path, version: str) -> subprocess.CompletedProcess[str]:
    return inv(project, "deploy", "--version", version, "--yes")


def host(project: Path, address: str) -> testinfra.host.Host:
    """The host through an eye that is not Fleet's."""
    config = project / "ssh_config"
    config.write_text(
        f"Host *\n  User deploy\n  IdentityFile {project}/.fleet/{ENV}/id_ed25519\n"
        f"  UserKnownHostsFile {project}/inventories/{ENV}/known_hosts\n  StrictHostKeyChecking yes\n"
    )
    return testinfra.get_host(f"ssh://{SUITE}{address}", ssh_config=str(config), sudo=True)


def image(project: Path, address: str, container: str) -> str:
    seen = host(project, address).check_output(f"docker inspect -f '{{{{.Config.Image}}}}' {container}")
    return str(seen)


def page() -> str:
    with urllib.request.urlopen(FRONT, timeout=5) as answer:
        return str(answer.read().decode())


def test_first_deploy(project: Path) -> None:
    done = deploy(project, "v41")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "suite is at v41" in done.stdout
    assert "version <b>v41</b>" in page()
    for address in ("21", "22", "23"):
        web = host(project, address).docker("shop-suite-web-app-1")
        assert web.is_running
        assert host(project, address).file("/srv/shop/web/shop.ini").exists


def test_orders_are_taken_and_packed(project: Path) -> None:
    """Front, database, queue and worker work together."""
    order = urllib.request.Request(f"{FRONT}orders", data=b"article=tea")
    with urllib.request.urlopen(order, timeout=5) as answer:
        assert answer.status in {200, 201}


def test_second_deploy_has_nothing_to_do(project: Path) -> None:
    done = deploy(project, "v41")
    assert done.returncode == 0
    assert "Nothing to do: suite is at v41; 9 as wanted" in done.stdout


def test_rolling_update_under_load(project: Path) -> None:
    load = subprocess.Popen(
        [sys.executable, str(ROOT / "benchmarks" / "load.py"), FRONT, "--seconds", "45", "--rate", "60"],
        stdout=subprocess.PIPE,
        text=True,
    )
    done = deploy(project, "v42")
    told, _ = load.communicate(timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    print(told)
    share = re.search(r"failed +\d+ +\(([\d.]+)%\)", told)
    assert share, told
    assert float(share[1]) < FAILED_SHARE
    assert re.search(r"v42 +\d+", told), "the new version answered during the load"


def test_a_version_that_never_gets_healthy_is_held_back(project: Path) -> None:
    before = {address: image(project, address, "shop-suite-web-app-1") for address in ("21", "22", "23")}
    done = deploy(project, "v44")
    assert done.returncode == 3, done.stdout + done.stderr
    assert 'relation "coupons" does not exist' in done.stdout
    assert "timeout, not healthy within 20 s" in done.stdout
    assert "v44 failed and was rolled back: web.app failed on web-1" in done.stdout
    after = {address: image(project, address, "shop-suite-web-app-1") for address in before}
    assert after == before
    assert "version <b>v42</b>" in page()


def test_status_tells_who_runs_what(project: Path) -> None:
    done = inv(project, "status", "--limit", "web")
    assert done.returncode == 0
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("web.app")]
    assert [row[:4] for row in rows] == [["web.app", f"web-{n}", "v42", "healthy"] for n in (1, 2, 3)]
