"""Other particles of the beam in the read-out windows.

The beam has no structure inside the spill, so their number follows from the intensity alone.
Electrons near in time leave tracks and add to SRD and ECAL; muons of the halo cross VETO and HCAL,
and make the published efficiencies of 0.94 and 0.95 (PRL 131 (2023) 161801) at 6e6 electrons per
spill.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from na64ana.config.models import Simulation
from na64ana.simulation.truth import Floats

#: Length of a spill [ns] (PRL 131 (2023) 161801).
SPILL = 4.8e9


@dataclass(frozen=True)
class Crossings:
    """Particles that cross a detector beside the triggered one.

    Attributes
    ----------
    event : array (k,)
        Index of the event that each belongs to.
    time : array (k,)
        When it comes [ns], relative to the trigger.
    window : float
        Full width of the read-out window [ns].
    """

    event: npt.NDArray[np.intp]
    time: Floats
    window: float

    @property
    def overlap(self) -> Floats:
        """Share ``(k,)`` of each pulse inside the window: 1 in time, 0 at its edges."""
        return np.asarray(1 - 2 * np.abs(self.time) / np.float32(self.window))

    def within(self, window: float) -> "Crossings":
        """Return the crossings in a window of full width `window` [ns] around the trigger."""
        near = np.abs(self.time) < window / 2
        return Crossings(self.event[near], self.time[near], window)

    def take(self, mask: npt.NDArray[np.bool_]) -> "Crossings":
        """Return some of the crossings."""
        return Crossings(self.event[mask], self.time[mask], self.window)

    def of_events(self, kept: npt.NDArray[np.intp], n: int) -> "Crossings":
        """Return the crossings of those of the `n` events that are `kept`, counted anew."""
        place = np.full(n, -1)
        place[kept] = np.arange(len(kept))
        moved = place[self.event]
        return Crossings(moved[moved >= 0], self.time[moved >= 0], self.window)


@dataclass(frozen=True)
class Pileup:
    """Pile-up of `n` events: electrons of the beam and muons of its halo, in the widest windows."""

    n: int
    electrons: Crossings
    halo: Crossings

    def of_events(self, kept: npt.NDArray[np.intp]) -> "Pileup":
        """Return the pile-up of the `kept` events."""
        electrons, halo = (part.of_events(kept, self.n) for part in (self.electrons, self.halo))
        return Pileup(len(kept), electrons, halo)

    def tracks(self, window: float) -> npt.NDArray[np.intp]:
        """Return the number ``(n,)`` of electrons within a window."""
        return np.bincount(self.electrons.within(window).event, minlength=self.n)

    def counts(self) -> npt.NDArray[np.uint8]:
        """Return the number ``(n,)`` of other particles in any window."""
        both = np.concatenate([self.electrons.event, self.halo.event])
        return np.minimum(np.bincount(both, minlength=self.n), 255).astype(np.uint8)


def draw_pileup(rng: np.random.Generator, intensity: Floats, choices: Simulation) -> Pileup:
    """Draw what else comes, for the beam `intensity` ``(n,)`` [electrons per spill] of events."""
    rate = intensity / np.float32(SPILL)
    electron_window = max(choices.window_tracker, choices.window_ecal)
    halo_window = max(choices.window_veto, choices.window_hcal)
    return Pileup(
        n=len(intensity),
        electrons=_crossings(rng, rate, electron_window),
        halo=_crossings(rng, rate * choices.halo, halo_window),
    )


def _crossings(rng: np.random.Generator, rate: Floats, window: float) -> Crossings:
    number = rng.poisson(rate * window)
    event = np.repeat(np.arange(len(rate)), number)
    time = window * (rng.random(len(event), dtype=np.float32) - np.float32(0.5))
    return Crossings(event, time, window)
