"""Going back trusts a host's labels with nothing that concerns the controller or other hosts."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from fleet.model.found import FoundDir, FoundFile
from fleet.model.gates import ControllerCheck, GateSpec, RunningCheck
from fleet.model.services import ConfigDir, ConfigFile, Reload, Service
from fleet.plan.build import plan
from fleet.plan.previous import instead, lost, previous
from fleet.secret import Hole, SealedText, SecretRef
from tests.support.build import container, desired, facts_for, host_facts, service

OURS = SealedText((Hole(SecretRef("env", "OURS")),))
THEIRS = SealedText((Hole(SecretRef("file", "/root/.ssh/id_ed25519")),))


def with_secret(secret: SealedText, version: str = "v1") -> Service:
    one = service(version=version)
    return replace(one, container=replace(one.container, environment=(("SECRET", secret),)))


def test_a_secret_that_todays_roles_do_not_give_to_the_host_is_not_given() -> None:
    wish = desired({"web-1": [with_secret(OURS, "v2")]}, "v2")
    before = facts_for(wish, host_facts("web-1", [container(with_secret(THEIRS), "old")]))
    assert previous(wish, before, ["web-1"]).hosts[0].services == ()


def test_a_secret_that_they_do_give_comes_back() -> None:
    wish = desired({"web-1": [with_secret(OURS, "v2")]}, "v2")
    before = facts_for(wish, host_facts("web-1", [container(with_secret(OURS), "old")]))
    back = previous(wish, before, ["web-1"])
    (service_before,) = back.hosts[0].services
    assert service_before.container.environment == (("SECRET", OURS),)
    assert back.version == "v0"


def test_only_checks_of_todays_roles_run_on_the_controller() -> None:
    ours, theirs = ControllerCheck(("curl", "http://shop")), ControllerCheck(("sh", "-c", "steal"))
    old = service(gate=GateSpec((RunningCheck(), ours, theirs)))
    wish = desired({"web-1": [service(version="v2", gate=GateSpec((ours,)))]}, "v2")
    before = facts_for(wish, host_facts("web-1", [container(old, "old")]))
    (service_before,) = previous(wish, before, ["web-1"]).hosts[0].services
    assert service_before.gate.checks == (RunningCheck(), ours)


def test_what_comes_back_by_the_ledger_is_not_lost_though_its_label_is_not_believed() -> None:
    wish = desired({"web-1": [with_secret(OURS, "v2")]}, "v2")
    before = facts_for(wish, host_facts("web-1", [container(with_secret(THEIRS), "old")]))
    now = facts_for(wish, host_facts("web-1", [container(with_secret(OURS, "v2"), "new")]))
    back = desired({"web-1": [with_secret(THEIRS)]}, "v1")
    assert list(lost(back, before, now)) == []
    assert list(instead(back, before, now)) == []


def test_what_cannot_be_made_again_is_spared_and_told_only_when_it_is_gone() -> None:
    """A label of another version of Fleet; the container was replaced by the run, or was not."""
    wish = desired({"web-1": [service(version="v2")]}, "v2")
    unread = container(service(), "old", definition=None)
    before = facts_for(wish, host_facts("web-1", [unread]))
    back = previous(wish, before, ["web-1"])
    assert plan(back, before, reverse=True, spared={"old"}).empty
    assert list(lost(back, before, before)) == []
    now = facts_for(wish, host_facts("web-1", [container(service(version="v2"), "new")]))
    assert list(lost(back, before, now)) == ["web-1: shop-test-web-app-1"]
    assert plan(back, now, reverse=True, spared=instead(back, before, now)).empty


def test_files_that_came_with_a_reload_after_the_container_was_made_come_back_too() -> None:
    def configured(**files: str) -> Service:
        made = tuple(ConfigFile(name, text) for name, text in files.items())
        return service(configs=(ConfigDir("/srv/app", "/etc/app", made, reload=Reload("SIGHUP")),))

    def found(name: str, text: str) -> FoundFile:
        return FoundFile(name, "0644", hashlib.sha256(text.encode()).hexdigest(), content=text)

    wish = desired({"web-1": [configured(a="new")]}, "v2")
    here = FoundDir("/srv/app", True, files=(found("a", "reloaded"), found("b", "added")))
    host = host_facts("web-1", [container(configured(a="first"), "old")], dirs={"/srv/app": here})
    (service_before,) = previous(wish, facts_for(wish, host), ["web-1"]).hosts[0].services
    assert service_before.configs[0].files == (ConfigFile("a", "reloaded"), ConfigFile("b", "added"))


def test_a_container_stopped_by_hand_is_not_removed() -> None:
    wish = desired({"web-1": [service(version="v2")]}, "v2")
    before = facts_for(wish, host_facts("web-1", [container(service(), "old", state="exited")]))
    assert len(previous(wish, before, ["web-1"]).hosts[0].services) == 1
