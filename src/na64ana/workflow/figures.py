"""Figures of a selection, each with its numbers as CSV."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np

from na64ana.background.estimate import BackgroundEstimate
from na64ana.config import Config
from na64ana.plotting.background import curve_edges, curves, plot_sideband
from na64ana.plotting.plane import DRAWN_HEIGHT, plot_plane
from na64ana.plotting.selection import plot_n_minus_1
from na64ana.plotting.style import figure
from na64ana.tally.cut_flow import CLASSES
from na64ana.tally.fill import n_minus_1_name
from na64ana.tally.regions import signal_box
from na64ana.tally.tally import Histogram, Tally
from na64ana.workflow.results import Result

#: Panels side by side.
COLUMNS = 4


def n_minus_1_names(result: Result) -> tuple[str, ...]:
    """Return the names of the files that `draw_n_minus_1` writes."""
    return tuple(
        f"n_minus_1_{period}{end}" for period in result.tallies for end in (".png", ".pdf", ".csv")
    )


def draw_n_minus_1(result: Result, folder: Path) -> None:
    """Draw the N-1 histograms of each period on one page, and write their counts."""
    for period, tally in result.tallies.items():
        windows = result.windows(period)
        chosen = {
            key: tally.histograms[n_minus_1_name(*key)]
            for key in windows
            if n_minus_1_name(*key) in tally.histograms
        }
        rows = -(-len(chosen) // COLUMNS)
        with figure(folder / f"n_minus_1_{period}.png", 4.4 * COLUMNS, 3.3 * rows + 0.8) as fig:
            axes = fig.subplots(rows, COLUMNS, squeeze=False).ravel()
            for ax, (key, histogram) in zip(axes, chosen.items(), strict=False):
                plot_n_minus_1(histogram, ax, window=windows[key], title=key[0])
            for ax in axes[len(chosen) :]:
                ax.remove()
            labels = {
                label: handle
                for ax in axes[: len(chosen)]
                for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
            }
            fig.legend(labels.values(), labels.keys(), loc="outside lower center", ncols=8)
            fig.suptitle(_title(result, period), x=0.01, ha="left")
        (folder / f"n_minus_1_{period}.csv").write_text(_csv(chosen), encoding="utf-8")


def draw_plane(
    config: Config, tallies: Mapping[str, Tally], prescaled: Iterable[str], path: Path
) -> None:
    """Draw the (E_ECAL, E_HCAL) plane of all periods, with regions, and write its counts.

    Parameters
    ----------
    config : Config
    tallies : mapping of str to Tally
        By period, blinded.
    prescaled : iterable of str
        Periods with prescaled classes.
    path : Path
        Of the figure; the counts stand beside it as CSV.
    """
    planes = {
        stage: reduce(add, (tally.planes[stage] for tally in tallies.values()))
        for stage in ("electron", "selected")
    }
    box = signal_box(config, next(iter(tallies)))
    vmax = max(float(plane.values().max()) for plane in planes.values())
    titles = {"electron": "electron tagged", "selected": "all cuts, box closed"}
    notes = [f"box and strip C are drawn\n{DRAWN_HEIGHT / box.e_hcal_max:g} times too high", ""]
    if periods := ", ".join(prescaled):
        notes[1] = f"diagonal and dimuons\nprescaled in {periods}"
    with figure(path, 12, 5.5) as fig:
        axes = fig.subplots(1, 2, sharey=True)
        for ax, (stage, plane), note in zip(axes, planes.items(), notes, strict=True):
            plot_plane(plane, ax, box=box, vmax=vmax, title=titles[stage])
            ax.text(0.97, 0.96, note, transform=ax.transAxes, ha="right", va="top")
        axes[1].set_ylabel("")
        fig.colorbar(axes[0].collections[0], ax=axes, label="events / GeV$^2$", pad=0.01)
    path.with_suffix(".csv").write_text(_plane_csv(planes), encoding="utf-8")


def sideband_fits(
    config: Config, estimate: BackgroundEstimate, periods: Iterable[str]
) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return the fits of sideband C by a name for a file: scope, and periods that were fitted."""
    there, found = set(periods), {}
    for scope in estimate.upstream.extrapolations:
        members = config.groups().get(scope) or tuple(scope.split(" for ")[0].split("+"))
        name = re.sub(r"[^A-Za-z0-9+-]+", "_", scope)
        found[f"sideband_{name}"] = (scope, tuple(one for one in members if one in there))
    return found


def draw_sideband(
    estimate: BackgroundEstimate,
    scope: str,
    tallies: Mapping[str, Tally],
    path: Path,
    *,
    state: str,
    observed: Mapping[str, int] | None = None,
) -> None:
    """Draw a fit of sideband C with the events of some periods, and write its curves as CSV.

    Parameters
    ----------
    estimate : BackgroundEstimate
    scope : str
        Which of its fits.
    tallies : mapping of str to Tally
        Of the periods that were fitted.
    path : Path
        Of the figure; the numbers stand beside it.
    state : str
        Of the signal box, for the title.
    observed : mapping of str to int, or None
        Events in the box by period; None while it is closed.
    """
    fit, p = estimate.upstream.extrapolations[scope], estimate.upstream.goodness[scope]
    energies = np.concatenate([tally.sideband_c for tally in tallies.values()])
    in_box = None if observed is None else sum(observed.get(name, 0) for name in tallies)
    control = f", {fit.n_control} control events" if fit.n_control else ""
    with figure(path, 8, 6) as fig:
        plot_sideband(
            fit,
            energies,
            fig.add_subplot(),
            title=f"sideband C, {scope}: {fit.n_events} events{control}; fit p = {p:.2f}\n"
            f"{state}, lineage {estimate.table.lineage[:12]}",
            observed=in_box,
        )
    edges = curve_edges(fit)
    columns = {
        "e_ecal_low_GeV": edges[:-1],
        "e_ecal_high_GeV": edges[1:],
        "events": np.where(
            edges[:-1] >= fit.e_ecal_max - 1e-9, np.histogram(energies, edges)[0], np.nan
        ),
        **curves(fit, edges),
    }
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow(["" if np.isnan(value) else f"{value:.6g}" for value in row])
    path.with_suffix(".csv").write_text(text.getvalue(), encoding="utf-8")


def _plane_csv(planes: Mapping[str, Histogram]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["stage", "e_ecal_low_GeV", "e_hcal_low_GeV", "events"])
    for stage, plane in planes.items():
        counts = plane.values()
        x, y = (axis.edges for axis in plane.axes)
        for i, j in np.argwhere(counts):
            writer.writerow([stage, f"{x[i]:g}", f"{y[j]:g}", int(counts[i, j])])
    return text.getvalue()


def _title(result: Result, period: str) -> str:
    about = result.about
    kind = "simulated events, stacked" if about["simulated"][period] else "measured events"
    box = "box closed, missing_energy not asked" if about["blinded"] else "box open"
    eot = f"{about['exposures'][period]['eot']:.3g} EOT"
    return f"N-1, period {period}, {eot}, {kind}, {box}; lineage {about['lineage'][:12]}"


def _csv(histograms: dict[tuple[str, str], Histogram]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["cut", "observable", "low", "high", "class", "events"])
    for (cut, name), histogram in histograms.items():
        counts, edges = histogram.values(flow=True), histogram.axes[0].edges
        low, high = np.append(-np.inf, edges), np.append(edges, np.inf)
        for i, j in np.argwhere(counts):
            row = [cut, name, f"{low[i]:g}", f"{high[i]:g}", CLASSES[j], int(counts[i, j])]
            writer.writerow(row)
    return text.getvalue()
