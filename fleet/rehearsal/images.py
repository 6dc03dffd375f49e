"""The images of a rehearsal, built once: a content hash in a label says whether one has to be built again."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import docker
from docker.errors import APIError, DockerException, ImageNotFound
from docker.models.images import Image

from fleet.errors import FleetError
from fleet.rehearsal.engine import Engine, Say, apt_install

CONTEXTS = Path(__file__).parent / "docker-images"
DEBIAN = "debian:bookworm-slim"
CONTENT = "fleet.rehearsal.content"
SUITE = "bookworm"
# What a registry on the network gets to answer in before the image is made here instead.
PULL_ANSWER = 5


class Images:
    """Builds the images below ``docker-images/`` on one engine."""

    def __init__(self, engine: Engine, say: Say) -> None:
        self._engine = engine
        self._client = engine.client
        self._say = say
        self._current: dict[str, Image] = {}

    def ensure(self, name: str, *, tag: str = "latest", **arguments: str) -> Image:
        """The image ``fleet-rehearsal/<name>:<tag>``, built if its files, arguments or parent changed.

        Raises FleetError with the builder's last lines.
        """
        reference = f"fleet-rehearsal/{name}:{tag}"
        if reference not in self._current:
            files = dict(_files(CONTEXTS / name))
            parent = re.search(
                r"^(?:FROM |ARG BASE=)fleet-rehearsal/(\S+)$", files["Dockerfile"][1].decode(), re.MULTILINE
            )
            base = self.ensure(parent[1]) if parent else self._debian()
            if not parent:
                files["apt.conf"] = (0o644, _apt_settings())
            content = _digest(base.id or "", files, arguments)
            self._current[reference] = self._existing(reference, content) or self._build(
                reference, files, arguments, content
            )
        return self._current[reference]

    def remove(self) -> None:
        """Remove every image that was built here, and the base if it was made here."""
        left = self._client.images.list(all=True, filters={"label": CONTENT})
        while left:
            # One that others are built on goes in a later round.
            before = len(left)
            for image in left:
                with suppress(ImageNotFound, APIError):
                    self._client.images.remove(str(image.id), force=True)
            left = self._client.images.list(all=True, filters={"label": CONTENT})
            if len(left) == before:
                raise FleetError(f"{before} images of the rehearsal are in use by others")

    def _existing(self, reference: str, content: str) -> Image | None:
        try:
            image = self._client.images.get(reference)
        except ImageNotFound:
            return None
        return image if image.labels.get(CONTENT) == content else None

    def _build(
        self,
        reference: str,
        files: Mapping[str, tuple[int, bytes]],
        arguments: Mapping[str, str],
        content: str,
    ) -> Image:
        self._say(f"building {reference}")
        lines: list[str] = []
        # The host's network: a private engine has no bridge, and apt goes out as the controller's does.
        for event in self._client.api.build(
            fileobj=io.BytesIO(archive(files)),
            custom_context=True,
            tag=reference,
            buildargs={**_proxies(), **arguments},
            labels={CONTENT: content, "fleet.rehearsal": "image"},
            network_mode="host",
            rm=True,
            forcerm=True,
            decode=True,
        ):
            lines += str(event.get("stream") or event.get("error") or "").splitlines()
            if "error" in event:
                raise FleetError(
                    f"building {reference} failed",
                    why="\n".join(line for line in lines if line.strip())[-1500:],
                    hint="builds need Debian's packages: check the network and the proxy settings of apt",
                )
        # The image that had this name until now.
        self._client.images.prune(filters={"dangling": True, "label": CONTENT})
        return self._client.images.get(reference)

    def _debian(self) -> Image:
        try:
            return self._client.images.get(DEBIAN)
        except ImageNotFound:
            pass
        try:
            quick = docker.DockerClient(base_url=self._engine.address, timeout=PULL_ANSWER)
            quick.images.get_registry_data(DEBIAN)
            self._say(f"pulling {DEBIAN}")
            return self._client.images.pull(DEBIAN)
        except (DockerException, OSError):
            self._say(f"no registry offers {DEBIAN}: making it from Debian's packages")
        return self._make_debian()

    def _make_debian(self) -> Image:
        if not shutil.which("mmdebstrap"):
            apt_install(self._say, "mmdebstrap")
        slim = [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale", "info")]
        # usr-is-merged in the place of usrmerge, which brings all of Perl along: 50 MB in every image.
        merged = ["--include=usr-is-merged", "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr"]
        with tempfile.NamedTemporaryFile(suffix=".tar") as tarball:
            words = [
                "mmdebstrap",
                "--quiet",
                "--variant=minbase",
                *slim,
                *merged,
                SUITE,
                tarball.name,
                *_mirrors(),
            ]
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=540)
            if done.returncode:
                raise FleetError(f"{words[0]} could not make {DEBIAN}", why=done.stderr[-1500:])
            repository, _, tag = DEBIAN.partition(":")
            changes = ['CMD ["bash"]', f"LABEL {CONTENT}=debian"]
            self._client.api.import_image(tarball.name, repository=repository, tag=tag, changes=changes)
        return self._client.images.get(DEBIAN)


def archive(files: Mapping[str, tuple[int, bytes]]) -> bytes:
    """A tar archive of ``path → (mode, content)``, owned by root, the same bytes for the same files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, (mode, content) in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _files(directory: Path) -> Iterator[tuple[str, tuple[int, bytes]]]:
    for path in sorted(directory.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            content = path.read_bytes()
            # Not the file's own mode: an installed package does not keep it.
            yield str(path.relative_to(directory)), (0o755 if content.startswith(b"#!") else 0o644, content)


def _digest(parent: str, files: Mapping[str, tuple[int, bytes]], arguments: Mapping[str, str]) -> str:
    digest = hashlib.sha256(parent.encode() + repr(sorted(arguments.items())).encode())
    digest.update(archive(files))
    return digest.hexdigest()


def _apt_settings() -> bytes:
    """What the controller's apt was told about proxies and checks, in apt's own syntax."""
    try:
        dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return b""
    wanted = ("Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::Check-", "Acquire::Retries")
    return "".join(f"{line}\n" for line in dump.splitlines() if line.startswith(wanted)).encode()


def _mirrors() -> list[str]:
    """Where the controller gets this suite from, as lines of a sources.list; none: Debian's own addresses."""
    words = [
        "apt-get",
        "indextargets",
        "--format",
        "$(ORIGIN) $(CODENAME) $(REPO_URI)",
        "Created-By: Packages",
    ]
    listed = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    found = {tuple(line.split()) for line in listed.splitlines() if line.startswith(f"Debian {SUITE}")}
    return sorted(f"deb {uri} {suite} main" for _, suite, uri in found)


def _proxies() -> dict[str, str]:
    names = ("http_proxy", "https_proxy", "no_proxy")
    return {name: os.environ[name] for name in (*names, *map(str.upper, names)) if name in os.environ}
