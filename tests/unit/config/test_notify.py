"""``x-fleet.notify``: what it becomes, and every mistake at its place."""

from __future__ import annotations

import pathlib

import pytest

from fleet.config.inventory import load_inventory
from fleet.config.notify import notifiers
from fleet.config.project import rendered_hosts
from fleet.errors import FleetError
from fleet.model.notices import Command, LogFile, Moment, Notifier, Slack, Webhook
from fleet.secret import Hole, SealedText, SecretRef
from tests.unit.docs.pages import ROOT, blocks, text

ALL = "group_vars/all.yml"
AT = f"inventories/test/{ALL}"
HOSTS = "web: {hosts: {web-1: , web-2: }}\n"
URL = "https://hooks.example.com/deploys"
TOKEN = SealedText((Hole(SecretRef("env", "TOKEN")),))


def read(root: pathlib.Path, **files: str) -> tuple[Notifier, ...]:
    for name, body in {"hosts": HOSTS, **files}.items():
        path = root / "inventories" / "test" / f"{name.replace('__', '/')}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body)
    inventory = load_inventory(root, "test")
    assert inventory.warnings == ()
    return notifiers(tuple(rendered_hosts(inventory, "v1").values()), root)


def listed(root: pathlib.Path, *entries: str) -> tuple[Notifier, ...]:
    """``entries`` from line 3 on."""
    lines = "".join(f"    - {entry}\n" for entry in entries)
    return read(root, group_vars__all=f"x-fleet:\n  notify:\n{lines}")


def mistake(root: pathlib.Path, *entries: str) -> str:
    with pytest.raises(FleetError) as caught:
        listed(root, *entries)
    return str(caught.value)


@pytest.mark.parametrize(
    "body", ["", "x-fleet:\n", "x-fleet: {}\n", "x-fleet: {notify: }\n", "x-fleet: {notify: []}\n"]
)
def test_nobody_is_told(tmp_path: pathlib.Path, body: str) -> None:
    assert read(tmp_path, group_vars__all=body) == ()


def test_every_kind(tmp_path: pathlib.Path) -> None:
    assert listed(
        tmp_path,
        f"webhook: {URL}",
        "slack: !secret env:TOKEN\n      on: [failed, rolled-back]",
        "command: [scripts/announce.sh, a b]",
        "command: scripts/announce.sh 'a b'",
        "log: deploys.log\n      required: true\n      on: started",
    ) == (
        Notifier(Webhook(URL)),
        Notifier(Slack(TOKEN), frozenset({Moment.FAILED, Moment.ROLLED_BACK})),
        Notifier(Command(("scripts/announce.sh", "a b"))),
        Notifier(Command(("scripts/announce.sh", "a b"))),
        Notifier(LogFile("deploys.log"), frozenset({Moment.STARTED}), required=True),
    )


def test_templates_are_rendered_and_keep_secrets_sealed(tmp_path: pathlib.Path) -> None:
    body = 'token: !secret env:TOKEN\nx-fleet: {notify: [slack: "https://x.example/{{ env }}/{{ token }}"]}\n'
    (found,) = read(tmp_path, group_vars__all=body)
    assert isinstance(found.target, Slack)
    assert isinstance(found.target.url, SealedText)
    assert str(found.target.url) == "https://x.example/test/‹!secret env:TOKEN›"


