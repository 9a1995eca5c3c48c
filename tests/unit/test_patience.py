"""Storage that hangs: a FIFO without a writer stands for it."""

import os
import time

import pytest

from na64ana.errors import ConfigError, UnreadableError
from na64ana.io.location import expand
from na64ana.io.patience import VARIABLE, within


@pytest.fixture
def fifo(tmp_path, monkeypatch):
    """Who reads it waits until the test is over."""
    monkeypatch.setenv(VARIABLE, "0.2")
    path = tmp_path / "runs.txt"
    os.mkfifo(path)
    yield path
    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))


def test_a_list_that_hangs_is_named_and_not_tried_again(fifo):
    begin = time.monotonic()
    with pytest.raises(
        UnreadableError, match=r"runs\.txt: does not answer within 0\.2 s"
    ) as caught:
        expand(str(fifo))
    assert caught.value.exit_code == 3
    assert 0.2 <= time.monotonic() - begin < 5
    begin = time.monotonic()
    with pytest.raises(UnreadableError, match="does not answer"):
        expand(str(fifo))
    assert time.monotonic() - begin < 0.2


def test_what_answers_is_passed_on():
    def fails() -> None:
        raise ZeroDivisionError("by the call")

    assert within("here", lambda: 7) == 7
    with pytest.raises(ZeroDivisionError, match="by the call"):
        within("there", fails)


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
def test_a_time_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(ConfigError, match="is no number of seconds"):
        within("here", lambda: 7)
