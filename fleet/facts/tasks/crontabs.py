"""Crontabs of users."""

from __future__ import annotations

from fleet.facts.probe import Answer, Question
from fleet.facts.tasks.bodies import AS_ROOT, bodies, decoded, told
from fleet.model.found import Unknown
from fleet.model.tasks import CronTask
from fleet.shell import words

CRONTAB = """\
crontab_of() { # a user; nothing when there is none, or nobody yet whose it could be
  command -v crontab >/dev/null && getent passwd "$1" >/dev/null || return 0
  said=$(crontab -l -u "$1" 2>&1 && printf x0 || printf 'x%d' $?)
  case $said in
    *x0) printf %s "${said%x0}" | base64 | tr -d '\\n' ;;
    *'no crontab for'*) ;;
    *) printf '%s\\n' "${said%x*}" >&2; return 1 ;;
  esac
}
"""

LOOK = (
    'crontab_told() { text=$(crontab_of "$1") || exit 1; printf \'crontab %s %s\\n\' "$1" "${text:--}"; }\n'
)


class CrontabsProbe:
    name = "crontabs"

    def script(self, question: Question) -> str:
        users = dict.fromkeys(body.user for body in bodies(question, CronTask) if not body.file)
        if not users:
            return ""
        return AS_ROOT + CRONTAB + LOOK + "\n".join(f"crontab_told {words([user])}" for user in users)

    def parse(self, answer: Answer) -> dict[str, str] | Unknown:
        rows = told(answer, "crontabs", "crontab", 2)
        return rows if isinstance(rows, Unknown) else {user: decoded(text) for user, text in rows}
