"""Whether the target can be reached, and is who it says."""

from __future__ import annotations

import subprocess

from .answers import answer, refused
from .children import Complaints, child
from .link import Link


def reach(link: Link) -> dict[str, object]:
    complaints = Complaints()
    with child(link.words("hello"), stdout=subprocess.PIPE, stderr=complaints.file) as ssh:
        output, _ = ssh.communicate()
        if ssh.returncode or answer(output, "result") is None:
            raise refused(link, ssh, output, complaints)
    return {}
