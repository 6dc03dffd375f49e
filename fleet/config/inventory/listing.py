"""What ``ansible-inventory --list`` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleet.model.hosts import Inventory
from fleet.model.unsafe import Unsafe
from fleet.secret import SecretRef


def to_list_json(inventory: Inventory) -> dict[str, Any]:
    """Groups with ``hosts`` and ``children``, ``_meta.hostvars`` merged per host; a secret as its reference.

    Ready for ``json.dumps(…, sort_keys=True, indent=4)``.
    """
    listed: dict[str, Any] = {
        "_meta": {
            "hostvars": {
                name: plain(inventory.hosts[name].vars)
                for name in inventory.groups["all"].members
                if inventory.hosts[name].vars
            },
            "profile": "inventory_legacy",
        }
    }
    for group in inventory.groups.values():
        entry: dict[str, list[str]] = {}
        if group.children:
            entry["children"] = list(group.children)
        if group.hosts and group.name != "all":
            entry["hosts"] = list(group.hosts)
        if entry:
            listed[group.name] = entry
    return listed


def plain(value: Any) -> Any:
    """``value`` in JSON's own types."""
    if isinstance(value, SecretRef):
        return str(value)
    if isinstance(value, Unsafe):
        return {"__ansible_unsafe": str(value)}
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return value
