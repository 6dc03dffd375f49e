"""Lines of crontabs and of the kernel's settings, among those of others."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from fleet.model.found import HostFacts, Unknown
from fleet.model.tasks import CronTask, SysctlTask
from fleet.ops.tasks.change import Work
from fleet.ops.tasks.texts import Edit, EditCron, SetKernel
from fleet.plan.tasks.files import Impossible
from fleet.plan.text_diff import difference

MARKER = "#Ansible: "
"""Above the line of a cron job; Ansible's own, so that either finds what the other has written."""


@dataclass(slots=True)
class Texts:
    """What crontabs and files hold while one task after the other changes them."""

    facts: HostFacts
    _now: dict[tuple[str, str], str] = field(default_factory=dict)

    def cron(self, wish: CronTask) -> Work | None:
        before = self._text(wish.file, wish.user)
        after = with_job(before, wish)
        if after == before:
            return None
        where = wish.file or f"the crontab of {wish.user}"
        lines = tuple(difference(where, before or None, after))
        return EditCron(wish.name, where, self._edit(wish.file, wish.user, before, after), lines)

    def sysctl(self, wish: SysctlTask) -> Work | None:
        before = self._text(wish.file, "")
        after = with_setting(before, wish)
        known = {} if isinstance(self.facts.kernel, Unknown) else self.facts.kernel
        running = known.get(wish.name)
        change = wish.state == "present" and running != " ".join(wish.value.split())
        if after == before and not change:
            return None
        edit, lines = None, []
        if after != before:
            edit = self._edit(wish.file, "", before, after)
            lines = difference(wish.file, before or None, after)
        return SetKernel(wish, (running or "") if change else None, edit, tuple(lines))

    def _text(self, path: str, user: str) -> str:
        """Raises Impossible: it may not be read."""
        key = (path, "" if path else user)
        if key not in self._now:
            if path:
                self._now[key] = self._file(path)
            else:
                crontabs = {} if isinstance(self.facts.crontabs, Unknown) else self.facts.crontabs
                self._now[key] = crontabs.get(user, "")
        return self._now[key]

    def _file(self, path: str) -> str:
        found = {} if isinstance(self.facts.paths, Unknown) else self.facts.paths
        one = found.get(path)
        if one is None or one.kind == "absent":
            return ""
        if one.kind != "file" or one.content is None:
            hint = f"it must be a file of text that all may read: chmod 0644 {path}"
            raise Impossible(f"{path} cannot be edited: its content is not known", hint)
        return one.content

    def _edit(self, path: str, user: str, before: str, after: str) -> Edit:
        paths = {} if isinstance(self.facts.paths, Unknown) else self.facts.paths
        self._now[path, "" if path else user] = after
        return Edit(paths[path] if path else None, "" if path else user, before, after)


def with_job(text: str, wish: CronTask) -> str:
    """The crontab with the job's line below its marker, or without both."""
    lines = text.splitlines()
    marker = f"{MARKER}{wish.name}"
    wanted = [marker, wish.line] if wish.state == "present" else []
    if marker in lines:
        at = lines.index(marker)
        lines[at : at + 2] = wanted
    else:
        lines += wanted
    return "".join(f"{line}\n" for line in lines)


def with_setting(text: str, wish: SysctlTask) -> str:
    """The file with one line of the setting, where the first of them was, or without any."""
    ours = re.compile(rf"\s*-?{re.escape(wish.name)}\s*=\s*(.*?)\s*")
    lines = text.splitlines()
    found = [number for number, line in enumerate(lines) if ours.fullmatch(line)]
    keep = [line for number, line in enumerate(lines) if number not in found]
    if wish.state == "present":
        matches = [ours.fullmatch(lines[number]) for number in found]
        if len(matches) == 1 and matches[0] and matches[0][1].split() == wish.value.split():
            return text
        keep.insert(found[0] if found else len(keep), f"{wish.name} = {wish.value}")
    elif not found:
        return text
    return "".join(f"{line}\n" for line in keep)
