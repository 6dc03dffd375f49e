"""The parameters of each module, by Ansible's names."""

from __future__ import annotations

import posixpath
import shlex
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from fleet.config.roles.scalars import Int, Sealable, Str, StrList, name_of, text, words, wrong


class Module(BaseModel):
    """Unknown parameters are errors; one without a value is absent."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _given(cls, data: Any) -> Any:
        return {key: value for key, value in data.items() if value is not None}


def truth(value: Any) -> bool:
    """As Ansible reads it: yes and no, too."""
    known = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if isinstance(value, str) and value.lower() in known:
        return known[value.lower()]
    if isinstance(value, bool):
        return value
    raise wrong(f"must be true or false, not {name_of(value)}")


def path(value: Any) -> str:
    found = text(value)
    if not found.startswith("/") or not found.isprintable():
        raise wrong(f"{found!r} is not a path from /", hint="write it whole, such as /etc/motd")
    clean = posixpath.normpath(found)
    if clean != (found.rstrip("/") or "/") or clean in {"/", "//"}:
        raise wrong(
            f"{found!r} is not a whole path of something below /",
            hint=f"write {clean}" if clean != "/" else "",
        )
    return found


def mode(value: Any) -> str:
    """Only what octal digits say: what a number of YAML was written as is looked at where it is read."""
    found = text(value)
    if not found.isdigit() or len(found) not in {3, 4} or set(found) - set("01234567"):
        raise wrong(
            f"{found!r} is not a mode", hint='write it as four octal digits in quotes, such as "0644"'
        )
    return found.zfill(4)


def names(value: Any) -> list[str]:
    """A list, or names with commas between them."""
    found = value if isinstance(value, list) else text(value).split(",")
    return [text(one).strip() for one in found if text(one).strip()]


def line(value: Any) -> str:
    found = text(value)
    if "\n" in found.strip("\n"):
        raise wrong("must be one line")
    return found.strip("\n")


def argv(value: Any) -> tuple[str, ...]:
    found = words(value)
    if not found:
        raise wrong("must be a command")
    return found


Bool = Annotated[bool, BeforeValidator(truth, json_schema_input_type=bool | str)]
Path = Annotated[str, BeforeValidator(path)]
Mode = Annotated[str, BeforeValidator(mode, json_schema_input_type=str | int)]
Names = Annotated[list[str], BeforeValidator(names, json_schema_input_type=str | list[str])]
Line = Annotated[str, BeforeValidator(line, json_schema_input_type=str | int)]
Argv = Annotated[tuple[str, ...], BeforeValidator(argv, json_schema_input_type=str | list[str])]


class Owned(Module):
    owner: Str = ""
    group: Str = ""
    mode: Mode = ""


class File(Owned):
    path: Path
    state: Literal["file", "directory", "absent", "link"] = "file"
    src: Line = ""


class Put(Owned):
    dest: Path
    force: Bool = True
    validate_: Annotated[Str, Field(alias="validate")] = ""


class Copy(Put):
    src: Line = ""
    content: Sealable = None


class Template(Put):
    src: Line


class Command(Module):
    cmd: Line = ""
    argv: StrList = []
    creates: Path = ""
    removes: Path = ""
    unless: Argv = ()
    chdir: Path = ""


class Package(Module):
    name: Names
    state: Literal["present", "absent"] = "present"


class Apt(Package):
    update_cache: Bool = False
    cache_valid_time: Int = 0
    install_recommends: Bool | None = None


class Sysctl(Module):
    name: Line
    value: Line = ""
    state: Literal["present", "absent"] = "present"
    sysctl_file: Path = "/etc/sysctl.d/99-fleet.conf"
    sysctl_set: Bool = True
    reload: Bool = True


class User(Module):
    name: Line
    state: Literal["present", "absent"] = "present"
    uid: Int | None = None
    group: Line = ""
    groups: Names | None = None
    append: Bool = False
    shell: Line = ""
    home: Path = ""
    comment: Line = ""
    system: Bool = False
    create_home: Bool = True
    remove: Bool = False


class Cron(Module):
    name: Line
    job: Line = ""
    minute: Line = "*"
    hour: Line = "*"
    day: Line = "*"
    month: Line = "*"
    weekday: Line = "*"
    special_time: Literal["", "reboot", "yearly", "annually", "monthly", "weekly", "daily", "hourly"] = ""
    user: Line = "root"
    cron_file: Line = ""
    disabled: Bool = False
    state: Literal["present", "absent"] = "present"


MODULES: dict[str, type[Module]] = {
    "file": File,
    "copy": Copy,
    "template": Template,
    "command": Command,
    "package": Package,
    "apt": Apt,
    "sysctl": Sysctl,
    "user": User,
    "cron": Cron,
}

ALIASES: dict[str, dict[str, str]] = {
    "file": {"dest": "path", "name": "path"},
    "package": {"pkg": "name"},
    "apt": {
        "pkg": "name",
        "package": "name",
        "update-cache": "update_cache",
        "install-recommends": "install_recommends",
    },
    "sysctl": {"key": "name", "val": "value"},
    "user": {"user": "name", "createhome": "create_home"},
    "cron": {"dow": "weekday"},
}


def split(line: str) -> list[str] | None:
    """The words of a command in one line; None when a quote is open."""
    try:
        return shlex.split(line)
    except ValueError:
        return None
