"""A long script in few bytes: what a thousand hosts keep of a release is mostly the same words again."""

from __future__ import annotations

import base64
import gzip

from fleet.ledger.scripts import CANNOT
from fleet.shell import words


def packed(steps: str) -> str:
    """Lines that do what ``steps`` do, in the same shell. Needs :data:`fleet.ledger.scripts.WRITING` before
    it, and gzip on the host, which tells by its own checksum whether all has arrived."""
    # Without a time, the same steps are the same bytes.
    small = base64.b64encode(gzip.compress(steps.encode(), mtime=0)).decode()
    return (
        f"steps=$(printf %s {words([small])} | base64 -d | gzip -dc) ||"
        f" fail {CANNOT} 'the copy cannot be unpacked'\n"
        'eval "$steps"\n'
    )
