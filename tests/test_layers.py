"""The arrows of docs/architecture.md, held by looking at every import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

FLEET = Path(__file__).parent.parent / "fleet"
PURE = ("model", "config", "render", "facts", "ops", "health", "balancers", "plan")
FOREIGN = {
    "paramiko", "fabric", "docker", "socket", "subprocess", "threading", "concurrent", "time", "random",
    "secrets", "requests", "urllib3", "invoke", "rich", "asyncio",
}  # fmt: skip

# Each layer may import those that stand before it in its row, and nothing else of Fleet.
ALLOWED = {
    "model": set(),
    "config": {"model", "render", "ops"},
    "render": {"model"},
    "facts": {"model"},
    "ops": {"model", "facts", "health"},
    "health": {"model"},
    "balancers": {"model"},
    "plan": {"model", "facts", "ops", "health"},
    "secrets": {"model"},
    "transport": {"model", "ops"},
    "report": {"model", "plan", "ops"},
    "ledger": {"model", "transport"},
    "notify": {"model"},
    "run": {
        "model", "facts", "ops", "health", "balancers", "plan", "transport", "report", "ledger", "verify",
    },
    "verify": set(),
    "rehearsal": {"model", "config"},
    "app": {
        "model", "config", "render", "facts", "ops", "health", "balancers", "plan",
        "secrets", "transport", "report", "run", "ledger", "notify",
    },
    "tasks": {"app", "config", "report", "rehearsal"},
    "cli": {"tasks", "app"},
}  # fmt: skip
COMMON = {"errors", "http_errors", "secret", "shell", "suggest"}


def modules() -> list[Path]:
    """Fleet's own; the sample application that the rehearsal's images hold is another program."""
    return sorted(path for path in FLEET.rglob("*.py") if "docker-images" not in path.parts)


def layer(path: Path) -> str:
    return path.relative_to(FLEET).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(FLEET)))
def test_arrows_point_one_way(path: Path) -> None:
    here = layer(path)
    allowed = COMMON if here in {"__init__", *COMMON} else ALLOWED[here] | COMMON | {here}
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("fleet.")}
    assert ours <= allowed, f"{here} must not import {sorted(ours - allowed)}"


@pytest.mark.parametrize(
    "path", [path for path in modules() if layer(path) in PURE], ids=lambda path: str(path.relative_to(FLEET))
)
def test_the_pure_half_has_no_effects(path: Path) -> None:
    foreign = {name.split(".")[0] for name in imports(path)}
    assert not foreign & FOREIGN


@pytest.mark.parametrize(
    "path",
    [path for path in modules() if layer(path) not in {"transport", "rehearsal"}],
    ids=lambda path: str(path.relative_to(FLEET)),
)
def test_only_the_transport_knows_ssh_and_docker(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & {"paramiko", "fabric", "docker"}


@pytest.mark.parametrize(
    "path",
    [path for path in modules() if layer(path) not in {"report", "tasks", "cli"}],
    ids=lambda path: str(path.relative_to(FLEET)),
)
def test_only_reports_and_tasks_print(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    assert not [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]


def test_heavy_libraries_are_loaded_lazily() -> None:
    """``inv --list`` and a mistake in a file must not cost what SSH and Docker libraries cost."""
    import subprocess
    import sys

    code = (
        "import sys, fleet.tasks, fleet.app.deploy\n"
        "print([name for name in ('paramiko', 'docker', 'fabric') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
