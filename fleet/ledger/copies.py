"""The newest release that concerns a host, kept on that host too, and the ledger made anew from such copies.

``copy`` has the files of one release as the ledger has them. ``uses`` tells, for pruning, which images,
tags and configuration directories each release needed on this host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from fleet.errors import LedgerError
from fleet.ledger import codec, scripts
from fleet.ledger.answer import files, said
from fleet.ledger.codec import RecordFiles
from fleet.ledger.embedded import record_files, run
from fleet.ledger.failures import failure, understood
from fleet.ledger.opening import read_entries
from fleet.ledger.packed import packed
from fleet.model.desired import HostState
from fleet.model.images import ImageRef
from fleet.model.place import Place
from fleet.model.releases import Entry, Record
from fleet.shell import words
from fleet.transport.base import Transport

MEND = """\
mkdir -p "$base"; cd "$base"
[ -d copy ] || [ ! -d copy.old ] || mv copy.old copy
"""

SWAP = """\
settle .; cd ..
rm -rf copy.old; [ ! -d copy ] || mv copy copy.old
mv copy.new copy; settle .
rm -rf copy.old
"""

READ = """\
echo
for seen in fence/*; do
  seen=${seen##*/}
  case $seen in *[!0-9]*) ;; *) printf '@fence %s\\n' "$seen" ;; esac
done
cd copy 2>/dev/null || cd copy.old 2>/dev/null || exit 0
for name in *; do printf '@name %s\\n' "$name"; done
head -v -n 3 [0-9]*.head [0-9]*.record [0-9]*.e[0-9]* 2>/dev/null || :
cd content && head -v -n 3 * 2>/dev/null || :
printf '\\n@end .\\n'
"""


def copy_script(place: Place, record: Record, entries: Sequence[Entry], host: str) -> str:
    """Keep this release on ``host`` instead of the one before. A cut leaves one of the two readable."""
    return copying(place, record, entries)(host)


def copying(place: Place, record: Record, entries: Sequence[Entry]) -> Callable[[str], str]:
    """The same for many hosts, each when it is its turn: a record is large, so it is written out once, and
    a thousand scripts are never held at the same time."""
    keeping = _keep(place, record, entries)
    states = {state.host: state for state in record.desired.hosts}
    return lambda host: f"{keeping}{_remember(record.head.number, states.get(host, HostState(host)))}"


def _keep(place: Place, record: Record, entries: Sequence[Entry]) -> str:
    files = codec.encode(record)
    name = scripts.stem(record.head.number)
    texts = {f"{name}.head": files.head, f"{name}.record": files.record}
    texts |= {f"{name}.e{index:02d}": codec.encode_entry(one) for index, one in enumerate(entries, 1)}
    writing = "".join((
        scripts.contents(files.contents),
        *(f"put {words([one])} {words([text])}\n" for one, text in texts.items()),
        f"flush {words(texts)}\n",
    ))  # fmt: skip
    return (
        f"{_base(place)}{MEND}rm -rf copy.new; mkdir -p copy.new/content; cd copy.new\n"
        f"{packed(writing)}{SWAP}"
    )


def copy_entry_script(place: Place, number: int, index: int, entry: Entry) -> str:
    """One more entry, the ``index``-th; nothing when the host's copy is of another release."""
    name = scripts.stem(number)
    return (
        f"{_base(place)}{MEND}"
        f"[ -e copy/{name}.head ] || exit 0\ncd copy\n"
        f"put new.entry {words([codec.encode_entry(entry)])}; flush new.entry\n"
        f"mv -f new.entry {name}.e{index:02d}; settle .\n"
    )


def read_copy_script(place: Place) -> str:
    """For :func:`parse_copy` and :func:`parse_fence`. Changes nothing."""
    return f"{_base(place)}{scripts.VISIT}{READ}"


def parse_copy(host: str, answer: str, rc: int | None) -> tuple[Record, tuple[Entry, ...]] | None:
    """The host's copy; None when it has none. Entries that cannot be read are left out.

    Raises LedgerError when there is one and its record cannot be read.
    """
    if rc != 0:
        raise failure(host, "read from its copy", rc, answer, f"exit status {rc}")
    names = set(said(answer, "name"))
    if not names:
        return None
    number = understood(host, lambda: max(_numbers(names), default=0))
    texts = files(answer)
    try:
        record = codec.decode(number, record_files(number, texts))
    except ValueError as error:
        raise LedgerError(
            f"the copy of release {number} cannot be read", why=str(error), host=host
        ) from error
    entries, _ = read_entries(number, texts, names)
    return record, tuple(entries.values())


def parse_fence(host: str, answer: str) -> int:
    """The highest token of a lease that the host has seen; 0 when it has seen none. Raises LedgerError."""
    return understood(host, lambda: max(map(int, said(answer, "fence")), default=0))


def restore(transport: Transport, place: Place, record: Record, entries: Sequence[Entry]) -> None:
    """Write a release into the ledger under its own number. What is left of a damaged one is replaced; the
    longer of both rows of entries is kept. To be done while the lease is held.

    Raises LedgerError, also when the ledger has this release and it is intact.
    """
    number = record.head.number
    texts = files(run(transport, "read", scripts.record(place, number)))
    there, wrong = read_entries(number, texts, set(texts))
    if not wrong and _whole(number, record_files(number, texts)):
        raise LedgerError(f"release {number} is in the ledger already, and intact", host=transport.host)
    kept = max(list(entries), list(there.values()), key=len)
    lines = {index: codec.encode_entry(entry) for index, entry in enumerate(kept, 1)}
    run(transport, "written", scripts.restore(place, number, codec.encode(record), lines))


def raise_token(transport: Transport, place: Place, token: int) -> None:
    """Let the next tokens of this ledger's lease be above ``token``: another ledger has given that one out,
    and hosts that have seen it would refuse lower ones. To be done while the lease is held. Raises
    LedgerError."""
    run(transport, "written", scripts.raise_token(place, token))


def _numbers(names: Iterable[str]) -> Iterator[int]:
    return (int(name.partition(".")[0]) for name in names if name.endswith(".head"))


def _whole(number: int, files: RecordFiles) -> bool:
    try:
        codec.decode(number, files)
    except ValueError:
        return False
    return True


def _remember(number: int, state: HostState) -> str:
    """Sorted and each line once, so that writing it again changes nothing."""
    lines = "".join(f"{scripts.stem(number)} {use}\n" for use in _uses(state))
    return (
        "[ -e uses ] || true >uses\n"
        f"printf %s {words([lines])} | sort -u uses - >uses.new || fail {scripts.CANNOT} 'no room for uses'\n"
        "flush uses.new; mv uses.new uses; settle .\n"
    )


def _uses(state: HostState) -> Iterator[str]:
    for service in state.services:
        image = ImageRef.parse(service.container.image)
        if image.digest:
            yield f"image {image.pinned(image.digest)}"
        if image.tag:
            yield f"tag {image.name}:{image.tag}"
        yield from (f"dir {config.directory}" for config in service.configs)


def _base(place: Place) -> str:
    return f"base={words([place.base])}\n{scripts.WRITING}"
