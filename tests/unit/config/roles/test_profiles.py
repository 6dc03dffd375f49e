"""Services that only some hosts of a role have."""

import pytest

from tests.unit.config.roles.project_files import Files

ROLE = """\
services:
  app: {image: x, depends_on: {debug: {condition: service_started, required: false}}}
  debug: {image: x, profiles: [debug]}
  metrics: {image: x, profiles: [metrics, all]}
"""


def names(files: Files) -> dict[str, list[str]]:
    return {state.host: [one.name for one in state.services] for state in files.desired().hosts}


def test_a_host_names_its_profiles(files: Files) -> None:
    files.compose(ROLE)
    files.write("inventories/test/host_vars/web-2.yml", "fleet_profiles: [debug]\n")
    files.write("inventories/test/host_vars/web-3.yml", "fleet_profiles: 'all, debug'\n")
    assert names(files) == {"web-1": ["app"], "web-2": ["debug", "app"], "web-3": ["debug", "app", "metrics"]}
    assert [state.services[-1].depends_on for state in files.desired().hosts[:2]] == [(), ("debug",)]


def test_a_star_is_every_profile(files: Files) -> None:
    files.compose(ROLE)
    files.write("inventories/test/group_vars/all.yml", "fleet_profiles: '*'\n")
    assert names(files)["web-1"] == ["debug", "app", "metrics"]


def test_what_a_profile_keeps_away_has_no_network(files: Files) -> None:
    files.compose("""\
services:
  app: {image: x, networks: [front]}
  debug: {image: x, profiles: [debug], networks: [back]}
networks: {front: , back: }
""")
    assert [network.name for network in files.desired().hosts[0].networks] == ["shop-test-web_front"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            ROLE.replace("required: false", "required: true"),
            "2:32: service 'debug' has a profile that this host does not have",
        ),
        (
            ROLE + "x-fleet: {jobs: {m: {service: debug, command: m}}}\n",
            "5:31: service 'debug' has profiles: not every host of the role has it",
        ),
    ],
)
def test_mistakes(files: Files, text: str, expected: str) -> None:
    assert files.errors(text) == [expected]


def test_profiles_that_are_no_names(files: Files) -> None:
    files.write("inventories/test/group_vars/all.yml", "fleet_profiles: {debug: true}\n")
    assert files.errors(ROLE) == [
        "3:31: fleet_profiles is not a list of names",
        "4:33: fleet_profiles is not a list of names",
    ]
