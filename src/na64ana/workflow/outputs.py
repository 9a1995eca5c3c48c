"""Write what `na64ana limits` found: tables, workspace, figures and the manifest."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from na64ana.config.reference import load_reference
from na64ana.plotting.efficiency import plot_efficiency
from na64ana.plotting.limit import plot_limit
from na64ana.plotting.style import figure
from na64ana.provenance import lineage, package_versions, sha256_file
from na64ana.signal.response import CHANNELS
from na64ana.stats import marginalised
from na64ana.stats.combination import compute_combinations
from na64ana.stats.curve import LimitCurve
from na64ana.stats.model import EventLimit
from na64ana.stats.workspace import make_patchset, make_workspace
from na64ana.workflow.background_files import describe_estimate, describe_rows
from na64ana.workflow.efficiency import SignalEfficiency, pool
from na64ana.workflow.figures import draw_plane
from na64ana.workflow.limits import REFERENCE_MASS, LimitsResult

FILES = (
    *("limits.csv", "limit.png", "combinations.csv"),
    *("workspace.json", "patchset.json", "manifest.json"),
)
#: Written too when there are event files.
EVENT_FILES = ("plane.png", "plane.csv", "efficiency.png", "efficiency.csv")
_EFFICIENCY_COLUMNS = (
    *("period", "m_ap_GeV", "e_ap_low_GeV", "e_ap_high_GeV", "passed", "total"),
    *("efficiency", "low", "high", "data_over_simulation"),
)
_SIGMAS = ("minus2", "minus1", "median", "plus1", "plus2")


def output_names(*, published: bool) -> tuple[str, ...]:
    """Return the names of the files that will be written."""
    return FILES if published else FILES + EVENT_FILES


def write_outputs(result: LimitsResult, folder: Path, *, inputs: dict[str, Any]) -> None:
    """Write all files into a folder; `inputs` (command line, seed) go into the manifest."""
    (folder / "limits.csv").write_text(limits_csv(result), encoding="utf-8")
    place = int(np.argmin(np.abs(np.log(result.curve.masses / REFERENCE_MASS))))
    model = result.models[place]
    text = _combinations_csv(result, place)
    (folder / "combinations.csv").write_text(text, encoding="utf-8")
    workspace = make_workspace(model.unit())
    _write_json(folder / "workspace.json", workspace)
    patchset = make_patchset(workspace, result.models, result.curve.masses.tolist())
    _write_json(folder / "patchset.json", patchset)
    _draw_limit(result, folder / "limit.png")
    if result.events is not None:
        run = result.events.run
        draw_plane(result.config, run.tallies, run.prescales(), folder / "plane.png")
        _draw_efficiency(result.events.efficiencies, folder)
    manifest = _manifest(result, inputs, place)
    _write_json(folder / "manifest.json", manifest)


def limits_csv(result: LimitsResult) -> str:
    """Return the limits as CSV: the numbers behind limit.png."""
    columns: dict[str, Any] = {
        "m_ap_GeV": result.curve.masses,
        "epsilon_0": result.curve.epsilon_0,
    }
    for curve in (result.curve, *result.beside):
        columns |= _curve_columns(curve)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow([f"{value:.6g}" if value is not None else "" for value in row])
    return text.getvalue()


def _combinations_csv(result: LimitsResult, place: int) -> str:
    """Return limits of some of the periods at one mass as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            *("kind", "period", "periods", "m_ap_GeV", "method", "limit", "events", "epsilon"),
        ]
    )
    model, mass = result.models[place], float(result.curve.masses[place])
    for one in compute_combinations(model, result.curve.confidence_level):
        plain = [name.removeprefix("period_") for name in (one.name, *one.channels)]
        shown = "expected" if one.limit.observed is None else "observed"
        # the model has the signal of epsilon = 1
        numbers = [f"{x:.6g}" for x in (one.mu * one.signal, np.sqrt(one.mu))]
        said = (one.kind, plain[0], " ".join(plain[1:]), f"{mass:.6g}", one.limit.method)
        writer.writerow([*said, shown, *numbers])
    return text.getvalue()


def compare_with_published(curve: LimitCurve) -> list[tuple[float, float, float]]:
    """Return mass [GeV], published epsilon and ours over it, at the published points.

    The observed limit is compared, or the expected median while the box is closed;
    interpolated in both logarithms. Points outside the mass grid are left out.
    """
    ours = curve.expected[:, 2] if curve.observed is None else curve.observed
    rows = []
    for mass, epsilon in load_reference("na64_2023").points:
        if curve.masses[0] <= mass <= curve.masses[-1]:
            logs = np.interp(np.log(mass), np.log(curve.masses), np.log(ours))
            rows.append((mass, epsilon, float(np.exp(logs)) / epsilon))
    return rows


def _curve_columns(curve: LimitCurve) -> dict[str, Any]:
    n, name = len(curve.masses), curve.method
    observed = [None] * n if curve.observed is None else curve.observed
    columns: dict[str, Any] = {f"epsilon_observed_{name}": observed}
    if curve.has_expected:
        for i, sigma in enumerate(_SIGMAS):
            columns[f"epsilon_expected_{sigma}_{name}"] = curve.expected[:, i]
    columns[f"events_observed_{name}"] = [limit.observed for limit in curve.event_limits]
    return columns


