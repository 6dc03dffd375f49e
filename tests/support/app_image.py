"""A tiny application as an image: one Perl file and the libraries it needs, taken from this machine.

Perl is a part of every Debian; it starts in milliseconds, and the image is a few megabytes.
"""

from __future__ import annotations

import functools
import gzip
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

from tests.support.registry import Registry, _digest

# How it behaves is in the image's environment: MODE is one of healthy, sick (never healthy), dies (exit 7
# after a second), slow (healthy after two seconds), deaf (ignores TERM).
APP = r"""#!/usr/bin/perl
use strict; use warnings; use Socket; use IO::Socket::INET;
$| = 1;
my $mode = $ENV{MODE} || "healthy";
my $file = "/etc/app/app.conf";

sub slurp { open(my $in, "<", $_[0]) or return ""; local $/; my $text = <$in>; chomp $text; $text }

if (@ARGV and $ARGV[0] eq "check") {
    my $text = slurp($ARGV[1]);
    exit 0 if $text =~ /^level = (info|debug)$/;
    print STDERR "$ARGV[1]: no such level: $text\n";
    exit 1;
}
if (@ARGV and $ARGV[0] eq "health") {
    my $own = IO::Socket::INET->new(PeerAddr => "127.0.0.1:8000") or exit 1;
    print $own "GET /health HTTP/1.0\r\n\r\n";
    my $line = <$own> || "";
    exit($line =~ / 200 / ? 0 : 1);
}

$SIG{TERM} = $mode eq "deaf" ? "IGNORE" : sub { exit 0 };
$SIG{HUP} = sub { print "reloaded: ", slurp($file), "\n" };
my $began = time;
print "version $ENV{VERSION} begins\n";
if ($mode eq "dies") { sleep 1; print STDERR "cannot read the licence\n"; exit 7 }
my $server = IO::Socket::INET->new(LocalPort => 8000, Listen => 20, ReuseAddr => 1) or die "bind: $!";
while (1) {
    my $client = $server->accept or next;
    my $path = (split / /, <$client> || "x /")[1];
    while (defined(my $line = <$client>)) { last if $line =~ /^\r?\n$/ }
    my $good = $mode ne "sick" && !($mode eq "slow" && time - $began < 2);
    my $body = $good ? "ok $ENV{VERSION}\n" : "the database does not answer\n";
    $body = "$ENV{VERSION} $ENV{HOSTNAME}\n" if $path eq "/who";
    print $client "HTTP/1.0 ", ($good ? "200 OK" : "503 Unavailable"), "\r\n\r\n", $body;
    close $client;
}
"""


class AppRegistry(Registry):
    """A registry with the application under any name and version; all of them share their one layer."""

    def app(self, version: str, mode: str = "healthy", name: str = "app") -> str:
        """Publish ``<name>:<version>``; answers its digest."""
        return self._image(name, version, mode, [app_layer()])

    def big(self, version: str, megabytes: int, name: str = "big") -> str:
        """The same with a layer of so many megabytes that do not compress."""
        return self._image(name, version, "healthy", [app_layer(), _ballast(megabytes)])

    def _image(self, name: str, version: str, mode: str, layers: list[tuple[str, bytes]]) -> str:
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "Entrypoint": ["/app"],
                "Env": [f"VERSION={version}", f"MODE={mode}", "PATH=/usr/bin:/bin"],
            },
            "rootfs": {"type": "layers", "diff_ids": [plain for plain, _ in layers]},
        }
        return self._publish(name, version, json.dumps(config).encode(), [packed for _, packed in layers])

    def saved(self, archive: bytes, version: str, name: str) -> str:
        """What ``docker save`` has written, as ``<name>:<version>``."""
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:

            def read(path: str) -> bytes:
                file = tar.extractfile(path)
                assert file
                return file.read()

            (image,) = json.loads(read("manifest.json"))
            layers = [gzip.compress(read(path), 1, mtime=0) for path in image["Layers"]]
            return self._publish(name, version, read(image["Config"]), layers)


@functools.cache
def app_layer() -> tuple[str, bytes]:
    """(digest of the plain layer, packed layer) with the application, Perl, a shell and ``cat``."""
    modules = "print join qq(\\n), values %INC, @DynaLoader::dl_shared_objects"
    found = subprocess.run(
        ["/usr/bin/perl", "-MSocket", "-MIO::Socket::INET", "-e", modules],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    files = [*found, "/usr/bin/perl", "/bin/sh", "/bin/cat", "/bin/sleep"]
    needed = {library for file in (*files, *found) for library in _libraries(file)}
    entries = {name: (0o755, Path(os.path.realpath(name)).read_bytes()) for name in (*files, *needed)}
    return _packed({**entries, "/app": (0o755, APP.encode())})


def _libraries(file: str) -> list[str]:
    if file.endswith(".pm"):
        return []
    listed = subprocess.run(["ldd", file], capture_output=True, text=True, check=False).stdout
    return [word for word in listed.split() if word.startswith("/")]


def _ballast(megabytes: int) -> tuple[str, bytes]:
    return _packed({"/ballast": (0o644, os.urandom(megabytes * 1_000_000))})


def _packed(entries: dict[str, tuple[int, bytes]]) -> tuple[str, bytes]:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, (mode, content) in sorted(entries.items()):
            info = tarfile.TarInfo(name.lstrip("/"))
            info.size, info.mode = len(content), mode
            tar.addfile(info, io.BytesIO(content))
    plain = target.getvalue()
    return _digest(plain), gzip.compress(plain, 1, mtime=0)
