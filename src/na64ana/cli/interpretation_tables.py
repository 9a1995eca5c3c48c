"""What a limit means, on the terminal."""

import numpy as np
from rich.console import Console
from rich.table import Table

from na64ana.workflow.interpretation import Interpretation

#: Masses of the A' or of another boson in the tables [GeV].
_SHOWN = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


def print_interpretation(found: Interpretation, console: Console) -> None:
    """Print limits on y, alpha_D, mediators, gauge bosons, and projections at some masses."""
    masses = found.stored.curve.masses
    near = [int(np.argmin(np.abs(np.log(masses / one)))) for one in _SHOWN]
    places = list(dict.fromkeys(near))
    what = "expected (box closed)" if found.stored.curve.observed is None else "observed"
    level = f"{100 * found.stored.curve.confidence_level:g} % CL, {what}"
    _print_y(found, places, level, console)
    _print_alpha(found, console)
    _print_others(found, places, level, console)
    for note in found.notes:
        console.print(f"  {note}", style="dim")


def _print_y(found: Interpretation, places: list[int], level: str, console: Console) -> None:
    ratio = found.choices.mass_ratio
    table = _table(
        f"Limits on y, {level}, m_A' = {1 / ratio:.3g} m_chi; * excludes the relic density"
    )
    table.add_column("dark matter")
    table.add_column("alpha_D", justify="right")
    for i in places:
        m_chi = 1e3 * ratio * found.stored.curve.masses[i]
        table.add_column(f"{m_chi:.3g} MeV", justify="right")
    for limit, target in zip(found.dark_matter, found.targets, strict=True):
        y = limit.y
        needed = np.exp(np.interp(np.log(limit.m_chi), np.log(target.m_chi), np.log(target.y)))
        inside = (limit.m_chi >= target.m_chi[0]) & (limit.m_chi <= target.m_chi[-1])
        cells = [f"{y[i]:.2g}{'*' if inside[i] and y[i] < needed[i] else ' '}" for i in places]
        table.add_row(limit.dark_matter.kind, f"{limit.dark_matter.alpha_d:g}", *cells)
    console.print(table)


def _print_alpha(found: Interpretation, console: Console) -> None:
    table = _table("alpha_D excluded below, for dark matter of the relic density")
    table.add_column("dark matter")
    chosen = (0.001, 0.003, 0.01, 0.03, 0.1)
    for one in chosen:
        table.add_column(f"{1e3 * one:g} MeV", justify="right")
    table.add_column("Landau pole at 1 TeV", justify="right")
    for limit in found.alpha:
        cells = []
        for mass in chosen:
            i = int(np.argmin(np.abs(np.log(limit.m_chi / mass))))
            near = abs(np.log(limit.m_chi[i] / mass)) < 0.1
            text = f"{limit.alpha_d[i]:.2g}" if np.isfinite(limit.alpha_d[i]) else "all to 1"
            text = "none" if limit.alpha_d[i] == 0 else text
            cells.append(text if near else "-")
        table.add_row(limit.kind, *cells, f"{found.bounds()[limit.kind]:.2g}")
    console.print(table)


def _print_others(found: Interpretation, places: list[int], level: str, console: Console) -> None:
    table = _table(f"Limits on other bosons and of more electrons, {level}")
    table.add_column("limit on")
    masses = found.stored.curve.masses
    for i in places:
        table.add_column(f"{1e3 * masses[i]:.3g} MeV", justify="right")
    rows = [(f"epsilon of {one.mediator}", one.epsilon) for one in found.mediators]
    rows += [(f"g of {one.model}", one.coupling) for one in found.gauge_bosons]
    rows += [
        (f"epsilon, {one.eot:g} EOT, {one.background}", one.curve.headline)
        for one in found.projections
    ]
    for name, values in rows:
        table.add_row(name, *(f"{values[i]:.2g}" for i in places))
    console.print(table)


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold")
