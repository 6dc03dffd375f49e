"""What happens in the middle of a run: hosts die, engines restart, operators press ^C, controllers vanish."""

from __future__ import annotations

from collections.abc import Callable

from fleet.rehearsal import Host
from tests.support.look import answer, containers, ids, versions
from tests.support.project import Project
from tests.support.waiting import until

Web = Callable[[int], Host]
ALL = (1, 2, 3)


def slowly(project: Project, **update: object) -> None:
    """Host by host, with a second at each gate: time enough to meet a run in its middle."""
    project.role(update={"parallelism": 1, **update}, gate={"healthy_for": "1500ms"})


def converges(project: Project, web: Web, version: str) -> None:
    project.role()
    project.deploy(version).ended(0)
    name = f"{project.name}-test-web-app-1"
    assert [versions(web(number)) for number in ALL] == [{name: version}] * 3
    assert [answer(web(number)) for number in ALL] == [f"ok {version}"] * 3
    project.deploy(version).ended(0).says("Nothing to do")


def test_a_host_that_dies_in_its_batch_is_told_and_the_others_go_back(project: Project, web: Web) -> None:
    project.deploy("v1").ended(0)
    slowly(project)
    run = project.start("v2")
    run.until("web-2 ✓ replace")
    web(2).kill()
    try:
        done = run.end().ended(1)
        done.says(
            "web-2",
            "v2 failed (web.app failed on web-2), and so did the way back: no answer from web-2",
            "look at the hosts above, then try inv rollback --env test",
            "not known, no answer: web-2",
        )
        assert [answer(web(number)) for number in (1, 3)] == ["ok v1", "ok v1"]
    finally:
        web(2).start()
    converges(project, web, "v2")


def test_a_host_whose_network_is_cut_is_given_up_and_the_others_go_on_serving(
    project: Project, web: Web
) -> None:
    project.deploy("v1").ended(0)
    slowly(project, failure_action="pause")
    run = project.start("v2")
    run.until("web-2 ✓ replace")
    web(2).cut_off()
    try:
        done = run.end(120).ended(1)
        done.says(
            "web-2", "not known, no answer: web-2", "web.app  v2        web-1", "web.app  v1        web-3"
        )
        assert done.seconds < 60
    finally:
        web(2).reconnect()
    converges(project, web, "v2")


def test_an_engine_that_restarts_during_a_swap_leaves_nothing_half_done(project: Project, web: Web) -> None:
    project.role(stop_grace_period="4s")
    project.deploy("deaf").ended(0)
    project.role(update={"parallelism": 1}, stop_grace_period="4s")
    run = project.start("v1", "--json")
    run.until('"step": "web-1/container:web.app"')
    until(lambda: any(name.endswith(".next") for name in containers(web(1))), "the swap begins")
    web(1).restart_engine()
    done = run.end().ended(3)
    assert "engine" in done.text
    assert [answer(web(number)) for number in ALL] == ["ok deaf"] * 3
    converges(project, web, "v1")


def test_interrupted_once_the_running_host_is_finished_and_the_others_keep_what_they_have(
    project: Project, web: Web
) -> None:
    project.deploy("v1").ended(0)
    slowly(project)
    run = project.start("v2")
    run.until("web-1 ✓ replace")
    run.press()
    done = run.end().ended(130)
    done.says(
        "interrupted: running steps are finished, nothing new begins",
        "web-1 ✓ web.app is healthy",
        "interrupted: v2 is on a part of test",
        "inv deploy --env test --resume goes on from here",
        "web.app  v1        web-2 web-3",
    )
    assert [answer(web(number)) for number in ALL] == ["ok v2", "ok v1", "ok v1"]
    converges(project, web, "v2")


def test_interrupted_twice_the_run_ends_at_once_and_tells_the_state(project: Project, web: Web) -> None:
    project.role(update={"parallelism": 1}, gate={"healthy_for": "20s", "deadline": "40s"})
    run = project.start("v1")
    run.until("web-1 ✓ start")
    run.press()
    run.until("^C again kills them")
    run.press()
    done = run.end().ended(130)
    done.says("second interrupt", "web.app  v1        web-1", "web.app  absent    web-2 web-3")
    assert done.seconds < 15
    assert answer(web(1)) == "ok v1"
    converges(project, web, "v1")


def test_a_controller_killed_in_mid_swap_leaves_a_fleet_that_serves_and_converges(
    project: Project, web: Web
) -> None:
    project.role(stop_grace_period="5s")
    project.deploy("deaf").ended(0)
    project.role(update={"parallelism": 1}, stop_grace_period="5s")
    name = f"{project.name}-test-web-app-1"
    run = project.start("v1")
    until(lambda: f"{name}.next" in containers(web(1)), "the swap begins")
    run.kill()
    run.end()
    assert versions(web(1))[f"{name}.next"] == "v1 (created)"
    assert [answer(web(number)) for number in (2, 3)] == ["ok deaf", "ok deaf"]
    converges(project, web, "v1")


def killed_with_two_slots(project: Project, version: str, **gate: str) -> None:
    """v1 serves on web-1, and ``version`` was started beside it; its gate has not ended."""
    project.inventory({"web": ["web-1"]})
    pair = {"port_pair": {8000: [8001, 8002]}}
    project.role(update={"order": "start-first"}, x=pair, gate=gate)
    project.deploy("v1").ended(0)
    run = project.start(version)
    run.until("web-1 ✓ start")
    run.kill()
    run.end()


def test_a_controller_killed_while_both_slots_run_leaves_one_after_the_next_deploy(
    project: Project, web: Web
) -> None:
    killed_with_two_slots(project, "v2", healthy_for="2s")
    assert sorted(versions(web(1)).values()) == ["v1", "v2"]
    project.deploy("v2").ended(0)
    assert list(versions(web(1)).values()) == ["v2"]
    project.deploy("v2").ended(0).says("Nothing to do")


def test_a_new_container_that_no_gate_has_judged_does_not_drive_out_the_one_that_serves(
    project: Project, web: Web
) -> None:
    killed_with_two_slots(project, "sick", deadline="6s")
    failed = project.deploy("sick").ended(1)
    failed.says("the database does not answer", "failed: web.app failed on web-1", "web.app  v1        web-1")
    assert answer(web(1)) == "ok v1"


def test_a_host_that_somebody_else_changes_meanwhile_is_left_alone(project: Project, web: Web) -> None:
    project.deploy("v1").ended(0)
    slowly(project)
    name = f"{project.name}-test-web-app-1"
    run = project.start("v2")
    run.until("web-1 ✓ replace")
    web(3).run(f"docker rm -f {name} && docker run -d --name {name} {project.registry}/app:v1")
    other = ids(web(3))
    done = run.end().ended(75)
    done.says("web-3", "a host changed since the plan was made", "make a new plan")
    assert ids(web(3)) == other
    assert [answer(web(number)) for number in (1, 2)] == ["ok v2", "ok v2"]
