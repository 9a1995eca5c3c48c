import io
import zipfile

import boost_histogram
import hist
import numpy as np
import pyarrow.parquet as pq
import pytest
import uhi.io.zip

from na64ana.errors import DataError
from na64ana.io.chunk import ChunkRead
from na64ana.tally.fill import count_regions
from na64ana.tally.regions import Box
from na64ana.tally.storage import read_tallies, write_tallies
from na64ana.tally.tally import Tally, make_class_axis, make_histogram, make_plane

BOX = Box(e_ecal_max=50.0, e_hcal_max=1.0)


def make_tally(seed: int, *, blinded: bool = True) -> Tally:
    rng = np.random.default_rng(seed)
    x, y = 100 * rng.random(20), 100 * rng.random(20)
    kinds = rng.integers(0, 10, 20)
    flow = make_histogram(
        hist.axis.StrCategory(["events", "trigger"], name="cut", flow=False), make_class_axis()
    )
    flow.view()[0] = np.bincount(kinds, minlength=11)
    flow.view()[1] = flow.view()[0] // 2
    only = flow.copy(deep=True)
    only.view()[...] = flow.view() // 3
    return Tally(
        blinded,
        histograms={"cut_flow": flow, "only": only, "plane_selected": make_plane().fill(x, y)}
        | {"regions": count_regions({"sideband_c": x > 50, "sideband_a": x < 20})},
        survivors={
            "run_number": np.full(3, seed),
            "spill": rng.integers(0, 9, 3),
            "event": np.arange(3),
            "region": np.array(["sideband_c", "sideband_c", "other"]),
            "e_ecal": (50 + 40 * rng.random(3)).astype("f4"),
        },
        not_a_number={"p_track": seed},
        reads=(ChunkRead(f"file {seed}", 0, 20, np.array([[seed, 1, 20, 0, 19]])),),
    )


def test_tallies_add():
    one, other = make_tally(1), make_tally(2)
    total = one + other
    assert total.cut_flow["events"] == 40
    assert total.cut_flow["trigger"] == one.cut_flow["trigger"] + other.cut_flow["trigger"]
    assert total.planes["selected"].sum() == 40
    assert total.regions["sideband_a"] == one.regions["sideband_a"] + other.regions["sideband_a"]
    assert total.sideband_c == sorted(one.sideband_c + other.sideband_c)
    assert len(total.sideband_c) == 4
    assert total.not_a_number == {"p_track": 3}
    assert total.entries_read == {"file 1": 20, "file 2": 20}


def test_the_order_of_adding_does_not_matter():
    a, b, c = map(make_tally, (1, 2, 3))
    one, other = (a + b) + c, c + (b + a)
    assert one.same_content(other)
    assert one.reads == other.reads
    assert not one.same_content(a + b)


def test_blinded_and_open_do_not_mix():
    with pytest.raises(ValueError, match="do not add"):
        make_tally(1) + make_tally(2, blinded=False)


def test_tallies_of_different_processors_do_not_add():
    other = make_tally(2)
    other.histograms["more"] = make_plane()
    with pytest.raises(ValueError, match="different processors"):
        make_tally(1) + other


def test_a_stored_tally_is_read_back(tmp_path):
    tallies = {"I": make_tally(1) + make_tally(2), "V": make_tally(3, blinded=False)}
    write_tallies(tmp_path / "a.zip", tallies, {"lineage": "abc"})
    found, about = read_tallies(tmp_path / "a.zip")
    assert about == {"lineage": "abc"}
    for name, tally in tallies.items():
        assert tally.same_content(found[name])
        assert tally.reads == found[name].reads
        for one, other in zip(tally.reads, found[name].reads, strict=True):
            np.testing.assert_array_equal(one.spills, other.spills)


def test_other_tools_open_a_stored_tally(tmp_path):
    """hist by the UHI serialisation, anything that knows Parquet, and numpy."""
    tally = make_tally(1)
    write_tallies(tmp_path / "a.zip", {"I": tally}, {})
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        content = uhi.io.zip.read(archive, "I/plane_selected")
        table = pq.read_table(io.BytesIO(archive.read("I/survivors.parquet")))
    assert boost_histogram.Histogram(content).sum() == 20
    assert table["e_ecal"].to_pylist() == tally.survivors["e_ecal"].tolist()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.unlink(), "no such file"),
        (lambda path: path.write_bytes(path.read_bytes()[:500]), "or damaged"),
        (lambda path: path.write_text("text"), "or damaged"),
    ],
)
def test_a_damaged_result_is_refused(tmp_path, spoil, said):
    path = tmp_path / "a.zip"
    write_tallies(path, {"I": make_tally(1)}, {})
    spoil(path)
    with pytest.raises(DataError, match=said):
        read_tallies(path)


def test_a_zip_of_something_else_is_refused(tmp_path):
    for name, text in (("about.json", '{"format": 99}'), ("other.txt", "")):
        path = tmp_path / f"{name}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, text)
        with pytest.raises(DataError, match="is no result of na64ana process"):
            read_tallies(path)


def test_regions():
    e_ecal = np.array([30, 30, 70, 70, 50, 30], np.float32)
    e_hcal = np.array([0.5, 20, 0.5, 20, 0.5, 1.0], np.float32)
    regions = {name: mask.tolist() for name, mask in BOX.regions(e_ecal, e_hcal).items()}
    assert regions == {
        "signal_box": [True, False, False, False, False, False],
        "sideband_a": [False, True, False, False, False, True],
        "sideband_c": [False, False, True, False, True, False],
        "control_hadron": [False, False, False, True, False, False],
    }
    assert BOX.holds(e_ecal, e_hcal).tolist() == regions["signal_box"]


def test_the_plane_resolves_the_box():
    """Box edges are bin edges, or the plane could not be checked for box events."""
    x, y = (axis.edges for axis in make_plane().axes)
    assert BOX.e_ecal_max in x
    assert BOX.e_hcal_max in y
