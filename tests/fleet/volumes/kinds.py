"""Every kind of file that a volume may hold: made, and described by plain calls, not by what is tested.

Run inside a container: ``kinds.py make``, ``kinds.py describe PATH``.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
import struct
import sys
from collections.abc import Callable

ROOT = b"/data"
TIME = 1_500_000_000_123_456_789
Maker = Callable[[bytes], None]


def write(path: bytes, content: bytes = b"content") -> bytes:
    with open(path, "wb") as file:
        file.write(content)
    return path


def plain(base: bytes) -> None:
    write(base + b"/file", os.urandom(100_000))


def empty(base: bytes) -> None:
    write(base + b"/empty", b"")
    os.mkdir(base + b"/nothing in it")


def many_levels(base: bytes) -> None:
    path = base
    for _ in range(300):
        path += b"/deep"
        os.mkdir(path)
    write(path + b"/bottom")


def sparse(base: bytes) -> None:
    with open(base + b"/sparse", "wb") as file:
        file.truncate(1 << 30)
        file.seek(700_000_000)
        file.write(b"in the middle of nothing")


def hard_links(base: bytes) -> None:
    one = write(base + b"/one")
    os.mkdir(base + b"/elsewhere")
    os.link(one, base + b"/two")
    os.link(one, base + b"/elsewhere/three")
    write(base + b"/alike, but another")
    os.mkfifo(base + b"/fifo")
    os.link(base + b"/fifo", base + b"/fifo again")


def symbolic_links(base: bytes) -> None:
    os.symlink(b"file that is not there", base + b"/dangling")
    os.symlink(b"/etc/passwd", base + b"/absolute")
    os.symlink(b"..", base + b"/up")
    os.symlink(b"\xff\n", base + b"/to bytes")
    os.chown(base + b"/up", 12, 34, follow_symlinks=False)


def special_files(base: bytes) -> None:
    os.mkfifo(base + b"/fifo", 0o640)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(base + b"/socket")
    os.mknod(base + b"/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(base + b"/block", stat.S_IFBLK | 0o600, os.makedev(240, 70_000))


def names(base: bytes) -> None:
    for name in (
        b"new\nline",
        b"\xff\xfe no UTF-8",
        "ümläut".encode(),
        b"-rf",
        b"a b",
        b"*",
        b"#x#",
        b"x" * 255,
    ):
        write(base + b"/" + name)
    os.mkdir(base + b"/dir\n\x80")
    write(base + b"/dir\n\x80/back\\slash 'quoted' \"twice\" $HOME `id`")


def owners_and_modes(base: bytes) -> None:
    for uid, gid, mode in ((0, 0, 0o4755), (999, 998, 0o2750), (65534, 4_000_000, 0o000), (1, 2, 0o1777)):
        path = write(base + b"/%d" % uid)
        os.chown(path, uid, gid)
        os.chmod(path, mode)
    os.mkdir(base + b"/setgid and sticky")
    os.chmod(base + b"/setgid and sticky", 0o3775)


def closed_directories(base: bytes) -> None:
    for mode in (0o600, 0o000, 0o444):
        path = base + b"/%o" % mode
        os.mkdir(path)
        write(path + b"/within")
        os.chown(path, 1000, 1000)
        os.chmod(path, mode)


def attributes(base: bytes) -> None:
    path = write(base + b"/user")
    os.setxattr(path, "user.comment", b"any\x00bytes\xff")
    os.setxattr(path, "user.empty", b"")
    os.mkdir(base + b"/dir")
    os.setxattr(base + b"/dir", "user.of.a.directory", b"x" * 3000)


def capabilities(base: bytes) -> None:
    # cap_net_bind_service, effective and permitted.
    os.setxattr(write(base + b"/bind"), "security.capability", struct.pack("<5I", 0x2000001, 0x400, 0, 0, 0))


def acls(base: bytes) -> None:
    def acl(*rows: tuple[int, int, int]) -> bytes:
        return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *row) for row in rows)

    nobody = 0xFFFFFFFF
    rows = acl((1, 6, nobody), (2, 4, 1234), (4, 4, nobody), (8, 6, 77), (16, 6, nobody), (32, 0, nobody))
    os.setxattr(write(base + b"/file"), "system.posix_acl_access", rows)
    os.mkdir(base + b"/dir")
    os.setxattr(base + b"/dir", "system.posix_acl_default", rows)


def times(base: bytes) -> None:
    for index, ns in enumerate(
        (1, 999_999_999, 1_600_000_000_000_000_001, 4_000_000_000_987_654_321, -5_000_000_000)
    ):
        os.utime(write(base + b"/%d" % index), ns=(ns, ns))
    os.mkdir(base + b"/old directory")
    os.utime(base + b"/old directory", ns=(TIME, TIME))
    os.symlink(b"x", base + b"/old link")
    os.utime(base + b"/old link", ns=(TIME, TIME), follow_symlinks=False)
    os.mkfifo(base + b"/old fifo")
    os.utime(base + b"/old fifo", ns=(TIME, TIME))


MAKERS: tuple[Maker, ...] = (
    plain, empty, many_levels, sparse, hard_links, symbolic_links, special_files, names, owners_and_modes,
    closed_directories, attributes, capabilities, acls, times,
)  # fmt: skip


def make() -> None:
    for maker in MAKERS:
        base = ROOT + b"/" + maker.__name__.encode()
        os.mkdir(base)
        maker(base)
    os.chown(ROOT, 26, 27)
    os.chmod(ROOT, 0o2770)
    os.setxattr(ROOT, "user.of.the.root", b"1")
    os.utime(ROOT, ns=(TIME, TIME))


def describe(base: bytes, recurse: bool = True) -> list[list[object]]:
    status = os.lstat(base)
    directory = stat.S_ISDIR(status.st_mode)
    row: list[object] = [
        os.fsdecode(base), oct(status.st_mode), status.st_uid, status.st_gid,
        status.st_mtime_ns, status.st_rdev,
        None if directory else (status.st_size, status.st_nlink),
        sorted((name, os.getxattr(base, name, follow_symlinks=False).hex())
               for name in os.listxattr(base, follow_symlinks=False)),
    ]  # fmt: skip
    if stat.S_ISLNK(status.st_mode):
        row.append(os.fsdecode(os.readlink(base)))
    if stat.S_ISREG(status.st_mode):
        with open(base, "rb") as file:
            row.append(hashlib.file_digest(file, "sha256").hexdigest())
    rows = [row]
    if directory and recurse:
        for name in sorted(os.listdir(base)):
            rows += describe(base + b"/" + name)
    return rows


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make()
    else:
        print(json.dumps(describe(os.fsencode(sys.argv[2]), recurse=sys.argv[2] != "/data")))
