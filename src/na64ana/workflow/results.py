"""Results of `na64ana process` on disk: tallies, templates, and when what was read."""

import csv
import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from na64ana.cuts.cut import Cut
from na64ana.cuts.selection import Templates
from na64ana.cuts.template import ShowerTemplate
from na64ana.display import html_line
from na64ana.errors import DataError
from na64ana.io.atomic import atomic_path, cannot_write
from na64ana.processing.run import ProcessedRun
from na64ana.provenance import package_versions
from na64ana.tally.cut_flow import CutFlow
from na64ana.tally.storage import read_tallies, write_tallies
from na64ana.tally.tally import Tally
from na64ana.workflow.selection import Calibrated, Selected

#: The shower templates of a calibration, the list of what was read when, efficiencies.
TEMPLATES, HISTORY, CALIBRATION = "templates.npz", "history.jsonl", "calibration.csv"
#: How the run went, file by file.
RUN_SUMMARY = "run.json"
_ARRAYS = ("energy", "row", "mean", "width")


@dataclass(frozen=True)
class Result:
    """Tallies by period as they were stored, and where they come from (`about`)."""

    path: Path
    tallies: dict[str, Tally]
    about: dict[str, Any]

    @property
    def cut_flows(self) -> dict[str, CutFlow]:
        """Cut flows by period.

        Raises
        ------
        DataError
            If the processor counted no cuts.
        """
        if any("cut_flow" not in tally.histograms for tally in self.tallies.values()):
            msg = f"{self.path}: its processor counted no cuts; see tally.fill.count_cuts"
            raise DataError(msg)
        return {name: tally.cut_flow for name, tally in self.tallies.items()}

    def windows(self, period: str) -> dict[tuple[str, str], tuple[float | None, float | None]]:
        """Return the edges of each cut and observable of a period; None is no edge."""
        return {
            (cut["name"], name): (low, high)
            for cut in self.about["cuts"].get(period, [])
            for name, low, high in cut["windows"]
        }

    def _repr_html_(self) -> str:
        parts = [html_line(f"{self.about['processor']}, lineage {self.about['lineage'][:12]}")]
        for period, flow in self.cut_flows.items():
            parts.append(html_line(f"period {period}") + flow._repr_html_())
        return "".join(parts)


def result_name(selected: Selected) -> str:
    """Return the name of the file of a result: that of its processor."""
    return f"{selected.processor.stem}.zip"


def write_selected(
    selected: Selected, folder: Path, *, inputs: Mapping[str, Any], name: str | None = None
) -> Path:
    """Write the tallies of a processor into a folder, with their origin; by default its name."""
    path = folder / (name or result_name(selected))
    write_tallies(path, selected.run.tallies, _about(selected, inputs))
    return path


def read_result(path: Path) -> Result:
    """Read a result of `na64ana process`.

    Parameters
    ----------
    path : Path
        The zip file, or the folder with ``invisible.zip`` in it.

    Raises
    ------
    DataError
        If there is none, or it is damaged.
    """
    path = path / "invisible.zip" if path.is_dir() else path
    tallies, about = read_tallies(path)
    return Result(path, tallies, about)


def write_templates(calibrated: Calibrated, folder: Path) -> None:
    """Write the shower templates of a calibration into a folder."""
    arrays = {
        f"{period}_{name}": getattr(template, name)
        for period, template in calibrated.templates.items()
        for name in _ARRAYS
    }
    with atomic_path(folder / TEMPLATES) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def read_templates(folder: Path) -> Templates:
    """Read the shower templates of a calibration from a folder.

    Raises
    ------
    DataError
        If there are none, or the file is damaged.
    """
    path = folder / TEMPLATES
    try:
        with np.load(path, allow_pickle=False) as content:
            periods = dict.fromkeys(name.rpartition("_")[0] for name in content)
            return {
                period: ShowerTemplate(period, *(content[f"{period}_{name}"] for name in _ARRAYS))
                for period in periods
            }
    except FileNotFoundError as error:
        msg = f"{path}: no such file; give the folder of a calibration"
        raise DataError(msg) from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        msg = f"{path}: holds no shower templates, or is damaged ({error}); calibrate again"
        raise DataError(msg) from error


