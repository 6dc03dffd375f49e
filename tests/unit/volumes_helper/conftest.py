"""The helper's program is no part of Fleet's package: it lives in its image."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[3] / "fleet/rehearsal/docker-images/volumes"
sys.path.insert(0, str(PROGRAM))

from volume import same as comparing  # noqa: E402
from volume.places import Places  # noqa: E402


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "data").mkdir()
    (tmp_path / "copy").mkdir()
    made = Places(tmp_path / "data", tmp_path / "state", tmp_path / "copy")
    made.prepare()
    return made


@pytest.fixture
def filled(places: Places) -> Places:
    (places.data / "sub").mkdir()
    (places.data / "sub/file").write_text("x")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(places.data / "socket"))
    os.mkfifo(places.data / "fifo")
    os.link(places.data / "fifo", places.data / "sub/fifo")
    os.symlink(b"\xff\n", places.root + b"/to bytes")
    os.utime(places.data / "sub", ns=(1, 1_500_000_000_123_456_789))
    return places


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program as it is in the image, in this directory."""
    program = tmp_path / "volume"
    source = Path(comparing.__file__).parents[1]
    program.write_text(
        "#!/usr/bin/env python3\nimport sys\nfrom pathlib import Path\n"
        f"sys.path.insert(0, {str(source)!r})\n"
        "from volume.main import main\nfrom volume.places import Places\n"
        f"here = Path({str(tmp_path)!r})\n"
        "sys.exit(main(sys.argv[1:], Places(here / 'data', here / 'state', here / 'copy')))\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(comparing, "PROGRAM", str(program))
