"""What is done to the fleet while it is under load."""

from __future__ import annotations

from dataclasses import dataclass

MASTER = "master"
"""Instead of a host's name: the one that has the address that is asked."""


@dataclass(frozen=True, slots=True)
class Inv:
    """``inv`` with these words; any other exit code ends the scenario as failed. ``meanwhile`` is done beside
    it, from its start."""

    words: str
    exits: tuple[int, ...] = (0,)
    meanwhile: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the whole inventory; ``{round}`` in the value is the number of the round, from 1."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Swap:
    """Text in a file of the project, which has to be there, for other text."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Kill:
    """Cut a host's power."""

    host: str


@dataclass(frozen=True, slots=True)
class Start:
    """Switch it on again."""

    host: str


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float


Step = Inv | Variable | Swap | Kill | Start | Wait


@dataclass(frozen=True, slots=True)
class Scenario:
    """``first`` is done before the load; ``steps`` again and again, at least ``rounds`` times; ``last`` after
    the load, when every file is again as it was."""

    steps: tuple[Step, ...]
    first: tuple[Step, ...] = ()
    last: tuple[Step, ...] = ()
    rounds: int = 1


V41 = Inv("deploy --version v41 --yes")
V42 = Inv("deploy --version v42 --yes")
PROMOTE = Inv("promote --yes")
WEB = "roles/web/compose.yml"
HAPROXY = "roles/loadbalancer/templates/haproxy.cfg.j2"
GRACE = "    stop_grace_period: 10s"
SHARES = "{canary: [{weight: 10, for: 20s}, {weight: 50, for: 20s}]}"

SCENARIOS = {
    "deploy": Scenario((V42, V41), first=(V41,), last=(V41,)),
    "start-first": Scenario((V42, V41), first=(Variable("web_order", "start-first"), V41), last=(V41,)),
    "rollback": Scenario((V42, Inv("rollback --yes")), first=(V41,), last=(V41,)),
    # Of the balancers: HAProxy is reloaded.
    "config": Scenario(
        (Variable("stats_refresh", "{round}s"), V41),
        first=(
            Swap(HAPROXY, "stats refresh 2s", "stats refresh {{ stats_refresh }}"),
            Variable("stats_refresh", "2s"),
            V41,
        ),
        last=(V41,),
        rounds=20,
    ),
    # Of the shop: its processes are.
    "shop-config": Scenario(
        (Variable("shop_title", "The little shop {round}"), V41), first=(V41,), last=(V41,), rounds=20
    ),
    "image": Scenario(
        (Variable("haproxy_version", "2.6-next"), V41, Variable("haproxy_version", '"2.6"'), V41),
        first=(V41,),
        last=(V41,),
    ),
    "blue-green": Scenario(
        (V42, PROMOTE, V41, PROMOTE), first=(V41, Variable("web_strategy", "blue-green")), last=(V41,)
    ),
    # Whatever the load makes of its response times: it shall be taken back by hand.
    "abort": Scenario(
        (V42, Inv("abort --yes")),
        first=(
            V41,
            Variable("web_strategy", "blue-green"),
            Variable("web_watch", "{window: 20s, slower: 20}"),
        ),
        last=(V41,),
    ),
    "canary": Scenario(
        (Inv("deploy --version v42 --promote auto --yes"), Inv("deploy --version v41 --promote auto --yes")),
        first=(V41, Variable("web_strategy", SHARES)),
        last=(V41,),
    ),
    "vip": Scenario((Inv("vip --move lb-2 --yes"), Wait(5), Inv("vip --move lb-1 --yes"), Wait(5))),
    # An application that ends at once when it is asked to, whatever it has in its hands.
    "sudden-death": Scenario(
        (V42, V41), first=(Swap(WEB, GRACE, f"{GRACE}\n    stop_signal: SIGKILL"), V41), last=(V41,)
    ),
    "kill-master": Scenario((Kill(MASTER), Wait(20), Start(MASTER), Wait(20))),
    "kill-web": Scenario((Kill("web-1"), Wait(15), Start("web-1"), Wait(20))),
    # While another host is updated. Then it comes back with the version from before, and is brought up.
    "kill-in-deploy": Scenario(
        (
            Inv("deploy --version v42 --yes", exits=(1, 3, 69), meanwhile=(Wait(15), Kill("web-3"))),
            Start("web-3"),
            Wait(30),
            V42,
            V41,
        ),
        first=(V41,),
        last=(V41,),
    ),
}
