"""The signal efficiency: simulated signal, corrected by what calibration events and dimuons say."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from na64ana.config import Config
from na64ana.constants import BEAM_ENERGY
from na64ana.cuts.observables import Observables
from na64ana.cuts.selection import apply_cuts, make_context, make_cuts
from na64ana.cuts.template import ShowerTemplate
from na64ana.errors import LimitError
from na64ana.io.chunk import ArrayChunk
from na64ana.io.format import EventClass
from na64ana.processing.processors import load_processor, processor_path
from na64ana.signal.response import Channel
from na64ana.signal.sampling import sample_annihilation, sample_bremsstrahlung
from na64ana.simulation.classes import Signal
from na64ana.simulation.events import make_events
from na64ana.simulation.plan import Plan
from na64ana.tally.efficiency import Efficiency
from na64ana.tally.tally import Tally
from na64ana.workflow.progress import Progress, silent
from na64ana.workflow.selection import Calibrated
from na64ana.workflow.yields import load_yields, response_of, yield_model

Floats = npt.NDArray[np.float64]

#: Masses [GeV] of the simulated signal; between them the efficiency hardly changes.
MASSES = (0.001, 0.01, 0.1, 1.0)
#: Mass [GeV] at which annihilation is simulated: at the resonance of shower positrons.
RESONANT_MASS = 0.25
#: Simulated dark photons per mass and period, about, and events of each control sample (choices).
N_SIGNAL, N_CONTROL = 4000, 5000
#: Bins of the energy of the dark photon (choice), and how far below the threshold of missing
#: energy dark photons are made [GeV]: resolution moves hardly any over four standard deviations.
N_BINS, MARGIN = 11, 5.0
#: Fewest events of a control sample that say something of the simulation (choice).
CONTROL_MIN = 100
#: Seed of the simulated signal; a choice, and not that of simulated data.
SEED = 1913


@dataclass(frozen=True)
class SignalEfficiency:
    """Efficiency of the cuts for dark photons that trigger and have the missing energy.

    Attributes
    ----------
    period : str
    masses : array (k,)
        Masses of the A' [GeV].
    overall : tuple of Efficiency
        One per mass, by simulation: of those that trigger and lie in the box as the yields count
        them, with resolution and preshower, but without pile-up.
    pooled : tuple of Efficiency
        The same of all periods together whose threshold of missing energy is the same.
    annihilation : tuple of Efficiency
        Of dark photons of `RESONANT_MASS` that positrons make: in the period, and pooled.
    edges : array (bins + 1,)
        Energies of the A' [GeV].
    by_energy : tuple of tuple of Efficiency
        By mass and energy of the A': of all that are made, trigger and missing energy included.
    cut_flow : tuple of dict of str to int
        By mass: simulated A', then those that pass each cut and all before.
    beam : tuple of Efficiency
        Of calibration electrons, for all cuts but `SHAPE_CUTS`: in the data, in the simulation.
    shape : tuple of Efficiency
        Of `SHAPE_CUTS`, in the data and in the simulation, for showers in `shape_from`:
        ``"dimuons"``, whose electron lost energy like that of a signal, or, if these are few,
        ``"electrons"`` of the beam.
    """

    period: str
    masses: Floats
    overall: tuple[Efficiency, ...]
    pooled: tuple[Efficiency, ...]
    annihilation: tuple[Efficiency, Efficiency]
    edges: Floats
    by_energy: tuple[tuple[Efficiency, ...], ...]
    cut_flow: tuple[dict[str, int], ...]
    beam: tuple[Efficiency, Efficiency]
    shape: tuple[Efficiency, Efficiency]
    shape_from: Literal["dimuons", "electrons"]

    @cached_property
    def scale(self) -> tuple[float, float]:
        """Data over simulation, and its relative error; 1 where the data have no control sample."""
        pairs = [
            pair
            for pair in (self.beam, self.shape)
            if min(one.passed for one in pair) >= CONTROL_MIN
        ]
        factor = float(np.prod([data.value / simulated.value for data, simulated in pairs]))
        errors = [one.relative_error for pair in pairs for one in pair]
        return factor, float(np.sqrt(np.square(errors).sum()))

    def at(self, masses: Floats) -> Floats:
        """Return the efficiency ``(n,)`` of bremsstrahlung at masses [GeV], linear in ln m.

        How it depends on the mass, through energy and depth of the dark photon, is a matter of the
        ECAL, the same in all periods, and taken from the pooled sample; the period scales it.
        """
        values = [one.value for one in self.pooled]
        return self._level * np.interp(np.log(masses), np.log(self.masses), values)

    @property
    def of_annihilation(self) -> float:
        """The efficiency for dark photons that positrons make, whatever their mass."""
        return self._level * self.annihilation[1].value

    @property
    def _level(self) -> float:
        """The period over the pooled sample, and data over simulation."""
        return self.scale[0] * pool(self.overall).value / pool(self.pooled).value

    @property
    def relative_error(self) -> float:
        """Relative error from the numbers of events."""
        pooled = max(one.relative_error for one in self.pooled)
        return float(np.hypot(np.hypot(self.scale[1], pool(self.overall).relative_error), pooled))


def pool(parts: Iterable[Efficiency]) -> Efficiency:
    """Return the efficiency of all events together."""
    parts = tuple(parts)
    return Efficiency.of(sum(one.passed for one in parts), sum(one.total for one in parts))


def signal_efficiencies(
    config: Config, calibrated: Calibrated, progress: Progress = silent
) -> dict[str, SignalEfficiency]:
    """Return the signal efficiency of each period.

    Parameters
    ----------
    config : Config
    calibrated : Calibrated
        Templates and control samples of the data.
    progress : Progress
    """
    alone: dict[str, SignalEfficiency] = {}
    periods = tuple(calibrated.calibrations)
    for done, name in enumerate(periods):
        progress("simulating the signal", done, len(periods))
        alone[name] = signal_efficiency(config, name, calibrated)
    progress("simulating the signal", len(periods), len(periods))
    pooled = {}
    for name, one in alone.items():
        alike = [other for other in alone.values() if (other.edges == one.edges).all()]
        parts = zip(*(other.overall for other in alike), strict=True)
        resonant = one.annihilation[0], pool(other.annihilation[0] for other in alike)
        pooled[name] = replace(
            one, pooled=tuple(pool(part) for part in parts), annihilation=resonant
        )
    return pooled


def signal_efficiency(config: Config, period: str, calibrated: Calibrated) -> SignalEfficiency:
    """Return the signal efficiency of a period by itself.

    Parameters
    ----------
    config : Config
    period : str
    calibrated : Calibrated
        Template and control samples of the data.
    """
    # The electrons on target of bad spills are taken off; the signal must not lose them again.
    conditions = config.conditions.model_copy(update={"bad_spills": ()})
    config = config.model_copy(update={"conditions": conditions})
    template = calibrated.templates.get(period)
    edges = np.linspace(_least_energy(config, period), BEAM_ENERGY, N_BINS + 1)
    overall, by_energy, flows = [], [], []
    for i, mass in enumerate(MASSES):
        e_ap, n_passed, names = _simulate(config, period, template, mass, SEED + i)
        passed = n_passed == len(names)
        overall.append(_efficiency_in_box(config, period, mass, passed, "bremsstrahlung"))
        inside = np.clip(e_ap, edges[0], edges[-1])  # the spread of the beam moves some beyond
        total, kept = (np.histogram(e, edges)[0] for e in (inside, inside[passed]))
        by_energy.append(
            tuple(Efficiency.of(int(k), int(n)) for k, n in zip(kept, total, strict=True))
        )
        left = [int((n_passed > j).sum()) for j in range(len(names))]
        flows.append({"signal": len(e_ap), **dict(zip(names, left, strict=True))})
    _, n_passed, names = _simulate(
        config, period, template, RESONANT_MASS, SEED + len(MASSES), "annihilation"
    )
    resonant = _efficiency_in_box(
        config, period, RESONANT_MASS, n_passed == len(names), "annihilation"
    )
    reference = {
        name: control_sample(config, period, template, name, kind)
        for name, kind in (
            ("calibration", EventClass.BEAM_ELECTRON),
            ("dimuon", EventClass.DIMUON),
        )
    }
    beam = (calibrated.beam.run.tallies[period], reference["calibration"])
    dimuon = (calibrated.dimuon.run.tallies[period], reference["dimuon"])
    enough = dimuon[0].cut_flow[dimuon[0].cut_flow.cuts[-1]] >= CONTROL_MIN
    return SignalEfficiency(
        period=period,
        masses=np.array(MASSES),
        overall=tuple(overall),
        pooled=tuple(overall),
        annihilation=(resonant, resonant),
        edges=edges,
        by_energy=tuple(by_energy),
        cut_flow=tuple(flows),
        beam=(_efficiency_without_shape(beam[0]), _efficiency_without_shape(beam[1])),
        shape=(
            _shape_efficiency((dimuon if enough else beam)[0]),
            _shape_efficiency((dimuon if enough else beam)[1]),
        ),
        shape_from="dimuons" if enough else "electrons",
    )


def _simulate(
    config: Config,
    period: str,
    template: ShowerTemplate | None,
    mass: float,
    seed: int,
    channel: Channel = "bremsstrahlung",
) -> tuple[Floats, npt.NDArray[np.uint8], tuple[str, ...]]:
    """Return the energies of dark photons [GeV], how many cuts each passes, and the cuts."""
    rng = np.random.default_rng([seed, *period.encode()])
    least = _least_energy(config, period)
    if channel == "bremsstrahlung":
        e_ap, depth = sample_bremsstrahlung(rng, N_SIGNAL, mass, e_miss_min=least)
    else:
        dark_matter = yield_model(config).dark_matter
        e_ap, depth = sample_annihilation(rng, N_SIGNAL, mass, dark_matter, e_miss_min=least)
    signal = Signal(e_ap.astype(np.float32), depth.astype(np.float32), expected=N_SIGNAL)
    plan = Plan(config, period, seed, signal, (EventClass.SIGNAL,), triggered=False)
    arrays, _ = make_events(plan)
    templates = {} if template is None else {period: template}
    context, cuts = make_context(config, period, templates), make_cuts(config, period)
    passed = apply_cuts(cuts, Observables(arrays, context, len(arrays["event"])))
    energy = arrays["e_missing_true"].astype(np.float64)
    return energy, passed.n_passed, tuple(cut.name for cut in cuts)


def _efficiency_in_box(
    config: Config, period: str, mass: float, passed: npt.NDArray[np.bool_], channel: Channel
) -> Efficiency:
    """Return the share of simulated dark photons that pass, of those that yields have in the box.

    Raises
    ------
    LimitError
        If none passes.
    """
    n = int(passed.sum())
    if not n:
        msg = (
            f"period {period}: none of {len(passed)} simulated signal events of {mass:g} GeV "
            "passes the cuts; loosen them"
        )
        raise LimitError(msg)
    yields, masses = load_yields(config), np.array([mass])
    edge, response = config.periods[period].e_ecal_max, response_of(config, period)
    in_box = yields.in_box(masses, edge, channel, response)
    made = yields.above(masses, _least_energy(config, period), channel)
    return Efficiency.of(n, max(round(len(passed) * float(in_box[0] / made[0])), n))


def _least_energy(config: Config, period: str) -> float:
    return BEAM_ENERGY - config.periods[period].e_ecal_max - MARGIN


def control_sample(
    config: Config, period: str, template: ShowerTemplate | None, name: str, kind: EventClass
) -> Tally:
    """Return the tally of a simulated control sample."""
    some = {"max_events": N_CONTROL, "max_beam_events": N_CONTROL}
    small = replace_simulation(config, **some)
    arrays, _ = make_events(Plan(small, period, SEED, classes=(kind,)))
    templates = {} if template is None else {period: template}
    processor = load_processor(processor_path(name), config, blinded=True, templates=templates)
    return processor.process(ArrayChunk(arrays, period))[period]


def replace_simulation(config: Config, **changes: int) -> Config:
    """Return a configuration with other numbers of simulated events."""
    simulation = config.simulation.model_copy(update=changes)
    return config.model_copy(update={"simulation": simulation})


def _shape_efficiency(tally: Tally) -> Efficiency:
    """Return the share of events that pass `SHAPE_CUTS`, of those that pass all others."""
    without, passed = (int(n) for n in tally.histograms["shape"].values())
    return Efficiency.of(passed, without)


def _efficiency_without_shape(tally: Tally) -> Efficiency:
    """Return the share of calibration electrons that pass all cuts but `SHAPE_CUTS`."""
    without, _ = (int(n) for n in tally.histograms["shape"].values())
    return Efficiency.of(without, tally.cut_flow["clean_spill"])
