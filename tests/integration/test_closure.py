"""Closure: a signal that was mixed in is found, with the epsilon that was injected."""

import numpy as np
import pytest

from na64ana.config import Config
from na64ana.constants import BEAM_ENERGY
from na64ana.signal.sampling import sample_bremsstrahlung
from na64ana.simulation.classes import Signal
from na64ana.simulation.events import write_simulated_file
from na64ana.simulation.plan import Plan
from na64ana.workflow.limits import limits_from_events
from na64ana.workflow.yields import load_yields

MASS = 0.02


@pytest.mark.slow
@pytest.mark.parametrize("n_expected", [0.0, 16.0, 40.0])
def test_an_injected_epsilon_comes_back(config: Config, tmp_path, n_expected):
    """`n_expected` dark photons of period V lose enough energy; cuts and trigger keep about half.

    epsilon^2 is their number over electrons on target times the yield at emission.
    """
    signal = config.signal.model_copy(update={"mass_min": MASS / 2, "mass_max": 2 * MASS})
    limits = config.limits.model_copy(update={"n_toys": 4000})
    config = config.model_copy(update={"signal": signal, "limits": limits}).only(["V"])
    period = config.periods["V"]
    least = BEAM_ENERGY - period.e_ecal_max
    rng = np.random.default_rng(3)
    e_ap, depth = sample_bremsstrahlung(rng, 20_000, MASS, e_miss_min=least)
    made = Signal(e_ap.astype(np.float32), depth.astype(np.float32), n_expected)
    path = tmp_path / "V.root"
    write_simulated_file(path, Plan(config, "V", 11, made) if n_expected else Plan(config, "V", 11))
    result = limits_from_events(config, {"V": (path,)}, unblind=False)

    per_electron = float(load_yields(config).above(np.array([MASS]), least, "bremsstrahlung")[0])
    true = np.sqrt(n_expected / (period.eot * per_electron))
    found, scale = result.details.excess, result.curve.epsilon_0[result.details.place]
    assert result.details.mass == pytest.approx(MASS, rel=0.03)
    # two standard deviations: the seed is fixed
    low, high = (
        scale * np.sqrt(max(found.events + sign * 2 * error, 0.0))
        for sign, error in ((-1, found.down), (1, found.up))
    )
    assert low <= true <= high
    assert result.curve.observed[result.details.place] >= true
    if n_expected:
        # the background of one period is known to a factor of four
        assert found.significance > 1.5
