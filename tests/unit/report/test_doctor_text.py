"""The doctor's findings as an operator reads them, of 3 hosts and of 200."""

from __future__ import annotations

from fleet.model.examined import Diagnosis, Verdict
from fleet.report.doctor_text import doctor_lines

OK, WARNING, ERROR = Verdict.OK, Verdict.WARNING, Verdict.ERROR
MACHINE = Diagnosis("files", "", OK, "valid")


def text(*found: Diagnosis, hosts: int = 3) -> str:
    return "\n".join(line.text for line in doctor_lines("test", hosts, [MACHINE, *found]))


def test_the_worst_first_with_what_to_do() -> None:
    assert text(
        Diagnosis("ssh", "web-1", OK, "connected"),
        Diagnosis("ssh", "web-2", ERROR, "it refuses\nkey a: refused", "is the key right?"),
        Diagnosis("ssh", "web-3", OK, "connected"),
        Diagnosis("clock", "web-1", WARNING, "3 s ahead", "chrony"),
    ) == (
        "this machine\n"
        "  ✓ files  valid\n"
        "test: 3 hosts\n"
        "  ✗ ssh    web-2: it refuses\n"
        "           key a: refused\n"
        "           → is the key right?\n"
        "  ✓ ssh    web-1 web-3: connected\n"
        "  ! clock  web-1: 3 s ahead\n"
        "           → chrony\n"
        "1 error, 1 warning"
    )


def test_all_is_well() -> None:
    assert text(Diagnosis("ssh", "web-1", OK, "connected"), hosts=1).endswith(
        "test: 1 host\n  ✓ ssh    web-1: connected\nall is well"
    )


def test_many_hosts_are_folded_and_many_figures_only_counted() -> None:
    found = [Diagnosis("disk", f"web-{number}", OK, f"{number} GB free") for number in range(1, 201)]
    odd = [Diagnosis("ssh", f"{chr(97 + number % 26)}{number * 7}x", OK, "in") for number in range(200)]
    assert text(*found, *odd, hosts=200).splitlines()[2:] == [
        "test: 200 hosts",
        "  ✓ disk   web-[1-200]",
        "  ✓ ssh    200 hosts: in",
        "all is well",
    ]
