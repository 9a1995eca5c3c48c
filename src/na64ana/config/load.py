"""Load datasets.yaml; every complaint names file, line and the allowed values."""

import difflib
import itertools
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from na64ana.config.models import Config
from na64ana.config.shipped import shipped_path
from na64ana.errors import ConfigError

Location = tuple[Hashable, ...]


def load_config(path: Path | None = None) -> Config:
    """Load and check a configuration.

    Parameters
    ----------
    path : Path or None
        A file laid out as the shipped ``datasets.yaml``, which is the default.

    Returns
    -------
    Config
        Frozen, in internal units.

    Raises
    ------
    ConfigError
        On the first problem, as ``file:line: where: what, and what is allowed``.
    """
    path = shipped_path("datasets.yaml") if path is None else path
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: cannot be read as a text file ({error}); check the path"
        raise ConfigError(msg) from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines = dict(_lines(node)) if node is not None else {}
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        msg = f"{path}:{line}: no valid YAML: {error.problem}"
        raise ConfigError(msg) from error
    except yaml.YAMLError as error:
        msg = f"{path}: no valid YAML: {' '.join(str(error).split())}"
        raise ConfigError(msg) from error
    if not isinstance(content, dict):
        msg = f"{path}: holds no blocks; start from a copy of the shipped datasets.yaml"
        raise ConfigError(msg)
    try:
        config = Config.model_validate(content)
    except ValidationError as error:
        # A misspelt key is also a missing one; the misspelling is what the user wants to know.
        items = sorted(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
        problems = [(_path(item["loc"]), _explain(dict(item))) for item in items]
    else:
        problems = list(_conflicts(config))
    if problems:
        location, message = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        where = ".".join(map(str, location))
        msg = f"{path}:{_line(lines, location)}: {where + ': ' if where else ''}{message}{more}"
        raise ConfigError(msg)
    return config


def _lines(node: yaml.Node, location: Location = ()) -> Iterator[tuple[Location, int]]:
    """Yield the line of every key; refuse a key that stands twice, which YAML would let pass."""
    yield location, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                msg = f"the key {key.value!r} stands twice"
                raise yaml.MarkedYAMLError(problem=msg, problem_mark=key.start_mark)
            seen.add(key.value)
            yield from _lines(value, (*location, key.value))
            yield (*location, key.value), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _lines(value, (*location, index))


def _line(lines: dict[Location, int], location: Location) -> int:
    """Return the line of a location, or of the nearest that stands in the file."""
    while location and location not in lines:
        location = location[:-1]
    return lines.get(location, 1)


def _path(location: tuple[int | str, ...]) -> Location:
    """Drop pydantic's marker of a mapping's key from a location."""
    return tuple(part for part in location if part != "[key]")


def _explain(item: dict[str, Any]) -> str:
    kind, location = item["type"], item["loc"]
    if kind == "extra_forbidden":
        allowed = _allowed_keys(location[:-1])
        close = difflib.get_close_matches(str(location[-1]), allowed, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        return f"unknown key{hint} Allowed: {', '.join(allowed)}"
    if kind == "missing":
        return "this key is missing"
    if kind == "value_error":
        return str(item["ctx"]["error"])
    message = item["msg"][0].lower() + item["msg"][1:]
    return f"{message}, not {item['input']!r}"


def _allowed_keys(location: tuple[int | str, ...]) -> list[str]:
    """Return the keys that the model at a location knows."""
    kind: Any = Config
    for part in location:
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = kind.model_fields[str(part)].annotation
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return sorted(kind.model_fields)
    return []


def _conflicts(config: Config) -> Iterator[tuple[Location, str]]:
    """Yield what is wrong between blocks that are right by themselves."""
    known: list[tuple[str, Mapping[str, object], str]] = [
        ("selection", config.selections, "selections"),
        ("group", config.published, "published"),
        ("group", config.simulation.rates, "simulation.rates"),
    ]
    for name, period in config.periods.items():
        for key, block, title in known:
            value = getattr(period, key)
            if value not in block:
                message = f"{value!r} does not stand under {title}. Allowed: {', '.join(block)}"
                yield ("periods", name, key), message
        if period.runs.last < period.runs.first:
            yield ("periods", name, "runs"), "the last run comes before the first"
        edge, upper = period.e_ecal_max, config.background.sideband_c_max
        if not edge < upper:
            message = f"{edge:g} GeV is not below background.sideband_c_max, {upper:g} GeV"
            yield ("periods", name, "e_ecal_max"), message
    in_order = sorted(config.periods.items(), key=lambda item: item[1].runs.first)
    for (first, one), (second, other) in itertools.pairwise(in_order):
        if other.runs.first <= one.runs.last:
            message = (
                f"runs {other.runs.first}-{other.runs.last} overlap with period {first}, "
                f"runs {one.runs.first}-{one.runs.last}; a run belongs to one period"
            )
            yield ("periods", second, "runs"), message
    limits = config.limits
    if limits.yield_error**2 + limits.eot_error**2 > limits.signal_error**2:
        yield ("limits", "signal_error"), "smaller than yield_error and eot_error in quadrature"
    if not 0 < limits.confidence_level < 1:
        yield ("limits", "confidence_level"), "must lie between 0 and 100 %, both excluded"
