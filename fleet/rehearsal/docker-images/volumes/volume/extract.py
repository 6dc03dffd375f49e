"""tar at work on what comes in: how it ends, and that it ends at once where there is no room."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Iterator, Sequence
from typing import IO

from .children import child, settle
from .places import Places
from .tarstream import EXTRACT, full
from .words import Failure, last_lines

KEPT_LINES = 50


@contextlib.contextmanager
def extraction(
    places: Places, where: str, more: Sequence[str] = (), *, stdin: int | None = subprocess.PIPE
) -> Iterator[IO[bytes] | None]:
    """tar's stdin. When the block is left, all is unpacked and on the disk; else it raises Failure.

    Who writes to it may stop when the pipe breaks: why it did is told here.
    """
    words = [*EXTRACT, *(more or ("--directory", str(places.data)))]
    said: list[str] = []
    with child(words, stdin=stdin, stderr=subprocess.PIPE) as tar:
        # Beside the one who writes: tar would wait for somebody to read what it says.
        listener = threading.Thread(target=_listen, args=(tar, said), daemon=True)
        listener.start()
        try:
            yield tar.stdin
            if tar.stdin:
                with contextlib.suppress(BrokenPipeError):
                    tar.stdin.close()
        except BaseException:
            tar.terminate()
            raise
        finally:
            listener.join()
        status = tar.wait()
    why = last_lines("".join(said))
    if any(full(line) for line in said):
        raise Failure(f"{where} has no space left", why)
    if status:
        raise Failure(f"unpacking at {where} failed", why or f"tar ended with status {status}")
    settle(places.data)


def _listen(tar: subprocess.Popen[bytes], said: list[str]) -> None:
    assert tar.stderr  # noqa: S101 - asked for above
    for line in tar.stderr:
        said.append(line.decode("utf-8", "backslashreplace"))
        del said[:-KEPT_LINES]
        if full(said[-1]):
            # It would read the whole stream to its end.
            tar.terminate()
            return
