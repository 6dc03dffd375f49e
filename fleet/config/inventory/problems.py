"""All that is wrong with an inventory, gathered so that one run shows it whole."""

from __future__ import annotations

from fleet.errors import ConfigError, ConfigErrors, FleetError, Position


class Problems:
    """Errors and warnings of one load."""

    def __init__(self) -> None:
        self.errors: list[FleetError] = []
        self.warnings: list[str] = []

    def error(self, what: str, at: Position | None, *, why: str = "", hint: str = "") -> None:
        self.errors.append(ConfigError(what, why=why, hint=hint, at=at))

    def add(self, error: FleetError) -> None:
        self.errors.extend(error.errors if isinstance(error, ConfigErrors) else [error])

    def warn(self, what: str, at: Position | None = None) -> None:
        self.warnings.append(f"{at}: {what}" if at else what)

    def raise_any(self) -> None:
        """Raise what was gathered, each message once."""
        once = {(error.at, str(error)): error for error in self.errors}
        if len(once) == 1:
            raise next(iter(once.values()))
        if once:
            raise ConfigErrors(once.values())
