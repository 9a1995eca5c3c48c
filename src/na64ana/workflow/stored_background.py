"""The background from results of `na64ana process`, and the recorded opening of the box."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from na64ana.background.estimate import BackgroundEstimate
from na64ana.config import Config
from na64ana.cuts.selection import Templates
from na64ana.errors import ConfigError, DataError
from na64ana.processing.checkpoints import template_digest
from na64ana.provenance import lineage
from na64ana.tally.tally import Tally
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
        When the box was opened, in UTC.
    selection_lineage : str
        Of the open result.
    recorded_before : str or None
        When the same estimate was written with the box closed; None if it never was.
    """

    observed: Mapping[str, int]
    date: str
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
    _check_boxes(config, result)
    dimuon, templates, notes = _control_samples(result)
    sample = None if control is None else read_result(control)
    estimate = background_of(
        config,
        result.tallies,
        dimuon,
        eot={name: one["eot"] for name, one in result.about["exposures"].items()},
        prescales=result.about["prescale"],
        templates=templates,
        control=None if sample is None else _quiet_energies(sample),
    )
    history = _history(folder)
    opening = None
    if opened is not None:
        opening = _open(result, read_result(opened), estimate, history)
    return StoredBackground(
        config=config,
        result=result,
        estimate=estimate,
        notes=(*notes, *estimate.upstream.notes),
        control=None if sample is None else sample.about["lineage"],
        opening=opening,
        opened_before=_opened_before(history, estimate.table.lineage),
    )


def append_background(found: StoredBackground, folder: Path, identity: str) -> None:
    """Add to the history of a folder what was estimated, when, and whether the box was open."""
    line = {
        "time": datetime.now(UTC).isoformat(timespec="seconds")
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
    with (folder / HISTORY).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())


def configuration_lineage(config: Config) -> str:
    """Return the sha256 of a configuration."""
    return lineage(config.model_dump(mode="json"))


def _check_search(result: Result) -> None:
    for name, tally in result.tallies.items():
        if "region" not in tally.survivors and "regions" not in tally.histograms:
            msg = f"{result.path}: period {name} has no sideband; give a result of invisible.py"
            raise DataError(msg)


def _check_boxes(config: Config, result: Result) -> None:
    """Stop if the box of the result is another one than that of the configuration."""
    for name in result.tallies:
        if name not in config.periods:
            msg = f"{result.path}: has period {name}, which the configuration has not"
            raise ConfigError(msg)
        windows = result.windows(name)
        box = {
            "e_ecal": (windows.get(("missing_energy", "e_ecal")), config.periods[name].e_ecal_max),
            "e_hcal": (
                windows.get(("hcal_quiet", "e_hcal")),
                config.selection_of(name).hcal_quiet.e_hcal_max,
            ),
        }
        for axis, (window, wanted) in box.items():
            if window is not None and abs((window[1] or 0.0) - wanted) > 1e-6:
                msg = (
                    f"{result.path}: the box of period {name} ends at {axis} {window[1]:g} GeV, in "
                    f"the configuration at {wanted:g} GeV; give the configuration it was made with"
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


def _quiet_energies(sample: Result) -> list[float]:
    """Return E_ECAL [GeV] of all events with a quiet HCAL, those in an open box too."""
    energies: list[float] = []
    for tally in sample.tallies.values():
        energies += [float(e) for e in tally.survivors.get("e_ecal", ())]
    if not energies:
        msg = f"{sample.path}: holds no events with a quiet HCAL; a control sample needs some"
        raise DataError(msg)
    return energies


def _open(
    result: Result, opened: Result, estimate: BackgroundEstimate, history: list[dict[str, Any]]
) -> Opening:
    """Return the opening of the box, if the open result differs from the blinded one by it only."""
    if opened.about["blinded"]:
        msg = f"{opened.path}: its box is closed; make it with 'na64ana process --unblind'"
        raise DataError(msg)
    for name in _SAME:
        if opened.about[name] != result.about[name]:
            msg = (
                f"{opened.path}: differs from {result.path} in {name.replace('_', ' ')}; open the "
                "box of the same selection and the same files"
            )
            raise DataError(msg)
    same = [
        line
        for line in history
        if line["box"] == "closed" and line["background_lineage"] == estimate.table.lineage
    ]
    return Opening(
        observed={name: tally.regions["signal_box"] for name, tally in opened.tallies.items()},
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        selection_lineage=opened.about["lineage"],
        recorded_before=same[0]["time"] if same else None,
    )


def _opened_before(history: list[dict[str, Any]], identity: str) -> str | None:
    """Return when a box was first opened, if that was before an estimate was on record."""
    for line in history:
        if line["background_lineage"] == identity:
            return None
        if line["box"] == "opened":
            return str(line["time"])
    return None


def _history(folder: Path) -> list[dict[str, Any]]:
    """Return what `background` wrote into the history of a folder."""
    path = folder / HISTORY
    if not path.exists():
        return []
    lines = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            line = json.loads(text)
        except ValueError as error:
            msg = f"{path}, line {number}: is no JSON; the history is only ever added to"
            raise DataError(msg) from error
        if line.get("command") == "background":
            lines.append(line)
    return lines
