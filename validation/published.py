"""Compare cross section and limit with published numbers: `python validation/published.py`."""

from na64ana.config import load_config
from na64ana.constants import GEV2_TO_PB
from na64ana.signal.bremsstrahlung import Nodes, differential_cross_section
from na64ana.signal.shower import electron_track_lengths
from na64ana.signal.target import ECAL
from na64ana.workflow.limits import limits_from_published
from na64ana.workflow.outputs import compare_with_published

#: Totals of DMG4 (Bondi et al., Comput. Phys. Commun. 269 (2021) 108129, and its later versions),
#: lead, vector A', epsilon = 1e-4 [pb], by beam energy [GeV] and mass [MeV].
DMG4 = {
    20: {1: 212418, 10: 7994.97, 100: 61.7703, 500: 0.496444, 1000: 0.0191653},
    100: {1: 212418, 10: 8486.30, 100: 106.040, 500: 1.79844, 1000: 0.191974},
    160: {1: 212418, 10: 8544.49, 100: 119.076, 500: 2.32613, 1000: 0.288934},
}
DENSE = Nodes(100, 70, 120)


def main() -> None:
    """Print three tables."""
    print("Exact tree level over DMG4, and quadrature over a denser one")
    for energy, totals in DMG4.items():
        for mass, published in totals.items():
            sigma = differential_cross_section(1e-3 * mass, energy, ECAL)[1].sum()
            dense = differential_cross_section(1e-3 * mass, energy, ECAL, nodes=DENSE)[1].sum()
            ratio = 1e-8 * GEV2_TO_PB * sigma / published
            print(f"  {energy:4d} GeV {mass:5d} MeV  {ratio:.4f}  {sigma / dense:.5f}")
    length = electron_track_lengths(50.0, 100.0)[1].sum()
    print(f"Track length of electrons and positrons above 50 GeV: {length:.3f} X0")
    print("Limit from the published inputs over the published limit (PRL 131, 161801)")
    result = limits_from_published(load_config())
    for curve in (result.curve, result.asymptotic):
        assert curve is not None  # the published box is open
        ratios = compare_with_published(curve)
        print(f"  {curve.method:13s}", *(f"{1e3 * m:g} MeV {r:.2f}" for m, _, r in ratios))


if __name__ == "__main__":
    main()
