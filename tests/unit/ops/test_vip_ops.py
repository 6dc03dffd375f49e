"""The scripts of a move, in every shell: what they change of a host, and that they take it back."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fleet.ops.effects import Shell
from fleet.ops.vip import TABLE, Side
from tests.support.shells import SHELLS, Bench

ADDRESS, OWN = "192.0.2.10", "192.0.2.11"
SIDE = Side(ADDRESS, "ucarp")
ARP = ("arp_ignore", "arp_announce")
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000000
   1: 0A0200C0:0050 010200C0:A000 01 00000000:00000000
   2: 0A0200C0:0050 010200C0:A001 06 00000000:00000000
   3: 0A0200C0:0050 010200C0:A002 05 00000000:00000000
   4: 0A0200C0:0050 010200C0:A003 08 00000000:00000000
   5: 0B0200C0:0050 010200C0:A004 01 00000000:00000000
   6: 110A0200C0:00 0A0200C0:0050 01 00000000:00000000
"""
TCP6 = """\
   0: 0000000000000000FFFF00000A0200C0:0050 0000000000000000FFFF0000010200C0:A005 01 00000000
"""


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Host:
    """Settings in files of its own; what its container is asked to do is done by stand-ins."""

    def __init__(self, bench: Bench, shell: str) -> None:
        self.bench = bench
        self._shell = shell
        conf = bench.root / "sys/net/ipv4/conf/eth0"
        conf.mkdir(parents=True)
        (bench.root / "run").mkdir()
        self.files = {
            **{name: conf / name for name in (*ARP, "forwarding")},
            "tcp_early_demux": bench.root / "sys/net/ipv4/tcp_early_demux",
        }
        for name, value in (
            ("arp_ignore", 0),
            ("arp_announce", 0),
            ("forwarding", 1),
            ("tcp_early_demux", 1),
        ):
            self.files[name].write_text(f"{value}\n")
        bench.stand_in("docker", 'shift; [ "$1" != -i ] || shift; shift; exec "$@"')
        self.network(f"192.0.2.0/24 dev eth0 proto kernel src {OWN} metric 100")

    def network(self, route: str) -> None:
        """What ``ip route show`` says; rules are those of a host that nobody has touched."""
        self.bench.stand_in(
            "ip",
            f"""case "$*" in
*"route show"*) echo '{route}' ;;
"rule show") printf '0:\\tfrom all lookup local\\n32766:\\tfrom all lookup main\\n' ;;
"rule del pref 1"*|"rule del"*fwmark*|"route flush"*) exit 2 ;;
"-4 -o addr show dev lo"*) echo "1: lo inet {ADDRESS}/32" ;;
esac""",
        )
        for kind in ("iptables", "iptables-nft", "iptables-legacy"):
            self.bench.stand_in(kind, 'case "$*" in *-D*|*-F*|*-X*) exit 1 ;; esac')

    def run(self, script: Shell) -> subprocess.CompletedProcess[bytes]:
        text = str(script.script).replace("/proc/sys/", f"{self.bench.root}/sys/")
        text = text.replace("/run/fleet-vip", f"{self.bench.root}/run/fleet-vip")
        return self.bench.run(text.replace("/proc/net/", f"{self.bench.root}/"), shell=self._shell)

    @property
    def settings(self) -> dict[str, str]:
        return {name: path.read_text().strip() for name, path in self.files.items()}


@pytest.fixture
def host(tmp_path: Path, shell: str) -> Host:
    return Host(Bench(tmp_path), shell)


def test_an_address_that_is_kept_is_not_told_to_neighbours(host: Host) -> None:
    done = host.run(SIDE.keep())
    assert (done.returncode, done.stdout.decode().strip()) == (0, OWN), done.stderr
    assert (host.settings["arp_ignore"], host.settings["arp_announce"]) == ("1", "2")
    assert f"ip\taddr\treplace\t{ADDRESS}/32\tdev\tlo" in host.bench.calls


