"""Facts of a fleet: what one host does not tell hides nothing of another; registries are asked once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from fleet.errors import RemoteFailed
from fleet.facts.script import PROBES
from fleet.model.desired import Desired
from fleet.model.found import Engine, Unknown
from fleet.ops.effects import ApiCall, RegistryAuth, ResolveDigest
from fleet.plan.build import plan
from fleet.run.gather import gather
from fleet.secret import Keyring, Secret, SecretRef
from fleet.transport.base import ApiFailed, ConnectionLost, Result
from tests.support.build import REGISTRY, desired, digest_of, service
from tests.support.stub import StubTransport, ended

IMAGE = f"{REGISTRY}/app:v1"
KEY = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
ANSWERS = {
    "engine": "version 26.1\nroot /var/lib/docker\n",
    "containers": "[]",
    "foreign_names": "ours shop/test",
    "images": "[]",
    "key": KEY,
    "clock": "1767225600",
}


class Host(StubTransport):
    """Answers the fused script with the sections in ``answers``, under the mark that it was given."""

    def __init__(self, name: str, ending: Result | Exception | None = None, **answers: str) -> None:
        super().__init__(host=name, answer=lambda call: digest_of(IMAGE))
        self.ending = ending
        self.answers = ANSWERS | answers

    def run(self, script: object, **kwargs: object) -> Result:  # type: ignore[override]
        self.scripts.append(str(script))
        if isinstance(self.ending, Exception):
            raise self.ending
        if self.ending:
            return self.ending
        mark = str(script).rsplit(" ", 2)[1]
        return ended(0, "".join(f"{self.answers.get(probe.name, '')}\n{mark} 0\n" for probe in PROBES))


def having(image: str = IMAGE) -> str:
    name = image.rpartition(":")[0]
    return json.dumps([{"Id": "1", "RepoTags": [image], "RepoDigests": [f"{name}@{digest_of(image)}"]}])


def wish(*hosts: str, **fields: object) -> Desired:
    return desired({host: [replace(service(), **fields)] for host in hosts})  # type: ignore[arg-type]


def ask(made: Desired, *hosts: Host, keyring: Keyring | None = None, **fields: object):  # type: ignore[no-untyped-def]
    given = {"registries": {}, "parallel": 4, **fields}
    found = gather(made, {host.host: host for host in hosts}, keyring or Keyring(), **given)
    return found.facts, found.errors


def test_one_call_per_host() -> None:
    one, two = Host("a"), Host("b")
    facts, errors = ask(wish("a", "b"), one, two)
    assert list(facts.hosts) == ["a", "b"]
    assert errors == {}
    assert (len(one.scripts), len(two.scripts)) == (1, 1)
    assert isinstance(facts.hosts["a"].engine, Engine)


def test_each_host_has_a_mark_of_its_own() -> None:
    one, two = Host("a"), Host("b")
    ask(wish("a", "b"), one, two)
    assert one.scripts[0] != two.scripts[0]


@pytest.mark.parametrize(
    "ending", [ConnectionLost("gone"), ended(None, timed_out=True), ended(1, err="no sh")]
)
def test_a_host_that_fails_hides_no_other(ending: Result | Exception) -> None:
    facts, errors = ask(wish("a", "b", "c"), Host("a"), Host("b", ending), Host("c"))
    assert list(facts.hosts) == ["a", "c"]
    assert list(errors) == ["b"]
    assert errors["b"].host == "b"
    assert facts.digests == {IMAGE: digest_of(IMAGE)}


def test_output_that_ends_early_is_unknown_and_no_error() -> None:
    facts, errors = ask(wish("a"), Host("a", ended(0, "")), registries=None)
    assert errors == {}
    assert facts.hosts["a"].containers == Unknown("the probe ended early")
    assert facts.fingerprints == {}


def test_the_registry_is_asked_once_for_all_hosts_through_the_first() -> None:
    hosts = [Host(name) for name in "abc"]
    auth = RegistryAuth("shop", "x")
    facts, _ = ask(wish("a", "b", "c"), *hosts, registries={REGISTRY: auth})
    assert hosts[0].asked == [ResolveDigest(IMAGE, auth)]
    assert [len(host.asked) for host in hosts] == [1, 0, 0]
    assert facts.digests == {IMAGE: digest_of(IMAGE)}


def test_a_digest_that_all_hosts_agree_about_is_not_asked_for() -> None:
    hosts = [Host(name, images=having()) for name in "ab"]
    facts, _ = ask(wish("a", "b"), *hosts)
    assert [host.asked for host in hosts] == [[], []]
    assert facts.digests == {IMAGE: digest_of(IMAGE)}


def test_one_host_without_it_is_reason_to_ask() -> None:
    hosts = [Host("a", images=having()), Host("b")]
    ask(wish("a", "b"), *hosts)
    assert len(hosts[0].asked) == 1


def test_pull_policy_always_asks_and_never_does_not() -> None:
    host = Host("a", images=having())
    ask(wish("a", pull_policy="always"), host)
    assert len(host.asked) == 1
    host = Host("a")
    facts, _ = ask(wish("a", pull_policy="never"), host)
    assert host.asked == []
    assert facts.digests == {}


def test_digests_that_are_settled_are_kept() -> None:
    host = Host("a", images=having())
    facts, _ = ask(wish("a"), host, digests={IMAGE: "sha256:saved"})
    assert facts.digests == {IMAGE: "sha256:saved"}
    host = Host("b")
    facts, _ = ask(wish("b"), host, digests={IMAGE: "sha256:saved"})
    assert host.asked == []


def test_without_registries_nobody_is_asked() -> None:
    host = Host("a")
    facts, _ = ask(wish("a"), host, registries=None)
    assert host.asked == []
    assert facts.digests == {}


def test_a_host_without_an_engine_is_not_the_one_to_ask_through() -> None:
    broken, good = Host("a", engine="Cannot connect to the Docker daemon"), Host("b")
    facts, _ = ask(wish("a", "b"), broken, good)
    assert broken.asked == []
    assert len(good.asked) == 1
    assert isinstance(facts.hosts["a"].engine, Unknown)
    broken = Host("a", engine="Cannot connect to the Docker daemon")
    facts, _ = ask(wish("a"), broken)
    assert facts.digests == {}


def test_what_a_registry_refuses_is_known_before_anything_is_changed() -> None:
    def refuse(call: ApiCall) -> Callable[[], None]:
        raise ApiFailed("there is no such tag", status=404)

    host = Host("a")
    host.answer = refuse
    with pytest.raises(ApiFailed, match="no such tag"):
        ask(wish("a"), host)


def test_fingerprints_are_made_under_each_hosts_own_key() -> None:
    keyring = Keyring({SecretRef("env", "P"): Secret("hunter2")})
    other = Host("b", key="b2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=")
    unknown = Host("c", key="Permission denied")
    facts, _ = ask(wish("a", "b", "c"), Host("a"), other, unknown, keyring=keyring, registries=None)
    prints = {name: marks["!secret env:P"] for name, marks in facts.fingerprints.items()}
    assert set(prints) == {"a", "b"}
    assert prints["a"] != prints["b"]
    assert "hunter2" not in repr(facts)


def test_a_script_that_could_not_start_is_an_error_of_that_host() -> None:
    _, errors = ask(wish("a"), Host("a", RemoteFailed("sudo asks for a password")), registries=None)
    assert errors["a"].what == "sudo asks for a password"


PINNED = f"{IMAGE}@{digest_of(IMAGE)}"


def pinned(*hosts: str, **fields: object) -> Desired:
    one = service()
    return wish(*hosts, container=replace(one.container, image=PINNED), **fields)


def refusing(host: Host, status: int) -> None:
    def refuse(call: ApiCall) -> None:
        raise ApiFailed("refused", status=status)

    host.answer = refuse


def test_an_image_by_digest_that_all_hosts_have_is_asked_of_nobody() -> None:
    hosts = [Host(name, images=having()) for name in "ab"]
    facts, _ = ask(pinned("a", "b"), *hosts)
    assert [host.asked for host in hosts] == [[], []]
    assert (facts.digests, facts.gone) == ({}, {})


def test_an_image_by_digest_that_a_host_lacks_is_asked_for_once_through_that_host() -> None:
    hosts = [Host("a", images=having()), Host("b"), Host("c")]
    facts, _ = ask(pinned("a", "b", "c"), *hosts)
    assert [len(host.asked) for host in hosts] == [0, 1, 0]
    assert hosts[1].asked == [ResolveDigest(f"{REGISTRY}/app@{digest_of(IMAGE)}", None)]
    assert facts.gone == {}


@pytest.mark.parametrize(("status", "why"), [(404, "is gone from"), (403, "is refused by")])
def test_an_image_that_is_gone_is_for_the_plan_to_tell(status: int, why: str) -> None:
    hosts = [Host("a", images=having()), Host("b"), Host("c", images=having())]
    refusing(hosts[1], status)
    wanted = pinned("a", "b", "c")
    facts, _ = ask(wanted, *hosts)
    assert facts.gone == {PINNED: f"{why} {REGISTRY}"}
    (error,) = plan(wanted, facts).errors
    short = digest_of(IMAGE)[:19]
    assert error.what == f"app:v1 ({short}…) {why} {REGISTRY}; a and c still have it, b does not"
    assert error.hint == "push it again from a (docker push), or choose another release"


def test_an_image_that_nobody_has_any_more() -> None:
    host = Host("a")
    refusing(host, 404)
    wanted = pinned("a", "b", "c", "d", "e", "f")
    facts, _ = ask(wanted, host, *map(Host, "bcdef"))
    (error,) = plan(wanted, facts).errors
    assert error.what.endswith(f"is gone from {REGISTRY}; a, b, c, d and 2 more do not have it")
    assert error.hint == "push it again, or choose another release"


def test_a_registry_that_refuses_for_another_reason_ends_it() -> None:
    host = Host("a")
    refusing(host, 401)
    with pytest.raises(ApiFailed, match="refused"):
        ask(pinned("a"), host)


def test_an_image_by_digest_that_is_never_pulled_is_not_asked_for() -> None:
    host = Host("a")
    facts, _ = ask(pinned("a", pull_policy="never"), host)
    assert host.asked == []
    (error,) = plan(pinned("a", pull_policy="never"), facts).errors
    assert "is not on the host" in error.what
