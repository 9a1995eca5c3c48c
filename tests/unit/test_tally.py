import numpy as np
import pytest

from na64ana.tally.regions import Box
from na64ana.tally.tally import Tally, make_plane

BOX = Box(e_ecal_max=50.0, e_hcal_max=1.0)


def make_tally(seed: int, *, blinded: bool = True) -> Tally:
    rng = np.random.default_rng(seed)
    x, y = 100 * rng.random(20), 100 * rng.random(20)
    return Tally(
        blinded,
        cut_flow={"events": 20, "trigger": 10},
        planes={"selected": make_plane().fill(x, y)},
        regions={"sideband_c": seed},
        sideband_c=sorted(50 + 40 * rng.random(3)),
        entries_read={f"file {seed}": 20},
    )


def test_tallies_add():
    total = make_tally(1) + make_tally(2)
    assert total.cut_flow == {"events": 40, "trigger": 20}
    assert total.planes["selected"].sum() == 40
    assert total.regions == {"sideband_c": 3}
    assert total.sideband_c == sorted(make_tally(1).sideband_c + make_tally(2).sideband_c)
    assert total.entries_read == {"file 1": 20, "file 2": 20}


def test_the_order_of_adding_does_not_matter():
    a, b, c = map(make_tally, (1, 2, 3))
    one, other = (a + b) + c, c + (b + a)
    assert one.sideband_c == other.sideband_c
    assert one.planes == other.planes
    assert one.cut_flow == other.cut_flow
    assert one.entries_read == other.entries_read


def test_blinded_and_open_do_not_mix():
    with pytest.raises(ValueError, match="do not add"):
        make_tally(1) + make_tally(2, blinded=False)


def test_regions():
    e_ecal = np.array([30, 30, 70, 70, 50, 30], np.float32)
    e_hcal = np.array([0.5, 20, 0.5, 20, 0.5, 1.0], np.float32)
    regions = {name: mask.tolist() for name, mask in BOX.regions(e_ecal, e_hcal).items()}
    assert regions == {
        "signal_box": [True, False, False, False, False, False],
        "sideband_a": [False, True, False, False, False, True],
        "sideband_c": [False, False, True, False, True, False],
    }
    assert BOX.holds(e_ecal, e_hcal).tolist() == regions["signal_box"]


def test_the_plane_resolves_the_box():
    """Box edges are bin edges, or the plane could not be checked for box events."""
    x, y = (axis.edges for axis in make_plane().axes)
    assert BOX.e_ecal_max in x
    assert BOX.e_hcal_max in y
