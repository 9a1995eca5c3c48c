"""A blinded product holds no event of the box, in any representation."""

import io
import json
import pickle
import zipfile

import numpy as np
import pyarrow.parquet as pq
import pytest

from na64ana.io.format import EventClass
from na64ana.io.writing import write_events
from na64ana.processing.processors import load_processor, processor_path
from na64ana.processing.run import open_files, process
from na64ana.simulation.classes import Signal
from na64ana.simulation.events import make_events
from na64ana.simulation.plan import Plan
from na64ana.tally.cut_flow import to_csv, to_json, to_latex
from na64ana.tally.storage import write_tallies
from na64ana.tally.tally import Tally

#: Energies that no other event has, planted in the box.
E_ECAL, E_HCAL = 23.40625, 0.61865234375
N_PLANTED = 500


@pytest.fixture(scope="module")
def planted(config, tmp_path_factory):
    """Return the file of period I with signal events moved to one point of the box."""
    events, metadata = make_events(Plan(config, "I", 11))
    sample = Signal(np.full(1, 76.0, np.float32), np.full(1, 2.0, np.float32), N_PLANTED)
    extra, _ = make_events(Plan(config, "I", 12, sample, (EventClass.SIGNAL,)))
    extra["event"] += 1000  # numbers that no other event has
    events = {name: np.concatenate([array, extra[name]]) for name, array in events.items()}
    metadata = metadata.model_copy(update={"entries": len(events["event"])})
    mask = events["class_true"] == EventClass.SIGNAL
    events["e_ecal_cell"][mask] = _with_sum(events["e_ecal_cell"][mask], E_ECAL)
    events["e_hcal_cell"][mask] = 0
    events["e_hcal_cell"][mask, 4] = E_HCAL
    events["e_ecal"][mask] = E_ECAL
    events["e_hcal_module"][mask] = (E_HCAL, 0, 0, 0)
    path = tmp_path_factory.mktemp("planted") / "I.root"
    write_events(path, events, metadata)
    return path, int(mask.sum())


def _with_sum(cells: np.ndarray, total: float) -> np.ndarray:
    """Scale cells so that they add up to a number exactly, in steps that files keep."""
    step = 2.0**-5
    scaled = np.floor(cells / cells.sum(axis=1, keepdims=True) * total / step) * step
    rows, largest = np.arange(len(cells)), scaled.argmax(axis=1)
    scaled[rows, largest] += total - scaled.sum(axis=1)
    return scaled.astype(np.float32)


@pytest.fixture(scope="module")
def tallies(config, planted, closed, opened) -> tuple[Tally, Tally]:
    paths = {"I": (planted[0],)}
    return tuple(
        process(open_files(paths, config, processor), config, processor).tallies["I"]
        for processor in (closed, opened)
    )


def test_the_planted_events_would_be_selected(tallies, planted):
    _, opened = tallies
    assert opened.regions["signal_box"] > 0.4 * planted[1]
    assert opened.planes["selected"][23, 0] == opened.regions["signal_box"]


def test_the_closed_tally_holds_none_of_them(tallies):
    closed, opened = tallies
    assert "signal_box" not in closed.regions
    assert "missing_energy" not in closed.cut_flow
    for plane in closed.planes.values():
        assert plane.values(flow=True)[:51, :2].sum() == 0  # underflow and the box
    assert closed.cut_flow["events"] == opened.cut_flow["events"]  # what the file holds
    difference = opened.planes["selected"].values() - closed.planes["selected"].values()
    assert difference.sum() == opened.regions["signal_box"]


def test_no_byte_of_the_closed_tally_tells_of_them(tallies, tmp_path):
    """Whatever is stored or shown, in whatever form, and the object itself."""
    for tally, found in zip(tallies, (False, True), strict=True):
        assert any(_tells(content) for content in _forms(tally, tmp_path)) == found


def _forms(tally: Tally, folder) -> list[bytes]:
    path = folder / "tally.zip"
    write_tallies(path, {"I": tally}, {}, overwrite=True, compress=False)
    flows = {"I": tally.cut_flow}
    forms = [pickle.dumps(tally), path.read_bytes()]
    forms += [write(flows).encode() for write in (to_csv, to_json, to_latex)]
    forms += [tally.cut_flow._repr_html_().encode(), repr(tally).encode()]
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            forms.append(content)
            if name.endswith(".npy"):
                forms.append(json.dumps(np.load(io.BytesIO(content)).tolist()).encode())
            if name.endswith(".parquet"):
                table = pq.read_table(io.BytesIO(content))
                forms += [table[column].to_numpy().tobytes() for column in ("e_ecal", "e_hcal")]
    return forms


def _tells(content: bytes) -> bool:
    numbers = [
        np.array(number, dtype).tobytes()
        for number in (E_ECAL, E_HCAL)
        for dtype in ("<f4", "<f8", ">f4", ">f8")
    ]
    return any(one in content for one in [*numbers, str(E_ECAL).encode(), str(E_HCAL).encode()])


def test_the_closed_tally_is_that_of_a_file_without_them(
    config, closed, tallies, planted, tmp_path
):
    """Planting or not makes no difference to anything but the number of events read."""
    events, metadata = make_events(Plan(config, "I", 11))
    write_events(tmp_path / "I.root", events, metadata)
    without = process(open_files({"I": (tmp_path / "I.root",)}, config, closed), config, closed)
    clean, blinded = without.tallies["I"], tallies[0]
    events_read = blinded.cut_flow["events"] - clean.cut_flow["events"]
    assert events_read == planted[1]
    for tally in (clean, blinded):
        tally.histograms["cut_flow"].view()[0] = 0
    assert blinded.same_content(clean)


@pytest.fixture(scope="module")
def calibrations(config, templates, tmp_path_factory) -> dict[str, Tally]:
    """Return the tallies of the control samples on planted events with the beam trigger too."""
    events, metadata = make_events(Plan(config, "I", 11))
    sample = Signal(np.full(1, 66.0, np.float32), np.full(1, 2.0, np.float32), 100)
    extra, _ = make_events(Plan(config, "I", 12, sample, (EventClass.SIGNAL,)))
    extra["event"] += 1000
    extra["e_ecal_cell"] = _with_sum(extra["e_ecal_cell"], E_ECAL)
    extra["e_hcal_cell"][:] = 0
    extra["trigger"][:] = 3
    events = {name: np.concatenate([array, extra[name]]) for name, array in events.items()}
    metadata = metadata.model_copy(update={"entries": len(events["event"])})
    path = tmp_path_factory.mktemp("beam") / "I.root"
    write_events(path, events, metadata)
    found = {}
    for name in ("calibration", "dimuon"):
        for some in (None, templates):
            source = processor_path(name)
            processor = load_processor(source, config, blinded=True, templates=some)
            files = open_files({"I": (path,)}, config, processor)
            found[f"{name} {some is None}"] = process(files, config, processor).tallies["I"]
    return found


def test_the_control_samples_hold_no_event_of_the_box(calibrations, tmp_path):
    for tally in calibrations.values():
        assert tally.blinded
        for name, one in tally.histograms.items():
            if name.startswith("n_minus_1") and name.endswith("_e_ecal"):
                place = one.axes[0].index(E_ECAL)
                assert one.values()[place].sum() < 15, name  # a hundred were planted
        assert not any(_tells(content) for content in _forms(tally, tmp_path))
