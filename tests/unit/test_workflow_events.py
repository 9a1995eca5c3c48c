"""Where event files come from: the configuration, the command line, or the cache."""

from pathlib import Path

import pytest

from na64ana.config.models import FileEntry
from na64ana.errors import ConfigError, DataError
from na64ana.io.cache import cache_folder
from na64ana.io.reading import open_event_file
from na64ana.workflow.events import listed_files, simulated_files
from na64ana.workflow.progress import silent


@pytest.fixture
def cache(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("NA64ANA_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.slow
def test_simulated_files_are_made_once(config, cache):
    first = simulated_files(config, seed=1, progress=silent)
    assert list(first) == list(config.periods)
    times = {path: path.stat().st_mtime_ns for (path,) in first.values()}
    assert simulated_files(config, seed=1, progress=silent) == first
    assert {path: path.stat().st_mtime_ns for path in times} == times
    other = simulated_files(config, seed=2, progress=silent)
    assert not set(other.values()) & set(first.values())
    assert len(list(cache.iterdir())) == 10


@pytest.mark.slow
def test_a_broken_or_foreign_file_in_the_cache_is_made_again(config, cache):
    paths = simulated_files(config, seed=1, progress=silent)
    (broken,), (foreign,) = paths["IV"], paths["I"]
    broken.write_bytes(broken.read_bytes()[:5000])
    foreign.write_bytes(paths["II"][0].read_bytes())
    simulated_files(config, seed=1, progress=silent)
    for period, path in (("IV", broken), ("I", foreign)):
        assert open_event_file(path, period=period).metadata.seed == 1
    assert len(list(cache.iterdir())) == 5


def test_the_cache_is_the_users_by_default(monkeypatch):
    monkeypatch.delenv("NA64ANA_CACHE", raising=False)
    assert cache_folder().name == "na64ana"


def test_files_are_listed_by_pattern_and_replaced_by_the_command_line(config, tmp_path):
    for name in ("b.root", "a.root", "c.txt"):
        (tmp_path / name).touch()
    period = config.periods["II"].model_copy(
        update={"files": (FileEntry(path=f"{tmp_path}/*.root"),)}
    )
    mine = config.model_copy(update={"periods": config.periods | {"II": period}})
    assert listed_files(mine, {}) == {"II": (tmp_path / "a.root", tmp_path / "b.root")}
    extra = {"V": (Path("x.root"),), "I": (Path("y.root"),)}
    assert list(listed_files(mine, extra)) == ["I", "V"]
    assert listed_files(config, {}) == {}
    with pytest.raises(ConfigError, match="unknown period 'VI'"):
        listed_files(config, {"VI": ()})
    none = period.model_copy(update={"files": (FileEntry(path=f"{tmp_path}/*.none"),)})
    with pytest.raises(DataError, match="no such file"):
        listed_files(config.model_copy(update={"periods": {"II": none}}), {})
