"""The jinja2 environment of the templates: an undefined name is an error, and no template computes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from netspec.emit.literals import c_string, code_span, float32, float_rows, harmless, shape_text, signed

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from netspec.system.resources import templates_dir

    environment = Environment(
        loader=FileSystemLoader(templates_dir()),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {
        "c_string": c_string,
        "code_span": code_span,
        "float32": float32,
        "float_rows": float_rows,
        "harmless": harmless,
        "shape": shape_text,
        "signed": signed,
    }
    return environment


def render(template: str, **values: Any) -> str:
    """Return a template filled in. Raises `jinja2.UndefinedError` for a value that is missing."""
    return _environment().get_template(template).render(**values)
