"""Wrong inventories: every mistake, its place and the next thing to do."""

from __future__ import annotations

import pathlib

import pytest

from fleet.app.inventory import read_inventory
from fleet.config.inventory import load_inventory, select
from fleet.errors import ConfigErrors, Exit, FleetError, UsageError
from fleet.model.unsafe import Unsafe

AT = "inventories/test/hosts.yml"


def message(root) -> str:
    with pytest.raises(FleetError) as caught:
        load_inventory(root, "test")
    assert caught.value.code == Exit.CONFIG
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "web:\n  host:\n    a:\n",
            f"{AT}:2:3: unknown key 'host' in group 'web', did you mean 'hosts'?\n"
            "  → a group has hosts, children and vars; a group below it goes under children",
        ),
        (
            "web:\n  hosts:\n    - a\n",
            f"{AT}:3:5: 'hosts' of group 'web' is a mapping, not a list\n"
            "  → end each name with ':' instead of beginning it with '- '",
        ),
        ("web: [a]\n", f"{AT}:1:6: group 'web' is a mapping with hosts, children or vars, not a list"),
        ("- web\n", f"{AT}:1:1: an inventory is a mapping of groups, not a list"),
        ("", f"{AT}:1:1: the inventory is empty\n  → name a group and its hosts"),
        (
            "plugin: amazon.aws.aws_ec2\n",
            f"{AT}:1:1: the configuration of an inventory plugin, which Fleet does not run\n"
            "  → write the hosts down in hosts.yml",
        ),
        ("web:\n  hosts:\n    10:\n", f"{AT}:3:5: a host's name is text, not 10\n  → put it in quotes"),
        ("7:\n  hosts:\n", f"{AT}:1:1: a group's name is text, not 7\n  → put it in quotes"),
        ("web:\n  hosts:\n    a: 5\n", f"{AT}:3:8: host 'a' is a mapping of variables, not 5"),
        (
            "web:\n  hosts:\n    w[3:1]: {}\n",
            f"{AT}:3:5: host range 'w[3:1]' is wrong\n"
            "    [3:1] is empty: the first must not be greater than the last",
        ),
        (
            "web:\n  hosts:\n    w[01:100]: {}\n",
            f"{AT}:3:5: host range 'w[01:100]' is wrong\n"
            "    [01:100]: with a leading zero both ends have the same length",
        ),
        (
            "web:\n  hosts:\n    w[1:999999999]:\n",
            f"{AT}:3:5: host range 'w[1:999999999]' is wrong\n    the range stands for more than 65536 hosts",
        ),
        ("web:\n  hosts:\n    w[1:3:0]:\n", "[1:3:0]: the step is a number from 1 on"),
        ("web:\n  hosts:\n    w[1:]:\n", "[1:] has no end"),
        ("web:\n  hosts:\n    w[1-3]:\n", "a range is [first:last] or [first:last:step], not [1-3]"),
        ("web:\n  hosts:\n    w[1:3:\n", "the '[' is not closed"),
        ("web:\n  hosts:\n    w[1:x]:\n", "[1:x]: the ends are two numbers or two letters"),
        (
            "a:\n  children:\n    b:\n      children:\n        c:\n          children:\n            a:\n",
            f"{AT}:7:13: group 'a' contains itself: a → b → c → a",
        ),
        ("a:\n  children:\n    a:\n", f"{AT}:3:5: group 'a' contains itself: a → a"),
        ("a:\n  children:\n    all:\n", f"{AT}:3:5: group 'all' cannot be a child of 'a'"),
        (
            "ungrouped:\n  children:\n    a:\n",
            f"{AT}:3:5: group 'ungrouped' cannot have children: it holds the hosts that no other group has",
        ),
        ("web:\n  hosts:\n    all:\n", f"{AT}:3:5: a host cannot be called 'all': that is a group"),
        (
            "web:\n  vars:\n    1: x\n",
            f"{AT}:3:5: a variable's name is text, not 1\n  → put it in quotes, or rename it",
        ),
        (
            "web:\n  vars: {ansible_group_priority: high}\n",
            f"{AT}:2:34: ansible_group_priority is a whole number, not 'high'",
        ),
        (
            "web:\n  vars: {ansible_port: 99999}\n  hosts:\n    a[1:3]:\n",
            f"{AT}:2:24: ansible_port cannot be '99999'\n    a port is a number from 1 to 65535",
        ),
        (
            "web:\n  hosts:\n    a: {ansible_become_method: su}\n",
            f"{AT}:3:32: ansible_become_method cannot be 'su'\n    Fleet becomes another user with sudo only",
        ),
        (
            "web:\n  hosts:\n    a: {ansible_become: perhaps, ansible_host: '{{ x }}'}\n",
            f"{AT}:3:25: ansible_become cannot be 'perhaps'\n    it must be true or false",
        ),
        ("web:\n  hosts:\n    a: {ansible_connection: winrm}\n", "Fleet connects by ssh (or local)"),
        ("web:\n  hosts:\n    a: {ansible_host: !secret env:X}\n", "it cannot be a secret"),
    ],
)
def test_a_mistake_is_told_with_its_place(project, text, expected):
    assert expected in message(project({"hosts.yml": text}))


