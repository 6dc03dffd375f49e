"""Jinja2 and ``${VAR}`` over inventory variables: strict, sandboxed, with secrets as holes."""

from fleet.render.renderer import Renderer
from fleet.render.variables import Lazy, Variables

__all__ = ["Lazy", "Renderer", "Variables"]
