"""The tables of a report, made of the files of a limit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from na64ana.background.table import BackgroundTable
from na64ana.config.observables import OBSERVABLES
from na64ana.config.reference import load_reference
from na64ana.tally.cut_flow import CutFlow, count, percent
from na64ana.workflow.background_files import SMALL, TITLES
from na64ana.workflow.limits_folder import LimitsFolder
from na64ana.workflow.outputs import SHOWN_MASSES, compare_points

Cell = str | Markup


@dataclass(frozen=True)
class PageTable:
    """A table of the page; the first `texts` columns are text, the others numbers.

    `strong` are the numbers of rows that are set bold.
    """

    caption: Cell
    head: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    texts: int = 1
    strong: tuple[int, ...] = ()


def scientific(number: float | None, digits: int = 3) -> Markup:
    """Return a number for readers, for example 4.90 × 10⁻⁵; a dash for none."""
    if number is None or np.isnan(number):
        return Markup("–")
    if np.isinf(number):
        return Markup("∞")
    if number == 0 or 0.01 <= abs(number) < 1e4:
        return Markup(f"{number:.{digits}g}".replace("-", "−"))
    mantissa, exponent = f"{number:.{digits - 1}e}".split("e")
    power = str(int(exponent)).replace("-", "−")
    return Markup("{}&nbsp;×&nbsp;10<sup>{}</sup>").format(mantissa.replace("-", "−"), power)


def events(number: float) -> str:
    """Return expected events with two digits."""
    return f"<{SMALL:g}" if number < SMALL else f"{number:.2g}"


def between(low: float, high: float) -> str:
    """Return an interval of expected events."""
    return f"{events(low)} – {events(high)}"


def mass_rows(folder: LimitsFolder) -> list[int]:
    """Return which masses are shown: those next to `SHOWN_MASSES`."""
    logs = np.log(1e3 * folder.masses)
    return sorted({int(np.argmin(np.abs(logs - np.log(mass)))) for mass in SHOWN_MASSES})


def _mev(mass: float) -> str:
    return f"{1e3 * mass:.3g}" if mass < 0.999 else f"{1e3 * mass:.0f}"


def cut_flow_table(flows: Mapping[str, CutFlow], box: str) -> PageTable:
    """Return events after each cut by period, and the share that each cut keeps of the sum."""
    names = dict.fromkeys(cut for flow in flows.values() for cut in flow.cuts)
    rows: list[tuple[Cell, ...]] = []
    before = None
    for name in names:
        counts = [flow.counts().get(name) for flow in flows.values()]
        total = sum(number or 0 for number in counts)
        share = "–" if not before else percent(total / before)
        rows.append((name, *(count(number) for number in counts), count(total), share))
        before = total
    head = ("cut", *flows, "sum", "of the row before")
    return PageTable(f"Events left after each cut; {box}", head, tuple(rows))


def period_flow_tables(flows: Mapping[str, CutFlow], box: str) -> list[PageTable]:
    """Return the cut flow of each period with all ratios."""
    head = ("cut", "events", "of the row before", "of all", "removed by this cut alone")
    return [
        PageTable(
            f"Cut flow of period {period}; {box}",
            head,
            tuple(
                (
                    row.cut,
                    count(row.events),
                    percent(row.relative),
                    percent(row.absolute),
                    count(row.only),
                )
                for row in flow.rows()
            ),
        )
        for period, flow in flows.items()
    ]


def cuts_tables(cuts: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[PageTable]:
    """Return what each cut asks, why, and after whom; once for periods that ask the same."""
    alike: dict[tuple[tuple[Cell, ...], ...], list[str]] = {}
    for period, listed in cuts.items():
        rows = tuple(
            (
                str(cut["name"]),
                Markup("<br>").join(_window(*window) for window in cut["windows"]),
                str(cut["reason"]),
                str(cut["source"]),
            )
            for cut in listed
        )
        alike.setdefault(rows, []).append(period)
    head = ("cut", "asks", "against", "source")
    return [
        PageTable(f"Cuts of {' '.join(periods)}", head, rows, texts=4)
        for rows, periods in alike.items()
    ]


def _window(name: str, low: float | None, high: float | None) -> str:
    unit = OBSERVABLES[name].unit if name in OBSERVABLES else ""
    if high is None:
        return f"{name} > {low:g} {unit}".rstrip()
    left = "" if low is None else f"{low:g} < "
    return f"{left}{name} < {high:g} {unit}".rstrip()


def background_table(folder: LimitsFolder, observed: Mapping[str, int] | None) -> PageTable:
    """Return expected events by source and period, with the 68 % interval of their sums."""
    table = folder.background
    rows: list[tuple[Cell, ...]] = []
    for source in dict.fromkeys(row.source for row in table.rows):
        some = BackgroundTable(tuple(row for row in table.rows if row.source == source))
        cells = [events(some.total([p])[0]) if some.of(p) else "–" for p in table.periods]
        rows.append((TITLES.get(source, source), *cells, events(some.total(table.periods)[0])))
    sums = [*(table.total([name]) for name in table.periods), table.total(table.periods)]
    strong = [len(rows)]
    rows.append(("sum", *(events(middle) for middle, _, _ in sums)))
    rows.append(("68 % interval", *(between(low, high) for _, low, high in sums)))
    if observed is not None:
        counts = [observed.get(name, 0) for name in table.periods]
        strong.append(len(rows))
        rows.append(("observed", *map(count, counts), count(sum(counts))))
    caption = "Expected background events in the signal box (medians)"
    return PageTable(caption, ("source", *table.periods, "sum"), tuple(rows), strong=tuple(strong))


def origin_table(folder: LimitsFolder) -> PageTable:
    """Return where each number of the background comes from."""
    rows: list[tuple[Cell, ...]] = []
    for (source, scope), parts in sorted(folder.background.shared().items()):
        number, (down, up) = sum(row.events for row in parts), parts[0].factors
        periods = {row.period for row in parts}
        other = [r for r in folder.compared.rows if r.source == source and r.period in periods]
        rows.append(
            (
                TITLES.get(source, source),
                scope,
                max(parts, key=lambda row: row.events).method,
                events(number),
                between(number * down, number * up),
                events(sum(row.events for row in other)) if other else "–",
            )
        )
    head = ("source", "error common to", "from", "events", "68 % interval", "not counted")
    caption = (
        "Where the numbers come from; not counted are published numbers where measured ones "
        "count, and computed ones where the published do"
    )
    return PageTable(caption, head, tuple(rows), texts=3)


def fit_table(scope: str, fit: Mapping[str, Any]) -> PageTable:
    """Return the functions that were fitted to a sideband C."""
    rows = [
        (
            one["family"].replace("_", " "),
            f"{one['weight']:.0%}" if one["weight"] else "not used",
            events(np.exp(one["ln_b"])),
            between(*np.exp([one["ln_b"] - one["down"], one["ln_b"] + one["up"]])),
        )
        for one in fit["fits"]
    ]
    low, high = fit["fit_range_GeV"]
    caption = (
        f"Sideband C of {scope}: {fit['n_events']} events from {low:g} to {high:g} GeV; "
        f"goodness of fit p = {fit['goodness_of_fit']:.2f}"
    )
    return PageTable(caption, ("function", "weight", "in the box", "68 % interval"), tuple(rows))


def limit_table(folder: LimitsFolder) -> PageTable:
    """Return limits on epsilon by mass: observed, expected, by the other methods."""
    curves = {name: folder.limit(name) for name in ("observed", "expected_median")}
    low, high = (folder.limit(f"expected_{name}1") for name in ("minus", "plus"))
    what = "expected_median" if folder.closed else "observed"
    beside = [folder.limit(what, method) for method in folder.methods[1:]]
    rows = []
    for i in mass_rows(folder):
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
    reference = load_reference("na64_2023")
    level = folder.manifest["confidence_level"]
    if abs(sum(folder.eot.values()) / reference.eot - 1) > 0.01:
        return None
    ours = folder.limit("expected_median" if folder.closed else "observed")
    if ours is None or abs(level - reference.confidence_level) > 1e-9:
        return None
    rows = [
        (_mev(mass), scientific(published), scientific(ratio * published), f"{ratio:.2f}")
        for mass, published, ratio in compare_points(folder.masses, ours)
    ]
    kind = "expected limit" if folder.closed else "limit"
    head = ("mass [MeV]", "published", "here", "ratio")
    return PageTable(f"This {kind} against {reference.label}", head, tuple(rows))


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
    for i in mass_rows(folder):
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
            *(f"{float(row[key]):+.2f}".replace("-", "−") for key in ("pull",)),
            f"{float(row['error']):.2f}",
            f"{float(row['pull_at_limit']):+.2f}".replace("-", "−"),
            *(
                f"{100 * float(row[f'epsilon_{side}']):+.1f} %".replace("-", "−")
                for side in ("minus", "plus")
            ),
        )
        for row in folder.rows("parameters.csv")
    ]
    head = (
        *("parameter", "pull", "error", "pull at the limit"),
        *("limit on ε, held at −1σ", "limit on ε, held at +1σ"),
    )
    return PageTable("Nuisance parameters, the largest impact first", head, tuple(rows))


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
