"""The ECAL energy cut of each period by the mean expected limit, from a blinded result."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from na64ana.background.extrapolation import compute_band
from na64ana.background.table import UPSTREAM, BackgroundTable
from na64ana.errors import BackgroundError
from na64ana.io.atomic import atomic_files
from na64ana.plotting.optimise import plot_scan
from na64ana.plotting.style import figure
from na64ana.signal.response import CHANNELS
from na64ana.stats.interpolation import LARGEST
from na64ana.stats.optimise import Scan, scan_cuts
from na64ana.workflow.bins import fit_of
from na64ana.workflow.stored_background import StoredBackground
from na64ana.workflow.yields import load_yields, response_of

Floats = npt.NDArray[np.float64]

FILES = ("optimise.csv", "optimise.png", "optimise.pdf")
#: Step between cuts [GeV] (choice), and how far below the box the scan begins.
STEP, DEPTH = 1.0, 10.0


@dataclass(frozen=True)
class Optimised:
    """Scans by period, for a dark photon of `mass` [GeV]."""

    mass: float
    scans: dict[str, Scan]
    boxes: dict[str, float]


def optimise(found: StoredBackground, mass: float) -> Optimised:
    """Scan the upper edge of the box of each period, from the present one downwards.

    Above it the box would hold events that were looked at. The upstream background below a cut is
    that of the average of the fits; other sources are taken to be flat in E_ECAL, as decays are.

    Parameters
    ----------
    found : StoredBackground
    mass : float
        Of the A' [GeV].

    Raises
    ------
    BackgroundError
        If no period has a fit of sideband C.
    ModelError
        If the mass lies outside the table of yields.
    """
    config, yields = found.config, load_yields(found.config)
    scans, boxes = {}, {}
    for name in found.result.tallies:
        rows = {row.source: row for row in found.estimate.table.of(name)}
        upstream = rows[UPSTREAM]
        fit = fit_of(found.estimate, upstream)
        if fit is None:
            continue
        edge = config.periods[name].e_ecal_max
        cuts = np.arange(edge - DEPTH, edge + STEP / 2, STEP)
        others = BackgroundTable(tuple(row for row in rows.values() if row.source != UPSTREAM))
        flat = others.total([name])[0] if others.rows else 0.0
        share = upstream.events / fit.events
        bands = np.array([compute_band(fit, np.array([0.0, cut]))[:, 0] for cut in cuts])
        background = share * bands[:, 1] + flat * cuts / edge
        spread = [share * bands[:, i] + flat * cuts / edge for i in (0, 2)]
        factors = np.array([one / background for one in spread]).T
        # a band that is all flat background still has an error, and none is beyond measure
        factors = np.array(
            [
                [np.clip(low, 1 / LARGEST, 0.95), np.clip(high, 1.05, LARGEST)]
                for low, high in factors
            ]
        )
        response, masses = response_of(config, name), np.array([mass])
        eot = found.result.about["exposures"][name]["eot"] * config.periods[name].efficiency
        signal = [
            eot * sum(float(yields.in_box(masses, cut, c, response)[0]) for c in CHANNELS)
            for cut in cuts
        ]
        scans[name] = scan_cuts(
            cuts,
            background,
            factors,
            np.array(signal),
            signal_error=config.limits.signal_error,
            level=config.limits.confidence_level,
        )
        boxes[name] = edge
    if not scans:
        msg = "no period has a fit of sideband C, so the background of no cut is known"
        raise BackgroundError(msg)
    return Optimised(mass, scans, boxes)


def write_optimised(found: Optimised, folder: Path, *, overwrite: bool = False) -> tuple[str, ...]:
    """Write the scans as CSV and a figure into a folder; return the names of the files."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            *("period", "e_ecal_max_GeV", "background", "background_minus", "background_plus"),
            *("signal_epsilon_1", "epsilon_mean_expected"),
        ]
    )
    for name, scan in found.scans.items():
        for cut, b, low, high, signal, limit in zip(
            scan.cuts, scan.background, scan.down, scan.up, scan.signal, scan.limits, strict=True
        ):
            numbers = (cut, b, b * low, b * high, signal, np.sqrt(limit))
            writer.writerow([name, *(f"{x:.6g}" for x in numbers)])
    with atomic_files(folder, FILES, overwrite=overwrite) as staging:
        (staging / "optimise.csv").write_text(text.getvalue(), encoding="utf-8")
        with figure(staging / "optimise.png", 8, 5.5) as fig:
            plot_scan(
                found.scans,
                fig.add_subplot(),
                title=f"mean expected limit on $\\epsilon$, $m_{{A'}}$ = {1e3 * found.mass:g} MeV",
            )
    return FILES
