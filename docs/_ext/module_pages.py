"""One page of the API per package, made from what lies in it."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

import na64ana

#: Documented by their commands.
LEFT_OUT = {"na64ana.cli"}


def modules(name: str) -> Iterator[str]:
    """Yield a module and those in it."""
    yield name
    found = importlib.import_module(name)
    for one in pkgutil.iter_modules(getattr(found, "__path__", [])):
        if not one.name.startswith("_"):
            yield from modules(f"{name}.{one.name}")


def page(name: str) -> str:
    """Return the page of a module or package."""
    short = name.removeprefix("na64ana.")
    lines = [short, "=" * len(short), ""]
    for module in modules(name):
        if module != name:
            title = module.removeprefix("na64ana.")
            lines += [title, "-" * len(title), ""]
        lines += [f".. automodule:: {module}", "   :members:", ""]
    return "\n".join(lines)


def write_pages(app: Sphinx) -> None:
    """Write the pages that have changed into reference/generated."""
    folder = Path(app.srcdir) / "reference" / "generated"
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"na64ana.{one.name}" for one in pkgutil.iter_modules(na64ana.__path__)]
    pages = {
        folder / f"{name.removeprefix('na64ana.')}.rst": page(name)
        for name in names
        if name not in LEFT_OUT
    }
    for old in set(folder.glob("*.rst")) - set(pages):
        old.unlink()
    for path, text in pages.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before anything is read."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True}
