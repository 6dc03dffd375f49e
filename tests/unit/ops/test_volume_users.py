"""Who has a directory of the host, by whichever path."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.model.place import Place
from fleet.ops.volume_helper import Helper, Mount
from fleet.ops.volume_users import mounting
from fleet.shell import words
from tests.support.shells import SHELLS, Bench


def users(bench: Bench, path: Path, shell: str) -> list[str]:
    script = f"volume={words([str(path)])}\n{mounting(str(path))}mounting -a\n"
    done = bench.run(script, shell=shell)
    done.check_returncode()
    return done.stdout.decode().splitlines()


@pytest.mark.parametrize("shell", SHELLS)
def test_who_mounts_it_and_who_writes_above_or_below(bench: Bench, tmp_path: Path, shell: str) -> None:
    place = tmp_path / "da ta"
    (place / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to(place)
    listed = [
        ("a1", "itself", True, place), ("a2", "reader", False, place),
        ("a3", "linked", True, tmp_path / "link"),
        ("b1", "above", True, tmp_path), ("b2", "below", True, place / "sub"), ("b3", "root", True, "/"),
        ("c1", "monitor", False, tmp_path), ("c2", "beside", True, tmp_path / "da ta2"), 
        ("c3", "gone", True, "/none"),
        ("a1", "itself", True, place),
    ]  # fmt: skip
    text = "".join(f"{one} /{name} {str(writes).lower()} {source}\\n" for one, name, writes, source in listed)
    bench.stand_in("docker", f"case $1 in ps) echo a1 ;; inspect) printf '{text}' ;; esac")
    assert users(bench, place, shell) == [
        "a1 itself", "a2 reader", "a3 linked", "b1 above", "b2 below", "b3 root"
    ]  # fmt: skip


@pytest.mark.parametrize("shell", SHELLS)
def test_an_engine_that_cannot_tell_is_an_error(bench: Bench, tmp_path: Path, shell: str) -> None:
    for refusing in ("ps", "inspect"):
        bench.stand_in("docker", f"[ $1 != {refusing} ] || exit 1; echo a1")
        script = f"set -eu; volume=/srv\n{mounting('/srv')}found=$(mounting) || exit 7\n"
        assert bench.run(script, shell=shell).returncode == 7


def test_nobody_runs(bench: Bench, tmp_path: Path) -> None:
    bench.stand_in("docker", "[ $1 = ps ]")
    assert users(bench, tmp_path, "sh") == []


def test_the_helper_of_a_directory() -> None:
    def helper(path: str) -> Helper:
        return Helper(path, "image", Place("/state", "shop", "test"), (Mount(path, "/data", read_only=True),))

    one, other = helper("/srv/da ta"), helper("/srv/da-ta")
    assert one.name.startswith("directory-srv-da-ta-")
    assert one.name != other.name
    assert "type=bind,src=/srv/da ta,dst=/data,readonly" in one.start().script
    assert "label=fleet.copy=/srv/da ta" in one.remove().script
