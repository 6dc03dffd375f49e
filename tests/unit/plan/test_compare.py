"""What differs between two recorded releases."""

from __future__ import annotations

from dataclasses import replace

from fleet.model.desired import Desired, Network
from fleet.model.gates import GateSpec
from fleet.model.jobs import Job
from fleet.model.services import Batches, ConfigDir, ConfigFile, Reload, SecretFile, Service, UpdatePolicy
from fleet.model.tasks import CommandTask, FileTask, Handler, PackageTask, Task
from fleet.plan.compare import Change, compare, image_text
from fleet.secret import Hole, SealedText, SecretRef, Text
from tests.support.build import desired, service
from tests.support.history import record

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def changes(old: Service, new: Service, *more: Service) -> list[Change]:
    return list(compare(record(desired({"web-1": [old]})), record(desired({"web-1": [new, *more]}))))


def one(subject: str, what: str, old: str = "", new: str = "", lines: tuple[str, ...] = ()) -> Change:
    return Change(subject, what, old, new, ("web-1",), lines)


def pinned(digest: str, version: str = "v1") -> Service:
    made = service(version=version)
    image = f"{made.container.image}@{digest}"
    return replace(made, container=replace(made.container, image=image))


def environment(**values: Text) -> Service:
    made = service()
    return replace(made, container=replace(made.container, environment=tuple(sorted(values.items()))))


def configured(text: Text | None, mode: str = "0644", reload: Reload | None = None) -> Service:
    files = (ConfigFile("app.ini", text, mode),) if text is not None else ()
    return service(configs=(ConfigDir("/srv/app", "/etc/app", files, reload=reload),))


def test_nothing() -> None:
    assert changes(service(), service()) == []
    assert changes(service(release="v0"), service()) == []


def test_images_by_tag_and_digest() -> None:
    (moved,) = changes(pinned(A), pinned(B))
    assert moved == one("web.app", "image", "app:v1 (aaaaaaaaaaaa)", "app:v1 (bbbbbbbbbbbb)")
    (newer,) = changes(pinned(A), pinned(A, "v2"))
    assert (newer.old, newer.new) == ("app:v1 (aaaaaaaaaaaa)", "app:v2 (aaaaaaaaaaaa)")
    assert image_text(f"shop@{A}") == "shop (aaaaaaaaaaaa)"
    assert image_text("shop") == "shop:latest"


def test_environment_by_key_with_secrets_as_references() -> None:
    sealed = SealedText((Hole(SecretRef("env", "DB")),))
    assert changes(environment(A="1", B="2", C="3"), environment(B="2", C="4", D=sealed)) == [
        one("web.app", "environment.A", "1"),
        one("web.app", "environment.C", "3", "4"),
        one("web.app", "environment.D", "", "‹!secret env:DB›"),
    ]


def test_configuration_line_by_line() -> None:
    (edited,) = changes(configured("a\nb\n"), configured("a\nc\n"))
    assert edited == one("web.app", "/srv/app/app.ini", lines=("@@ -1,2 +1,2 @@", " a", "-b", "+c"))
    (moded,) = changes(configured("a\n"), configured("a\n", "0600"))
    assert (moded.old, moded.new, moded.lines) == ("0644", "0600", ())
    (made,) = changes(configured(None), configured("a\n"))
    assert (made.new, made.lines) == ("0644", ("@@ -0,0 +1 @@", "+a"))
    (told,) = changes(configured("a\n"), configured("a\n", reload=Reload("SIGHUP")))
    assert (told.what, told.old) == ("/srv/app reload", "")


def test_secrets_gates_and_policies() -> None:
    sealed = SealedText((Hole(SecretRef("env", "KEY")),))
    files = (SecretFile("key", sealed),)
    assert changes(service(), service(secrets=files, secret_dir="/run/x")) == [
        one("web.app", "secrets.key", "", "‹!secret env:KEY›")
    ]
    assert changes(service(gate=GateSpec(deadline=30)), service(gate=GateSpec(deadline=60))) == [
        one("web.app", "gate.deadline", "30", "60")
    ]
    old, new = UpdatePolicy(Batches((1,))), UpdatePolicy(Batches((1, "50%")), order="start-first")
    assert changes(service(update=old), service(update=new)) == [
        one("web.app", "update.batches.sizes", "[1]", '[1,"50%"]'),
        one("web.app", "update.order", "stop-first", "start-first"),
    ]


