"""All of a copy gets another owner, and keeps what the kernel takes from it then."""

from __future__ import annotations

import os
import stat

import pytest
from volume.clone import clone
from volume.own import own, owner_of
from volume.places import Places
from volume.same import same
from volume.words import Failure

pytestmark = pytest.mark.usefixtures("program")

OWNER = (70, 71)
# cap_net_bind_service, as the kernel writes it.
CAPABLE = bytes.fromhex("0100000200040000000000000000000000000000")


@pytest.fixture
def copied(filled: Places) -> Places:
    for name, mode in (("setuid", 0o4755), ("setgid", 0o2755), ("bin", 0o755)):
        path = filled.data / name
        path.write_text("x")
        os.chown(path, 5, 6)
        path.chmod(mode)
    os.setxattr(filled.data / "bin", "security.capability", CAPABLE)
    os.link(filled.data / "setuid", filled.data / "sub/again")
    (filled.data / "shared").mkdir()
    (filled.data / "shared").chmod(0o3777)
    clone(filled, 0, final=True)
    filled.beside.prepare()
    return filled


def test_all_have_it_and_nothing_else_differs(copied: Places) -> None:
    paths = [copied.copy, *copied.copy.rglob("*")]
    # Of hard links, only the first has another one still.
    assert own(copied, OWNER)["changed"] == len(paths) - 2
    assert {(one.lstat().st_uid, one.lstat().st_gid) for one in paths} == {OWNER}
    assert stat.S_IMODE((copied.copy / "setuid").stat().st_mode) == 0o4755
    assert os.getxattr(copied.copy / "bin", "security.capability") == CAPABLE
    assert same(copied, OWNER)["equal"]
    assert own(copied, OWNER)["changed"] == 0


@pytest.mark.parametrize(
    ("does", "told"),
    [
        (lambda copy: os.chown(copy / "sub/file", 70, 0), "sub/file: owner 70:71, 70:0 at the target"),
        (lambda copy: (copy / "setuid").chmod(0o755), "setuid: mode 4755, 0755 at the target"),
        (lambda copy: os.removexattr(copy / "bin", "security.capability"), "bin: extended attributes"),
        (lambda copy: (copy / "new").touch(), "new: not at the source"),
    ],
)
def test_what_else_differs_is_found(copied: Places, does: object, told: str) -> None:
    own(copied, OWNER)
    does(copied.copy)  # type: ignore[operator]
    found = same(copied, OWNER)
    assert not found["equal"]
    assert any(told in str(one) for one in found["differences"])  # type: ignore[attr-defined]


def test_a_file_that_keeps_its_owner_is_named(copied: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(place: bytes, *_: int, follow_symlinks: bool) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("volume.own.os.chown", refuse)
    with pytest.raises(Failure, match=r". cannot get another owner"):
        own(copied, OWNER)


def test_an_owner_as_it_is_written() -> None:
    assert owner_of("70:71") == OWNER
    for wrong in ("postgres", "70", "70:71:72", "-1:0", ":"):
        with pytest.raises(Failure, match="that is no owner"):
            owner_of(wrong)
