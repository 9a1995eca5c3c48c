"""One self-contained HTML page of a limit: figures, tables, and where every number comes from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from na64ana.errors import DataError
from na64ana.io.atomic import atomic_path
from na64ana.workflow import report_limits as limits_tables
from na64ana.workflow import report_tables as tables
from na64ana.workflow.limits_files import SELECTION
from na64ana.workflow.limits_folder import LimitsFolder, read_limits
from na64ana.workflow.report_figures import Figure, downloads, embed, n_minus_1_panels
from na64ana.workflow.report_format import scientific
from na64ana.workflow.results import Result, read_result

_DATA = Path(__file__).resolve().parent.parent / "data"
#: What a damaged or foreign manifest, table or result makes of the lines below.
_DAMAGED = (KeyError, TypeError, ValueError, IndexError, AttributeError)


def write_report(
    path: Path,
    limits: Path,
    *,
    results: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Write the report of a folder of `na64ana limits`.

    Parameters
    ----------
    path : Path
        Of the page.
    limits : Path
        The folder.
    results : Path or None
        A result of `na64ana process` that cut flow and N-1 figures come from; None takes that in
        the folder.
    overwrite : bool
        Whether an existing page may be replaced.

    Raises
    ------
    DataError
        If something is missing, damaged or does not fit together.
    OutputError
        If the page exists, or cannot be written.
    """
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_text(make_report(limits, results=results), encoding="utf-8")


def make_report(limits: Path, *, results: Path | None = None) -> str:
    """Return the report of a folder of `na64ana limits` as HTML.

    Raises
    ------
    DataError
        If something is missing, damaged or does not fit together.
    """
    folder = read_limits(limits)
    source = limits / SELECTION if results is None and SELECTION in folder.files else results
    result = None if source is None else read_result(source)
    if result is not None and folder.closed and not result.about.get("blinded"):
        msg = (
            f"{result.path}: its signal box is open, that of {limits} is closed; give a result "
            "of 'na64ana process' without --unblind"
        )
        raise DataError(msg)
    try:
        context = _context(folder, result)
        return _environment().get_template("report.html").render(context)
    except _DAMAGED as error:
        msg = (
            f"{limits}: its files are not those of this na64ana "
            f"({type(error).__name__}: {error}); run 'na64ana limits' again"
        )
        raise DataError(msg) from error


