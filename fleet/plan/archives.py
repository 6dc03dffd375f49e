"""The plan for what needs nothing but the helper image on a volume's host."""

from __future__ import annotations

from fleet.model.desired import Desired
from fleet.model.found import Facts
from fleet.plan.tree import Plan
from fleet.plan.volume_by_name import Named, Registries, pulled
from fleet.plan.volume_lint import helper
from fleet.plan.volumes import Volumes


def fetch(desired: Desired, facts: Facts, name: str, registries: Registries) -> Plan:
    """For the volume ``name``."""
    named, data = Named.of(desired, name), Volumes.of(desired, facts)
    findings = [*named.missing(), *helper(desired, data.pinned, "archive a volume")]
    hosts = [host for host, _ in named.places]
    stages = () if findings else tuple(pulled(desired, facts, hosts, data.pinned, registries))
    return Plan(desired.project, desired.env, desired.version, stages, findings=tuple(findings))
