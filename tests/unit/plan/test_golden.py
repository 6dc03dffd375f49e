"""Golden plans: a wish and what was found, and the plan as an operator reads it.

After a deliberate change: FLEET_GOLDEN=write pytest tests/unit/plan/test_golden.py, then read the diff.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.model.desired import Desired, Network, Volume
from fleet.model.found import Engine, Facts, FoundDir, FoundFile, Unknown
from fleet.model.found_tasks import FoundPath, FoundUser
from fleet.model.gates import AnyOf, DockerCheck, GateSpec, HttpCheck, TcpCheck
from fleet.model.jobs import Job, Undo, job_digest
from fleet.model.releases import JobRun
from fleet.model.services import (
    Batches,
    ConfigDir,
    ConfigFile,
    PortPair,
    Reload,
    SecretFile,
    Service,
    UpdatePolicy,
)
from fleet.model.tasks import (
    CommandTask,
    CronTask,
    FileTask,
    Handler,
    PackageTask,
    SysctlTask,
    Task,
    UserTask,
)
from fleet.ops.effects import RegistryAuth
from fleet.plan.build import plan
from fleet.plan.tree import Plan
from fleet.report.plan_text import plan_lines
from fleet.secret import Hole, SealedText, SecretRef
from tests.support.build import (
    REGISTRY,
    container,
    desired,
    facts_for,
    host_facts,
    job_container,
    migration,
    pinned,
    service,
    with_jobs,
)
from tests.unit.plan import test_snapshots as snapshots
from tests.unit.plan import test_upgrades as upgrades
from tests.unit.plan import test_volumes as volumes

GOLDEN = Path(__file__).parent / "golden"
PASSWORD = SealedText((Hole(SecretRef("env", "DB_PASSWORD")),))
PRINT = {str(SecretRef("env", "DB_PASSWORD")): "0123456789abcdef"}
Case = Callable[[], tuple[Desired, Facts]]


def first_deploy() -> tuple[Desired, Facts]:
    gate = GateSpec((DockerCheck(), AnyOf((HttpCheck(8000, "/health", match="ok"), TcpCheck(8000)))))
    web = service(
        gate=gate,
        secret_dir="/run/fleet/shop/test/web/app",
        secrets=(SecretFile("db_password", PASSWORD),),
        update=UpdatePolicy(Batches((1, "100%")), delay=5, failure_action="rollback"),
    )
    db = service("postgres", "database")
    wish = desired(
        {"db-1": [db], "web-1": [web], "web-2": [web], "web-3": [web]}, web={"needs": ("database",)}
    )
    state = replace(
        wish.hosts[0],
        networks=(Network("shop-test-database_default", "database"),),
        volumes=(Volume("shop-test-database_data", "database"),),
    )
    wish = replace(wish, hosts=(state, *wish.hosts[1:]))
    facts = facts_for(wish)
    return wish, replace(facts, fingerprints=dict.fromkeys(facts.hosts, PRINT))


def update() -> tuple[Desired, Facts]:
    """Fifty hosts, one after the other; the environment changes with the image."""
    hosts = [f"web-{number:02}" for number in range(1, 51)]
    old = service()
    spec = replace(
        service(version="v2").container,
        environment=(("LEVEL", "debug"), ("PASSWORD", PASSWORD)),
        mem_limit=512 * 1024 * 1024,
    )
    new = replace(service(version="v2"), container=spec)
    wish = desired({host: [new] for host in hosts}, "v2", web={"min_healthy": "80%"})
    found = [host_facts(host, [container(old, f"{host}-app")], [old.container.image]) for host in hosts]
    facts = facts_for(wish, *found)
    return wish, replace(facts, fingerprints=dict.fromkeys(hosts, PRINT))


def start_first() -> tuple[Desired, Facts]:
    pair = (PortPair(8000, 8001, 9001),)
    policy = UpdatePolicy(order="start-first")
    old, new = service(port_pair=pair, update=policy), service(version="v2", port_pair=pair, update=policy)
    wish = desired({"web-1": [new]}, "v2")
    return wish, facts_for(wish, host_facts("web-1", [container(old)], [old.container.image]))


CONFIG = "global\n  maxconn 100\n"


def configured(reload: Reload | None) -> Service:
    files = (ConfigFile("haproxy.cfg", CONFIG), ConfigFile("users", PASSWORD, "0600"))
    return service("haproxy", "lb", configs=(ConfigDir("/srv/lb", "/etc/haproxy", files, reload=reload),))


def configuration() -> tuple[Desired, Facts]:
    """One file changes, one holds secrets, one was there before Fleet, one is wanted no more."""
    one = configured(Reload(signal="SIGUSR2"))
    wish = desired({"lb-1": [one]})
    files = (
        FoundFile("haproxy.cfg", "0644", "a" * 64, "0:0", False, "global\n  maxconn 50\n"),
        FoundFile("old.cfg", "0644", "b" * 64, "0:0", True, "gone\n"),
        FoundFile("users", "0600", "c" * 64),
    )
    found = host_facts(
        "lb-1",
        [container(one)],
        [one.container.image],
        dirs={"/srv/lb": FoundDir("/srv/lb", True, True, files)},
        sealed={"/srv/lb": {"users": "another"}},
    )
    facts = facts_for(wish, found)
    return wish, replace(facts, fingerprints={"lb-1": PRINT})


def hand_made_changes() -> tuple[Desired, Facts]:
    one = service()
    wish = desired({f"web-{number}": [one] for number in range(1, 6)})
    images = [one.container.image]
    found = [
        host_facts("web-1", [container(one, altered=("restart: unless-stopped → no",))], images),
        host_facts("web-2", [container(one, state="exited", exit_code=137)], images),
        host_facts("web-3", [container(one, health="unhealthy")], images),
        host_facts("web-4", [container(one, health="starting")], images),
        host_facts(
            "web-5",
            [container(one), container(one, "next", name="shop-test-web-app-1.next", state="created")],
            images,
        ),
    ]
    return wish, facts_for(wish, *found)


def dropped_and_renamed() -> tuple[Desired, Facts]:
    """``old`` holds the port that ``app`` wants; ``side`` is wanted no more."""
    old, side = (
        service("old"),
        replace(service("side"), container=replace(service("side").container, ports=())),
    )
    wish = desired({"web-1": [service()]})
    return wish, facts_for(
        wish, host_facts("web-1", [container(old), container(side)], [service().container.image])
    )


def another_container_name() -> tuple[Desired, Facts]:
    """It is replaced like any other, not removed first and made anew."""
    old, new = service(), service()
    new = replace(new, container=replace(new.container, name="shop"))
    wish = desired({"web-1": [new]})
    return wish, facts_for(wish, host_facts("web-1", [container(old)], [old.container.image]))


def a_service_more() -> tuple[Desired, Facts]:
    """The role keeps its minimum although no host has the new service yet; little room on one disk."""
    app, side = service(version="v2"), service("side")
    side = replace(side, container=replace(side.container, ports=()))
    hosts = ("web-1", "web-2")
    wish = desired({host: [app, side] for host in hosts}, "v2", web={"min_healthy": 2})
    old = service()
    found = [host_facts(host, [container(old, f"{host}-app")], [old.container.image]) for host in hosts]
    found[1] = replace(found[1], engine=Engine("26.1", "/var/lib/docker", 300_000_000))
    return wish, facts_for(wish, *found)


def orphans_removed() -> tuple[Desired, Facts]:
    wish, facts = dropped_and_renamed()
    return replace(wish, remove_orphans=True), facts


def gates_not_passed() -> tuple[Desired, Facts]:
    """Of runs that were cut off: one between start and gate, one with the old and the new side by side."""
    policy = UpdatePolicy(order="start-first")
    pair = (PortPair(8000, 8001, 9001),)
    old, new = service(port_pair=pair, update=policy), service(version="v2", port_pair=pair, update=policy)
    wish = desired({"web-1": [new], "web-2": [new], "web-3": [new]}, "v2")
    second = container(new, "second", name="shop-test-web-app-2")
    images = [old.container.image, new.container.image]
    found = [
        host_facts("web-1", [container(new)], images, proven=()),
        host_facts("web-2", [container(old, "first"), second], images, proven=("first",)),
        host_facts(
            "web-3", [container(old, "first"), replace(second, health="unhealthy")], images, proven=("first",)
        ),
    ]
    return wish, facts_for(wish, *found)


def nothing_to_do() -> tuple[Desired, Facts]:
    one = service()
    wish = desired({"web-1": [one], "web-2": [one]})
    found = [
        host_facts(host, [container(one, f"{host}-app")], [one.container.image])
        for host in ("web-1", "web-2")
    ]
    return wish, facts_for(wish, *found)


def moved_tag() -> tuple[Desired, Facts]:
    one = service(pull_policy="always")
    wish = desired({"web-1": [one]})
    facts = facts_for(wish, host_facts("web-1", [container(one)], [one.container.image]))
    return wish, replace(facts, digests={one.container.image: "sha256:" + "f" * 64})


def refusals() -> tuple[Desired, Facts]:
    old = service()
    new = service(version="v2", update=UpdatePolicy(Batches((2,))))
    wish = desired({"web-1": [new], "web-2": [new], "web-3": [new]}, "v2", web={"min_healthy": 2})
    found = [
        host_facts("web-1", [container(old, "one")], [old.container.image]),
        host_facts("web-2", [container(old, "two")], [old.container.image]),
        host_facts("web-3", ports={8001: "a process on the host"}, foreign_names=("shop-test-web-app-1",)),
    ]
    return wish, facts_for(wish, *found)


def unreadable() -> tuple[Desired, Facts]:
    wish = desired({"web-1": [service()], "web-2": [service()]})
    found = [
        host_facts("web-1", engine=Unknown("docker is not installed")),
        host_facts("web-2", networks=Unknown("networks: no answer")),
    ]
    return wish, facts_for(wish, *found)


def jobs_around_the_rollouts() -> tuple[Desired, Facts]:
    """The files are new as well: the job's host gets them before the job."""
    old = service()
    new = service(
        version="v2", configs=(ConfigDir("/srv/app", "/etc/app", (ConfigFile("app.ini", "level = 2\n"),)),)
    )
    wish = desired({"web-1": [new], "web-2": [new]}, "v2")
    index = Job("web", "index", "app", ("index", "all of it"), at="after")
    wish = with_jobs(wish, migration(), index)
    found = [
        host_facts(name, [container(old, f"{name}-app")], [old.container.image])
        for name in ("web-1", "web-2")
    ]
    return wish, facts_for(wish, *found)


