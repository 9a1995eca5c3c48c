"""Trees of the collaboration, written here with plain uproot, are read through branch maps."""

import numpy as np
import pytest
import uproot
from pydantic import ValidationError

from na64ana.config import load_config
from na64ana.config.shipped import shipped_path
from na64ana.errors import ConfigError, DataError
from na64ana.io.inspection import inspect_file
from na64ana.io.maps import BranchMap, find_map, load_map, shipped_maps
from na64ana.io.reading import ForeignFile, open_event_file, open_foreign_file
from na64ana.io.writing import write_events
from na64ana.processing.run import open_files, process
from na64ana.simulation.events import make_events
from na64ana.simulation.plan import Plan
from na64ana.workflow.events import listed_files

N = 3000
EOT = 1e9


@pytest.fixture(scope="module")
def events(config):
    made = make_events(Plan(config, "V", 4), events=N)[0]
    made["n_tracks"][:] = 1  # what the 2022 trees do not hold
    made["n_st"][:, :2] = 1
    return made


def tree_2022(events) -> dict[str, np.ndarray]:
    """Return the events as the trees of 2022 hold them: names, shapes, SRD in MeV, mrad."""
    ecal = events["e_ecal_cell"].reshape(-1, 2, 6, 6)[:, :, :5].astype("f8")
    prs, main = (ecal[:, depth].sum(axis=(1, 2)) for depth in (0, 1))
    master = events["t_master"].astype("f8")

    def late(name, *shape):
        array = events[name].astype("f8").reshape(len(master), *shape)
        return array + master.reshape(-1, *[1] * len(shape))

    return {
        "runN": events["run_number"].astype("i4"),
        "spillN": events["spill"].astype("i4"),
        "spilleventtN": events["event"].astype("i4"),
        "triggerSources": events["trigger"].astype("i4"),
        "masterT": master,
        "mom_genfit_upMM": events["p_track"].astype("f8"),
        "inangle_genfit_upMM": 1e3 * events["theta_in"].astype("f8"),
        "pvalue_genfit_upMM": np.ones(len(master)),
        "mpStraw3X": events["n_st"][:, 2].astype("i4"),
        "mpStraw3Y": np.minimum(events["n_st"][:, 2], 1).astype("i4"),
        "mpStraw4X": np.minimum(events["n_st"][:, 3], 1).astype("i4"),
        "mpStraw4Y": events["n_st"][:, 3].astype("i4"),
        "SRD_ene": 1e3 * events["e_srd_module"].astype("f8"),
        "SRD_t0": late("t_srd_module", 3),
        "ECAL_ene": ecal,
        "ECAL_t0": late("t_ecal_cell", 2, 6, 6)[:, :, :5],
        "eecal0": prs,
        "eecal1": main,
        "chi2": np.stack([events["chi2_shower"], -events["chi2_shower"]], axis=1).astype("f8"),
        "VETO_enePMT": events["e_veto_pmt"].astype("f8"),
        "VETO_t0": late("t_veto_pmt", 6),
        "HCAL_ene": events["e_hcal_cell"].reshape(-1, 4, 3, 3).astype("f8"),
        "HCAL_t0": late("t_hcal_cell", 4, 3, 3),
    }


def tree_2018(events) -> dict[str, np.ndarray]:
    return {
        "run": events["run_number"].astype("i4") * 0 + 4000,
        "spill": events["spill"].astype("i4"),
        "spillevent": np.arange(len(events["event"]), dtype="i4"),
        "masterTime": events["t_master"].astype("f8"),
        "ECAL_ene": events["e_ecal_cell"].reshape(-1, 2, 6, 6),
        "ECAL_t0": events["t_ecal_cell"].reshape(-1, 2, 6, 6),
        **{f"hcal{i}": events["e_hcal_module"][:, i] for i in range(4)},
        "SRD_ene": np.pad(1e3 * events["e_srd_module"], ((0, 0), (0, 1))),
        "VETO_ene": events["e_veto_pmt"],
        "showerChi2": events["chi2_shower"],
    }


def write(path, arrays, name="ana_tree"):
    with uproot.recreate(path) as file:
        types = {key: np.dtype((value.dtype, value.shape[1:])) for key, value in arrays.items()}
        file.mktree(name, types).extend(arrays)
    return path


@pytest.fixture
def file_2022(events, tmp_path):
    return write(tmp_path / "run2022.root", tree_2022(events))


@pytest.fixture
def file_2018(events, tmp_path):
    return write(tmp_path / "run2018.root", tree_2018(events))


