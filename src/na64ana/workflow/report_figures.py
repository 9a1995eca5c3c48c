"""Figures and files inside a report."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from na64ana.plotting.svg import classes_of, colour, svg_n_minus_1
from na64ana.tally.cut_flow import CLASSES
from na64ana.tally.fill import n_minus_1_name
from na64ana.workflow.limits_files import MANIFEST, SELECTION
from na64ana.workflow.limits_folder import LimitsFolder
from na64ana.workflow.results import Result

#: Files beyond this size [bytes] are not put into the page.
LARGEST = 400_000
_TYPES = {".csv": "text/csv", ".json": "application/json"}
#: What the files are; others are named only.
ABOUT = {
    "limits.csv": "limits on epsilon by mass and method",
    "combinations.csv": "limits of some of the periods",
    "parameters.csv": "pulls and impacts",
    "background.csv": "expected background by period and source",
    "signal.csv": "signal events by period and process",
    "yields.csv": "dark photons per electron on target",
    "efficiency.csv": "signal efficiency by period and energy",
    "plane.csv": "counts of the planes",
    "workspace.json": "likelihood for pyhf and cabinetry",
    "patchset.json": "signal of every mass, for pyhf",
    "hs3.json": "likelihood in HS3, for RooFit and others",
    MANIFEST: "where every number comes from",
    SELECTION: "tallies of the selection, for na64ana cutflow",
}


@dataclass(frozen=True)
class Figure:
    """A figure as PNG inside the page."""

    source: str
    alt: str
    caption: str
    wide: bool = False


@dataclass(frozen=True)
class Panels:
    """The N-1 figures of a period."""

    period: str
    caption: str
    legend: tuple[tuple[str, str], ...]
    images: tuple[Markup, ...]


def embed(folder: LimitsFolder, name: str, alt: str, caption: str, *, wide: bool = False) -> Figure:
    """Return a figure of a limit, to stand in the page."""
    return Figure(_data_uri(folder.files[name], "image/png"), alt, caption, wide)


def _data_uri(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def n_minus_1_panels(result: Result, period: str) -> Panels | None:
    """Return the N-1 figures of a period; None if its processor filled none."""
    about, histograms = result.about, result.tallies[period].histograms
    chosen = {
        key: (histograms[n_minus_1_name(*key)], window)
        for key, window in result.windows(period).items()
        if n_minus_1_name(*key) in histograms
    }
    if not chosen:
        return None
    kind = "simulated events, stacked" if about["simulated"][period] else "measured events"
    asked = "; missing_energy is not asked" if about["blinded"] else ""
    classes = sorted({i for histogram, _ in chosen.values() for i in classes_of(histogram)})
    return Panels(
        period,
        f"{kind}{asked}",
        tuple((CLASSES[i].replace("_", " "), colour(i)) for i in classes),
        tuple(
            Markup(svg_n_minus_1(histogram, window=window, title=cut))
            for (cut, _), (histogram, window) in chosen.items()
        ),
    )


def downloads(folder: LimitsFolder) -> list[dict[str, Any]]:
    """Return all files with their hashes; tables and likelihoods also as links."""
    manifest = (folder.path / MANIFEST).read_bytes()
    listed = []
    for name, content in sorted({**folder.files, MANIFEST: manifest}.items()):
        kind = _TYPES.get(Path(name).suffix)
        inside = kind is not None and len(content) <= LARGEST
        listed.append(
            {
                "name": name,
                "about": ABOUT.get(
                    name, "figure" if name.endswith(".png") else "numbers of the figure"
                ),
                "size": f"{len(content) / 1e3:,.0f} kB",
                "sha256": folder.manifest["outputs"].get(name, "–"),
                "href": _data_uri(content, str(kind)) if inside else None,
            }
        )
    return listed
