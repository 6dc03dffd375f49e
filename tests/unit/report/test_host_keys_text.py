"""What an operator compares, at 80 columns: new keys, and changed ones that nobody can overlook."""

from __future__ import annotations

from fleet.model.host_keys import HostKey, Trust
from fleet.report.host_keys_text import ALERT, COMPARE, key_lines

PRINT = "SHA256:" + "x" * 43


def key(host: str, trust: Trust, blob: bytes = b"", **fields: object) -> HostKey:
    server, shown = f"{host} port 2222", blob or host.encode()
    return HostKey(host, server, host, "ssh-ed25519", shown, PRINT, trust, **fields)  # type: ignore[arg-type]


def text(*keys: HostKey, replace: bool = False) -> list[str]:
    return [line.text for line in key_lines(keys, replace=replace)]


def test_new_keys_have_a_line_each() -> None:
    assert text(key("web-1", Trust.NEW), key("db-10", Trust.NEW), key("web-2", Trust.KNOWN)) == [
        "known already: web-2",
        "new:",
        f"  web-1  {PRINT}  ed25519",
        f"  db-10  {PRINT}  ed25519",
        f"  → {COMPARE}",
    ]


def test_what_your_own_file_knows_is_said() -> None:
    assert text(key("web-1", Trust.ELSEWHERE))[0] == "known to your own known_hosts, and new here:"


def test_a_changed_key_is_loud() -> None:
    old = ("ssh-rsa", PRINT, "inventories/test/known_hosts:3")
    lines = list(key_lines([key("web-1", Trust.CHANGED, against=(old,))], replace=False))
    assert [line.text for line in lines] == [
        "CHANGED: web-1 (web-1 port 2222) does not show the key that is known",
        f"  it shows  {PRINT}  ed25519",
        f"  known is  {PRINT}  rsa",
        "            inventories/test/known_hosts:3",
        f"  → {ALERT}",
        "  → it stays as it is; if the new key is the host's own: inv trust --replace",
    ]
    assert lines[0].style == "error"
    assert text(key("web-1", Trust.CHANGED), replace=True)[-1] == f"  → {ALERT}"


def test_a_revoked_key() -> None:
    assert text(key("web-1", Trust.REVOKED)) == [
        "REVOKED: web-1 (web-1 port 2222) shows a key that must not be used any more",
        f"  it shows  {PRINT}  ed25519",
        "  → it stays out; give the host a new key",
    ]


def test_clones_are_told() -> None:
    twins = [key(f"web-{number}", Trust.NEW, b"same") for number in (1, 2, 3)]
    assert "  warning: web-[1-3] show the same key: were they cloned?" in text(*twins)
