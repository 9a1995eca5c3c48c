"""Files, spills and electrons on target; events that stand in two places."""

import numpy as np
import pytest

from na64ana.config.conditions import BadSpills
from na64ana.errors import DataError, IncompleteDataError
from na64ana.io.chunk import ChunkRead
from na64ana.io.reading import open_event_file
from na64ana.io.writing import write_events
from na64ana.processing.accounting import account, check_duplicates
from na64ana.processing.run import open_files, process
from na64ana.simulation.events import make_events, write_simulated_file
from na64ana.simulation.plan import Plan

EOT = 1e9


@pytest.fixture(scope="module")
def events(config):
    return make_events(Plan(config, "I", 21), events=1200)


def small(config, period="I", eot=EOT, bad=()):
    changed = config.periods[period].model_copy(update={"eot": eot})
    conditions = config.conditions.model_copy(update={"bad_spills": tuple(bad)})
    periods = {**config.periods, period: changed}
    return config.model_copy(update={"periods": periods, "conditions": conditions})


def write_part(folder, name, events, metadata, chosen, **changes):
    part = {key: array[chosen] for key, array in events.items()}
    said = metadata.model_copy(update={"entries": len(part["event"]), "eot": EOT / 2})
    write_events(folder / name, part, said, **changes)
    return folder / name


def test_the_eot_of_bad_spills_is_taken_off(config, closed, tmp_path):
    plan = Plan(config, "I", 22)
    path = tmp_path / "I.root"
    metadata = write_simulated_file(path, plan, events=2000)
    spills = open_event_file(path).spills
    assert spills["eot"].sum() == pytest.approx(metadata.eot, rel=1e-9)
    run, first = int(spills["run_number"][3]), int(spills["spill"][3])
    bad = BadSpills(run=run, spills=(first, first + 1), reason="test")
    changed = small(config, eot=metadata.eot, bad=[bad])
    found = process(open_files({"I": (path,)}, changed, closed), changed, closed)
    exposure, tally = found.exposures["I"], found.tallies["I"]
    listed = (spills["run_number"] == run) & np.isin(spills["spill"], bad.spills)
    assert listed.sum() == exposure.bad_spills == 2
    assert exposure.bad == pytest.approx(spills["eot"][listed].sum(), rel=1e-12)
    assert exposure.eot == pytest.approx(metadata.eot - exposure.bad, rel=1e-12)
    assert exposure.spills == len(spills["eot"]) >= exposure.spills_with_events > 0
    assert tally.cut_flow["clean_spill"] <= tally.cut_flow["trigger"]


def test_a_file_without_a_list_of_spills_counts_in_full(config, closed, events, tmp_path):
    arrays, metadata = events
    path = write_part(tmp_path, "a.root", arrays, metadata, slice(None))
    changed = small(config, eot=EOT / 2)
    exposure = process(open_files({"I": (path,)}, changed, closed), changed, closed).exposures["I"]
    assert exposure.eot == exposure.read == EOT / 2
    assert exposure.spills == 0


def test_spills_that_do_not_add_up_are_refused(events, tmp_path):
    arrays, metadata = events
    wrong = {"run_number": np.array([1]), "spill": np.array([1]), "eot": np.array([3.0])}
    path = write_part(tmp_path, "a.root", arrays, metadata, slice(None), spills=wrong)
    with pytest.raises(DataError, match="its spills hold 3 EOT, its metadata say 5e"):
        open_event_file(path)


def test_an_event_of_a_spill_that_is_not_listed_is_refused(config, closed, events, tmp_path):
    arrays, metadata = events
    other = {"run_number": np.array([1]), "spill": np.array([999]), "eot": np.array([EOT / 2])}
    path = write_part(tmp_path, "a.root", arrays, metadata, slice(None), spills=other)
    changed = small(config, eot=EOT / 2)
    with pytest.raises(DataError, match=r"a\.root: run 1, spill \d+ has events, but is not in"):
        process(open_files({"I": (path,)}, changed, closed), changed, closed)