def with_eot(config, period="V"):
    changed = config.periods[period].model_copy(update={"eot": EOT})
    return config.model_copy(update={"periods": {**config.periods, period: changed}})


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_2022_tree_gives_the_same_tally_as_the_event_format(
    config, closed, events, file_2022, tmp_path, workers
):
    small = with_eot(config)
    foreign = {"V": (ForeignFile(file_2022, find_map("na64_2022"), EOT),)}
    ours = process(
        open_files(foreign, small, closed), small, closed, workers=workers, chunk_size=1000
    )
    metadata = make_events(Plan(config, "V", 4), events=1)[1]
    native = metadata.model_copy(update={"eot": EOT, "entries": N})
    write_events(tmp_path / "V.root", events, native)
    expected = process(open_files({"V": (tmp_path / "V.root",)}, small, closed), small, closed)
    one, other = ours.tallies["V"], expected.tallies["V"]
    assert other.cut_flow["veto_quiet"] > 20
    # The event format rounds to 10 bits of mantissa, which moves one event in some hundred over
    # the trigger threshold, where most events are.
    for name, count in other.cut_flow.counts().items():
        assert one.cut_flow[name] == pytest.approx(count, abs=12)
    assert sum(one.entries_read.values()) == N


def test_units_and_shapes_are_converted(config, events, file_2022):
    found = {branch.name: branch for branch in inspect_file(file_2022, config).branches}
    derived = ("impact_cell", "r_ecal", "r_hcal", "e_hcal_module")
    for name in ("e_srd_module", "theta_in", "e_ecal", "e_prs", "e_ecal_cell", *derived):
        assert found[name].high == pytest.approx(events[name].max(), rel=1e-5)
        assert found[name].first[1] == pytest.approx(events[name][1], rel=1e-5)
    for name in ("t_ecal_cell", "t_srd_module", "t_hcal_cell", "t_veto_pmt"):
        assert found[name].first[2] == pytest.approx(events[name][2], abs=1e-4)
    assert found["n_st"].first[0].tolist() == events["n_st"][0].tolist()


def test_the_layout_is_recognised(config, file_2018, file_2022):
    new = inspect_file(file_2022, config)
    assert new.layout == "na64_2022"
    assert new.periods == {"V": N}
    assert new.container == "TTree 'ana_tree'"
    assert new.problems == ()
    assert set(new.missing) == {
        "t_spill",
        "eot_spill",
        "chi2_track",
        "n_mm",
        "n_gem",
    }
    old = inspect_file(file_2018, config)
    assert old.layout == "na64_2018"
    assert old.periods == {"III": N}
    assert "p_track" in old.missing
    srd = next(branch for branch in old.branches if branch.name == "e_srd_module")
    assert srd.shape == (3,)
    assert srd.high < 0.3  # GeV


def test_a_map_without_what_the_cuts_need_is_refused(config, closed, file_2018):
    foreign = {"III": (ForeignFile(file_2018, find_map("na64_2018"), EOT),)}
    with pytest.raises(DataError, match=r"map na64_2018 makes no trigger, .*p_track"):
        open_files(foreign, config, closed)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"eecal1": None}, "it lacks the branch 'eecal1', of which e_ecal is made"),
        ({"ECAL_ene": np.zeros((N, 2, 6, 6))}, "'ECAL_ene' holds 2x6x6 per event, not 2x5x6"),
        ({"SRD_ene": np.zeros(N)}, "'SRD_ene' holds one number per event, not 3"),
        ({"mom_genfit_upMM": np.zeros((N, 2))}, "holds 2 per event, not one number"),
    ],
)
def test_trees_that_do_not_fit(config, events, tmp_path, change, said):
    arrays = tree_2022(events) | change
    arrays = {name: array for name, array in arrays.items() if array is not None}
    path = write(tmp_path / "a.root", arrays)
    branch_map = find_map("na64_2022")
    with pytest.raises(DataError, match=said):
        open_foreign_file(
            ForeignFile(path, branch_map, EOT), period="V", branches=branch_map.branches
        )
    with pytest.raises(DataError, match=said):
        inspect_file(path, config, branch_map)
    # Without a named map the rest of the tree is shown, and what it cannot give is missing.
    assert inspect_file(path, config).layout == "na64_2022"


