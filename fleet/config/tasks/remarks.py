"""What is to be known of a parameter, for the reference."""

from __future__ import annotations

REMARKS: dict[str, dict[str, str]] = {
    "file": {
        "path": "whole, from `/`",
        "state": "file, directory, link or absent. A directory is made with those above it, and "
        "removed with all that is in it",
        "src": "where a link leads",
        "mode": "octal digits; without it what is there stays",
        "owner": "name or number; without it what is there stays, and what is new is root's",
    },
    "copy": {
        "src": "a file of text below the role's `files/`",
        "content": "the text itself, also with secrets",
        "dest": "whole, from `/`; one that ends with `/` is the directory",
        "force": "false: a file that is there keeps its content",
        "validate": "a command with `%s`, which must accept the new file",
        "mode": "a new file has `0644`, one with secrets `0600`: others must not be let read these",
    },
    "template": {
        "src": "below the role's `templates/`",
        "dest": "as of `copy`",
        "force": "as of `copy`",
        "validate": "as of `copy`",
        "mode": "as of `copy`",
    },
    "command": {
        "cmd": "one line, split as a shell would; there is no shell: no `|`, `>` or `$`",
        "argv": "the same as a list",
        "creates": "it is done when this is there; looked at afterwards, too",
        "removes": "it is done when this is not there",
        "unless": "it is done when this command ends well. Run as root for every plan, it must change "
        "nothing; it has 10 s. Ansible has no such parameter",
        "chdir": "the directory that it runs in",
    },
    "package": {
        "name": "one, several with commas, or a list; `name=version` for a certain one. Of Debian only",
        "state": "present or absent",
    },
    "apt": {
        "name": "as of `package`",
        "state": "as of `package`",
        "update_cache": "`apt-get update` before something is installed, and only then",
        "cache_valid_time": "let be",
    },
    "sysctl": {
        "value": "set in the running kernel and in `sysctl_file`",
        "state": "absent: the line goes, the running kernel keeps its value",
        "sysctl_file": "without it `/etc/sysctl.d/99-fleet.conf`, as Debian reads `/etc/sysctl.conf` no more",
        "sysctl_set": "let be: the running kernel is always set",
        "reload": "only true",
    },
    "user": {
        "groups": "with `append` these besides others, else exactly these",
        "remove": "with `state: absent`: its home directory, too",
        "create_home": "when the user is created",
        "system": "when the user is created",
    },
    "cron": {
        "name": "by it the line is found again, as Ansible does",
        "special_time": "instead of minute, hour, day, month and weekday",
        "user": "whose crontab; in a `cron_file` as whom it runs. Without it root",
        "cron_file": "a file in `/etc/cron.d` instead of a crontab",
        "disabled": "the line is there, and commented out",
    },
}
