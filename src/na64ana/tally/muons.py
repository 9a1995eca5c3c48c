"""Single muons of the beam, by tag and probe: how rarely SRD, VETO and HCAL are wrong."""

from collections.abc import Sequence

import hist
import numpy as np

from na64ana.config.selection import Selection
from na64ana.cuts.cut import Cut, Mask
from na64ana.cuts.observables import Observables
from na64ana.cuts.srd import srd_electron
from na64ana.tally.tally import Histogram, make_histogram

#: Name of the counts, and the columns of each probe: muons that are tagged, and those of them for
#: which the detector is wrong.
NAME, TAGGED, WRONG = "muon_probes", "tagged", "wrong"
#: The SRD takes a muon for an electron; the VETO misses it; module 0 of the HCAL misses it; modules
#: 1 and 2 both do.
PROBES = ("srd", "veto", "hcal_front", "hcal_rear")


def count_muons(
    cuts: Sequence[Cut],
    thresholds: Selection,
    observables: Observables,
    closed: Mask | None = None,
) -> dict[str, Histogram]:
    """Return how many muons are tagged, and how often each of `PROBES` is wrong.

    The other detectors tag the muon. No event with a quiet HCAL is looked at, as it could lie in
    the signal box: so module 0, and modules 1 and 2, are probed apart.

    Parameters
    ----------
    cuts : sequence of Cut
        On the incoming muon (`make_muon_cuts`); without any, nothing is counted.
    thresholds : Selection
    observables : Observables
    closed : array (n,) or None
        Events that must not be looked at.
    """
    given, veto, srd = thresholds.muon, thresholds.veto_quiet, thresholds.srd_electron
    if not cuts or given is None or veto is None or srd is None:
        return {}
    failed = np.zeros(len(observables), np.uint32)
    if closed is not None:
        failed[closed] = 1
    for cut in cuts:
        cut.mark({name: observables[name] for name in cut.observables}, failed, np.uint32(1))
    muons = observables.take(np.flatnonzero(failed == 0))
    low, high = np.float32(given.e_hcal_module_min), np.float32(given.e_hcal_module_max)
    front, *rear = ((muons[f"e_hcal_{i}"] > low) & (muons[f"e_hcal_{i}"] < high) for i in range(3))
    quiet = np.float32(thresholds.hcal_quiet.e_hcal_max)
    missed = [muons[f"e_hcal_{i}"] < quiet for i in range(3)]
    seen = muons["e_veto"] >= np.float32(veto.e_veto_max)
    whole = front & rear[0] & rear[1]
    tag = srd_electron(srd)
    electron = tag.keep({name: muons[name] for name in tag.observables})
    pairs = {
        "srd": (whole & seen, electron),
        "veto": (whole & ~electron, ~seen),
        "hcal_front": (seen & ~electron & rear[0] & rear[1], missed[0]),
        "hcal_rear": (seen & ~electron & front, missed[1] & missed[2]),
    }
    counts = make_histogram(
        hist.axis.StrCategory(PROBES, name="probe", flow=False),
        hist.axis.StrCategory([TAGGED, WRONG], name="muons", flow=False),
    )
    counts.view()[...] = [[one.sum(), (one & wrong).sum()] for one, wrong in pairs.values()]
    return {NAME: counts}
