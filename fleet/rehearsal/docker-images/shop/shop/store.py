"""The orders in PostgreSQL, and the queue in Redis."""

import contextlib
import threading
from collections.abc import Iterator

import psycopg2
import psycopg2.extras
import redis

from shop import settings

QUEUE = "orders"
_thread = threading.local()

# The lock: several hosts start at once, and CREATE TABLE IF NOT EXISTS alone does not stand that.
_SCHEMA = """
SELECT pg_advisory_xact_lock(41);
CREATE TABLE IF NOT EXISTS orders (
    id serial PRIMARY KEY, article text NOT NULL, state text NOT NULL DEFAULT 'new', taken_by text NOT NULL,
    packed_by text, taken timestamptz NOT NULL DEFAULT now(), packed timestamptz)
"""


@contextlib.contextmanager
def cursor() -> Iterator[psycopg2.extras.RealDictCursor]:
    """One transaction on this thread's connection, which is made anew after an error."""
    connection = getattr(_thread, "connection", None)
    try:
        if connection is None:
            connection = psycopg2.connect(**settings.database(), connect_timeout=3)
            with connection, connection.cursor() as first:
                first.execute(_SCHEMA)
            _thread.connection = connection
        with connection, connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as it:
            yield it
    except psycopg2.Error:
        _thread.connection = None
        if connection is not None:
            connection.close()
        raise


def queue() -> redis.Redis:
    return redis.Redis(**settings.queue(), socket_connect_timeout=3, decode_responses=True)


def take(article: str) -> int:
    with cursor() as it:
        it.execute(
            "INSERT INTO orders (article, taken_by) VALUES (%s, %s) RETURNING id",
            (article, f"{settings.VERSION} on {settings.HOST}"),
        )
        number = it.fetchone()["id"]
    queue().lpush(QUEUE, number)
    return number


def packed(number: int) -> None:
    with cursor() as it:
        it.execute(
            "UPDATE orders SET state = 'done', packed = now(), packed_by = %s WHERE id = %s",
            (f"{settings.VERSION} on {settings.HOST}", number),
        )


def latest(count: int = 10) -> list[dict]:
    with cursor() as it:
        it.execute(
            "SELECT id, article, state, taken_by, packed_by, "
            "extract(epoch FROM packed - taken)::float AS seconds FROM orders ORDER BY id DESC LIMIT %s",
            (count,),
        )
        return it.fetchall()


def counts() -> dict[str, int]:
    with cursor() as it:
        it.execute("SELECT state, count(*) AS n FROM orders GROUP BY state")
        return {row["state"]: row["n"] for row in it.fetchall()}


def check() -> None:
    """Raises what is wrong with the database for this version."""
    with cursor() as it:
        it.execute("SELECT 1")
        if settings.VERSION == "v44":
            # The release with the classic mistake: its migration was forgotten.
            it.execute("SELECT count(*) FROM coupons")
