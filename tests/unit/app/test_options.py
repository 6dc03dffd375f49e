"""What the operator asked for: project, environment and version."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from fleet.app.options import choose_env, choose_version, find_root
from fleet.errors import Exit, UsageError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("staging", "production"):
        (tmp_path / "inventories" / name).mkdir(parents=True)
        (tmp_path / "inventories" / name / "hosts.yml").write_text("all: {hosts: {a: }}\n")
    return tmp_path


def test_the_project_is_the_nearest_directory_upwards(project: Path) -> None:
    below = project / "roles" / "web" / "templates"
    below.mkdir(parents=True)
    assert find_root(below) == project
    assert find_root(project) == project


def test_outside_of_a_project(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_root(tmp_path)
    assert caught.value.code is Exit.USAGE
    assert "fleet init" in caught.value.hint


@pytest.mark.parametrize(
    ("given", "environ", "configured", "chosen"),
    [
        ("staging", {"FLEET_ENV": "production"}, "production", "staging"),
        ("", {"FLEET_ENV": "staging"}, "production", "staging"),
        ("", {}, "production", "production"),
        ("", {"FLEET_ENV": ""}, "staging", "staging"),
    ],
)
def test_the_flag_before_the_variable_before_the_file(
    project: Path, given: str, environ: dict[str, str], configured: str, chosen: str
) -> None:
    assert choose_env(project, given, environ, configured) == chosen


def test_no_environment_at_all_names_those_that_are_there(project: Path) -> None:
    with pytest.raises(UsageError) as caught:
        choose_env(project, "", {}, "")
    assert caught.value.what == "which environment?"
    assert "--env production | --env staging" in caught.value.hint


def test_a_typo_in_the_environment(project: Path) -> None:
    with pytest.raises(UsageError) as caught:
        choose_env(project, "stagign", {}, "")
    assert "stagign" in caught.value.what
    assert "staging" in caught.value.what
    with pytest.raises(UsageError):
        choose_env(project, "../inventories/staging", {}, "")


def git(root: Path, *words: str) -> None:
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", *identity, *words], cwd=root, env=environ, check=True, capture_output=True)


def test_the_version_is_the_one_given_or_that_of_the_checkout(project: Path) -> None:
    (project / "file").write_text("1")
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "one")
    with pytest.raises(UsageError) as caught:
        choose_version(project, "")
    assert "--version" in caught.value.hint
    git(project, "tag", "v41")
    assert choose_version(project, "") == "v41"
    (project / "file").write_text("2")
    assert choose_version(project, "") == "v41-dirty"
    assert choose_version(project, "v42") == "v42"


def test_no_git_on_the_controller(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(project))
    with pytest.raises(UsageError, match="which version"):
        choose_version(project, "")
    assert choose_version(project, "v42") == "v42"
