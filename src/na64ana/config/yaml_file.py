"""Read a YAML file into a model; every complaint names file, line and the allowed keys."""

import types
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from na64ana.errors import ConfigError, did_you_mean

#: Keys of a file; the shipped one has 430. Aliases of aliases can make billions of a few lines.
_MOST_KEYS = 100_000
Location = tuple[Hashable, ...]
Model = TypeVar("Model", bound=BaseModel)


def load_model(
    path: Path,
    model: type[Model],
    *,
    example: str,
    conflicts: Callable[[Model], Iterable[tuple[Location, str]]] = lambda _: (),
) -> Model:
    """Load a YAML file and check it.

    Parameters
    ----------
    path : Path
        The file.
    model : type
        The pydantic model that it must fit.
    example : str
        The shipped file that shows the layout; named if the file holds nothing.
    conflicts : callable
        Yields what is wrong between blocks that are right by themselves, as location and message.

    Raises
    ------
    ConfigError
        On the first problem, as ``file:line: where: what, and what is allowed``.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: cannot be read as a text file ({error}); check the path"
        raise ConfigError(msg) from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines = _all_lines(node) if node is not None else {}
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        msg = f"{path}:{line}: no valid YAML: {error.problem}"
        raise ConfigError(msg) from error
    except RecursionError as error:
        msg = f"{path}: no valid configuration: blocks stand too deep in one another"
        raise ConfigError(msg) from error
    except yaml.YAMLError as error:
        msg = f"{path}: no valid YAML: {' '.join(str(error).split())}"
        raise ConfigError(msg) from error
    if not isinstance(content, dict):
        msg = f"{path}: holds no blocks; start from a copy of the shipped {example}"
        raise ConfigError(msg)
    try:
        loaded = model.model_validate(content)
    except ValidationError as error:
        # A misspelt key is also a missing one; the misspelling is what the user wants to know.
        items = sorted(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
        problems = [(_path(item["loc"], content), _explain(dict(item), model)) for item in items]
    else:
        problems = list(conflicts(loaded))
    if problems:
        location, message = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        where = ".".join(map(str, location))
        msg = f"{path}:{_line(lines, location)}: {where + ': ' if where else ''}{message}{more}"
        raise ConfigError(msg)
    return loaded


def _all_lines(node: yaml.Node) -> dict[Location, int]:
    """Return the line of every key, of a file of a size that anybody writes."""
    found = list(islice(_lines(node), _MOST_KEYS + 1))
    if len(found) > _MOST_KEYS:
        msg = f"more than {_MOST_KEYS:,} keys, counted with those that aliases repeat"
        raise yaml.MarkedYAMLError(problem=msg, problem_mark=node.start_mark)
    return dict(found)


def _lines(
    node: yaml.Node, location: Location = (), inside: frozenset[int] = frozenset()
) -> Iterator[tuple[Location, int]]:
    """Yield the line of every key.

    Refuse a key that stands twice, which YAML would let pass, and a block that contains itself.
    """
    if id(node) in inside:
        msg = f"{'.'.join(map(str, location))} contains itself by an alias"
        raise yaml.MarkedYAMLError(problem=msg, problem_mark=node.start_mark)
    inside |= {id(node)}
    yield location, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                msg = f"the key {key.value!r} stands twice"
                raise yaml.MarkedYAMLError(problem=msg, problem_mark=key.start_mark)
            seen.add(key.value)
            yield from _lines(value, (*location, key.value), inside)
            yield (*location, key.value), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _lines(value, (*location, index), inside)


def _line(lines: dict[Location, int], location: Location) -> int:
    """Return the line of a location, or of the nearest that stands in the file."""
    while location and location not in lines:
        location = location[:-1]
    return lines.get(location, 1)


def _path(location: tuple[int | str, ...], content: Any) -> Location:
    """Drop pydantic's markers from a location: of a mapping's key, of the kind of a block."""
    kept: list[int | str] = []
    for part in location:
        if part == "[key]" or (isinstance(content, dict) and content.get("kind") == part):
            continue
        kept.append(part)
        inside = content if isinstance(content, dict | list) else {}
        try:
            content = inside[part]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            content = None
    return tuple(kept)


def _explain(item: dict[str, Any], model: type[BaseModel]) -> str:
    kind, location = item["type"], item["loc"]
    if kind == "extra_forbidden":
        allowed = _allowed_keys(model, location[:-1])
        hint = did_you_mean(str(location[-1]), allowed)
        return f"unknown key{hint} Allowed: {', '.join(allowed)}"
    if kind == "missing":
        return "this key is missing"
    if kind == "value_error":
        return str(item["ctx"]["error"])
    message = item["msg"][0].lower() + item["msg"][1:]
    return f"{message}, not {item['input']!r}"


def _kinds(model: Any) -> tuple[Any, ...]:
    """Return what the `kind` of a block may be; nothing if it has none."""
    fields = getattr(model, "model_fields", {})
    return get_args(fields["kind"].annotation) if "kind" in fields else ()


def _allowed_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the keys that the block at a location of a model knows."""
    kind: Any = model
    for part in location:
        if get_origin(kind) in (dict, tuple):
            kind = get_args(kind)[1 if get_origin(kind) is dict else 0]
        elif isinstance(kind, types.UnionType):  # blocks of several kinds
            kind = next(one for one in get_args(kind) if part in _kinds(one))
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = kind.model_fields[str(part)].annotation
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        if isinstance(kind, types.UnionType) and not any(map(_kinds, get_args(kind))):
            kind = get_args(kind)[0]  # a block that may be missing
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return sorted(field.alias or name for name, field in kind.model_fields.items())
    return []
