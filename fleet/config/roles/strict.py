"""What all models of role files share."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Strict(BaseModel):
    """Unknown keys are errors; other tools' ``x-`` keys pass; a key without a value is an absent key."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        json_schema_extra={"patternProperties": {"^x-": {}}},
    )

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None and not _foreign(key)}


def _foreign(key: Any) -> bool:
    return isinstance(key, str) and key.startswith("x-") and key != "x-fleet"


TEXT, LIST, MAP = "‹text›", "‹list›", "‹map›"


def shape(value: Any) -> str:
    """The tag of a union whose members are written as text, a list or a mapping."""
    if isinstance(value, list):
        return LIST
    return MAP if isinstance(value, (dict, BaseModel)) else TEXT
