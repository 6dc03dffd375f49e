"""Host keys with their fingerprints, those that have changed apart from the others and impossible to miss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fleet.model.host_keys import HostKey, Trust
from fleet.report.names import fold
from fleet.report.plan_text import Line

COMPARE = "compare them with the hosts' own: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub, at the console"
ALERT = "somebody may be in between, or the host was installed anew: find out which"


def key_lines(keys: Sequence[HostKey], *, replace: bool) -> Iterator[Line]:
    """``replace``: keys that have changed are about to be replaced."""
    if known := [key.host for key in keys if key.trust is Trust.KNOWN]:
        yield Line(f"known already: {fold(known)}", "faint")
    elsewhere = [key for key in keys if key.trust is Trust.ELSEWHERE]
    if elsewhere:
        yield Line("known to your own known_hosts, and new here:", "title")
        yield from _keys(elsewhere)
    new = [key for key in keys if key.trust is Trust.NEW]
    if new:
        yield Line("new:", "title")
        yield from _keys(new)
        yield from _twins(keys)
        yield Line(f"  → {COMPARE}", hang=4)
    for key in keys:
        if key.trust in {Trust.CHANGED, Trust.REVOKED}:
            yield from _alert(key, replace=replace)


def _keys(keys: Sequence[HostKey]) -> Iterator[Line]:
    width = max(len(key.host) for key in keys)
    for key in keys:
        yield Line(f"  {key.host:<{width}}  {key.fingerprint}  {_kind(key.kind)}", hang=width + 2)


def _twins(keys: Sequence[HostKey]) -> Iterator[Line]:
    """Machines that were cloned have one key, and whoever has one of them can pass for the others."""
    hosts: dict[bytes, list[str]] = {}
    for key in keys:
        hosts.setdefault(key.blob, []).append(key.host)
    for twins in hosts.values():
        if len(twins) > 1:
            yield Line(f"  warning: {fold(twins)} show the same key: were they cloned?", "warning")


def _alert(key: HostKey, *, replace: bool) -> Iterator[Line]:
    if key.trust is Trust.REVOKED:
        yield Line(f"REVOKED: {key.host} ({key.server}) shows a key that must not be used any more", "error")
        yield Line(f"  it shows  {key.fingerprint}  {_kind(key.kind)}")
        yield Line("  → it stays out; give the host a new key")
        return
    yield Line(f"CHANGED: {key.host} ({key.server}) does not show the key that is known", "error")
    yield Line(f"  it shows  {key.fingerprint}  {_kind(key.kind)}")
    for kind, fingerprint, place in key.against:
        yield Line(f"  known is  {fingerprint}  {_kind(kind)}")
        yield Line(f"            {place}", "faint")
    yield Line(f"  → {ALERT}", "error")
    if not replace:
        yield Line("  → it stays as it is; if the new key is the host's own: inv trust --replace")


def _kind(kind: str) -> str:
    """``ssh-ed25519`` → ``ed25519``; as short as people say it."""
    return kind.removeprefix("ssh-").removeprefix("ecdsa-sha2-")
