"""Where the tests of a role are."""

from __future__ import annotations

import pathlib

DIRECTORY = "tests"


def tests_dir(root: pathlib.Path, role: str) -> pathlib.Path:
    return root / "roles" / role / DIRECTORY


def has_tests(root: pathlib.Path, role: str) -> bool:
    return any(tests_dir(root, role).rglob("test_*.py"))
