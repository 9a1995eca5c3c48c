"""What limits the yield: relative errors by source, and their sum beside the published 10 %."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from na64ana.signal.form_factors import FormFactor
from na64ana.signal.response import Channel, Response
from na64ana.signal.table import YieldTable
from na64ana.signal.yields import compute_bremsstrahlung

Floats = npt.NDArray[np.float64]

#: The published error of the A' yield (PRL 131 (2023) 161801).
PUBLISHED = 0.10
#: Exact tree level by independent codes, DMG4 and PETITE, on lead (tests/physics/test_signal.py).
CROSS_SECTION = 0.02
#: What the shower leaves out, above 50 GeV of 100: the LPM effect 0.9 %, direct pairs 1 %; dark
#: photons on the nuclei of the scintillator 1 %. In quadrature.
SHOWER = float(np.sqrt(0.009**2 + 0.01**2 + 0.01**2))
#: Half of the range in which the edge of the box moved, 47 to 50 GeV (PRL 131 (2023) 161801).
EDGE = 1.5
#: Part of the preshower's loss that counts as its error (choice): where the shower of what is left
#: begins is a model.
LOSS = 0.5


@dataclass(frozen=True, eq=False)
class YieldErrors:
    """Relative errors of the yield of a channel in the box, ``(n,)`` by mass.

    Attributes
    ----------
    masses : array (n,)
        [GeV]
    by_source : dict of str to array (n,)
        By the name of a nuisance parameter.
    """

    masses: Floats
    by_source: dict[str, Floats]

    @property
    def total(self) -> Floats:
        """Sum in quadrature ``(n,)``."""
        return np.sqrt(sum(np.square(error) for error in self.by_source.values()))


def compute_errors(
    table: YieldTable,
    masses: Floats,
    e_ecal_max: float,
    response: Response | None = None,
    channel: Channel = "bremsstrahlung",
) -> YieldErrors:
    """Return the errors of the yield in the box.

    Of bremsstrahlung only: ``yield_nuclear``, the difference of Helm's and the dipole form factor,
    and ``yield_inelastic``, what the break-up of the nucleus would add. ``yield_cross_section`` is
    `CROSS_SECTION`, ``yield_shower`` `SHOWER`, ``yield_threshold`` a box edge lower by `EDGE`,
    ``yield_trigger``
    `LOSS` of what the preshower loses.

    Parameters
    ----------
    table : YieldTable
    masses : array (n,)
        [GeV]
    e_ecal_max : float
        Edge of the box [GeV].
    response : Response or None
    channel : str
        ``bremsstrahlung`` or ``annihilation``; where this is closed, its errors are zero.

    Raises
    ------
    ModelError
        If a mass lies outside the table.
    """
    masses = np.asarray(masses, float)
    response = response or Response()
    in_box = table.in_box(masses, e_ecal_max, channel, response)
    lower = table.in_box(masses, e_ecal_max - EDGE, channel, response)
    open_trigger = replace(response, e_prs_min=1e-6)
    without = table.in_box(masses, e_ecal_max, channel, open_trigger)
    made = in_box > 0.0
    one = np.where(made, in_box, 1.0)
    errors = {
        "yield_cross_section": np.where(made, CROSS_SECTION, 0.0),
        "yield_shower": np.where(made, SHOWER, 0.0),
        "yield_threshold": np.where(made, np.abs(1 - lower / one), 0.0),
        "yield_trigger": np.where(
            made, LOSS * np.abs(1 - in_box / np.where(made, without, 1)), 0.0
        ),
    }
    if channel == "bremsstrahlung":
        errors = _nuclear_errors(table, masses, e_ecal_max) | errors
    return YieldErrors(masses, errors)


def _nuclear_errors(table: YieldTable, masses: Floats, e_ecal_max: float) -> dict[str, Floats]:
    e_ap_min = table.model.beamline.energy - e_ecal_max

    def above(form_factor: FormFactor) -> Floats:
        process = replace(table.model.process, form_factor=form_factor)
        return compute_bremsstrahlung(masses, table.model.beamline, process).above(e_ap_min)

    dipole = above(FormFactor())
    return {
        "yield_nuclear": np.abs(above(FormFactor("helm")) / dipole - 1),
        "yield_inelastic": np.abs(above(FormFactor(inelastic=True)) / dipole - 1),
    }
