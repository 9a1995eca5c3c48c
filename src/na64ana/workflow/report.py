"""One self-contained HTML page of a limit: figures, tables, and where every number comes from."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from na64ana.errors import DataError
from na64ana.io.atomic import atomic_path
from na64ana.plotting.svg import classes_of, colour, svg_n_minus_1
from na64ana.tally.cut_flow import CLASSES
from na64ana.tally.fill import n_minus_1_name
from na64ana.workflow import report_tables as tables
from na64ana.workflow.limits_folder import LimitsFolder, read_limits
from na64ana.workflow.outputs import MANIFEST, SELECTION
from na64ana.workflow.results import Result, read_result

_DATA = Path(__file__).resolve().parent.parent / "data"
#: What a damaged or foreign manifest, table or result makes of the lines below.
_DAMAGED = (KeyError, TypeError, ValueError, IndexError, AttributeError)
#: Files beyond this size [bytes] are not put into the page.
LARGEST = 400_000
_TYPES = {".csv": "text/csv", ".json": "application/json"}
#: What the files are; others are named only.
ABOUT = {
    "limits.csv": "limits on epsilon by mass and method",
    "combinations.csv": "limits of some of the periods",
    "parameters.csv": "pulls and impacts",
    "background.csv": "expected background by period and source",
    "signal.csv": "signal events by period and process",
    "yields.csv": "dark photons per electron on target",
    "efficiency.csv": "signal efficiency by period and energy",
    "plane.csv": "counts of the planes",
    "workspace.json": "likelihood for pyhf and cabinetry",
    "patchset.json": "signal of every mass, for pyhf",
    "hs3.json": "likelihood in HS3, for RooFit and others",
    MANIFEST: "where every number comes from",
    SELECTION: "tallies of the selection, for na64ana cutflow",
}


@dataclass(frozen=True)
class Figure:
    """A figure as PNG inside the page."""

    source: str
    alt: str
    caption: str
    wide: bool = False


@dataclass(frozen=True)
class Panels:
    """The N-1 figures of a period."""

    period: str
    caption: str
    legend: tuple[tuple[str, str], ...]
    images: tuple[Markup, ...]


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
            "figure": _figure(
                folder,
                "parameters.png",
                "Pulls of the nuisance parameters and their impacts on the limit; the numbers are "
                "in the table below",
                "Left: best fit with its error, and at the limit. Right: how far the limit on ε "
                "moves if a parameter is held one standard deviation off.",
                wide=True,
            ),
            "table": tables.parameter_table(folder),
        },
        "combinations": tables.combination_table(folder),
        "provenance": {
            "files": tables.file_table(folder),
            "lineages": {
                key.replace("_", " "): value
                for key, value in manifest.items()
                if key.endswith(("lineage", "sha256")) and isinstance(value, str)
            },
            "templates": manifest.get("shower_templates_sha256", {}),
            "manifest": json.dumps(manifest, indent=1, ensure_ascii=False),
        },
        "downloads": _downloads(folder),
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
        values[what] = None if curve is None else tables.scientific(float(curve[i]))
    manifest = folder.manifest
    return {
        **values,
        "mass": f"{1e3 * folder.masses[i]:.3g}",
        "level": f"{100 * manifest['confidence_level']:g}",
        "method": folder.method,
        "eot": tables.scientific(sum(folder.eot.values())),
        "eot_of": {name: tables.scientific(value) for name, value in folder.eot.items()},
        "events": None if observed is None else sum(observed.values()),
        "events_of": observed,
        "excess": manifest.get("excess"),
        "consistency": manifest.get("consistency"),
    }


def _figure(
    folder: LimitsFolder, name: str, alt: str, caption: str, *, wide: bool = False
) -> Figure:
    return Figure(_data_uri(folder.files[name], "image/png"), alt, caption, wide)


def _data_uri(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


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
        "panels": [panel for period in result.tallies if (panel := _panels(result, period))],
    }


def _panels(result: Result, period: str) -> Panels | None:
    """Return the N-1 figures of a period; None if its processor filled none."""
    about, histograms = result.about, result.tallies[period].histograms
    chosen = {
        key: (histograms[n_minus_1_name(*key)], window)
        for key, window in result.windows(period).items()
        if n_minus_1_name(*key) in histograms
    }
    if not chosen:
        return None
    kind = "simulated events, stacked" if about["simulated"][period] else "measured events"
    asked = "; missing_energy is not asked" if about["blinded"] else ""
    classes = sorted({i for histogram, _ in chosen.values() for i in classes_of(histogram)})
    return Panels(
        period,
        f"{kind}{asked}",
        tuple((CLASSES[i].replace("_", " "), colour(i)) for i in classes),
        tuple(
            Markup(svg_n_minus_1(histogram, window=window, title=cut))
            for (cut, _), (histogram, window) in chosen.items()
        ),
    )


def _plane(folder: LimitsFolder) -> Figure | None:
    if "plane.png" not in folder.files:
        return None
    return _figure(
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
            _figure(
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
        _figure(
            folder,
            "yields.png",
            "Dark photons in the signal box per electron on target against the mass",
            "Dark photons in the signal box per electron on target, for ε = 1.",
        )
    ]
    if "efficiency.png" in folder.files:
        figures.append(
            _figure(
                folder,
                "efficiency.png",
                "Signal efficiency against the energy of the dark photon, for four masses",
                "Share of simulated dark photons that pass trigger and all cuts.",
            )
        )
    return {
        "dark_matter": folder.manifest["signal"]["dark_matter"],
        "efficiency": tables.efficiency_table(folder),
        "yields": tables.yields_table(folder),
        "figures": figures,
    }


def _limits(folder: LimitsFolder) -> dict[str, Any]:
    return {
        "figure": _figure(
            folder,
            "limit.png",
            "Upper limit on epsilon against the mass of the dark photon, with expected bands and "
            "published points; the numbers are in the table below",
            "Observed limit (while the box is closed: none), expected limits with their bands, "
            "other methods, and published points.",
        ),
        "table": tables.limit_table(folder),
        "methods": tables.method_table(folder),
        "published": tables.published_table(folder),
        "notes": folder.manifest["methods"]["notes"],
    }


def _downloads(folder: LimitsFolder) -> list[dict[str, Any]]:
    """Return all files with their hashes; tables and likelihoods also as links."""
    manifest = (folder.path / MANIFEST).read_bytes()
    listed = []
    for name, content in sorted({**folder.files, MANIFEST: manifest}.items()):
        kind = _TYPES.get(Path(name).suffix)
        inside = kind is not None and len(content) <= LARGEST
        listed.append(
            {
                "name": name,
                "about": ABOUT.get(name, "figure" if name.endswith(".png") else ""),
                "size": f"{len(content) / 1e3:,.0f} kB",
                "sha256": folder.manifest["outputs"].get(name, "–"),
                "href": _data_uri(content, str(kind)) if inside else None,
            }
        )
    return listed
