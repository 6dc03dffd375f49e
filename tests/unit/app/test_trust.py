"""What a record may ask for: what the project's own files ask for on that host, now or at its commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fleet.app.trust import Use, untrusted
from fleet.config.inventory.load import load_inventory
from fleet.secret import SecretRef

COMPOSE = """\
services:
  app:
    image: shop
    environment:
      DB: !secret env:DB
      TOKEN: !secret "command:pass show \\"shop\\""
secrets:
  key: {file: ./key.pem}
  token: {environment: API_TOKEN}
"""
HOSTS = "all: {children: {web: {hosts: {web-1: , web-2: }}, db: {hosts: {db-1: }}}}\n"
VARS = "password: !secret env:VARS\nregistries: [{user: a, password: !secret 'file:secrets/r'}]\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    project = tmp_path / "repository" / "shop"
    write(project, "roles/web/compose.yml", COMPOSE)
    write(project, "inventories/test/hosts.yml", HOSTS)
    write(project, "inventories/test/group_vars/all.yml", VARS)
    write(project, "inventories/production/group_vars/all.yml", "x: !secret env:PRODUCTION\n")
    write(project, "roles/web/templates/app.ini.j2", "{{ not yaml\n\0 !secret env:TEMPLATE")
    (project / "roles/web/gone").symlink_to("nowhere")
    return project


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def git(root: Path, *words: str) -> str:
    identity = ["-c", "user.name=anna", "-c", "user.email=anna@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", "-C", str(root), *identity, *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def strange(
    root: Path, refs: set[SecretRef], *commits: str, host: str = "web-1", role: str = "web"
) -> set[SecretRef]:
    today = load_inventory(root, "test")
    return untrusted(today, commits, [Use(host, role, ref) for ref in refs])


def committed(root: Path) -> str:
    git(root.parent, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "as it was")
    return git(root, "rev-parse", "HEAD")


OURS = {
    SecretRef("env", "DB"),
    SecretRef("command", 'pass show "shop"'),
    SecretRef("file", "roles/web/key.pem"),
    SecretRef("env", "API_TOKEN"),
    SecretRef("env", "VARS"),
    SecretRef("file", "secrets/r"),
}
THEIRS = {
    SecretRef("env", "D"),
    SecretRef("command", "pass show"),
    SecretRef("file", "/root/.ssh/id_ed25519"),
    SecretRef("env", "PRODUCTION"),
    SecretRef("env", "TEMPLATE"),
    SecretRef("file", "key.pem"),
}


DB = {SecretRef("env", "DB")}


def test_only_what_the_files_of_this_environment_ask_for(root: Path) -> None:
    assert strange(root, OURS | THEIRS) == THEIRS


@pytest.mark.parametrize(
    ("host", "role"),
    [("db-1", "db"), ("db-1", "web"), ("web-3", "web"), ("web-1", "db"),
     ("web-1", ""), ("web-1", "."), ("web-1", ".."), ("web-1", "db/../web"), ("web-1", "../roles/web")],
)  # fmt: skip
def test_only_hosts_of_the_role_get_what_it_asks_for(root: Path, host: str, role: str) -> None:
    """Whatever a record calls its role; what the inventory asks for is everybody's."""
    of_all = {SecretRef("env", "VARS"), SecretRef("file", "secrets/r")}
    assert strange(root, OURS, host=host, role=role) == OURS - of_all


def test_what_the_files_asked_for_at_the_commit_of_the_release(root: Path) -> None:
    commit = committed(root)
    write(root, "roles/web/compose.yml", "services: {}\n")
    (root / "inventories/test/group_vars/all.yml").unlink()
    assert strange(root, OURS | THEIRS) == OURS | THEIRS
    assert strange(root, OURS | THEIRS, commit) == THEIRS


def test_the_roles_that_the_host_had_at_that_commit(root: Path) -> None:
    commit = committed(root)
    write(root, "inventories/test/hosts.yml", "all: {children: {api: {hosts: {web-1: , db-1: , web-9: }}}}\n")
    assert strange(root, DB) == DB
    assert strange(root, DB, commit) == set()
    assert strange(root, DB, commit, host="db-1") == DB
    assert strange(root, DB, commit, host="web-9") == DB


def test_a_host_that_joined_since_gets_what_the_role_asked_for(root: Path) -> None:
    commit = committed(root)
    write(root, "roles/web/compose.yml", "services: {}\n")
    write(root, "inventories/test/hosts.yml", "all: {children: {web: {hosts: {web-9: }}}}\n")
    assert strange(root, DB, commit, host="web-9") == set()


def test_any_of_the_commits_that_a_record_comes_from(root: Path) -> None:
    first = committed(root)
    write(root, "roles/web/compose.yml", "services: {}\n")
    git(root, "commit", "-qam", "nothing")
    second = git(root, "rev-parse", "HEAD")
    assert strange(root, DB, second) == DB
    assert strange(root, DB, second, "f" * 40, first) == set()


def test_an_inventory_that_was_broken_then_has_no_hosts(root: Path) -> None:
    write(root, "inventories/test/hosts.yml", "a: [\n")
    commit = committed(root)
    write(root, "inventories/test/hosts.yml", "all: {hosts: {web-1: }}\n")
    assert strange(root, DB, commit) == DB


def test_a_file_that_is_broken_today_hides_no_other(root: Path) -> None:
    write(root, "roles/lb/compose.yml", "a: [\n")
    write(root, "roles/web/two.yml", "a: !secret env:ONE\n---\n- &x !secret env:TWO\n- *x\n")
    more = {SecretRef("env", "ONE"), SecretRef("env", "TWO")}
    assert strange(root, OURS | more) == set()


@pytest.mark.parametrize(
    "commit", ["0" * 40, "HEAD", "--output=/tmp/x", "main", "", "f" * 41, "0" * 39 + "\n"]
)
def test_a_commit_that_is_not_here_or_none_has_no_files(root: Path, commit: str) -> None:
    committed(root)
    write(root, "roles/web/compose.yml", "services: {}\n")
    assert strange(root, DB, commit) == DB


def test_without_git_today_counts(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(root))
    assert strange(root, OURS | THEIRS, "0" * 40) == THEIRS
