"""The public names of the package, frozen: what is renamed or removed breaks somebody's code.

`api.json` beside this file lists them, module by module. After a change on purpose, renew it by
`python tests/unit/test_api.py`, and tell of what is gone in CHANGELOG.md.
"""

import ast
import importlib
import json
from pathlib import Path

import na64ana

FROZEN = Path(__file__).with_name("api.json")
PACKAGE = Path(na64ana.__file__).parent
#: Commands are typed, not imported; tests/cli has them.
NO_API = {"cli", "_shipped"}

Api = dict[str, list[str]]


def public_api() -> Api:
    """Return the public names that each public module defines, or lists in ``__all__``."""
    api = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ("na64ana", *path.relative_to(PACKAGE).with_suffix("").parts)
        if parts[1] in NO_API or any(part.startswith("_") for part in parts[1:-1]):
            continue
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if names := public_names(ast.parse(path.read_text(encoding="utf-8"))):
            api[".".join(parts)] = names
    return api


def public_names(tree: ast.Module) -> list[str]:
    """Return names without an underscore that are defined at the top of a module."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {
                one.id
                for target in targets
                for one in ast.walk(target)
                if isinstance(one, ast.Name)
            }
            if "__all__" in names and node.value is not None:
                return sorted(ast.literal_eval(node.value))
            found |= names
    return sorted(name for name in found if not name.startswith("_"))


def test_public_names_are_those_on_record():
    frozen: Api = json.loads(FROZEN.read_text(encoding="utf-8"))
    now = public_api()
    flat = [{f"{module}.{name}" for module in api for name in api[module]} for api in (frozen, now)]
    gone, new = sorted(flat[0] - flat[1]), sorted(flat[1] - flat[0])
    assert not gone, f"gone: {gone}; if on purpose, run python tests/unit/test_api.py"
    assert not new, f"new: {new}; if they are to stay, run python tests/unit/test_api.py"


def test_names_on_record_can_be_imported():
    """What the source seems to define is there; a sample, as importing all takes long."""
    frozen: Api = json.loads(FROZEN.read_text(encoding="utf-8"))
    light = [name for name in frozen if name.startswith(("na64ana.config", "na64ana.cuts"))]
    assert len(light) > 10
    for module in light:
        loaded = importlib.import_module(module)
        assert all(hasattr(loaded, name) for name in frozen[module]), module


def write_api() -> None:
    FROZEN.write_text(json.dumps(public_api(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_api()
