import base64
import hmac
from pathlib import Path

from fleet.transport.known_hosts import KnownHosts, name_of

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIJ0="
OTHER = "AAAAC3NzaC1lZDI1NTE5AAAAIJ8="


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def found(path: Path, name: str) -> list[int]:
    return [key.line for key in KnownHosts().keys([path], name)]


def test_names_lists_patterns_ports_and_negations(tmp_path: Path) -> None:
    file = write(
        tmp_path / "k",
        "# web",
        f"web-1,10.0.0.1 ssh-ed25519 {KEY} a comment",
        f"[web-1]:2222 ssh-ed25519 {KEY}",
        f"*.example.com,!db.example.com ssh-ed25519 {KEY}",
        f"web-?  ssh-ed25519  {OTHER}",
        "web-1 ssh-ed25519",
        "web-1 ssh-ed25519 not*base64",
        f"@cert-authority * ssh-ed25519 {KEY}",
    )
    assert found(file, "web-1") == [2, 5]
    assert found(file, "WEB-1") == [2, 5]
    assert found(file, "10.0.0.1") == [2]
    assert found(file, "[web-1]:2222") == [3]
    assert found(file, "a.example.com") == [4]
    assert found(file, "db.example.com") == []
    assert found(file, "unknown") == []


def test_the_first_file_that_knows_the_host_decides_and_every_revocation_counts(tmp_path: Path) -> None:
    first = write(tmp_path / "first", f"web-1 ssh-ed25519 {KEY}")
    second = write(
        tmp_path / "second", f"web-1,web-2 ssh-ed25519 {OTHER}", f"@revoked web-1 ssh-ed25519 {KEY}"
    )
    keys = KnownHosts().keys([tmp_path / "missing", first, second], "web-1")
    assert [(key.place, key.revoked) for key in keys] == [(f"{first}:1", False), (f"{second}:2", True)]
    assert [key.place for key in KnownHosts().keys([first, second], "web-2")] == [f"{second}:1"]


def test_the_port_is_part_of_the_name_unless_it_is_22() -> None:
    assert name_of("web-1", 22) == "web-1"
    assert name_of("web-1", 2222) == "[web-1]:2222"


def test_a_file_is_read_once(tmp_path: Path) -> None:
    file = write(tmp_path / "k", f"web-1 ssh-ed25519 {KEY}")
    known = KnownHosts()
    assert known.keys([file], "web-1")
    file.unlink()
    assert known.keys([file], "web-1")


def test_hashed_names(tmp_path: Path) -> None:
    salt, name = b"0123456789", b"web-1"
    hashed = "|1|" + "|".join(
        base64.b64encode(part).decode() for part in (salt, hmac.digest(salt, name, "sha1"))
    )
    file = write(tmp_path / "k", f"{hashed} ssh-ed25519 {KEY}", f"|1|{KEY} ssh-ed25519 {KEY}")
    assert found(file, "web-1") == [1]
    assert found(file, "web-2") == []
