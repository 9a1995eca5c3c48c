"""The names of the files of `na64ana limits`."""

from pathlib import Path

#: The tallies, box closed: cut flow and N-1 histograms.
SELECTION = "selection.zip"
MANIFEST = "manifest.json"
#: The limit as another program, or another model, takes it.
LIMITS = "limits.json"
FILES = (
    *("limits.csv", "limit.png", "limit.pdf", "combinations.csv"),
    *("parameters.csv", "parameters.png", "parameters.pdf"),
    *("background.csv", "signal.csv", "yields.csv", "yields.png", "yields.pdf"),
    *("workspace.json", "patchset.json", "hs3.json", LIMITS, MANIFEST),
)
#: Written too when there are event files, and a figure of each fit of sideband C.
EVENT_FILES = (
    *(f"{stem}{end}" for stem in ("plane", "efficiency") for end in (".png", ".pdf", ".csv")),
    SELECTION,
)
SIDEBANDS = "sideband_*.*"


def output_names(*, published: bool) -> tuple[str, ...]:
    """Return the names of the files that will be written."""
    return FILES if published else FILES + EVENT_FILES


def earlier_files(folder: Path) -> set[str]:
    """Return the names of files of an earlier run that another run may not write again."""
    return {*EVENT_FILES, *(path.name for path in folder.glob(SIDEBANDS))}
