"""A host on which a volume is copied to another one, and the helper that does it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from fleet.ops.volume_helper import Helper
from fleet.report import events as ev
from fleet.run.volumes.attended import Attended
from fleet.transport.base import Transport


@dataclass(frozen=True, slots=True)
class Ground(Attended):
    """``step``: whose progress it is."""

    name: str
    attendant: Helper
    transport: Transport
    emit: ev.Emit
    cancel: threading.Event
    show: bool = False
    step: str = ""

    @property
    def host(self) -> str:
        return self.name

    @property
    def helper(self) -> Helper:
        return self.attendant

    def between(self, source: str, target: str) -> Ground:
        """The same, with a helper that copies ``source`` to ``target``."""
        one = self.attendant
        made = Helper.beside(one.volume, one.image, one.place, source, target)
        return replace(self, attendant=made)
