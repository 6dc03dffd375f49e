"""Which addresses a host has: from the kernel's own table, and only where one of them may be virtual."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.facts.addresses import AddressesProbe
from fleet.facts.probe import Answer, Question
from fleet.model.desired import HostState
from fleet.model.found import Unknown
from fleet.model.virtual import VirtualAddress
from tests.support.build import service

TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 192.0.2.0/24 2 0 1
        |-- 192.0.2.0
           /24 link UNICAST
        |-- 192.0.2.10
           /32 host LOCAL
        |-- 192.0.2.11
           /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
Local:
        |-- 127.0.0.1
           /32 host LOCAL
        |-- 192.0.2.10
           /32 host LOCAL
"""


def script(address: str) -> str:
    wanted = replace(service("ucarp"), virtual_address=VirtualAddress(address) if address else None)
    return AddressesProbe().script(Question("shop", "test", "/var/lib/fleet", HostState("lb-1", (wanted,))))


def test_it_is_asked_only_where_an_address_moves() -> None:
    assert "fib_trie" in script("192.0.2.10")
    assert "fib_trie" not in script("")


def test_only_addresses_of_the_host_itself_are_told_each_once() -> None:
    found = AddressesProbe().parse(Answer(TRIE, 0))
    assert found == ("192.0.2.10", "192.0.2.11", "127.0.0.1")


@pytest.mark.parametrize("words", ["cat: /proc/net/fib_trie: No such file or directory", ""])
def test_a_table_that_cannot_be_read_is_unknown(words: str) -> None:
    assert isinstance(AddressesProbe().parse(Answer(words, 1)), Unknown)
