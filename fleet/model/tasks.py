"""What is to be so on a host besides its containers: files, packages, users, kernel settings, cron jobs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from fleet.errors import Position
from fleet.secret import Text


@dataclass(frozen=True, slots=True)
class FileTask:
    """``state``: file, directory, link or absent. A file without ``content`` is to be there already. What is
    empty is left as it is."""

    path: str
    state: str = "file"
    content: Text | None = None
    target: str = ""
    """Of a link."""
    owner: str = ""
    group: str = ""
    mode: str = ""
    force: bool = True
    """False: a file that is there keeps its content."""
    validate: tuple[str, ...] = ()
    """A command that accepts the new file, which stands in it as ``%s``."""


@dataclass(frozen=True, slots=True)
class CommandTask:
    """It is done when ``creates`` is there, ``removes`` is not, or ``unless`` ends well."""

    argv: tuple[str, ...]
    creates: str = ""
    removes: str = ""
    unless: tuple[str, ...] = ()
    chdir: str = ""


@dataclass(frozen=True, slots=True)
class PackageTask:
    """``names`` may end in ``=version``. ``recommends``: yes, no, or empty for what the host does."""

    names: tuple[str, ...]
    state: str = "present"
    update_cache: bool = False
    recommends: str = ""


@dataclass(frozen=True, slots=True)
class SysctlTask:
    """In the running kernel, and in ``file`` for the next start."""

    name: str
    value: str = ""
    file: str = ""
    state: str = "present"


@dataclass(frozen=True, slots=True)
class UserTask:
    """What is empty, or None, is left as it is."""

    name: str
    state: str = "present"
    uid: str = ""
    group: str = ""
    groups: tuple[str, ...] | None = None
    append: bool = False
    shell: str = ""
    home: str = ""
    comment: str = ""
    system: bool = False
    create_home: bool = True
    remove: bool = False
    """With its home directory."""


@dataclass(frozen=True, slots=True)
class CronTask:
    """One line of the crontab of ``user``, or of ``file``, found again by its ``name``."""

    name: str
    line: str = ""
    user: str = "root"
    file: str = ""
    state: str = "present"


Body = FileTask | CommandTask | PackageTask | SysctlTask | UserTask | CronTask


@dataclass(frozen=True, slots=True)
class Task:
    """``told``: its module and parameters as they were written, for messages. ``notify``: names of handlers
    of its role."""

    role: str
    name: str
    body: Body
    told: str = ""
    notify: tuple[str, ...] = ()
    timeout: float = 600
    at: Position | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Handler:
    """A command that is run once, after all tasks of a host, when one that changed something notified it."""

    role: str
    name: str
    body: CommandTask
    told: str = ""
    timeout: float = 600

    @property
    def mark(self) -> str:
        """Name of the file that lies on a host from the change until the handler has ended well."""
        return hashlib.sha256(f"{self.role}\n{self.name}".encode()).hexdigest()[:16]


def command_key(body: CommandTask) -> str:
    """What the facts call it."""
    return hashlib.sha256(repr(body).encode()).hexdigest()[:16]


def files_of(body: Body) -> str:
    """The file whose content or attributes it looks at; empty: none."""
    if isinstance(body, FileTask):
        return body.path
    return body.file if isinstance(body, (SysctlTask, CronTask)) else ""


def task_dir(state_dir: str, project: str, env: str) -> str:
    """Where a host notes what its tasks left to do, and of which secrets it wrote files."""
    return f"{state_dir}/tasks/{project}/{env}"
