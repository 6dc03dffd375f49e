"""The IPv4 addresses that a host answers for: the kernel tells them in a file, so that no tool is needed."""

from __future__ import annotations

import re

from fleet.facts.probe import Answer, Question
from fleet.model.found import Unknown

LOCAL = re.compile(r"\|-- (\d+\.\d+\.\d+\.\d+)\s+/32 host LOCAL")


class AddressesProbe:
    """Asked for only where a service holds a virtual address; elsewhere none is told."""

    name = "addresses"

    def script(self, question: Question) -> str:
        asked = any(service.virtual_address for service in question.wanted.services)
        return "cat /proc/net/fib_trie" if asked else ":"

    def parse(self, answer: Answer) -> tuple[str, ...] | Unknown:
        if answer.rc:
            return answer.unknown("the addresses of the host")
        found = tuple(dict.fromkeys(LOCAL.findall(answer.out)))
        # Every host has 127.0.0.1 at least.
        return found if found or not answer.out.strip() else answer.unknown("the addresses of the host")
