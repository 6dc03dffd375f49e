"""A volume's mark as text, and where it lies on its host."""

from __future__ import annotations

import json
from dataclasses import asdict, fields

from fleet.model.volumes import Mark, State

DIRECTORY = "volumes"
"""Below the state directory of a host; each file in it has a volume's full name."""

KINDS = {"lineage": str, "generation": int, "state": State, "peer": str, "since": int, "proven": bool}


def path(state_dir: str, volume: str) -> str:
    return f"{state_dir}/{DIRECTORY}/{volume}"


def dump(mark: Mark) -> str:
    """One line. Equal marks are equal texts: a host compares them as text before it writes another."""
    return json.dumps(asdict(mark), sort_keys=True)


def load(text: str) -> Mark:
    """Raises ValueError: it is no mark, or one of a later version of Fleet."""
    try:
        found = json.loads(text)
        mark = Mark(**{**found, "state": State(found["state"])})
    except (TypeError, KeyError) as error:
        raise ValueError(f"no mark of a volume: {error}") from error
    if {field.name: type(getattr(mark, field.name)) for field in fields(Mark)} != KINDS:
        raise ValueError("no mark of a volume: its fields are of other kinds")
    return mark
