import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.model.services import Batches
from fleet.plan.batches import amount, cut, least


@pytest.mark.parametrize(
    ("size", "total", "hosts"),
    [(3, 10, 3), ("25%", 10, 2), ("30%", 3, 1), ("1%", 3, 1), ("100%", 7, 7), (0, 5, 0)],
)
def test_amount(size: int | str, total: int, hosts: int) -> None:
    assert amount(size, total) == hosts


@pytest.mark.parametrize(
    ("minimum", "total", "hosts"),
    [(2, 3, 2), (0, 3, 0), ("50%", 3, 2), ("100%", 3, 3), ("34%", 3, 2), ("1%", 50, 1)],
)
def test_a_minimum_rounds_up(minimum: int | str, total: int, hosts: int) -> None:
    assert least(minimum, total) == hosts


def test_canary_first_then_a_quarter_then_all() -> None:
    batches = cut(range(10), Batches((1, "25%", "100%")), 10)
    assert [len(batch) for batch in batches] == [1, 2, 7]


def test_the_last_size_repeats() -> None:
    assert cut("abcde", Batches((1, 2)), 5) == (("a",), ("b", "c"), ("d", "e"))


def test_zero_means_all_at_once() -> None:
    assert cut("abc", Batches((0,)), 3) == (("a", "b", "c"),)


def test_percent_is_of_the_roles_hosts_not_of_those_that_change() -> None:
    assert cut("ab", Batches(("50%",)), 8) == (("a", "b"),)


@given(
    st.integers(0, 60),
    st.lists(st.one_of(st.integers(0, 9), st.integers(1, 100).map("{}%".format)), min_size=1),
)
def test_every_host_is_in_exactly_one_batch_in_its_order(count: int, sizes: list[int | str]) -> None:
    hosts = list(range(count))
    batches = cut(hosts, Batches(tuple(sizes)), count)
    assert [host for batch in batches for host in batch] == hosts
    assert all(batches)
