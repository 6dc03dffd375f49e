"""The steps of a planned move of a virtual address, as scripts for the two hosts.

Connections live in the kernel of the host on which they began; an address that moves leaves them behind. So
the host that gets the address sends what it did not begin on to the other one (*lead back*), and that one
keeps the address without showing it to its neighbours (*keep*), until the last of those connections ends.

Every step may be done again, and each clearing up may be done where nothing was begun. ``ip`` and
``iptables`` are those of ucarp's container; what is below ``/proc/sys`` is the host's own to write.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from fleet import shell
from fleet.ops.effects import Shell

MARK = "0x666c74"
TABLE = str(0x666C74)
"""What packets are marked with that go back, and the routing table that they go by."""

HEAD = """\
set -eu
inside() { docker exec -i "$ucarp" sh -eu -s -- "$@"; }
saved=/run/fleet-vip-$vip
"""

# The network that the address is in says by which interface, and what this host is called there.
FIND = """\
interface= own=
route=$(docker exec "$ucarp" ip -4 route show table main scope link match "$vip")
set -- $(printf '%s\\n' "$route" | head -n 1)
while [ $# -gt 1 ]; do
  case $1 in dev) interface=$2 ;; src) own=$2 ;; esac
  shift
done
[ -n "$interface" ] && [ -n "$own" ] || {
  echo "no interface of this host is in the network of $vip" >&2; exit 1
}
"""

# Settings of the host as they were, for the time afterwards; not overwritten by a second try.
SAVE = """\
save() { # file, settings
  [ ! -e "$1" ] || return 0
  for setting in $2; do echo "$setting $(cat "$setting")"; done >"$1.new"
  mv "$1.new" "$1"
}
restore() { # file
  [ -e "$1" ] || return 0
  while read -r setting value; do [ ! -e "$setting" ] || echo "$value" >"$setting"; done <"$1"
  rm "$1"
}
"""

# Announcing 2: a request for a neighbour must not carry the address either, or he learns where it was.
KEEP = """\
arp=/proc/sys/net/ipv4/conf/$interface/arp
save "$saved-keep" "${arp}_ignore ${arp}_announce"
echo 1 >"${arp}_ignore"
echo 2 >"${arp}_announce"
docker exec "$ucarp" ip addr replace "$vip/32" dev lo
echo "$own"
"""

RELEASE = """\
inside "$vip" <<'END'
[ -z "$(ip -4 -o addr show dev lo to "$1/32")" ] || ip addr del "$1/32" dev lo
END
restore "$saved-keep"
"""

# The engine's rules are where its own iptables has put them; rules of the other kind would not come before.
RULES = """\
iptables=iptables
for kind in iptables-nft iptables-legacy; do
  ! $kind -w -S FORWARD 2>/dev/null | grep -q DOCKER || { iptables=$kind; break; }
done
each() { # the beginning of a command, for each rule
  "$@" mangle PREROUTING -d "$vip" -p tcp -j FLEET-VIP
  "$@" filter FORWARD -d "$vip" -m mark --mark "$mark" -j ACCEPT
  "$@" filter OUTPUT -p icmp --icmp-type redirect -j DROP
}
"""

# Local addresses come first of all rules; the mark has to come before them. And early demultiplexing must be
# off: a packet that it finds a socket for is not forwarded, be it that of an earlier connection between the
# same two ports that ended a moment ago.
LEAD_BACK = (
    """\
[ "$(cat "/proc/sys/net/ipv4/conf/$interface/forwarding")" = 1 ] || {
  echo "this host forwards no packets: net.ipv4.ip_forward is off, and Docker wants it on" >&2; exit 1
}
demux=/proc/sys/net/ipv4/tcp_early_demux
save "$saved-lead" "$demux"
echo 0 >"$demux"
inside "$vip" "$number" "$mark" "$table" "$interface" "$other" <<'END'
vip=$1 number=$2 mark=$3 table=$4 interface=$5 other=$6
"""
    + RULES
    + """\
insert() { rules=$1 chain=$2; shift 2; $iptables -w -t "$rules" -I "$chain" "$@"; }
$iptables -w -t mangle -N FLEET-VIP
$iptables -w -t mangle -A FLEET-VIP -p tcp --syn -j CONNMARK --set-mark "$number"
$iptables -w -t mangle -A FLEET-VIP -m connmark --mark "$number" -j RETURN
$iptables -w -t mangle -A FLEET-VIP -j MARK --set-mark "$mark"
ip route replace default via "$other" dev "$interface" table "$table"
if ip rule show | grep -q '^0:.*lookup local'; then
  ip rule add pref 1 lookup local
  ip rule del pref 0 lookup local
fi
ip rule add pref 0 fwmark "$mark" lookup "$table"
each insert
END
"""
)

STOP_LEADING_BACK = (
    """\
inside "$vip" "$mark" "$table" <<'END'
vip=$1 mark=$2 table=$3
"""
    + RULES
    + """\
