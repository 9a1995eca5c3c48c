"""The background from results of `na64ana process`, and the recorded opening of the box."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from na64ana.background.estimate import BackgroundEstimate
from na64ana.background.upstream import ControlSample
from na64ana.config import Config
from na64ana.cuts.selection import Templates, make_cuts
from na64ana.errors import ConfigError, DataError
from na64ana.processing.checkpoints import template_digest
from na64ana.tally.tally import IDENTITY, Tally
from na64ana.workflow.background import background_of
from na64ana.workflow.results import HISTORY, TEMPLATES, Result, read_result, read_templates

#: What must be the same in a blinded result and an open one: the selection, and what it read.
_SAME = ("cuts", "exposures", "processor", "processor_sha256", "shower_templates_sha256")


@dataclass(frozen=True)
class Opening:
    """The opening of the box.

    Attributes
    ----------
    observed : dict of str to int
        Events in the box by period.
    date : str
        When this result was made, in UTC.
    first : str
        When the box of these files was first opened, by any command that is on record.
    selection_lineage : str
        Of the open result.
    recorded_before : str or None
        When the same estimate was written before that, with the box closed; None if it never was.
    """

    observed: Mapping[str, int]
    date: str
    first: str
    selection_lineage: str
    recorded_before: str | None


@dataclass(frozen=True)
class StoredBackground:
    """The background of a stored result.

    Attributes
    ----------
    config : Config
    result : Result
        The blinded result that all numbers come from.
    estimate : BackgroundEstimate
    notes : tuple of str
        What was missing or too few, and what was done instead.
    control : str or None
        Lineage of the control sample.
    opening : Opening or None
        None while the box is closed.
    opened_before : str or None
        When a box was opened in this folder before this estimate was made; such an estimate is not
        a blind one.
    """

    config: Config
    result: Result
    estimate: BackgroundEstimate
    notes: tuple[str, ...]
    control: str | None
    opening: Opening | None
    opened_before: str | None

    @property
    def state(self) -> str:
        """The state of the box, for titles."""
        if self.opening is None:
            return "signal box closed"
        return f"signal box opened {self.opening.date[:10]}"


def change(config: Config, options: Mapping[str, Any]) -> Config:
    """Return a configuration with other options of the background; None leaves one as it is.

    Raises
    ------
    ConfigError
        If an option is impossible.
    """
    given = {name: value for name, value in options.items() if value is not None}
    known = config.background.model_dump()
    low, high = (given.get(name, known[name]) for name in ("sideband_c_min", "sideband_c_max"))
    if low is not None and not low < high:
        msg = f"the fit range ends at {high:g} GeV, not above its begin at {low:g} GeV"
        raise ConfigError(msg)
    background = config.background.model_copy(update=given)
    return config.model_copy(update={"background": background})


def load_background(
    config: Config,
    path: Path,
    folder: Path,
    *,
    control: Path | None = None,
    opened: Path | None = None,
) -> StoredBackground:
    """Estimate the background of a blinded result.

    Parameters
    ----------
    config : Config
        With the cuts that the result was made with.
    path : Path
        The result, or its folder; muon pairs and shower templates stand beside it.
    folder : Path
        Where results are written; its history tells what was there before.
    control : Path or None
        A result of upstream interactions, tagged or simulated, whose shape is used.
    opened : Path or None
        The same selection with an open box.

    Raises
    ------
    DataError
        If a result is missing or damaged, is open where it must be blinded, or does not fit to the
        others.
    ConfigError
        If the configuration has another box than the result.
    BackgroundError
        If the fit range begins inside the box.
    """
    result = read_result(path)
    if not result.about["blinded"]:
        msg = (
            f"{result.path}: its box is open, a background is estimated with a closed one; run "
            "'na64ana process' without --unblind, and give the open result to --unblind"
        )
        raise DataError(msg)
    _check_search(result)
    _check_cuts(config, result)
    dimuon, templates, notes = _control_samples(result)
    sample = None if control is None else read_result(control)
    estimate = background_of(
        config,
        result.tallies,
        dimuon,
        eot={name: one["eot"] for name, one in result.about["exposures"].items()},
        prescales=result.about["prescale"],
        templates=templates,
        control=None if sample is None else _control_sample(sample, result),
    )
    open_result = None if opened is None else read_result(opened)
    folders = [folder, result.path.parent]
    if open_result is not None:
        _check_opened(result, open_result)
        folders.append(open_result.path.parent)
    history = _history(folders)
    first = _first_opening(history, result)
    recorded = _recorded_before(history, estimate.table.lineage, first)
    return StoredBackground(
        config=config,
        result=result,
        estimate=estimate,
        notes=(*notes, *estimate.notes),
        control=None if sample is None else sample.about["lineage"],
        opening=None if open_result is None else _make_opening(open_result, first, recorded),
        opened_before=first if first is not None and recorded is None else None,
    )


def _make_opening(opened: Result, first: str | None, recorded: str | None) -> Opening:
    """Return the opening of a box now, which was first opened and recorded at these times."""
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    return Opening(
        observed={name: tally.regions["signal_box"] for name, tally in opened.tallies.items()},
        date=now,
        first=first or now,
        selection_lineage=opened.about["lineage"],
        recorded_before=recorded,
    )


def append_background(found: StoredBackground, folder: Path, identity: str) -> None:
    """Add to the history of a folder what was estimated, when, and whether the box was open."""
    line = {
        "time": datetime.now(UTC).isoformat(timespec="microseconds")
        if found.opening is None
        else found.opening.date,
        "command": "background",
        "box": "closed" if found.opening is None else "opened",
        "lineage": identity,
        "background_lineage": found.estimate.table.lineage,
        "selection_lineage": found.result.about["lineage"],
    }
    if found.opening is not None:
        line["open_selection_lineage"] = found.opening.selection_lineage
        line["first_opening"] = found.opening.first
    with (folder / HISTORY).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _check_search(result: Result) -> None:
    """Stop if a result is not one of the search, or lacks what this version writes."""
    for key in ("exposures", "prescale", "cuts", "shower_templates_sha256", "lineage"):
        if key not in result.about:
            msg = f"{result.path}: says nothing of its {key}; make it again with this na64ana"
            raise DataError(msg)
    if not result.tallies:
        msg = f"{result.path}: has no period; give a result of invisible.py"
        raise DataError(msg)
    for name, tally in result.tallies.items():
        if "region" not in tally.survivors or "regions" not in tally.histograms:
            msg = f"{result.path}: period {name} has no sideband; give a result of invisible.py"
            raise DataError(msg)


def _check_cuts(config: Config, result: Result) -> None:
    """Stop if a cut of the result, the box among them, is another one in the configuration."""
    for name in result.tallies:
        if name not in config.periods:
            msg = f"{result.path}: has period {name}, which the configuration has not"
            raise ConfigError(msg)
        made = result.windows(name)
        for cut in make_cuts(config, name):
            for window in cut.windows:
                key = (cut.name, window.observable)
                edges = [None if np.isinf(edge) else edge for edge in (window.low, window.high)]
                if key in made and list(made[key]) != edges:
                    msg = (
                        f"{result.path}: {cut.name} of period {name} asks {window.observable} from "
                        f"{made[key][0]} to {made[key][1]}, in the configuration from {edges[0]} "
                        f"to {edges[1]}; give the configuration that it was made with"
                    )
                    raise ConfigError(msg)


def _control_samples(result: Result) -> tuple[dict[str, Tally], Templates, tuple[str, ...]]:
    """Return muon pairs and shower templates beside a result, if they are there."""
    folder = result.path.parent
    if not (folder / "dimuon.zip").exists():
        note = f"{folder}: holds no muon pairs (dimuon.zip); published numbers stand in for them"
        return {}, {}, (note,)
    pairs = read_result(folder / "dimuon.zip")
    made = result.about["shower_templates_sha256"]
    if pairs.about["shower_templates_sha256"] != made:
        msg = (
            f"{pairs.path}: was made with other shower templates than {result.path.name}; run "
            "'na64ana process' again for both"
        )
        raise DataError(msg)
    templates = read_templates(folder) if made else {}
    for name, digest in made.items():
        if name not in templates or template_digest(templates[name]) != digest:
            msg = (
                f"{folder / TEMPLATES}: is not what {result.path.name} was made with; run "
                "'na64ana process' again"
            )
            raise DataError(msg)
    return pairs.tallies, templates, ()


def _control_sample(sample: Result, result: Result) -> ControlSample:
    """Return all events with a quiet HCAL of a result that holds none of the search.

    Events of a box that is closed are not there: then the sample begins at the edge of the box.

    Raises
    ------
    DataError
        If there are none, or some of them are in the sideband that they shall describe.
    """
    energies: list[float] = []
    edges = [0.0]
    for name, tally in sample.tallies.items():
        if "region" not in tally.survivors:
            continue
        energies += [float(e) for e in tally.survivors["e_ecal"]]
        if name in result.tallies and _identities(tally) & _identities(result.tallies[name]):
            msg = (
                f"{sample.path}: holds events of sideband C of {result.path}, which would count "
                "twice; a control sample is another selection, tagged or simulated"
            )
            raise DataError(msg)
        if tally.blinded:
            edges.append(sample.windows(name)[("missing_energy", "e_ecal")][1] or 0.0)
    if not energies:
        msg = f"{sample.path}: holds no events with a quiet HCAL; a control sample needs some"
        raise DataError(msg)
    return ControlSample(energies, max(edges))


def _identities(tally: Tally) -> set[tuple[int, ...]]:
    columns = [tally.survivors[name].tolist() for name in IDENTITY]
    return set(zip(*columns, strict=True))


def _check_opened(result: Result, opened: Result) -> None:
    """Stop if an open result differs from the blinded one by more than the box."""
    if opened.about["blinded"]:
        msg = f"{opened.path}: its box is closed; make it with 'na64ana process --unblind'"
        raise DataError(msg)
    for name in _SAME:
        if opened.about.get(name) != result.about[name]:
            msg = (
                f"{opened.path}: differs from {result.path} in {name.replace('_', ' ')}; open the "
                "box of the same selection and the same files"
            )
            raise DataError(msg)
    for name, tally in result.tallies.items():
        other = opened.tallies.get(name)
        if other is None or other.regions["sideband_c"] != tally.regions["sideband_c"]:
            msg = f"{opened.path}: period {name} has another sideband C than in {result.path}"
            raise DataError(msg)


def _first_opening(history: list[dict[str, Any]], result: Result) -> str | None:
    """Return when a box of the files of a result was first opened, by any command on record."""
    uuids = {read.uuid for tally in result.tallies.values() for read in tally.reads}
    times = []
    for line in history:
        if line.get("command") == "background":
            opened = line.get("box") == "opened"
        else:  # of 'na64ana process'
            files = {file.get("uuid") for file in line.get("files", [])}
            opened = line.get("blinded") is False and bool(files & uuids)
        if opened:
            times.append(str(line.get("first_opening", line.get("time", ""))))
    return min(times, default=None)


def _recorded_before(history: list[dict[str, Any]], identity: str, first: str | None) -> str | None:
    """Return when an estimate was first on record with the box closed, if before any opening."""
    times = [
        str(line.get("time", ""))
        for line in history
        if line.get("command") == "background"
        and line.get("box") == "closed"
        and line.get("background_lineage") == identity
    ]
    return min((time for time in times if first is None or time < first), default=None)


def _history(folders: Iterable[Path]) -> list[dict[str, Any]]:
    """Return the lines of the histories of folders."""
    lines = []
    for folder in dict.fromkeys(folder.resolve() for folder in folders):
        path = folder / HISTORY
        if not path.exists():
            continue
        try:
            texts = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            msg = f"{path}: cannot be read ({error}); the history is only ever added to"
            raise DataError(msg) from error
        for number, text in enumerate(texts, 1):
            if not text.strip():
                continue
            try:
                line = json.loads(text)
            except ValueError as error:
                msg = f"{path}, line {number}: is no JSON; the history is only ever added to"
                raise DataError(msg) from error
            if isinstance(line, dict):
                lines.append(line)
    return lines
