from __future__ import annotations

import pytest

from fleet.model.archives import Address, address


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("shop.tar", None),
        ("/backups/restic.tar", None),
        ("restic:/srv/backups", Address("/srv/backups")),
        ("restic:/srv/backups#ab12cd34", Address("/srv/backups", "ab12cd34")),
        ("restic:/srv/a#b", Address("/srv/a#b")),
        ("restic:s3:https://host/bucket#ab12", Address("s3:https://host/bucket", "ab12")),
        ("restic:sftp:me@nas:/srv", Address("sftp:me@nas:/srv")),
    ],
)
def test_where_an_archive_goes_to(text: str, made: Address | None) -> None:
    assert address(text) == made
    if made:
        assert made.directory == (made.location if "/srv/" in made.location[:5] else "")


@pytest.mark.parametrize("text", ["restic:", "restic:backups", "restic:../x"])
def test_what_is_no_repository(text: str) -> None:
    with pytest.raises(ValueError, match="no repository"):
        address(text)
