"""The tables of a limit in the form of HEPData."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from na64ana.background.table import BackgroundTable
from na64ana.workflow.columns import SIGMAS
from na64ana.workflow.hepdata_columns import (
    NONE,
    HepTable,
    about_all,
    about_level,
    about_period,
    band,
    dependent,
    mass_column,
    number,
    variable,
    with_band,
)
from na64ana.workflow.hepdata_events import (
    cut_flow_tables,
    efficiency_tables,
    sideband_tables,
    signal_table,
    yields_table,
)
from na64ana.workflow.limits_folder import LimitsFolder
from na64ana.workflow.presentation import TITLES


def make_tables(folder: LimitsFolder) -> list[HepTable]:
    """Return all tables of a limit: those of event files only if there are some."""
    found = [_limits(folder, method) for method in folder.methods]
    found += [_combinations(folder), _background(folder)]
    found += cut_flow_tables(folder) + sideband_tables(folder) + efficiency_tables(folder)
    return [*found, yields_table(folder), signal_table(folder), _parameters(folder)]


def _limits(folder: LimitsFolder, method: str) -> HepTable:
    about = [*about_all(folder), about_level(folder), {"name": "CLs by", "value": method}]
    columns = []
    observed = folder.limit("observed", method)
    if observed is not None:
        values = ({"value": number(x)} for x in observed)
        columns.append(dependent(r"observed upper limit on $\epsilon$", "", values, about))
    bands = [folder.limit(f"expected_{name}", method) for name in SIGMAS]
    if all(band is not None for band in bands):
        cells = []
        for low2, low1, middle, high1, high2 in zip(
            *(b for b in bands if b is not None), strict=True
        ):
            cell: dict[str, Any] = {"value": number(middle)}
            errors = [
                band(middle, low, high, label)
                for low, high, label in ((low1, high1, "1 sigma"), (low2, high2, "2 sigma"))
                if np.isfinite([low, middle, high]).all()
            ]
            cells.append({**cell, "errors": errors} if errors else cell)
        columns.append(dependent(r"expected upper limit on $\epsilon$", "", cells, about))
    state = "observed and expected" if observed is not None else "expected, signal box closed"
    return HepTable(
        f"Limits on epsilon by {method}",
        f"limits_{method}.yaml",
        f"Upper limits on the mixing strength epsilon against the mass of the dark photon, CLs by "
        f"{method}; {state}. The errors of the expected limit are its 1 and 2 sigma bands.",
        [mass_column(folder)],
        columns,
        ("CLS",),
    )


def _combinations(folder: LimitsFolder) -> HepTable:
    rows = folder.rows("combinations.csv")
    said = {(row["method"], row["limit"]) for row in rows}
    about = [about_level(folder), about_all(folder)[2]]
    about += [{"name": "CLs by", "value": f"{method}, {limit}"} for method, limit in sorted(said)]
    about.append(
        {
            "name": "$m_{A'}$",
            "units": "GEV",
            "value": folder.manifest["signal"]["workspace_m_ap_GeV"],
        }
    )
    columns = [
        dependent(name, "", ({"value": number(float(row[key]))} for row in rows), about)
        for name, key in (
            ("upper limit on signal events", "events"),
            (r"upper limit on $\epsilon$", "epsilon"),
        )
    ]
    return HepTable(
        "Limits of some of the periods",
        "combinations.yaml",
        "Upper limits at one mass of the periods cumulated in their order, of each alone, and of "
        "all without one.",
        [
            variable("Kind", "", (f"{row['kind']} {row['period']}" for row in rows)),
            variable("Periods", "", (row["periods"] for row in rows)),
        ],
        columns,
        ("CLS", "N"),
    )


def _background(folder: LimitsFolder) -> HepTable:
    table = folder.background
    sources = list(dict.fromkeys(row.source for row in table.rows))
    parts = [BackgroundTable(tuple(r for r in table.rows if r.source == s)) for s in sources]
    columns = []
    observed = folder.manifest.get("observed")
    for name in (*table.periods, "sum"):
        periods = table.periods if name == "sum" else (name,)
        cells = [_sum(some, periods) for some in (*parts, table)]
        if observed is not None:
            cells.append({"value": sum(observed.get(period, 0) for period in periods)})
        about = about_all(folder) if name == "sum" else about_period(folder, name)
        columns.append(dependent("events in the signal box", "", cells, about))
    rows = [*(TITLES.get(source, source) for source in sources), "sum"]
    return HepTable(
        "Background",
        "background.yaml",
        "Expected background events in the signal box by source and period: medians and 68 % "
        "intervals; errors of one source are common to the periods of a group.",
        [variable("Source", "", rows + (["observed"] if observed is not None else []))],
        columns,
        ("N",),
    )


def _sum(table: BackgroundTable, periods: Sequence[str]) -> dict[str, Any]:
    """Return the events of periods with their interval; of one row as it stands."""
    rows = [row for period in periods for row in table.of(period)]
    if not rows:
        return {"value": NONE}
    if len(rows) == 1:
        n, (down, up) = rows[0].events, rows[0].factors
        return with_band(n, n * down, n * up, "1 sigma")
    return with_band(*table.total(periods), "1 sigma")


def _parameters(folder: LimitsFolder) -> HepTable:
    rows = folder.rows("parameters.csv")
    about = [*about_all(folder), about_level(folder)]
    pulls = (
        {
            "value": number(float(row["pull"])),
            "errors": [{"symerror": number(float(row["error"])), "label": "fit"}],
        }
        for row in rows
    )
    impacts = [
        dependent(
            rf"relative change of the limit on $\epsilon$, held at {sign}1 sigma",
            "",
            ({"value": number(float(row[f"epsilon_{key}"]))} for row in rows),
            about,
        )
        for key, sign in (("minus", "-"), ("plus", "+"))
    ]
    return HepTable(
        "Pulls and impacts",
        "parameters.yaml",
        "Best-fit values of the nuisance parameters in units of their errors, and what each does "
        "to the limit.",
        [variable("Parameter", "", (row["parameter"] for row in rows))],
        [dependent("pull", "", pulls, about), *impacts],
    )