def a_job_that_ran() -> tuple[Desired, Facts]:
    wish, facts = nothing_to_do()
    ran = JobRun("web.migrate", job_digest(migration(), pinned(service().container.image)), "web-2")
    return with_jobs(wish, migration()), replace(facts, jobs={ran.key: ran})


def a_job_alone() -> tuple[Desired, Facts]:
    """It is new, and its service is as wanted."""
    wish, facts = nothing_to_do()
    return with_jobs(wish, migration()), facts


def jobs_undone() -> tuple[Desired, Facts]:
    """Back from v2, whose image has left one of the hosts meanwhile."""
    one, later = service(), service(version="v2")
    index = Job("web", "index", "app", ("index",), at="after", down=("index", "--drop"))
    seed = Job("web", "seed", "app", ("seed",))
    wish = desired({"web-1": [one], "web-2": [one]})
    wish = replace(wish, undo=tuple(Undo("web-1", job, later, 7, "v2") for job in (index, seed, migration())))
    found = host_facts("web-2", [container(later, "web-2-app")], [later.container.image])
    facts = facts_for(wish, found)
    image = later.container.image
    facts = replace(facts, digests={**facts.digests, image: pinned(image).partition("@")[2]})
    ran = {
        job.key: JobRun(job.key, job_digest(job, pinned(image)), "web-1")
        for job in (index, seed, migration())
    }
    return wish, replace(facts, jobs=ran)


