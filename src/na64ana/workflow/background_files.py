"""The background as CSV, LaTeX and JSON, and its figures."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from na64ana.background.estimate import BackgroundEstimate
from na64ana.background.extrapolation import Extrapolation, FamilyFit, published_recipe
from na64ana.background.table import LIMIT_LEVEL, BackgroundTable
from na64ana.io.atomic import atomic_files
from na64ana.provenance import lineage, package_versions
from na64ana.workflow.figures import draw_plane, draw_sideband, sideband_fits
from na64ana.workflow.presentation import SMALL, TITLES
from na64ana.workflow.stored_background import (
    StoredBackground,
    append_background,
)

_COLUMNS = (
    *("period", "source", "counted", "events", "events_minus_1_sigma", "events_plus_1_sigma"),
    *(f"upper_limit_{100 * LIMIT_LEVEL:.0f}", "error_common_to", "method", "inputs", "lineage"),
)
#: What of a manifest makes its lineage, beside what was found in an open box.
_IDENTITY = (
    *("box", "versions", "configuration_sha256", "selection_lineage", "control_sample_lineage"),
    *("eot", "background", "background_not_counted", "extrapolations"),
)


def file_names(found: StoredBackground) -> tuple[str, ...]:
    """Return the names of the files of a background; those with an open box have their own."""
    stem = _stem(found)
    tables = (f"{stem}.csv", f"{stem}.tex", f"{stem}.json")
    # The plane is that of the blinded result, and stays what it was when the box is open.
    drawn = [*_fits(found), *(["plane"] if found.opening is None else [])]
    return (*tables, *(f"{stem}_{name}{end}" for name in drawn for end in (".png", ".pdf", ".csv")))


def write_background(
    found: StoredBackground, folder: Path, *, inputs: Mapping[str, Any], overwrite: bool = False
) -> tuple[str, ...]:
    """Write tables, figures and manifest of a background into a folder, and into its history.

    Returns
    -------
    tuple of str
        The names of the files.

    Raises
    ------
    OutputError
        If one of them exists and `overwrite` is false, or the folder cannot be written.
    """
    names, stem = file_names(found), _stem(found)
    observed = None if found.opening is None else found.opening.observed
    manifest = describe_background(found, inputs)
    # fits of an earlier estimate of other periods must not stand beside this one
    earlier = {path.name for path in folder.glob(f"{stem}_sideband_*")} - set(names)
    with atomic_files(folder, names, overwrite=overwrite, obsolete=earlier) as staging:
        (staging / f"{stem}.csv").write_text(
            background_csv(found.estimate.table, found.estimate.compared), encoding="utf-8"
        )
        latex = background_latex(found.estimate, observed)
        (staging / f"{stem}.tex").write_text(latex, encoding="utf-8")
        text = json.dumps(manifest, indent=2) + "\n"
        (staging / f"{stem}.json").write_text(text, encoding="utf-8")
        for name, (scope, periods) in _fits(found).items():
            draw_sideband(
                found.estimate,
                scope,
                {period: found.result.tallies[period] for period in periods},
                staging / f"{stem}_{name}.png",
                state=found.state,
                observed=observed,
            )
        if found.opening is None:
            about = found.result.about
            draw_plane(
                found.config, found.result.tallies, about["prescale"], staging / f"{stem}_plane.png"
            )
    append_background(found, folder, manifest["lineage"])
    return names


def background_json(found: StoredBackground, inputs: Mapping[str, Any]) -> str:
    """Return the manifest of a background as JSON text."""
    return json.dumps(describe_background(found, inputs), indent=2) + "\n"


def describe_background(found: StoredBackground, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest of a background as JSON-like content."""
    estimate, about = found.estimate, found.result.about
    content = {
        "box": "closed" if found.opening is None else "opened",
        "inputs": dict(inputs),
        "versions": package_versions(),
        "configuration_sha256": lineage(found.config.model_dump(mode="json")),
        "selection_lineage": about["lineage"],
        "control_sample_lineage": found.control,
        "eot": {name: one["eot"] for name, one in about["exposures"].items()},
        "background": describe_rows(estimate.table),
        **describe_estimate(estimate),
        "totals": {
            scope: dict(zip(("events", "low", "high"), estimate.table.total(names), strict=True))
            for scope, names in _totals(estimate.table).items()
        },
        "notes": list(found.notes),
        "opened_before_this_estimate": found.opened_before,
    }
    if found.opening is not None:
        content["opening"] = asdict(found.opening)
    # When and where something was written is no input: the same inputs give the same lineage.
    identity = lineage(
        [content[key] for key in _IDENTITY],
        None if found.opening is None else dict(found.opening.observed),
        None if found.opening is None else found.opening.selection_lineage,
    )
    return {"lineage": identity, "written": datetime.now(UTC).isoformat(), **content}


