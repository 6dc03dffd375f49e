"""Generated inventories and patterns: whatever Ansible answers, Fleet answers."""

from __future__ import annotations

import json
import pathlib
import tempfile
from contextlib import contextmanager

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet.config.inventory import limit, load_inventory, select, to_list_json
from fleet.errors import UsageError

GROUPS = ["alpha", "beta", "core", "db", "eu", "web"]
KEYS = ["color", "size", "x_y", "ansible_custom"]
HOSTS = [
    "h1",
    "h2",
    "h3",
    "web-1",
    "web[1:3]",
    "n[08:12:2].example.com",
    "db-[a:c]",
    "p:2222",
    "10.0.0.[1:2]",
    "eu",
]

BOUNDED = settings(
    max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)

values = st.one_of(
    st.integers(-5, 5),
    st.booleans(),
    st.none(),
    st.sampled_from(["yes", "~", "{{ other }}", "22:22", "text: more", "", "é"]),
    st.lists(st.integers(0, 3), max_size=2),
    st.dictionaries(st.sampled_from(["k", "l"]), st.integers(0, 3), max_size=2),
)
variables = st.dictionaries(st.sampled_from(KEYS), values, max_size=3)
group_variables = st.builds(
    lambda own, priority: own if priority is None else {**own, "ansible_group_priority": priority},
    variables,
    st.none() | st.integers(-2, 12),
)


@st.composite
def groups(draw, start=0, depth=0):
    """Groups below which only later ones of GROUPS come, so that there is no cycle."""
    names = (
        draw(st.lists(st.sampled_from(GROUPS[start:]), unique=True, max_size=3))
        if start < len(GROUPS)
        else []
    )
    body = {}
    for name in names:
        group = {}
        for section in draw(st.permutations(["hosts", "children", "vars"])):
            if not draw(st.booleans()):
                continue
            if section == "hosts":
                group[section] = draw(
                    st.dictionaries(st.sampled_from(HOSTS), st.none() | variables, max_size=4)
                )
            elif section == "vars":
                group[section] = draw(group_variables)
            elif depth < 3:
                group[section] = draw(groups(start=GROUPS.index(name) + 1, depth=depth + 1))
        body[name] = group or None
    return body


@st.composite
def inventories(draw):
    top = {}
    if draw(st.booleans()):
        top["all"] = {
            "vars": draw(variables),
            "hosts": draw(st.dictionaries(st.sampled_from(HOSTS), variables, max_size=2)),
        }
    top |= draw(groups())
    if not top:
        top = {"ungrouped": {"hosts": {"h1": None}}}
    files = {"hosts.yml": top}
    for name in draw(st.lists(st.sampled_from(["all", "ungrouped", *GROUPS]), unique=True, max_size=3)):
        files[f"group_vars/{name}.yml"] = draw(group_variables)
    for name in draw(st.lists(st.sampled_from(["h1", "web1", "db-b", "10.0.0.1"]), unique=True, max_size=2)):
        files[f"host_vars/{name}"] = draw(variables)
    return files


@contextmanager
def written(files):
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        for name, value in files.items():
            path = root / "inventories" / "test" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump(value, sort_keys=False, allow_unicode=True))
        yield root, root / "inventories" / "test" / "hosts.yml"


@BOUNDED
@given(files=inventories())
def test_every_generated_inventory_reads_as_in_ansible(ansible, files):
    with written(files) as (root, hosts_file):
        inventory = load_inventory(root, "test")
        loaded = ansible.load(hosts_file)
        assert json.loads(json.dumps(to_list_json(inventory))) == loaded.list_json()
        assert {name: list(group.members) for name, group in inventory.groups.items()} == loaded.group_hosts()


PATTERN_FILES = {
    "hosts.yml": {
        "web": {"hosts": {"web[1:5]": None, "n[1:3].example.com": None}},
        "db": {"hosts": {"db-[a:c]": None, "web2": None}},
        "staging": {"children": {"canary": {"hosts": {"web3": None, "web1": None}}, "db": None}},
        "empty": {"hosts": None},
        "all": {"hosts": {"2001:db8::1": None, "10.0.0.1": None, "lone": None}},
    }
}

atoms = st.sampled_from(
    [
        *("web", "db", "staging", "canary", "empty", "all", "*", "ungrouped"),
        *("web1", "web3", "db-b", "lone", "10.0.0.1", "n1.example.com", "2001:db8::1", "missing"),
        *("web*", "*.example.com", "w?b", "db-?", "web[1-3]", "[dw]*", "*b*", "nothing*"),
        *("~web[12]$", "~(db|canary)", "~.*example", "~(", "~^n[0-9]"),
        *(
            "web[0]",
            "web[-1]",
            "web[-2]",
            "web[1:]",
            "web[0:2]",
            "web[2:2]",
            "web[3:1]",
            "web[0:0]",
            "web[1-2]",
        ),
        *("db[7]", "db[5:9]", "web*[0:3]", "*[2]", "all[1:4]", "empty[0]", "web1[0]", "web[x]", "web:80"),
    ]
)
parts = st.builds(str.__add__, st.sampled_from(["", "", "", "&", "!"]), atoms)
patterns = st.builds(
    lambda separator, chosen: separator.join(chosen),
    st.sampled_from([",", ":", ", ", " "]),
    st.lists(parts, min_size=1, max_size=4),
)


@pytest.fixture(scope="module")
def both(ansible):
    with written(PATTERN_FILES) as (root, hosts_file):
        yield load_inventory(root, "test"), ansible.load(hosts_file)


@settings(BOUNDED, max_examples=600)
@given(pattern=patterns)
def test_every_pattern_picks_the_hosts_that_ansible_picks(both, pattern):
    inventory, loaded = both
    assert _ours(select, inventory, pattern) == _theirs(loaded.list_hosts, pattern)


@settings(BOUNDED, max_examples=200)
@given(pattern=patterns)
def test_every_limit_leaves_the_hosts_that_ansible_leaves(both, pattern):
    inventory, loaded = both
    assert _ours(limit, inventory, pattern) == _theirs(loaded.limited, pattern)


def _ours(pick, inventory, pattern):
    try:
        return [host.name for host in pick(inventory, pattern)]
    except UsageError:
        return []


def _theirs(pick, pattern):
    """Ansible is told to take a part that matches nothing for an error; no hosts at all is one in both."""
    from ansible.errors import AnsibleError

    try:
        return pick(pattern)
    except (AnsibleError, IndexError):
        return []
