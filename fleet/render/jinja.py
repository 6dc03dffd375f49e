"""Jinja, changed in three ways: printed secrets become holes, single expressions keep their type, and
variables are looked up one by one, so that a lazy mapping stays lazy.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jinja2 import FunctionLoader, Template, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.nativetypes import NativeCodeGenerator
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment
from jinja2.utils import missing

from fleet.render.filters import FILTERS, plain_json
from fleet.render.guarded import Guarded, Undefinable, joined, require, sealed
from fleet.secret import SealedText, Text

Load = Callable[[str], tuple[str, str] | None]
"""Name of a template → its text and the name that messages show, None when there is none."""


class Printed:
    """The value of one ``{{ }}``, told apart from the literal text around it."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        require(value)
        self.value = value


def text_of(value: Any) -> Text:
    """A value the way Ansible prints it: None is empty."""
    if isinstance(value, Printed):
        value = value.value
    if isinstance(value, Guarded):
        return sealed(value)
    if isinstance(value, SealedText):
        return value
    return "" if value is None else str(value)


def text_of_all(parts: Iterable[Any]) -> Text:
    return joined([text_of(part) for part in parts])


def is_value(parts: list[Any]) -> bool:
    """Whether a template is one expression alone, which keeps its type."""
    return len(parts) == 1 and isinstance(parts[0], Printed)


def value_of(parts: list[Any]) -> Any:
    """What a template with these parts stands for, seen from inside of other templates."""
    return parts[0].value if is_value(parts) else _join(parts)


def _join(parts: Iterable[Any]) -> str | Guarded:
    text = text_of_all(parts)
    return text if isinstance(text, str) else Guarded(text)


class _CodeGenerator(NativeCodeGenerator):
    def _output_child_to_const(
        self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo
    ) -> Any:
        # A constant expression is printed at run time as well: `{{ 5 }}` keeps its type.
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible
        return super()._output_child_to_const(node, frame, finalize)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 (Jinja's name)
        self.write("environment.concat((")
        for operand in node.nodes:
            self.visit(operand, frame)
            self.write(", ")
        self.write("))")


class _Context(Context):
    def get_all(self) -> dict[str, Any]:
        return ChainMap(self.vars, self.parent)  # type: ignore[return-value]


class _Template(Template):
    def new_context(
        self,
        vars: Mapping[str, Any] | None = None,
        shared: bool = False,
        locals: Mapping[str, Any] | None = None,
    ) -> Context:
        parent: Any = vars if shared else ChainMap(dict(vars or {}), dict(self.globals))
        if locals:
            own = {name: value for name, value in locals.items() if value is not missing}
            parent = ChainMap(own, parent)
        return self.environment.context_class(self.environment, parent, self.name, self.blocks)


class Environment(SandboxedEnvironment):
    """The settings are those of Ansible's template module."""

    code_generator_class = _CodeGenerator
    context_class = _Context
    template_class = _Template
    concat = staticmethod(_join)  # type: ignore[assignment]

    def __init__(self, load: Load) -> None:
        super().__init__(
            trim_blocks=True,
            keep_trailing_newline=True,
            undefined=Undefinable,
            finalize=Printed,
            autoescape=False,
            auto_reload=False,
            loader=FunctionLoader(lambda name: _found(load(name))),
        )
        self.filters.update(FILTERS)
        # The same input gives the same plan.
        del self.filters["random"], self.globals["lipsum"]
        self.policies["json.dumps_kwargs"] = {"default": plain_json, "sort_keys": True}


def _found(found: tuple[str, str] | None) -> tuple[str, str, None] | None:
    return (*found, None) if found else None
