"""What the shop is told: environment, one ini file, and a password in a file.

``python3 -m shop.settings FILE`` checks an ini file and says what is wrong with it.
"""

import configparser
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

VERSION = os.environ.get("SHOP_VERSION", "v0")
HOST = os.environ.get("SHOP_HOST", socket.gethostname())
INI = Path(os.environ.get("SHOP_INI", "/etc/shop/shop.ini"))


@dataclass(frozen=True)
class Settings:
    title: str
    articles: tuple[str, ...]


def read(path: Path = INI) -> Settings:
    parser = configparser.ConfigParser()
    with path.open() as file:
        parser.read_file(file)
    articles = tuple(word.strip() for word in parser["shop"]["articles"].split(",") if word.strip())
    if not articles:
        raise ValueError("[shop] articles: a shop must sell something")
    return Settings(parser["shop"]["title"], articles)


def database() -> dict[str, str]:
    return {
        "host": os.environ["DATABASE_HOST"],
        "dbname": "shop",
        "user": "shop",
        "password": Path("/run/secrets/db_password").read_text().strip(),
    }


def queue() -> dict[str, object]:
    return {"host": os.environ["QUEUE_HOST"], "password": os.environ["QUEUE_PASSWORD"]}


if __name__ == "__main__":
    try:
        print(read(Path(sys.argv[1])))
    except (OSError, ValueError, KeyError, configparser.Error) as error:
        sys.exit(f"{sys.argv[1]}: {type(error).__name__}: {error}")
