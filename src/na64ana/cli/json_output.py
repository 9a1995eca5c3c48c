"""Results as JSON on stdout, for other programs: `--json` of every command that prints tables."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from na64ana.stats.model import EventLimit
    from na64ana.workflow.limits import LimitsResult
    from na64ana.workflow.optimise import Optimised
    from na64ana.workflow.process import Processed
    from na64ana.workflow.yields import Yields

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON for other programs, instead of tables."
)


def print_json(content: Any) -> None:
    """Print a result as JSON: dataclasses as objects, arrays as lists, NaN and infinity as null."""
    click.echo(json.dumps(_plain(content), indent=2, allow_nan=False))


def _plain(content: Any) -> Any:
    """Return the same content in what JSON knows."""
    if hasattr(content, "tolist"):  # numpy
        content = content.tolist()
    if isinstance(content, float) and not math.isfinite(content):
        return None
    if content is None or isinstance(content, str | bool | int | float):
        return content
    if hasattr(content, "model_dump"):  # pydantic
        content = content.model_dump(mode="json")
    elif is_dataclass(content):
        content = {field.name: getattr(content, field.name) for field in fields(content)}
    if isinstance(content, Mapping):
        return {str(key): _plain(value) for key, value in content.items()}
    return str(content) if isinstance(content, Path) else [_plain(one) for one in content]


def limits_content(result: "LimitsResult", folder: Path, files: Sequence[str]) -> dict[str, Any]:
    """Return limits by mass, the background, and what was written."""
    from na64ana.workflow.background_files import describe_rows  # noqa: PLC0415
    from na64ana.workflow.outputs import limit_columns  # noqa: PLC0415

    return {
        "periods": result.periods,
        "box": result.box,
        "method": result.curve.method,
        "confidence_level": result.curve.confidence_level,
        "limits": limit_columns(result),
        "background": describe_rows(result.background),
        "notes": result.notes,
        "folder": folder.resolve(),
        "files": files,
    }


def process_content(found: "Processed", folder: Path) -> dict[str, Any]:
    """Return efficiencies, cut flows, electrons on target, and what was written."""
    from na64ana.tally.cut_flow import describe_flows  # noqa: PLC0415

    run, calibrated = found.selected.run, found.calibrated
    flows = {k: one.cut_flow for k, one in run.tallies.items() if "cut_flow" in one.histograms}
    return {
        "blinded": found.selected.blinded,
        "lineage": found.selected.lineage,
        "calibration": {} if calibrated is None else calibrated.calibrations,
        "cut_flow": describe_flows(flows),
        "exposures": run.exposures,
        "missing": run.missing,
        "folder": folder.resolve(),
        "files": found.names,
    }


def toys_content(
    rows: Sequence[tuple["EventLimit", float]], notes: Sequence[str]
) -> dict[str, Any]:
    """Return limits on signal events by method, with CLs at each."""
    limits = [{**asdict(limit), "cls_at_limit": cls} for limit, cls in rows]
    return {"limits": limits, "notes": notes}


def optimise_content(found: "Optimised") -> dict[str, Any]:
    """Return the scan of each period, its best cut and those within 1 % of it."""
    return {
        "m_ap_GeV": found.mass,
        "periods": {
            name: {
                "e_ecal_max_GeV": found.boxes[name],
                "best_GeV": scan.best,
                "within_1_percent_GeV": scan.flat,
                "scan": scan,
            }
            for name, scan in found.scans.items()
        },
    }


def yields_content(found: "Yields", files: Sequence[str]) -> dict[str, Any]:
    """Return the model, yields and errors by mass, and what was written."""
    from na64ana.workflow.yields import yield_columns  # noqa: PLC0415

    model = found.table.model
    return {
        "beam": model.beamline,
        "mediator": model.process.mediator,
        "dark_matter": model.dark_matter,
        "e_ecal_max_GeV": found.e_ecal_max,
        "yields": yield_columns(found),
        "files": files,
    }
