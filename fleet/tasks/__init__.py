"""The tasks: ``from fleet.tasks import ns`` in a project's ``tasks.py`` gives it all of them.

Here argv becomes Options and errors become exit codes; whatever else there is to decide is in
``fleet.app``. Imports are inside the tasks: ``inv --list`` and a typo must not cost the time that
loading SSH and Docker libraries takes.
"""

from __future__ import annotations

from invoke.collection import Collection

from fleet.tasks.aliases import with_aliases
from fleet.tasks.change import abort, converge, deploy, plan, promote, rollback
from fleet.tasks.here import here
from fleet.tasks.hosts import exec, get, logs, put, ssh
from fleet.tasks.look import doctor, inventory, status, validate, verify
from fleet.tasks.rehearse import init, rehearse
from fleet.tasks.releases import diff, lock, prune, releases, unlock
from fleet.tasks.traffic import drain, maintenance, ready
from fleet.tasks.trust import trust
from fleet.tasks.vip import vip
from fleet.tasks.volumes import volumes

ns = with_aliases(Collection(
    deploy, plan, promote, abort, rollback, converge, status, drain, ready, maintenance, vip, volumes,
    releases, diff, lock, unlock, prune, trust, doctor, validate, verify, inventory, exec, logs, put, get,
    ssh, rehearse, init,
), here())  # fmt: skip
