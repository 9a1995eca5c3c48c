"""Shape of the shower in the ECAL."""

import numpy as np

from na64ana.config.selection import ShowerShape
from na64ana.cuts.cut import Columns, Cut, Mask


def shower_shape(parameters: ShowerShape) -> Cut:
    """Longitudinal and lateral shape as of a single electron shower."""

    def keep(columns: Columns) -> Mask:
        return np.asarray(columns["chi2_shower"] < np.float32(parameters.chi2_shower_max))

    return Cut(
        name="shower_shape",
        reason="hadrons and several particles make wider or deeper showers",
        source="PRL 131 (2023) 161801, criterion (iv)",
        columns=("chi2_shower",),
        keep=keep,
        parameters=parameters,
    )
