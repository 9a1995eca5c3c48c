"""Tables of HEPData on events: cut flow, sidebands, efficiency, yields, signal."""

from typing import Any

import numpy as np

from na64ana.workflow.hepdata_columns import (
    NONE,
    HepTable,
    about_period,
    dependent,
    mass_column,
    number,
    variable,
    with_band,
)
from na64ana.workflow.limits_folder import LimitsFolder


def cut_flow_tables(folder: LimitsFolder) -> list[HepTable]:
    """Return the cut flow; none without event files."""
    flows = folder.manifest.get("cut_flow")
    if not flows:
        return []
    cuts = list(dict.fromkeys(cut for flow in flows.values() for cut in flow))
    columns = []
    for name, flow in flows.items():
        cells = ({"value": flow.get(cut, NONE)} for cut in cuts)
        columns.append(dependent("events", "", cells, about_period(folder, name)))
    return [
        HepTable(
            "Cut flow",
            "cut_flow.yaml",
            "Events left after each cut, with the signal box closed.",
            [variable("Cut", "", cuts)],
            columns,
            ("N",),
        )
    ]


def sideband_tables(folder: LimitsFolder) -> list[HepTable]:
    """Return the fits of sideband C."""
    found = []
    for name in sorted(folder.files):
        if not (name.startswith("sideband_") and name.endswith(".csv")):
            continue
        rows, scope = folder.rows(name), name[9:-4]
        energies = {
            "header": {"name": r"$E_\mathrm{ECAL}$", "units": "GEV"},
            "values": [
                {"low": float(row["e_ecal_low_GeV"]), "high": float(row["e_ecal_high_GeV"])}
                for row in rows
            ],
        }
        about = [{"name": "Periods", "value": scope}, {"name": "Signal box", "value": "blinded"}]
        counts = ({"value": int(row["events"]) if row["events"] else NONE} for row in rows)
        bands = [(float(row["band_low"]), float(row["band_high"])) for row in rows]
        # the band is an interval of the logarithm: its middle is the geometric mean
        fitted = [with_band(float(np.sqrt(a * b)), a, b, "68 % band") for a, b in bands]
        found.append(
            HepTable(
                f"Sideband C of {scope}",
                name.replace(".csv", ".yaml").replace("+", "_"),
                "Events with a quiet HCAL against the ECAL energy, and the average of the fits, "
                "extrapolated into the signal box, where no event is shown.",
                [energies],
                [
                    dependent("events", "", counts, about),
                    dependent("extrapolated events", "", fitted, about),
                ],
                ("N",),
            )
        )
    return found


def efficiency_tables(folder: LimitsFolder) -> list[HepTable]:
    """Return the signal efficiencies; none without event files."""
    found = folder.manifest.get("efficiency")
    if not found:
        return []
    masses = next(iter(found.values()))["masses_GeV"]
    columns = []
    for period, one in found.items():
        errors = [value * one["relative_error"] for value in one["value"]]
        cells = (
            {"value": number(value), "errors": [{"symerror": number(error), "label": "stat"}]}
            for value, error in zip(one["value"], errors, strict=True)
        )
        columns.append(dependent("signal efficiency", "", cells, about_period(folder, period)))
    return [
        HepTable(
            "Signal efficiency",
            "efficiency.yaml",
            "Efficiency of the cuts for dark photons of bremsstrahlung that trigger and have the "
            "missing energy.",
            [variable("$m_{A'}$", "GEV", map(number, masses))],
            columns,
            ("EFF",),
        ),
        _efficiency_by_energy(folder),
    ]


def _efficiency_by_energy(folder: LimitsFolder) -> HepTable:
    rows = folder.rows("efficiency.csv")
    energies = {
        "header": {"name": "$E_{A'}$", "units": "GEV"},
        "values": [
            {"low": float(row["e_ap_low_GeV"]), "high": float(row["e_ap_high_GeV"])} for row in rows
        ],
    }
    cells = (
        with_band(float(row["efficiency"]), float(row["low"]), float(row["high"]), "stat")
        for row in rows
    )
    return HepTable(
        "Signal efficiency by energy",
        "efficiency_by_energy.yaml",
        "Share of simulated dark photons that pass trigger and all cuts, by their energy; the "
        "first row of each period and mass is that of all energies.",
        [
            variable("Period", "", (row["period"] for row in rows)),
            variable("$m_{A'}$", "GEV", (float(row["m_ap_GeV"]) for row in rows)),
            energies,
        ],
        [dependent("signal efficiency", "", cells)],
        ("EFF",),
    )


def yields_table(folder: LimitsFolder) -> HepTable:
    """Return dark photons per electron on target."""
    rows = folder.rows("yields.csv")
    columns = []
    for process in folder.manifest["signal"]["processes"]:
        cells = []
        for row in rows:
            value = float(row[f"{process}_in_box"])
            cell: dict[str, Any] = {"value": number(value)}
            if process == "bremsstrahlung":  # whose errors were computed
                error = number(value * float(row["yield_total"]))
                cell["errors"] = [{"symerror": error, "label": "sys"}]
            cells.append(cell)
        about = [{"name": "Process", "value": process}]
        columns.append(dependent(r"dark photons / EOT / $\epsilon^2$", "", cells, about))
    return HepTable(
        "Yields",
        "yields.yaml",
        "Dark photons per electron on target in the signal box for epsilon = 1, with resolution "
        "and trigger, before the cuts.",
        [mass_column(folder)],
        columns,
        ("N",),
    )


def signal_table(folder: LimitsFolder) -> HepTable:
    """Return the signal events by period."""
    rows = folder.rows("signal.csv")
    columns = []
    for period in folder.periods:
        names = [name for name in rows[0] if name.startswith(f"{period}_")]
        cells = ({"value": number(sum(float(row[name]) for name in names))} for row in rows)
        about = [
            *about_period(folder, period),
            {"name": r"$\epsilon$", "value": float(rows[0]["epsilon"])},
        ]
        columns.append(dependent("signal events", "", cells, about))
    return HepTable(
        "Signal events",
        "signal.yaml",
        "Expected signal events in the signal box after all cuts.",
        [mass_column(folder)],
        columns,
        ("N",),
    )
