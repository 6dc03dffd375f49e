"""The copy of a release that each host keeps, and the ledger made anew from it."""

from __future__ import annotations

import stat
from dataclasses import replace

import pytest

from fleet.errors import LedgerError
from fleet.ledger.copies import (
    copy_entry_script,
    copy_script,
    copying,
    parse_copy,
    parse_fence,
    raise_token,
    read_copy_script,
    restore,
)
from fleet.ledger.fence import fence_check
from fleet.model.releases import Entry, Outcome, Record
from tests.support.ledger import LedgerHost, claim, configured, entry, record, taken

Copy = tuple[Record, tuple[Entry, ...]]
END = entry(Outcome.GOOD, seconds=7)


def write(host: LedgerHost, given: Record, *entries: Entry) -> None:
    rc, out, err = host.run(copy_script(host.place, given, entries or (entry(),), "web-1"))
    assert (rc, out, err) == (0, "", "")


def read(host: LedgerHost) -> Copy | None:
    rc, out, _ = host.run(read_copy_script(host.place))
    return parse_copy("web-1", out, rc)


def test_there_is_none_at_first_and_looking_makes_none(host: LedgerHost) -> None:
    assert read(host) is None
    assert not host.base.exists()


def test_the_newest_is_kept_whole(host: LedgerHost) -> None:
    write(host, record("v1", 1))
    write(host, record("v2", 2), entry(), END)
    assert read(host) == (record("v2", 2), (entry(), END))
    assert sorted(path.name for path in host.base.iterdir()) == ["copy", "uses"]
    names = ["000002.e01", "000002.e02", "000002.head", "000002.record", "content"]
    assert sorted(path.name for path in (host.base / "copy").iterdir()) == names
    assert {stat.S_IMODE(path.stat().st_mode) for path in host.base.rglob("*") if path.is_file()} == {0o600}


def test_an_entry_is_added_to_the_release_it_is_of(host: LedgerHost) -> None:
    write(host, record("v1", 1))
    for number in (1, 2):
        rc, _, err = host.run(copy_entry_script(host.place, number, 2, replace(END, why=f"of {number}")))
        assert (rc, err) == (0, "")
    assert read(host) == (record("v1", 1), (entry(), replace(END, why="of 1")))


def test_an_entry_on_a_host_without_a_copy(host: LedgerHost) -> None:
    assert host.run(copy_entry_script(host.place, 1, 2, END))[0] == 0
    assert read(host) is None


def test_an_entry_that_was_missed_is_no_obstacle(host: LedgerHost) -> None:
    write(host, record("v1", 1))
    host.run(copy_entry_script(host.place, 1, 3, END))
    assert read(host) == (record("v1", 1), (entry(), END))


def test_a_cut_leaves_the_old_or_the_new(host: LedgerHost) -> None:
    old, new = (record("v1", 1), (entry(),)), (record("v2", 2), (entry(), END))
    script = copy_script(host.place, *new, "web-1")
    seen = []
    for call in range(100):
        write(host, *old[:1], *old[1])
        host.cut_at(call)
        rc, _, _ = host.run(script)
        host.uncut()
        seen.append(read(host))
        assert seen[-1] in (old, new)
        if rc == 0:
            break
    assert seen[0] == old
    assert seen[-1] == new
    assert len(seen) > 8


def test_a_cut_of_the_first_copy_leaves_none_or_all(host: LedgerHost) -> None:
    for call in range(6):
        host.cut_at(call)
        host.run(copy_script(host.place, record("v1", 1), (entry(),), "web-1"))
        host.uncut()
        assert read(host) in (None, (record("v1", 1), (entry(),)))


def test_a_damaged_copy_is_an_error(host: LedgerHost) -> None:
    write(host, record("v1", 1))
    path = host.base / "copy" / "000001.record"
    path.write_text(path.read_text()[:-10])
    with pytest.raises(LedgerError, match="copy of release 1 cannot be read") as told:
        read(host)
    assert "its record is damaged (checksum)" in told.value.why


def test_what_the_host_uses_is_noted_once(host: LedgerHost) -> None:
    digest = "sha256:" + "ab" * 32
    local = configured("tool")
    local = replace(local, container=replace(local.container, image="tool:dev"), configs=())
    given = record("v1", 1, web_1=(configured("app"), local), web_2=(configured("db"),))
    for _ in range(2):
        write(host, given)
    write(host, record("v2", 12, web_1=(configured("app", "v2"),)))
    assert (host.base / "uses").read_text().splitlines() == [
        "000001 dir /srv/app conf",
        f"000001 image registry.example:5000/app@{digest}",
        "000001 tag registry.example:5000/app:v1",
        "000001 tag tool:dev",
        "000012 dir /srv/app conf",
        f"000012 image registry.example:5000/app@{digest}",
        "000012 tag registry.example:5000/app:v2",
    ]


def test_scripts_for_many_hosts_differ_in_what_each_uses(host: LedgerHost) -> None:
    given = record("v1", 1, web_1=(configured("app"),), web_2=(configured("db"),))
    hosts = ("web-1", "web-2")
    script = copying(host.place, given, (entry(),))
    assert [script(name) for name in hosts] == [
        copy_script(host.place, given, (entry(),), name) for name in hosts
    ]
    assert script("web-1") != script("web-2")


