"""Commands, packages and users: what a host's own programs do."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.facts.tasks.commands import DUE, done_test
from fleet.facts.tasks.packages import INSTALLED, bare
from fleet.facts.tasks.users import ACCOUNT
from fleet.model.found_tasks import FoundUser
from fleet.model.tasks import CommandTask, PackageTask, UserTask, command_key
from fleet.secret import Text
from fleet.shell import words


@dataclass(frozen=True, slots=True)
class RunCommand:
    """Whether it is due is asked again: it may have been done meanwhile."""

    wish: CommandTask

    @property
    def target(self) -> str:
        return f"command:{command_key(self.wish)}"

    @property
    def style(self) -> str:
        return "change"

    def describe(self) -> str:
        return f"run {words(self.wish.argv)}"

    def diff(self) -> tuple[str, ...]:
        wish = self.wish
        return tuple(
            line
            for told, line in (
                (wish.creates, f"{wish.creates} is not there"),
                (wish.removes, f"{wish.removes} is there"),
                (wish.unless, f"unless: {' '.join(wish.unless)} did not end well"),
            )
            if told
        )

    def guard(self) -> str:
        return ""

    def script(self) -> tuple[Text, ...]:
        wish = self.wish
        parts: list[Text] = [DUE, f"if {done_test(wish)}; then exit 0; fi"]
        parts += [f"cd {words([wish.chdir])}"] if wish.chdir else []
        parts.append(f"run {words(wish.argv)}")
        if wish.creates:
            made = f"it ended well, and {wish.creates} is not there"
            parts.append(f"there {words([wish.creates])} || fail 68 {words([made])}")
        return tuple(parts)


@dataclass(frozen=True, slots=True)
class ChangePackages:
    """``wish`` names only those that are to be changed; ``found``: (name, version) of each."""

    wish: PackageTask
    found: tuple[tuple[str, str], ...]

    @property
    def target(self) -> str:
        return f"package:{','.join(self.wish.names)}"

    @property
    def style(self) -> str:
        return "add" if self.wish.state == "present" else "remove"

    def describe(self) -> str:
        word = "install" if self.wish.state == "present" else "remove package"
        return f"{word} {', '.join(self.wish.names)}"

    def diff(self) -> tuple[str, ...]:
        return tuple(f"{name}: {version} is installed" for name, version in self.found if version)

    def guard(self) -> str:
        looks = (
            f'as_seen {words([f"package {name}", version or "-"])} "$(installed {words([name])})"'
            for name, version in self.found
        )
        return "\n".join((INSTALLED, *looks))

    def script(self) -> tuple[Text, ...]:
        wish = self.wish
        # What the operator has changed in a package's configuration stays, and nobody is there to be asked.
        apt = (
            "run env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=60 "
            "-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold"
        )
        if wish.state == "absent":
            return (f"{apt} remove -- {words(map(bare, wish.names))}",)
        recommends = {"yes": " --install-recommends", "no": " --no-install-recommends"}
        update = ("run apt-get -q -o DPkg::Lock::Timeout=60 update",) if wish.update_cache else ()
        downgrade = " --allow-downgrades" if any("=" in name for name in wish.names) else ""
        options = f"{downgrade}{recommends.get(wish.recommends, '')}"
        return (*update, f"{apt}{options} install -- {words(wish.names)}")


@dataclass(frozen=True, slots=True)
class ChangeUser:
    """``changes``: each in words. ``found`` None: there is no such user."""

    wish: UserTask
    found: FoundUser | None
    changes: tuple[str, ...]

    @property
    def target(self) -> str:
        return f"user:{self.wish.name}"

    @property
    def style(self) -> str:
        if self.wish.state == "absent":
            return "remove"
        return "change" if self.found else "add"

    def describe(self) -> str:
        if self.wish.state == "absent":
            return f"remove user {self.wish.name}{' and its home directory' if self.wish.remove else ''}"
        if self.found is None:
            return f"create user {self.wish.name}"
        return f"change user {self.wish.name}: {', '.join(self.changes)}"

    def diff(self) -> tuple[str, ...]:
        return () if self.found else self.changes

    def guard(self) -> str:
        name = words([self.wish.name])
        seen = words([self.found.seen if self.found else "- - -"])
        return f'{ACCOUNT}as_seen {words([f"user {self.wish.name}"])} {seen} "$(account {name})"'

    def script(self) -> tuple[Text, ...]:
        wish, name = self.wish, words([self.wish.name])
        if wish.state == "absent":
            return (f"run userdel {'-r ' if wish.remove else ''}{name}",)
        options = [
            word
            for option, value in (
                ("-u", wish.uid),
                ("-g", wish.group),
                ("-s", wish.shell),
                ("-d", wish.home),
                ("-c", wish.comment),
            )
            if value
            for word in (option, value)
        ]
        if wish.groups is not None and (wish.groups or self.found):
            options += ["-G", ",".join(wish.groups)]
        if self.found:
            options += ["-a"] if wish.append and wish.groups else []
            return (f"run usermod {words(options)} {name}",)
        options += ["-r"] if wish.system else []
        options += ["-m"] if wish.create_home else ["-M"]
        return (f"run useradd {words(options)} {name}",)