def test_bad_events_are_named(config, closed, events, tmp_path):
    arrays = tree_2022(events)
    arrays["eecal0"][17] = np.nan
    arrays["runN"][20], arrays["spillN"][20] = arrays["runN"][9], arrays["spillN"][9]
    arrays["spilleventtN"][20] = arrays["spilleventtN"][9]
    path = write(tmp_path / "a.root", arrays)
    problems = inspect_file(path, config).problems
    assert "branch 'e_ecal' is NaN, infinite or below -1 GeV in 1 events" in problems
    assert any("stands there twice" in problem for problem in problems)
    small = with_eot(config)
    files = open_files({"V": (ForeignFile(path, find_map("na64_2022"), EOT),)}, small, closed)
    with pytest.raises(DataError, match="stands there twice"):
        process(files, small, closed)


@pytest.mark.parametrize("value", [np.inf, -9999.0])
def test_energies_that_cannot_be_are_refused(config, closed, events, tmp_path, value):
    """A marker such as -9999 must not become a signal event."""
    arrays = tree_2022(events)
    arrays["ECAL_ene"][3, 1, 2, 2] = value
    path = write(tmp_path / "a.root", arrays)
    problems = inspect_file(path, config).problems
    assert "branch 'e_ecal_cell' is NaN, infinite or below -1 GeV in 1 events" in problems
    small = with_eot(config)
    foreign = {"V": (ForeignFile(path, find_map("na64_2022"), EOT),)}
    with pytest.raises(DataError, match="infinite or below -1 GeV in 1 events, the first is entry"):
        process(open_files(foreign, small, closed), small, closed)


def test_numbers_that_do_not_fit_their_type_are_refused(config, closed, events, tmp_path):
    small = with_eot(config)
    for name, column in (
        ("runN", np.full(N, -1, "i4")),
        ("runN", np.full(N, 6100.5)),
        ("mpStraw3X", np.full(N, 300, "i4")),
    ):
        path = write(tmp_path / "a.root", tree_2022(events) | {name: column})
        with pytest.raises(DataError, match=f"made of .*{name}.* do not fit its type"):
            inspect_file(path, config)
        foreign = {"V": (ForeignFile(path, find_map("na64_2022"), EOT),)}
        with pytest.raises(DataError, match=r"a\.root: branch .* correct the map"):
            process(open_files(foreign, small, closed), small, closed)


def test_a_tree_without_events(config, closed, events, tmp_path):
    empty = {name: array[:0] for name, array in tree_2022(events).items()}
    path = write(tmp_path / "a.root", empty)
    assert inspect_file(path, config).entries == 0
    small = with_eot(config)
    foreign = {"V": (ForeignFile(path, find_map("na64_2022"), EOT),)}
    flow = process(open_files(foreign, small, closed), small, closed).tallies["V"].cut_flow
    assert set(flow.counts().values()) == {0}


def test_a_branch_of_another_shape_is_named(config, events, tmp_path):
    path = write(tmp_path / "a.root", tree_2022(events) | {"HCAL_ene": np.zeros((N, 4, 9))})
    found = inspect_file(path, config)
    assert "e_hcal_cell" in found.missing
    assert "branch 'HCAL_ene' holds 4x9 per event, not 4x3x3" in found.unfit


def test_strange_files(config, tmp_path):
    other = write(tmp_path / "a.root", {"x": np.zeros(5), "run": np.zeros(5, "i4")})
    with pytest.raises(DataError, match="fits neither the event format nor a map"):
        inspect_file(other, config)
    with uproot.recreate(tmp_path / "b.root") as file:
        file["text"] = "nothing"
    with pytest.raises(DataError, match="holds no TTree"):
        inspect_file(tmp_path / "b.root", config)
    for name, content in (("c.parquet", b"PAR1xxxxPAR1"), ("d.root", b"root?")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=name):
            inspect_file(tmp_path / name, config)
    with uproot.recreate(tmp_path / "e.root") as file:
        file["other"] = {"x": np.zeros(3)}  # an RNTuple
    with pytest.raises(DataError, match="holds no TTree"):
        inspect_file(tmp_path / "e.root", config)


def test_the_tree_with_the_most_known_branches_is_taken(config, events, tmp_path):
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mktree("counters", {"runN": "i4"}).extend({"runN": np.zeros(3, "i4")})
    with uproot.update(tmp_path / "a.root") as file:
        arrays = tree_2022(events)
        types = {key: np.dtype((value.dtype, value.shape[1:])) for key, value in arrays.items()}
        file.mktree("ana_tree", types).extend(arrays)
    assert inspect_file(tmp_path / "a.root", config).entries == N


