"""The tables of an interpretation in the form of HEPData."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from na64ana.errors import DataError
from na64ana.workflow.hepdata_columns import (
    NONE,
    Column,
    HepTable,
    about_all,
    about_level,
    dependent,
    number,
    variable,
)
from na64ana.workflow.limits_files import MANIFEST
from na64ana.workflow.limits_folder import LimitsFolder

Row = dict[str, str]


@dataclass(frozen=True)
class _Layout:
    """How a CSV file becomes a table: its mass, what a row belongs to, and its numbers."""

    name: str
    description: str
    mass: tuple[str, str]
    of: tuple[str, ...]
    values: tuple[tuple[str, str, str], ...]


_M_AP, _M_CHI = ("m_ap_GeV", "$m_{A'}$"), ("m_chi_GeV", r"$m_\chi$")
_M_X = ("m_x_GeV", "$m_X$")
_DARK = ("kind", "alpha_d")


def _limit(column: str, symbol: str) -> tuple[tuple[str, str, str], ...]:
    return (
        (f"{column}_observed", f"observed upper limit on {symbol}", ""),
        (f"{column}_expected_median", f"expected upper limit on {symbol}", ""),
    )


_LAYOUTS = {
    "epsilon": _Layout(
        "Limits on epsilon by dark matter",
        "Upper limits on epsilon for kinds of dark matter and values of alpha_D.",
        _M_AP,
        _DARK,
        _limit("epsilon", r"$\epsilon$"),
    ),
    "y": _Layout(
        "Limits on y",
        "Upper limits on y = epsilon^2 alpha_D (m_chi/m_A')^4.",
        _M_CHI,
        _DARK,
        _limit("y", "$y$"),
    ),
    "targets": _Layout(
        "Relic density",
        "The y for which freeze-out leaves the measured density of dark matter (computed).",
        _M_CHI,
        _DARK,
        (("y", "$y$ of the relic density", ""),),
    ),
    "alpha_d": _Layout(
        "Excluded alpha_D",
        "alpha_D below which dark matter of the relic density is excluded; a dash where all that "
        "were tested, up to 1, or none are.",
        _M_CHI,
        ("kind",),
        (("alpha_d_excluded_below", r"$\alpha_D$ excluded below", ""),),
    ),
    "scattering": _Layout(
        "Scattering on electrons",
        "Cross sections of slow dark matter on electrons at the limit on epsilon.",
        _M_CHI,
        _DARK,
        (("sigma_e_cm2", r"$\sigma_e$", "CM**2"),),
    ),
    "mediators": _Layout(
        "Limits on other mediators",
        "Upper limits on g/e of vectors, scalars, pseudoscalars and axial vectors.",
        _M_X,
        (),
        tuple((f"epsilon_{x}", rf"$\epsilon_{x}$", "") for x in "VSPA"),
    ),
    "magnetic_moment": _Layout(
        "Contribution to the magnetic moment of the electron",
        "Largest contributions to (g-2)/2 that the limits leave, by full loop integrals.",
        _M_X,
        (),
        tuple((f"delta_a_e_{x}", rf"$\Delta a_e$, {x}", "") for x in "VSPA"),
    ),
    "gauge_bosons": _Layout(
        "Limits on gauge bosons",
        "Upper limits on the couplings of B-L and L_mu-L_tau bosons.",
        ("m_GeV", "$m_{Z'}$"),
        ("model",),
        (("g", "upper limit on $g$", ""),),
    ),
    "projections": _Layout(
        "Projections",
        "Limits on epsilon expected of more electrons on target.",
        _M_AP,
        ("eot", "background", "method"),
        (("epsilon_median", r"expected upper limit on $\epsilon$", ""),),
    ),
}


def interpretation_tables(limits: LimitsFolder, folder: Path) -> list[HepTable]:
    """Return the tables of an interpretation.

    Parameters
    ----------
    limits : LimitsFolder
        The limit that was interpreted.
    folder : Path
        Of `na64ana interpret`.

    Raises
    ------
    DataError
        If a file is missing or damaged, or the interpretation is that of another limit.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        same = manifest["limits_lineage"] == limits.manifest["lineage"]
        tables = [_table(limits, *one) for one in _files(folder)] if same else []
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = f"{folder}: no result of 'na64ana interpret' ({type(error).__name__}: {error})"
        raise DataError(msg) from error
    if not tables:
        msg = f"{folder}: interprets another limit; run 'na64ana interpret {limits.path}' again"
        raise DataError(msg)
    return tables


def _files(folder: Path) -> Iterator[tuple[str, _Layout, list[Row]]]:
    for path in sorted(folder.glob("*.csv")):
        layout = _LAYOUTS["y" if path.stem.startswith("y_alpha_d") else path.stem]
        with path.open(encoding="utf-8") as file:
            yield path.stem, layout, list(csv.DictReader(file))


def _table(limits: LimitsFolder, stem: str, layout: _Layout, rows: list[Row]) -> HepTable:
    key, symbol = layout.mass
    masses = list(dict.fromkeys(row[key] for row in rows))
    groups: dict[tuple[str, ...], dict[str, Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in layout.of), {})[row[key]] = row
    columns = [
        _column(
            limits, layout, group, [of.get(mass, {}).get(one[0], "") for mass in masses], one[1:]
        )
        for group, of in groups.items()
        for one in layout.values
    ]
    columns = [one for one in columns if any(cell["value"] != NONE for cell in one["values"])]
    name = layout.name
    if stem.startswith("y_"):
        name = f"{name}, alpha_D = {rows[0]['alpha_d']}"
    independent = [variable(symbol, "GEV", (number(float(mass)) for mass in masses))]
    return HepTable(
        name, f"interpretation_{stem}.yaml", layout.description, independent, columns, ("CLS",)
    )


def _column(
    limits: LimitsFolder,
    layout: _Layout,
    group: Sequence[str],
    values: Sequence[str],
    header: tuple[str, str],
) -> Column:
    about: list[dict[str, Any]] = [
        {"name": name, "value": value} for name, value in zip(layout.of, group, strict=True)
    ]
    # a projection is of other electrons on target
    about += about_all(limits) if "eot" not in layout.of else []
    about.append(about_level(limits))
    cells = [{"value": number(float(value)) if value else NONE} for value in values]
    return dependent(*header, cells, about)
