"""The names of the files of `na64ana limits`."""

from pathlib import Path

#: The tallies, box closed: cut flow and N-1 histograms.
SELECTION = "selection.zip"
MANIFEST = "manifest.json"
#: What later steps need to turn a limit into that of another model.
LIMITS = "limits.json"
_FIGURE = (".png", ".pdf", ".csv")
FILES = (
    *("limits.csv", "limit.png", "limit.pdf", "combinations.csv"),
    *("background.csv", "signal.csv"),
    *(f"{stem}{end}" for stem in ("parameters", "yields") for end in _FIGURE),
    *("workspace.json", "patchset.json", "hs3.json", LIMITS, MANIFEST),
)
#: Written too when there are event files, and a figure of each fit of sideband C.
EVENT_FILES = (*(f"{stem}{end}" for stem in ("plane", "efficiency") for end in _FIGURE), SELECTION)
SIDEBANDS = "sideband_*.*"


def output_names(*, published: bool) -> tuple[str, ...]:
    """Return the names of the files that will be written."""
    return FILES if published else FILES + EVENT_FILES


def earlier_files(folder: Path) -> set[str]:
    """Return the names of files of an earlier run that another run may not write again."""
    return {*EVENT_FILES, *(path.name for path in folder.glob(SIDEBANDS))}
