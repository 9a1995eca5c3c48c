"""What the detector makes of true events: all branches, and the trigger."""

import numpy as np
import numpy.typing as npt

from na64ana.config.models import Simulation
from na64ana.cuts.hcal import compute_r_hcal
from na64ana.cuts.shower import compute_shape
from na64ana.io.format import EventClass, TriggerBit
from na64ana.simulation import ecal, hcal, srd, tracker, veto
from na64ana.simulation.pileup import draw_pileup
from na64ana.simulation.state import State
from na64ana.simulation.template import shower_template
from na64ana.simulation.truth import Arrays, Truth

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
    rng: np.random.Generator, truth: Truth, state: State, choices: Simulation
) -> tuple[Arrays, npt.NDArray[np.bool_]]:
    """Return the measured and true branches of n events, without the numbering of the DAQ.

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

    Returns
    -------
    arrays : dict of str to array
        Branches by name.
    triggered : array (n,)
        Which events the DAQ records.
    """
    n = len(truth)
    pileup = draw_pileup(rng, state.intensity, choices)
    e_srd, t_srd = srd.draw_modules(rng, ~np.isin(truth.kind, HADRONS_AND_MUONS))
    good = ~state.bad[:, None]  # in a bad spill the SRD is off

    position = np.float32(ecal.BEAM_SPOT) * rng.standard_normal((n, 2), dtype=np.float32)
    e_prs_hadron, e_main_hadron, e_modules = hcal.split_hadrons(truth.e_hadron, truth.depth_hadron)
    e_cell, t_cell, e_ecal_true = ecal.measure(
        rng, truth, state, position, (e_prs_hadron, e_main_hadron), pileup.electrons
    )
    halo = pileup.halo.within(choices.window_hcal)
    e_hcal, t_hcal, e_hcal_true = hcal.measure(rng, truth, state, e_modules, halo)
    e_veto, t_veto = veto.measure(rng, truth.n_charged, pileup.halo.within(choices.window_veto))

    e_prs, e_main = e_cell.reshape(n, 2, -1).sum(axis=2).T
    e_ecal = e_prs + e_main
    r_ecal, chi2_shower = compute_shape(e_cell, shower_template())
    online = e_ecal + ONLINE_RESOLUTION * rng.standard_normal(n, dtype=np.float32)
    physics = (e_prs > state.e_prs_min) & (online < state.e_ecal_max)
    beam = truth.kind == EventClass.BEAM_ELECTRON
    arrays: Arrays = {
        "trigger": TriggerBit.PHYSICS * physics + TriggerBit.BEAM * beam,
        "t_master": CLOCK * rng.random(n, dtype=np.float32),
        **tracker.draw_track(rng, truth, state.track_efficiency, pileup.tracks),
        "e_srd_module": e_srd * good,
        "t_srd_module": t_srd * good,
        "e_ecal_cell": e_cell.reshape(n, -1),
        "t_ecal_cell": t_cell.reshape(n, -1),
        "e_prs": e_prs,
        "e_ecal": e_ecal,
        "r_ecal": r_ecal,
        "chi2_shower": chi2_shower,
        "e_veto_pmt": e_veto,
        "t_veto_pmt": t_veto,
        "e_hcal_cell": e_hcal.reshape(n, -1),
        "t_hcal_cell": t_hcal.reshape(n, -1),
        "e_hcal_module": e_hcal.reshape(n, 4, -1).sum(axis=2),
        "r_hcal": compute_r_hcal(e_hcal),
        "class_true": truth.kind,
        "e_ecal_true": e_ecal_true,
        "e_hcal_true": e_hcal_true,
        "e_missing_true": truth.e_missing,
        "x_true": position[:, 0],
        "y_true": position[:, 1],
        "z_true": truth.z,
        "n_pileup_true": pileup.counts(),
    }
    return arrays, physics | beam
