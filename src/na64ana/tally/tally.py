"""The tally of a period: what is left of its events."""

from dataclasses import dataclass, field
from typing import Any

import hist
import numpy as np

Plane = hist.Hist[Any]

#: Edges of the plane [GeV].
PLANE_MAX = 120.0


def make_plane() -> Plane:
    """Return an empty (E_ECAL, E_HCAL) histogram, 1 GeV bins from 0 to 120 GeV, whole counts."""
    return hist.Hist(
        hist.axis.Regular(120, 0, PLANE_MAX, name="e_ecal", label="$E_{ECAL}$ [GeV]"),
        hist.axis.Regular(120, 0, PLANE_MAX, name="e_hcal", label="$E_{HCAL}$ [GeV]"),
        storage=hist.storage.Int64(),
    )


@dataclass
class Tally:
    """Counts and histograms of one period; adds over chunks.

    Attributes
    ----------
    blinded : bool
        Whether events of the signal box were taken out before anything was counted. Tallies of
        different kinds do not add.
    cut_flow : dict of str to int
        Events left after each cut, in order; the first row counts the events read.
    planes : dict of str to Hist
        (E_ECAL, E_HCAL) by stage of the selection: ``electron`` after the SRD tag, ``selected``
        after all cuts but those on the two axes.
    regions : dict of str to int
        Events in the regions of the selected plane.
    sideband_c : list of float
        E_ECAL [GeV] of the events of sideband C, sorted.
    entries_read : dict of str to int
        Events read, by the uuid of the file.
    """

    blinded: bool
    cut_flow: dict[str, int] = field(default_factory=dict)
    planes: dict[str, Plane] = field(default_factory=dict)
    regions: dict[str, int] = field(default_factory=dict)
    sideband_c: list[float] = field(default_factory=list)
    entries_read: dict[str, int] = field(default_factory=dict)

    def __add__(self, other: "Tally") -> "Tally":
        """Return the sum of two tallies, the same whatever the order of the chunks."""
        if self.blinded != other.blinded:
            msg = "a blinded tally and an open one do not add"
            raise ValueError(msg)
        return Tally(
            blinded=self.blinded,
            cut_flow=_add(self.cut_flow, other.cut_flow),
            planes={name: plane + other.planes[name] for name, plane in self.planes.items()},
            regions=_add(self.regions, other.regions),
            sideband_c=np.sort(self.sideband_c + other.sideband_c).tolist(),
            entries_read=_add(self.entries_read, other.entries_read),
        )


def _add(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in dict.fromkeys([*one, *other])}
