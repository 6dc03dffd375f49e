"""Public-key login, with an account of which keys were tried."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import paramiko
from paramiko.pkey import UnknownKeyType

from fleet.errors import Unreachable
from fleet.transport.route import Hop

OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE})


def log_in(hop: Hop, transport: paramiko.Transport) -> None:
    """Try the key files, then the agent's keys. Raises Unreachable with every key and its fate."""
    tries: list[str] = []
    agent = paramiko.Agent() if hop.agent else None
    try:
        for label, key in _keys(hop, agent, tries):
            try:
                more = transport.auth_publickey(hop.user, key)
            except paramiko.BadAuthenticationType as error:
                tries.append(f"{label}: the server only takes {', '.join(error.allowed_types)}")
                break
            except (paramiko.SSHException, EOFError, OSError) as error:
                if not transport.is_active():
                    tries.append(f"{label}: the server closed the connection")
                    break
                outcome = "refused" if isinstance(error, paramiko.AuthenticationException) else str(error)
                tries.append(f"{label}: {outcome}")
                continue
            if not more:
                return
            tries.append(f"{label}: accepted, but the server also wants {', '.join(more)}")
            break
    finally:
        if agent is not None:
            agent.close()
    raise Unreachable(
        f"{hop} refuses the login of user {hop.user!r}",
        why="\n".join(tries) or "no key to try: no key file, and no agent with keys",
        hint=_hint(hop, tries, transport),
    )


def _hint(hop: Hop, tries: list[str], transport: paramiko.Transport) -> str:
    if not transport.is_active() and len(tries) > 1:
        return (
            "too many keys were offered: set ansible_ssh_private_key_file, or IdentitiesOnly in ~/.ssh/config"
        )
    if any("passphrase" in line for line in tries):
        return "put the key into an agent: ssh-add"
    return f"is the public key in ~{hop.user}/.ssh/authorized_keys, and is ansible_user right?"


def _keys(hop: Hop, agent: paramiko.Agent | None, tries: list[str]) -> Iterator[tuple[str, paramiko.PKey]]:
    for path in hop.keys:
        if (key := _load(path, hop.explicit, tries)) is not None:
            yield path, key
    for offered in agent.get_keys() if agent is not None else ():
        yield f"agent key {offered.comment or offered.get_name()}", offered


def _load(path: str, explicit: bool, tries: list[str]) -> paramiko.PKey | None:
    if not Path(path).is_file():
        if explicit:
            tries.append(f"{path}: no such file")
        return None
    try:
        return paramiko.PKey.from_path(path)
    except (TypeError, paramiko.PasswordRequiredException):
        # What the cryptography library raises for an encrypted key without a passphrase.
        tries.append(f"{path}: needs a passphrase")
    except (OSError, ValueError, paramiko.SSHException, UnknownKeyType) as error:
        if isinstance(error, OSError) and error.errno in OUT_OF_FILES:
            raise
        tries.append(f"{path}: cannot be read: {error}")
    return None
