"""The model of each module → what is to be so on the host."""

from __future__ import annotations

import os
import posixpath
import re

from fleet.config.tasks.crontab import FIELDS, expected, is_time
from fleet.config.tasks.items import Item
from fleet.config.tasks.modules import (
    Apt,
    Command,
    Copy,
    Cron,
    File,
    Package,
    Put,
    Sysctl,
    Template,
    User,
    split,
)
from fleet.config.tasks.parameters import parameters
from fleet.config.yaml import Path
from fleet.errors import ConfigError
from fleet.model.tasks import Body, CommandTask, CronTask, FileTask, PackageTask, SysctlTask, UserTask
from fleet.secret import SealedText, Text
from fleet.suggest import suggest

PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]*(:[a-z0-9-]+)?(=[A-Za-z0-9.+:~-]+)?")
SETTING = re.compile(r"[A-Za-z0-9_.:/*-]+")
USER = re.compile(r"[a-z_][a-z0-9_-]*[$]?")
GROUP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def body(item: Item, *, handler: bool = False) -> Body:
    """Raises Wrong."""
    match item.module:
        case "file":
            return _file(item)
        case "copy" | "template":
            return _put(item)
        case "command":
            return command(item, handler=handler)
        case "package" | "apt":
            return _packages(item)
        case "sysctl":
            return _sysctl(item)
        case "user":
            return _user(item)
        case _:
            return _cron(item)


def _place(item: Item, name: str) -> Path:
    return item.parameters[name][1] if name in item.parameters else item.at


def _file(item: Item) -> FileTask:
    model = parameters(item, File)
    if (model.state == "link") != bool(model.src):
        what = "src: only of a link" if model.src else "state: link needs src, where it leads"
        raise item.scope.wrong(what, _place(item, "src" if model.src else "state"))
    owned = model.owner or model.group or model.mode
    if owned and model.state in {"link", "absent"}:
        what = f"owner, group and mode say nothing of state: {model.state}"
        raise item.scope.wrong(what, item.at, "leave them out; those of a link are those of what it leads to")
    if model.state == "file" and not owned:
        what = "nothing is said of the file but that it is there"
        hint = "mode, owner or group; a file with content is made by copy: or template:"
        raise item.scope.wrong(what, item.at, hint)
    return FileTask(
        model.path.rstrip("/"),
        model.state,
        target=model.src,
        owner=model.owner,
        group=model.group,
        mode=model.mode,
    )


def _put(item: Item) -> FileTask:
    model: Put
    if item.module == "template":
        model = parameters(item, Template)
        content, source = _template(item, model), model.src
    else:
        model = parameters(item, Copy)
        content, source = _copied(item, model), model.src
    dest = model.dest
    if dest.endswith("/"):
        if not source:
            raise item.scope.wrong("dest: must name the file", _place(item, "dest"))
        dest += posixpath.basename(source)
    sealed = isinstance(content, SealedText)
    mode = model.mode or ("0600" if sealed else "")
    if sealed and int(mode, 8) & 0o007:
        what = f"{dest} holds a secret and mode {mode} lets everybody on the host read it"
        raise item.scope.wrong(what, _place(item, "mode"), 'use "0600", or "0640" with a group')
    check = split(model.validate_)
    if check is None or (check and not any("%s" in word for word in check)):
        what = "validate: must be a command with %s, where the new file's name goes"
        raise item.scope.wrong(what, _place(item, "validate"))
    return FileTask(
        dest,
        content=content,
        owner=model.owner,
        group=model.group,
        mode=mode,
        force=model.force,
        validate=tuple(check),
    )


def _template(item: Item, model: Template) -> Text:
    source, place = item.scope.source, _place(item, "src")
    name = model.src.removeprefix("templates/")
    if not source.has_template(name):
        what = f"there is no template {name!r}{suggest(name, source.template_names())}"
        raise item.scope.wrong(what, place, f"it is looked for below {source.shown}/templates")
    found: Text = item.scope.template(name, place)
    return found


def _copied(item: Item, model: Copy) -> Text:
    content: Text | None = model.content
    if (content is None) != bool(model.src):
        raise item.scope.wrong("copy: needs either src or content", item.at, key=True)
    if content is not None:
        return content
    source, place = item.scope.source, _place(item, "src")
    name = model.src.removeprefix("files/")
    where = f"it is looked for below {source.shown}/files"
    if name.startswith("/") or ".." in name.split("/"):
        raise item.scope.wrong("src: must be a file of the role", place, where)
    if os.path.isdir(source.directory / "files" / name):
        raise item.scope.wrong(f"{name!r} is a directory", place, "copy its files: loop: with their names")
    try:
        text = source.text(f"files/{name}")
    except ConfigError as error:
        error.hint = "only files of text are copied; others belong into an image"
        raise item.scope.take(error, place) from error
    if text is None:
        directory = source.directory / "files"
        names = [str(one.relative_to(directory)) for one in directory.rglob("*")]
        raise item.scope.wrong(f"there is no file {name!r}{suggest(name, names)}", place, where)
    return text


