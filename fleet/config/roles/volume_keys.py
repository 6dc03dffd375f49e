"""``x-fleet.volumes``: how the data of a role's volumes is taken care of."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from fleet.config.roles import rules
from fleet.config.roles.scalars import Duration, Int, NeededWords, Str, Words, wrong
from fleet.config.roles.strict import Strict


class InsideModel(Strict):
    service: Str = ""
    command: NeededWords


class UpgradeModel(InsideModel):
    image: Annotated[Str, AfterValidator(rules.image)]
    entrypoint: Words = None
    timeout: Annotated[Duration, Field(gt=0)] = 3600


class VolumeKeys(Strict):
    from_: Str = Field(default="", alias="from")
    snapshot: Literal["before-deploy"] | None = None
    keep: Annotated[Int, Field(ge=1)] = 3
    freeze: InsideModel | None = None
    thaw: InsideModel | None = None
    dump: InsideModel | None = None
    load: InsideModel | None = None
    upgrade: UpgradeModel | None = None
    owner: Annotated[Str, AfterValidator(rules.owner)] = ""

    @model_validator(mode="after")
    def _in_pairs(self) -> Self:
        if bool(self.freeze) != bool(self.thaw):
            raise wrong("freeze and thaw: both, or none of them")
        if bool(self.dump) != bool(self.load):
            raise wrong("dump and load: both, or none of them")
        if self.freeze and self.dump:
            raise wrong("freeze or dump: a dump takes care of that itself")
        return self
