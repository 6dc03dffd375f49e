"""A service that runs several times on a host: rolled, told, more and fewer of them, on real hosts."""

from __future__ import annotations

from collections.abc import Callable

from fleet.rehearsal import Host
from tests.support.look import answer, ids, versions
from tests.support.project import ENV, Project

Web = Callable[[int], Host]


def with_count(project: Project, count: int, *, guest: bool = False) -> None:
    policy = {"parallelism": 1, "monitor": "200ms", "failure_action": "rollback"}
    deploy = {"replicas": count, "update_config": policy}
    project.role(
        deploy=deploy, ports=["8001-8004:8000"], gate={"deadline": "6s"}, x={"guest_environment": guest}
    )


def test_instances_are_rolled_one_by_one_and_scaled(project: Project, web: Web) -> None:
    project.inventory({"web": ["web-1"]})
    project.environ["FLEET_ENV"] = ENV
    with_count(project, 2)
    project.deploy("v1").ended(0)
    app = f"{project.name}-test-web-app"
    assert versions(web(1)) == {f"{app}-1": "v1", f"{app}-2": "v1"}
    assert [answer(web(1), port) for port in (8001, 8002)] == ["ok v1"] * 2
    project.deploy("v1").ended(0).says("Nothing to do")

    project.run("status").ended(0).says("web.app ", "web.app-2 ")
    told = project.run("logs", "web.app").ended(0).text
    assert {line.split()[1] for line in told.splitlines() if "version v1 begins" in line} == {
        "web.app", "web.app-2",
    }  # fmt: skip
    project.run("exec", "echo $VERSION at $HOSTNAME", "--in", "web.app-2").ended(0).says("v1 at ")

    each = project.run("exec", "echo $VERSION in $HOSTNAME", "--in", "web.app").ended(0)
    assert [line.split(" | ")[1].split()[0] for line in each.out.splitlines() if " | " in line] == [
        "web.app:", "v1", "web.app-2:", "v1",
    ]  # fmt: skip

    before = ids(web(1))
    with_count(project, 3)
    project.deploy("v1").ended(0).says("start web.app-3")
    assert before < ids(web(1)), "those that ran run on"

    project.deploy("sick").ended(3).says("web.app is not healthy", "sick failed and was rolled back")
    assert versions(web(1)) == {f"{app}-{number}": "v1" for number in (1, 2, 3)}

    with_count(project, 1, guest=True)
    project.deploy("v2").ended(0).says("remove web.app-2 (it runs once)", "environment.APP_INSTANCES")
    assert versions(web(1)) == {f"{app}-1": "v2"}
    asked = "echo $APP_INSTANCES $CONTAINER_NAME $APP_WEB_1_8000_PORT"
    project.run("exec", asked, "--in", "app").ended(0).says("web-1 web-1 8001")
    project.run("rollback", "--yes").ended(0).says("start web.app-3")
    assert versions(web(1)) == {f"{app}-{number}": "v1" for number in (1, 2, 3)}
