"""What a kind of balancer has to offer: words for its runtime API, and what its answers mean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from fleet.model.balancing import BalancerView, Server, Workers


class Kind(Protocol):
    """Requests are one line each; several go in one with :meth:`together`. An answer that makes no sense is
    a ValueError."""

    look: str
    """Asks for the state of all servers."""

    state: str
    """Asks for what a new process has to be given, to go on as this one was told."""

    processes: str
    """Asks the master process who serves."""

    renew: str
    """Tells the master process to begin anew."""

    def together(self, requests: Iterable[str]) -> str: ...

    def view(self, answer: str) -> BalancerView:
        """From the answer to ``look``."""

    def workers(self, answer: str) -> Workers:
        """From the answer to ``processes``."""

    def drain(self, server: Server) -> str:
        """No new sessions; those that there are go on, and so do its checks."""

    def admit(self, server: Server) -> str:
        """New sessions, once its checks are good."""

    def weigh(self, server: Server, weight: int) -> str: ...

    def recheck(self, server: Server) -> str:
        """Forget what earlier checks found: it is up again when as many as configured are good anew."""

    maps: str
    """Asks which tables there are."""

    def table(self, answer: str, path: str) -> str:
        """What the table that was read from the file of that name is called; empty: there is none. From the
        answer to ``maps``."""

    def page(self, table: str, backend: str, *, on: bool) -> str:
        """Requests for the backend are answered by a page, or by its servers again."""

    def entries(self, table: str) -> str:
        """Asks what is in a table."""

    def paged(self, answer: str) -> frozenset[str]:
        """Backends whose requests a page answers. From the answer to ``entries``."""

    def listens(self, text: str) -> frozenset[tuple[str, int]]:
        """Addresses and ports that a configuration binds, as far as its text tells them; an empty address is
        every one."""

    def refused(self, answer: str) -> str:
        """What was wrong with a request; empty when it was carried out."""
