"""Users of a host and their groups."""

from __future__ import annotations

from fleet.facts.probe import Answer, Question
from fleet.facts.tasks.bodies import AS_ROOT, ENCODE, bodies, decoded, told
from fleet.model.found import Unknown
from fleet.model.found_tasks import FoundUser
from fleet.model.tasks import UserTask
from fleet.shell import words

ACCOUNT = f"""\
{ENCODE}account() {{ # a user: its entry, its first group and all its groups
  entry=$(getent passwd "$1") && found=0 || found=$?
  case $found in 0) ;; 2) printf %s '- - -'; return ;; *) return 1 ;; esac
  printf '%s %s %s' "$(encode "$entry")" "$(encode "$(id -gn "$1")")" "$(encode "$(id -Gn "$1")")"
}}
"""

LOOK = """\
user() { said=$(account "$1") || { echo 'getent cannot read them'; exit 1; }
  printf 'user %s %s\\n' "$1" "$said"; }
"""


class UsersProbe:
    name = "users"

    def script(self, question: Question) -> str:
        names = dict.fromkeys(body.name for body in bodies(question, UserTask))
        if not names:
            return ""
        return AS_ROOT + ACCOUNT + LOOK + "\n".join(f"user {words([name])}" for name in names)

    def parse(self, answer: Answer) -> dict[str, FoundUser | None] | Unknown:
        """None: there is no such user."""
        rows = told(answer, "users", "user", 4)
        if isinstance(rows, Unknown):
            return rows
        return {name: None if said[0] == "-" else _user(name, said) for name, *said in rows}


def _user(name: str, said: list[str]) -> FoundUser:
    entry, group, groups = map(decoded, said)
    _, _, uid, _, comment, home, shell = entry.split(":")
    others = tuple(sorted(set(groups.split()) - {group}))
    return FoundUser(name, uid, group, others, comment, home, shell, " ".join(said))
