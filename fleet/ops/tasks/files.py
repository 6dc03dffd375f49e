"""Files, directories and links of a host."""

from __future__ import annotations

from dataclasses import dataclass

from fleet import shell
from fleet.facts.tasks.paths import marks_file
from fleet.model.found_tasks import FoundPath
from fleet.model.tasks import FileTask
from fleet.secret import Text, concat
from fleet.shell import words

VALIDATE = """\
if ! report=$("$@" 2>&1 </dev/null); then
  rm -f "$new"; printf '%s\\n' "$report" | tail -n 15 >&2
  fail 66 'the file from before is untouched'
fi
"""


@dataclass(frozen=True, slots=True)
class _AtPath:
    """One path, which must be as the plan saw it."""

    wish: FileTask
    found: FoundPath

    @property
    def target(self) -> str:
        return f"file:{self.wish.path}"

    def diff(self) -> tuple[str, ...]:
        return ()

    def guard(self) -> str:
        path = words([self.found.path])
        return f'as_seen {path} {words([self.found.seen])} "$(see {path})"'


@dataclass(frozen=True, slots=True)
class PutFile(_AtPath):
    """``mark``: directory of the marks and the fingerprint, when the content holds secrets."""

    lines: tuple[str, ...]
    mark: tuple[str, str] | None = None

    @property
    def style(self) -> str:
        return "add" if self.found.kind == "absent" else "change"

    def describe(self) -> str:
        return f"write {self.wish.path}"

    def diff(self) -> tuple[str, ...]:
        return self.lines

    def script(self) -> tuple[Text, ...]:
        wish, was = self.wish, self.found
        path = words([wish.path])
        parts: list[Text] = [
            f"path={path}",
            'dir=$(dirname "$path")',
            '[ -d "$dir" ] || fail 68 "there is no directory $dir: make it with a task before this one"',
            "new=$dir/.fleet-new-$$; trap 'rm -f \"$new\"' EXIT",
            concat(("(umask 077; printf %s ", shell.quote(wish.content or ""), ' >"$new")')),
        ]
        # What is not said stays as it was; what was not there is root's.
        kept = was.mode if was.kind == "file" else "0644"
        ids = was.ids if was.kind == "file" else "0:0"
        parts += [f'chown {words([ids])} "$new"', *_attributes(wish, '"$new"', kept)]
        if wish.validate:
            parts += [f"set -- {_with_file(wish.validate)}", VALIDATE]
        parts += ['sync "$new" 2>/dev/null || sync', 'mv -T "$new" "$path"']
        if self.mark:
            directory, fingerprint = self.mark
            mark = words([marks_file(directory, wish.path)])
            parts += [
                f'(umask 077; mkdir -p "$(dirname {mark})"',
                f'  sum=$(sha256sum <"$path"); printf \'%s %s\\n\' "${{sum%% *}}" {fingerprint} >{mark})',
            ]
        return tuple(parts)


def _with_file(command: tuple[str, ...]) -> str:
    """Its words, with the new file in place of ``%s``."""
    quoted = ([words([part]) if part else "" for part in word.split("%s")] for word in command)
    return " ".join('"$new"'.join(parts) for parts in quoted)


def _attributes(wish: FileTask, path: str, mode: str = "") -> list[str]:
    """Owner before mode: changing the owner takes off set-user-id."""
    found = []
    if wish.owner or wish.group:
        found.append(f"run chown {words([_owner(wish)])} {path}")
    if wish.mode or mode:
        found.append(f"chmod {wish.mode or mode} {path}")
    return found


def _owner(wish: FileTask) -> str:
    return f"{wish.owner}:{wish.group}" if wish.group else wish.owner


@dataclass(frozen=True, slots=True)
class SetAttributes(_AtPath):
    """Of a file or directory that is there, or that a task before this one makes."""

    lines: tuple[str, ...]

    @property
    def style(self) -> str:
        return "change"

    def describe(self) -> str:
        return f"set {', '.join(self.lines)}"

    def script(self) -> tuple[Text, ...]:
        path = words([self.wish.path])
        test = "-d" if self.wish.state == "directory" else "-f"
        missing = f"{self.wish.path} is not there: nothing before this task makes it"
        return (f"[ {test} {path} ] || fail 68 {words([missing])}", *_attributes(self.wish, path))


@dataclass(frozen=True, slots=True)
class MakeDirectory(_AtPath):
    """With those above it that are missing, which get the same owner and mode."""

    @property
    def style(self) -> str:
        return "add"

    def describe(self) -> str:
        wish = self.wish
        said = [f"mode {wish.mode}"] if wish.mode else []
        said += [f"owner {_owner(wish)}"] if wish.owner or wish.group else []
        more = f" ({', '.join(said)})" if said else ""
        return f"create directory {wish.path}{more}"

    def script(self) -> tuple[Text, ...]:
        apply = "; ".join(_attributes(self.wish, '"$1"')) or ":"
        return (
            "make() {",
            '  [ ! -d "$1" ] || return 0',
            '  make "$(dirname "$1")"',
            f'  run mkdir "$1"; {apply}',
            "}",
            f"make {words([self.wish.path])}",
            # It may be there by now, of a package or a user that a task before has made.
            *_attributes(self.wish, words([self.wish.path])),
        )


@dataclass(frozen=True, slots=True)
class MakeLink(_AtPath):
    @property
    def style(self) -> str:
        return "add" if self.found.link is None else "change"

    def describe(self) -> str:
        was = f" (was → {self.found.link})" if self.found.link is not None else ""
        return f"link {self.wish.path} → {self.wish.target}{was}"

    def script(self) -> tuple[Text, ...]:
        path, target = words([self.wish.path]), words([self.wish.target])
        return (
            f"path={path}",
            '[ -L "$path" ] || [ ! -e "$path" ] || fail 68 "$path is there, and is no link"',
            'new=$(dirname "$path")/.fleet-new-$$; trap \'rm -f "$new"\' EXIT',
            f'run ln -s {target} "$new"',
            'run mv -T "$new" "$path"',
        )


@dataclass(frozen=True, slots=True)
class RemovePath(_AtPath):
    @property
    def style(self) -> str:
        return "remove"

    def describe(self) -> str:
        what = "directory " if self.found.kind == "directory" and self.found.link is None else ""
        return f"remove {what}{self.wish.path}{' with all that is in it' if what else ''}"

    def script(self) -> tuple[Text, ...]:
        return (f"run rm -rf --one-file-system -- {words([self.wish.path])}",)
