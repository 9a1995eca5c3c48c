import errno
import os

import pytest

from na64ana.errors import OutputError
from na64ana.io.atomic import atomic_files, atomic_path


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_complete(tmp_path):
    target = tmp_path / "new" / "a.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert left(target.parent) == ["a.txt"]
    assert target.stat().st_mode & 0o444


def test_an_error_leaves_nothing_behind(tmp_path):
    with pytest.raises(ZeroDivisionError), atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert left(tmp_path) == []


def test_nothing_is_overwritten_unless_asked(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(OutputError, match="exists already"), atomic_path(target):
        pass
    with atomic_path(target, overwrite=True) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"


def test_a_set_of_files_appears_together(tmp_path):
    with atomic_files(tmp_path, ["a", "b"]) as staging:
        (staging / "a").write_text("1")
        (staging / "b").write_text("2")
        assert not (tmp_path / "a").exists()
    assert left(tmp_path) == ["a", "b"]
    with pytest.raises(OutputError, match="exists already"), atomic_files(tmp_path, ["b"]):
        pass


def test_what_an_earlier_run_left_is_removed(tmp_path):
    for name in ("a", "old"):
        (tmp_path / name).write_text("earlier")
    with atomic_files(tmp_path, ["a"], overwrite=True, obsolete=["old", "none"]) as staging:
        (staging / "a").write_text("new")
    assert left(tmp_path) == ["a"]


def test_a_device_is_never_replaced(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(OutputError, match="no regular file"), atomic_path(fifo, overwrite=True):
        pass
    assert fifo.is_fifo()


def test_a_name_that_no_folder_can_have(tmp_path):
    with (
        pytest.raises(OutputError, match="no usable name"),
        atomic_files(tmp_path / ("x" * 300), ["a"]),
    ):
        pass


def test_of_a_set_nothing_appears_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), atomic_files(tmp_path, ["a", "b"]) as staging:
        (staging / "a").write_text("1")
        raise ZeroDivisionError
    assert left(tmp_path) == []


@pytest.mark.parametrize("context", [lambda p: atomic_path(p / "a"), lambda p: atomic_files(p, [])])
def test_a_folder_that_cannot_be_written_is_named(tmp_path, context):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"), context(tmp_path / "file" / "sub"):
        pass


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EACCES])
def test_a_full_disk_is_one_line_and_leaves_no_new_folder(tmp_path, number):
    folder = tmp_path / "new"
    with pytest.raises(OutputError, match="no space") as caught, atomic_files(folder, []) as stage:
        (stage / "a").write_text("half")
        raise OSError(number, "no space")
    assert caught.value.exit_code == (1 if number == errno.EACCES else 3)
    assert not folder.exists()


def test_other_errors_inside_stay_what_they_are(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_files(tmp_path, ["a"]):
        (tmp_path / "none").read_text()