@pytest.mark.parametrize("container", ["ttree", "rntuple", "parquet"])
def test_all_containers_hold_the_same_events(config, events, tmp_path, container):
    metadata = make_events(Plan(config, "V", 4), events=1)[1].model_copy(update={"entries": N})
    path = tmp_path / ("a.parquet" if container == "parquet" else "a.root")
    write_events(path, events, metadata, container=container)
    found = inspect_file(path, config)
    assert found.entries == N
    assert found.metadata == metadata
    assert found.missing == ()
    assert found.problems == ()
    if container == "parquet":
        renamed = path.rename(tmp_path / "other.root")
        assert inspect_file(renamed, config).container == "Parquet"
        with pytest.raises(DataError, match="is a Parquet file, na64ana analyses TTrees"):
            open_event_file(renamed)
    if container == "rntuple":
        with pytest.raises(DataError, match="holds an RNTuple, na64ana analyses TTrees"):
            open_event_file(path)
    for branch in found.branches:
        assert branch.high == pytest.approx(float(events[branch.name].max()), rel=1e-3)
        assert branch.first[0].shape == branch.shape
        assert branch.first[0] == pytest.approx(events[branch.name][0], rel=1e-3)


def test_files_in_datasets_yaml(tmp_path, file_2022):
    text = shipped_path("datasets.yaml").read_text()
    entry = f"    files: [{{path: {file_2022}, map: na64_2022, eot: 1e9 EOT}}]\n"
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace("  V:\n", "  V:\n" + entry))
    config = load_config(path)
    (listed,) = listed_files(config, {})["V"]
    assert listed == ForeignFile(file_2022, find_map("na64_2022"), 1e9)
    path.write_text(text.replace("  V:\n", "  V:\n" + entry.replace(", eot: 1e9 EOT", "")))
    with pytest.raises(ConfigError, match="needs both map and eot"):
        load_config(path)
    path.write_text(text.replace("  V:\n", "  V:\n" + entry.replace("run2022", "run*")))
    file_2022.with_name("run2.root").touch()
    with pytest.raises(ConfigError, match="2 files share one eot"):
        listed_files(load_config(path), {})


def test_maps_are_checked(tmp_path):
    assert set(shipped_maps()) == {"na64_2018", "na64_2022"}
    with pytest.raises(ConfigError, match=r"map 'x'\. Shipped: na64_2018, na64_2022"):
        find_map("x")
    path = tmp_path / "mine.yaml"
    head = "name: mine\ndescription: d\nbranches:\n"
    wrong = {
        "  e_ecal: {frm: x}\n": "4: branches.e_ecal.frm: unknown key; did you mean 'from'",
        "  e_cal: {from: x}\n": "'e_cal' is no branch of the event format",
        "  e_ecal: {from: x, unit: mrad}\n": "unit 'mrad'; allowed: keV, MeV, GeV, TeV",
        "  n_tracks: {fill: 1}\n": "'fill' needs 'because'",
        "  n_tracks: {}\n": "a column without a branch needs 'fill'",
        "  e_ecal: {from: x, bits: {physics: 1}}\n": "'bits' belong to trigger",
        "  e_ecal: {from: [x, y]}\n": "e_ecal is one number, 2 columns are given; 'combine' needs",
        "  e_prs: {from: x, shape: [2, 5, 6]}\n": "e_prs is one number per event",
        "  e_ecal_cell: {from: x, shape: [2, 7, 6]}\n": "e_ecal_cell is 72 numbers per event",
        "  e_hcal_module: {from: x, part: each}\n": "e_hcal_module is 4 numbers per event",
        "  e_srd_module: {from: x, shape: [-3]}\n": "greater than 0",
        "  n_tracks: {fill: -1, because: x}\n": "-1 does not fit the type u1",
        "  n_tracks: {fill: 1, from: x, because: x}\n": "'fill' has no use",
        "  trigger: {from: x, bits: {physics: 0}}\n": "greater than 0",
        "  trigger: {from: x, bits: {physics: 3, beam: 2}}\n": "overlap",
        "  {}\n": "at least 1",
    }
    for line, said in wrong.items():
        path.write_text(head + line)
        with pytest.raises(ConfigError, match=said):
            load_map(path)
    path.write_text(head + "  e_ecal: {from: energy, unit: MeV}\n")
    assert find_map(str(path)).sources() == ("energy",)
    with pytest.raises(ValidationError):
        BranchMap(name="a b", description="", branches={})
