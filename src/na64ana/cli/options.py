"""Options that several commands share, and how their values are read."""

from pathlib import Path
from typing import Any

import click


class Count(click.ParamType[int]):
    """A whole number of at least one, also written 1e6."""

    name = "N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        try:
            number = int(value) if str(value).lstrip("+-").isdigit() else int(float(value))
            whole = number == float(value)
        except (ValueError, OverflowError):
            whole = False
        if not whole or number < 1:
            self.fail(f"{value!r} is no whole number of at least 1", param, ctx)
        return number


class EnergyType(click.ParamType[float]):
    """An energy with its unit, in GeV inside."""

    name = "ENERGY"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return GeV."""
        from na64ana.units import parse_quantity  # noqa: PLC0415

        if isinstance(value, float):
            return value
        try:
            return parse_quantity(value, "energy")
        except ValueError as error:
            self.fail(str(error), param, ctx)


class PeriodFile(click.ParamType[tuple[str, str]]):
    """A pair PERIOD=FILE."""

    name = "PERIOD=FILE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return period, and path or address."""
        period, separator, path = str(value).partition("=")
        if not (period and separator and path):
            self.fail(f"{value!r} is no PERIOD=FILE, for example V=run2022.root", param, ctx)
        return period, path


config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    help="Periods, cuts and choices, laid out as the shipped datasets.yaml (the default).",
)
events_option = click.option(
    "--events",
    "event_files",
    type=PeriodFile(),
    multiple=True,
    help="An event file of a period, for example V=run2022.root; repeat for more. Also a pattern, "
    "a folder, a text list, or an address root://. Without any, the files of the configuration "
    "are used, and if there are none, simulated ones.",
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=7,
    show_default=True,
    help="Seed of the simulation: the same seed gives the same events.",
)
period_option = click.option(
    "--period",
    "periods",
    multiple=True,
    help="Only this period; repeat for more. The default is all of them.",
)
workers_option = click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Worker processes; the result is the same for any number.",
)
overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Replace results of an earlier run."
)
