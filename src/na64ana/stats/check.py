"""Whether a workspace can be believed: what pyhf takes without a word, and what goes wrong then.

pyhf keeps only the last of two modifiers of one type and name on a sample, does not share a
staterror or shapesys of one name between channels, and its minimisers are silently wrong for badly
scaled signals (docs/statistics.md). A workspace of others can have any of these.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyhf

from na64ana.errors import LimitError
from na64ana.stats.model import Channel, CountingModel, Sample

T = TypeVar("T")

#: Modifiers that pyhf shares between channels by their name, and those that it does not.
SHARED, OWN = (
    ("normsys", "normfactor", "lumi", "histosys"),
    ("staterror", "shapesys", "shapefactor"),
)
#: Signal events at mu = 1 between which minimisers can be trusted.
SIGNAL_RANGE = (1e-2, 1e3)
#: Most events of a channel that are a counting experiment.
COUNT_MAX = 1e6
#: Samples beyond which pyhf takes minutes to build a model; such a one is checked by us only.
BUILD_MAX = 20_000
#: What pyhf raises, besides its own exceptions, when arrays do not fit.
_BROKEN = (ValueError, KeyError, IndexError, TypeError)
#: Largest file that is read [bytes].
SIZE_MAX = 100_000_000


@dataclass(frozen=True)
class Checked:
    """What was found in a workspace.

    Attributes
    ----------
    errors, warnings : tuple of str
        What makes it wrong, and what makes results of it doubtful; a sentence each.
    channels, samples, parameters : int
        How many there are.
    """

    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    channels: int
    samples: int
    parameters: int


def load_workspace(path: Path) -> dict[str, Any]:
    """Read a workspace.

    Raises
    ------
    LimitError
        If the file is missing, too large, or no JSON object.
    """
    try:
        if path.stat().st_size > SIZE_MAX:
            msg = f"{path}: is larger than {SIZE_MAX // 1_000_000} MB, too large for a workspace"
            raise LimitError(msg)
        # an integer of hundreds of digits is no float, and an infinite one is found below
        content = json.loads(
            path.read_text(encoding="utf-8"),
            parse_int=lambda text: int(text) if len(text) < 16 else float(text),
        )
    except FileNotFoundError as error:
        msg = f"{path}: no such file; check the path"
        raise LimitError(msg) from error
    except (OSError, ValueError, RecursionError) as error:
        msg = f"{path}: is no JSON ({error}); give a workspace of pyhf"
        raise LimitError(msg) from error
    if not isinstance(content, dict):
        msg = f"{path}: holds no JSON object; give a workspace of pyhf"
        raise LimitError(msg)
    return content


def check_workspace(workspace: dict[str, Any]) -> Checked:
    """Check a workspace for what pyhf does not tell."""
    try:
        pyhf.schema.validate(workspace, "workspace.json")
    except pyhf.exceptions.InvalidSpecification as error:
        reason = " ".join(str(error).split())[:300]
        return Checked((f"not a workspace of pyhf: {reason}",), (), 0, 0, 0)
    channels = workspace["channels"]
    samples = [(c["name"], s) for c in channels for s in c["samples"]]
    names = {m["name"] for _, s in samples for m in s["modifiers"]}
    errors = [
        *_clashes(channels),
        *_numbers(samples),
        *_poi(workspace, samples),
        *_observations(workspace),
    ]
    warnings: list[str] = []
    if not errors:
        warnings += _scale(workspace, samples)
        errors += _build(workspace, len(samples))
    return Checked(tuple(errors), tuple(warnings), len(channels), len(samples), len(names))


def read_model(workspace: dict[str, Any]) -> CountingModel:
    """Return a workspace as a counting model: log-normal errors, a number of events per bin.

    Raises
    ------
    LimitError
        If it has other modifiers, or is wrong (`check_workspace`).
    """
    checked = check_workspace(workspace)
    if checked.errors:
        raise LimitError(checked.errors[0])
    config = workspace["measurements"][0]["config"]
    poi = config["poi"]
    for parameter in config["parameters"]:
        if parameter.get("fixed") or (parameter["name"] != poi and len(parameter) > 1):
            msg = f"{parameter['name']}: the measurement fixes or changes it; leave that away"
            raise LimitError(msg)
    observed = {one["name"]: one["data"] for one in workspace["observations"]}
    channels = []
    for channel in workspace["channels"]:
        name: str = channel["name"]
        factors = [_log_normals(name, sample, poi) for sample in channel["samples"]]
        for place, count in enumerate(observed[name]):
            kinds: tuple[list[Sample], list[Sample]] = [], []
            for sample, errors in zip(channel["samples"], factors, strict=True):
                is_signal = any(m["name"] == poi for m in sample["modifiers"])
                one = Sample(sample["name"], float(sample["data"][place]), errors)
                kinds[0 if is_signal else 1].append(one)
            if count != round(count):
                msg = f"{name}: {count} events are no whole number"
                raise LimitError(msg)
            signals, backgrounds = map(tuple, kinds)
            channels.append(Channel(name, int(count), signals, backgrounds, place))
    return CountingModel(tuple(channels))


def _log_normals(channel: str, sample: dict[str, Any], poi: str) -> dict[str, tuple[float, float]]:
    """Return the log-normal factors of a sample by parameter."""
    factors = {}
    for modifier in sample["modifiers"]:
        if modifier["type"] == "normsys":
            factors[modifier["name"]] = (modifier["data"]["lo"], modifier["data"]["hi"])
        elif modifier["name"] != poi:
            msg = f"{channel}, {sample['name']}: {modifier['type']} is not a log-normal error"
            raise LimitError(msg)
    return factors


def _clashes(channels: list[dict[str, Any]]) -> Iterator[str]:
    """Yield names that are there twice, or for two things."""
    seen: dict[str, set[str]] = {}
    places: dict[tuple[str, str], list[str]] = {}
    names = [channel["name"] for channel in channels]
    for name in _twice(names):
        yield f"two channels are called {name}"
    for channel in channels:
        if not channel["samples"]:
            yield f"{channel['name']}: is empty"
        inside = [sample["name"] for sample in channel["samples"]]
        for name in _twice(inside):
            yield f"{channel['name']}: two samples are called {name}"
        for sample in channel["samples"]:
            pairs = [(m["type"], m["name"]) for m in sample["modifiers"]]
            for kind, name in _twice(pairs):
                yield (
                    f"{channel['name']}, {sample['name']}: two modifiers {name} of type {kind}; "
                    "pyhf would keep only the last"
                )
            for kind, name in pairs:
                seen.setdefault(name, set()).add(kind)
                if kind in OWN:
                    places.setdefault((kind, name), []).append(channel["name"])
    for name, kinds in seen.items():
        if len(kinds & {*SHARED, *OWN}) > 1 and not kinds <= {"normsys", "histosys"}:
            yield f"{name}: is the name of modifiers of types {', '.join(sorted(kinds))}"
    for (kind, name), where in places.items():
        if len(set(where)) > 1:
            both = ", ".join(dict.fromkeys(where))
            yield f"{name}: a {kind} in {both}; pyhf does not share it between channels"


def _twice(names: Iterable[T]) -> list[T]:
    return sorted(name for name, n in Counter(names).items() if n > 1)  # type: ignore[type-var]


def _build(workspace: dict[str, Any], n_samples: int) -> Iterator[str]:
    """Yield what pyhf itself says when it builds the model: lengths of errors, lumi, and so on."""
    if n_samples > BUILD_MAX:
        return
    try:
        pyhf.Workspace(workspace).model()
    except (pyhf.exceptions.InvalidModel, pyhf.exceptions.InvalidModifier, *_BROKEN) as error:
        yield f"pyhf cannot build the model: {' '.join(str(error).split())[:300]}"


def _numbers(samples: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    for channel, sample in samples:
        where = f"{channel}, {sample['name']}"
        if not all(math.isfinite(value) for value in sample["data"]):
            yield f"{where}: a bin is no finite number"
        elif any(value < 0 for value in sample["data"]):
            yield f"{where}: a bin is negative"
        for modifier in sample["modifiers"]:
            if modifier["type"] == "normsys":
                low, high = modifier["data"]["lo"], modifier["data"]["hi"]
                if not (0 < low < math.inf and 0 < high < math.inf):
                    yield f"{where}: factors of {modifier['name']} are {low} and {high}"


def _poi(workspace: dict[str, Any], samples: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    for measurement in workspace["measurements"]:
        poi = measurement["config"]["poi"]
        kinds = {m["type"] for _, s in samples for m in s["modifiers"] if m["name"] == poi}
        signal = sum(
            sum(s["data"]) for _, s in samples if any(m["name"] == poi for m in s["modifiers"])
        )
        if kinds != {"normfactor"} or not signal > 0:
            yield f"{measurement['name']}: the parameter of interest {poi!r} scales no signal"


def _observations(workspace: dict[str, Any]) -> Iterator[str]:
    listed = [one["name"] for one in workspace["observations"]]
    for name in _twice(listed):
        yield f"{name}: has two observations"
    for name in sorted(set(listed) - {channel["name"] for channel in workspace["channels"]}):
        yield f"{name}: is observed, but no channel"
    observed = {one["name"]: one["data"] for one in workspace["observations"]}
    poi = workspace["measurements"][0]["config"]["poi"]
    for channel in workspace["channels"]:
        name = channel["name"]
        lengths = {len(sample["data"]) for sample in channel["samples"]}
        if name in observed and lengths != {len(observed[name])}:
            yield f"{name}: samples and observation have different numbers of bins"
            continue
        if name not in observed:
            yield f"{name}: has no observation"
            continue
        backgrounds = [
            sample["data"]
            for sample in channel["samples"]
            if all(m["name"] != poi for m in sample["modifiers"])
        ]
        if not backgrounds:
            yield f"{name}: has no background"
            continue
        for i, count in enumerate(observed[name]):
            if isinstance(count, bool) or not 0 <= count <= COUNT_MAX:
                yield f"{name}: {count} events were observed in bin {i}"
            elif not sum(data[i] for data in backgrounds) > 0:
                yield f"{name}: bin {i} expects no background, so {count:g} events have no model"


def _scale(workspace: dict[str, Any], samples: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    poi = workspace["measurements"][0]["config"]["poi"]
    signal = sum(
        sum(sample["data"])
        for _, sample in samples
        if any(m["name"] == poi for m in sample["modifiers"])
    )
    low, high = SIGNAL_RANGE
    if len(workspace["measurements"]) > 1:
        yield "there are several measurements; the first one counts"
    if not low <= signal <= high:
        yield (
            f"{signal:.3g} signal events at {poi} = 1: scale the signal to about one, minimisers "
            "are silently wrong elsewhere"
        )
    background = sum(sum(sample["data"]) for _, sample in samples) - signal
    if background < 10:
        yield (
            f"{background:.2g} background events: asymptotic formulas exclude too much, use toys "
            "or the marginalised limit"
        )
