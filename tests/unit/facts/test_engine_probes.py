"""The probes that ask the Docker client, with a stand-in for it that says what the real one says."""

from __future__ import annotations

import json

import pytest

from fleet.facts.containers import ContainersProbe, ForeignNamesProbe
from fleet.facts.engine import EngineProbe
from fleet.facts.images import ImagesProbe
from fleet.facts.listing import LISTING
from fleet.facts.networks import NetworksProbe
from fleet.facts.probe import Answer, Probe, Question
from fleet.model import codec, labels
from fleet.model.desired import HostState
from fleet.model.found import Container, Engine, Image, Unknown
from fleet.model.services import NetworkAttachment, Service
from tests.support.build import service
from tests.support.shells import SHELLS, Bench

DOWN = "echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.' >&2; exit 1"
WARNING = "echo 'WARNING: Error loading config file: /root/.docker/config.json: [permission] denied' >&2\n"
VOLUME = "f" * 64


def ask(bench: Bench, probe: Probe, *services: Service, shell: str = "sh") -> object:
    question = Question("shop", "test", "/var/lib/fleet", HostState("web-1", services))
    script = probe.script(question)
    before = LISTING if "$listed" in script else ""
    done = bench.run(f"{before}(:\n{script}\n) 2>&1", shell=shell)
    return probe.parse(Answer(done.stdout.decode(), done.returncode))


def engine(bench: Bench, root: str = "/") -> None:
    bench.stand_in(
        "docker",
        f"""{WARNING}case $1 in
          info) echo "$3" | sed 's/{{{{.ServerVersion}}}}/26.1.5/; s,{{{{.DockerRootDir}}}},{root},' ;;
        esac""",
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_engine(bench: Bench, shell: str) -> None:
    engine(bench)
    found = ask(bench, EngineProbe(), shell=shell)
    assert isinstance(found, Engine)
    assert (found.version, found.root_dir) == ("26.1.5", "/")
    assert found.free_bytes > 1024 * 1024


def test_room_that_cannot_be_measured_is_not_zero(bench: Bench) -> None:
    engine(bench, "/nowhere")
    assert ask(bench, EngineProbe()) == Engine("26.1.5", "/nowhere", -1)


def test_no_docker_on_the_host() -> None:
    assert EngineProbe().parse(Answer("docker is not installed\n", 127)) == Unknown("docker is not installed")


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        (DOWN, "the Docker Engine does not run"),
        (
            "echo 'permission denied while trying to connect to the Docker daemon socket' >&2; exit 1",
            "no right to use Docker: permission denied on its socket",
        ),
        ("exit 3", "docker version printed nothing"),
        ("echo 'version '; echo 'root '", "version root"),
        ("[ $1 = info ] || echo 'version 26.1.5'", "version 26.1.5"),
    ],
)
def test_an_engine_that_does_not_answer_says_why(bench: Bench, says: str, reason: str) -> None:
    bench.stand_in("docker", says)
    found = ask(bench, EngineProbe())
    assert isinstance(found, Unknown)
    assert found.reason.startswith(reason)


def inspected(made: Service | None, **changes: object) -> dict[str, object]:
    """What ``docker inspect`` says of a container."""
    marks = {labels.PROJECT: "shop", labels.ENV: "test", labels.ROLE: "web", labels.SERVICE: "app",
             labels.RELEASE: "v1", labels.SPEC: "d1", labels.IMAGE: "app@sha256:1"}  # fmt: skip
    if made:
        marks[labels.DEFINITION] = codec.canonical(codec.dump(made))
    return {
        "Id": "c" * 64,
        "Name": "/shop-test-web-app-1",
        "Image": "sha256:local",
        "RestartCount": 2,
        "State": {"Status": "running", "ExitCode": 0, "StartedAt": "2026-01-01T00:00:00Z",
                  "Health": {"Status": "healthy"}},
        "Config": {"Labels": marks},
        "HostConfig": {"RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0}, "Memory": 0,
                       "NanoCpus": 0},
        "NetworkSettings": {"Networks": {"bridge": {}}},
        "Mounts": [
            {"Type": "volume", "Name": VOLUME, "Destination": "/data"},
            {"Type": "volume", "Name": "shop_cache", "Destination": "/cache"},
            {"Type": "bind", "Source": "/srv", "Destination": "/srv"},
        ],
        **changes,
    }  # fmt: skip


