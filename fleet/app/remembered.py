"""Facts of the hosts, with what only the ledger knows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from fleet.model.found import Facts
from fleet.model.releases import Release, drained, homes, jobs_done


def remembered(facts: Facts, releases: Collection[Release]) -> Facts:
    return replace(facts, jobs=jobs_done(releases), drained=drained(releases), homes=homes(releases))
