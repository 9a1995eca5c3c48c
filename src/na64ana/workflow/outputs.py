"""Write what `na64ana limits` found: tables, workspace, figures and the manifest."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from na64ana.plotting.limit import plot_limit
from na64ana.plotting.parameters import plot_parameters
from na64ana.plotting.style import figure
from na64ana.provenance import sha256_file
from na64ana.stats.curve import LimitCurve
from na64ana.stats.hs3 import make_hs3
from na64ana.stats.workspace import make_patchset, make_workspace
from na64ana.workflow.background_files import background_csv
from na64ana.workflow.columns import SIGMAS, columns_csv
from na64ana.workflow.details import Details
from na64ana.workflow.figures import draw_plane, draw_sideband, sideband_fits
from na64ana.workflow.limits import EventAnalysis, LimitsResult
from na64ana.workflow.limits_files import LIMITS, MANIFEST, SELECTION
from na64ana.workflow.manifest import make_manifest
from na64ana.workflow.presentation import compare_points, published_limit
from na64ana.workflow.results import write_selected
from na64ana.workflow.signal_outputs import signal_csv, write_efficiencies, write_signal_yields
from na64ana.workflow.stored_limits import describe_limits

Floats = npt.NDArray[np.float64]


def write_outputs(result: LimitsResult, folder: Path, *, inputs: dict[str, Any]) -> tuple[str, ...]:
    """Write all files into an empty folder, and return their names.

    `inputs` (command line, seed) go into the manifest, and the sha256 of all other files.
    """
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
        write_efficiencies(result.events.efficiencies, folder)
        write_selected(result.events.selected, folder, inputs=inputs, name=SELECTION)
        _draw_sidebands(result, result.events, folder)
    compared = None if result.events is None else result.events.background.compared
    text = background_csv(result.background, compared)
    (folder / "background.csv").write_text(text, encoding="utf-8")
    (folder / "signal.csv").write_text(signal_csv(result), encoding="utf-8")
    write_signal_yields(result, folder)
    manifest = make_manifest(result, inputs)
    _write_json(folder / LIMITS, describe_limits(result, manifest["lineage"]))
    names = tuple(sorted(path.name for path in folder.iterdir()))
    outputs = {name: sha256_file(folder / name) for name in names}
    _write_json(folder / MANIFEST, {**manifest, "outputs": outputs})
    return (*names, MANIFEST)


def limits_csv(result: LimitsResult) -> str:
    """Return the limits as CSV: the numbers behind limit.png."""
    return columns_csv(limit_columns(result))


def limit_columns(result: LimitsResult) -> dict[str, Any]:
    """Return the limits of all methods by mass, a column each; None while the box is closed."""
    columns: dict[str, Any] = {
        "m_ap_GeV": result.curve.masses,
        "epsilon_0": result.curve.epsilon_0,
    }
    for curve in (result.curve, *result.beside):
        columns |= _curve_columns(curve)
    return columns


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


def _draw_sidebands(result: LimitsResult, events: EventAnalysis, folder: Path) -> None:
    observed = None
    if events.observed is not None:
        observed = {name: sum(counts) for name, counts in events.observed.items()}
    tallies = events.run.tallies
    fits = sideband_fits(result.config, events.background, tallies)
    for name, (scope, periods) in fits.items():
        draw_sideband(
            events.background,
            scope,
            {period: tallies[period] for period in periods},
            folder / f"{name}.png",
            state=f"signal box {result.box}",
            observed=observed,
        )


def _draw_parameters(details: Details, path: Path) -> None:
    height = 1.6 + 0.32 * max(len(details.parameters), 4)
    with figure(path, 9, height) as fig:
        axes = fig.subplots(1, 2, sharey=True)
        title = f"$m_{{A'}}$ = {1e3 * details.mass:.3g} MeV"
        plot_parameters(details.parameters, axes[0], axes[1], title=title)


def compare_with_published(curve: LimitCurve) -> list[tuple[float, float, float]]:
    """Return mass [GeV], published epsilon and ours over it, at the published points.

    The observed limit is compared, or the expected median while the box is closed.
    """
    return compare_points(curve.masses, curve.headline)


def _curve_columns(curve: LimitCurve) -> dict[str, Any]:
    n, name = len(curve.masses), curve.method
    observed = [None] * n if curve.observed is None else curve.observed
    columns: dict[str, Any] = {f"epsilon_observed_{name}": observed}
    if curve.has_expected:
        for i, sigma in enumerate(SIGMAS):
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
            references=[published_limit()],
            title=f"na64ana, {source}\n{_times_ten(eot)} EOT",
        )


def _times_ten(number: float) -> str:
    r"""Return a number as mathtext, for example $9.37\\times10^{11}$."""
    mantissa, exponent = f"{number:.2e}".split("e")
    return rf"${mantissa}\times10^{{{int(exponent)}}}$"


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
