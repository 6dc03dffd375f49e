"""Lines within a crontab or a file that holds those of others, too."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from fleet.facts.tasks.crontabs import CRONTAB
from fleet.facts.tasks.kernel import place
from fleet.model.found_tasks import FoundPath
from fleet.model.tasks import SysctlTask
from fleet.secret import Text
from fleet.shell import words


@dataclass(frozen=True, slots=True)
class Edit:
    """``found`` is a file as the plan saw it; None: it is the crontab of ``user``. ``before`` is what it
    holds when this change begins: earlier ones of the same run may have been there."""

    found: FoundPath | None
    user: str
    before: str
    after: str

    @property
    def guard(self) -> str:
        """That it still holds what it held before."""
        if self.found is None:
            what, text = f"the crontab of {self.user}", f"crontab_of {words([self.user])} | base64 -d"
        else:
            what, text = self.found.path, f"cat {words([self.found.path])} 2>/dev/null"
        sum = f"{hashlib.sha256(self.before.encode()).hexdigest()}  -"
        return f'{CRONTAB}as_seen {words([what, sum])} "$({text} | sha256sum)"'

    @property
    def script(self) -> list[Text]:
        text = words([self.after])
        if self.found is None:
            # Through a file: a shell tells nothing of how the first part of a pipe ended.
            return [
                "new=$(mktemp); trap 'rm -f \"$new\"' EXIT",
                f'printf %s {text} >"$new"',
                f'run crontab -u {words([self.user])} "$new"',
            ]
        path = words([self.found.path])
        if not self.after:
            return [f"rm -f {path}"]
        kept = self.found if self.found.kind == "file" else None
        return [
            f"path={path}",
            'mkdir -p "$(dirname "$path")"',
            'new=$(dirname "$path")/.fleet-new-$$; trap \'rm -f "$new"\' EXIT',
            f'printf %s {text} >"$new"',
            f'chown {kept.ids if kept else "0:0"} "$new"; chmod {kept.mode if kept else "0644"} "$new"',
            'mv -T "$new" "$path"',
        ]


@dataclass(frozen=True, slots=True)
class EditCron:
    name: str
    where: str
    edit: Edit
    lines: tuple[str, ...]

    @property
    def target(self) -> str:
        return f"cron:{self.where}:{self.name}"

    @property
    def style(self) -> str:
        return "change"

    def describe(self) -> str:
        return f'write cron job "{self.name}" in {self.where}'

    def diff(self) -> tuple[str, ...]:
        return self.lines

    def guard(self) -> str:
        return self.edit.guard

    def script(self) -> tuple[Text, ...]:
        return tuple(self.edit.script)


@dataclass(frozen=True, slots=True)
class SetKernel:
    """``running``: what the kernel has now; None: nothing is to be changed in it. ``edit`` None: the file is
    as wanted."""

    wish: SysctlTask
    running: str | None
    edit: Edit | None
    lines: tuple[str, ...]

    @property
    def target(self) -> str:
        return f"sysctl:{self.wish.name}"

    @property
    def style(self) -> str:
        return "change"

    def describe(self) -> str:
        wish = self.wish
        if wish.state == "absent":
            return f"remove {wish.name} from {wish.file}; the running kernel keeps it"
        if self.running is not None:
            return f"set {wish.name} = {wish.value} (was {self.running or 'nothing'})"
        return f"set {wish.name} = {wish.value} in {wish.file}"

    def diff(self) -> tuple[str, ...]:
        return self.lines

    def guard(self) -> str:
        return self.edit.guard if self.edit else ""

    def script(self) -> tuple[Text, ...]:
        parts: list[Text] = []
        if self.running is not None:
            missing = f"the kernel has no setting {self.wish.name}: is a module missing?"
            parts = [
                f"path={words([place(self.wish.name)])}",
                f'[ -e "$path" ] || fail 68 {words([missing])}',
                f'run sh -c \'printf "%s\\n" "$1" >"$2"\' - {words([self.wish.value])} "$path"',
            ]
        return (*parts, *(self.edit.script if self.edit else ()))
