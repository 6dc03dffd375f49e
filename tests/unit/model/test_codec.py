"""Stored values come back as they were, and a digest changes exactly when the container must."""

import dataclasses
import json
import typing
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.model import gates
from fleet.model.codec import canonical, digest, dump, load
from fleet.model.desired import Desired
from fleet.model.refs import all_refs
from fleet.model.services import (
    ConfigDir,
    ConfigFile,
    ContainerSpec,
    Reload,
    SecretFile,
    Service,
    UpdatePolicy,
)
from fleet.ops.effects import RegistryAuth
from fleet.secret import Hole, SealedText, SecretRef

WORDS = st.text(st.characters(codec="utf-8"), max_size=4)
REFS = st.builds(SecretRef, st.sampled_from(["env", "file", "command"]), st.text("ab:/ ", min_size=1))
SEALED = st.builds(
    SealedText, st.lists(WORDS | st.builds(Hole, REFS, st.booleans()), min_size=1, max_size=3).map(tuple)
)
LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    str: WORDS,
    int: st.integers(0, 99),
    float: st.floats(0, 99, allow_nan=False),
    bool: st.booleans(),
    type(None): st.none(),
    SealedText: SEALED,
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a model type; a recursive type ends since lists may be empty."""
    if kind in LEAVES:
        return LEAVES[kind]
    arguments = typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        fields = [field.name for field in dataclasses.fields(kind) if field.compare]
        defaults = {f.name: f.default for f in dataclasses.fields(kind)}
        given = {
            name: values(hints[name])
            if defaults[name] is dataclasses.MISSING
            else st.just(defaults[name]) | st.deferred(lambda name=name: values(hints[name]))
            for name in fields
            if name != "checks" or kind is not gates.AnyOf
        }
        if kind is gates.AnyOf:
            given["checks"] = st.tuples(st.builds(gates.TcpCheck, st.integers(1, 9)))
        return st.builds(kind, **given)
    if typing.get_origin(kind) is tuple:
        if arguments[-1] is ...:
            return st.lists(values(arguments[0]), max_size=2).map(tuple)
        return st.tuples(*map(values, arguments))
    if typing.get_origin(kind) is Mapping:
        return st.dictionaries(*map(values, arguments), max_size=2)
    return st.one_of(*map(values, arguments))


@settings(max_examples=60, deadline=None)
@given(values(Service))
def test_a_service_comes_back(service: Service) -> None:
    assert load(Service, json.loads(canonical(dump(service)))) == service


@settings(max_examples=20, deadline=None)
@given(values(Desired))
def test_a_desired_state_comes_back(desired: Desired) -> None:
    assert load(Desired, json.loads(canonical(dump(desired)))) == desired


SECRET = SealedText(("x", Hole(SecretRef("env", "PASSWORD"))))
SERVICE = Service("web", "app", ContainerSpec("c", "shop:v1", environment=(("A", SECRET),)), gates.GateSpec())
PRINTS = {"!secret env:PASSWORD": "1111"}


def test_defaults_are_left_out_so_that_a_new_field_changes_nothing() -> None:
    assert dump(SERVICE) == {
        "role": "web",
        "name": "app",
        "container": {
            "name": "c",
            "image": "shop:v1",
            "environment": [["A", {"secret": ["x", {"ref": "env:PASSWORD"}]}]],
        },
        "gate": {},
    }


def with_config(content: str, reload: Reload | None) -> Service:
    return replace(SERVICE, configs=(ConfigDir("/a", "/b", (ConfigFile("f", content),), reload=reload),))


@pytest.mark.parametrize(
    "other",
    [
        replace(SERVICE, gate=gates.GateSpec(deadline=1)),
        replace(SERVICE, update=UpdatePolicy(delay=9)),
        replace(SERVICE, rollback=UpdatePolicy(delay=9)),
        replace(SERVICE, depends_on=("x",)),
        replace(SERVICE, pull_policy="always"),
        with_config("new", Reload("SIGHUP")),
    ],
)
def test_the_digest_stays(other: Service) -> None:
    assert digest(other, "sha256:1", PRINTS) == digest(SERVICE, "sha256:1", PRINTS)


@pytest.mark.parametrize(
    ("other", "image", "prints"),
    [
        (SERVICE, "sha256:2", PRINTS),
        (SERVICE, "sha256:1", {"!secret env:PASSWORD": "2222"}),
        (replace(SERVICE, container=ContainerSpec("c", "shop:v1", tty=True)), "sha256:1", PRINTS),
        (replace(SERVICE, secrets=(SecretFile("s", "x"),)), "sha256:1", PRINTS),
        (with_config("new", None), "sha256:1", PRINTS),
    ],
)
def test_the_digest_changes(other: Service, image: str, prints: dict[str, str]) -> None:
    assert digest(other, image, prints) != digest(SERVICE, "sha256:1", PRINTS)


def test_fingerprints_of_other_secrets_do_not_matter() -> None:
    more = {**PRINTS, "!secret env:OTHER": "3333"}
    assert digest(SERVICE, "sha256:1", more) == digest(SERVICE, "sha256:1", PRINTS)
    assert len(digest(SERVICE, "sha256:1", PRINTS)) == 16


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"role": "web"},
        {**dump(SERVICE), "colour": "red"},
        {**dump(SERVICE), "role": 5},
        {**dump(SERVICE), "container": {"name": "c", "image": "i", "tty": 1}},
        {**dump(SERVICE), "gate": {"checks": [{"kind": "dns"}]}},
        {**dump(SERVICE), "gate": {"checks": ["docker"]}},
        {**dump(SERVICE), "container": {"name": "c", "image": "i", "environment": [["A"]]}},
        {**dump(SERVICE), "container": {"name": "c", "image": "i", "command": [{"secret": "x"}]}},
    ],
)
def test_what_is_no_service_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        load(Service, data)


def test_all_refs_of_anything() -> None:
    a, b = SecretRef("env", "PASSWORD"), SecretRef("env", "TOKEN")
    auth = {"r": RegistryAuth("user", SealedText((Hole(b),)))}
    assert all_refs(SERVICE, auth, None) == {a, b}
