"""Write what `na64ana interpret` found: each figure with its numbers as CSV, and a manifest."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from na64ana.config.reference import Assumptions, ReferenceCurve, choose_references
from na64ana.interpretation.dark_matter import ELASTIC, electron_cross_section
from na64ana.interpretation.magnetic_moment import BERKELEY, LKB, epsilon_of
from na64ana.interpretation.planes import DarkMatterLimit
from na64ana.plotting.interpretation import plot_alpha, plot_epsilon, plot_scattering, plot_y
from na64ana.plotting.mediators import (
    plot_gauge_bosons,
    plot_magnetic_moment,
    plot_mediators,
    plot_projections,
)
from na64ana.plotting.style import figure
from na64ana.provenance import lineage, package_versions
from na64ana.workflow.columns import SIGMAS, columns_csv
from na64ana.workflow.interpretation import Choices, Interpretation

Floats = npt.NDArray[np.float64]

_FIXED = ("epsilon", "alpha_d", "mediators", "magnetic_moment", "gauge_bosons")
_WIDE = (10.5, 6.0)


def figure_stems(choices: Choices) -> tuple[str, ...]:
    """Return the names of the figures, without suffix."""
    wanted = [*_FIXED, *(_y_name(alpha) for alpha in choices.alphas)]
    if any(kind in ELASTIC for kind in choices.kinds):
        wanted.append("scattering")
    if choices.eots:
        wanted.append("projections")
    return tuple(wanted)


def output_names(choices: Choices) -> tuple[str, ...]:
    """Return the names of all files."""
    ends = (".png", ".pdf", ".csv")
    return (
        *(f"{stem}{end}" for stem in figure_stems(choices) for end in ends),
        "targets.csv",
        "manifest.json",
    )


def write_interpretation(found: Interpretation, folder: Path, *, inputs: dict[str, Any]) -> None:
    """Write all files into a folder; `inputs` (command line) go into the manifest."""
    _draw(found, folder)
    tables = {
        "epsilon": _limits_csv(found.dark_matter, "epsilon"),
        "alpha_d": _alpha_csv(found),
        "scattering": _scattering_csv(found),
        "mediators": _mediators_csv(found),
        "magnetic_moment": _moment_csv(found),
        "gauge_bosons": _bosons_csv(found),
        "projections": _projections_csv(found),
    }
    for stem in figure_stems(found.choices):
        text = tables.get(stem)
        if text is None:
            alpha = next(a for a in found.choices.alphas if _y_name(a) == stem)
            text = _limits_csv(found.of_alpha(alpha)[0], "y")
        (folder / f"{stem}.csv").write_text(text, encoding="utf-8")
    (folder / "targets.csv").write_text(_targets_csv(found), encoding="utf-8")
    manifest = json.dumps(_manifest(found, inputs), indent=2)
    (folder / "manifest.json").write_text(manifest + "\n", encoding="utf-8")


def references_of(found: Interpretation, alpha_d: float) -> dict[str, ReferenceCurve]:
    """Return published limits on y that assume what is drawn, or that do not depend on it."""
    ratio = found.choices.mass_ratio
    assumed = Assumptions(alpha_d=alpha_d, m_ap_over_m_chi=1 / ratio)
    invisible = choose_references(("m_ap_GeV", "epsilon"), assumed, role="limit")
    turned = {name: curve.in_y_plane(alpha_d, ratio) for name, curve in invisible.items()}
    return turned | choose_references(("m_chi_GeV", "y"), assumed, role="limit")


def _draw(found: Interpretation, folder: Path) -> None:
    others = choose_references(("m_ap_GeV", "epsilon"), Assumptions(), role="limit")
    with figure(folder / "epsilon.png", *_WIDE) as fig:
        plot_epsilon(found.dark_matter, fig.add_subplot(), references=others)
    for alpha in found.choices.alphas:
        with figure(folder / f"{_y_name(alpha)}.png", *_WIDE) as fig:
            plot_y(
                *found.of_alpha(alpha),
                fig.add_subplot(),
                references=references_of(found, alpha),
            )
    with figure(folder / "alpha_d.png", *_WIDE) as fig:
        plot_alpha(found.alpha, found.bounds(), fig.add_subplot())
    if elastic := _elastic(found):
        with figure(folder / "scattering.png", *_WIDE) as fig:
            plot_scattering(elastic, fig.add_subplot())
    with figure(folder / "mediators.png", *_WIDE) as fig:
        plot_mediators(found.mediators, fig.add_subplot())
    with figure(folder / "magnetic_moment.png", *_WIDE) as fig:
        plot_magnetic_moment(found.mediators, fig.add_subplot())
    with figure(folder / "gauge_bosons.png", 8, 6) as fig:
        plot_gauge_bosons(found.gauge_bosons, fig.add_subplot())
    if found.projections:
        with figure(folder / "projections.png", *_WIDE) as fig:
            plot_projections(found.stored.curve, found.projections, fig.add_subplot())


def _y_name(alpha_d: float) -> str:
    return f"y_alpha_d_{alpha_d:g}".replace(".", "p")


def _elastic(found: Interpretation) -> list[DarkMatterLimit]:
    return [one for one in found.dark_matter if one.dark_matter.kind in ELASTIC]


def _limits_csv(limits: Sequence[DarkMatterLimit], what: str) -> str:
    """Return limits on epsilon or y, one under the other."""
    columns: dict[str, list[Any]] = {}
    for limit in limits:
        n = len(limit.m_chi)
        mine = limit.curve if what == "epsilon" else limit
        rows: dict[str, Any] = {
            **_of(limit, n),
            f"{what}_observed": [None] * n if mine.observed is None else mine.observed,
        }
        if limit.curve.has_expected:
            for i, sigma in enumerate(SIGMAS):
                rows[f"{what}_expected_{sigma}"] = mine.expected[:, i]
        _append(columns, rows)
    return columns_csv(columns)


def _alpha_csv(found: Interpretation) -> str:
    columns: dict[str, list[Any]] = {}
    for one in found.alpha:
        n, inside = len(one.m_chi), np.isfinite(one.alpha_d) & (one.alpha_d > 0)
        rows = {
            "kind": [one.kind] * n,
            "m_chi_GeV": one.m_chi,
            "y_target": one.y_target,
            "alpha_d_excluded_below": [
                value if known else None for value, known in zip(one.alpha_d, inside, strict=True)
            ],
            "none_or_all_tested_excluded": [
                "" if known else ("all" if np.isinf(value) else "none")
                for value, known in zip(one.alpha_d, inside, strict=True)
            ],
            "landau_pole_at_1_TeV": [found.bounds()[one.kind]] * n,
        }
        _append(columns, rows)
    return columns_csv(columns)


def _scattering_csv(found: Interpretation) -> str:
    columns: dict[str, list[Any]] = {}
    for limit in _elastic(found):
        epsilon, masses = limit.curve.headline, limit.curve.masses
        sigma = electron_cross_section(masses, epsilon, limit.dark_matter)
        _append(columns, {**_of(limit, len(masses)), "sigma_e_cm2": sigma})
    return columns_csv(columns)


def _mediators_csv(found: Interpretation) -> str:
    columns: dict[str, Any] = {"m_x_GeV": found.stored.curve.masses}
    for one in found.mediators:
        columns[f"epsilon_{one.mediator}"] = one.epsilon
        for measurement in (LKB, BERKELEY):
            name = f"epsilon_{one.mediator}_a_e_{measurement.name}"
            columns[name] = epsilon_of(one.mediator, one.curve.masses, measurement)
    return columns_csv(columns)


def _moment_csv(found: Interpretation) -> str:
    columns: dict[str, Any] = {"m_x_GeV": found.stored.curve.masses}
    columns |= {f"delta_a_e_{one.mediator}": one.delta_a for one in found.mediators}
    return columns_csv(columns)


def _bosons_csv(found: Interpretation) -> str:
    columns: dict[str, list[Any]] = {}
    for one in found.gauge_bosons:
        rows = {
            "model": [one.model] * len(one.masses),
            "m_GeV": one.masses,
            "g": one.coupling,
            "br_neutrinos": one.invisible,
            "visible_decays_behind_detector": one.escaping,
        }
        _append(columns, rows)
    return columns_csv(columns)


def _projections_csv(found: Interpretation) -> str:
    columns: dict[str, list[Any]] = {}
    for one in found.projections:
        n = len(one.curve.masses)
        rows: dict[str, Any] = {
            "eot": [one.eot] * n,
            "background": [one.background] * n,
            "method": [one.curve.method] * n,
            "m_ap_GeV": one.curve.masses,
        }
        rows |= {f"epsilon_{s}": one.curve.expected[:, i] for i, s in enumerate(SIGMAS)}
        _append(columns, rows)
    return columns_csv(columns)


def _targets_csv(found: Interpretation) -> str:
    columns: dict[str, list[Any]] = {}
    for one in found.targets:
        rows = {
            "kind": [one.dark_matter.kind] * len(one.m_chi),
            "alpha_d": [one.dark_matter.alpha_d] * len(one.m_chi),
            "m_chi_GeV": one.m_chi,
            "y": one.y,
            "y_analytic_estimate": one.estimate,
            "m_chi_over_T_freeze_out": one.x_freeze_out,
        }
        _append(columns, rows)
    return columns_csv(columns)


def _manifest(found: Interpretation, inputs: dict[str, Any]) -> dict[str, Any]:
    content = {
        "inputs": inputs,
        "versions": package_versions(),
        "limits_lineage": found.stored.lineage,
        "box": found.stored.box,
        "eot": found.stored.eot,
        "confidence_level": found.stored.curve.confidence_level,
        "method": found.stored.curve.method,
        "choices": asdict(found.choices),
        "landau_bounds_1_TeV": found.bounds(),
        "notes": list(found.notes),
    }
    return {"lineage": lineage(content), "written": datetime.now(UTC).isoformat(), **content}


def _of(limit: DarkMatterLimit, n: int) -> dict[str, Any]:
    """Return the columns that say which dark matter a row is of."""
    return {
        "kind": [limit.dark_matter.kind] * n,
        "alpha_d": [limit.dark_matter.alpha_d] * n,
        "m_ap_GeV": limit.curve.masses,
        "m_chi_GeV": limit.m_chi,
    }


def _append(columns: dict[str, list[Any]], rows: dict[str, Any]) -> None:
    for name, values in rows.items():
        columns.setdefault(name, []).extend(values)
