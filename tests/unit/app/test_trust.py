"""What a record may ask for: what the project's own files ask for, now or at its commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fleet.app.trust import untrusted
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
VARS = "password: !secret env:VARS\nregistries: [{user: a, password: !secret 'file:secrets/r'}]\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    project = tmp_path / "repository" / "shop"
    write(project, "roles/web/compose.yml", COMPOSE)
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


def test_only_what_the_files_of_this_environment_ask_for(root: Path) -> None:
    assert untrusted(root, "test", "", OURS | THEIRS) == THEIRS


def test_what_the_files_asked_for_at_the_commit_of_the_release(root: Path) -> None:
    git(root.parent, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "as it was")
    commit = git(root, "rev-parse", "HEAD")
    write(root, "roles/web/compose.yml", "services: {}\n")
    (root / "inventories/test/group_vars/all.yml").unlink()
    assert untrusted(root, "test", "", OURS | THEIRS) == OURS | THEIRS
    assert untrusted(root, "test", commit, OURS | THEIRS) == THEIRS


def test_a_file_that_is_broken_today_hides_no_other(root: Path) -> None:
    write(root, "roles/lb/compose.yml", "a: [\n")
    write(root, "roles/web/two.yml", "a: !secret env:ONE\n---\n- &x !secret env:TWO\n- *x\n")
    more = {SecretRef("env", "ONE"), SecretRef("env", "TWO")}
    assert untrusted(root, "test", "", OURS | more) == set()


@pytest.mark.parametrize(
    "commit", ["0" * 40, "HEAD", "--output=/tmp/x", "main", "", "f" * 41, "0" * 39 + "\n"]
)
def test_a_commit_that_is_not_here_or_none_has_no_files(root: Path, commit: str) -> None:
    git(root.parent, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "as it was")
    write(root, "roles/web/compose.yml", "services: {}\n")
    db = {SecretRef("env", "DB")}
    assert untrusted(root, "test", commit, db) == db


def test_without_git_today_counts(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(root))
    assert untrusted(root, "test", "0" * 40, OURS | THEIRS) == THEIRS
