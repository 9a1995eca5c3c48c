"""Write what `na64ana limits` found: tables, workspace, figures and the manifest."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from na64ana.config.reference import load_reference
from na64ana.plotting.efficiency import plot_efficiency
from na64ana.plotting.limit import plot_limit
from na64ana.plotting.parameters import plot_parameters
from na64ana.plotting.style import figure
from na64ana.stats.curve import LimitCurve
from na64ana.stats.hs3 import make_hs3
from na64ana.stats.workspace import make_patchset, make_workspace
from na64ana.workflow.details import Details
from na64ana.workflow.efficiency import SignalEfficiency, pool
from na64ana.workflow.figures import draw_plane
from na64ana.workflow.limits import LimitsResult
from na64ana.workflow.manifest import make_manifest
from na64ana.workflow.stored_limits import describe_limits

FILES = (
    *("limits.csv", "limit.png", "limit.pdf", "combinations.csv"),
    *("parameters.csv", "parameters.png", "parameters.pdf"),
    *("workspace.json", "patchset.json", "hs3.json", "limits.json", "manifest.json"),
)
#: Written too when there are event files.
EVENT_FILES = tuple(
    f"{stem}{end}" for stem in ("plane", "efficiency") for end in (".png", ".pdf", ".csv")
)
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
    (folder / "combinations.csv").write_text(_combinations_csv(result.details), encoding="utf-8")
    (folder / "parameters.csv").write_text(_parameters_csv(result.details), encoding="utf-8")
    _draw_parameters(result.details, folder / "parameters.png")
    workspace = make_workspace(result.details.model.unit())
    _write_json(folder / "workspace.json", workspace)
    patchset = make_patchset(workspace, result.models, result.curve.masses.tolist())
    _write_json(folder / "patchset.json", patchset)
    _write_json(folder / "hs3.json", make_hs3(workspace))
    _draw_limit(result, folder / "limit.png")
    if result.events is not None:
        run = result.events.run
        draw_plane(result.config, run.tallies, run.prescales(), folder / "plane.png")
        _draw_efficiency(result.events.efficiencies, folder)
    manifest = make_manifest(result, inputs)
    _write_json(folder / "limits.json", describe_limits(result, manifest["lineage"]))
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


def _combinations_csv(details: Details) -> str:
    """Return limits of some of the periods at one mass as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["kind", "period", "periods", "m_ap_GeV", "method", "limit", "events", "epsilon"]
    )
    for one in details.combinations:
        plain = [name.removeprefix("period_") for name in (one.name, *one.channels)]
        shown = "expected" if one.limit.observed is None else "observed"
        # the model has the signal of epsilon = 1
        numbers = [f"{x:.6g}" for x in (one.mu * one.signal, np.sqrt(one.mu))]
        said = (one.kind, plain[0], " ".join(plain[1:]), f"{details.mass:.6g}", one.limit.method)
        writer.writerow([*said, shown, *numbers])
    return text.getvalue()


def _parameters_csv(details: Details) -> str:
    """Return pulls and impacts at one mass as CSV; impacts on epsilon are relative."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            *("parameter", "pull", "error", "pull_at_limit"),
            *("signal_events_minus", "signal_events_plus", "epsilon_minus", "epsilon_plus"),
        ]
    )
    for one in details.parameters:
        epsilon = [np.sqrt(1 + change) - 1 for change in one.limit]
        numbers = (one.pull, one.error, one.pull_at_limit, *one.signal, *epsilon)
        writer.writerow([one.name, *(f"{x:.6g}" for x in numbers)])
    return text.getvalue()


def _draw_parameters(details: Details, path: Path) -> None:
    height = 1.6 + 0.32 * max(len(details.parameters), 4)
    with figure(path, 9, height) as fig:
        axes = fig.subplots(1, 2, sharey=True)
        title = f"$m_{{A'}}$ = {1e3 * details.mass:.3g} MeV"
        plot_parameters(details.parameters, axes[0], axes[1], title=title)


def compare_with_published(curve: LimitCurve) -> list[tuple[float, float, float]]:
    """Return mass [GeV], published epsilon and ours over it, at the published points.

    The observed limit is compared, or the expected median while the box is closed;
    interpolated in both logarithms. Points outside the mass grid are left out.
    """
    rows = []
    for mass, epsilon in load_reference("na64_2023").points:
        if curve.masses[0] <= mass <= curve.masses[-1]:
            logs = np.interp(np.log(mass), np.log(curve.masses), np.log(curve.headline))
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


def _times_ten(number: float) -> str:
    r"""Return a number as mathtext, for example $9.37\\times10^{11}$."""
    mantissa, exponent = f"{number:.2e}".split("e")
    return rf"${mantissa}\times10^{{{int(exponent)}}}$"


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
