"""A skim holds what selections need: they find in it what they find in all events."""

import shutil

import numpy as np
import pytest

from na64ana.cuts.selection import make_cuts, make_loose_cuts
from na64ana.errors import ConfigError, OutputError
from na64ana.io.maps import find_map
from na64ana.io.reading import ForeignFile, open_event_file, read_branches
from na64ana.processing.processors import processor_path
from na64ana.workflow.selection import select
from na64ana.workflow.skim import skim


@pytest.fixture(scope="module")
def paths(event_paths):
    return {name: event_paths[name] for name in ("II", "V")}


@pytest.fixture(scope="module")
def skims(config, paths, tmp_path_factory):
    return skim(config, paths, tmp_path_factory.mktemp("skim"))


def tightened(config, period):
    """Return a configuration with tighter cuts, and another box."""
    one = config.selection_of(period)
    changes = {
        "srd_electron": one.srd_electron.model_copy(update={"e_srd_min": 0.005}),
        "veto_quiet": one.veto_quiet.model_copy(update={"e_veto_max": 0.006}),
        "shower_shape": None,
        "hcal_quiet": one.hcal_quiet.model_copy(update={"e_hcal_max": 2.0}),
    }
    name = config.periods[period].selection
    selections = {**config.selections, name: one.model_copy(update=changes)}
    return config.model_copy(update={"selections": selections})


@pytest.mark.parametrize("change", [False, True])
@pytest.mark.parametrize("name", ["invisible", "dimuon", "calibration"])
def test_selections_find_the_same(config, paths, skims, templates, name, change):
    found = {"II": (skims[0].path,), "V": (skims[1].path,)}
    source = processor_path(name)
    if change:
        config = tightened(config, "V")
    every, few = (
        select(config, some, source, blinded=True, templates=templates).run
        for some in (paths, found)
    )
    for period, tally in every.tallies.items():
        other = few.tallies[period]
        unlike = {
            key for key, one in tally.histograms.items() if one != other.histograms[key]
        }  # fmt: skip
        rows = {"cut_flow", "only", "plane_electron"}
        assert {key for key in unlike if "trigger" not in key} <= rows
        assert list(tally.cut_flow.counts().values())[-1] == other.cut_flow[tally.cut_flow.cuts[-1]]
        assert tally.survivors.keys() == other.survivors.keys()
        for key, column in tally.survivors.items():
            np.testing.assert_array_equal(column, other.survivors[key])
        assert every.exposures[period].eot == few.exposures[period].eot


def test_what_a_skim_says_of_itself(config, paths, skims, tmp_path):
    for one, source in zip(skims, (paths["II"][0], paths["V"][0]), strict=True):
        full, part = open_event_file(source), open_event_file(one.path)
        assert one.kept == part.metadata.entries < one.events == full.metadata.entries
        assert part.metadata.skimmed_from == one.events
        assert part.metadata.eot == full.metadata.eot
        assert part.metadata.prescale == full.metadata.prescale
        np.testing.assert_array_equal(part.spills["eot"], full.spills["eot"])
    # all of a skim is what a skim of it would keep
    (again,) = skim(config, {"V": (skims[1].path,)}, tmp_path)
    assert again.kept == skims[1].kept
    assert open_event_file(again.path).metadata.skimmed_from == skims[1].events


def test_events_are_copied_whole(paths, skims):
    full, part = open_event_file(paths["V"][0]), open_event_file(skims[1].path)
    names = ("run_number", "spill", "event", "e_ecal_cell", "t_hcal_cell", "class_true")
    before, after = (read_branches(one, names, 0, one.metadata.entries) for one in (full, part))
    identity = [
        set(zip(*(one[name] for name in names[:3]), strict=True)) for one in (before, after)
    ]
    assert identity[1] < identity[0]
    place = {key: i for i, key in enumerate(zip(*(before[n] for n in names[:3]), strict=True))}
    chosen = [place[key] for key in zip(*(after[n] for n in names[:3]), strict=True)]
    for name in names:
        np.testing.assert_array_equal(before[name][chosen], after[name])


def test_loose_cuts_are_looser(config):
    cuts = {cut.name: cut for cut in make_cuts(config, "V")}
    for cut in make_loose_cuts(config, "V")["search"]:
        for loose, tight in zip(cut.windows, cuts[cut.name].windows, strict=True):
            assert loose.low <= tight.low
            assert loose.high >= tight.high
    assert next(iter(make_loose_cuts(config, "V")["dimuon"])).name == "trigger"


def test_bad_input(config, paths, skims, tmp_path):
    with pytest.raises(OutputError, match="exists already"):
        skim(config, paths, skims[0].path.parent)
    twice = tmp_path / "other" / paths["V"][0].name
    twice.parent.mkdir()
    shutil.copy(paths["V"][0], twice)
    with pytest.raises(ConfigError, match="folders of their own"):
        skim(config, {"V": (paths["V"][0], twice)}, tmp_path / "out")
    foreign = ForeignFile(tmp_path / "tree.root", find_map("na64_2022"), 1e9)
    with pytest.raises(ConfigError, match="tree of the collaboration"):
        skim(config, {"V": (foreign,)}, tmp_path / "out")
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
