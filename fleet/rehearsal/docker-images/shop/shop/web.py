"""The web front. Each version looks different, so that a rolling update can be watched in a browser."""

import time
from collections.abc import Iterator

import flask
import psycopg2
import redis

from shop import settings, store

THEMES = {"v41": "#1f6feb", "v42": "#1a7f37", "v43": "#8250df", "v44": "#bc4c00"}
PAGE = """<!doctype html>
<meta charset="utf-8"><meta http-equiv="refresh" content="2">
<title>{{ shop.title }} {{ version }}</title>
<style>
  body { font: 16px/1.5 sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
  header { background: {{ colour }}; color: #fff; padding: 1rem 1.5rem; border-radius: .5rem }
  table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .25rem .5rem }
</style>
<header><h1>{{ shop.title }}</h1>version <b>{{ version }}</b>, served by {{ host }}</header>
<form method="post" action="/orders">
  {% for article in shop.articles %}<button name="article" value="{{ article }}">{{ article }}</button>
  {% endfor %}
</form>
{% if counts is not none %}
<p>{{ counts.get("new", 0) }} waiting, {{ counts.get("done", 0) }} packed
{% endif %}
<table><tr><th>order<th>article<th>state<th>taken by<th>packed by{% if times %}<th>after{% endif %}
{% for order in orders %}<tr><td>{{ order.id }}<td>{{ order.article }}<td>{{ order.state }}
<td>{{ order.taken_by }}<td>{{ order.packed_by or "" }}
{% if times %}<td>{{ "%.2f s" % order.seconds if order.seconds is not none else "" }}{% endif %}{% endfor %}
</table>
"""

app = flask.Flask(__name__)
shop = settings.read()


@app.after_request
def sign(response: flask.Response) -> flask.Response:
    response.headers["X-Shop-Version"] = settings.VERSION
    response.headers["X-Shop-Host"] = settings.HOST
    return response


@app.get("/")
def page() -> str:
    number = int(settings.VERSION.lstrip("v").split(".")[0] or 0)
    return flask.render_template_string(
        PAGE,
        shop=shop,
        version=settings.VERSION,
        host=settings.HOST,
        colour=THEMES.get(settings.VERSION, "#57606a"),
        orders=store.latest(),
        counts=store.counts() if number >= 42 else None,
        times=number >= 43,
    )


@app.get("/orders")
def orders() -> flask.Response:
    return flask.jsonify(store.latest(100))


@app.post("/orders")
def order() -> tuple[flask.Response, int] | flask.Response:
    article = flask.request.form.get("article") or (flask.request.get_json(silent=True) or {}).get("article")
    if article not in shop.articles:
        return flask.jsonify(error=f"we sell {', '.join(shop.articles)}"), 400
    number = store.take(article)
    if "text/html" in flask.request.headers.get("Accept", ""):
        return flask.redirect("/", 303)
    return flask.jsonify(id=number), 201


@app.get("/slow")
def slow() -> flask.Response:
    """A big answer that takes its time, as a download does: ``?seconds=3&bytes=200000``."""
    seconds = min(float(flask.request.args.get("seconds", 3)), 20.0)
    size = min(int(flask.request.args.get("bytes", 200_000)), 10_000_000)

    def pieces() -> Iterator[bytes]:
        for number in range(10):
            yield bytes(size * (number + 1) // 10 - size * number // 10)
            time.sleep(seconds / 10)

    # Its length is told, so that a client knows whether all of it has come.
    return flask.Response(
        pieces(), mimetype="application/octet-stream", headers={"Content-Length": str(size)}
    )


@app.get("/health")
def health() -> tuple[str, int]:
    try:
        store.check()
    except (psycopg2.Error, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        _log_once(reason)
        return f"not healthy: {reason}\n", 503
    _log_once("")
    return f"ok {settings.VERSION}\n", 200


def _log_once(reason: str) -> None:
    # Asked several times a second: only the change is worth a line.
    if reason != app.config.get("reason", ""):
        app.config["reason"] = reason
        app.logger.warning("not healthy: %s" if reason else "healthy%s", reason)


@app.errorhandler(psycopg2.Error)
@app.errorhandler(redis.RedisError)
def unavailable(error: Exception) -> tuple[str, int]:
    app.logger.warning("%s", error)
    return f"try again later: {type(error).__name__}\n", 503