def test_the_end_leaves_the_host_as_it_was_before_the_first_try(host: Host) -> None:
    host.files["arp_announce"].write_text("1\n")
    before = host.settings
    for script in (SIDE.keep(), SIDE.keep(), SIDE.lead_back(OWN, 5), SIDE.clear_up()):
        assert host.run(script).returncode == 0
    assert host.settings == before
    assert f"ip\taddr\tdel\t{ADDRESS}/32\tdev\tlo" in host.bench.calls
    assert not list((host.bench.root / "run").iterdir())


def test_clearing_up_where_nothing_was_begun_is_fine(host: Host) -> None:
    before = host.settings
    assert host.run(SIDE.clear_up()).returncode == 0
    assert host.settings == before


def test_what_was_begun_elsewhere_is_marked_and_goes_there(host: Host) -> None:
    assert host.run(SIDE.lead_back("192.0.2.12", 77)).returncode == 0
    assert host.settings["tcp_early_demux"] == "0"
    calls = [call.replace("\t", " ") for call in host.bench.calls]
    rules = [call for call in calls if call.startswith("iptables -w -t mangle -A")]
    assert [rule.partition("FLEET-VIP ")[2] for rule in rules] == [
        "-p tcp --syn -j CONNMARK --set-mark 77",
        "-m connmark --mark 77 -j RETURN",
        "-j MARK --set-mark 0x666c74",
    ]
    ways = [call for call in calls if call.startswith(("ip rule add", "ip rule del", "ip route replace"))]
    assert ways == [
        f"ip route replace default via 192.0.2.12 dev eth0 table {TABLE}",
        "ip rule add pref 1 lookup local",
        "ip rule del pref 0 lookup local",
        f"ip rule add pref 0 fwmark 0x666c74 lookup {TABLE}",
    ]


def test_a_host_that_forwards_nothing_cannot_lead_back(host: Host) -> None:
    host.files["forwarding"].write_text("0\n")
    done = host.run(SIDE.lead_back("192.0.2.12", 77))
    assert done.returncode == 1
    assert b"net.ipv4.ip_forward is off" in done.stderr
    assert host.settings["tcp_early_demux"] == "1"


@pytest.mark.parametrize("script", [SIDE.keep(), SIDE.lead_back(OWN, 1), SIDE.give(), SIDE.take()])
def test_a_host_outside_of_the_network_says_so(host: Host, script: Shell) -> None:
    host.network("")
    done = host.run(script)
    assert done.returncode == 1
    assert f"no interface of this host is in the network of {ADDRESS}".encode() in done.stderr


def test_connections_that_have_not_ended_are_counted_also_those_of_an_ipv6_socket(host: Host) -> None:
    (host.bench.root / "tcp").write_text(TCP)
    assert host.run(SIDE.begun()).stdout.split() == [b"2"]
    (host.bench.root / "tcp6").write_text(TCP6)
    assert host.run(SIDE.begun()).stdout.split() == [b"3"]


def test_an_address_is_seen_also_where_the_container_is_dead_and_not_while_it_is_kept(host: Host) -> None:
    host.bench.stand_in("docker", "exit 1")
    for found, told in (("7: eth0 inet x", [b"eth0"]), ("1: lo inet x", []), ("", [])):
        host.bench.stand_in("ip", f"echo '{found}'")
        done = host.run(SIDE.has())
        assert (done.returncode, done.stdout.split()) == (0, told)


def test_a_host_that_cannot_be_asked_is_an_error(host: Host) -> None:
    host.bench.stand_in("docker", "echo 'the container is not running' >&2; exit 1")
    host.bench.stand_in("ip", "exit 127")
    for script in (SIDE.has(), SIDE.keep(), SIDE.give(), SIDE.take(), SIDE.ready()):
        done = host.run(script)
        assert done.returncode, script
