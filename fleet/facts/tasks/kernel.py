"""Settings of the running kernel."""

from __future__ import annotations

from fleet.facts.probe import Answer, Question
from fleet.facts.tasks.bodies import AS_ROOT, ENCODE, bodies, decoded, told
from fleet.model.found import Unknown
from fleet.model.tasks import SysctlTask
from fleet.shell import words

LOOK = """\
setting() { # name, file
  [ -e "$2" ] || { printf 'setting %s none -\\n' "$1"; return; }
  value=$(cat "$2") || exit 1
  printf 'setting %s set %s\\n' "$1" "$(encode "$value")"
}
"""


def place(name: str) -> str:
    """The file of a setting. In names with slashes the dots are those of an interface: eth0.100."""
    return f"/proc/sys/{name if '/' in name else name.replace('.', '/')}"


class KernelProbe:
    name = "kernel"

    def script(self, question: Question) -> str:
        names = dict.fromkeys(body.name for body in bodies(question, SysctlTask))
        if not names:
            return ""
        return AS_ROOT + ENCODE + LOOK + "\n".join(f"setting {words([name, place(name)])}" for name in names)

    def parse(self, answer: Answer) -> dict[str, str | None] | Unknown:
        """None: the kernel has no such setting."""
        rows = told(answer, "kernel settings", "setting", 3)
        if isinstance(rows, Unknown):
            return rows
        return {name: " ".join(decoded(value).split()) if how == "set" else None for name, how, value in rows}