def _environment() -> jinja2.Environment:
    """Return templates that escape everything which is not marked as HTML."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_DATA),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _context(folder: LimitsFolder, result: Result | None) -> dict[str, Any]:
    manifest = folder.manifest
    observed = manifest.get("observed")
    return {
        "manifest": manifest,
        "closed": folder.closed,
        "box": manifest["box"],
        "data": _kind(folder),
        "headline": _headline(folder, observed),
        "selection": None if result is None else _selection(result),
        "plane": _plane(folder),
        "background": _background(folder, observed),
        "signal": _signal(folder),
        "limits": _limits(folder),
        "parameters": {
            "figure": embed(
                folder,
                "parameters.png",
                "Pulls of the nuisance parameters and their impacts on the limit; the numbers are "
                "in the table below",
                "Left: best fit with its error, and at the limit. Right: how far the limit on ε "
                "moves if a parameter is held one standard deviation off.",
                wide=True,
            ),
            "table": limits_tables.parameter_table(folder),
        },
        "combinations": limits_tables.combination_table(folder),
        "provenance": {
            "files": limits_tables.file_table(folder),
            "lineages": {
                key.replace("_", " "): value
                for key, value in manifest.items()
                if key.endswith(("lineage", "sha256")) and isinstance(value, str)
            },
            "templates": manifest.get("shower_templates_sha256", {}),
            "manifest": json.dumps(manifest, indent=1, ensure_ascii=False),
        },
        "downloads": downloads(folder),
    }


def _kind(folder: LimitsFolder) -> str:
    files = [f for one in folder.manifest["periods"].values() for f in one.get("files", [])]
    if not files:
        return "published numbers, no event files"
    simulated = [bool(file["simulated"]) for file in files]
    if all(simulated):
        return "simulated events"
    return "measured and simulated events" if any(simulated) else "measured events"


def _headline(folder: LimitsFolder, observed: Mapping[str, int] | None) -> dict[str, Any]:
    i = folder.reference
    values = {}
    for what in ("observed", "expected_median", "expected_minus1", "expected_plus1"):
        curve = folder.limit(what)
        values[what] = None if curve is None else scientific(float(curve[i]))
    manifest = folder.manifest
    return {
        **values,
        "mass": f"{1e3 * folder.masses[i]:.3g}",
        "level": f"{100 * manifest['confidence_level']:g}",
        "method": folder.method,
        "eot": scientific(sum(folder.eot.values())),
        "eot_of": {name: scientific(value) for name, value in folder.eot.items()},
        "events": None if observed is None else sum(observed.values()),
        "events_of": observed,
        "excess": manifest.get("excess"),
        "consistency": manifest.get("consistency"),
    }


def _selection(result: Result) -> dict[str, Any]:
    box = "signal box closed" if result.about["blinded"] else "signal box open"
    flows = result.cut_flows
    return {
        "box": box,
        "lineage": result.about["lineage"],
        "processor": result.about["processor"],
        "flow": tables.cut_flow_table(flows, box),
        "of_periods": tables.period_flow_tables(flows, box),
        "cuts": tables.cuts_tables(result.about["cuts"]),
        "panels": [
            panel for period in result.tallies if (panel := n_minus_1_panels(result, period))
        ],
    }


def _plane(folder: LimitsFolder) -> Figure | None:
    if "plane.png" not in folder.files:
        return None
    return embed(
        folder,
        "plane.png",
        "Two maps of events against ECAL and HCAL energy: tagged electrons, and events after all "
        "cuts with the signal box at low energies of both left empty",
        "Events of all periods in the plane of ECAL and HCAL energy, with signal box and "
        "sidebands. The box is empty here whatever its state: the blinded selection is drawn.",
        wide=True,
    )


def _background(folder: LimitsFolder, observed: Mapping[str, int] | None) -> dict[str, Any]:
    fits = folder.manifest.get("extrapolations", {})
    figures = sorted(
        name for name in folder.files if name.startswith("sideband_") and name.endswith(".png")
    )
    return {
        "table": tables.background_table(folder, observed),
        "origins": tables.origin_table(folder),
        "fits": [tables.fit_table(scope, fit) for scope, fit in fits.items()],
        "figures": [
            embed(
                folder,
                name,
                f"Events of sideband C against ECAL energy, {name[9:-4]}, with all fitted "
                "functions extrapolated into the signal box",
                f"Sideband C, {name[9:-4]}: events with a quiet HCAL, and what each function says "
                "of the box.",
            )
            for name in figures
        ],
        "notes": folder.manifest.get("background_notes", []),
    }


def _signal(folder: LimitsFolder) -> dict[str, Any]:
    figures = [
        embed(
            folder,
            "yields.png",
            "Dark photons in the signal box per electron on target against the mass",
            "Dark photons in the signal box per electron on target, for ε = 1.",
        )
    ]
    if "efficiency.png" in folder.files:
        figures.append(
            embed(
                folder,
                "efficiency.png",
                "Signal efficiency against the energy of the dark photon, for four masses",
                "Share of simulated dark photons that pass trigger and all cuts.",
            )
        )
    return {
        "dark_matter": folder.manifest["signal"]["dark_matter"],
        "efficiency": limits_tables.efficiency_table(folder),
        "yields": limits_tables.yields_table(folder),
        "figures": figures,
    }


def _limits(folder: LimitsFolder) -> dict[str, Any]:
    return {
        "figure": embed(
            folder,
            "limit.png",
            "Upper limit on epsilon against the mass of the dark photon, with expected bands and "
            "published points; the numbers are in the table below",
            "The signal box is closed: expected limits with their bands, and published points."
            if folder.closed
            else "Observed limit, expected limits with their bands, observed limits by other "
            "methods, and published points.",
        ),
        "table": limits_tables.limit_table(folder),
        "methods": limits_tables.method_table(folder),
        "published": limits_tables.published_table(folder),
        "notes": folder.manifest["methods"]["notes"],
    }
