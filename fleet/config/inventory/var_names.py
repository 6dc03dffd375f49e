"""Names of variables: which ones Ansible keeps for itself, which ones it will soon refuse."""

from __future__ import annotations

import keyword
from typing import Any

from fleet.config.problems import Problems
from fleet.errors import Position

# Set by the tool for every host; a value from the files never shows, in Ansible as here.
RESERVED = frozenset(
    """
    ansible_async_path ansible_collection_name ansible_config_file ansible_dependent_role_names
    ansible_diff_mode ansible_facts ansible_forks ansible_inventory_sources ansible_limit
    ansible_play_batch ansible_play_hosts ansible_play_hosts_all ansible_play_role_names
    ansible_playbook_python ansible_role_name ansible_role_names ansible_run_tags ansible_skip_tags
    ansible_verbosity ansible_version group_names groups hostvars inventory_dir inventory_file
    inventory_hostname inventory_hostname_short play_hosts playbook_dir role_name role_names
    role_path role_uuid
    """.split()  # noqa: SIM905
)

SECTION = "x-fleet"
"""Fleet's own section among the variables, named as in role files; no template needs it."""


def check_name(name: Any, at: Position, problems: Problems) -> bool:
    """Whether the variable counts; says why when it does not, and warns of a name no template can use."""
    if not isinstance(name, str):
        problems.error(f"a variable's name is text, not {name!r}", at, hint="put it in quotes, or rename it")
        return False
    if name in RESERVED:
        problems.warn(f"variable {name!r} is ignored: the name is reserved", at)
        return False
    if name == SECTION:
        return True
    if not (name.isidentifier() and name.isascii()) or keyword.iskeyword(name):
        problems.warn(f"{name!r} is no valid variable name: templates cannot use it", at)
    return True
