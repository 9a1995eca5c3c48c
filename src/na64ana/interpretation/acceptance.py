"""From yields per electron on target to events of a period, for any model."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from na64ana.constants import BEAM_ENERGY
from na64ana.signal.response import CHANNELS, Channel, Response
from na64ana.signal.table import YieldTable
from na64ana.stats import names
from na64ana.stats.model import CountingModel

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Acceptance:
    """What a period makes of dark photons: PRL 131 (2023) 161801, eq. 3.

    Attributes
    ----------
    eot : float
        Electrons on target.
    edges : array (k + 1,)
        Of the bins of E_ECAL in the signal box [GeV], from 0 on.
    efficiency : dict of str to array (m,)
        Of the cuts, by process and mass of the A'.
    response : Response or None
        Resolution and trigger; None where the efficiency has them in it, as the published one does:
        then the yield above the missing energy counts, in one bin.
    """

    eot: float
    edges: Floats
    efficiency: Mapping[Channel, Floats]
    response: Response | None

    def events(self, table: YieldTable, masses: Floats) -> dict[Channel, Floats]:
        """Return signal events ``(m, k)`` for epsilon = 1 at the masses of the efficiency [GeV].

        Raises
        ------
        ModelError
            If a mass lies outside the table.
        """
        return {
            process: self.eot
            * self.efficiency[process][:, None]
            * self._yields(table, masses, process)
            for process in CHANNELS
        }

    def _yields(self, table: YieldTable, masses: Floats, process: Channel) -> Floats:
        if self.response is not None:
            return table.spectrum(masses, self.edges, process, self.response)
        return table.above(masses, BEAM_ENERGY - float(self.edges[-1]), process)[:, None]


def signal_events(
    acceptances: Mapping[str, Acceptance], table: YieldTable, masses: Floats
) -> dict[str, dict[Channel, Floats]]:
    """Return signal events ``(m, k)`` for epsilon = 1 by period and process; `masses` in GeV."""
    return {name: one.events(table, masses) for name, one in acceptances.items()}


def with_events(
    model: CountingModel, events: Mapping[str, Mapping[Channel, Floats]], place: int
) -> CountingModel:
    """Return the model with the signal events of one mass, by period and process."""
    return model.with_signals(
        {
            names.channel(period): {process: all_[place].tolist() for process, all_ in one.items()}
            for period, one in events.items()
        }
    )
