"""Entries of file lists, and the files that they stand for."""

import sys
from pathlib import Path

import pytest

from na64ana.errors import DataError, UnreadableError
from na64ana.io.location import as_location, expand, is_remote, name_of, stamp_of


@pytest.fixture
def folder(tmp_path) -> Path:
    for name in ("b.root", "a.root", "notes.txt", "c.parquet"):
        (tmp_path / name).write_text("x")
    return tmp_path


def names(found) -> list[str]:
    return [name_of(one) for one in found]


def test_patterns_folders_and_single_files(folder):
    assert names(expand(f"{folder}/*.root")) == ["a.root", "b.root"]
    assert names(expand(str(folder))) == ["a.root", "b.root"]
    assert names(expand("a.root", folder)) == ["a.root"]


def test_a_pattern_that_is_none_is_refused(folder):
    if sys.version_info >= (3, 13):  # two stars are one there
        assert names(expand(f"{folder}/a**.root")) == ["a.root"]
        return
    with pytest.raises(DataError, match="is no pattern"):
        expand(f"{folder}/a**.root")


def test_a_list_keeps_its_order_and_has_comments(folder):
    (folder / "list.txt").write_text("b.root\n# all of them\n\n*.root  # again\n")
    assert names(expand("list.txt", folder)) == ["b.root", "a.root", "b.root"]


def test_a_dataset_of_rucio_is_a_list(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(UnreadableError, match=r"rucio replica list file --pfns na64:run/v3 >"):
        expand("na64:run/v3")
    Path("na64.run.v3.txt").write_text("root://host//a.root\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("na64ana.io.location.stamp_of", lambda _: (1, 0))
        assert expand("na64:run/v3") == ("root://host//a.root",)


@pytest.mark.parametrize("text", ["none*.root", "none.txt", "none/*.root"])
def test_what_is_not_there_is_named(folder, text):
    with pytest.raises(UnreadableError, match="none"):
        expand(text, folder)


def test_lists_of_lists_and_binary_lists_are_refused(folder):
    (folder / "list.txt").write_text("other.txt\n")
    with pytest.raises(DataError, match="names another list"):
        expand("list.txt", folder)
    (folder / "list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="is no list of files"):
        expand("list.txt", folder)


def test_addresses_stay_as_they_are():
    text = "root://eos.example//eos/na64/run.root"
    assert as_location(text) == text
    assert is_remote(text)
    assert not is_remote(as_location("/eos/run.root"))
    assert name_of(text) == "run.root"
    assert expand(text) == (text,)


def test_the_stamp_changes_with_the_file(folder):
    before = stamp_of(folder / "a.root")
    (folder / "a.root").write_text("longer")
    assert stamp_of(folder / "a.root") != before
    with pytest.raises(UnreadableError, match="no such file"):
        stamp_of(folder / "none.root")


def test_an_unknown_protocol_is_one_line():
    with pytest.raises(DataError, match="nowhere://"):
        stamp_of("nowhere://host/file.root")
