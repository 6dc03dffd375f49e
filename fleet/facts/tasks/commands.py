"""Commands of tasks: whether each is done, by what its task says of that."""

from __future__ import annotations

from fleet.facts.probe import Answer, Question
from fleet.facts.tasks.bodies import AS_ROOT, bodies
from fleet.model.found import Unknown
from fleet.model.tasks import CommandTask, command_key
from fleet.shell import words

UNLESS_SECONDS = 10

DUE = f"""\
there() {{ [ -e "$1" ] || [ -L "$1" ]; }}
unless() {{ # a command that only looks
  timeout -k 1 {UNLESS_SECONDS} "$@" </dev/null >/dev/null 2>&1
  code=$?
  case $code in
    124 | 137) echo "unless: $1 has no end within {UNLESS_SECONDS} s"; exit 1 ;;
    125 | 126 | 127) echo "unless: $1 cannot be run"; exit 1 ;;
  esac
  return $code
}}
"""


def done_test(body: CommandTask) -> str:
    """As a condition of the shell, within ``DUE``."""
    tests = []
    if body.creates:
        tests.append(f"there {words([body.creates])}")
    if body.removes:
        tests.append(f"! there {words([body.removes])}")
    if body.unless:
        tests.append(f"unless {words(body.unless)}")
    return " || ".join(tests)


class CommandsProbe:
    name = "commands"

    def script(self, question: Question) -> str:
        found = dict.fromkeys(bodies(question, CommandTask))
        if not found:
            return ""
        return (
            AS_ROOT
            + DUE
            + "\n".join(
                f"if {done_test(body)}; then said=done; else said=due; fi; echo {command_key(body)} $said"
                for body in found
            )
        )

    def parse(self, answer: Answer) -> dict[str, bool] | Unknown:
        """True: it is done."""
        if answer.rc:
            return answer.unknown("commands of host tasks")
        found = {}
        for line in answer.out.splitlines():
            key, said = line.split(" ")
            if said not in {"done", "due"}:
                return answer.unknown("commands of host tasks")
            found[key] = said == "done"
        return found
