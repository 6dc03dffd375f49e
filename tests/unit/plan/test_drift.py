"""Where a host is not as it was left: every field has its line, and what cannot be told is not guessed."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from fleet.model.desired import Desired, HostState, Network, Volume
from fleet.model.found import Container, Facts, FoundDir, FoundFile, HostFacts, Unknown
from fleet.model.services import ConfigDir, ConfigFile, SecretFile, Service
from fleet.plan.compare import Change
from fleet.plan.drift import drift
from fleet.plan.files import seal
from fleet.secret import Hole, SealedText, SecretRef
from tests.support.build import container, desired, host_facts, pinned, service

REF = SecretRef("env", "PASSWORD")
SEALED = SealedText(("password=", Hole(REF)))
MARKS = {str(REF): "f1"}


def deployed(one: Service) -> Service:
    """As a release records it: by the digest that its tag stood for."""
    image = one.container.image
    return replace(one, container=replace(one.container, image=f"{image}@{pinned(image).partition('@')[2]}"))


def found(
    *containers: Container,
    wanted: Service | None = None,
    marks: dict[str, str] | None = None,
    **facts: object,
) -> list[Change]:
    one = service() if wanted is None else wanted
    wish = desired({"web-1": [deployed(one)]})
    host = host_facts("web-1", containers or [container(one)], **facts)
    changes = drift(wish, {"web-1": marks or {}}, Facts({"web-1": host}))
    assert all(change.hosts == ("web-1",) for change in changes)
    return [replace(change, hosts=()) for change in changes]


def test_a_host_as_it_was_left() -> None:
    assert found() == []


def test_another_version_and_other_fields() -> None:
    old = service(version="v0")
    old = replace(old, container=replace(old.container, environment=(("MODE", "old"),), restart="no"))
    assert found(container(old)) == [
        Change("web.app", "image", "app:v1 (763100000000)", "app:v0 (763000000000)"),
        Change("web.app", "environment.MODE", "", "old"),
        Change("web.app", "restart", "unless-stopped", "no"),
    ]


def test_the_same_tag_of_another_digest() -> None:
    other = replace(container(service()), image="registry.example:5000/app@sha256:" + "ab" * 32)
    (change,) = found(other)
    assert (change.old, change.new) == ("app:v1 (763100000000)", "app:v1 (abababababab)")


def test_what_was_changed_by_hand() -> None:
    one = replace(container(service()), altered=("restart: no → always", "mem_limit: 0 → 1000"))
    assert found(one) == [
        Change("web.app", "restart", "no", "always"),
        Change("web.app", "mem_limit", "0", "1000"),
    ]


def test_how_it_is() -> None:
    one = container(service())
    assert found(replace(one, state="exited", exit_code=137)) == [
        Change("web.app", "state", "running", "exited (exit code 137)")
    ]
    assert found(replace(one, health="unhealthy")) == [Change("web.app", "health", "healthy", "unhealthy")]
    assert found(replace(one, health="starting")) == []


def test_missing_and_foreign_and_double() -> None:
    other = container(service("old", "web"))
    double = replace(container(service(version="v0")), id="2", name="shop-test-web-app-2", state="exited")
    assert found(other) == [
        Change("web.app", old="app:v1 (763100000000)"),
        Change("web.old", new="old:v1 (763100000000), which was not deployed"),
    ]
    assert found(double, container(service())) == [
        Change("web.app", "another container", new="shop-test-web-app-2, app:v0 (763000000000), exited")
    ]


def test_a_container_of_unknown_make() -> None:
    one = replace(container(service()), definition=None)
    assert found(one) == [Change("web.app", "what it was made from", new="cannot be read from its label")]


def file(content: str | None, sha: str = "", **fields: object) -> FoundFile:
    made = FoundFile("app.ini", "0644", sha or hashlib.sha256((content or "").encode()).hexdigest(), "0:0",
                     content=content)  # fmt: skip
    return replace(made, **fields)  # type: ignore[arg-type]


WITH_FILE = replace(
    service(), configs=(ConfigDir("/srv/app", "/etc/app", (ConfigFile("app.ini", "a\nb\n"),)),)
)


def files(*there: FoundFile, **facts: object) -> list[Change]:
    dirs = {"/srv/app": FoundDir("/srv/app", True, files=there)}
    return found(container(WITH_FILE), wanted=WITH_FILE, **{"dirs": dirs, **facts})  # type: ignore[arg-type]


def test_files_by_their_lines() -> None:
    assert files(file("a\nb\n")) == []
    assert files(file("a\nc\n")) == [
        Change("web.app", "/srv/app/app.ini", lines=("@@ -1,2 +1,2 @@", " a", "-b", "+c"))
    ]
    assert files(file("a\nb")) == [Change("web.app", "/srv/app/app.ini", lines=("  the last line's end",))]
    assert files(file(None, "0" * 64)) == [
        Change("web.app", "/srv/app/app.ini", "as deployed", "changed; it is not shown")
    ]


def test_files_by_mode_owner_and_presence() -> None:
    assert files(file("a\nb\n", mode="0600", owner="5:5")) == [
        Change("web.app", "/srv/app/app.ini mode", "0644", "0600"),
        Change("web.app", "/srv/app/app.ini owner", "0:0", "5:5"),
    ]
    assert files() == [Change("web.app", "/srv/app/app.ini", old="there")]
    assert files(file("a\nb\n"), file("", name="stale"), file("", name="theirs", ours=False)) == [
        Change("web.app", "/srv/app/stale", new="there")
    ]
    assert files(dirs=Unknown("configuration files: denied")) == [
        Change("web.app", "/srv/app", "as deployed", "not known: configuration files: denied")
    ]


def test_files_with_secrets_are_told_by_their_mark_alone() -> None:
    config = ConfigDir("/srv/app", "/etc/app", (ConfigFile("app.ini", SEALED, "0600"),))
    one = replace(service(), configs=(config,))
    dirs = {"/srv/app": FoundDir("/srv/app", True, files=(file(None, "0" * 64, mode="0600"),))}
    mark = seal(SEALED, "0:0", "0600", MARKS)

    def seen(mark: str, marks: dict[str, str]) -> list[Change]:
        sealed = {"/srv/app": {"app.ini": mark}}
        return found(container(one), wanted=one, marks=marks, dirs=dirs, sealed=sealed)

    assert seen(mark, MARKS) == []
    assert seen("other", MARKS) == [
        Change("web.app", "/srv/app/app.ini", "as deployed", "changed; it holds secrets and is not shown")
    ]
    assert seen("other", {}) == [], "what it was is not known, so nothing is claimed"


def test_secret_files() -> None:
    one = replace(service(), secret_dir="/run/x", secrets=(SecretFile("p", SEALED),))
    mark = {"p": seal(SEALED, "0:0", "0400", MARKS)}

    def seen(sealed: object) -> list[Change]:
        return found(container(one), wanted=one, marks=MARKS, sealed=sealed)

    assert seen({"/run/x": mark}) == []
    assert seen({"/run/x": {"p": "other"}}) == [Change("web.app", "secret files", "as deployed", "changed")]
    assert seen({}) == [Change("web.app", "secret files", old="there (a reboot removes them: deploy again)")]
    assert seen(Unknown("secret files: denied")) == [
        Change("web.app", "secret files", "as deployed", "not known: secret files: denied")
    ]


def whole(wish: Desired, *hosts: HostFacts) -> tuple[Change, ...]:
    return drift(wish, {}, Facts({host.host: host for host in hosts}))


def test_equal_changes_are_told_once_and_hosts_without_facts_not_at_all() -> None:
    wish = desired({name: [deployed(service())] for name in ("a", "b", "c")})
    sick = replace(container(service()), health="unhealthy")
    assert whole(wish, host_facts("a", [sick]), host_facts("b", [sick])) == (
        Change("web.app", "health", "healthy", "unhealthy", ("a", "b")),
    )


def test_a_host_that_cannot_be_read() -> None:
    wish = desired({"a": [deployed(service())]})
    unread = replace(host_facts("a"), engine=Unknown("the Docker Engine does not run"))
    assert whole(wish, unread) == (Change("not known", "the Docker Engine does not run", hosts=("a",)),)


def test_networks_and_volumes_that_are_gone() -> None:
    state = HostState("a", networks=(Network("net", "web"),), volumes=(Volume("data", "web"),))
    wish = replace(desired({}), hosts=(state,))
    assert whole(wish, host_facts("a")) == (
        Change("network", old="net", hosts=("a",)),
        Change("volume", old="data", hosts=("a",)),
    )
    unread = {"networks": Unknown("networks: ?"), "volumes": Unknown("volumes: ?")}
    assert whole(wish, host_facts("a", **unread)) == ()


def test_only_the_roles_asked_for() -> None:
    wish = replace(desired({"a": [deployed(service())]}), selected=("web",))
    assert whole(wish, host_facts("a", [container(service()), container(service("db", "db"))])) == ()