@pytest.mark.parametrize("name", ["hosts.yml", "hosts/web.yml", "group_vars/web.yml", "group_vars/all/a.yml"])
def test_a_link_that_leads_to_itself_is_told(project, name):
    root = project({"hosts.yml": "web:\n  hosts: {a: }\n"} if name[0] == "g" else {})
    path = root / "inventories/test" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(path.name)
    assert f"inventories/test/{name}:1:1: cannot read the file" in message(root)


def test_all_mistakes_of_all_files_are_told_at_once(project):
    root = project(
        {
            "hosts.yml": "web:\n  hsts: {a: }\n  hosts: {b: {ansible_port: x}}\n",
            "group_vars/web.yml": "a: 1\na: 2\n",
            "group_vars/all/list.yml": "- x\n",
            "host_vars/b": "$ANSIBLE_VAULT;1.1;AES256\n3132\n",
        }
    )
    with pytest.raises(ConfigErrors) as caught:
        load_inventory(root, "test")
    assert [(str(error.at), error.what) for error in caught.value.errors] == [
        (
            "inventories/test/group_vars/all/list.yml:1:1",
            "a file of variables is a mapping of names to values",
        ),
        (
            "inventories/test/group_vars/web.yml:2:1",
            "duplicate key 'a', first at inventories/test/group_vars/web.yml:1:1",
        ),
        (
            "inventories/test/host_vars/b:1:1",
            "encrypted by ansible-vault, which is not supported: Fleet holds no vault password",
        ),
        (f"{AT}:2:3", "unknown key 'hsts' in group 'web', did you mean 'hosts'?"),
        (f"{AT}:3:29", "ansible_port cannot be 'x'"),
    ]


def test_group_vars_that_is_a_file_is_refused(project):
    root = project({"hosts.yml": "web: {hosts: {a: }}\n", "group_vars": "x: 1\n"})
    assert "inventories/test/group_vars:1:1: this must be a directory" in message(root)


@pytest.mark.parametrize("directory", ["group_vars", "group_vars/web"])
def test_a_directory_that_cannot_be_read_is_named(project, monkeypatch, directory):
    root = project({"hosts.yml": "web: {hosts: {a: }}\n", "group_vars/web/a.yml": "x: 1\n"})
    iterdir = pathlib.Path.iterdir

    def refuse(path):
        if path == root / "inventories/test" / directory:
            raise PermissionError(13, "Permission denied")
        return iterdir(path)

    monkeypatch.setattr(pathlib.Path, "iterdir", refuse)
    assert (
        message(root) == f"inventories/test/{directory}:1:1: cannot read the directory\n    Permission denied"
    )


class TestSources:
    def test_an_unknown_environment_names_the_known_ones(self, project):
        root = project({"hosts.yml": "a: {}\n"})
        with pytest.raises(
            UsageError, match="no environment 'tset' in inventories, did you mean 'test'"
        ) as caught:
            load_inventory(root, "tset")
        assert caught.value.hint == "environments: test"

    def test_a_project_without_environments_says_how_to_begin(self, tmp_path):
        with pytest.raises(UsageError) as caught:
            load_inventory(tmp_path, "prod")
        assert caught.value.hint == "make the directory inventories/prod with a hosts.yml"

    def test_an_environment_without_hosts_file(self, project):
        root = project({"group_vars/all.yml": "a: 1\n"})
        assert message(root).startswith("inventories/test:1:1: no hosts.yml in this environment")

    def test_two_hosts_files_are_ambiguous(self, project):
        root = project({"hosts.yml": "a: {}\n", "hosts": "a: {}\n"})
        assert "hosts.yml and hosts: which one is the inventory?" in message(root)

    def test_a_directory_without_a_file_of_hosts(self, project):
        root = project({"hosts/.hidden": "a: {}\n", "hosts/a.yml~": "a: {}\n", "hosts/note.txt": "no\n"})
        assert message(root) == (
            "inventories/test/hosts:1:1: no file of hosts in this directory\n"
            "  → name the hosts in one: web.yml"
        )

    def test_a_mistake_in_one_of_several_sources(self, project):
        root = project({"hosts/1.yml": "web: [\n", "hosts/2.ini": "[web:x]\n"})
        text = message(root)
        assert "inventories/test/hosts/1.yml:" in text
        assert "inventories/test/hosts/2.ini:1:1: the section [web:x] is of no known kind" in text


