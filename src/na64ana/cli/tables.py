"""Results as tables on the terminal."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from na64ana.cli.background_tables import print_background
from na64ana.config.observables import OBSERVABLES
from na64ana.processing.run import ProcessedRun
from na64ana.signal.response import CHANNELS
from na64ana.signal.uncertainty import PUBLISHED
from na64ana.stats.consistency import Consistency
from na64ana.stats.excess import Excess
from na64ana.tally.calibration import Calibration
from na64ana.tally.cut_flow import CutFlow, count, percent
from na64ana.tally.efficiency import Efficiency
from na64ana.tally.tally import Tally
from na64ana.workflow.datasets import CheckedDatasets
from na64ana.workflow.limits import LimitsResult
from na64ana.workflow.outputs import compare_with_published
from na64ana.workflow.presentation import SHOWN_MASSES, is_comparable, published_limit
from na64ana.workflow.skim import Skimmed
from na64ana.workflow.yields import Yields


def print_result(result: LimitsResult, console: Console) -> None:
    """Print cut flow, background and limits."""
    if result.events is not None:
        flows = {name: tally.cut_flow for name, tally in result.events.run.tallies.items()}
        print_cut_flows(flows, console)
        for period, factors in result.events.run.prescales().items():
            names = [f"{name} by {n}" for name, n in factors.items() if "beam" not in name]
            text = ", ".join([*names, "particles of the beam"])
            console.print(f"  period {period}: prescaled {text}", style="dim")
        print_skims(result.events.run, console)
    estimate = None if result.events is None else result.events.background
    print_background(result.background, console, estimate=estimate)
    console.print(_limits(result))
    _print_summary(result, console)


def print_missing(run: ProcessedRun, console: Console) -> None:
    """Say which files were left out, and what is left of the electrons on target."""
    for path, reason in run.missing.items():
        console.print(f"  left out {path}: {reason}", style="bold", markup=False)
    if run.missing:
        for period, one in run.exposures.items():
            share = percent(one.eot / one.declared)
            console.print(f"  period {period}: {_plain(one.eot)} EOT read, {share} of the declared")


def print_datasets(found: CheckedDatasets, console: Console) -> None:
    """Print what the files of each period hold, and what became of them."""
    table = _table("Event files")
    table.add_column("period")
    for name in ("files", "new", "changed", "events", "size", "EOT", "of declared"):
        table.add_column(name, justify="right")
    for period, declared in found.declared.items():
        files = [one for one in found.files if one.period == period]
        readable = [one for one in files if one.state in ("new", "unchanged", "changed")]
        states = [one.state for one in files]
        table.add_row(
            period,
            str(len(readable)),
            *(str(states.count(state)) for state in ("new", "changed")),
            count(sum(one.entries for one in readable)),
            f"{sum(one.size for one in readable) / 1e9:.3g} GB",
            _plain(found.eot(period)),
            percent(found.eot(period) / declared),
        )
    console.print(table)
    for one in found.of("changed"):
        console.print(f"  changed since it was catalogued: {one.location}", markup=False)
    for line in found.problems:
        console.print(f"  {line}", markup=False)


def print_skims(run: ProcessedRun, console: Console) -> None:
    """Say which events come from a skim, so that nobody takes its rows for those of all events."""
    for period, files in run.files.items():
        skims = [file.metadata for file in files if file.metadata.skimmed_from is not None]
        if skims:
            read = count(sum(one.entries for one in skims))
            source = count(sum(one.skimmed_from or 0 for one in skims))
            text = f"a skim, {read} of {source} events; the upper rows count these alone"
            console.print(f"  period {period}: {text}", style="dim")


def print_skimmed(skims: Sequence[Skimmed], console: Console) -> None:
    """Print the files of a skim, and how much of their sources is in them."""
    table = _table("Skim")
    for name in ("file", "made of"):
        table.add_column(name, overflow="fold")
    for name in ("events", "kept", "share"):
        table.add_column(name, justify="right")
    for one in skims:
        share = percent(one.kept / one.events) if one.events else "-"
        row = (str(one.path), str(one.source), count(one.events), count(one.kept), share)
        table.add_row(*row)
    console.print(table)


def print_yields(found: Yields, console: Console) -> None:
    """Print yields per particle on target, with the error of bremsstrahlung."""
    model = found.table.model
    dark = model.dark_matter
    console.print(
        f"Beam {model.beamline.particle} of {model.beamline.energy:g} GeV, mediator "
        f"{model.process.mediator}; {dark.kind} dark matter, alpha_D {dark.alpha_d:g}, "
        f"m_chi/m_A' {dark.mass_ratio:.3g}; signal box E_ECAL < {found.e_ecal_max:g} GeV"
    )
    table = _table("Dark photons per particle on target, epsilon = 1")
    table.add_column("m_A' [MeV]", justify="right")
    for text in ("bremsstrahlung\nmade", "\nin box", "annihilation\nmade", "\nin box"):
        table.add_column(text, justify="right")
    table.add_column("error of\nbremsstr.", justify="right")
    for i, mass in enumerate(found.masses):
        pairs = ((found.made[c][i], found.in_box[c][i]) for c in CHANNELS)
        numbers = [f"{value:.3e}" if value else "closed" for pair in pairs for value in pair]
        table.add_row(f"{1e3 * mass:.4g}", *numbers, percent(float(found.errors.total[i])))
    console.print(table)
    if dark.mass_ratio >= 0.5:
        console.print("  m_chi is too heavy for A' -> chi chi: the A' decays visibly", style="dim")
    closed: dict[str, list[str]] = {}
    for i, mass in enumerate(found.masses):
        if found.closed(i):
            closed.setdefault(found.closed(i), []).append(f"{1e3 * mass:.4g}")
    for reason, masses in closed.items():
        console.print(f"  {', '.join(masses)} MeV: {reason}", style="dim")
    text = (
        f"  the error has its sources in yields.csv; published, and used by limits: {PUBLISHED:.0%}"
    )
    console.print(text, style="dim")


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold")


def print_cut_flows(
    flows: Mapping[str, CutFlow], console: Console, *, blinded: bool = True
) -> None:
    """Print events after each cut: a column per period, or all ratios of a single one."""
    box = "signal box closed" if blinded else "signal box open"
    if len(flows) == 1:
        ((period, flow),) = flows.items()
        console.print(_one_flow(flow, f"Cut flow of {period}, {box}"))
        return
    table = _table(f"Cut flow: events left, {box}")
    table.add_column("cut")
    for period in [*flows, "sum"]:
        table.add_column(period, justify="right")
    for name in dict.fromkeys(cut for flow in flows.values() for cut in flow.cuts):
        counts = [flow.counts().get(name) for flow in flows.values()]
        total = sum(number or 0 for number in counts)
        table.add_row(name, *(count(number) for number in [*counts, total]))
    console.print(table)


def print_not_a_number(tallies: Mapping[str, Tally], console: Console) -> None:
    """Print in how many events an observable was NaN; they failed its cut."""
    for period, tally in tallies.items():
        for name, number in tally.not_a_number.items():
            if number:
                console.print(f"{period}: {name} is NaN in {number:,} events, which fail its cut")


def print_classes(flows: Mapping[str, CutFlow], console: Console) -> None:
    """Print the cut flow of each period with a column per class."""
    if not console.is_terminal:
        console = Console(width=160)
    for period, flow in flows.items():
        classes = flow.classes()
        table = _table(f"Cut flow of {period} by class")
        table.add_column("cut")
        for name in classes:
            table.add_column(name.replace("_", " "), justify="right")
        for cut in flow.cuts:
            table.add_row(cut, *(count(one[cut]) for one in classes.values()))
        console.print(table)


def _one_flow(flow: CutFlow, title: str) -> Table:
    table = _table(title)
    table.add_column("cut")
    for name in ("events", "relative", "absolute", "only"):
        table.add_column(name, justify="right")
    for row in flow.rows():
        ratios = percent(row.relative), percent(row.absolute)
        table.add_row(row.cut, count(row.events), *ratios, count(row.only))
    return table


def print_cuts(cuts: Mapping[str, Sequence[Mapping[str, Any]]], console: Console) -> None:
    """Print what each cut asks, why, and its source; once for periods that ask the same."""
    alike: dict[str, list[str]] = {}
    for period, listed in cuts.items():
        alike.setdefault(json.dumps(listed), []).append(period)
    for text, periods in alike.items():
        table = _table(f"Cuts of {' '.join(periods)}")
        for name in ("cut", "asks", "against", "source"):
            table.add_column(name)
        for cut in json.loads(text):
            asks = "\n".join(_window(*window) for window in cut["windows"])
            table.add_row(cut["name"], asks, cut["reason"], cut["source"])
        console.print(table)


def _window(name: str, low: float | None, high: float | None) -> str:
    unit = OBSERVABLES[name].unit
    if high is None:
        return f"{name} > {low:g} {unit}".rstrip()
    left = "" if low is None else f"{low:g} < "
    return f"{left}{name} < {high:g} {unit}".rstrip()


def print_efficiencies(calibrations: Mapping[str, Calibration], console: Console) -> None:
    """Print the efficiencies that calibration electrons have, with their 68 % intervals."""
    table = _table("Efficiencies of beam electrons in percent, ± half of the 68 % interval")
    table.add_column("cut")
    for period in calibrations:
        table.add_column(period, justify="right")
    for name in dict.fromkeys(cut for one in calibrations.values() for cut in one.efficiencies):
        table.add_row(
            name, *(_efficiency(one.efficiencies.get(name)) for one in calibrations.values())
        )
    table.add_section()
    table.add_row("all together", *(_efficiency(one.overall) for one in calibrations.values()))
    console.print(table)


def _efficiency(one: Efficiency | None) -> str:
    if one is None or not one.total:
        return "-"
    return f"{100 * one.value:.1f} ± {100 * one.error:.1f}"


def _limits(result: LimitsResult) -> Table:
    curve = result.curve
    level = f"{100 * curve.confidence_level:g} % CL"
    table = _table(f"Upper limits on epsilon at {level}, CLs by {curve.method}")
    for name in ("MeV", "observed", "expected", "1 sigma band", *(c.method for c in result.beside)):
        table.add_column(name, justify="right")
    in_mev = 1e3 * curve.masses
    rows = sorted({int(np.argmin(np.abs(np.log(in_mev / mass)))) for mass in SHOWN_MASSES})
    for i in rows:
        expected = curve.expected[i]
        # beside the headline, the others show what it shows
        others = (c.expected[:, 2] if c.observed is None else c.observed for c in result.beside)
        table.add_row(
            f"{in_mev[i]:.3g}" if in_mev[i] < 999 else f"{in_mev[i]:.0f}",
            "closed" if curve.observed is None else f"{curve.observed[i]:.2e}",
            f"{expected[2]:.2e}",
            f"{expected[1]:.1e}-{expected[3]:.1e}",
            *(f"{other[i]:.2e}" for other in others),
        )
    return table


def _print_summary(result: LimitsResult, console: Console) -> None:
    eot = sum(result.config.periods[name].eot for name in result.periods)
    events = result.events
    console.print(f"Periods {' '.join(result.periods)}: {_plain(eot)} EOT; signal box {result.box}")
    if events is not None:
        ends = result.curve.masses[[0, -1]]
        found = ", ".join(
            "{} {:.2f}-{:.2f}".format(name, *sorted(one.at(ends)))
            for name, one in events.efficiencies.items()
        )
        console.print(f"Signal efficiency, measured: {found}")
    if events is not None and events.observed is not None:
        counts = ", ".join(f"{k} {'+'.join(map(str, n))}" for k, n in events.observed.items())
        console.print(f"Observed in the box: {counts}")
    _print_event_limits(result, console)
    if not is_comparable(eot, result.curve.confidence_level):
        return
    kind = "Expected limit" if result.curve.observed is None else "Limit"
    ratios = [f"{1e3 * mass:g} MeV {r:.2f}" for mass, _, r in compare_with_published(result.curve)]
    if ratios:
        console.print(f"{kind} over that of {published_limit().label}: {', '.join(ratios)}")


def _print_event_limits(result: LimitsResult, console: Console) -> None:
    """Print how many signal events each method excludes, and how wrong the asymptotic one is."""
    shown = {}
    for curve in (result.curve, *result.beside):
        limit = curve.event_limits[0]
        value = limit.observed if limit.observed is not None else (limit.expected or [0.0] * 5)[2]
        error = "" if limit.error is None else f" +- {limit.error:.2f}"
        shown[curve.method] = (value, f"{value:.2f}{error} ({curve.method})")
    what = "excluded" if result.curve.observed is not None else "expected to be excluded"
    console.print(f"Signal events {what}: {', '.join(text for _, text in shown.values())}")
    exact = shown.get("marginalised", shown.get("toys", (0.0, "")))[0]
    letter = shown.get("asymptotic", (exact, ""))[0]
    if letter < 0.97 * exact:
        low = 1 - letter / exact
        console.print(
            f"  at counts this low the asymptotic formulas, the letter's method, exclude {low:.0%} "
            "too much",
            style="dim",
        )
    for note in result.notes:
        console.print(f"  {note}", style="dim")
    if (found := result.details.excess) is not None and found.events == 0:
        console.print(f"No excess: the best signal is 0, with an error of +{found.up:.2f} events")
    elif found is not None:
        console.print(
            f"Background alone makes as much in {_share(found)} of the cases "
            f"({found.significance:.1f} sigma); best signal {found.events:.2f} "
            f"-{found.down:.2f} +{found.up:.2f} events"
        )
        low, best, high = (
            float(np.sqrt(max(n, 0.0)) * result.curve.epsilon_0[result.details.place])
            for n in (found.events - found.down, found.events, found.events + found.up)
        )
        console.print(
            f"  that is epsilon = {best:.2e} ({low:.2e} to {high:.2e}) at "
            f"{1e3 * result.details.mass:.3g} MeV"
        )
    if (agree := result.details.consistency) is not None:
        console.print(
            f"Periods agree with one signal and this background: p = {_share(agree)} "
            f"({agree.n_toys:,} toys)"
        )


def _share(found: Excess | Consistency) -> str:
    """Return a p-value, or its upper edge where no toy was as extreme."""
    return f"{found.p_value:.2g}" if found.p_value else f"<{found.p_high:.1g}"


def _plain(number: float) -> str:
    """Return 9.37e11 rather than 9.37e+11."""
    return f"{number:.3g}".replace("e+", "e")
