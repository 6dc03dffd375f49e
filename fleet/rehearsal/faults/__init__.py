"""What can be broken in a rehearsal on purpose: ``inv rehearse --fault <name>``."""

from __future__ import annotations

from collections.abc import Mapping

from fleet.rehearsal.faults import (
    clock_skew,
    disk_full,
    engine_restart,
    host_dies,
    network_cut,
    registry_429,
    slow_health,
)
from fleet.rehearsal.faults.fault import Fault

FAULTS: Mapping[str, Fault] = {
    "host-dies": host_dies.FAULT,
    "registry-429": registry_429.FAULT,
    "disk-full": disk_full.FAULT,
    "slow-health": slow_health.FAULT,
    "network-cut": network_cut.FAULT,
    "engine-restart": engine_restart.FAULT,
    "clock-skew": clock_skew.FAULT,
}