def test_a_copy_of_many_hosts_is_small(host: LedgerHost) -> None:
    names = [f"web_{index}" for index in range(200)]
    given = record("v1", 1, **{name: (configured("app", name), configured("side", name)) for name in names})
    write(host, given)
    assert read(host) == (given, (entry(),))
    kept = sum(path.stat().st_size for path in (host.base / "copy").rglob("*") if path.is_file())
    assert len(copy_script(host.place, given, (entry(),), "web-1")) < kept / 3


@pytest.mark.parametrize("program", ["base64", "gzip"])
def test_a_host_that_cannot_unpack_it_says_so(host: LedgerHost, program: str) -> None:
    write(host, record("v1", 1))
    host.program(program, f"echo 'sh: {program}: not found' >&2; exit 127")
    rc, _, err = host.run(copy_script(host.place, record("v2", 2), (entry(),), "web-1"))
    (host.bin / program).unlink()
    assert rc
    assert f"{program}: not found" in err
    assert "the copy cannot be unpacked" in err
    assert read(host) == (record("v1", 1), (entry(),))


def test_a_full_disk_leaves_the_old_copy(host: LedgerHost) -> None:
    write(host, record("v1", 1))
    host.program("sync", "echo 'sync: No space left on device' >&2; exit 1")
    rc, _, err = host.run(copy_script(host.place, record("v2", 2), (entry(),), "web-1"))
    (host.bin / "sync").unlink()
    assert rc
    assert "No space left" in err
    assert read(host) == (record("v1", 1), (entry(),))


def test_a_lost_ledger_is_made_anew(host: LedgerHost) -> None:
    restore(host.transport, host.place, record("v7", 7), (entry(), END))
    restore(host.transport, host.place, record("v5", 5), (entry(),))
    assert [(one.number, one.entries) for one in host.store.history().releases] == [
        (5, (entry(),)),
        (7, (entry(), END)),
    ]
    assert not host.store.history().damaged
    assert host.store.record(7) == record("v7", 7)
    assert host.store.begin(taken(host.store), record("v8"), entry()).number == 8


def test_what_is_intact_is_not_written_over(host: LedgerHost) -> None:
    host.store.begin(taken(host.store), record("v1"), entry())
    with pytest.raises(LedgerError, match="release 1 is in the ledger already"):
        restore(host.transport, host.place, record("other", 1), (entry(),))
    assert host.store.record(1).head.version == "v1"


@pytest.mark.parametrize("victim", ["000001.head", "000001.record", "000001.e01", "content"])
@pytest.mark.parametrize("how", ["cut", "gone"])
def test_what_is_damaged_is_mended(host: LedgerHost, victim: str, how: str) -> None:
    lease = taken(host.store)
    for version in ("v1", "v2"):
        host.store.begin(lease, record(version), entry())
    paths = [host.ledger / victim] if victim != "content" else list((host.ledger / "content").iterdir())
    for path in paths:
        path.write_text(path.read_text()[:-5]) if how == "cut" else path.unlink()
    restore(host.transport, host.place, record("v1", 1), (entry(), END))
    first, _ = host.store.history().releases
    assert first.entries == (entry(), END)
    assert not host.store.history().damaged
    assert host.store.record(1) == record("v1", 1)


def test_entries_that_the_copy_missed_are_kept(host: LedgerHost) -> None:
    lease = taken(host.store)
    host.store.begin(lease, record("v1"), entry())
    host.store.add(lease, 1, END)
    (host.ledger / "000001.record").write_text("")
    restore(host.transport, host.place, record("v1", 1), (entry(),))
    assert host.store.history().releases[0].entries == (entry(), END)


def test_the_fence_of_a_host_is_told(host: LedgerHost) -> None:
    for token in (3, 12, 7):
        host.run(fence_check(host.place, token, 2_000_000))
    assert parse_fence("web-1", host.run(read_copy_script(host.place))[1]) == 12


def test_an_answer_of_nonsense_is_an_error_of_that_host() -> None:
    with pytest.raises(LedgerError, match="not understood") as told:
        parse_copy("web-1", "@name x.head", 0)
    assert told.value.host == "web-1"
    with pytest.raises(LedgerError, match="not understood"):
        parse_fence("web-1", "@fence many")


def test_tokens_go_on_above_those_of_the_lost_ledger(host: LedgerHost) -> None:
    raise_token(host.transport, host.place, 41)
    assert host.store.holder() is None
    lease = taken(host.store)
    assert lease.token == 42
    raise_token(host.transport, host.place, 7)
    assert host.store.take(claim("r2"), over=42).token == 43


def test_raising_tokens_takes_the_lease_from_nobody(host: LedgerHost) -> None:
    lease = taken(host.store)
    raise_token(host.transport, host.place, 41)
    host.store.renew(lease)
    host.store.release(lease)
    assert host.store.holder() is None
    assert taken(host.store, claim("r2")).token == 42
