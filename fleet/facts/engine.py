"""Is there a Docker Engine, may we use it, and how much room is left?"""

from __future__ import annotations

from fleet.facts.probe import Answer, Question
from fleet.model.found import Engine, Unknown

SCRIPT = """\
command -v docker >/dev/null || { echo 'docker is not installed'; exit 127; }
docker version --format '{{.Server.Version}} {{.Server.APIVersion}}' || exit
root=$(docker info --format '{{.DockerRootDir}}') && echo "$root" || exit
df -Pk "$root" 2>/dev/null | tail -n 1
"""


class EngineProbe:
    name = "engine"

    def script(self, question: Question) -> str:
        return SCRIPT

    def parse(self, answer: Answer) -> Engine | Unknown:
        lines = answer.out.strip().splitlines()
        if answer.rc == 127:
            return Unknown("docker is not installed")
        if answer.rc or len(lines) < 2 or len(lines[0].split()) != 2:
            return Unknown(reason(answer.out))
        version, api_version = lines[0].split()
        columns = lines[2].split() if len(lines) > 2 else []
        free = int(columns[3]) * 1024 if len(columns) > 3 and columns[3].isdigit() else -1
        return Engine(version, api_version, lines[1], free)


def reason(out: str) -> str:
    """The engine's own words, shortened to what the operator needs."""
    text = " ".join(out.split())
    if "permission denied" in text.lower():
        return "no right to use Docker: permission denied on its socket"
    if "cannot connect to the docker daemon" in text.lower():
        return "the Docker Engine does not run"
    return text or "docker version printed nothing"
