"""The ledger's files: who may read them, what a cut leaves, and what is told when something is wrong."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.errors import Fenced, FleetError, LedgerError
from fleet.ledger import codec, scripts
from fleet.ledger.failures import failure
from fleet.ledger.opening import opening_script, parse_opening
from fleet.model.leases import Claim, Lease
from fleet.model.releases import Outcome
from tests.support.ledger import LedgerHost, claim, configured, entry, record, taken


def filled(host: LedgerHost, versions: int = 3) -> LedgerHost:
    lease = taken(host.store)
    for number in range(1, versions + 1):
        host.store.begin(lease, record(f"v{number}"), entry())
        host.store.add(lease, number, entry(Outcome.GOOD))
    return host


def test_only_the_owner_may_look(host: LedgerHost) -> None:
    filled(host)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in host.base.rglob("*") if path.is_file()}
    assert modes == {0o600}
    folders = [host.base, host.ledger, host.ledger / "content", host.base.parent]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


def test_nothing_is_left_beside_the_files(host: LedgerHost) -> None:
    filled(host, 1)
    assert sorted(path.name for path in host.base.iterdir()) == ["lease", "ledger", "lock"]
    files = ["000001.e01", "000001.e02", "000001.head", "000001.record", "content"]
    assert sorted(path.name for path in host.ledger.iterdir()) == files


def test_reading_makes_nothing(host: LedgerHost) -> None:
    host.store.history()
    host.store.holder()
    assert not Path(host.place.state_dir).exists()


def test_what_did_not_change_is_kept_once(host: LedgerHost) -> None:
    lease = taken(host.store)
    same = configured("db")
    host.store.begin(lease, record("v1", web_1=(same, configured(version="v1"))), entry())
    before = set((host.ledger / "content").iterdir())
    host.store.begin(lease, record("v2", web_1=(same, configured(version="v2"))), entry())
    assert len(set((host.ledger / "content").iterdir()) - before) == 1


def test_secrets_are_references_in_every_file(host: LedgerHost) -> None:
    filled(host)
    texts = [path.read_text() for path in host.base.rglob("*") if path.is_file()]
    assert any("env:PASSWORD" in text for text in texts)


def test_a_cut_begin_is_whole_or_not_there_and_is_no_obstacle(host: LedgerHost) -> None:
    """The script is killed before each program that changes the disk."""
    filled(host, 1)
    script = scripts.begin(host.place, 1, codec.encode(record("cut")), codec.encode_entry(entry()))
    for call in range(100):
        before = host.store.history().releases
        host.cut_at(call)
        rc, _, _ = host.run(script)
        host.uncut()
        after = host.store.history()
        assert after.releases[: len(before)] == before
        assert not after.damaged
        for one in after.releases[len(before) :]:
            assert one.entries == (entry(),)
            assert host.store.record(one.number).head.version == "cut"
        if rc == 0:
            break
    assert call > 10
    assert host.store.begin(Lease(1, claim()), record("v2"), entry()).number == len(after.releases) + 1


def test_leftovers_of_a_cut_begin_are_replaced(host: LedgerHost) -> None:
    filled(host, 1)
    for name in ("000002.record", "000002.e01", "000002.e02", "new.head", "new.e01"):
        (host.ledger / name).write_text("half")
    (host.ledger / "new").mkdir()
    (host.ledger / "new" / "half").write_text("half")
    assert len(host.store.history().releases) == 1
    assert not host.store.history().damaged
    lease = taken(host.store, claim("r2"), over=1)
    assert host.store.begin(lease, record("v2"), entry()).number == 2
    assert host.store.history().releases[1].entries == (entry(),)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("000002.head", "release 2: its head is damaged (checksum)"),
        ("000002.record", "release 2: its record is damaged (checksum) or missing"),
        ("000002.e01", "release 2: its entry 1 is damaged (checksum)"),
    ],
)
@pytest.mark.parametrize("how", ["cut", "changed", "binary"])
def test_history_goes_on_without_what_is_damaged(host: LedgerHost, name: str, what: str, how: str) -> None:
    path = filled(host).ledger / name
    data = path.read_bytes()
    path.write_bytes(
        {"cut": data[:40], "changed": data.replace(b"1", b"2", 1), "binary": b"\xff\0" + data}[how]
    )
    history = host.store.history()
    assert history.damaged == (what,)
    assert {1, 3} <= {one.number for one in history.releases}
    assert host.store.record(3).head.version == "v3"


@pytest.mark.parametrize("name", ["000002.head", "000002.record", "000002.e01"])
def test_what_is_gone_is_told(host: LedgerHost, name: str) -> None:
    (filled(host).ledger / name).unlink()
    (told,) = host.store.history().damaged
    assert "release 2" in told
    assert "missing" in told


def test_of_a_long_history_only_the_newest_records_are_checked(host: LedgerHost) -> None:
    filled(host, scripts.CHECKED + 2)
    for number in (1, 3):
        (host.ledger / f"{number:06d}.record").write_text("changed")
    (host.ledger / "000002.record").unlink()
    history = host.store.history()
    assert len(history.releases) == scripts.CHECKED + 2
    wrong = "its record is damaged (checksum) or missing"
    assert history.damaged == (f"release 2: {wrong}", f"release 3: {wrong}")
    with pytest.raises(LedgerError, match="release 1 cannot be read"):
        host.store.record(1)


@pytest.mark.parametrize("victim", ["000002.head", "000002.record", "content"])
def test_a_damaged_record_is_refused(host: LedgerHost, victim: str) -> None:
    filled(host)
    paths = list((host.ledger / "content").iterdir()) if victim == "content" else [host.ledger / victim]
    for path in paths:
        path.write_text(path.read_text()[:-2])
    with pytest.raises(LedgerError, match="release 2 cannot be read") as told:
        host.store.record(2)
    assert "--rebuild" in told.value.hint
    assert "damaged (checksum)" in told.value.why
    assert told.value.host == "web-1"


def test_a_damaged_content_is_made_whole_by_the_next_release(host: LedgerHost) -> None:
    filled(host, 1)
    for path in (host.ledger / "content").iterdir():
        path.write_text("")
    lease = taken(host.store, claim("r2"), over=1)
    host.store.begin(lease, record("v1"), entry())
    assert host.store.record(1).head.version == "v1"


def test_a_newer_format_says_so(host: LedgerHost) -> None:
    path = filled(host).ledger / "000003.head"
    path.write_text(codec._summed({"format": 2, "head": {}}))
    assert host.store.history().damaged == ("release 3: it was written by a newer Fleet (format 2)",)
    with pytest.raises(LedgerError, match="cannot be read") as told:
        host.store.record(3)
    assert told.value.hint == "update Fleet here"


@pytest.mark.parametrize("path", ["ledger/new.record", "ledger/new.e01", "ledger/new.head"])
def test_a_full_disk_is_told_and_changes_nothing(host: LedgerHost, path: str) -> None:
    lease = taken(filled(host, 1).store, claim("r2"), over=1)
    before = host.store.history()
    # A write through such a link is what a write to a full disk is.
    (host.base / path).symlink_to("/dev/full")
    with pytest.raises(LedgerError, match="the disk is full") as told:
        host.store.begin(lease, record("v2"), entry())
    assert "make room" in told.value.hint
    assert "No space left on device" in told.value.why
    assert host.store.history() == before


def test_a_full_disk_leaves_the_lease_as_it_was(host: LedgerHost) -> None:
    lease = taken(host.store)
    (host.base / "lease.new").symlink_to("/dev/full")
    with pytest.raises(LedgerError, match="the disk is full"):
        host.store.renew(lease)
    held = host.store.holder()
    assert held is not None
    assert held.token == lease.token


def test_a_disk_that_is_full_when_it_is_written_to(host: LedgerHost) -> None:
    """Some file systems find that out only then."""
    lease = taken(filled(host, 1).store, claim("r2"), over=1)
    host.program("sync", "echo \"sync: error syncing '$1': No space left on device\" >&2; exit 1")
    with pytest.raises(LedgerError, match="the disk is full"):
        host.store.begin(lease, record("v2"), entry())
    assert len(host.store.history().releases) == 1


def test_a_directory_that_cannot_be_made(host: LedgerHost) -> None:
    Path(host.place.state_dir).write_text("a file")
    with pytest.raises(LedgerError, match="no right to") as told:
        host.store.take(claim())
    assert "ansible_become" in told.value.hint
    assert "fleet_state_dir" in told.value.hint


def test_what_may_not_be_looked_into_is_not_taken_for_empty(host: LedgerHost) -> None:
    host.program("ls", "echo \"ls: cannot access '$2': Permission denied\" >&2; exit 2")
    with pytest.raises(LedgerError, match="cannot be opened: no right to"):
        host.store.history()


def test_flock_is_missed_by_name(host: LedgerHost, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sh", "bash", "timeout", "mkdir", "date"):
        path = host.bin / name
        if not path.exists():
            real = next(p for p in (Path("/usr/bin") / name, Path("/bin") / name) if p.exists())
            path.symlink_to(real)
    monkeypatch.setenv("PATH", str(host.bin))
    with pytest.raises(LedgerError, match="flock") as told:
        host.store.take(claim())
    assert "util-linux" in told.value.hint


def test_a_lock_that_is_never_let_go(host: LedgerHost) -> None:
    host.program("flock", "exit 1")
    with pytest.raises(LedgerError, match="locked by another process") as told:
        host.store.take(claim())
    assert f"{host.base}/lock" in told.value.why


@pytest.mark.parametrize("text", ["", "nonsense\n", "5\n", "5 0 held", "-1 0 held\n{}\n", "5 0 mine\n{}\n"])
def test_a_damaged_lease_is_not_taken_for_free(host: LedgerHost, text: str) -> None:
    filled(host, 1)
    (host.base / "lease").write_text(text)
    with pytest.raises(LedgerError, match="lease is damaged") as told:
        host.store.take(claim("r2"))
    assert f"{host.base}/lease" in told.value.why


def test_a_new_ledger_gives_out_no_token_that_its_host_has_seen(host: LedgerHost) -> None:
    (host.base / "fence").mkdir(parents=True)
    (host.base / "fence" / "41").touch()
    assert taken(host.store).token == 42


def test_what_programs_say_besides_confuses_nobody(host: LedgerHost) -> None:
    filled(host)
    wanted: Claim = claim("r2")
    script = opening_script(host.place, wanted, over=1)
    rc, out, _ = host.run(f"(:\necho 'sh: warning: setlocale'\n{script}\n) 2>&1; echo '@fleet'; echo more")
    opened = parse_opening("web-1", f"warning\n{out}\nwarning", rc, wanted)
    assert opened.lease is not None
    assert opened.lease.token == 2
    assert len(opened.history.releases) == 3
    assert not opened.history.damaged


def test_an_opening_that_is_refused_tells_the_holder_and_the_history(host: LedgerHost) -> None:
    filled(host)
    other = claim("r2")
    rc, out, _ = host.run(opening_script(host.place, other))
    opened = parse_opening("web-1", out, rc, other)
    assert opened.lease is None
    assert opened.holder is not None
    assert opened.holder.claim.run == "r1"
    assert len(opened.history.releases) == 3


def test_an_opening_that_failed_is_an_error() -> None:
    for rc in (1, 2, 127, None):
        with pytest.raises(FleetError):
            parse_opening("web-1", "sh: 1: mkdir: not found", rc, claim())


NEWER = '{"run":"r9","who":"zoe","mood":"good"}'
ANSWERS = ["@lease 1 0", "@lease x 0 held", "@lease 1 soon held"]


@pytest.mark.parametrize("state", [*ANSWERS, "@lease 1 9 held"])
@pytest.mark.parametrize("who", ["{}", "[]", "nonsense", NEWER])
def test_a_holder_that_is_not_understood_is_an_error(state: str, who: str) -> None:
    with pytest.raises(LedgerError, match="not understood") as told:
        parse_opening("web-1", f"{state}\n@claim {who}", 0, None)
    assert told.value.host == "web-1"
    assert "update Fleet" in told.value.hint


def test_a_token_that_is_not_understood_is_an_error() -> None:
    with pytest.raises(LedgerError, match="not understood"):
        parse_opening("web-1", "@taken soon", 0, claim())


def test_a_lease_that_was_lost_to_somebody_unknown_is_lost() -> None:
    error = failure("web-1", "written", scripts.FENCED, f"@lease 2 9 held\n@claim {NEWER}")
    assert isinstance(error, Fenced)


@pytest.mark.parametrize("answer", ["", "@number", "@number two"])
def test_a_release_that_was_given_no_number_is_an_error(
    host: LedgerHost, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = taken(host.store)
    monkeypatch.setattr(scripts, "begin", lambda *given: f"echo '{answer}'")
    with pytest.raises(LedgerError, match="not understood"):
        host.store.begin(lease, record("v1"), entry())


def test_a_large_record_goes_through(host: LedgerHost) -> None:
    big = replace(record(), sources={f"web/{n}": f"{n}" * 2000 for n in range(200)})
    host.store.begin(taken(host.store), big, entry())
    assert host.store.record(1).sources == big.sources
