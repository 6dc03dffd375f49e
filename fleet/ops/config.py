"""Write configuration into a directory that a container has mounted, and have it taken up.

The mount is of the directory, so the container sees what happens inside it; a file replaced under a
single-file mount it would never see. The files lie in a subdirectory named after their content, and
each visible name is a link through ``.fleet-current``: renaming that one link changes all of them
at once, and renaming it back undoes it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from fleet import shell
from fleet.facts.files import CURRENT, PENDING
from fleet.facts.proven import disprove
from fleet.model.services import ConfigDir, Mount
from fleet.ops.effects import Effect, Shell
from fleet.ops.fingerprints import remember
from fleet.secret import Text, concat

INVALID = 66
RELOAD = 67

HEAD = """\
set -eu
umask 022
fail() { code=$1; shift; printf '%s\\n' "$*" >&2; exit "$code"; }
expect() { # file, sha256 or - for none
  found=-; [ ! -f "$dir/$1" ] || found=$(sha256sum <"$dir/$1" | cut -c1-64)
  [ "$found" = "$2" ] || fail 75 "$dir/$1 was changed since the plan was made"
}
switch() {
  rm -f "$dir/.fleet-switch"
  ln -s "$1" "$dir/.fleet-switch" && mv -T "$dir/.fleet-switch" "$dir/$current"
}
"""

# The same version again means that somebody edited the files in place: they get a fresh directory.
SWITCH = """\
before=$(readlink "$dir/$current" 2>/dev/null || :)
[ "$before" != "$new" ] || new=$new-again
rm -rf "$dir/$new" "$dir/.fleet-link"
mv "$dir/.fleet-stage" "$dir/$new"
sync -f "$dir" 2>/dev/null || sync
switch "$new"
"""

LINKS = """\
link() {
  [ "$(readlink "$dir/$1" 2>/dev/null)" != "$current/$1" ] || return 0
  [ ! -f "$dir/$1" ] || [ -L "$dir/$1" ] || cp -p "$dir/$1" "$dir/$1.before-fleet"
  ln -s "$current/$1" "$dir/.fleet-link" && mv -T "$dir/.fleet-link" "$dir/$1"
}
back() { # file, its sha256 before or - for none
  [ ! -f "$dir/$current/$1" ] || { link "$1"; return; }
  rm -f "$dir/$1"
  [ "$2" = - ] || mv "$dir/$1.before-fleet" "$dir/$1"
}
"""


@dataclass(frozen=True, slots=True)
class WriteConfig:
    """``found`` is what the plan saw: (file name, sha256 or ``-``) of every file it touches."""

    key: str
    state_dir: str
    config: ConfigDir
    image: str
    user: str
    mounts: tuple[Mount, ...]
    found: tuple[tuple[str, str], ...]
    stale: tuple[str, ...] = ()
    """Files that Fleet wrote once and that are wanted no more."""
    reload: str = ""
    """Id of the running container that takes the files up; empty: none is to be told."""
    fingerprints: tuple[tuple[str, str], ...] = ()
    """(file name, fingerprint) of the files that hold secrets; they go beside the files."""
    lines: tuple[str, ...] = ()
    """The difference as shown to the operator."""
    verified: bool = False
    """That it was taken up is verified afterwards; :meth:`confirm` says so on the host, or :meth:`undo`
    brings the files from before back."""

    @property
    def target(self) -> str:
        return f"config:{self.config.directory}"

    @property
    def timeout(self) -> float:
        return 120

    def describe(self) -> str:
        names = " ".join(file.name for file in self.config.files)
        gone = f", remove {' '.join(self.stale)}" if self.stale else ""
        how = f", then reload ({self.config.reload})" if self.reload else ""
        return f"write {self.config.directory}: {names}{gone}{how}"

    def diff(self) -> tuple[str, ...]:
        return self.lines

    def effects(self) -> tuple[Effect, ...]:
        was = 'readlink "$dir/$current"'
        parts: list[Text] = [
            f"dir={_q(self.config.directory)} current={CURRENT} new={_q(self.version)}",
            HEAD,
            'mkdir -p "$dir"',
            *(f"expect {_q(name)} {sha}" for name, sha in self.found),
            'rm -rf "$dir/.fleet-stage"; mkdir -m 0755 "$dir/.fleet-stage"',
            *self._files(),
            *self._validation(),
            *([f'good=$(cat "$dir/{PENDING}" 2>/dev/null || :)'] if self.verified else []),
            # Of a run that is cut off between here and the end; what an earlier one has left stays.
            *(
                [f'[ -s "$dir/{PENDING}" ] || {was} >"$dir/{PENDING}" 2>/dev/null || :']
                if self.verified
                else []
            ),
            *([f': >>"$dir/{PENDING}"', disprove(self.state_dir, self.reload)] if self.reload else []),
            SWITCH,
            # What the link led to before, for a reload that turns out bad later; of a run that was cut off
            # before it knew, that which was good before it.
            *(['[ -z "$good" ] || [ ! -d "$dir/$good" ] || before=$good'] if self.verified else []),
            *([f'printf %s "$before" >"$dir/{PENDING}"'] if self.verified else []),
            LINKS,
            *(f"link {_q(file.name)}" for file in self.config.files),
            *(f'rm -f "$dir/"{_q(name)}' for name in self.stale),
            *self._reloading(),
            *([] if self.verified else [f'rm -f "$dir/{PENDING}"']),
            'for old in "$dir"/.fleet-[0-9a-f]*; do',
            '  case ${old##*/} in "$new" | "$before" | .fleet-current) ;; *) rm -rf "$old" ;; esac',
            "done",
        ]
        return (Shell(shell.lines(parts)),)

    def confirm(self) -> tuple[Effect, ...]:
        return (Shell(f'dir={_q(self.config.directory)}\nrm -f "$dir/{PENDING}"\n'),)

    def undo(self) -> tuple[Effect, ...]:
        """The files from before, and the container told of them; that it takes them up is not asked again.
        Without the mark nobody knows what was before: then nothing is touched."""
        parts = [
            f"dir={_q(self.config.directory)} current={CURRENT}",
            HEAD,
            f'[ -f "$dir/{PENDING}" ] || fail 75 "$dir/{PENDING} is gone: who knows what was before?"',
            f'before=$(cat "$dir/{PENDING}")',
            '[ -z "$before" ] || [ -d "$dir/$before" ] || fail 75 "$dir/$before is gone"',
            LINKS,
            *self._switching_back(),
            f"{self._command()} </dev/null >/dev/null 2>&1 || :",
        ]
        return (Shell(shell.lines(parts)),)

    @property
    def version(self) -> str:
        """The subdirectory's name: a digest of names, modes, owners and content (secrets by reference)."""
        owner = f"{self.config.uid}:{self.config.gid}"
        text = repr((owner, [(file.name, file.mode, str(file.content)) for file in self.config.files]))
        return f".fleet-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    def _files(self) -> list[Text]:
        commands: list[Text] = []
        for file in self.config.files:
            path = f'"$dir/.fleet-stage/"{_q(file.name)}'
            commands.append(concat(("(umask 077; printf %s ", shell.quote(file.content), f" >{path})")))
            commands.append(f"chown {self.config.uid}:{self.config.gid} {path}; chmod {file.mode} {path}")
        names = [file.name for file in self.config.files]
        return [*commands, *remember(names, self.fingerprints, '"$dir/.fleet-stage"')]

    def _validation(self) -> list[Text]:
        if not self.config.validate:
            return []
        mounts = [f'-v "$dir/.fleet-stage":{_q(self.config.mounted_at)}:ro']
        mounts += [
            f"-v {_q(mount.source)}:{_q(mount.target)}:ro"
            for mount in self.mounts
            if mount.type in {"bind", "volume"} and mount.target != self.config.mounted_at
        ]
        first, *rest = self.config.validate
        options = ["--network none", f"--entrypoint {_q(first)}", *mounts]
        if self.user:
            options.append(f"--user {_q(self.user)}")
        run = f"docker run --rm {' '.join(options)} {_q(self.image)}"
        return [
            f"if ! report=$({run} {shell.words(rest)} </dev/null 2>&1); then",
            '  rm -rf "$dir/.fleet-stage"; printf "%s\\n" "$report" >&2',
            f"  fail {INVALID} 'the new files were refused; the old ones are untouched'",
            "fi",
        ]

    def _reloading(self) -> list[Text]:
        if not self.reload or self.config.reload is None:
            return []
        return [
            f"if ! report=$({self._command()} </dev/null 2>&1); then",
            *self._switching_back(),
            '  printf "%s\\n" "$report" >&2',
            f"  fail {RELOAD} 'the reload failed; the old files are back'",
            "fi",
        ]

    def _switching_back(self) -> list[Text]:
        return [
            '  if [ -n "$before" ]; then switch "$before"; else rm -f "$dir/$current"; fi',
            *(f"  back {_q(name)} {sha}" for name, sha in self.found),
            f'  rm -f "$dir/{PENDING}"',
        ]

    def _command(self) -> str:
        reload = self.config.reload
        if reload is None or reload.signal:
            name = reload.signal if reload else ""
            # The engine takes `docker kill` for a stop by hand, whatever the signal: with restart:
            # unless-stopped the container would not come back after a reboot. So it is told from within.
            kill = f"kill -s {name.removeprefix('SIG')} 1"
            within = f"docker exec {self.reload} sh -c {_q(kill)}"
            return f"{{ {within} </dev/null 2>/dev/null || docker kill -s {_q(name)} {self.reload}; }}"
        return f"docker exec {self.reload} {shell.words(reload.command)}"


def _q(word: str) -> str:
    return shell.words([word])
