"""Secret files for a container, in memory only: they lie below ``/run`` and end with a reboot.

Their own modes are for the users inside the container, who see the directory through its mount; the
directory above it keeps the host's other users out.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleet import shell
from fleet.model.services import SecretFile
from fleet.ops.effects import Effect, Shell
from fleet.ops.fingerprints import remember
from fleet.secret import Text, concat

HEAD = """\
set -eu
(umask 077; mkdir -p "${dir%/*}"); chmod 0700 "${dir%/*}"
mkdir -p -m 0755 "$dir"
case $(stat -f -c %T "$dir") in
  tmpfs | ramfs) ;;
  *) echo "$dir is not on a tmpfs: secrets would be written to a disk" >&2; exit 1 ;;
esac
"""


@dataclass(frozen=True, slots=True)
class WriteSecrets:
    """``fingerprints`` (name, fingerprint) go beside the files, so that the next plan can compare."""

    key: str
    directory: str
    files: tuple[SecretFile, ...]
    fingerprints: tuple[tuple[str, str], ...]

    @property
    def target(self) -> str:
        return f"secrets:{self.key}"

    @property
    def timeout(self) -> float:
        return 60

    def describe(self) -> str:
        return f"write secrets of {self.key}: {' '.join(file.name for file in self.files)}"

    def diff(self) -> tuple[str, ...]:
        return ()

    def effects(self) -> tuple[Effect, ...]:
        commands: list[Text] = [f"dir={shell.words([self.directory])}", HEAD]
        for file in self.files:
            name = shell.words([file.name])
            commands += [
                concat(("(umask 077; printf %s ", shell.quote(file.content), ' >"$dir/.new")')),
                f'chown {file.uid}:{file.gid} "$dir/.new"; chmod {file.mode} "$dir/.new"',
                f'mv -T "$dir/.new" "$dir/"{name}',
            ]
        names = "|".join(shell.words([file.name]) for file in self.files)
        commands.append(f'for f in "$dir"/*; do case ${{f##*/}} in {names}) ;; *) rm -f "$f" ;; esac; done')
        commands += remember((file.name for file in self.files), self.fingerprints, '"$dir"')
        return (Shell(shell.lines(commands)),)
