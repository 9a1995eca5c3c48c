"""The background from tallies: of a run, or of a result on disk."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from na64ana.background.dimuon import (
    SCALE_WINDOW,
    Normalisation,
    Pairs,
    Probe,
    find_energy_scale,
)
from na64ana.background.estimate import (
    BackgroundEstimate,
    PeriodInputs,
    estimate_background,
)
from na64ana.background.upstream import ControlSample
from na64ana.config import Config
from na64ana.cuts.selection import Templates
from na64ana.io.format import EventClass
from na64ana.simulation.classes import dimuons
from na64ana.tally.cut_flow import CLASSES
from na64ana.tally.fill import NO_START, STARTS
from na64ana.tally.muons import NAME, PROBES
from na64ana.tally.tally import Histogram, Tally
from na64ana.workflow.efficiency import CONTROL_MIN, control_sample

Tallies = Mapping[str, Tally]
Prescales = Mapping[str, Mapping[str, int]]

#: Simulated muon pairs for the probability of a loss, and their seed (choices).
N_PAIRS, SEED = 400_000, 1717


def background_of(
    config: Config,
    search: Tallies,
    dimuon: Tallies,
    *,
    eot: Mapping[str, float],
    prescales: Prescales,
    templates: Templates,
    control: ControlSample | None = None,
) -> BackgroundEstimate:
    """Estimate the background of what was selected.

    Parameters
    ----------
    config : Config
    search, dimuon : mapping of str to Tally
        Of ``invisible.py``, blinded, and of ``dimuon.py``, by period.
    eot : mapping of str to float
        Electrons on target that were read.
    prescales : mapping of str to mapping
        Of the classes of simulated events, by period.
    templates : mapping of str to ShowerTemplate
        That the selection was made with.
    control : ControlSample or None
        Upstream interactions, tagged or simulated.

    Raises
    ------
    BackgroundError
        As `estimate_background`.
    """
    inputs = {}
    for name, tally in search.items():
        factors = prescales.get(name, {})
        quiet_veto = config.selection_of(name).veto_quiet is not None
        starts = tally.histograms.get(STARTS) if quiet_veto else None
        pairs = dimuon.get(name)
        inputs[name] = PeriodInputs(
            sideband_c=tally.sideband_c,
            eot=eot[name],
            starts=None if starts is None else _whole(starts.values().sum(axis=1)[:NO_START]),
            weight=1.0 if starts is None else _weight(starts, factors),
            normalisation=None
            if pairs is None
            else _normalise(config, name, pairs, templates, factors.get("dimuon", 1)),
            probes={} if pairs is None else _probes(pairs),
        )
    return estimate_background(config, inputs, simulated_pairs(config), control)


def _weight(starts: Histogram, factors: Mapping[str, int]) -> float:
    """Return how many events one of sideband A stands for, on average over the classes."""
    counts = starts.values()[:NO_START].sum(axis=0)
    weights = np.array([float(factors.get(kind, 1)) for kind in CLASSES])
    return float(counts @ weights / counts.sum()) if counts.sum() else 1.0


@lru_cache(maxsize=4)
def _pairs(trigger: float) -> Pairs:
    """Return simulated pairs, for an edge of the trigger [GeV]."""
    truth = dimuons(np.random.default_rng(SEED), N_PAIRS)
    return Pairs(truth.e_em.astype(float), truth.e_muon.astype(float), trigger)


def simulated_pairs(config: Config) -> Pairs:
    """Return simulated muon pairs."""
    return _pairs(max(row.value.e_ecal_max for row in config.conditions.trigger))


def _normalise(
    config: Config, period: str, measured: Tally, templates: Templates, prescale: int
) -> Normalisation | None:
    """Return number and energy of muon pairs, by the control sample and its simulation."""
    flow = measured.cut_flow.counts()
    selected = flow[measured.cut_flow.cuts[-1]]
    if selected < CONTROL_MIN:
        return None
    simulated = control_sample(config, period, templates.get(period), "dimuon", EventClass.DIMUON)
    counts = simulated.cut_flow.counts()
    names = list(counts)
    kept = counts["hcal_dimuon"]
    before = counts[names[names.index("veto_dimuon") - 1]]
    share = kept / before
    means = [_mean(one.histograms["dimuon_e_ecal"]) for one in (measured, simulated)]
    (data, data_error), (model, model_error) = means
    error = float(np.hypot(data_error, model_error * data / model) / model)
    scale, scale_error = find_energy_scale(data / model, error, simulated_pairs(config))
    return Normalisation(
        selected=selected,
        prescale=prescale,
        efficiency=share,
        efficiency_error=float(np.sqrt(share * (1 - share) / before)),
        energy_scale=scale,
        energy_scale_error=scale_error,
    )


def _mean(histogram: Histogram) -> tuple[float, float]:
    """Return the mean of a spectrum in `SCALE_WINDOW`, and its error."""
    centres, counts = histogram.axes[0].centers, histogram.values()
    inside = (centres > SCALE_WINDOW[0]) & (centres < SCALE_WINDOW[1])
    x, n = centres[inside], counts[inside]
    mean = float((x * n).sum() / n.sum())
    return mean, float(np.sqrt((n * (x - mean) ** 2).sum()) / n.sum())


def _probes(tally: Tally) -> dict[str, Probe]:
    if NAME not in tally.histograms:
        return {}
    counts = tally.histograms[NAME].values()
    return {name: Probe(*_whole(row)) for name, row in zip(PROBES, counts, strict=True)}


def _whole(values: np.typing.NDArray[np.float64]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)
