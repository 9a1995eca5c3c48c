"""The tables of a report on signal, limits and files."""

import numpy as np
from markupsafe import Markup

from na64ana.tally.cut_flow import count, percent
from na64ana.workflow.limits_folder import LimitsFolder
from na64ana.workflow.presentation import (
    SHOWN_MASSES,
    compare_points,
    is_comparable,
    published_limit,
)
from na64ana.workflow.report_format import Cell, PageTable, scientific


def _shown(folder: LimitsFolder) -> list[int]:
    """Return which masses are shown: those next to `SHOWN_MASSES`."""
    logs = np.log(1e3 * folder.masses)
    return sorted({int(np.argmin(np.abs(logs - np.log(mass)))) for mass in SHOWN_MASSES})


def _mev(mass: float) -> str:
    return f"{1e3 * mass:.3g}" if mass < 0.999 else f"{1e3 * mass:.0f}"


def limit_table(folder: LimitsFolder) -> PageTable:
    """Return limits on epsilon by mass: observed, expected, by the other methods."""
    curves = {name: folder.limit(name) for name in ("observed", "expected_median")}
    low, high = (folder.limit(f"expected_{name}1") for name in ("minus", "plus"))
    what = "expected_median" if folder.closed else "observed"
    beside = [folder.limit(what, method) for method in folder.methods[1:]]
    rows = []
    for i in _shown(folder):
        cells: list[Cell] = [
            "closed" if curve is None else scientific(float(curve[i])) for curve in curves.values()
        ]
        band = [scientific(None if one is None else float(one[i]), 2) for one in (low, high)]
        cells.append(Markup("{} – {}").format(*band))
        cells += [scientific(None if one is None else float(one[i])) for one in beside]
        rows.append((_mev(float(folder.masses[i])), *cells))
    head = ("mass [MeV]", "observed", "expected", "68 % band")
    shown = "expected" if folder.closed else "observed"
    others = tuple(f"{shown}, {method}" for method in folder.methods[1:])
    level = 100 * folder.manifest["confidence_level"]
    caption = f"Upper limits on ε at {level:g} % CL, CLs by {folder.method}"
    return PageTable(caption, head + others, tuple(rows))


def method_table(folder: LimitsFolder) -> PageTable:
    """Return the limits on signal events by method."""
    rows = []
    for method, limit in folder.manifest["methods"]["event_limits"].items():
        cls, expected = limit["cls_at_limit"], limit["expected"]
        error = limit["monte_carlo_error"]
        rows.append(
            (
                method,
                "closed" if limit["observed"] is None else f"{limit['observed']:.2f}",
                "–" if expected is None else f"{expected[2]:.2f}",
                "–" if error is None else f"{error:.2f}",
                "–" if cls is None else f"{cls['value']:.3f} ± {cls['monte_carlo_error']:.3f}",
            )
        )
    head = ("method", "observed", "expected", "Monte Carlo error", "CLs at the observed limit")
    mass = _mev(folder.manifest["signal"]["workspace_m_ap_GeV"])
    return PageTable(f"Upper limits on signal events at {mass} MeV", head, tuple(rows))


def published_table(folder: LimitsFolder) -> PageTable | None:
    """Return this limit over the published one; None for other electrons or another level."""
    ours = folder.limit("expected_median" if folder.closed else "observed")
    level = folder.manifest["confidence_level"]
    if ours is None or not is_comparable(sum(folder.eot.values()), level):
        return None
    rows = [
        (_mev(mass), scientific(published), scientific(ratio * published), f"{ratio:.2f}")
        for mass, published, ratio in compare_points(folder.masses, ours)
    ]
    kind = "expected limit" if folder.closed else "limit"
    head = ("mass [MeV]", "published", "here", "ratio")
    return PageTable(f"This {kind} against {published_limit().label}", head, tuple(rows))


