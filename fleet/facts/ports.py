"""TCP ports that somebody listens on, from the kernel's own table: no tool is needed for it."""

from __future__ import annotations

from fleet.facts.listing import TELL
from fleet.facts.probe import Answer, Question
from fleet.model.found import Unknown

LISTEN = "0A"


class PortsProbe:
    name = "ports"

    def script(self, question: Question) -> str:
        return (
            f"{TELL}"
            "cat /proc/net/tcp || exit\n"
            # There is none where IPv6 is off.
            "cat /proc/net/tcp6 2>/dev/null || :"
        )

    def parse(self, answer: Answer) -> dict[int, str] | Unknown:
        """Port → the container that publishes it, or ``a process on the host``."""
        if answer.rc:
            return answer.unknown("ports")
        ports: dict[int, str] = {}
        published: dict[int, str] = {}
        for line in answer.out.splitlines():
            columns = line.split()
            if columns[:1] == ["docker"]:
                for word in columns[2:]:
                    published.update(dict.fromkeys(_host_ports(word), f"container {columns[1]}"))
            elif len(columns) > 3 and columns[3] == LISTEN:
                ports[int(columns[1].rpartition(":")[2], 16)] = "a process on the host"
        return ports | published


def _host_ports(word: str) -> range:
    """``0.0.0.0:8001-8003->8000-8002/tcp,`` → 8001, 8002, 8003; without an arrow: none."""
    address, arrow, target = word.rstrip(",").partition("->")
    if not arrow or not target.endswith("/tcp"):
        return range(0)
    first, _, last = address.rpartition(":")[2].partition("-")
    return range(int(first), int(last or first) + 1)
