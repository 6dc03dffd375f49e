import pytest

from fleet.transport.refusals import not_begun


@pytest.mark.parametrize(
    ("said", "sudo", "what"),
    [
        ("bash: line 1: exec: timeout: not found", False, "the host has no timeout command"),
        ("sudo: timeout: command not found", True, "the host has no timeout command"),
        ("sudo: a password is required", True, "sudo asks for a password"),
        ("bash: line 1: exec: sudo: not found", True, "sudo is not installed"),
        ("root may not run sudo here", True, "sudo refused"),
        ("This account is closed", False, "the host did not start the script"),
    ],
)
def test_why_a_script_did_not_begin(said: str, sudo: bool, what: str) -> None:
    failure = not_begun(said, "web-1", sudo=sudo)
    assert (failure.what, failure.why, failure.host) == (what, said, "web-1")
    assert failure.hint