INI = "inventories/test/hosts.ini"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", f"{INI}:1:1: the inventory is empty\n  → name a group and its hosts"),
        ("# nothing\n", f"{INI}:1:1: the inventory is empty"),
        ("[web:hsots]\n", f"{INI}:1:1: the section [web:hsots] is of no known kind, did you mean 'hosts'?"),
        ("[we b]\na\n", f"{INI}:1:1: the section [we b] cannot be read\n  → it is [group], [group:children]"),
        ("a\n[web:vars]\nx=1\n", f"{INI}:2:1: variables of group 'web', which no other section declares"),
        (
            "[web]\na\n[all2:children]\nwbe\n",
            f"{INI}:4:1: there is no group 'wbe', which is to be a child of 'all2', did you mean 'web'?",
        ),
        ("[x:children]\na b\n", f"{INI}:2:1: 'a b' is no name of a group"),
        ("[web]\na\n[web:vars]\n  x\n", f"{INI}:4:3: 'x' sets no variable\n  → it is: name=value"),
        ("a x\n", f"{INI}:1:1: 'x' sets no variable of 'a'\n  → it is: host name=value; quote values"),
        ("a x='1\n", f'{INI}:1:1: the host "a x=\'1" cannot be read\n    No closing quotation'),
        ("a[3:1]\n", "[3:1] is empty: the first must not be greater than the last"),
        ("all\n", f"{INI}:1:1: a host cannot be called 'all': that is a group"),
        ("a ansible_port=x\n", f"{INI}:1:1: ansible_port cannot be 'x'"),
        (
            "a p='!secret env:X'\n",
            f"{INI}:1:1: a secret cannot be referred to from INI\n  → set the variable in",
        ),
        ("[a:children]\nb\n[b:children]\na\n", "contains itself"),
        ("[web]\nw\x001\n", "hosts.ini:2:2: a control character (U+0000) in the text\n  → remove it"),
    ],
)
def test_a_mistake_in_ini_is_told_with_its_place(project, text, expected):
    assert expected in message(project({"hosts.ini": text}))


def answering(project, listed: str, host: str = "{}", status: int = 0):
    cases = f"case $1 in --list) echo '{listed}' ;; *) echo '{host}' ;; esac"
    script = f"#!/bin/sh\necho trouble >&2\n{cases}\nexit {status}\n"
    root = project({"hosts": script})
    (root / "inventories/test/hosts").chmod(0o755)
    return root


def answered(root) -> str:
    with pytest.raises(FleetError) as caught:
        read_inventory(root, "test")
    assert caught.value.code == Exit.CONFIG
    return str(caught.value)


