"""The format of the ledger's files: what was written once is read for ever."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.ledger import codec
from fleet.ledger.codec import Damaged, RecordFiles, TooNew
from fleet.model import codec as values
from fleet.model.desired import Desired, Network, Volume
from fleet.model.releases import Entry, Head, JobRun, Outcome, Record, Release, homes
from fleet.model.services import ConfigDir, ConfigFile, Service
from fleet.model.volumes import Home
from fleet.secret import Hole, SealedText, SecretRef
from tests.support.build import desired, service
from tests.support.ledger import HOSTILE, PASSWORD, configured, entry, record

FIXTURES = Path(__file__).parent / "fixtures"
ENTRY = entry(Outcome.FAILED, seconds=12.5, why="it's \"sick\"\n", failed=("web-2",), behind=("web-3",),
              job=JobRun("web.migrate", "d1", "web-1", 3, "done\n", undone=True))  # fmt: skip


def kept() -> Record:
    """What the fixture of the format holds, with something in each field."""
    made = record("v7", 7, web_1=(configured("app"), configured("db")), web_2=(configured("app"),))
    first, *others = made.desired.hosts
    first = replace(first, networks=(Network("shop", "web"),), volumes=(Volume("data", "web"),))
    wish = replace(made.desired, hosts=(first, *others), pull_parallel=4)
    head = replace(made.head, command="rollback", of=3, dirty=True, tool="1.0", roles=("web",))
    return replace(made, desired=wish, head=head)


def files_of(folder: Path) -> RecordFiles:
    contents = {path.name: path.read_text() for path in (folder / "content").iterdir()}
    return RecordFiles((folder / "000007.head").read_text(), (folder / "000007.record").read_text(), contents)


def test_format_1_is_read() -> None:
    """Never write this fixture anew. A change of the format is a new number and a new fixture beside it."""
    folder = FIXTURES / "format-1"
    assert codec.decode(7, files_of(folder)) == kept()
    assert codec.decode_entry((folder / "000007.e01").read_text()) == ENTRY


def test_the_format_did_not_change_under_its_number() -> None:
    """When this fails, files written from now on differ from what older ones of the same number look like:
    give the format a new number, keep the reader of this one, and add a fixture."""
    assert codec.encode(kept()) == files_of(FIXTURES / f"format-{codec.FORMAT}")
    assert codec.encode_entry(ENTRY) == (FIXTURES / f"format-{codec.FORMAT}" / "000007.e01").read_text()


def test_every_format_has_a_reader_and_a_fixture() -> None:
    assert {f"format-{number}" for number in codec.READERS} == {path.name for path in FIXTURES.iterdir()}
    assert max(codec.READERS) == codec.FORMAT


@dataclass(frozen=True, slots=True)
class _EntryOfLater(Entry):
    weather: str = "fine"


def test_a_field_that_is_added_later_makes_no_old_file_unreadable() -> None:
    data = json.loads(codec.encode_entry(entry()).partition("\n")[0])
    assert "why" not in data["entry"]
    assert values.load(_EntryOfLater, data["entry"]).weather == "fine"


def test_what_a_later_fleet_added_says_so() -> None:
    data = {"entry": {**values.dump(entry()), "weather": "fine"}}
    with pytest.raises(TooNew, match=r"newer Fleet \(Entry has no weather\)"):
        codec.decode_entry(codec._summed(data))


def test_a_newer_format_says_so() -> None:
    with pytest.raises(TooNew, match=r"newer Fleet \(format 9\)"):
        codec.decode_entry(codec._summed({"format": 9}))


def test_each_file_says_its_format_and_sum() -> None:
    files = codec.encode(record())
    for text in (files.head, files.record, codec.encode_entry(entry())):
        line, total, end = text.split("\n")
        assert json.loads(line)["format"] == codec.FORMAT
        assert (codec.sha256(line), end) == (total, "")


def test_what_is_the_same_is_one_content() -> None:
    same = ConfigFile("a", "the same\n")
    configs = (ConfigDir("/srv/a", "/a", (same,)), ConfigDir("/srv/b", "/b", (same,)))
    one = service(configs=configs)
    files = codec.encode(record(web_1=(one,), web_2=(one,)))
    # The service, the file's content, and the role's source.
    assert len(files.contents) == 3


def test_the_number_is_in_no_file() -> None:
    assert codec.encode(record(number=1)) == codec.encode(record(number=2))


def test_the_head_belongs_to_its_record() -> None:
    one, other = codec.encode(record("v1")), codec.encode(record("v2"))
    with pytest.raises(Damaged, match="its record"):
        codec.decode(1, replace(one, record=other.record))


def test_a_content_that_is_gone_is_named() -> None:
    files = codec.encode(record())
    gone = next(iter(files.contents))
    left = {name: text for name, text in files.contents.items() if name != gone}
    with pytest.raises(Damaged, match=f"its content {gone[:12]} is missing"):
        codec.decode(1, replace(files, contents=left))


def test_no_value_of_a_secret_can_be_in_it() -> None:
    """A text with holes is its references; so there is no place where a value could be."""
    files = codec.encode(record())
    whole = "".join((files.head, files.record, *files.contents.values()))
    assert '{"secret":["password=",{"ref":"env:PASSWORD"},"\\n"]}' in whole


def test_an_argument_that_is_no_text_does_not_stop_the_run() -> None:
    """A file name of the command line, as Python gives it, may hold half a character."""
    assert codec.decode_entry(codec.encode_entry(entry(why="caf\udce9"))).why == "caf?"


texts = st.one_of(st.text(max_size=20), st.just(HOSTILE))
sealed = st.builds(
    lambda before, name: SealedText((before, Hole(SecretRef("env", name)))), texts, st.sampled_from("AB")
)
config_files = st.builds(ConfigFile, texts, st.one_of(texts, sealed, st.just(PASSWORD)))
config_dirs = st.builds(ConfigDir, texts, texts, st.lists(config_files, max_size=3).map(tuple))
services = st.builds(
    lambda name, configs, version: service(name, version=version, configs=configs),
    st.sampled_from(("app", "db")),
    st.lists(config_dirs, max_size=2).map(tuple),
    st.sampled_from(("v1", "v2")),
)


@given(
    st.dictionaries(st.sampled_from(("web-1", "web-2", "web-3")), st.lists(services, max_size=2)),
    st.dictionaries(texts, texts, max_size=3),
    st.dictionaries(texts, st.dictionaries(texts, texts, max_size=2), max_size=2),
    st.builds(Head, st.integers(1, 999999), texts, texts, texts, texts, texts, texts, roles=st.tuples(texts)),
)
def test_a_record_comes_back_as_it_was(
    hosts: dict[str, list[Service]],
    sources: dict[str, str],
    marks: dict[str, dict[str, str]],
    head: Head,
) -> None:
    wish: Desired = desired(hosts)
    written = Record(head, wish, sources, marks)
    assert codec.decode(head.number, codec.encode(written)) == written


def test_where_volumes_live_and_who_wrote_nothing_of_it() -> None:
    told = replace(entry(), volumes={"shop-test-db_data": (Home("db-1", "0f" * 16, 3),), "none": ()})
    assert codec.decode_entry(codec.encode_entry(told)) == told
    assert "volumes" not in codec.encode_entry(entry()), "an entry from before this reads the same"
    history = [Release(record().head, (entry(), told, entry()))]
    assert homes(history) == told.volumes
    assert homes([Release(record().head, (entry(),))]) == {}
