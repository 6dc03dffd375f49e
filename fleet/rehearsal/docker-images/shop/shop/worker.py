"""The worker: packs one order after the other; an order in its hands when told to stop is finished first."""

import signal
import sys
import time
from pathlib import Path

import psycopg2
import redis

from shop import settings, store

ALIVE = Path("/dev/shm/alive")  # noqa: S108 — a container has this directory for itself
PACKING = 0.05
"""Seconds that packing an order takes."""


def main() -> None:
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: stopping.append(received))
    print(f"worker {settings.VERSION} on {settings.HOST}", flush=True)
    while not stopping:
        try:
            store.check()
            taken = store.queue().brpop(store.QUEUE, timeout=1)
            if taken:
                time.sleep(PACKING)
                store.packed(int(taken[1]))
            ALIVE.touch()
        except (psycopg2.Error, redis.RedisError, OSError) as error:
            print(f"not healthy: {str(error).strip().splitlines()[0]}", file=sys.stderr, flush=True)
            time.sleep(0.5)
    print("stopped", flush=True)


if __name__ == "__main__":
    main()
