"""How Sphinx makes the site: `nox -s docs`, or `sphinx-build -n -W docs docs/_build`."""

import os
import re
import sys
from pathlib import Path
from typing import Any

import click
import pydantic
import sphinx.util.typing
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util.nodes import make_refnode

sys.path.insert(0, str(Path(__file__).parent / "_ext"))
# Set before anything of na64ana reads the user's cache.
os.environ.setdefault("NA64ANA_CACHE", str(Path(__file__).parent / "_build" / "cache"))

import na64ana

project = "na64ana"
author = "The na64ana developers"
version = release = na64ana.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.viewcode",
    "sphinx_click",
    "sphinx_copybutton",
    "config_keys",
    "module_pages",
]
exclude_patterns = ["_build"]
nitpicky = True
smartquotes = False  # options begin with two dashes
add_module_names = False
toc_object_entries = False  # every page would copy them all
default_role = "py:obj"

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
# Types in docstrings are prose with shapes; what can be linked stands in the signature.
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
numpydoc_attributes_as_param_list = True

#: Packages of others: their names are not looked up, as that would need the network.
FOREIGN = (
    "awkward|boost_histogram|builtins|click|coffea|collections|concurrent|contextlib|dask|datetime"
    "|distributed|functools|hist|iminuit|jinja2|logging|markupsafe|matplotlib|multiprocessing|numba|numpy|pathlib"
    "|pyarrow|pydantic|rich|scipy|sqlite3|types|typing|uproot|uuid"
)
BUILTINS = (
    "ArithmeticError|Any|Callable|Client|Exception|FieldInfo|FileNotFoundError|Generator|Iterable|Iterator|KeyError"
    "|Literal|Mapping|NDArray|None|NoneType|NotImplementedError|OSError|Path|Protocol|Self|Sequence"
    "|TypeError|ValueError|bool|bytes|dict|float|int|list|object|set|str|tuple|type"
)
nitpick_ignore_regex = [
    ("py:.*", rf"({FOREIGN})(\..*)?"),
    ("py:.*", rf"({BUILTINS})"),
    # type variables
    ("py:class", r"na64ana\.config\.(conditions\._Row|yaml_file\.Model)"),
    ("py:class", r"na64ana\..*\.T"),
    ("py:class", r"na64ana\.simulation\.truth\.Columns"),
]


html_theme = "furo"
html_title = "na64ana"
html_static_path = ["_static"]
html_css_files = ["na64ana.css"]
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#0b4f8a",
        "color-brand-content": "#0b4f8a",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7db8e8",
        "color-brand-content": "#7db8e8",
    },
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

#: Arrays in signatures get the short names of reference/arrays.md, by the beginning of their type.
ALIASES = {"float": "Floats", "inexact": "Floats", "bool": "Booleans"}
ALIASES |= {"int": "Integers", "uint": "Integers", "signed": "Integers"}
NDARRAY = re.compile(
    r"~?(?:numpy\.)?ndarray\[[^\]]*\.\.\.\], ~?(?:numpy\.)?dtype\[~?(?:\w+\.)?(\w+)\]\]"
)
#: What Python cannot read back: default factories, members of enumerations.
UNREADABLE = ((r"<factory>", "..."), (r"<(\w+\.\w+): [^>]*>", r"\1"))

_stringify = sphinx.util.typing.stringify_annotation


def alias(match: re.Match[str]) -> str:
    """Return the short name of an array."""
    return next((short for kind, short in ALIASES.items() if match[1].startswith(kind)), "Array")


def stringify(*arguments: Any, **options: Any) -> str:
    """Write a type, arrays by their short names."""
    return NDARRAY.sub(alias, _stringify(*arguments, **options))


# Sphinx has no hook for the types of properties and attributes.
sphinx.util.typing.stringify_annotation = stringify


def shorten(
    app: Sphinx,  # noqa: ARG001
    what: str,  # noqa: ARG001
    name: str,  # noqa: ARG001
    obj: Any,
    options: Any,  # noqa: ARG001
    signature: str | None,
    returns: str | None,
) -> tuple[str, str | None] | None:
    """Give arrays their short names; a block of the configuration has no signature."""
    if isinstance(obj, type) and issubclass(obj, pydantic.BaseModel):
        return "", None
    if signature is None:
        return None
    signature = NDARRAY.sub(alias, signature)
    for pattern, readable in UNREADABLE:
        signature = re.sub(pattern, readable, signature)
    returns = None if returns is None else NDARRAY.sub(alias, returns)
    return signature, returns


def leave_out(
    app: Sphinx,
    what: str,
    name: str,  # noqa: ARG001
    obj: Any,
    skip: bool,  # noqa: ARG001
    options: Any,  # noqa: ARG001
) -> bool | None:
    """Leave out what a module imports, and types with a validator.

    reference/configuration.md shows what those take.
    """
    home = getattr(obj, "__module__", None)
    imported = what == "module" and home != app.env.current_document.autodoc_module
    defined = isinstance(obj, type) or callable(obj)
    return True if hasattr(obj, "__metadata__") or (defined and imported) else None


def find_or_plain(
    app: Sphinx, env: Any, node: pending_xref, content: nodes.Element
) -> nodes.Node | None:
    """Link a name in backticks that stands in one module only; else show it as code.

    Names that begin with na64ana, and those of types in signatures, must be found as they are.
    """
    target = str(node.get("reftarget", ""))
    if node.get("reftype") != "obj" or target.startswith("na64ana."):
        return None
    kinds = {"class", "exception", "function", "data"}
    objects = env.domains["py"].objects
    found = {
        name: one
        for name, one in objects.items()
        if name.rpartition(".")[2] == target and one.objtype in kinds
    }
    if len(found) != 1:
        return content
    ((name, one),) = found.items()
    return make_refnode(app.builder, node["refdoc"], one.docname, one.node_id, content, name)


def examples_as_code(app: Sphinx, context: click.Context, lines: list[str]) -> None:  # noqa: ARG001
    """Show the examples of a command as code."""
    text = "\n".join(lines)

    def block(match: re.Match[str]) -> str:
        code = [line.removeprefix("|").strip() for line in match[2].splitlines()]
        return "\n".join([match[1], "", ".. code-block:: shell", "", *(f"   {c}" for c in code)])

    lines[:] = [*re.sub(r"\| (Examples?:)\n((?:\|  .*\n?)+)", block, text).splitlines(), ""]


def setup(app: Sphinx) -> None:
    """Connect them."""
    app.connect("autodoc-process-signature", shorten)
    app.connect("autodoc-skip-member", leave_out)
    app.connect("missing-reference", find_or_plain)
    app.connect("sphinx-click-process-description", examples_as_code)
