"""The template language: variables, modifiers, conditions, loops. `compile` once, `render` for each recipient."""

from __future__ import annotations

from relay.transform.merge.compiler import Template, compile, render_header
from relay.transform.merge.error import TemplateError
from relay.transform.merge.state import LIMITS, Limits

__all__ = ["LIMITS", "Limits", "Template", "TemplateError", "compile", "render_header"]