def efficiency_table(folder: LimitsFolder) -> PageTable | None:
    """Return the signal efficiency by period."""
    found = folder.manifest.get("efficiency")
    if not found:
        return None
    masses = next(iter(found.values()))["masses_GeV"]
    rows = [
        (
            period,
            *(f"{value:.3f}" for value in one["value"]),
            f"{one['annihilation']:.3f}",
            f"{one['data_over_simulation']:.3f}",
            percent(one["relative_error"]),
        )
        for period, one in found.items()
    ]
    head = (
        "period",
        *(f"{_mev(mass)} MeV" for mass in masses),
        *("annihilation", "data / simulation", "relative error"),
    )
    return PageTable("Efficiency of the cuts for dark photons in the box", head, tuple(rows))


def yields_table(folder: LimitsFolder) -> PageTable:
    """Return dark photons per electron on target, and signal events, by mass."""
    yields, signal = folder.rows("yields.csv"), folder.rows("signal.csv")
    epsilon = float(signal[0]["epsilon"])
    rows = []
    for i in _shown(folder):
        sums = [float(n) for name, n in signal[i].items() if name not in ("m_ap_GeV", "epsilon")]
        numbers = (float(yields[i][f"{c}_in_box"]) for c in folder.manifest["signal"]["processes"])
        error = percent(float(yields[i]["yield_total"]))
        cells = (*(scientific(x) for x in numbers), error, scientific(sum(sums)))
        rows.append((_mev(float(folder.masses[i])), *cells))
    head = (
        "mass [MeV]",
        *(f"{name} / EOT / ε²" for name in folder.manifest["signal"]["processes"]),
        "error of bremsstrahlung",
        Markup("signal events, ε = {}").format(scientific(epsilon, 2)),
    )
    return PageTable("Dark photons in the signal box", head, tuple(rows))


def parameter_table(folder: LimitsFolder) -> PageTable:
    """Return pulls and impacts."""
    rows = [
        (
            row["parameter"],
            _signed(row["pull"], 2),
            f"{float(row['error']):.2f}",
            _signed(row["pull_at_limit"], 2),
            *(f"{_signed(row[f'epsilon_{side}'], 1, 100)} %" for side in ("minus", "plus")),
        )
        for row in folder.rows("parameters.csv")
    ]
    head = (
        *("parameter", "pull", "error", "pull at the limit"),
        *("limit on ε, held at −1σ", "limit on ε, held at +1σ"),
    )
    return PageTable("Nuisance parameters, the largest impact first", head, tuple(rows))


def _signed(number: str, digits: int, factor: float = 1.0) -> str:
    """Return a number with its sign; zero has none."""
    rounded = round(factor * float(number), digits) + 0.0
    return f"{rounded:+.{digits}f}".replace("-", "−") if rounded else f"{0:.{digits}f}"


def combination_table(folder: LimitsFolder) -> PageTable:
    """Return the limits of some of the periods."""
    listed = folder.rows("combinations.csv")
    titles = {"cumulated": "up to", "alone": "alone", "without": "without"}
    rows = tuple(
        (
            f"{titles.get(row['kind'], row['kind'])} {row['period']}",
            row["periods"],
            f"{float(row['events']):.2f}",
            scientific(float(row["epsilon"])),
        )
        for row in listed
    )
    about = f", {listed[0]['limit']}, {listed[0]['method']}" if listed else ""
    mass = _mev(folder.manifest["signal"]["workspace_m_ap_GeV"])
    caption = f"Limits of some of the periods at {mass} MeV{about}"
    return PageTable(caption, ("which", "periods", "signal events", "ε"), rows, texts=2)


def file_table(folder: LimitsFolder) -> PageTable | None:
    """Return the event files."""
    rows = [
        (
            period,
            str(file["path"]),
            Markup("<code>{}</code>").format(file["sha256"] or "not hashed, remote"),
            count(file["entries"]),
            scientific(file["eot"]),
            str(file["seed"]) if file["simulated"] else "measured",
        )
        for period, one in folder.manifest["periods"].items()
        for file in one.get("files", [])
    ]
    head = ("period", "file", "sha256", "events", "EOT", "seed of the simulation")
    return PageTable("Event files", head, tuple(rows), texts=3) if rows else None