delete() {
  rules=$1 chain=$2; shift 2
  while $iptables -w -t "$rules" -D "$chain" "$@" 2>/dev/null; do :; done
}
each delete
$iptables -w -t mangle -F FLEET-VIP 2>/dev/null || :
$iptables -w -t mangle -X FLEET-VIP 2>/dev/null || :
while ip rule del pref 0 fwmark "$mark" lookup "$table" 2>/dev/null; do :; done
ip rule show | grep -q '^0:.*lookup local' || ip rule add pref 0 lookup local
while ip rule del pref 1 lookup local 2>/dev/null; do :; done
ip route flush table "$table" 2>/dev/null || :
END
restore "$saved-lead"
"""
)

GIVE = """\
inside "$vip" "$interface" <<'END'
kill -USR2 1
tries=0
while [ -n "$(ip -4 -o addr show dev "$2" to "$1/32")" ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 300 ] || { echo "ucarp does not give $1 up" >&2; exit 1; }
  sleep 0.01
done
END
"""

TAKE = """\
docker exec "$ucarp" /etc/ucarp/vip-up.sh "$interface" "$vip"
"""

# Where ucarp does not mean it to be, nobody would ever take it off again.
DISOWN = """\
docker exec "$ucarp" sh -c '[ -e /run/elected ] || /etc/ucarp/vip-down.sh "$1" "$2"' - "$interface" "$vip"
"""

REJOIN = """\
docker exec "$ucarp" sh -c 'kill -USR1 1'
"""

# A container that was killed cannot tell what it has left behind.
HAS = """\
found=$(ip -4 -o addr show to "$vip/32" 2>/dev/null || docker exec "$ucarp" ip -4 -o addr show to "$vip/32")
printf '%s\\n' "$found" | while read -r _ name _; do
  [ "${name:-lo}" = lo ] || echo "$name"
done
"""

READY = """\
docker exec "$ucarp" pidof ucarp >/dev/null || {
  echo "ucarp does not run there: the balancer of this host does not answer, or it stands back" >&2; exit 1
}
"""

# vip-up.sh leaves this file when it was ucarp that called it.
ELECTED = """\
docker exec "$ucarp" sh -c '[ ! -e /run/elected ] || echo yes'
"""

# Established, half open, and closing with something still to be sent or heard; as IPv4, and as IPv6 sees it.
BEGUN = """\
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
  awk -v at="^(0000000000000000FFFF0000)?$at:" '
    $2 ~ at && $4 ~ /^(01|03|04|08|09|0B)$/ { count++ }
    END { print count + 0 }'
"""


@dataclass(frozen=True, slots=True)
class Side:
    """A host that can have ``address``. ``ucarp``: its container's name."""

    address: str
    ucarp: str

    def keep(self) -> Shell:
        """The address stays on this host, unseen by its neighbours, also after it was given up. Prints what
        the host itself is called in the same network."""
        return self._script(SAVE, FIND, KEEP)

    def lead_back(self, other: str, number: int) -> Shell:
        """Packets of connections that did not begin here go to the host at ``other``. ``number``, from 1 to
        2³¹ - 1 and another one each time, marks those that did: marks of an earlier move say nothing."""
        return self._script(SAVE, FIND, LEAD_BACK, other=other, number=str(number), mark=MARK, table=TABLE)

    def clear_up(self) -> Shell:
        """The end of :meth:`keep` and of :meth:`lead_back`."""
        return self._script(SAVE, STOP_LEADING_BACK, RELEASE, mark=MARK, table=TABLE)

    def give(self) -> Shell:
        """The host gives the address up, if it has it, and does not want it for half a minute."""
        return self._script(FIND, GIVE)

    def take(self) -> Shell:
        """The host has the address at once, and its neighbours are told."""
        return self._script(FIND, TAKE)

    def disown(self) -> Shell:
        """The end of :meth:`take` where ucarp did not follow."""
        return self._script(FIND, DISOWN)

    def rejoin(self) -> Shell:
        """The end of :meth:`give`: the host takes its turn again."""
        return self._script(REJOIN)

    def has(self) -> Shell:
        """Prints the interface that has the address, if one has it in the sight of others."""
        return self._script(HAS)

    def ready(self) -> Shell:
        """Fails when the host would not be given the address by ucarp itself."""
        return self._script(READY)

    def elected(self) -> Shell:
        """Prints ``yes`` when ucarp means this host to have the address."""
        return self._script(ELECTED)

    def begun(self) -> Shell:
        """Prints how many connections to the address have not ended here."""
        digits = IPv4Address(self.address).packed[::-1].hex().upper()
        return Shell(f"at={digits}\n{BEGUN}")

    def _script(self, *parts: str, **variables: str) -> Shell:
        given = {"vip": self.address, "ucarp": self.ucarp, **variables}
        head = [f"{name}={shell.words([value])}" for name, value in given.items()]
        return Shell(str(shell.lines(head)) + HEAD + "".join(parts))
