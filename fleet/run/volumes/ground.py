"""A host on which a volume is copied to another one, and the helper that does it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fleet.ops.volume_helper import Helper
from fleet.run.volumes.attended import Attended


@dataclass(frozen=True, slots=True)
class Ground(Attended):
    """``step``: whose progress it is."""

    step: str = ""

    def between(self, source: str, target: str) -> Ground:
        """The same, with a helper that copies ``source`` to ``target``."""
        one = self.helper
        made = Helper.beside(one.volume, one.image, one.place, source, target)
        return replace(self, helper=made)
