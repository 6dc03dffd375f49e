"""``docker compose`` is the oracle: the engine says the same of what Fleet makes of a file."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.fleet.compose.differences import INTENDED, differing, meant
from tests.fleet.compose.keys import ALL, NAMES
from tests.fleet.compose.sides import ENGINES, Both, of

REFUSED = {
    ("20.10", "networks-mac-address"): "requires API version 1.44",
    **{(engine, "environment-file-raw"): "env_file" for engine in ENGINES},
}
"""Files that Compose does not bring up, and what it says; Fleet does."""
MAY_NOT_START = {name for name in NAMES if name.startswith(("block-io", "privileged", "reserved-devices"))}
"""A machine may withhold what they ask for. Then both have made the container and neither can start it."""


def differences(both: Both, engine: str, name: str) -> Iterator[tuple[str, str, str]]:
    """Path, Compose's value, Fleet's."""
    theirs, ours = of(name, both.compose[engine]), of(name, both.fleet[engine])
    for kind, called in theirs.keys() & ours.keys():
        found = differing(theirs[kind, called], ours[kind, called])
        yield from ((f"{kind}.{path}", *values) for path, values in found.items())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", NAMES)
def test_the_same_file_makes_the_same(both: Both, engine: str, name: str) -> None:
    theirs, ours = both.compose[engine].refused.get(name, ""), both.fleet[engine].refused.get(name, "")
    if (engine, name) in REFUSED:
        assert (bool(re.search(REFUSED[engine, name], theirs)), ours) == (True, "")
        return
    if name not in MAY_NOT_START:
        assert (theirs, ours) == ("", "")
    assert bool(theirs) == bool(ours), (theirs, ours)
    assert of(name, both.compose[engine]).keys() == of(name, both.fleet[engine]).keys()
    assert [one for one in differences(both, engine, name) if not meant(*one)] == []


if ALL:

    def test_every_intended_difference_is_there(both: Both) -> None:
        """One that is not any more is to go from the list."""
        seen = {
            meant(*one) for engine in ENGINES for name in NAMES for one in differences(both, engine, name)
        }
        assert [one.path for one in INTENDED if one not in seen] == []


def test_what_there_is_to_compare(both: Both) -> None:
    """The oracle's table, for the report of the session (``-rP``)."""
    for engine in ENGINES:
        compared = [(name, key) for name in NAMES for key in of(name, both.fleet[engine])]
        found = [one for name in NAMES for one in differences(both, engine, name)]
        kinds = {
            kind: sum(key[0] == kind for _, key in compared) for kind in ("container", "network", "volume")
        }
        print(
            f"engine {engine}: {len(NAMES)} files, {kinds}, {len(found)} differences, "
            f"{sum(not meant(*one) for one in found)} not meant"
        )
        assert kinds["container"] >= len(NAMES)
