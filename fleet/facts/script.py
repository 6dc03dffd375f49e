"""All probes as one script, and its output as one host's facts.

Each probe runs in a subshell of its own, so that none can end or confuse another; its output is
framed by a line with a random mark, which the output of no container can guess.
"""

from __future__ import annotations

from collections.abc import Iterable

from fleet.facts.addresses import AddressesProbe
from fleet.facts.clock import ClockProbe
from fleet.facts.containers import ContainersProbe, ForeignNamesProbe
from fleet.facts.engine import EngineProbe
from fleet.facts.files import DirsProbe, SealedProbe
from fleet.facts.images import ImagesProbe
from fleet.facts.key import KeyProbe
from fleet.facts.listing import LISTING
from fleet.facts.networks import NetworksProbe
from fleet.facts.ports import PortsProbe
from fleet.facts.probe import Answer, Probe, Question
from fleet.facts.proven import ProvenProbe
from fleet.facts.release import ReleaseProbe
from fleet.facts.snapshots import SnapshotsProbe
from fleet.facts.tasks.commands import CommandsProbe
from fleet.facts.tasks.crontabs import CrontabsProbe
from fleet.facts.tasks.kernel import KernelProbe
from fleet.facts.tasks.notified import NotifiedProbe
from fleet.facts.tasks.packages import PackagesProbe
from fleet.facts.tasks.paths import PathsProbe
from fleet.facts.tasks.users import UsersProbe
from fleet.facts.volumes import VolumesProbe
from fleet.model.found import HostFacts, Unknown

PROBES: tuple[Probe, ...] = (
    EngineProbe(),
    ContainersProbe(),
    ForeignNamesProbe(),
    ImagesProbe(),
    NetworksProbe(),
    VolumesProbe(),
    SnapshotsProbe(),
    DirsProbe(),
    SealedProbe(),
    PortsProbe(),
    ProvenProbe(),
    KeyProbe(),
    ClockProbe(),
    AddressesProbe(),
    ReleaseProbe(),
    PathsProbe(),
    PackagesProbe(),
    KernelProbe(),
    UsersProbe(),
    CrontabsProbe(),
    CommandsProbe(),
    NotifiedProbe(),
)


def probe_script(question: Question, mark: str, first: str = "") -> str:
    """``mark`` is any word that was never used before. ``first``: another script, carried out before the
    probes; :func:`first_answer` takes what it printed off the output."""
    before = framed([first], mark) if first else ""
    return f"{before}{LISTING}{framed((probe.script(question) for probe in PROBES), mark)}"


def framed(scripts: Iterable[str], mark: str) -> str:
    """Each in a subshell of its own, ended by a line of its own."""
    sections = [f"(:\n{script}\n) 2>&1\nprintf '\\n%s %s\\n' {mark} $?" for script in scripts]
    return "export LC_ALL=C\n" + "\n".join(sections) + "\n"


def first_answer(output: str, mark: str) -> tuple[Answer, str]:
    """What the first script said, and the rest of the output."""
    body, _, rest = output.partition(f"\n{mark} ")
    status, _, rest = rest.partition("\n")
    return Answer(body, int(status) if status.isdigit() else 1), rest


def parse(host: str, output: str, mark: str) -> HostFacts:
    """Facts of ``host``; a section that is missing or garbled is Unknown, never empty."""
    found: dict[str, object] = {}
    rest = output
    for probe in PROBES:
        body, separator, rest = rest.partition(f"\n{mark} ")
        status, _, rest = rest.partition("\n")
        whole = separator and status.isdigit()
        found[probe.name] = (
            _parsed(probe, Answer(body, int(status))) if whole else Unknown("the probe ended early")
        )
    return HostFacts(host, **found)  # type: ignore[arg-type]


def _parsed(probe: Probe, answer: Answer) -> object:
    try:
        return probe.parse(answer)
    except (ValueError, KeyError, TypeError, AttributeError):
        # What one probe did not expect is no reason to lose what the others found.
        return Unknown(f"{probe.name}: the host's answer makes no sense")
