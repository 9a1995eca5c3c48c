"""What calibration events tell: the shower template, efficiencies, thresholds, pile-up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import hist
import numpy as np
import numpy.typing as npt

from na64ana.cuts.template import EDGES, ENERGIES, SIDE, STEPS, ShowerTemplate
from na64ana.errors import DataError
from na64ana.tally.efficiency import Efficiency
from na64ana.tally.tally import Histogram, Tally, make_histogram

#: Fewest showers of an energy, and of one impact cell, that get a mean of their own (choice).
SHOWERS_MIN = 50
#: Fewest electrons of a calibration (choice).
ELECTRONS_MIN = 200
#: Cuts that define the sample of calibration electrons, in order.
_TAGS = ("beam_trigger", "full_energy", "clean_spill")
#: Name of the histogram that a template is made of.
SHOWERS = "showers"
#: Names of the spectra around zero, with axes fine enough for the noise.
ZERO_AXES = {
    "e_veto": hist.axis.Regular(400, 0, 0.04, name="e_veto", label="$E_{VETO}$ [GeV]"),
    "e_hcal": hist.axis.Regular(400, 0, 4, name="e_hcal", label="$E_{HCAL}$ [GeV]"),
}


@dataclass(frozen=True)
class Calibration:
    """What the calibration of a period found.

    Attributes
    ----------
    period : str
    electrons : int
        Electrons of the beam that pass all cuts.
    efficiencies : dict of str to Efficiency
        Of each cut, for events that pass all others; of the cuts on VETO and HCAL, which other
        particles fail together, for events that pass all but these.
    overall : Efficiency
        Of all cuts together, for triggered particles of full energy in good spills.
    thresholds : dict of str to float
        What the data suggest [GeV]: a VETO panel and the HCAL are quiet below the pedestal plus
        five standard deviations; 1 % of the electrons leave less, 1 % more in the SRD.
    pileup : dict of str to float
        Other particles per event in the windows of tracker, VETO and HCAL, from the share of
        events without.
    """

    period: str
    electrons: int
    efficiencies: dict[str, Efficiency]
    overall: Efficiency
    thresholds: dict[str, float]
    pileup: dict[str, float]


def make_showers(sums: npt.NDArray[np.int64]) -> Histogram:
    """Return the sums of `na64ana.cuts.template.sum_showers` as a histogram that adds."""
    cells, _, pixels, moments = sums.shape
    filled = make_histogram(
        hist.axis.Integer(0, cells, name="impact_cell", label="impact cell, 6 x + y", flow=False),
        hist.axis.Variable(EDGES, name="e_ecal", label="$E_{ECAL}$ [GeV]", flow=False),
        hist.axis.Integer(0, pixels, name="pixel", label="cell of the window", flow=False),
        hist.axis.Integer(0, moments, name="moment", label="number, sum, squares", flow=False),
    )
    filled.view()[...] = sums
    return filled


def make_template(period: str, tallies: Sequence[Tally], noise: float) -> ShowerTemplate:
    """Return the mean electron shower of a period.

    Electrons of the beam give it at full energy, muon pairs, whose electron lost a part of its
    energy to a hard photon, below. Energies with fewer than `SHOWERS_MIN` showers look as the next
    higher one.

    Parameters
    ----------
    period : str
    tallies : sequence of Tally
        Of the processors calibration and dimuon.
    noise : float
        Of a cell [GeV]: the least width, of cells that are mostly empty.

    Raises
    ------
    DataError
        If there are too few electrons.
    """
    sums = sum(tally.histograms[SHOWERS].values() for tally in tallies)
    numbers = np.asarray(sums, np.float64)
    at_beam = numbers[:, -1, 2 * SIDE**2 // 4, 0]  # the middle of the window always exists
    if at_beam.sum() < ELECTRONS_MIN:
        msg = (
            f"period {period}: {at_beam.sum():.0f} calibration electrons, {ELECTRONS_MIN} are "
            "needed for a shower template; give files with beam triggers, or set energies_from: "
            "scalars in its selection"
        )
        raise DataError(msg)
    chosen = np.flatnonzero(at_beam >= SHOWERS_MIN)
    row = np.zeros(len(numbers), np.int64)
    row[chosen] = np.arange(1, len(chosen) + 1)
    mean, width = _moments(numbers.sum(axis=0), None, noise)
    rows = [(mean, width), *(_moments(numbers[cell], (mean, width), noise) for cell in chosen)]
    return ShowerTemplate(
        period=period,
        energy=ENERGIES.astype(np.float32),
        row=row,
        mean=np.stack([one for one, _ in rows]).astype(np.float32),
        width=np.stack([other for _, other in rows]).astype(np.float32),
    )


def _moments(
    numbers: npt.NDArray[np.float64],
    everywhere: tuple[npt.NDArray[Any], npt.NDArray[Any]] | None,
    noise: float,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and width ``(k, 50)`` of sums ``(k, 50, 3)``, from the highest energy down."""
    count = numbers[..., 0]
    n = np.maximum(count, 1)
    mean = numbers[..., 1] / n / STEPS
    variance = np.maximum(numbers[..., 2] / n / STEPS**2 - mean**2, 0)
    width = np.hypot(np.sqrt(variance), noise / ENERGIES[:, None])
    few = count.max(axis=1) < SHOWERS_MIN
    # A cell beyond the edge of the matrix has no shower; it is never asked.
    for k in range(len(ENERGIES) - 1, -1, -1):
        if few[k] and everywhere is not None:
            mean[k], width[k] = everywhere[0][k], everywhere[1][k]
        elif few[k] and k + 1 < len(ENERGIES):
            mean[k], width[k] = mean[k + 1], width[k + 1]
    return mean, width