def containers(bench: Bench, *found: dict[str, object], more: str = "") -> object:
    (bench.root / "list").write_text(json.dumps(found))
    others = ["id 1 /", "id 2 shop/live", "id 3 other/test", "name theirs shop/test"]
    ids = [*others, *(f"id {one['Id']} shop/test" for one in found)]
    (bench.root / "ids").write_text("\n".join(ids))
    bench.stand_in(
        "docker", f'{WARNING}case $1 in ps) cat "$HERE/ids" ;; inspect) cat "$HERE/list" ;; esac\n{more}'
    )
    return ask(bench, ContainersProbe())


def only(found: object) -> Container:
    assert isinstance(found, tuple), found
    (one,) = found
    return one


def test_our_containers(bench: Bench) -> None:
    made = service()
    one = only(containers(bench, inspected(made)))
    assert (one.name, one.role, one.service, one.release) == ("shop-test-web-app-1", "web", "app", "v1")
    assert (one.state, one.health, one.restart_count) == ("running", "healthy", 2)
    assert one.definition == made
    assert one.anonymous == ((VOLUME, "/data"),)
    assert one.altered == ()
    asked = bench.calls[0].split("\t")
    assert asked[:4] == ["docker", "ps", "-a", "--no-trunc"]
    assert bench.calls[-1].split("\t") == ["docker", "inspect", "--type", "container", one.id]


def test_the_container_of_a_job_says_so(bench: Bench) -> None:
    strange = inspected(service())
    strange["Config"]["Labels"][labels.JOB] = "migrate"
    assert only(containers(bench, strange)).job == "migrate"
    assert only(containers(bench, inspected(service()))).job == ""


def test_no_container_of_ours_is_none_and_no_second_question(bench: Bench) -> None:
    assert containers(bench) == ()
    assert not [call for call in bench.calls if "inspect" in call]


def test_a_definition_of_another_version_leaves_the_container_known(bench: Bench) -> None:
    strange = inspected(None)
    strange["Config"] = {"Labels": {labels.DEFINITION: '{"role": "web", "sidecar": 1}'}}
    assert only(containers(bench, strange)).definition is None
    strange["Config"] = {"Labels": None}
    assert only(containers(bench, strange)).definition is None


def test_a_container_without_health_check_has_no_health(bench: Bench) -> None:
    state = {"Status": "exited", "ExitCode": 137, "Health": None}
    one = only(containers(bench, inspected(service(), State=state)))
    assert (one.state, one.exit_code, one.health, one.running) == ("exited", 137, "", False)


def test_what_was_changed_behind_our_back(bench: Bench) -> None:
    made = service()
    spec = codec.load(Service, codec.dump(made)).container
    wanted = Service(
        made.role, made.name,
        type(spec)(spec.name, spec.image, restart="on-failure:3", mem_limit=1024, cpus=0.5,
                   networks=(NetworkAttachment("front"), NetworkAttachment("back"))),
        made.gate,
    )  # fmt: skip
    found = inspected(
        wanted,
        HostConfig={"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 5}, "Memory": 2048,
                    "NanoCpus": 1_500_000_000},
        NetworkSettings={"Networks": {"front": {}}},
    )  # fmt: skip
    assert only(containers(bench, found)).altered == (
        "restart: on-failure:3 → on-failure:5",
        "mem_limit: 1024 → 2048",
        "cpus: 0.5 → 1.5",
        "networks: back front → front",
    )


@pytest.mark.parametrize(
    "more",
    [
        "exit 1",
        "echo 'Error response from daemon: No such container: x' >&2; exit 1",
    ],
)
def test_a_container_list_that_failed_is_unknown(bench: Bench, more: str) -> None:
    assert isinstance(containers(bench, inspected(service()), more=more), Unknown)