def jobs_cut_off() -> tuple[Desired, Facts]:
    """One runs yet on the second host; another failed; a third is one that this release does not have."""
    one = service()
    index = Job("web", "index", "app", ("index",), at="after")
    other = Job("web", "other", "app", ("other",))
    wish, facts = nothing_to_do()
    found = (
        job_container(migration(), one, "runs"),
        job_container(index, one, "failed", state="exited", exit_code=1),
        job_container(other, one, "needless", release="v0"),
        job_container(replace(other, name="ended"), one, "ended", state="exited"),
    )
    second = facts.hosts["web-2"]
    second = replace(second, containers=(*second.containers, *found))
    return with_jobs(wish, migration(), index), replace(facts, hosts={**facts.hosts, "web-2": second})


def a_volume_that_moves() -> tuple[Desired, Facts]:
    return volumes.moving()


def a_volume_taken_back() -> tuple[Desired, Facts]:
    wish = replace(volumes.wish("db-2", back=True), remove_orphans=True)
    away = replace(volumes.AWAY, proven=False)
    return wish, volumes.facts(wish, volumes.lying("db-2", volumes.FENCED), volumes.serving("db-1", away))


def volumes_refused() -> tuple[Desired, Facts]:
    wish = volumes.wish("db-2", image="")
    return wish, volumes.facts(wish, volumes.lying("db-2", None, project=""), homes={"db-0": volumes.LIVE})