def _draw_limit(result: LimitsResult, path: Path) -> None:
    eot = sum(result.config.periods[name].eot for name in result.periods)
    simulated = result.box == "opened: simulated events"
    source = "simulated events" if simulated else "published inputs"
    if result.events is not None and not simulated:
        source = "event files, box closed" if result.box == "closed" else "event files"
    with figure(path, 8, 6) as fig:
        plot_limit(
            result.curve,
            fig.add_subplot(),
            beside=result.beside,
            references=[load_reference("na64_2023")],
            title=f"na64ana, {source}\n{_times_ten(eot)} EOT",
        )


def _draw_efficiency(efficiencies: Mapping[str, SignalEfficiency], folder: Path) -> None:
    """Draw the efficiency of all periods together, and write that of each."""
    first = next(iter(efficiencies.values()))
    alike = [one for one in efficiencies.values() if (one.edges == first.edges).all()]
    by_mass = {
        float(mass): [pool(bins) for bins in zip(*(one.by_energy[i] for one in alike), strict=True)]
        for i, mass in enumerate(first.masses)
    }
    periods = " ".join(one.period for one in alike)
    with figure(folder / "efficiency.png", 7, 5) as fig:
        plot_efficiency(
            first.edges, by_mass, fig.add_subplot(), title=f"simulated signal, all cuts, {periods}"
        )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_EFFICIENCY_COLUMNS)
    for name, one in efficiencies.items():
        edges = [*zip(one.edges, one.edges[1:], strict=False)]
        for mass, overall, parts in zip(one.masses, one.overall, one.by_energy, strict=True):
            rows = [((one.edges[0], one.edges[-1]), overall), *zip(edges, parts, strict=True)]
            for (low, high), part in rows:
                writer.writerow(
                    [name, f"{mass:g}", f"{low:g}", f"{high:g}", part.passed, part.total]
                    + [f"{x:.4f}" for x in (part.value, part.low, part.high, one.scale[0])]
                )
    (folder / "efficiency.csv").write_text(text.getvalue(), encoding="utf-8")


def _describe_limit(limit: EventLimit) -> dict[str, Any]:
    """Return the limit on events at the mass of the workspace."""
    return {
        "observed": limit.observed,
        "expected": limit.expected,
        "monte_carlo_error": limit.error,
    }


def _manifest(result: LimitsResult, inputs: dict[str, Any], place: int) -> dict[str, Any]:
    config = result.config.model_dump(mode="json")
    content: dict[str, Any] = {
        "inputs": inputs,
        "versions": package_versions(),
        "configuration_sha256": lineage(config),
        "periods": {name: {"eot": result.config.periods[name].eot} for name in result.periods},
        "box": result.box,
        "confidence_level": result.curve.confidence_level,
        "methods": {
            "headline": result.curve.method,
            "beside": [curve.method for curve in result.beside],
            "toys": {"n": result.config.limits.n_toys, "seed": result.config.limits.seed},
            "marginalised": {"draws": marginalised.N_DRAWS, "seed": marginalised.SEED},
            "notes": list(result.notes),
            "event_limits": {
                curve.method: _describe_limit(curve.event_limits[place])
                for curve in (result.curve, *result.beside)
            },
        },
        "signal": {
            "processes": list(CHANNELS),
            "dark_matter": asdict(result.yields.model.dark_matter),
            "yields_lineage": result.yields.lineage,
            "workspace_m_ap_GeV": float(result.curve.masses[place]),
        },
        "excess": None if result.excess is None else asdict(result.excess),
        "workspace_observations": "expected background" if result.box == "closed" else "observed",
        "background": describe_rows(result.background),
    }
    if result.events is not None:
        run = result.events.run
        content["processor_sha256"] = result.events.selected.processor_sha256
        content["selection_lineage"] = result.events.selected.lineage
        content |= describe_estimate(result.events.background)
        content["shower_templates_sha256"] = result.events.selected.templates
        content["efficiency"] = {
            name: {
                "masses_GeV": one.masses.tolist(),
                "value": one.at(one.masses).tolist(),
                "simulated": [part.value for part in one.overall],
                "annihilation": one.of_annihilation,
                "data_over_simulation": one.scale[0],
                "shape_from": one.shape_from,
                "relative_error": one.relative_error,
            }
            for name, one in result.events.efficiencies.items()
        }
        content["observed"] = result.events.observed
        content["prescale"] = run.prescales()
        content["cut_flow"] = {n: tally.cut_flow.counts() for n, tally in run.tallies.items()}
        content["regions"] = {name: tally.regions for name, tally in run.tallies.items()}
        for name, exposure in run.exposures.items():
            content["periods"][name]["exposure"] = {**asdict(exposure), "eot": exposure.eot}
        for name, files in run.files.items():
            content["periods"][name]["files"] = [
                {
                    "path": str(file.path),
                    "sha256": sha256_file(file.path),
                    "uuid": file.uuid_text,
                    "entries": file.metadata.entries,
                    "eot": file.metadata.eot,
                    "simulated": file.metadata.simulated,
                    "seed": file.metadata.seed,
                    "lineage": file.metadata.lineage,
                }
                for file in files
            ]
    # The time of writing is no input: the same inputs give the same lineage.
    identity = lineage({**content, "periods": _without_paths(content["periods"])})
    return {"lineage": identity, "written": datetime.now(UTC).isoformat(), **content}


def _without_paths(periods: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {
            "eot": p["eot"],
            "files": sorted(f["lineage"] or f["sha256"] for f in p.get("files", [])),
        }
        for name, p in periods.items()
    }


def _times_ten(number: float) -> str:
    r"""Return a number as mathtext, for example $9.37\\times10^{11}$."""
    mantissa, exponent = f"{number:.2e}".split("e")
    return rf"${mantissa}\times10^{{{int(exponent)}}}$"


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