def test_a_container_that_goes_while_one_looks_is_looked_for_again(bench: Bench) -> None:
    gone = """
case $1 in inspect) [ -e "$HERE/again" ] || {
  touch "$HERE/again"; grep -v other/test "$HERE/ids" >"$HERE/ids.new"; mv "$HERE/ids.new" "$HERE/ids"
  echo 'Error: No such container: 9' >&2; exit 1
} ;; esac"""
    assert only(containers(bench, inspected(service()), more=gone)).role == "web"
    asked = [call.split("\t")[1] for call in bench.calls if call.startswith("docker\t")]
    assert asked == ["ps", "inspect", "ps", "inspect"]


@pytest.mark.parametrize("more", ["[ $1 = inspect ] || exit 1", "echo 'the engine does not run' >&2; exit 1"])
def test_a_list_that_fails_the_second_time_is_unknown(bench: Bench, more: str) -> None:
    gone = f"""
if [ $1 = inspect ]; then touch "$HERE/again"; echo 'Error: No such container: 9' >&2; exit 1; fi
[ ! -e "$HERE/again" ] || {{ {more}; }}"""
    assert isinstance(containers(bench, inspected(service()), more=gone), Unknown)


def test_a_container_list_that_was_cut_off_is_unknown() -> None:
    text = json.dumps([inspected(service())])
    for cut in range(0, len(text), 97):
        assert isinstance(ContainersProbe().parse(Answer(text[:cut], 0)), Unknown)


def test_names_of_others(bench: Bench) -> None:
    rows = "name theirs /\nname ours-1 shop/test\nname other-env shop/live\n"
    bench.stand_in("docker", f"{WARNING}printf '{rows}'")
    assert ask(bench, ForeignNamesProbe()) == ("other-env", "theirs")
    bench.stand_in("docker", WARNING)
    assert ask(bench, ForeignNamesProbe()) == ()
    bench.stand_in("docker", DOWN)
    assert isinstance(ask(bench, ForeignNamesProbe()), Unknown)
    assert isinstance(ForeignNamesProbe().parse(Answer("name theirs /\n", 0)), Unknown)


def test_images_by_every_name_they_are_known_by(bench: Bench) -> None:
    tag, digest = "registry.example:5000/app:v1", "registry.example:5000/app@sha256:" + "a" * 64
    found = [{"Id": "sha256:1", "RepoTags": [tag], "RepoDigests": [digest]}, {"Id": "sha256:2"}]
    (bench.root / "list").write_text(json.dumps(found))
    bench.stand_in("docker", f'{WARNING}[ "$2" = ls ] || {{ cat "$HERE/list"; exit 1; }}')
    image = Image("sha256:1", (digest,))
    assert ask(bench, ImagesProbe(), service()) == {tag: image, digest: image}


def test_a_missing_image_is_absent_but_a_silent_engine_is_unknown(bench: Bench) -> None:
    bench.stand_in("docker", 'case $2 in inspect) echo "[]"; echo "No such image" >&2; exit 1 ;; esac')
    assert ask(bench, ImagesProbe(), service()) == {}
    bench.stand_in("docker", f'case $2 in inspect) echo "[]" ;; esac\n{DOWN}')
    found = ask(bench, ImagesProbe(), service())
    assert isinstance(found, Unknown)
    assert "Cannot connect" in found.reason
    assert isinstance(ImagesProbe().parse(Answer('[{"Id": "sha2', 0)), Unknown)
    assert isinstance(ImagesProbe().parse(Answer("", 0)), Unknown)


def test_no_service_asks_for_no_image(bench: Bench) -> None:
    bench.stand_in("docker", DOWN)
    assert ask(bench, ImagesProbe()) == {}
    assert bench.calls == []


def test_networks(bench: Bench) -> None:
    bench.stand_in("docker", f"{WARNING}printf 'name b\\nname a\\n'")
    assert ask(bench, NetworksProbe()) == ("a", "b")
    assert bench.calls[0].startswith("docker\tnetwork\tls")
    bench.stand_in("docker", WARNING)
    assert ask(bench, NetworksProbe()) == ()
    bench.stand_in("docker", f"echo name a; {DOWN}")
    assert ask(bench, NetworksProbe()) == Unknown(
        "networks: Cannot connect to the Docker daemon at unix:///var/run/docker.sock."
    )
