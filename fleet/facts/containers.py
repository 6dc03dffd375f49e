"""Our containers: those with this project's and environment's labels, and how they are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from fleet.facts.listing import LISTED, LISTING, TELL
from fleet.facts.probe import Answer, Question
from fleet.model import codec, labels
from fleet.model.found import Container, Unknown
from fleet.model.services import ContainerSpec, Service
from fleet.shell import words

ANONYMOUS = re.compile("[0-9a-f]{64}")
LIST = re.compile(r"^\[", re.MULTILINE)
INSPECT = f"""\
for try in 1 2 3; do
  {LISTED.strip()}
  ids=$(printf '%s\\n' "$listed" | while read -r kind id owner; do
    [ "$kind $owner" != "id $ours" ] || echo "$id"
  done) || exit
  [ -n "$ids" ] || {{ echo "[]"; exit 0; }}
  told=$(docker inspect --type container $ids 2>&1) && status=0 || status=$?
  case $status:$told in 0:*) break ;; *"No such container"*) ;; *) break ;; esac
  {LISTING.strip()}
done
printf '%s\\n' "$told"
exit "$status"
"""
"""Who looks on during a deploy may list a container that is gone a moment later: both are done again."""


class ContainersProbe:
    name = "containers"

    def script(self, question: Question) -> str:
        return f"ours={words([f'{question.project}/{question.env}'])}\n{INSPECT}"

    def parse(self, answer: Answer) -> tuple[Container, ...] | Unknown:
        if answer.rc:
            return answer.unknown("containers")
        try:
            # The client may warn on its other stream, before the list and after it.
            begin = LIST.search(answer.out)
            found, _ = json.JSONDecoder().raw_decode(answer.out, begin.start() if begin else 0)
        except ValueError:
            # Not by its last line: a container's environment may stand there.
            return Unknown("containers: docker inspect printed no list")
        ours = (one for one in found if labels.COPY not in (one["Config"].get("Labels") or {}))
        return tuple(sorted(map(container, ours), key=lambda one: one.name))


class ForeignNamesProbe:
    """Names that are taken by containers which are not ours."""

    name = "foreign_names"

    def script(self, question: Question) -> str:
        return f"{TELL}echo ours {words([f'{question.project}/{question.env}'])}"

    def parse(self, answer: Answer) -> tuple[str, ...] | Unknown:
        *rows, ours = answer.out.strip().splitlines() or [""]
        if answer.rc or not ours.startswith("ours "):
            return answer.unknown("container names")
        found = (row.split(" ", 2) for row in rows if row.startswith("name "))
        return tuple(sorted(name for _, name, marks in found if marks != ours.removeprefix("ours ")))


def container(data: Mapping[str, Any]) -> Container:
    """From what ``docker inspect`` says of one container."""
    state, marks = data["State"], data["Config"].get("Labels") or {}
    service = definition(marks.get(labels.DEFINITION, ""))
    return Container(
        id=data["Id"],
        name=data["Name"].lstrip("/"),
        role=marks.get(labels.ROLE, ""),
        service=marks.get(labels.SERVICE, ""),
        release=marks.get(labels.RELEASE, ""),
        spec_digest=marks.get(labels.SPEC, ""),
        image=marks.get(labels.IMAGE, ""),
        state=state["Status"],
        health=(state.get("Health") or {}).get("Status", "").replace("none", ""),
        started_at=state.get("StartedAt", ""),
        exit_code=int(state.get("ExitCode", 0)),
        restart_count=int(data.get("RestartCount", 0)),
        definition=service,
        anonymous=tuple(
            (mount["Name"], mount["Destination"])
            for mount in data.get("Mounts") or ()
            if mount["Type"] == "volume" and ANONYMOUS.fullmatch(mount["Name"])
        ),
        altered=tuple(_altered(service.container, data)) if service else (),
        job=marks.get(labels.JOB, ""),
    )


def definition(text: str) -> Service | None:
    try:
        return codec.load(Service, json.loads(text)) if text else None
    except ValueError:
        return None


def _altered(spec: ContainerSpec, data: Mapping[str, Any]) -> Iterator[str]:
    """What ``docker update`` and ``docker network connect`` can change behind our back."""
    config, networks = data["HostConfig"], data["NetworkSettings"].get("Networks") or {}
    restart = config["RestartPolicy"]
    policy = restart["Name"] or "no"
    if restart.get("MaximumRetryCount"):
        policy += f":{restart['MaximumRetryCount']}"
    if policy != spec.restart.removesuffix(":0"):
        yield f"restart: {spec.restart} → {policy}"
    # An engine without the memory cgroup drops the limit, with a warning when the container is made.
    if config["Memory"] not in {spec.mem_limit, 0}:
        yield f"mem_limit: {spec.mem_limit} → {config['Memory']}"
    if config["NanoCpus"] != round(spec.cpus * 1e9):
        yield f"cpus: {spec.cpus:g} → {config['NanoCpus'] / 1e9:g}"
    wanted = {attachment.name for attachment in spec.networks}
    if wanted and wanted != set(networks):
        yield f"networks: {' '.join(sorted(wanted))} → {' '.join(sorted(networks)) or 'none'}"
