"""`na64ana toys`: the limit of a workspace by pseudo-experiments, and by the other methods."""

from pathlib import Path

import click

from na64ana.cli.json_output import json_option, print_json, toys_content
from na64ana.cli.options import Count, workers_option


@click.command()
@click.argument("workspace", type=click.Path(path_type=Path))
@click.option(
    "--n-toys", type=Count(), default="100000", show_default=True, help="Toys of either kind."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=20231017, show_default=True, help="Of the toys."
)
@click.option(
    "--confidence-level",
    type=click.FloatRange(0.5, 0.999),
    default=0.9,
    show_default=True,
    help="Of the limit.",
)
@click.option("--expected/--no-expected", default=True, help="Whether to compute expected limits.")
@json_option
@workers_option
def toys(
    *,
    workspace: Path,
    n_toys: int,
    seed: int,
    confidence_level: float,
    expected: bool,
    as_json: bool,
    workers: int,
) -> None:
    """Compute the limit of a pyhf workspace by toys.

    The other methods stand beside it. Log-normal errors, as workspace.json of 'na64ana limits'.
    Counts and auxiliary measurements fluctuate; the same seed gives the same numbers for any
    --workers.

    \b
    Example:
      na64ana toys first-look/workspace.json --n-toys 1e6 --workers 2
    """  # noqa: D301 - click wants the character behind \\b
    from rich.console import Console  # noqa: PLC0415

    from na64ana.cli.statistics_tables import print_limits  # noqa: PLC0415
    from na64ana.errors import LimitError  # noqa: PLC0415
    from na64ana.stats import asymptotic, marginalised  # noqa: PLC0415
    from na64ana.stats.check import load_workspace, read_model  # noqa: PLC0415
    from na64ana.stats.toys import compute_cls, compute_limit  # noqa: PLC0415

    model = read_model(load_workspace(workspace))
    limit = compute_limit(
        model, confidence_level, expected=expected, n_toys=n_toys, seed=seed, workers=workers
    )
    at_limit = compute_cls(model, limit.observed or 0.0, n_toys=n_toys, seed=seed)[0]
    rows = [(limit, at_limit)]
    notes = []
    for method in (marginalised, asymptotic):
        try:
            limit = method.compute_limit(model, confidence_level, expected=expected)
            rows.append((limit, method.compute_cls(model, limit.observed or 0.0)))
        except LimitError as error:
            notes.append(str(error))
    if as_json:
        print_json(toys_content(rows, notes))
    else:
        print_limits(model, rows, notes, Console())
