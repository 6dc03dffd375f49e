"""Batches, gates and what a failure means for the rest, on real hosts."""

from __future__ import annotations

from collections.abc import Callable

from fleet.rehearsal import Host
from tests.support.look import answer, containers, ids, only_version, versions
from tests.support.project import ENV, Project, service

Web = Callable[[int], Host]
ALL = (1, 2, 3)


def test_a_version_that_never_gets_healthy_is_taken_back(project: Project, web: Web) -> None:
    project.role(update={"parallelism": 1}, gate={"deadline": "5s"})
    project.deploy("v1").ended(0)
    before = [ids(web(number)) for number in ALL]
    failed = project.deploy("sick").ended(3)
    failed.says(
        "web.app is not healthy: timeout, not healthy within 5 s",
        "http :8000/health: status 503, wanted 200: the database does not answer",
        "log: version sick begins",
        "sick failed and was rolled back: web.app failed on web-1",
        ".fleet/runs/",
    )
    assert [answer(web(number)) for number in ALL] == ["ok v1"] * 3
    assert [ids(web(number)) for number in (2, 3)] == before[1:]
    (bundle,) = (project.runs[-1] / "failures").iterdir()
    assert "samples" in bundle.read_text()
    project.deploy("v1").ended(0).says("Nothing to do")


def test_a_container_that_dies_ends_the_gate_at_once(project: Project, web: Web) -> None:
    project.inventory({"web": ["web-1"]})
    project.role(gate={"deadline": "5m"}, restart="no")
    project.deploy("v1").ended(0)
    failed = project.deploy("dies").ended(3)
    failed.says("exit code 7", "log: cannot read the licence")
    assert failed.seconds < 150
    assert answer(web(1)) == "ok v1"


def test_a_container_that_restarts_again_and_again_is_not_waited_for(project: Project, web: Web) -> None:
    project.inventory({"web": ["web-1"]})
    project.role(gate={"deadline": "5m"})
    failed = project.deploy("dies").ended(3)
    failed.says("restart")
    assert failed.seconds < 150
    assert containers(web(1)) == {}, "what was not there before is gone after the way back"


def test_docker_health_is_waited_for_and_a_slow_start_is_no_failure(project: Project, web: Web) -> None:
    check = {"test": ["CMD", "/app", "health"], "interval": "300ms", "retries": 20, "start_period": "5s"}
    project.inventory({"web": ["web-1"]})
    project.role(healthcheck=check, gate={"checks": ["docker"], "deadline": "15s"})
    project.deploy("slow").ended(0)
    assert containers(web(1))[f"{project.name}-test-web-app-1"]["State"]["Health"]["Status"] == "healthy"


def test_every_kind_of_check_passes_for_a_healthy_service(project: Project) -> None:
    checks = [
        "running",
        {"http": {"port": 8000, "path": "/health", "status": 200, "match": "^ok v1"}},
        {"tcp": {"port": 8000}},
        {"exec": ["/app", "health"]},
        {"controller": ["true"]},
        {"log": "version v1 begins"},
        {"any": [{"tcp": {"port": 1}}, {"tcp": {"port": 8000}}]},
    ]
    project.inventory({"web": ["web-1"]})
    project.role(gate={"checks": checks})
    project.deploy("v1").ended(0)


def test_a_failed_host_counts_against_the_healthy_minimum(project: Project, web: Web) -> None:
    policy = {"parallelism": 1, "failure_action": "continue"}
    project.compose(
        "web", {"app": service(update=policy, gate={"deadline": "5s"})}, x_fleet={"min_healthy": 2}
    )
    project.deploy("v1").ended(0)
    stopped = project.deploy("sick").ended(1)
    stopped.says("the next batch would leave 1 healthy, 2 are the minimum of role web")
    assert [answer(web(number)) for number in (2, 3)] == ["ok v1"] * 2


def running_at_a_time(host: Host, since: str) -> list[int]:
    """How many containers ran after each start and end since then, by the engine's own account."""
    kinds = "--filter type=container --filter event=start --filter event=die"
    told = host.run(
        f"docker events --since {since} --until $(date +%s.%N) {kinds} --format '{{{{.Action}}}}'"
    )
    count, counts = 0, []
    for action in told.split():
        count += 1 if action == "start" else -1
        counts.append(count)
    return counts