def write_calibration(calibrated: Calibrated, folder: Path) -> None:
    """Write efficiencies, suggested thresholds and pile-up of a calibration as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["period", "kind", "name", "value", "low", "high", "passed", "total"])
    for period, one in calibrated.calibrations.items():
        for name, part in {**one.efficiencies, "all together": one.overall}.items():
            numbers = (f"{x:.6g}" for x in (part.value, part.low, part.high))
            writer.writerow([period, "efficiency", name, *numbers, part.passed, part.total])
        for kind, values in (("threshold_GeV", one.thresholds), ("pileup", one.pileup)):
            for name, value in values.items():
                writer.writerow([period, kind, name, f"{value:.6g}", "", "", "", ""])
    (folder / CALIBRATION).write_text(text.getvalue(), encoding="utf-8")


def write_run_summary(results: Iterable[Selected], folder: Path) -> None:
    """Write how each file was read: events, seconds, bytes, attempts that failed, workers."""
    content = {one.processor.stem: _summary(one.run) for one in results}
    text = json.dumps(content, indent=1) + "\n"
    (folder / RUN_SUMMARY).write_text(text, encoding="utf-8")


def _summary(run: ProcessedRun) -> dict[str, Any]:
    files: dict[str, dict[str, Any]] = {}
    for record in run.records:
        empty = {"tasks": 0, "events": 0, "seconds": 0.0, "bytes": 0, "from_checkpoints": 0}
        one = files.setdefault(record.path, {**empty, "workers": set()})
        events = record.stop - record.start
        one["tasks"] += 1
        one["events"] += events
        one["seconds"] += record.seconds
        one["bytes"] += record.bytes
        one["from_checkpoints"] += events if record.from_checkpoint else 0
        one["workers"].add(record.worker)
    return {
        "files": {
            path: {
                **one,
                "seconds": round(one["seconds"], 3),
                "workers": sorted(one["workers"]),
                "retries": run.retries.get(path, 0),
            }
            for path, one in sorted(files.items())
        },
        "missing": run.missing,
    }


def append_history(selected: Selected, folder: Path) -> None:
    """Add to the history of a folder which files were read, when, and for what.

    Raises
    ------
    OutputError
        If there is no room for the line; no half of it is left.
    """
    line = {
        "time": datetime.now(UTC).isoformat(timespec="microseconds"),
        "processor": selected.processor.stem,
        "lineage": selected.lineage,
        "blinded": selected.blinded,
        "events_from_checkpoints": selected.run.from_checkpoints,
        "files": [
            {"period": period, "path": str(file.path), "uuid": file.uuid_text}
            | {"entries": file.metadata.entries, "eot": file.metadata.eot}
            for period, files in selected.run.files.items()
            for file in files
        ],
    }
    path = folder / HISTORY
    before = path.stat().st_size if path.exists() else 0
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        os.truncate(path, before)
        raise cannot_write(path, error, "all other results were written") from error


def _about(selected: Selected, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "processor": selected.processor.stem,
        "processor_sha256": selected.processor_sha256,
        "lineage": selected.lineage,
        "blinded": selected.blinded,
        "shower_templates_sha256": selected.templates,
        "cuts": {
            period: [_describe(cut) for cut in cuts] for period, cuts in selected.cuts.items()
        },
        "exposures": {
            period: {**asdict(one), "eot": one.eot}
            for period, one in selected.run.exposures.items()
        },
        "missing": selected.run.missing,
        "prescale": selected.run.prescales(),
        "simulated": {
            period: all(file.metadata.simulated for file in files)
            for period, files in selected.run.files.items()
        },
        "inputs": dict(inputs),
        "versions": package_versions(),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _describe(cut: Cut) -> dict[str, Any]:
    windows = [
        [one.observable, *(None if np.isinf(edge) else edge for edge in (one.low, one.high))]
        for one in cut.windows
    ]
    return {
        "name": cut.name,
        "reason": cut.reason,
        "source": cut.source,
        "version": cut.version,
        "windows": windows,
    }
