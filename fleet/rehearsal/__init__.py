"""A fleet of real hosts in containers: each with its own sshd and Docker Engine."""

from fleet.rehearsal.host import Host, HostSpec
from fleet.rehearsal.hosts import HostFleet, host_fleet
from fleet.rehearsal.rehearsal import Rehearsal

__all__ = ["Host", "HostFleet", "HostSpec", "Rehearsal", "host_fleet"]
