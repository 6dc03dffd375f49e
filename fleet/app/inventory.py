"""The inventory of an environment, also one that a program answers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fleet.config.inventory import load_inventory
from fleet.config.inventory.listing import plain
from fleet.config.inventory.load import explained as explain
from fleet.errors import ConfigError, Position, UsageError
from fleet.model.hosts import Inventory
from fleet.suggest import suggest

SECONDS = 60


def read_inventory(root: Path, env: str) -> Inventory:
    """Raises ConfigErrors, UsageError."""
    return load_inventory(root, env, run_source)


def explained(root: Path, inventory: Inventory, host: str) -> Iterator[str]:
    """Each variable of the host with its value, the place of it, and the values that it beat. Raises
    UsageError, ConfigErrors."""
    if host not in inventory.hosts:
        raise UsageError(f"--explain {host}: no such host{suggest(host, inventory.hosts)}")
    for name, values in explain(root, inventory.env, host, run_source).items():
        first, *beaten = values
        yield f"{name}: {_shown(first.value)}"
        yield f"    {first.at} ({first.whose})"
        for one in beaten:
            yield f"    beats {_shown(one.value)} of {one.at} ({one.whose})"


def _shown(value: Any) -> str:
    """A secret as its reference."""
    said = plain(value)
    return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)


def run_source(path: Path, words: tuple[str, ...]) -> str:
    """What an executable inventory prints. Raises ConfigError."""
    shown = f"{path.name} {' '.join(words)}"
    at = Position(str(path))
    try:
        # The operator's own file, as Ansible runs it.
        done = subprocess.run(  # noqa: S603
            [path.absolute(), *words], capture_output=True, encoding="utf-8", timeout=SECONDS, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ConfigError(f"{shown} does not end within {SECONDS} s", at=at) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{shown}: its answer is not UTF-8", why=str(error), at=at) from error
    except OSError as error:
        hint = f"chmod +x {path}, and name its interpreter in the first line"
        why = error.strerror or str(error)
        raise ConfigError(f"{shown} cannot be run", why=why, hint=hint, at=at) from error
    if done.returncode:
        why = "\n".join(done.stderr.strip().splitlines()[-10:])
        raise ConfigError(f"{shown} ended with exit status {done.returncode}", why=why, at=at)
    return done.stdout