@pytest.mark.parametrize("chunk_size", [300, 100_000])
def test_the_same_event_in_two_files_is_refused(config, closed, events, tmp_path, chunk_size):
    arrays, metadata = events
    paths = (
        write_part(tmp_path, "a.root", arrays, metadata, slice(0, 701)),
        write_part(tmp_path, "b.root", arrays, metadata, slice(700, None)),
    )
    changed = small(config)
    files = open_files({"I": paths}, changed, closed)
    run, spill, event = (arrays[name][700] for name in ("run_number", "spill", "event"))
    said = rf"a\.root and .*b\.root: run {run}, spill {spill}, event {event} stands there twice"
    with pytest.raises(DataError, match=said):
        process(files, changed, closed, chunk_size=chunk_size)


def test_files_may_share_a_spill_but_no_event(config, closed, events, tmp_path):
    """Every other event in each file, and out of order: each is there once."""
    arrays, metadata = events
    order = np.random.default_rng(1).permutation(1200)
    paths = (
        write_part(tmp_path, "a.root", arrays, metadata, order[::2]),
        write_part(tmp_path, "b.root", arrays, metadata, order[1::2]),
    )
    changed = small(config)
    files = open_files({"I": paths}, changed, closed)
    shuffled = process(files, changed, closed, chunk_size=100).tallies["I"]
    whole = write_part(tmp_path, "c.root", arrays, metadata, slice(None))
    alone = small(config, eot=EOT / 2)
    straight = process(open_files({"I": (whole,)}, alone, closed), alone, closed).tallies["I"]
    assert shuffled.same_content(straight)


def test_the_same_event_twice_in_a_file_but_far_apart(config, closed, events, tmp_path):
    arrays, metadata = events
    path = write_part(tmp_path, "a.root", arrays, metadata, np.append(np.arange(1200), 5))
    changed = small(config, eot=EOT / 2)
    files = open_files({"I": (path,)}, changed, closed)
    with pytest.raises(DataError, match=r"^\S*a\.root: run \d+, .* stands there twice"):
        process(files, changed, closed, chunk_size=400)


def test_events_read_twice_or_not_at_all_are_noticed(config, closed, events, tmp_path):
    arrays, metadata = events
    path = write_part(tmp_path, "a.root", arrays, metadata, slice(None))
    changed = small(config, eot=EOT / 2)
    (file,) = open_files({"I": (path,)}, changed, closed)["I"]
    none = np.empty((0, 5), np.int64)
    for places in ([(0, 600)], [(0, 600), (700, 1200)], [(0, 600), (0, 600)], [(0, 1200), (0, 5)]):
        reads = tuple(ChunkRead(file.uuid_text, *place, none) for place in places)
        with pytest.raises(IncompleteDataError, match="of 1200 events were read") as caught:
            account("I", (file,), reads, changed)
        assert caught.value.exit_code == 3
    check_duplicates((file,), ())


def test_a_period_without_files_is_refused(config, closed):
    with pytest.raises(DataError, match="period II: has no event files"):
        open_files({"II": ()}, config, closed)


def test_a_spill_in_two_lists_does_not_count_twice(config, closed, events, tmp_path):
    arrays, metadata = events
    pairs = np.unique(np.stack([arrays["run_number"], arrays["spill"]]), axis=1)
    eot = np.full(pairs.shape[1], EOT / 2 / pairs.shape[1])
    spills = {"run_number": pairs[0], "spill": pairs[1], "eot": eot}
    paths = (
        write_part(tmp_path, "a.root", arrays, metadata, slice(0, 600), spills=spills),
        write_part(tmp_path, "b.root", arrays, metadata, slice(600, None), spills=spills),
    )
    changed = small(config)
    files = open_files({"I": paths}, changed, closed)
    said = rf"a\.root and .*b\.root: run {pairs[0, 0]}, spill {pairs[1, 0]} is listed twice"
    with pytest.raises(DataError, match=said):
        process(files, changed, closed)
