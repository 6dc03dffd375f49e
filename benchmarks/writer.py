"""Writes to the database of the rehearsal wherever it answers, and keeps what was acknowledged, and when.

Runs in a container of the sample application, where the driver and the password are:

    python3 writer.py FILE THREADS ADDRESS…

A line of FILE is a time in seconds since 1970 and the id of a row that the database has acknowledged. Each
transaction adds a row and changes one of ``filler``. An id is never tried twice.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from itertools import count, cycle
from pathlib import Path
from typing import Any, TextIO

import psycopg2

PAUSE = 0.01
"""Seconds between two transactions of a thread, and before the next address is tried."""
PAD = "x" * 200


def connect(address: str, password: str) -> Any:
    options = "-c statement_timeout=5s"
    connection = psycopg2.connect(
        host=address, dbname="shop", user="shop", password=password, connect_timeout=1, options=options
    )
    with connection, connection.cursor() as it:
        it.execute("SELECT count(*) FROM written WHERE id < 0")
    return connection


def first_that_answers(addresses: list[str], password: str) -> Any:
    for address in cycle(addresses):
        try:
            return connect(address, password)
        except psycopg2.Error:
            time.sleep(PAUSE)
    raise AssertionError("a cycle has no end")


def work(number: int, addresses: list[str], password: str, rows: int, out: TextIO) -> None:
    connection, places = None, cycle(addresses)
    for id_ in count(number, 1000):
        try:
            connection = connection or connect(next(places), password)
            with connection, connection.cursor() as it:
                it.execute("INSERT INTO written (id, pad) VALUES (%s, %s)", (id_, PAD))
                it.execute(
                    "UPDATE filler SET touched = touched + 1 WHERE id = %s", (random.randint(1, rows),)
                )
        except psycopg2.Error:
            connection = None
        else:
            out.write(f"{time.time():.4f} {id_}\n")
        time.sleep(PAUSE)


def main() -> None:
    path, threads, *addresses = sys.argv[1:]
    password = Path("/run/secrets/db_password").read_text().strip()
    with first_that_answers(addresses, password) as connection, connection.cursor() as it:
        it.execute("SELECT greatest(max(id), 1) FROM filler")
        rows = it.fetchone()[0]
        it.execute("SELECT coalesce(max(id), 0) / 1000 * 1000 + 1000 FROM written")
        first = it.fetchone()[0]
    with Path(path).open("w", buffering=1) as out:
        for number in range(int(threads)):
            words = (first + number, addresses, password, rows, out)
            threading.Thread(target=work, args=words, daemon=True).start()
        threading.Event().wait()


if __name__ == "__main__":
    main()
