"""What repositories of restic are opened with: secrets stay references."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.config.restic import restic_access
from fleet.errors import ConfigError
from fleet.model.archives import Access
from fleet.model.hosts import Host
from fleet.model.refs import all_refs
from fleet.secret import Hole, SealedText, SecretRef

REF = SecretRef("env", "RESTIC")
SEALED = SealedText((Hole(REF),))


def host(**variables: Any) -> Host:
    return Host("db-1", vars={f"fleet_restic_{name}": value for name, value in variables.items()})


def test_everything_may_be_a_secret() -> None:
    found = restic_access(
        host(password=REF, environment={"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": REF, "N": 5},
             key=REF, known_hosts="nas ssh-ed25519 AAAA")
    )  # fmt: skip
    assert found == Access(
        SEALED, {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": SEALED, "N": "5"}, SEALED,
        "nas ssh-ed25519 AAAA",
    )  # fmt: skip
    assert all_refs(found) == {REF}


def test_only_the_password_is_needed() -> None:
    assert restic_access(host(password="s3cret")) == Access("s3cret")


@pytest.mark.parametrize(
    ("variables", "what"),
    [
        ({}, "fleet_restic_password is not set for db-1"),
        ({"password": ""}, "fleet_restic_password is not set"),
        ({"password": ["x"]}, "fleet_restic_password: a text is expected"),
        ({"password": "x", "environment": ["A=b"]}, "fleet_restic_environment must be a mapping"),
        ({"password": "x", "environment": {"A": True}}, "fleet_restic_environment: a text is expected"),
        ({"password": "x", "key": {"a": "b"}}, "fleet_restic_key: a text is expected"),
    ],
)
def test_what_is_wrong_with_them(variables: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        restic_access(host(**variables))
