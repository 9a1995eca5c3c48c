"""Signal events, yields and efficiencies of a limit, as CSV and figures."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from na64ana.plotting.efficiency import plot_efficiency
from na64ana.plotting.style import figure
from na64ana.plotting.yields import plot_yields
from na64ana.workflow.efficiency import SignalEfficiency, pool
from na64ana.workflow.limits import LimitsResult
from na64ana.workflow.yields import yields_csv, yields_of

#: The epsilon of signal.csv.
SIGNAL_EPSILON = 1e-4
_EFFICIENCY_COLUMNS = (
    *("period", "m_ap_GeV", "e_ap_low_GeV", "e_ap_high_GeV", "passed", "total"),
    *("efficiency", "low", "high", "data_over_simulation"),
)


def signal_csv(result: LimitsResult) -> str:
    """Return the signal events of `SIGNAL_EPSILON` in the box, by period and process, as CSV."""
    rows: list[dict[str, float]] = []
    for mass, model in zip(result.curve.masses, result.models, strict=True):
        row = {"m_ap_GeV": float(mass), "epsilon": SIGNAL_EPSILON}
        for channel in model.channels:
            period = channel.name.removeprefix("period_")
            for sample in channel.signals:
                key = f"{period}_{sample.name}"
                row[key] = row.get(key, 0.0) + sample.events * SIGNAL_EPSILON**2
        rows.append(row)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow([f"{value:.6g}" for value in row.values()])
    return text.getvalue()


def write_signal_yields(result: LimitsResult, folder: Path) -> None:
    """Write the dark photons per electron on target of all masses, and their figure."""
    edge = max(result.config.periods[name].e_ecal_max for name in result.periods)
    found = yields_of(result.yields, result.curve.masses, edge)
    (folder / "yields.csv").write_text(yields_csv(found), encoding="utf-8")
    with figure(folder / "yields.png", 8, 6) as fig:
        title = f"na64ana, signal box $E_\\mathrm{{ECAL}}$ < {edge:g} GeV"
        curves = {str(channel): values for channel, values in found.in_box.items()}
        plot_yields(found.masses, curves, fig.add_subplot(), title=title)


def write_efficiencies(efficiencies: Mapping[str, SignalEfficiency], folder: Path) -> None:
    """Draw the efficiency of all periods together, and write that of each."""
    first = next(iter(efficiencies.values()))
    alike = [one for one in efficiencies.values() if (one.edges == first.edges).all()]
    by_mass = {
        float(mass): [pool(bins) for bins in zip(*(one.by_energy[i] for one in alike), strict=True)]
        for i, mass in enumerate(first.masses)
    }
    periods = " ".join(one.period for one in alike)
    with figure(folder / "efficiency.png", 7, 5) as fig:
        plot_efficiency(
            first.edges, by_mass, fig.add_subplot(), title=f"simulated signal, all cuts, {periods}"
        )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_EFFICIENCY_COLUMNS)
    for name, one in efficiencies.items():
        edges = [*zip(one.edges, one.edges[1:], strict=False)]
        for mass, overall, parts in zip(one.masses, one.overall, one.by_energy, strict=True):
            rows = [((one.edges[0], one.edges[-1]), overall), *zip(edges, parts, strict=True)]
            for (low, high), part in rows:
                writer.writerow(
                    [name, f"{mass:g}", f"{low:g}", f"{high:g}", part.passed, part.total]
                    + [f"{x:.4f}" for x in (part.value, part.low, part.high, one.scale[0])]
                )
    (folder / "efficiency.csv").write_text(text.getvalue(), encoding="utf-8")
