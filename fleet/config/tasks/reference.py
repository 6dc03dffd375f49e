"""The tables of docs/host-tasks.md and the JSON Schema of a file of tasks, made from the types."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fleet.config.tasks.modules import ALIASES, MODULES
from fleet.config.tasks.remarks import REMARKS
from fleet.config.tasks.words import (
    KEYWORDS,
    REFUSED_KEYWORDS,
    REFUSED_MODULES,
    REFUSED_PARAMETERS,
)

BEGIN, END = "<!-- modules: begin -->", "<!-- modules: end -->"


def page(text: str) -> str:
    """``text`` of docs/host-tasks.md with its tables made anew."""
    before, _, rest = text.partition(BEGIN)
    tables = "\n".join(line for section in _sections() for line in section)
    return f"{before}{BEGIN}\n\n{tables}\n{END}{rest.partition(END)[2]}"


def _sections() -> Iterator[list[str]]:
    carried, refused = "carried out", "refused"
    yield _table("Keywords of a task", "keyword", KEYWORDS, REFUSED_KEYWORDS, carried, refused)
    for module, model in MODULES.items():
        names = [field.alias or name for name, field in model.model_fields.items()]
        remarks = {name: REMARKS.get(module, {}).get(name, "") for name in names}
        for alias, real in ALIASES.get(module, {}).items():
            remarks[alias] = f"`{real}`"
        not_done = REFUSED_PARAMETERS.get(module, {})
        yield _table(f"`{module}`", "parameter", remarks, not_done, carried, refused)
    yield _table("Other modules", "module", {}, REFUSED_MODULES, carried, refused)


def _table(
    title: str, what: str, known: dict[str, str], not_known: dict[str, str], carried: str, refused: str
) -> list[str]:
    rows = [f"| `{name}` | {carried} | {_cell(remark)} |" for name, remark in sorted(known.items())]
    rows += [f"| `{name}` | {refused} | {_cell(hint)} |" for name, hint in sorted(not_known.items())]
    return [f"### {title}", "", f"| {what} | | |", "|---|---|---|", *rows, ""]


def _cell(text: str) -> str:
    # What a browser or a site generator would take for markup of its own.
    return text.replace("|", "\\|").replace("{%", "{ %").replace("{{", "{ {").replace("}}", "} }")


def schema() -> str:
    """Of tasks.yml and handlers.yml, for editors. Any value may be a template as well."""
    modules = {key: _module(module) for module in MODULES for key in _keys(module)}
    keywords: dict[str, Any] = {name: {} for name in KEYWORDS}
    keywords["name"] = {"type": "string"}
    item = {
        "type": "object",
        "properties": {**keywords, **modules},
        "additionalProperties": False,
        "oneOf": [{"required": [key]} for key in modules],
    }
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "array", "items": item}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _keys(module: str) -> tuple[str, ...]:
    collection = "ansible.posix" if module == "sysctl" else "ansible.builtin"
    return module, f"{collection}.{module}"


def _module(module: str) -> dict[str, Any]:
    model = MODULES[module]
    made = model.model_json_schema(by_alias=True)
    properties = {
        name: {"anyOf": [shape, {"type": "string", "pattern": "\\{\\{"}]}
        for name, shape in made["properties"].items()
    }
    properties |= {alias: properties[real] for alias, real in ALIASES.get(module, {}).items()}
    mapping = {"type": "object", "properties": properties, "additionalProperties": False}
    # One that has other names may be missing by this one.
    needed = [name for name in made.get("required", ()) if name not in ALIASES.get(module, {}).values()]
    if needed:
        mapping["required"] = needed
    return {"anyOf": [{"type": "string"}, mapping]} if module == "command" else mapping
