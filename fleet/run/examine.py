"""A look at a host that changes nothing, and questions to the registries that it gets its images from."""

from __future__ import annotations

import time
from collections.abc import Sequence

from fleet.errors import FleetError
from fleet.facts.examine import examine_script, parse_examined
from fleet.health.examine import skew
from fleet.model.examined import Diagnosis, Examined, Verdict
from fleet.ops.effects import RegistryAuth, ResolveDigest
from fleet.run.patience import TOO_MANY
from fleet.run.perform import failure
from fleet.transport.base import ApiFailed, Transport

SECONDS = 30
REGISTRY_SECONDS = 20
MISSING = 404


def examine(transport: Transport, paths: Sequence[str], names: Sequence[str]) -> tuple[Examined, float]:
    """Also the seconds by which its clock is surely off from ours. Raises FleetError."""
    heard: list[float] = []

    def line(stream: str, text: str) -> None:
        # The clock is told first, and what follows may take its time.
        heard.append(time.time())

    script, sent = examine_script(paths, names), time.time()
    result = transport.run(script, timeout=SECONDS, on_line=line)
    if not result.ok:
        raise failure("look at the host", result, SECONDS)
    found = parse_examined(result.out.decode("utf-8", "replace"), paths, names)
    received = heard[0] if heard else time.time()
    return found, skew(found.clock, sent, received) if isinstance(found.clock, int) else 0.0


def ask_registry(
    transport: Transport, registry: str, image: str, auth: RegistryAuth | None, *, exact: bool
) -> Diagnosis:
    """Does it answer the host's engine and take the login? ``exact``: it must have the image, too."""
    host = transport.host
    try:
        transport.docker(ResolveDigest(image, auth), timeout=REGISTRY_SECONDS)
    except FleetError as error:
        status = error.status if isinstance(error, ApiFailed) else 0
        if status != MISSING or exact:
            verdict = Verdict.WARNING if status == TOO_MANY else Verdict.ERROR
            text = "\n".join(filter(None, [error.what, error.why]))
            return Diagnosis("registry", host, verdict, text, error.hint)
    return Diagnosis(
        "registry", host, Verdict.OK, f"{registry} answers{f' and has {image}' if exact else ''}"
    )
