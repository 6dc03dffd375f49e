"""The executor's hands: steps and gates over real connections."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

from fleet.errors import FleetError, Interrupted, Unreachable
from fleet.health.compare import Outcome as Verdict
from fleet.model.balancing import BalancerView
from fleet.model.releases import JobRun
from fleet.model.snapshots import Restoring, Taking, Upgrading
from fleet.ops.config import WriteConfig
from fleet.ops.containers import Create, Replace
from fleet.ops.job import RunJob
from fleet.ops.volume_helper import Helper
from fleet.plan.keeping import Keep, OwnVolume, RestoreVolume, ShipSnapshot, TakeSnapshot, UpgradeVolume
from fleet.plan.tree import Admit, CopyVolume, Drain, Gate, Handover, Haul, Lead, Step, Trial
from fleet.report import events as ev
from fleet.run.balancers import Balancers, TrafficFailed
from fleet.run.executor import Undecided
from fleet.run.gate import watch
from fleet.run.job import Runner
from fleet.run.perform import perform
from fleet.run.reload import reload
from fleet.run.role_tests import RoleTests
from fleet.run.traffic import Traffic
from fleet.run.vip import Move, holders, move
from fleet.run.volumes.copying import copy
from fleet.run.volumes.ground import Ground
from fleet.run.volumes.moving import move as move_volume
from fleet.run.volumes.owning import own
from fleet.run.volumes.restoring import restore
from fleet.run.volumes.shipping import newest, ship
from fleet.run.volumes.side import Side
from fleet.run.volumes.taking import take
from fleet.run.volumes.upgrading import upgrade
from fleet.run.watch import Watched
from fleet.run.watch import watch as compare_versions
from fleet.transport.base import Transport


class RemoteHands:
    """``asked`` is set when the operator has asked to stop, ``cancel`` when he insists. ``keep(name, text)``
    stores a file in the run's directory and answers where; ``on_job`` records that a job ended well, and
    raises when it cannot."""

    def __init__(
        self,
        transports: Mapping[str, Transport],
        emit: ev.Emit,
        cancel: threading.Event,
        keep: Callable[[str, str], str],
        balancers: Balancers,
        *,
        asked: threading.Event | None = None,
        on_job: Callable[[JobRun], None] = lambda run: None,
        tests: RoleTests | None = None,
        show_commands: bool = False,
    ) -> None:
        self._transports = transports
        self._emit = emit
        self._cancel = cancel
        self._asked = asked or cancel
        self._keep = keep
        self._balancers = balancers
        self._traffic = Traffic(balancers)
        self._on_job = on_job
        self._tests = tests
        self._show = show_commands

    def perform(self, step: Step) -> None:
        transport = self._transport(step.host)
        if isinstance(step.op, RunJob):
            Runner(
                step, step.op, transport, self._emit, self._cancel, self._keep, self._on_job, self._show
            ).run()
            return

        def carry_out() -> None:
            perform(step, transport, self._emit, self._cancel, show=self._show)

        if isinstance(step.op, (Create, Replace)) and step.op.recipe.service.balancer:
            # The new one goes on as the old one was told.
            self._balancers.save(
                self._balancers.balancer(step.host, step.op.recipe.service.key), running=False
            )
        if isinstance(step.op, WriteConfig) and step.op.verified:
            one = self._balancers.balancer(step.host, step.op.key)
            reload(step, step.op, one, self._balancers, transport, self._emit, self._cancel, carry_out)
        else:
            carry_out()

    def watch(self, gate: Gate) -> None:
        """The balancers are a second witness: a service can be well, and not be seen from where they are."""
        if gate.server:
            self._traffic.recheck(gate.server)
        transport = self._transport(gate.host)

        def tests() -> None:
            if gate.tests and self._tests:
                self._tests.gate(gate, transport, self._emit, self._cancel, self._keep)

        watch(gate, transport, self._emit, self._cancel, self._keep, tests=tests)
        if gate.server:
            self._traffic.healthy(
                gate.server,
                gate.service.gate.deadline,
                lambda need: self._emit(ev.Waiting(gate.host, gate.id, need)),
            )

    def lead(self, node: Lead) -> None:
        self._transport(node.host)
        if isinstance(node, Drain):
            self._traffic.drain(node)
        elif isinstance(node, Admit):
            self._traffic.admit(node)
        else:
            self._hand_over(node)

    def haul(self, node: Haul) -> None:
        try:
            source, target = (
                Side.of(node.move, reads, self._transport(host), self._emit, self._cancel, self._show)
                for reads, host in ((True, node.move.source), (False, node.host))
            )
            if isinstance(node, CopyVolume):
                copy(node, source, target, self._emit, self._cancel)
            else:
                move_volume(node, source, target, self._emit)
        except FleetError as error:
            error.host, error.step = error.host or node.host, node.id
            raise

    def keep(self, node: Keep) -> None:
        try:
            if isinstance(node, ShipSnapshot):
                self._ship(node)
                return
            what = _kept(node)
            ground = self._ground(node, node.host, Helper(what.volume, what.image, what.place, ()))
            if isinstance(node, TakeSnapshot):
                take(node.taking, ground)
            elif isinstance(node, UpgradeVolume):
                upgrade(node, ground, lambda op: self._command(node.host, op))
            elif isinstance(node, OwnVolume):
                own(node, ground)
            else:
                restore(node, ground)
        except FleetError as error:
            error.host, error.step = error.host or node.host, node.id
            raise

    def _ground(self, node: Keep, host: str, helper: Helper) -> Ground:
        return Ground(host, helper, self._transport(host), self._emit, self._cancel, self._show, node.id)

    def _ship(self, node: ShipSnapshot) -> None:
        helper = Helper(node.volume, node.image, node.place, ())
        snapshot = node.snapshot or newest(node, self._ground(node, node.source, helper))
        move = node.relocation(snapshot)
        source, target = (
            Side.of(move, reads, self._transport(host), self._emit, self._cancel, self._show)
            for reads, host in ((True, node.source), (False, node.host))
        )
        ship(node, snapshot, source, target)

    def _command(self, host: str, op: RunJob) -> None:
        """Of an upgrade: the volume's mark records it, and no ledger."""
        Runner(
            Step(host, op), op, self._transport(host), self._emit, self._cancel, self._keep,
            lambda run: None, self._show,
        ).run()  # fmt: skip

    def _hand_over(self, node: Handover) -> None:
        containers = {host: name for host, name in node.containers if host in self._transports}
        moving = Move(node.address, node.host, node.to, containers, self._balancers.on(node.host))
        if node.host in holders(moving.sides(), self._transports):
            move(moving, self._transports, self._balancers, self._emit, self._cancel)
        else:
            self._emit(ev.Note(f"{node.host} does not have {node.address} any more: it is not handed over"))

    def compare(self, trial: Trial) -> None:
        if trial.watch is None:
            if self._asked.wait(trial.seconds):
                raise Interrupted("interrupted while the new version was on trial")
            return
        watched = Watched(
            trial.service,
            trial.before,
            trial.version,
            trial.old,
            tuple(one.server for one in trial.new if one.server),
            tuple((one.host, one.container) for one in trial.new),
        )
        roles = {one.role for one in (*watched.old_servers, *watched.new_servers)}

        def look() -> Mapping[str, BalancerView]:
            return {host: view for role in roles for host, view in self._balancers.views(role).items()}

        spec = replace(trial.watch, window=trial.seconds)
        verdict = compare_versions(spec, watched, look, self._transports, self._emit, self._asked)
        why = "\n".join(verdict.reasons)
        if verdict.outcome is Verdict.FAIL:
            what = f"{trial.version} of {trial.service} is not as good as {trial.before or 'wanted'}"
            raise TrafficFailed(what, why=why)
        if verdict.outcome is Verdict.TOO_LITTLE:
            what = f"nobody can say yet whether {trial.version} of {trial.service} is as good"
            raise Undecided(what, why=why, hint="inv promote or inv abort, by your own judgement")

    def _transport(self, host: str) -> Transport:
        try:
            return self._transports[host]
        except KeyError:
            raise Unreachable("there is no connection to it", host=host) from None


def _kept(node: TakeSnapshot | RestoreVolume | UpgradeVolume | OwnVolume) -> Taking | Restoring | Upgrading:
    if isinstance(node, TakeSnapshot):
        return node.taking
    return node.upgrading if isinstance(node, UpgradeVolume | OwnVolume) else node.restoring
