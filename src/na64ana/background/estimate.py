"""From what the control samples and sidebands of all periods hold to the background table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from na64ana.background.decays import estimate_decays
from na64ana.background.dimuon import Normalisation, Pairs, Probe, estimate_dimuon
from na64ana.background.punch_through import estimate_punch_through
from na64ana.background.table import (
    DECAY,
    DIMUON,
    PUNCH_THROUGH,
    UPSTREAM,
    BackgroundRow,
    BackgroundTable,
    Estimate,
    published_rows,
)
from na64ana.background.upstream import ControlSample, Upstream, estimate_upstream
from na64ana.config import Config

#: What is said of a source that could not be estimated.
_MISSING = {
    DIMUON: "too few muon pairs, or no single muons (selection: muon, veto_quiet, srd_electron)",
    PUNCH_THROUGH: "no sideband A with a quiet VETO",
}


@dataclass(frozen=True)
class PeriodInputs:
    """What was counted in a period; what is None was not.

    Attributes
    ----------
    sideband_c : sequence of float
        E_ECAL [GeV] of its events.
    eot : float
        Electrons on target that were read.
    starts : tuple of int or None
        Events of sideband A by the first HCAL module that shows energy.
    weight : float
        Events that one of them stands for (prescale).
    normalisation : Normalisation or None
        Of the muon pairs.
    probes : dict of str to Probe
        Single muons and what misses them (`na64ana.tally.muons.PROBES`).
    """

    sideband_c: Sequence[float]
    eot: float
    starts: tuple[int, ...] | None = None
    weight: float = 1.0
    normalisation: Normalisation | None = None
    probes: Mapping[str, Probe] = field(default_factory=dict)


@dataclass(frozen=True)
class BackgroundEstimate:
    """The background, and what it is made of.

    Attributes
    ----------
    table : BackgroundTable
        What counts.
    compared : BackgroundTable
        Other numbers of the same sources, which do not: published where the table has its own,
        computed where the published ones count.
    upstream : Upstream
        The fits of sideband C.
    notes : tuple of str
        What was missing or too few, and what was done instead.
    """

    table: BackgroundTable
    compared: BackgroundTable
    upstream: Upstream
    notes: tuple[str, ...]


def estimate_background(
    config: Config,
    inputs: Mapping[str, PeriodInputs],
    pairs: Pairs | None = None,
    control: ControlSample | None = None,
) -> BackgroundEstimate:
    """Estimate the background of each period from its own data, where there are any.

    Sideband C gives the upstream interactions, sideband A the punch-through, pairs and single muons
    the dimuon losses, and composition of the beam and SRD the decays. Sources that the data say
    nothing of are published numbers, divided by EOT.

    Parameters
    ----------
    config : Config
    inputs : mapping of str to PeriodInputs
        By period.
    pairs : Pairs or None
        Simulated muon pairs, for the energies of the muons.
    control : ControlSample or None
        Upstream interactions, tagged or simulated.

    Raises
    ------
    BackgroundError
        If the fit range begins inside the box.
    """
    sidebands = {name: one.sideband_c for name, one in inputs.items()}
    eot = {name: one.eot for name, one in inputs.items()}
    upstream = estimate_upstream(config, sidebands, control, eot)
    notes = list(upstream.notes)
    starts = _all_starts(inputs)
    counted: list[BackgroundRow] = []
    compared: list[BackgroundRow] = []
    for name, one in inputs.items():
        group = config.periods[name].group
        own = {UPSTREAM: upstream.rows[name]}
        made = _computed(config, name, one, _pooled(config, inputs, name), pairs, starts)
        own |= {
            source: BackgroundRow(name, source, estimate, _scope(source, name, group))
            for source, estimate in made.items()
        }
        notes += [f"{name}: {_MISSING[s]}; published" for s in _MISSING if s not in made]
        published = {row.source: row for row in published_rows(config, name, one.eot)}
        for source in dict.fromkeys([*published, *own]):
            rows = [rows[source] for rows in (own, published) if source in rows]
            if source == DECAY and config.background.decays == "published":
                rows.reverse()
            counted.append(rows[0])
            compared += [row for row in rows[1:] if row != rows[0]]
    return BackgroundEstimate(
        BackgroundTable(tuple(counted)), BackgroundTable(tuple(compared)), upstream, tuple(notes)
    )


def _computed(
    config: Config,
    name: str,
    one: PeriodInputs,
    probes: Mapping[str, Probe],
    pairs: Pairs | None,
    starts: tuple[int, ...],
) -> dict[str, Estimate]:
    """Return the estimates of a period, beside sideband C, by source."""
    period, beam = config.periods[name], config.background.beam
    made: dict[str, Estimate] = {}
    if one.starts is not None:
        made[PUNCH_THROUGH] = estimate_punch_through(starts, sum(one.starts), one.weight)
    if one.normalisation is not None and pairs is not None and probes:
        made[DIMUON] = estimate_dimuon(
            one.normalisation,
            pairs,
            probes["veto"],
            probes["hcal_front"],
            probes["hcal_rear"],
            period.e_ecal_max,
        )
    if beam is not None and probes:
        made[DECAY] = estimate_decays(
            one.eot, period.efficiency, beam, probes["srd"], period.e_ecal_max
        )
    return made


def _scope(source: str, period: str, group: str) -> str:
    """Return who shares an error: single muons belong to a group, beam and HCAL to all periods."""
    return {DIMUON: group, DECAY: "all", PUNCH_THROUGH: "all"}.get(source, period)


def _all_starts(inputs: Mapping[str, PeriodInputs]) -> tuple[int, ...]:
    """Return the starts of all periods together: how thick the HCAL is does not change."""
    rows = [one.starts for one in inputs.values() if one.starts is not None]
    return tuple(sum(column) for column in zip(*rows, strict=True))


def _pooled(config: Config, inputs: Mapping[str, PeriodInputs], name: str) -> dict[str, Probe]:
    """Return the muons of all periods of a group: detectors are the same, numbers are small."""
    group = config.groups()[config.periods[name].group]
    found = [inputs[other].probes for other in group if other in inputs]
    return {
        probe: Probe(
            sum(one[probe].tagged for one in found if probe in one),
            sum(one[probe].missed for one in found if probe in one),
        )
        for probe in dict.fromkeys(key for one in found for key in one)
    }