def summarise(period: str, tally: Tally) -> Calibration:
    """Return what the tally of the calibration processor says."""
    flow = tally.cut_flow
    passed = flow[flow.cuts[-1]]
    lost = {row.cut: row.only or 0 for row in flow.rows()[1:] if row.cut not in _TAGS}
    counts = tally.histograms["quiet"]
    behind = {str(name): int(n) for name, n in zip(counts.axes[0], counts.values(), strict=True)}
    sample = behind.pop("sample")
    quiet = {name: tally.histograms[f"zero_{name}"] for name in ZERO_AXES}
    efficiencies = {cut: Efficiency.of(passed, passed + only) for cut, only in lost.items()}
    efficiencies |= {cut: Efficiency.of(n, sample) for cut, n in behind.items()}
    return Calibration(
        period=period,
        electrons=passed,
        efficiencies=efficiencies,
        overall=Efficiency.of(passed, flow[_TAGS[-1]]),
        thresholds={
            "e_veto_max": _pedestal(quiet["e_veto"]),
            "e_hcal_max": _pedestal(quiet["e_hcal"]),
            "e_srd_min": _quantile(tally.histograms["electron_e_srd"], 0.01),
            "e_srd_max": _quantile(tally.histograms["electron_e_srd"], 0.99),
        },
        pileup={
            detector: -float(np.log(efficiencies[cut].value))
            for detector, cut in (
                ("tracker", "no_multiple_hits"),
                ("VETO", "veto_quiet"),
                ("HCAL", "hcal_quiet"),
            )
            if cut in efficiencies and efficiencies[cut].passed
        },
    )


def _quantile(histogram: Histogram, share: float) -> float:
    """Return the value below which a share of the entries lies, linear inside bins."""
    counts = histogram.values()
    if not counts.sum():
        return float("nan")
    cumulative = np.concatenate([[0], np.cumsum(counts)]) / counts.sum()
    return float(np.interp(share, cumulative, histogram.axes[0].edges))


def _pedestal(histogram: Histogram) -> float:
    """Return the median of quiet events and five times the distance to the 84 % quantile."""
    middle, upper = _quantile(histogram, 0.5), _quantile(histogram, 0.8413)
    return middle + 5 * (upper - middle)