def command(item: Item, *, handler: bool) -> CommandTask:
    model = parameters(item, Command)
    words = tuple(model.argv) or tuple(split(model.cmd) or ())
    if bool(model.argv) == bool(model.cmd) or not words:
        raise item.scope.wrong("command: needs either cmd or argv, with closed quotes", item.at, key=True)
    conditions = model.creates or model.removes or model.unless
    if handler and conditions:
        raise item.scope.wrong("a handler is run when it was notified", item.at, "leave out the condition")
    if not handler and not conditions:
        what = "nobody can tell whether this command was run before"
        hint = "say when it is done: creates: /path, removes: /path or unless: command; or make it a handler"
        raise item.scope.wrong(what, item.at, hint, key=True)
    return CommandTask(words, model.creates, model.removes, model.unless, model.chdir)


def _packages(item: Item) -> PackageTask:
    model = parameters(item, Apt if item.module == "apt" else Package)
    for name in model.name:
        if not PACKAGE.fullmatch(name):
            what = f"{name!r} is not the name of a package, or name=version"
            raise item.scope.wrong(what, _place(item, "name"))
    if not model.name:
        raise item.scope.wrong("name: no package", _place(item, "name"))
    apt = model if isinstance(model, Apt) else None
    recommends = (
        {True: "yes", False: "no"}.get(apt.install_recommends, "")
        if apt and apt.install_recommends is not None
        else ""
    )
    return PackageTask(tuple(model.name), model.state, bool(apt and apt.update_cache), recommends)


def _sysctl(item: Item) -> SysctlTask:
    model = parameters(item, Sysctl)
    if not SETTING.fullmatch(model.name) or ".." in model.name:
        raise item.scope.wrong(f"{model.name!r} is not the name of a setting", _place(item, "name"))
    if (model.state == "present") != bool(model.value):
        what = "value: of state: present" if model.value else "value is missing"
        raise item.scope.wrong(what, _place(item, "value"))
    if not model.reload:
        raise item.scope.wrong("reload: only true: the running kernel is set, too", _place(item, "reload"))
    return SysctlTask(model.name, model.value, model.sysctl_file, model.state)


def _user(item: Item) -> UserTask:
    model = parameters(item, User)
    if not USER.fullmatch(model.name):
        raise item.scope.wrong(f"{model.name!r} is not the name of a user", _place(item, "name"))
    if model.name == "root" and model.state == "absent":
        raise item.scope.wrong("root stays", _place(item, "state"))
    for name, group in [("group", model.group), *(("groups", one) for one in model.groups or ())]:
        if group and not GROUP.fullmatch(group):
            raise item.scope.wrong(f"{group!r} is not the name of a group", _place(item, name))
    if ":" in model.comment:
        raise item.scope.wrong("comment: no colon may stand in it", _place(item, "comment"))
    return UserTask(
        model.name,
        model.state,
        "" if model.uid is None else str(model.uid),
        model.group,
        None if model.groups is None else tuple(model.groups),
        model.append,
        model.shell,
        model.home,
        model.comment,
        model.system,
        model.create_home,
        model.remove,
    )


def _cron(item: Item) -> CronTask:
    model = parameters(item, Cron)
    if (model.state == "present") != bool(model.job):
        raise item.scope.wrong(
            "job: of state: present" if model.job else "job is missing", _place(item, "job")
        )
    if not USER.fullmatch(model.user):
        raise item.scope.wrong(f"{model.user!r} is not the name of a user", _place(item, "user"))
    for name in FIELDS:
        if not is_time(name, written := getattr(model, name)):
            hint = f"{expected(name)}, as crontab(5) has them"
            raise item.scope.wrong(f"{name}: {written!r} is not a time", _place(item, name), hint)
    when = f"@{model.special_time}" if model.special_time else " ".join(getattr(model, one) for one in FIELDS)
    file = model.cron_file
    if file and not file.startswith("/"):
        file = f"/etc/cron.d/{file}"
    if file and not re.fullmatch(
        r"(/[A-Za-z0-9_-]+)+", file.replace("/cron.d/", "/cron_d/").replace(".d/", "_d/")
    ):
        hint = "cron passes over names in /etc/cron.d with other than letters, digits, - and _"
        raise item.scope.wrong(f"cron_file: {file!r}", _place(item, "cron_file"), hint)
    words = [when, model.user, model.job] if file else [when, model.job]
    line = f"{'#' if model.disabled else ''}{' '.join(words)}" if model.job else ""
    return CronTask(model.name, line, model.user, file, model.state)
