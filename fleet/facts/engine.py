"""Is there a Docker Engine, may we use it, and how much room is left?"""

from __future__ import annotations

from fleet.facts.probe import Answer, Question
from fleet.model.found import Engine, Unknown

SCRIPT = """\
command -v docker >/dev/null || { echo 'docker is not installed'; exit 127; }
docker version --format 'version {{.Server.Version}} {{.Server.APIVersion}}' || exit
root=$(docker info --format '{{.DockerRootDir}}') && echo "root $root" || exit
free=$(df -Pk "$root" 2>/dev/null | tail -n 1) && echo "free $free"
"""


class EngineProbe:
    name = "engine"

    def script(self, question: Question) -> str:
        return SCRIPT

    def parse(self, answer: Answer) -> Engine | Unknown:
        # By its first word: the client may warn on its other stream.
        found = {kind: rest for kind, _, rest in (line.partition(" ") for line in answer.out.splitlines())}
        versions, root = found.get("version", "").split(), found.get("root", "")
        if answer.rc == 127:
            return Unknown("docker is not installed")
        if answer.rc or len(versions) != 2 or not root:
            return Unknown(reason(answer.out))
        version, api_version = versions
        columns = found.get("free", "").split()
        free = int(columns[3]) * 1024 if len(columns) > 3 and columns[3].isdigit() else -1
        return Engine(version, api_version, root, free)


def reason(out: str) -> str:
    """The engine's own words, shortened to what the operator needs."""
    text = " ".join(out.split())
    if "permission denied" in text.lower():
        return "no right to use Docker: permission denied on its socket"
    if "cannot connect to the docker daemon" in text.lower():
        return "the Docker Engine does not run"
    return text or "docker version printed nothing"
