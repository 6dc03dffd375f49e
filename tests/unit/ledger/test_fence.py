"""The check that each changing script begins with."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fleet.ledger.fence import fence_check
from fleet.model.place import Place
from tests.support.shells import SHELLS, Bench

LATER = 9_999_999_999


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(str(tmp_path / "state's dir"), "shop", "test")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_later_holder_shuts_the_earlier_one_out(bench: Bench, place: Place, shell: str) -> None:
    def check(token: int) -> tuple[int, str, str]:
        done = bench.run(f"{fence_check(place, token, LATER)}echo went on\n", shell=shell)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    assert check(9) == (0, "went on\n", "")
    assert check(9) == (0, "went on\n", "")
    assert check(10) == (0, "went on\n", "")
    rc, out, err = check(9)
    assert (rc, out) == (76, "")
    assert err == "another has worked here since: its token is 10, ours is 9\n"
    assert check(10)[0] == 0


@pytest.mark.parametrize("shell", SHELLS)
def test_what_expired_by_the_clock_of_the_host_changes_nothing(
    bench: Bench, place: Place, shell: str
) -> None:
    bench.replace("date", "echo 1000")
    assert bench.run(fence_check(place, 5, 1001), shell=shell).returncode == 0
    done = bench.run(f"{fence_check(place, 6, 1000)}echo went on\n", shell=shell)
    assert (done.returncode, done.stdout) == (76, b"")
    assert b"expired by the clock" in done.stderr
    assert [path.name for path in Path(f"{place.base}/fence").iterdir()] == ["5"]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("ending", ["set -eu\nfalse\n", "exit 3\n", "kill -9 $$\n"])
def test_the_script_after_it_is_as_without_it(bench: Bench, place: Place, shell: str, ending: str) -> None:
    rest = f'seen=1; pwd; umask; printf \'%s\\n\' "$seen" "${{fence-none}}"; cat; {ending}'
    plain, fenced = (bench.run(script, shell=shell) for script in (rest, fence_check(place, 1, LATER) + rest))
    assert fenced.returncode == plain.returncode != 0
    assert (fenced.stdout, fenced.stderr.count(b"\n")) == (plain.stdout, plain.stderr.count(b"\n"))


def test_only_the_highest_token_stays(bench: Bench, place: Place) -> None:
    for token in range(1, 6):
        bench.run(fence_check(place, token, LATER))
    fence = Path(f"{place.base}/fence")
    assert [path.name for path in fence.iterdir()] == ["5"]
    assert stat.S_IMODE(fence.stat().st_mode) == 0o700
    assert stat.S_IMODE((fence / "5").stat().st_mode) == 0o600


def test_scripts_at_once_never_lower_the_fence(bench: Bench, place: Place) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda token: bench.run(fence_check(place, token, LATER)), [4, 9, 2, 7, 5, 3] * 3))
    assert bench.run(fence_check(place, 9, LATER)).returncode == 0
    assert bench.run(fence_check(place, 8, LATER)).returncode == 76


def test_the_usual_check_starts_one_program(bench: Bench, place: Place) -> None:
    bench.run(fence_check(place, 1, LATER))
    for name in ("date", "mkdir", "rm", "cat", "mv"):
        bench.stand_in(name, "echo 1000")
    assert bench.run(fence_check(place, 1, LATER)).returncode == 0
    assert [call.split("\t")[0] for call in bench.calls] == ["date"]


def test_a_fence_that_cannot_be_kept_stops_the_script(bench: Bench, place: Place) -> None:
    Path(place.state_dir).write_text("a file")
    done = bench.run(f"{fence_check(place, 1, LATER)}echo went on\n")
    assert done.returncode == 1
    assert done.stdout == b""
    assert b"mkdir" in done.stderr
