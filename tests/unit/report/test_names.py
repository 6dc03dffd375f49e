import pytest

from fleet.report.names import fold


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        ([], ""),
        (["web-1"], "web-1"),
        (["web-1", "web-2"], "web-1 web-2"),
        (["web-1", "web-2", "web-3", "db-1"], "web-[1-3] db-1"),
        (["web-01.example.com", "web-02.example.com", "web-03.example.com"], "web-[01-03].example.com"),
        (["web-8", "web-9", "web-10"], "web-[8-10]"),
        (["web-08", "web-09", "web-10"], "web-[08-10]"),
        (["web-1", "web-3", "web-4"], "web-1 web-3 web-4"),
        (["a", "b"], "a b"),
        (["10.0.0.1", "10.0.0.2", "10.0.0.3"], "10.0.0.[1-3]"),
    ],
)
def test_runs_of_numbers_are_folded(names: list[str], folded: str) -> None:
    assert fold(names) == folded
