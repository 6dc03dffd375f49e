"""Debian packages by name: the version that is installed."""

from __future__ import annotations

from fleet.facts.probe import Answer, Question
from fleet.facts.tasks.bodies import AS_ROOT, bodies, told
from fleet.model.found import Unknown
from fleet.model.tasks import PackageTask
from fleet.shell import words

INSTALLED = """\
installed() { # a package: its version, or - when it is not installed
  answer=$(dpkg-query -W -f='${db:Status-Status} ${Version}\\n' "$1" 2>&1) && known=0 || known=$?
  case $known,$answer in
    0,'installed '*) answer=${answer%%
*}; printf %s "${answer#* }" ;;
    0,* | 1,*) printf -- - ;;
    *) printf '%s\\n' "$answer" >&2; return 1 ;;
  esac
}
"""

LOOK = """\
command -v dpkg-query >/dev/null || { echo 'there is no dpkg: only packages of Debian are known'; exit 1; }
package() { version=$(installed "$1") || exit 1; printf 'package %s %s\\n' "$1" "$version"; }
"""


def bare(name: str) -> str:
    """Without its version."""
    return name.partition("=")[0]


class PackagesProbe:
    name = "packages"

    def script(self, question: Question) -> str:
        names = dict.fromkeys(bare(name) for body in bodies(question, PackageTask) for name in body.names)
        if not names:
            return ""
        return AS_ROOT + INSTALLED + LOOK + "\n".join(f"package {words([name])}" for name in names)

    def parse(self, answer: Answer) -> dict[str, str] | Unknown:
        rows = told(answer, "packages", "package", 2)
        if isinstance(rows, Unknown):
            return rows
        return {name: "" if version == "-" else version for name, version in rows}