@pytest.mark.parametrize("key", ["on", '"on"'])
def test_on_needs_no_quotes(tmp_path: pathlib.Path, key: str) -> None:
    (found,) = listed(tmp_path, f"log: x\n      {key}: [failed]")
    assert found.on == {Moment.FAILED}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("webhok: https://x.example/", f"{AT}:3:7: unknown key 'webhok', did you mean 'webhook'?"),
        ("log: x\n      requird: true", f"{AT}:4:7: unknown key 'requird', did you mean 'required'?"),
        (
            "log: x\n      on: [started, failled]",
            f"{AT}:4:21: on: 'failled' is not one of started, succeeded, failed or rolled-back, "
            "did you mean 'failed'?",
        ),
        ("log: x\n      on: rolledback", f"{AT}:4:11: on: 'rolledback' is not one of started, "),
        ("log: x\n      on: []", f"{AT}:4:11: on: needs at least one of started, "),
        ("log: x\n      on: [{a: 1}]", f"{AT}:4:12: on: \"{{'a': 1}}\" is not one of "),
        (
            f"log: x\n      webhook: {URL}",
            f"{AT}:3:7: a notifier is exactly one of webhook, slack, command or log; "
            "this one has webhook and log",
        ),
        (
            "required: true",
            f"{AT}:3:7: a notifier is exactly one of webhook, slack, command or log; this one",
        ),
        (URL, f"{AT}:3:7: a notifier must be a mapping, not text\n  → such as: webhook: https://…"),
        ("log: x\n      required: maybe", f"{AT}:4:17: required: must be true or false, not 'maybe'"),
        (
            "webhook: hooks.example.com",
            f"{AT}:3:16: webhook: the URL must be https://… or http://… with a host",
        ),
        ("slack: ftp://x.example/", f"{AT}:3:14: slack: the URL must be https://… or http://… with a host"),
        ("slack: [x]", f"{AT}:3:14: slack: must be text, not a list"),
        (
            "webhook: https://anna:pw@x.example/",
            f"{AT}:3:16: webhook: the URL must not hold a user name or password",
        ),
        ("command: []", f"{AT}:3:16: command: must be a command"),
        ("command: echo 'x", f"{AT}:3:16: command: cannot be split into words: no closing quotation"),
        ("log: ''", f"{AT}:3:12: log: must be the path of a file"),
        (
            "command: [curl, !secret env:TOKEN]",
            f"{AT}:3:16: command: a secret cannot stand here: others could read it\n  → a command may read",
        ),
        ("log: !secret env:TOKEN", f"{AT}:3:12: log: a secret cannot stand here"),
    ],
)
def test_a_mistake_is_told_at_its_place(tmp_path: pathlib.Path, entry: str, said: str) -> None:
    assert said in mistake(tmp_path, entry)


def test_all_mistakes_are_told_at_once(tmp_path: pathlib.Path) -> None:
    said = mistake(tmp_path, "log: ''", "slack: x", "log: ok", "command: ''")
    assert [line.split(" ")[0] for line in said.splitlines()] == [f"{AT}:3:12:", f"{AT}:4:14:", f"{AT}:6:16:"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("x-fleet: {notifi: []}\n", f"{AT}:1:11: unknown key 'notifi', did you mean 'notify'?"),
        ("x-fleet: [notify]\n", f"{AT}:1:10: x-fleet must be a mapping with 'notify', not a list"),
        ("x-fleet: {notify: {log: x}}\n", f"{AT}:1:19: notify must be a list, not a mapping"),
    ],
)
def test_mistakes_around_the_list(tmp_path: pathlib.Path, body: str, said: str) -> None:
    with pytest.raises(FleetError) as caught:
        read(tmp_path, group_vars__all=body)
    assert str(caught.value) == said


def test_a_mistake_in_the_inventory_file(tmp_path: pathlib.Path) -> None:
    body = f"all:\n  vars:\n    x-fleet:\n      notify:\n        - lgo: x\n{HOSTS}"
    with pytest.raises(FleetError, match=r"hosts\.yml:5:11: unknown key 'lgo', did you mean 'log'\?"):
        read(tmp_path, hosts=body)


def test_a_mistake_anywhere_else_has_the_place_of_the_variable(tmp_path: pathlib.Path) -> None:
    body = "web:\n  hosts: {web-1: }\n  vars:\n    x-fleet: {notify: [lgo: x]}\n"
    with pytest.raises(FleetError, match=r"hosts\.yml:4:14: unknown key 'lgo'"):
        read(tmp_path, hosts=body)


def test_hosts_may_not_differ(tmp_path: pathlib.Path) -> None:
    with pytest.raises(FleetError) as caught:
        read(tmp_path, **{"host_vars/web-2": "x-fleet: {notify: [log: x]}\n"})
    assert "x-fleet differs between hosts 'web-1' and 'web-2'" in str(caught.value)


def test_the_example_of_the_page(tmp_path: pathlib.Path) -> None:
    block = next(one for one in blocks(text(ROOT / "docs" / "hooks.md")) if one.kind == "yaml")
    found = read(tmp_path, group_vars__all=block.body)
    assert [str(one) for one in found] == [
        "webhook hooks.example.com",
        "slack",
        "command scripts/announce.sh",
        "log deploys.log",
    ]
    assert found[2].target == Command(("scripts/announce.sh", "test"))
    assert [one.required for one in found] == [False, False, False, True]