def a_volume_kept_first() -> tuple[Desired, Facts]:
    wish = snapshots.caring(volumes.wish("db-1"))
    return wish, volumes.facts(wish, snapshots.holding(volumes.serving("db-1"), *snapshots.numbered(3)))


def tasks_of_hosts() -> tuple[Desired, Facts]:
    """What is missing on one host, and has been changed by hand on the other."""
    mode = FileTask("/srv/shop", "directory", owner="shop", mode="0750")
    conf = FileTask("/etc/shop.conf", content="title = The corner shop\narticles = tea\n", mode="0644")
    bodies = {
        "Packages": PackageTask(("nftables",)),
        "Who runs it": UserTask("shop", groups=("adm",), shell="/bin/sh"),
        "Directory": mode,
        "Configuration": conf,
        "Password": FileTask("/etc/shop.pw", content=PASSWORD, mode="0600"),
        "Not any more": FileTask("/srv/old", "absent"),
        "Current": FileTask("/srv/now", "link", target="/srv/shop"),
        "Key": CommandTask(("make-key", "--for", "the shop"), creates="/etc/shop.key"),
        "Connections": SysctlTask("net.core.somaxconn", "4096", "/etc/sysctl.d/99-fleet.conf"),
        "Backup": CronTask("backup", "5 3 * * * backup", "shop"),
    }
    tasks = tuple(Task("web", name, body, "", ("reload",)) for name, body in bodies.items())
    handlers = (Handler("web", "reload", CommandTask(("systemctl", "reload", "shop"))),)
    wish = desired({"web-1": [service()], "web-2": [service()]})
    wish = replace(wish, hosts=tuple(replace(state, tasks=tasks, handlers=handlers) for state in wish.hosts))
    paths = {
        "/srv/shop": FoundPath("/srv/shop", "directory", "0777", "root", "root", "0:0"),
        "/etc/shop.conf": _file("/etc/shop.conf", "title = The little shop\narticles = tea\n"),
        "/etc/shop.pw": replace(_file("/etc/shop.pw", "x"), content=None, mode="0600"),
        "/srv/now": FoundPath("/srv/now", "directory", link="/srv/then"),
        "/etc/sysctl.d/99-fleet.conf": _file("/etc/sysctl.d/99-fleet.conf", "net.core.somaxconn = 128\n"),
    }
    changed = host_facts(
        "web-2",
        paths=paths,
        packages={"nftables": "1.0.6"},
        kernel={"net.core.somaxconn": "128"},
        users={"shop": FoundUser("shop", "900", "shop", (), "", "/srv/shop", "/bin/bash")},
        crontabs={"shop": "#Ansible: backup\n5 4 * * * backup\n"},
    )
    bare = host_facts("web-1", kernel={"net.core.somaxconn": "4096"}, paths={
        "/srv/old": FoundPath("/srv/old", "directory", "0755", "root", "root", "0:0"),
        "/etc/sysctl.d/99-fleet.conf": FoundPath("/etc/sysctl.d/99-fleet.conf"),
    })  # fmt: skip
    facts = facts_for(wish, bare, changed)
    return wish, replace(facts, fingerprints=dict.fromkeys(facts.hosts, PRINT))


