"""Commands, packages and users: what is done is not done again."""

from __future__ import annotations

from dataclasses import replace

from fleet.facts.tasks.packages import bare
from fleet.model.found import HostFacts, Unknown
from fleet.model.found_tasks import FoundUser
from fleet.model.tasks import CommandTask, PackageTask, UserTask, command_key
from fleet.ops.tasks.change import Work
from fleet.ops.tasks.programs import ChangePackages, ChangeUser, RunCommand


def command_work(wish: CommandTask, facts: HostFacts) -> Work | None:
    known = {} if isinstance(facts.commands, Unknown) else facts.commands
    return None if known.get(command_key(wish), False) else RunCommand(wish)


def package_work(wish: PackageTask, facts: HostFacts) -> Work | None:
    versions = {} if isinstance(facts.packages, Unknown) else facts.packages
    due = tuple(name for name in wish.names if not _as_wanted(wish, name, versions.get(bare(name), "")))
    if not due:
        return None
    found = tuple((bare(name), versions.get(bare(name), "")) for name in due)
    return ChangePackages(replace(wish, names=due), found)


def _as_wanted(wish: PackageTask, name: str, installed: str) -> bool:
    if wish.state == "absent":
        return not installed
    version = name.partition("=")[2]
    return bool(installed) and version in {"", installed}


def user_work(wish: UserTask, facts: HostFacts) -> Work | None:
    users = {} if isinstance(facts.users, Unknown) else facts.users
    found = users.get(wish.name)
    if wish.state == "absent":
        return ChangeUser(wish, found, ()) if found else None
    if found is None:
        said = (("uid", wish.uid), ("group", wish.group), ("home", wish.home), ("shell", wish.shell))
        more = [f"{what} {value}" for what, value in said if value]
        more += [f"groups {','.join(wish.groups)}"] if wish.groups else []
        return ChangeUser(wish, None, tuple(f"+{one}" for one in more))
    changes = tuple(_changes(wish, found))
    return ChangeUser(_only(wish, found), found, changes) if changes else None


def _changes(wish: UserTask, found: FoundUser) -> list[str]:
    lines = [f"{what} {old or 'none'} → {new}" for what, old, new in other_fields(wish, found)]
    if wish.groups is not None and not has_groups(wish, found):
        old, new = ",".join(found.groups) or "none", ",".join(wish.groups) or "none"
        lines.append(f"groups {'also ' if wish.append else f'{old} → '}{new}")
    return lines


def other_fields(wish: UserTask, found: FoundUser) -> list[tuple[str, str, str]]:
    """What is not as wanted, but for its further groups: its name, as it was found, as it is wanted."""
    return [
        (what, old, new)
        for what, old, new in (
            ("uid", found.uid, wish.uid),
            ("group", found.group, wish.group),
            ("home", found.home, wish.home),
            ("shell", found.shell, wish.shell),
            ("comment", found.comment, wish.comment),
        )
        if new and new != old
    ]


def has_groups(wish: UserTask, found: FoundUser) -> bool:
    wanted = set(wish.groups or ()) - {wish.group or found.group}
    return wanted <= set(found.groups) if wish.append else wanted == set(found.groups)


def _only(wish: UserTask, found: FoundUser) -> UserTask:
    """Without what is as wanted: usermod refuses some of it while the user is logged in."""
    return replace(
        wish,
        uid="" if wish.uid == found.uid else wish.uid,
        group="" if wish.group == found.group else wish.group,
        home="" if wish.home == found.home else wish.home,
        shell="" if wish.shell == found.shell else wish.shell,
        comment="" if wish.comment == found.comment else wish.comment,
        groups=None if wish.groups is None or has_groups(wish, found) else wish.groups,
    )
