"""Tables that are made from the code: the keys of datasets.yaml, and the observables."""

import inspect
import re
import types
from collections.abc import Iterator
from functools import partial
from typing import Any, Literal, Union, get_args, get_origin

from docutils import nodes
from docutils.statemachine import StringList
from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from na64ana.config.models import Config
from na64ana.config.observables import OBSERVABLES
from na64ana.units import UNITS

PLAIN = {int: "whole number", float: "number", str: "text", bool: "true or false"}


def describe(kind: Any, metadata: tuple[Any, ...] = ()) -> str:
    """Return what may stand there, in words."""
    for one in metadata:
        if isinstance(one, BeforeValidator) and isinstance(one.func, partial):
            dimension = one.func.keywords["dimension"]
            return f"{dimension}: {', '.join(UNITS[dimension])}"
    if hasattr(kind, "__metadata__"):
        return describe(kind.__origin__, kind.__metadata__)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"`{kind.__name__} <block-{kind.__name__.lower()}>`_"
    return describe_generic(get_origin(kind), get_args(kind)) or PLAIN.get(kind, str(kind))


def describe_generic(origin: Any, arguments: tuple[Any, ...]) -> str:
    """Return what may stand where a union, a list, a mapping or one of some words is asked."""
    if origin in (Union, types.UnionType):
        parts = [describe(part) for part in arguments if part is not type(None)]
        return " or ".join(dict.fromkeys(parts))
    if origin is Literal:
        return ", ".join(f"``{value}``" for value in arguments)
    if origin is tuple:
        return f"list of {describe(arguments[0])}"
    return f"by name: {describe(arguments[1])}" if origin is dict else ""


def default(field: FieldInfo) -> str:
    """Return the default in words."""
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ((), {}):
        return "none"
    return "see there" if isinstance(value, BaseModel) else f"``{value}``"


def blocks(kind: Any, found: dict[str, type[BaseModel]]) -> dict[str, type[BaseModel]]:
    """Return all blocks that stand in another, each once, outer ones first."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if kind.__name__ not in found:
            found[kind.__name__] = kind
            for field in kind.model_fields.values():
                blocks(field.annotation, found)
    elif hasattr(kind, "__metadata__"):
        blocks(kind.__origin__, found)
    else:
        for part in get_args(kind):
            blocks(part, found)
    return found


def rows(head: list[str], body: list[list[str]], widths: str) -> Iterator[str]:
    """Yield the lines of a list-table."""
    yield from (".. list-table::", "   :header-rows: 1", f"   :widths: {widths}")
    yield from ("   :width: 100%", "")
    for row in [head, *body]:
        for i, cell in enumerate(row):
            yield f"   {'*' if i == 0 else ' '} - {cell}"
    yield ""


def summary(block: type[BaseModel]) -> str:
    """Return the docstring of a block, with its names as code."""
    text = inspect.cleandoc(block.__doc__ or "").split("\nAttributes\n")[0]
    return re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", text)


class Made(SphinxDirective):
    """A directive whose reStructuredText comes from `lines`."""

    def lines(self) -> Iterator[str]:
        """Yield reStructuredText."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Return the parsed nodes."""
        box = nodes.container()
        self.state.nested_parse(StringList(list(self.lines()), "made from the code"), 0, box)
        return box.children


class ConfigKeys(Made):
    """All blocks of the configuration."""

    def lines(self) -> Iterator[str]:
        """Yield a table per block."""
        for name, block in blocks(Config, {}).items():
            yield from (f".. _block-{name.lower()}:", "", f".. rubric:: {name}", "")
            yield from (*summary(block).splitlines(), "")
            body = [
                [f"``{key}``", describe(field.annotation, tuple(field.metadata)), default(field)]
                for key, field in block.model_fields.items()
            ]
            yield from rows(["key", "value", "default"], body, "28 52 20")


class Observables(Made):
    """All observables."""

    def lines(self) -> Iterator[str]:
        """Yield the table."""
        body = [[f"``{one.name}``", one.unit, one.meaning] for one in OBSERVABLES.values()]
        yield from rows(["observable", "unit", "meaning"], body, "30 12 58")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("config-keys", ConfigKeys)
    app.add_directive("observables", Observables)
    return {"parallel_read_safe": True}
