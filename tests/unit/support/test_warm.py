"""A command by a fork says and does what the program does that an operator starts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support import warm
from tests.support.project import BIN


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with an alias; its inventory is another matter."""
    (tmp_path / "inventories/test").mkdir(parents=True)
    (tmp_path / "invoke.yaml").write_text("fleet: {aliases: {check: validate --env test}}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("fleet", ("check", "--version", "v1")),
        ("inv", ("check", "--version", "v1")),
        ("fleet", ("exec", "--env", "test", "--limit", "web-2", "--", "echo", "one", "--two")),
    ],
)
def test_it_is_the_same_as_when_it_is_started(root: Path, program: str, words: tuple[str, ...]) -> None:
    (root / "inventories/test/hosts.yml").write_text("all: {hosts: {web-1: {ansible_prot: 22}}}\n")
    (root / "tasks.py").write_text("from fleet.tasks import ns\n\n__all__ = ['ns']\n")
    started = subprocess.run([BIN / program, *words], cwd=root, capture_output=True, text=True, check=False)
    assert warm.run(words, root, os.environ, timeout=120, program=program) == (
        started.returncode, started.stdout, started.stderr,
    )  # fmt: skip


def test_it_has_the_environment_that_it_is_given_and_no_other(root: Path) -> None:
    (root / "inventories/test/hosts.yml").write_text("all: {hosts: {here: {ansible_connection: local}}}\n")
    words = ["exec", "--env", "test", "--", "sh", "-c", 'echo "$WHERE, ${HOME:-none}"']
    environ = {"PATH": os.environ["PATH"], "WHERE": "there"}
    code, out, err = warm.run(words, root, environ, timeout=120)
    assert (code, out.splitlines()[0]) == (0, "here | there, none"), err


def test_one_that_does_not_end_is_killed(root: Path) -> None:
    (root / "inventories/test/hosts.yml").write_text("all: {hosts: {web-1: }}\n")
    os.mkfifo(root / "hosts")
    with pytest.raises(TimeoutError):
        warm.run(["exec", "--env", "test", "--limit", "@hosts", "--", "true"], root, os.environ, timeout=0.5)
