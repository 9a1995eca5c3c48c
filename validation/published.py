"""Compare cross section, shower, yields and limit with published numbers.

Run with `python validation/published.py`.
"""

import numpy as np

from na64ana.config import load_config
from na64ana.constants import GEV2_TO_PB
from na64ana.signal.bremsstrahlung import Nodes, Process, total_cross_section
from na64ana.signal.response import CHANNELS, Channel
from na64ana.signal.shower import compute_track_lengths
from na64ana.signal.table import Model, YieldTable, compute_table
from na64ana.signal.yields import Beamline
from na64ana.workflow.limits import limits_from_published
from na64ana.workflow.outputs import compare_with_published
from na64ana.workflow.yields import load_yields

#: Totals of DMG4 (Bondi et al., Comput. Phys. Commun. 269 (2021) 108129, and its later versions),
#: lead, epsilon = 1e-4 [pb], by mediator, beam energy [GeV] and mass [MeV].
DMG4 = {
    ("V", 20): {1: 212418, 10: 7994.97, 100: 61.7703, 500: 0.496444, 1000: 0.0191653},
    ("V", 100): {1: 212418, 10: 8486.30, 100: 106.040, 500: 1.79844, 1000: 0.191974},
    ("V", 160): {1: 212418, 10: 8544.49, 100: 119.076, 500: 2.32613, 1000: 0.288934},
    ("A", 100): {1: 309774, 10: 8563.1, 100: 106.053, 500: 1.79845, 1000: 0.191974},
    ("S", 100): {1: 59580.5, 10: 3055.64, 100: 43.689, 500: 0.765718, 1000: 0.0833825},
    ("P", 100): {1: 50829.2, 10: 3046.74, 100: 43.7212, 500: 0.766321, 1000: 0.0834482},
}
DENSE = Nodes(30, 6, 60, 300)
#: NA64's limit of 2019 (arXiv:1906.00176, Fig. 3), read off the figure: no annihilation in it.
CURVE_2019 = {2: 9.9e-6, 10: 3.30e-5, 50: 1.56e-4, 200: 8.5e-4}
EOT_2019, EFFICIENCY_2019 = 2.84e11, 0.5
#: Positron beam (arXiv:2308.15612): least epsilon between 226 and 300 MeV; efficiency as above.
EOT_POSITRONS, LEAST_POSITRONS = 1.01e10, (5.4e-4, 5.6e-4)
#: Events at 90 % CL without background.
NO_BACKGROUND = float(-np.log(0.1))


def epsilon(table: YieldTable, mass: float, eot: float, channels: tuple[Channel, ...]) -> float:
    """Return the limit of an experiment without background, with E_ECAL below 50 GeV."""
    masses = np.array([mass])
    made = sum(float(table.in_box(masses, 50.0, channel)[0]) for channel in channels)
    return float(np.sqrt(NO_BACKGROUND / (eot * EFFICIENCY_2019 * made)))


def main() -> None:
    """Print the tables."""
    print("Exact tree level over DMG4, and quadrature over a denser one")
    for (kind, energy), totals in DMG4.items():
        for mass, published in totals.items():
            sigma = total_cross_section(Process(kind), 1e-3 * mass, energy)
            dense = total_cross_section(Process(kind, nodes=DENSE), 1e-3 * mass, energy)
            ratio = 1e-8 * GEV2_TO_PB * sigma / published
            print(f"  {kind} {energy:4d} GeV {mass:5d} MeV  {ratio:.4f}  {sigma / dense:.5f}")
    lengths = compute_track_lengths(100.0)
    middle = (lengths.energy[1:] + lengths.energy[:-1]) / 2
    above = np.interp(-50.0, -middle, np.cumsum(lengths.charged)[:-1])
    print(f"Track length of electrons and positrons above 50 GeV: {above:.4f} X0")

    table = load_yields(load_config())
    print("Limit for 2.84e11 EOT over that of 2019, without annihilation and background")
    for mass, published in CURVE_2019.items():
        ratio = epsilon(table, 1e-3 * mass, EOT_2019, CHANNELS[:1]) / published
        print(f"  {mass:5d} MeV {ratio:.2f}")
    positrons = compute_table(Model(beamline=Beamline(particle="e+"), mass_min=0.2, mass_max=0.32))
    dip = [epsilon(positrons, m, EOT_POSITRONS, CHANNELS) for m in np.linspace(0.235, 0.3, 14)]
    low, high = LEAST_POSITRONS
    print(
        f"Positron beam, 235 to 300 MeV: {min(dip):.2e} to {max(dip):.2e} (published minimum "
        f"{low:.1e} to {high:.1e})"
    )
    print("Limit from the published inputs over the published limit (PRL 131, 161801)")
    result = limits_from_published(load_config())
    for curve in (result.curve, *result.beside):
        ratios = compare_with_published(curve)
        print(f"  {curve.method:13s}", *(f"{1e3 * m:g} MeV {r:.2f}" for m, _, r in ratios))


if __name__ == "__main__":
    main()