def _totals(table: BackgroundTable) -> dict[str, tuple[str, ...]]:
    return {**{name: (name,) for name in table.periods}, "sum": table.periods}


def _stem(found: StoredBackground) -> str:
    return "background" if found.opening is None else "background_opened"


def _fits(found: StoredBackground) -> dict[str, tuple[str, tuple[str, ...]]]:
    return sideband_fits(found.config, found.estimate, found.result.tallies)


def describe_rows(table: BackgroundTable) -> list[dict[str, Any]]:
    """Return the rows of a table as JSON-like content."""
    return [
        {
            "period": row.period,
            "source": row.source,
            "events": row.events,
            "factors": row.factors,
            "upper_limit": row.estimate.upper_limit,
            "scope": row.scope,
            "method": row.method,
            "inputs": dict(row.estimate.inputs),
            "lineage": row.lineage,
        }
        for row in table.rows
    ]


def describe_estimate(estimate: BackgroundEstimate) -> dict[str, Any]:
    """Return what an estimate is made of, beside its rows, as JSON-like content."""
    upstream = estimate.upstream
    return {
        "background_lineage": estimate.table.lineage,
        "background_not_counted": describe_rows(estimate.compared),
        "background_correlation": estimate.table.correlation().round(4).tolist(),
        "extrapolations": {
            scope: {**_extrapolation(fit), "goodness_of_fit": upstream.goodness[scope]}
            for scope, fit in upstream.extrapolations.items()
        },
        "background_notes": list(upstream.notes),
    }


def background_csv(counts: BackgroundTable, compared: BackgroundTable | None = None) -> str:
    """Return all rows as CSV, also those that do not count (`compared`), and the sums."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for table, counted in ((counts, "yes"), (compared, "no")):
        for row in () if table is None else table.rows:
            down, up = row.factors
            limit = row.estimate.upper_limit
            numbers = [f"{x:.6g}" for x in (row.events, row.events * down, row.events * up)]
            numbers.append("" if limit is None else f"{limit:.6g}")
            inputs = json.dumps(dict(row.estimate.inputs))
            said = (row.scope, row.method, inputs, row.lineage)
            writer.writerow([row.period, row.source, counted, *numbers, *said])
    for scope, periods in _totals(counts).items():
        numbers = [f"{x:.6g}" for x in counts.total(periods)]
        writer.writerow([scope, "total", "", *numbers, "", "", "", "", counts.lineage])
    return text.getvalue()


def background_latex(estimate: BackgroundEstimate, observed: Mapping[str, int] | None) -> str:
    """Return the table of the papers in LaTeX, a column per period and their sum."""
    table = estimate.table
    periods = table.periods
    lines = [
        rf"\begin{{tabular}}{{l{'c' * (len(periods) + 1)}}}",
        r"\hline",
        " & ".join(["background source", *periods, "sum"]) + r" \\",
        r"\hline",
    ]
    for source in dict.fromkeys(row.source for row in table.rows):
        some = BackgroundTable(tuple(row for row in table.rows if row.source == source))
        lines.append(_latex_row(TITLES.get(source, source), some, periods))
    lines += [r"\hline", _latex_row("total", table, periods)]
    if observed is not None:
        counts = [*(observed.get(name, 0) for name in periods), sum(observed.values())]
        lines.append(" & ".join(["observed", *(str(n) for n in counts)]) + r" \\")
    lines += [r"\hline", r"\end{tabular}"]
    return "\n".join(lines) + "\n"


def _latex_row(title: str, table: BackgroundTable, periods: tuple[str, ...]) -> str:
    cells = [_latex_number(*table.total([name])) if table.of(name) else "--" for name in periods]
    title = title.replace("mu, pi, K", r"$\mu$, $\pi$, K")
    return " & ".join([title, *cells, _latex_number(*table.total(periods))]) + r" \\"


def _latex_number(events: float, low: float, high: float) -> str:
    if events < SMALL:
        return f"$<{SMALL:g}$"
    return rf"${events:.2g}^{{+{high - events:.2g}}}_{{-{events - low:.2g}}}$"


def _extrapolation(fit: Extrapolation) -> dict[str, Any]:
    """Return what an extrapolation of sideband C is made of."""
    centre, error = published_recipe(fit)
    return {
        "ln_b": fit.ln_b,
        "statistical": fit.statistical,
        "families": fit.families,
        "window": fit.window,
        "n_events": fit.n_events,
        "n_control": fit.n_control,
        "control_p": fit.control_p,
        "fit_range_GeV": fit.fit_range,
        "box_below_GeV": fit.e_ecal_max,
        "fits": [
            {field.name: getattr(one, field.name) for field in fields(FamilyFit) if field.compare}
            for one in fit.fits
        ],
        "published_recipe": {"ln_b": centre, "error": error, "note": "covers too rarely"},
    }