def _file(path: str, content: str) -> FoundPath:
    return FoundPath(path, "file", "0644", "root", "root", "0:0", "f" * 64, content=content)


def tasks_in_the_way() -> tuple[Desired, Facts]:
    task = Task("web", "Configuration", FileTask("/etc/shop", content="x"))
    wish = desired({"web-1": [service()], "web-2": [service()]})
    wish = replace(wish, hosts=tuple(replace(state, tasks=(task,)) for state in wish.hosts))
    paths = {"/etc/shop": FoundPath("/etc/shop", "directory", "0755", "root", "root", "0:0")}
    return wish, facts_for(wish, *(host_facts(name, paths=paths) for name in ("web-1", "web-2")))


def tasks_without_root() -> tuple[Desired, Facts]:
    wish = desired({"web-1": [service()]})
    unknown = Unknown("what host tasks need: the login user is not root")
    return wish, facts_for(wish, host_facts("web-1", notified=unknown))


def a_volume_upgraded() -> tuple[Desired, Facts]:
    wish = upgrades.wanting()
    return wish, upgrades.seen(wish, snapshots.holding(volumes.serving("db-1"), *snapshots.numbered(3)))


def a_volume_too_new() -> tuple[Desired, Facts]:
    wish = upgrades.wanting(None, "v1")
    return wish, upgrades.seen(
        wish, snapshots.holding(volumes.serving("db-1", upgrades.DONE), upgrades.BEFORE)
    )


CASES: tuple[Case, ...] = (
    tasks_of_hosts,
    tasks_in_the_way,
    tasks_without_root,
    first_deploy, update, start_first, another_container_name, a_service_more, configuration,
    hand_made_changes, dropped_and_renamed, orphans_removed, gates_not_passed,
    nothing_to_do, moved_tag, refusals, unreadable, jobs_around_the_rollouts, a_job_that_ran, a_job_alone,
    jobs_undone, jobs_cut_off, a_volume_that_moves, a_volume_taken_back, volumes_refused,
    a_volume_kept_first, a_volume_upgraded, a_volume_too_new,
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_plan(case: Case) -> None:
    wish, facts = case()
    registries = {REGISTRY: RegistryAuth("fleet", PASSWORD)}
    _is_golden(case.__name__, plan(wish, facts, registries))


def test_a_volume_restored() -> None:
    _, _, planned = snapshots.back(snapshots.holding(volumes.serving("db-1"), snapshots.OLD))
    _is_golden("a_volume_restored", planned)


def _is_golden(name: str, planned: Plan) -> None:
    text = "\n".join(line.text for line in plan_lines(planned, diff=True)) + "\n"
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("FLEET_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


def test_a_restart_by_configuration_alone() -> None:
    """Without a reload the container is made anew when a file was edited by hand."""
    one = configured(None)
    wish = desired({"lb-1": [one]})
    facts = replace(facts_for(wish), fingerprints={"lb-1": PRINT})
    found = container(one, spec_digest=next(iter(_digests(wish, facts))))
    facts = replace(facts, hosts={"lb-1": host_facts("lb-1", [found], [one.container.image])})
    (rollout,) = plan(wish, facts).stages
    assert [type(step.op).__name__ for step in rollout.turns[0].steps[:2]] == ["WriteConfig", "Replace"]
    assert "its configuration files are not as wanted" in rollout.turns[0].steps[1].op.describe()


def _digests(wish: Desired, facts: Facts) -> set[str]:
    return {step.op.recipe.digest for step in plan(wish, facts).steps if hasattr(step.op, "recipe")}
