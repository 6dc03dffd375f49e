"""The frame around all probes: what is missing or garbled is Unknown, and hides nothing else."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from fleet.facts.probe import Question
from fleet.facts.script import PROBES, parse, probe_script
from fleet.model.desired import HostState
from fleet.model.found import Engine, HostFacts, Unknown
from fleet.model.services import ConfigDir, SecretFile
from fleet.model.volumes import FoundVolume
from tests.support.build import service
from tests.support.shells import SHELLS, Bench

MARK = "fleet-4711"
FACTS = [field.name for field in dataclasses.fields(HostFacts) if field.name != "host"]


@pytest.fixture
def output(bench: Bench, tmp_path: Path) -> str:
    return gathered(bench, tmp_path)


def gathered(bench: Bench, tmp_path: Path, shell: str = "sh") -> str:
    bench.stand_in(
        "docker",
        """case "$1 $2" in
          version*) echo "version 26.1.5 1.45" ;;
          info*) echo / ;;
          "image inspect") echo '[{"Id": "sha256:1", "RepoTags": ["a:1"]}]' ;;
          "volume ls") printf 'volume one\\tlocal\\tshop\\ttest\\tweb\\t\\n' ;;
          *ls*) echo name one ;;
        esac""",
    )
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "a").write_text("b")
    made = service(
        configs=(ConfigDir(str(conf), "/etc/app", ()),),
        secret_dir=str(tmp_path / "run"),
        secrets=(SecretFile("p", "x"),),
    )
    question = Question("shop", "test", str(tmp_path / "state"), HostState("web-1", (made,)))
    done = bench.run(probe_script(question, MARK), shell=shell)
    assert done.returncode == 0, done
    assert done.stderr == b""
    return done.stdout.decode()


@pytest.mark.parametrize("shell", SHELLS)
def test_all_probes_as_one_script(bench: Bench, tmp_path: Path, shell: str) -> None:
    found = parse("web-1", gathered(bench, tmp_path, shell), MARK)
    assert [name for name in FACTS if isinstance(getattr(found, name), Unknown)] == []
    assert isinstance(found.engine, Engine)
    one = FoundVolume("one", project="shop", env="test", role="web")
    assert (found.networks, found.volumes, found.containers) == (("one",), {"one": one}, ())
    assert len(found.key) == 32


def test_every_fact_has_one_probe() -> None:
    assert sorted(probe.name for probe in PROBES) == sorted(FACTS)


def test_output_that_was_cut_off_leaves_the_rest_unknown(output: str) -> None:
    whole = parse("web-1", output, MARK)
    for cut in range(0, len(output), 13):
        found = parse("web-1", output[:cut], MARK)
        for name in FACTS:
            value = getattr(found, name)
            assert value == getattr(whole, name) or isinstance(value, Unknown), (cut, name)


def test_a_section_of_garbage_hides_no_other(output: str) -> None:
    whole = parse("web-1", output, MARK)
    sections = output.split(f"\n{MARK} ")
    for index, probe in enumerate(PROBES):
        status, _, _ = sections[index].partition("\n") if index else ("", "", "")
        head = f"{status}\n" if index else ""
        garbled = [*sections[:index], f"{head}{json.dumps({'a': None})}", *sections[index + 1 :]]
        found = parse("web-1", f"\n{MARK} ".join(garbled), MARK)
        for name in FACTS:
            if name != probe.name:
                assert getattr(found, name) == getattr(whole, name), (probe.name, name)
        if probe.name not in {"networks", "volumes", "snapshots", "ports", "proven", "release"}:
            assert isinstance(getattr(found, probe.name), Unknown), probe.name


def test_a_probe_that_fails_says_so_and_hides_no_other(bench: Bench, tmp_path: Path, output: str) -> None:
    bench.stand_in("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    question = Question("shop", "test", str(tmp_path / "state"), HostState("web-1", (service(),)))
    found = parse("web-1", bench.run(probe_script(question, MARK)).stdout.decode(), MARK)
    unknown = [name for name in FACTS if isinstance(getattr(found, name), Unknown)]
    assert unknown == ["engine", "containers", "images", "networks", "volumes", "ports", "foreign_names"]
    assert found.key == parse("web-1", output, MARK).key


def test_a_mark_within_another_word_is_no_frame() -> None:
    output = f"x{MARK} 0\n\n{MARK} 1\n"
    found = parse("web-1", output, MARK)
    assert isinstance(found.engine, Unknown)
    assert f"x{MARK}" in found.engine.reason
