"""The folder where na64ana keeps what it can make again."""

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Return the folder of simulated files, yields, checkpoints and the catalogue.

    It is $NA64ANA_CACHE, or the user's cache folder.
    """
    chosen = os.environ.get("NA64ANA_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("na64ana")
