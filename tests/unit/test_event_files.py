"""Event files: written and read back, and every way in which a file can be wrong."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import uproot
from coffea.nanoevents import NanoEventsFactory

from na64ana.errors import DataError, OutputError
from na64ana.io.format import (
    BRANCHES,
    METADATA,
    TREE,
    TRUTH_BRANCHES,
    FileMetadata,
    branch_types,
    describe_format,
)
from na64ana.io.reading import open_event_file
from na64ana.io.schema import NA64Schema
from na64ana.io.writing import BASKET_SIZE, round_mantissa, write_events


def some_events(n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {
        name: (rng.random((n, *kind.shape)) * 100).astype(kind.base)
        for name, kind in branch_types(truth=True).items()
    }


def metadata(n: int, **changes) -> FileMetadata:
    return FileMetadata(**({"period": "I", "eot": 1e9, "entries": n} | changes))


def test_what_is_written_is_read_back(tmp_path):
    n = BASKET_SIZE + 17
    events, path = some_events(n), tmp_path / "a.root"
    write_events(path, events, metadata(n, prescale={"dimuon": 3}, seed=5))
    opened = open_event_file(path, period="I")
    assert opened.metadata == metadata(n, prescale={"dimuon": 3}, seed=5)
    with uproot.open(path) as file:
        arrays = file[TREE].arrays(library="np")
    assert set(arrays) == {branch.name for branch in BRANCHES + TRUTH_BRANCHES}
    for name, array in arrays.items():
        np.testing.assert_allclose(array, events[name], rtol=2**-11)


def test_rounding_keeps_what_is_special():
    values = np.array([0, 1, -1, np.inf, -np.inf, 100.03, 1e-30], "f4")
    np.testing.assert_allclose(round_mantissa(values), values, rtol=2**-11)
    assert round_mantissa(values)[:5].tolist() == values[:5].tolist()
    assert np.isnan(round_mantissa(np.array([np.nan], "f4")))
    whole = np.array([2**31 + 1], "u4")
    assert round_mantissa(whole) is whole


def test_chunks_and_no_truth(tmp_path):
    events, path = some_events(100), tmp_path / "a.root"
    parts = [{name: a[i : i + 30] for name, a in events.items()} for i in range(0, 100, 30)]
    write_events(path, iter(parts), metadata(100), truth=False)
    with uproot.open(path) as file:
        assert not [branch.name for branch in file[TREE].branches if branch.name.endswith("_true")]
        read = file[TREE]["e_ecal"].array(library="np")
    np.testing.assert_allclose(read, events["e_ecal"], rtol=2**-11)


def test_the_layout_is_what_root_reads_fast(event_file):
    """Flat fixed arrays, each basket compressed and so checksummed."""
    with uproot.open(event_file) as file:
        tree = file[TREE]
        for branch in tree.branches:
            for i in range(branch.num_baskets):
                basket = branch.basket(i)
                assert basket.compressed_bytes < basket.uncompressed_bytes
        names = tree.typenames()
    assert event_file.read_bytes().count(b"L4") >= len(names)
    assert names["e_srd_module"] == "float[3]"
    assert names["e_veto_pmt"] == "float[6]"
    assert names["e_ecal"] == "float"


def test_the_schema_describes_every_field(event_file):
    events = NanoEventsFactory.from_root(
        {str(event_file): TREE}, schemaclass=NA64Schema, entry_stop=10
    ).events()
    assert events.fields == [branch.name for branch in BRANCHES + TRUTH_BRANCHES]
    assert events.e_hcal_module.__doc__.endswith("[GeV]")
    assert np.asarray(events.e_hcal_module).shape == (10, 4)
    assert np.asarray(events.e_ecal).shape == (10,)


def test_a_wrong_number_of_events_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="100 events written, 99 announced"):
        write_events(tmp_path / "a.root", some_events(100), metadata(99))
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_not_overwritten(tmp_path):
    path = tmp_path / "a.root"
    write_events(path, some_events(5), metadata(5))
    with pytest.raises(OutputError, match="exists already"):
        write_events(path, some_events(5), metadata(5))


def test_an_empty_tree_is_a_file_without_events(tmp_path):
    path = tmp_path / "a.root"
    write_events(path, some_events(0), metadata(0))
    assert open_event_file(path).metadata.entries == 0


def refused(path: Path, said: str, **kwargs) -> None:
    with pytest.raises(DataError) as caught:
        open_event_file(path, **kwargs)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_and_empty_files(tmp_path):
    refused(tmp_path / "none.root", "no such file")
    (tmp_path / "empty.root").touch()
    refused(tmp_path / "empty.root", "is empty")
    refused(tmp_path, "is a folder")


def test_a_file_that_is_no_root_file(tmp_path):
    (tmp_path / "text.root").write_text("not ROOT at all, but long enough to look into\n" * 50)
    refused(tmp_path / "text.root", "no ROOT file")


@pytest.mark.parametrize("part", [0.001, 0.02, 0.3, 0.9, 0.999])
def test_a_truncated_file(tmp_path, event_file, part):
    content = event_file.read_bytes()
    (tmp_path / "cut.root").write_bytes(content[: int(len(content) * part)])
    refused(tmp_path / "cut.root", "make or copy it again")


def test_a_file_of_another_program(tmp_path):
    with uproot.recreate(tmp_path / "other.root") as file:
        file.mktree(TREE, {"x": "f4"}).extend({"x": np.zeros(3, "f4")})
    refused(tmp_path / "other.root", f"holds no {METADATA}")
    with uproot.recreate(tmp_path / "none.root") as file:
        file["note"] = "nothing here"
    refused(tmp_path / "none.root", "holds no events and na64ana_metadata")


def test_a_file_of_another_period(event_file):
    refused(event_file, "holds period I, but stands for period II; list it under I", period="II")


def rewritten(path: Path, types: dict, entries: int, text: str) -> None:
    with uproot.recreate(path) as file:
        tree = file.mktree(TREE, types)
        tree.extend({name: np.zeros((5, *kind.shape), kind.base) for name, kind in types.items()})
        file[METADATA] = text or metadata(entries).to_json()


def test_a_missing_branch_and_one_of_another_type(tmp_path):
    types = branch_types(truth=False)
    lacking = {name: kind for name, kind in types.items() if name != "e_prs"}
    rewritten(tmp_path / "a.root", lacking, 5, "")
    refused(tmp_path / "a.root", "lacks the branch 'e_prs'")
    open_event_file(tmp_path / "a.root", branches=["e_ecal"])  # not needed, not missed
    rewritten(tmp_path / "b.root", types | {"e_srd_module": np.dtype(("f4", (4,)))}, 5, "")
    refused(tmp_path / "b.root", "branch 'e_srd_module' holds")
    rewritten(tmp_path / "c.root", types | {"e_ecal": np.dtype("i4")}, 5, "")
    refused(tmp_path / "c.root", "branch 'e_ecal' holds")


def test_branches_that_a_processor_may_and_may_not_ask_for(event_file):
    open_event_file(event_file, branches=["e_ecal", "class_true"])
    refused(event_file, "'e_none' is asked for, but is not part", branches=["e_none"])


def test_a_writer_that_was_cut_off(tmp_path):
    rewritten(tmp_path / "a.root", branch_types(truth=False), 7, "")
    refused(tmp_path / "a.root", "has 5 of 7 events")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "cannot be read"),
        ("[1, 2]", "should be an object"),
        ("{}", "period: field required"),
        ('{"period": 1, "eot": 1, "entries": 5}', "period: input should be a valid string"),
        ('{"period": "I", "eot": -1, "entries": 5}', "eot: input should be greater than 0"),
        ('{"period": "I", "eot": 1, "entries": 5, "format_version": 1}', "has event format 1"),
        ('{"period": "I", "eot": 1, "entries": 5, "simulated": "no"}', "simulated: input should"),
        ('{"period": "I", "eot": 1, "entries": 5, "prescale": {"a": "x"}}', "prescale.a: input"),
    ],
)
def test_metadata_that_make_no_sense(tmp_path, text, said):
    rewritten(tmp_path / "a.root", branch_types(truth=False), 5, text)
    refused(tmp_path / "a.root", said)


def test_a_copy_is_the_same_file(tmp_path, event_file):
    shutil.copy(event_file, tmp_path / "copy.root")
    assert open_event_file(tmp_path / "copy.root").uuid == open_event_file(event_file).uuid


def test_the_page_of_the_format_is_up_to_date():
    """It is made by `python -m na64ana.io.format > docs/event-format.md`."""
    page = Path(__file__).parents[2] / "docs" / "event-format.md"
    assert page.read_text(encoding="utf-8") == describe_format()
    assert all(f"`{branch.name}`" in describe_format() for branch in BRANCHES)
