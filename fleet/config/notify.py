"""``x-fleet.notify`` of the inventory: who is told of a run."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import PydanticCustomError

from fleet.config.inventory.var_names import SECTION as NAME
from fleet.config.roles.scalars import boolean, name_of, needed_words, sealable, text, wrong
from fleet.config.settings import setting
from fleet.config.yaml import Document, Path, load
from fleet.errors import ConfigError, ConfigErrors, FleetError, Position
from fleet.model.hosts import Host
from fleet.model.notices import Command, LogFile, Moment, Notifier, Slack, Target, Webhook, url_problem
from fleet.secret import Hole, SealedText, SecretRef, Text
from fleet.suggest import suggest

_ABOVE: tuple[Path, ...] = ((NAME,), ("all", "vars", NAME))
"""Where the variable of all hosts may stand in its file: group_vars/all, and hosts.yml."""


def notifiers(hosts: Sequence[Host], root: pathlib.Path) -> tuple[Notifier, ...]:
    """Those of the variable ``x-fleet``, which is the same on all ``hosts``; ``root`` of the project.

    Raises ConfigErrors with all that is wrong; ConfigError: hosts differ.
    """
    written = setting(hosts, NAME, None)
    if written is None:
        return ()
    reader = _Reader()
    found = tuple(reader.notifiers(written))
    if reader.wrong:
        place = _places(next((host.at(NAME) for host in hosts if host.at(NAME)), None), root)
        raise ConfigErrors(
            ConfigError(what, hint=hint, at=place(path, key)) for what, hint, path, key in reader.wrong
        )
    return found


class _Reader:
    """Values to notifiers; ``wrong`` gathers message, hint, path, and whether it is about the key."""

    def __init__(self) -> None:
        self.wrong: list[tuple[str, str, Path, bool]] = []

    def notifiers(self, written: Any) -> Iterator[Notifier]:
        if not isinstance(written, Mapping):
            self._wrong(f"{NAME} must be a mapping with 'notify', not {name_of(written)}", ())
            return
        self._known(written, ("notify",), ())
        entries = written.get("notify") or []
        if not isinstance(entries, list):
            self._wrong(f"notify must be a list, not {name_of(entries)}", ("notify",))
            return
        for number, entry in enumerate(entries):
            notifier = self._notifier(entry, ("notify", number))
            if notifier:
                yield notifier

    def _notifier(self, written: Any, path: Path) -> Notifier | None:
        if not isinstance(written, Mapping):
            hint = "such as: webhook: https://…"
            self._wrong(f"a notifier must be a mapping, not {name_of(written)}", path, hint=hint)
            return None
        # YAML 1.1 reads an unquoted `on` as true.
        keys = {"on" if key is True else key: key for key, value in written.items() if value is not None}
        self._known(keys, (*KINDS, "on", "required"), path)
        kinds = [kind for kind in KINDS if kind in keys]
        if len(kinds) != 1:
            has = f"this one has {' and '.join(kinds)}" if kinds else "this one has none"
            self._wrong(f"a notifier is exactly one of {_listed(KINDS)}; {has}", path)
            return None
        before = len(self.wrong)
        target: Target | None = self._value(KINDS[kinds[0]], written[kinds[0]], (*path, kinds[0]))
        on = required = None
        if "on" in keys:
            on = self._moments(written[keys["on"]], (*path, keys["on"]))
        if "required" in keys:
            required = self._value(boolean, written["required"], (*path, "required"))
        if target is None or len(self.wrong) > before:
            return None
        return Notifier(target, on or frozenset(Moment), bool(required))

    def _moments(self, written: Any, path: Path) -> frozenset[Moment]:
        words = written if isinstance(written, list) else [written]
        if not words:
            self._wrong(f"on: needs at least one of {_listed(Moment)}", path)
        for number, word in enumerate(words):
            if word not in list(Moment):
                near = suggest(str(word), map(str, Moment))
                place = (*path, number) if isinstance(written, list) else path
                self._wrong(f"on: {str(word)!r} is not one of {_listed(Moment)}{near}", place)
        return frozenset(moment for moment in Moment if moment in words)

    def _value(self, read: Callable[[Any], Any], written: Any, path: Path) -> Any:
        try:
            return read(SealedText((Hole(written),)) if isinstance(written, SecretRef) else written)
        except PydanticCustomError as error:
            self._wrong(f"{path[-1]}: {error.message()}", path, hint=(error.context or {}).get("hint", ""))
            return None

    def _known(self, written: Mapping[Any, Any], known: Sequence[str], path: Path) -> None:
        for key in written:
            if key not in known:
                self._wrong(f"unknown key {str(key)!r}{suggest(str(key), known)}", (*path, key), key=True)

    def _wrong(self, what: str, path: Path, *, hint: str = "", key: bool = False) -> None:
        self.wrong.append((what, hint, path, key))


def _url(value: Any) -> Text:
    url = sealable(value)
    problem = url_problem(url) if isinstance(url, str) else ""
    if problem:
        raise wrong(f"the URL {problem}")
    return url


def _command(value: Any) -> Command:
    plain = [_plain(item) for item in value] if isinstance(value, list) else _plain(value)
    return Command(needed_words(plain))


def _log(value: Any) -> LogFile:
    path = text(_plain(value))
    if not path or path.endswith("/"):
        raise wrong("must be the path of a file")
    return LogFile(path)


def _plain(value: Any) -> Any:
    if isinstance(value, (SecretRef, SealedText)):
        hint = "a command may read the secret from its environment, which is yours"
        raise wrong("a secret cannot stand here: others could read it", hint=hint)
    return value


KINDS: Mapping[str, Callable[[Any], Target]] = {
    "webhook": lambda value: Webhook(_url(value)),
    "slack": lambda value: Slack(_url(value)),
    "command": _command,
    "log": _log,
}


def _listed(words: Any) -> str:
    *first, last = map(str, words)
    return f"{', '.join(first)} or {last}"


def _places(variable: Position | None, root: pathlib.Path) -> Callable[[Path, bool], Position | None]:
    """Where a path below the variable was written. A host keeps only the variable's own place, so the file
    is read once more; where it says something else by now, that place is all there is."""
    document, above = _document(variable, root)

    def place(path: Path, key: bool) -> Position | None:
        if document is None:
            return variable
        whole = (*above, *path)
        return document.key_at(whole) if key else document.at(whole)

    return place


def _document(variable: Position | None, root: pathlib.Path) -> tuple[Document | None, Path]:
    if variable is None:
        return None, ()
    try:
        document = load(root / variable.file, root=root)
    except FleetError:
        return None, ()
    above = next((path for path in _ABOVE if document.at(path) == variable), None)
    return (None, ()) if above is None else (document, above)
