"""What the detector makes of true events: all branches, and the trigger."""

import numpy as np
import numpy.typing as npt

from na64ana.config.models import Simulation
from na64ana.cuts.template import compute_chi2_shower
from na64ana.io.derived import (
    compute_impact_cell,
    compute_r_ecal,
    compute_r_hcal,
    compute_t_ecal,
    flatten,
)
from na64ana.io.format import EventClass, TriggerBit
from na64ana.simulation import ecal, hcal, srd, tracker, veto
from na64ana.simulation.pileup import Pileup, draw_pileup
from na64ana.simulation.state import State
from na64ana.simulation.template import shower_template
from na64ana.simulation.truth import Arrays, Floats, Truth, take

#: The trigger sums the ECAL in hardware, more coarsely than the reconstruction [GeV] (choice).
ONLINE_RESOLUTION = 1.0
#: Period of the DAQ's clock [ns] (choice): the phase of the master time.
CLOCK = 25.0
#: Particles of the beam that radiate nothing that the SRD sees.
HADRONS_AND_MUONS = (
    EventClass.BEAM_PION,
    EventClass.BEAM_KAON,
    EventClass.BEAM_MUON,
    EventClass.DECAY,
)


def observe(
    rng: np.random.Generator,
    truth: Truth,
    state: State,
    choices: Simulation,
    *,
    triggered: bool = True,
) -> tuple[Arrays, npt.NDArray[np.intp]]:
    """Return the measured and true branches of the events that the DAQ records.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of all random numbers.
    truth : Truth
        The events.
    state : State
        The conditions that hold for them.
    choices : Simulation
        Windows of the read-out.
    triggered : bool
        Whether only triggered events are kept.

    Returns
    -------
    arrays : dict of str to array
        Branches by name, without the numbering of the DAQ.
    kept : array (k,)
        Which events they are.
    """
    n = len(truth)
    pileup = draw_pileup(rng, state.intensity, choices)
    position = np.float32(ecal.BEAM_SPOT) * rng.standard_normal((n, 2), dtype=np.float32)
    e_prs_had, e_main_had, e_modules = hcal.split_hadrons(rng, truth.e_hadron, truth.depth_hadron)
    electrons = pileup.electrons.within(choices.window_ecal)
    hadronic = (e_prs_had, e_main_had)
    e_cell, t_cell, e_ecal_true = ecal.measure(rng, truth, state, position, hadronic, electrons)

    # The ECAL decides; of the other detectors only triggered events are worth the work.
    e_prs, e_main = e_cell.sum(axis=(2, 3)).T
    e_ecal = e_prs + e_main
    online = e_ecal + ONLINE_RESOLUTION * rng.standard_normal(n, dtype=np.float32)
    physics = (e_prs > state.e_prs_min) & (online < state.e_ecal_max)
    beam = truth.kind == EventClass.BEAM_ELECTRON
    kept = np.flatnonzero(physics | beam) if triggered else np.arange(n)
    e_cell, t_cell = e_cell[kept], t_cell[kept]
    arrays: Arrays = {
        "trigger": (TriggerBit.PHYSICS * physics + TriggerBit.BEAM * beam)[kept],
        "e_ecal_cell": flatten(e_cell),
        "t_ecal_cell": flatten(t_cell),
        "e_prs": e_prs[kept],
        "e_ecal": e_ecal[kept],
        "t_ecal": compute_t_ecal(t_cell, e_cell),
        "impact_cell": compute_impact_cell(e_cell),
        "r_ecal": compute_r_ecal(e_cell),
        "chi2_shower": compute_chi2_shower(e_cell, shower_template()),
        "e_ecal_true": e_ecal_true[kept],
        "x_true": position[kept, 0],
        "y_true": position[kept, 1],
    }
    others = _other_detectors(
        rng, take(truth, kept), take(state, kept), e_modules[kept], pileup.of_events(kept), choices
    )
    return arrays | others, kept


def _other_detectors(
    rng: np.random.Generator,
    truth: Truth,
    state: State,
    e_modules: Floats,
    pileup: Pileup,
    choices: Simulation,
) -> Arrays:
    """Return the branches of all detectors but the ECAL."""
    n = len(truth)
    electrons = pileup.electrons.within(choices.window_ecal)
    e_srd, t_srd = srd.draw_modules(rng, ~np.isin(truth.kind, HADRONS_AND_MUONS), electrons)
    e_srd[state.bad] = t_srd[state.bad] = 0  # in a bad spill the SRD is off
    halo = pileup.halo.within(choices.window_hcal)
    e_hcal, t_hcal, e_hcal_true = hcal.measure(rng, truth, state, e_modules, halo)
    e_veto, t_veto = veto.measure(rng, truth.n_charged, pileup.halo.within(choices.window_veto))
    tracks = pileup.tracks(choices.window_tracker)
    return {
        "t_master": CLOCK * rng.random(n, dtype=np.float32),
        **tracker.draw_track(rng, truth, state.track_efficiency, tracks),
        "e_srd_module": e_srd,
        "t_srd_module": t_srd,
        "e_veto_pmt": e_veto,
        "t_veto_pmt": t_veto,
        "e_hcal_cell": flatten(e_hcal),
        "t_hcal_cell": flatten(t_hcal),
        "e_hcal_module": e_hcal.sum(axis=(2, 3)),
        "r_hcal": compute_r_hcal(e_hcal),
        "class_true": truth.kind,
        "e_hcal_true": e_hcal_true,
        "e_missing_true": truth.e_missing,
        "z_true": truth.z,
        "n_pileup_true": pileup.counts(),
    }
