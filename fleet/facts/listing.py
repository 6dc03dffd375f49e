"""All containers, once for all probes that want to know something of them: each call of the client costs the
host more than all the rest of a probe."""

from __future__ import annotations

from fleet.model import labels

OWNER = f'{{{{.Label "{labels.PROJECT}"}}}}/{{{{.Label "{labels.ENV}"}}}}'
ROWS = (
    f"id {{{{.ID}}}} {OWNER}",
    f"name {{{{.Names}}}} {OWNER}",
    "mounts {{.Names}}\t{{.Mounts}}",
    "docker {{.Names}} {{.Ports}}",
)
"""A line for each probe, so that none has to take a line apart for another's sake."""

LISTING = "listed=$(docker ps -a --no-trunc --format '{}' 2>&1) && listing=0 || listing=$?\n".format(
    "\n".join(ROWS)
)
"""Before the probes, outside of their subshells."""

LISTED = '[ "$listing" = 0 ] || { printf \'%s\\n\' "$listed"; exit "$listing"; }\n'
"""In a probe: the list is there, or the probe fails with what the client said."""

TELL = LISTED + "printf '%s\\n' \"$listed\"\n"
