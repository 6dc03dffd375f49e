from __future__ import annotations

from pathlib import Path

import pytest
from volume.keys import checked
from volume.link import Address, address, client_settings, link, link_failure
from volume.places import Places
from volume.serve import server_settings
from volume.words import Failure

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIhChPg4bCovF01Nt7jFjkPms5nCK038NbxyJEx/5Ckg"


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("db-2:22", "db-2", 22), ("10.1.2.3:40001", "10.1.2.3", 40001), ("[fd00::1]:2", "fd00::1", 2)],
)
def test_addresses(text: str, host: str, port: int) -> None:
    assert address(text) == Address(host, port)
    assert str(address(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "db-2",
        "db-2:",
        ":22",
        "-oProxyCommand=id:22",
        "a b:22",
        "a\nProxyCommand id:22",
        "a:0",
        "a:65536",
        "fd00::1:2",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(Failure, match="is no address"):
        address(text)


@pytest.mark.parametrize(
    "key", ["", "ssh-rsa AAAA", f"{KEY}\n{KEY}", f'command="id" {KEY}', f"{KEY} comment", "ssh-ed25519 short"]
)
def test_what_is_no_key(key: str, places: Places) -> None:
    assert checked(KEY) == KEY
    with pytest.raises(Failure, match="not a public key"):
        link(places, "db-2:22", key)


def test_the_other_end_must_be_who_it_is_and_nothing_is_asked() -> None:
    lines = client_settings(Address("db-2", 22), "/state/key", "/state/known", "/state/s", 5).splitlines()
    assert {
        "StrictHostKeyChecking yes", "BatchMode yes", "UserKnownHostsFile /state/known", "IdentitiesOnly yes",
        "GlobalKnownHostsFile /dev/null", "Compression no", "Ciphers aes128-gcm@openssh.com",
    } <= set(lines)  # fmt: skip


def test_a_dead_network_is_noticed_within_15_seconds_by_both_ends() -> None:
    for settings, words in (
        (
            client_settings(Address("db", 22), "k", "h", "s", 5),
            ("ServerAliveInterval", "ServerAliveCountMax"),
        ),
        (server_settings(Path("/state"), 1), ("ClientAliveInterval", "ClientAliveCountMax")),
    ):
        found = dict(line.split(" ", 1) for line in settings.splitlines())
        # One more: the count is looked at before the next is sent.
        assert int(found[words[0]]) * (int(found[words[1]]) + 1) < 15


def test_the_targets_sshd_is_for_one_command() -> None:
    lines = server_settings(Path("/state"), 40001).splitlines()
    assert {
        "ListenAddress 0.0.0.0", "Port 40001", "ForceCommand /usr/local/bin/volume receive", "PermitTTY no",
        "DisableForwarding yes", "AuthenticationMethods publickey", "PasswordAuthentication no",
    } <= set(lines)  # fmt: skip


def test_links_to_different_targets_do_not_share_a_file(places: Places) -> None:
    one, other = link(places, "db-2:22", KEY), link(places, "db-2:23", KEY)
    assert one.config != other.config
    assert one.words("seed")[-2:] == ["target", "seed"]
    assert KEY in Path(one.config.replace("ssh-", "known-")).read_text()


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("Host key verification failed.", "db-2:22 is not who it should be"),
        ("root@db-2: Permission denied (publickey).", "db-2:22 does not accept this key"),
        ("connect to host db-2 port 22: Connection refused", "nothing listens at db-2:22"),
        ("ssh: Could not resolve hostname db-2: Name or service not known", "db-2:22 has no address"),
        ("connect to host db-2 port 22: Connection timed out", "db-2:22 cannot be reached"),
        ("connect to host db-2 port 22: No route to host", "db-2:22 cannot be reached"),
        ("Timeout, server db-2 not responding.", "db-2:22 has stopped answering"),
        ("client_loop: send disconnect: Broken pipe", "the connection to db-2:22 was cut"),
        ("mux_client_read_packet: read header failed: Broken pipe", "the connection to db-2:22 was cut"),
        ("", "the connection to db-2:22 was cut"),
    ],
)
def test_what_ssh_says_in_words(said: str, what: str) -> None:
    assert link_failure(Address("db-2", 22), said).what == what
