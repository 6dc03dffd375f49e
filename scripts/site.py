"""What mkdocs does not do by itself, so that the site reads as the pages do on GitHub.

The README is the first page, headings have GitHub's anchors, and an example bears the name of its file.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

README = Path(__file__).parent.parent / "README.md"
_NAMED = re.compile(r"^(`\S+`:\n\n)?```(\w+) (\S+)$", re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    config.mdx_configs["toc"]["slugify"] = anchor
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    files.append(File.generated(config, "index.md", content=first_page(README.read_text(encoding="utf-8"))))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    return _NAMED.sub(lambda found: f"{_title(found[3])}```{found[2]}", markdown)


def anchor(heading: str, separator: str = "-") -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", separator)


def first_page(readme: str) -> str:
    return readme.replace("](docs/", "](")


def _title(name: str) -> str:
    return f"`{name}`:\n\n" if "." in name else ""