def test_start_first_never_leaves_the_host_without_the_service_and_alternates_ports(
    project: Project, web: Web
) -> None:
    project.inventory({"web": ["web-1"]})
    pair = {"port_pair": {8000: [8001, 8002]}}
    project.role(ports=["8001:8000"], update={"order": "start-first"}, x=pair)
    began = web(1).run("date +%s.%N").strip()
    project.deploy("v1").ended(0)
    name = f"{project.name}-test-web-app"
    assert versions(web(1)) == {f"{name}-1": "v1"}
    project.deploy("v2").ended(0).says("beside")
    assert versions(web(1)) == {f"{name}-2": "v2"}
    assert answer(web(1), 8002) == "ok v2"
    project.deploy("v3").ended(0)
    assert versions(web(1)) == {f"{name}-1": "v3"}
    assert answer(web(1), 8001) == "ok v3"
    assert running_at_a_time(web(1), began) == [1, 2, 1, 2, 1]


def test_a_failed_start_first_never_touches_the_one_that_serves(project: Project, web: Web) -> None:
    project.inventory({"web": ["web-1"]})
    pair = {"port_pair": {8000: [8001, 8002]}}
    project.role(ports=["8001:8000"], update={"order": "start-first"}, x=pair, gate={"deadline": "8s"})
    project.deploy("v1").ended(0)
    before = ids(web(1))
    project.deploy("sick").ended(3)
    assert ids(web(1)) == before
    assert answer(web(1)) == "ok v1"


def test_a_container_that_ignores_term_is_killed_after_its_grace(project: Project, web: Web) -> None:
    project.inventory({"web": ["web-1"]})
    project.deploy("deaf").ended(0)
    project.deploy("v1").ended(0)
    assert only_version(web(1)) == "v1"


def test_a_service_dropped_from_a_role_is_removed_on_demand(project: Project, web: Web) -> None:
    project.inventory({"web": ["web-1"]})
    project.compose("web", {"app": service(), "extra": service(ports=["8002:8000"])})
    project.deploy("v1").ended(0)
    project.role()
    project.deploy("v1").ended(0).says("web.extra runs here, and no role of this host has it")
    assert f"{project.name}-test-web-extra-1" in versions(web(1))
    project.deploy("v1", "--remove-orphans").ended(0).says("remove web.extra")
    assert versions(web(1)) == {f"{project.name}-test-web-app-1": "v1"}


def test_a_renamed_service_takes_the_port_of_the_old_one(project: Project, web: Web) -> None:
    project.inventory({"web": ["web-1"]})
    project.deploy("v1").ended(0)
    project.compose("web", {"front": service()})
    project.deploy("v1").ended(1).says("held by web.app", "--remove-orphans")
    assert answer(web(1)) == "ok v1"
    project.deploy("v1", "--remove-orphans").ended(0)
    assert versions(web(1)) == {f"{project.name}-test-web-front-1": "v1"}
    assert answer(web(1)) == "ok v1"


def test_what_fleet_did_not_make_is_never_removed(project: Project, web: Web) -> None:
    project.deploy("v1", "--limit", "web-1").ended(0)
    web(1).run(f"docker run -d --name neighbour {project.registry}/app:v1")
    project.compose("web", {"front": service()})
    project.deploy("v2", "--limit", "web-1", "--remove-orphans").ended(0)
    assert versions(web(1)) == {"neighbour": "v1", f"{project.name}-test-web-front-1": "v2"}


def test_two_environments_share_a_host(project: Project, web: Web) -> None:
    project.inventory({"web": ["web-1"]})
    project.deploy("v1").ended(0)
    for name in ("hosts.yml", "known_hosts"):
        project.write(f"inventories/other/{name}", (project.root / "inventories" / ENV / name).read_text())
    project.role(ports=["8002:8000"])
    project.run("deploy", "--env", "other", "--version", "v2", "--yes").ended(0)
    assert versions(web(1)) == {
        f"{project.name}-test-web-app-1": "v1",
        f"{project.name}-other-web-app-1": "v2",
    }
