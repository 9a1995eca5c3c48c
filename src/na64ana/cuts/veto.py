"""Charged particles behind the ECAL."""

import numpy as np
import numpy.typing as npt

from na64ana.config.selection import VetoQuiet
from na64ana.cuts.cut import Columns, Cut, Mask

#: PMTs of a panel that differ by more than this, relative to the larger one, are not averaged.
PMT_ASYMMETRY_MAX = 0.3


def compute_e_veto(e_veto_pmt: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the energy [GeV] of the largest VETO panel.

    A panel is the geometric mean of its two PMTs, or the larger one where they differ by more
    than `PMT_ASYMMETRY_MAX` of it.

    Parameters
    ----------
    e_veto_pmt : array (n, 6)
        Energies [GeV]; PMTs 2i and 2i + 1 look at panel i.

    Returns
    -------
    array (n,)
    """
    panels = e_veto_pmt.reshape(-1, 3, 2)
    first, second = panels[..., 0], panels[..., 1]
    larger = np.maximum(first, second)
    mean = np.sqrt(np.maximum(first, 0) * np.maximum(second, 0))
    alike = np.abs(first - second) <= np.float32(PMT_ASYMMETRY_MAX) * larger
    return np.asarray(np.where(alike, mean, larger).max(axis=1))


def veto_quiet(parameters: VetoQuiet) -> Cut:
    """No panel sees a charged particle."""

    def keep(columns: Columns) -> Mask:
        e_veto = compute_e_veto(columns["e_veto_pmt"])
        return np.asarray(e_veto < np.float32(parameters.e_veto_max))

    return Cut(
        name="veto_quiet",
        reason="charged secondaries of interactions in the dump or upstream",
        source="PRL 131 (2023) 161801, criterion (v)",
        columns=("e_veto_pmt",),
        keep=keep,
        parameters=parameters,
    )