class TestExecutables:
    @pytest.mark.parametrize(
        ("listed", "host", "expected"),
        [
            ("nonsense", "{}", "--list: its answer is no JSON"),
            ("[" * 100_000, "{}", "--list: its answer is no JSON"),
            ("[]", "{}", "--list: its answer is no JSON object"),
            ('{"web": ["a"]}', "[]", "--host a: its answer is no JSON object"),
            ('{"web": "a"}', "{}", "group 'web' is a list of hosts, or has hosts, vars and children"),
            ('{"web": {"hosts": "a"}}', "{}", "hosts of group 'web' is a list of names"),
            ('{"web": {"children": [1]}}', "{}", "children of group 'web' is a list of names"),
            ('{"web": {"vars": []}, "db": {"vars": 5}}', "{}", "vars of group 'db' is a mapping"),
            ('{"web": ["all"]}', "{}", "a host cannot be called 'all': that is a group"),
            (
                '{"web": ["a"], "_meta": {"hostvars": {"a": 5}}}',
                "{}",
                "the variables of host 'a' are a mapping",
            ),
        ],
    )
    def test_an_answer_that_makes_no_sense(self, project, listed, host, expected):
        text = answered(answering(project, listed, host))
        assert text.startswith("inventories/test/hosts:1:1: ")
        assert expected in text

    def test_a_program_that_fails(self, project):
        text = answered(answering(project, "{}", status=3))
        assert "hosts --list ended with exit status 3\n    trouble" in text

    def test_a_program_that_cannot_be_run(self, project):
        root = project({"hosts": "#!/no/such/interpreter\n"})
        (root / "inventories/test/hosts").chmod(0o755)
        assert "hosts --list cannot be run\n    No such file or directory\n" in answered(root)

    def test_an_answer_that_is_not_utf8(self, project):
        root = project({"hosts": "#!/bin/sh\nprintf '\\377'\n"})
        (root / "inventories/test/hosts").chmod(0o755)
        assert "hosts --list: its answer is not UTF-8" in answered(root)

    def test_a_script_without_the_right_to_run_is_told_how_to_get_it(self, project):
        assert "chmod +x" in answered(project({"hosts": "#!/bin/sh\necho {}\n"}))

    def test_a_program_that_hangs(self, project, monkeypatch):
        monkeypatch.setattr("fleet.app.inventory.SECONDS", 0.05)
        root = project({"hosts": "#!/bin/sh\nexec sleep 30\n"})
        (root / "inventories/test/hosts").chmod(0o755)
        assert "hosts --list does not end within 0.05 s" in answered(root)

    def test_nothing_is_run_where_nobody_said_so(self, project):
        assert "an executable inventory is not run here" in message(answering(project, "{}"))

    def test_text_that_is_marked_is_no_template(self, project):
        listed = '{"web": {"hosts": ["a"], "vars": {"x": [{"__ansible_unsafe": "{{ 1 }}"}, "{{ 2 }}"]}}}'
        one, two = read_inventory(answering(project, listed), "test").hosts["a"].vars["x"]
        assert isinstance(one, Unsafe)
        assert not isinstance(two, Unsafe)

    def test_a_program_may_know_nothing_of_a_host(self, project):
        assert dict(read_inventory(answering(project, '{"web": ["a"]}', ""), "test").hosts["a"].vars) == {}


class TestWarnings:
    def test_a_host_with_the_name_of_a_group(self, project):
        root = project({"hosts.yml": "web:\n  hosts:\n    web:\n"})
        assert load_inventory(root, "test").warnings == (
            f"{AT}:3:5: 'web' is the name of both a group and a host",
        )

    def test_reserved_and_unusable_variable_names(self, project):
        root = project({"hosts.yml": "web:\n  hosts: {a: }\n  vars: {groups: 1, with-dash: 2}\n"})
        inventory = load_inventory(root, "test")
        assert inventory.warnings == (
            f"{AT}:3:10: variable 'groups' is ignored: the name is reserved",
            f"{AT}:3:21: 'with-dash' is no valid variable name: templates cannot use it",
        )
        assert dict(inventory.hosts["a"].vars) == {"with-dash": 2}


class TestPatterns:
    @pytest.fixture
    def inventory(self, project):
        return load_inventory(
            project({"hosts.yml": "web: {hosts: {'web[1:3]': }}\ndb: {hosts: {db1: }}\n"}), "test"
        )

    def fails(self, inventory, pattern) -> UsageError:
        with pytest.raises(UsageError) as caught:
            select(inventory, pattern)
        assert caught.value.code == Exit.USAGE
        return caught.value

    @pytest.mark.parametrize(
        ("pattern", "what"),
        [
            ("wbe", "no host or group matches 'wbe', did you mean 'web'?"),
            ("web,!web4", "no host or group matches 'web4', did you mean 'web'?"),
            ("zzz*", "no host or group matches 'zzz*'"),
            ("web:&db", "no host is left by 'web:&db'"),
            ("web[7]", "'web[7]' is out of range: 'web' has 3 hosts"),
            (f"web[{'7' * 10}]", f"no host or group matches 'web[{'7' * 10}]'"),
            ("~(", "'~(' is not a valid regular expression"),
            ("", "the host pattern is empty"),
            (" , ", "the host pattern is empty"),
            ("web,!", "'!' and '&' need a pattern after them"),
            ("localhost", "'localhost' is not in the inventory"),
            ("@missing.txt", "cannot read the hosts of '@missing.txt'"),
        ],
    )
    def test_what_is_wrong(self, inventory, pattern, what):
        assert self.fails(inventory, pattern).what == what

    def test_the_groups_are_listed(self, inventory):
        assert self.fails(inventory, "nope").hint == "groups: all, ungrouped, web, db"

    def test_a_file_gives_one_pattern_a_line(self, inventory, tmp_path, monkeypatch):
        (tmp_path / "retry.txt").write_text("web3\n\n  web1  \n!web1\n")
        monkeypatch.chdir(tmp_path)
        assert [host.name for host in select(inventory, "@retry.txt")] == ["web3"]

    def test_several_patterns_add_up(self, inventory):
        assert [host.name for host in select(inventory, ["db", "web:!web2"])] == ["db1", "web1", "web3"]