def test_services_jobs_networks_and_roles_that_come_and_go() -> None:
    assert changes(service(), service(), service("side")) == [one("web.side", "", "", "side:v1")]
    assert changes(service("side"), service()) == [
        one("web.side", "", "side:v1"),
        one("web.app", "", "", "app:v1"),
    ]
    before = desired({"web-1": [service()]}, web={"min_healthy": 1})
    after = desired({"web-1": [service()]}, web={"min_healthy": "50%"})
    job = Job("web", "migrate", "app", ("migrate", "up"))
    state = replace(after.hosts[0], jobs=(job,), networks=(Network("shop-net", "web"),))
    after = replace(after, hosts=(state,))
    assert list(compare(record(before), record(after))) == [
        Change("role web", "min_healthy", "1", "50%"),
        one("job web.migrate", "", "", "migrate up"),
        one("network", "", "", "shop-net"),
    ]
    slower = replace(after, hosts=(replace(state, jobs=(replace(job, timeout=60),)),))
    assert list(compare(record(after), record(slower))) == [one("job web.migrate", "timeout", "600", "60")]


def test_hosts_that_come_and_go_are_told_without_their_services() -> None:
    before = desired({"web-1": [service()], "web-9": [service(), service("db", "db")]})
    after = desired({"web-1": [service()], "web-2": [service()]})
    assert list(compare(record(before), record(after))) == [
        Change("hosts", old="web-9 (web, db)"),
        Change("hosts", new="web-2 (web)"),
    ]


def test_what_is_the_same_on_many_hosts_is_told_once() -> None:
    hosts = [f"web-{number}" for number in range(1, 5)]
    before = desired({host: [service()] for host in hosts})
    after = desired({host: [service(version="v3" if host == "web-2" else "v2")] for host in hosts})
    assert [(one.new, one.hosts) for one in compare(record(before), record(after))] == [
        ("app:v2", ("web-1", "web-3", "web-4")),
        ("app:v3", ("web-2",)),
    ]


def test_a_secret_with_another_value_is_told_and_not_shown() -> None:
    wanted = desired({"web-1": [service()]})
    marks = [{"web-1": {"!secret env:DB": mark, "!secret env:SAME": "x"}} for mark in "ab"]
    old, new = (record(wanted, marks=one) for one in marks)
    assert list(compare(old, new)) == [one("secrets", "!secret env:DB", "one value", "another")]


def test_tasks_of_hosts() -> None:
    def release(*tasks: Task, handlers: tuple[Handler, ...] = ()) -> Desired:
        wish = desired({"web-1": [service()]})
        return replace(wish, hosts=(replace(wish.hosts[0], tasks=tasks, handlers=handlers),))

    loop = [Task("web", "many", FileTask(f"/srv/{name}", "directory")) for name in "ab"]
    old = release(
        Task("web", "conf", FileTask("/etc/a", content="one\n")),
        Task("web", "gone", PackageTask(("a",))),
        *loop,
    )
    reload = Handler("web", "reload", CommandTask(("true",)))
    new = release(
        Task("web", "conf", FileTask("/etc/a", content="two\n", mode="0600")), *loop[:1], handlers=(reload,)
    )
    lines = ("--- content (found)", "+++ content", "@@ -1 +1 @@", "-one", "+two")
    assert list(compare(record(old), record(new))) == [
        one("task web: conf", "content", lines=lines),
        one("task web: conf", "mode", "", "0600"),
        one("task web: gone", "", "wanted"),
        one("task web: many", "", "wanted 2 times", "wanted"),
        one("handler web: reload", "", "", "wanted"),
    ]
