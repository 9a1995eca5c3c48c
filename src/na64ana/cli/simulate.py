"""`na64ana simulate`: write an event file."""

import math
from pathlib import Path

import click

from na64ana.cli.options import (
    Count,
    EnergyType,
    config_option,
    overwrite_option,
    seed_option,
    workers_option,
)

CLASSES = (
    "beam_electron",
    "electro_nuclear",
    "dimuon",
    "upstream",
    "signal",
    "leading_neutral",
    "beam_pion",
    "beam_kaon",
    "beam_muon",
    "decay",
)
_SUFFIX = {"ttree": ".root", "rntuple": ".root", "parquet": ".parquet"}


@click.command()
@click.option("--period", required=True, help="Run period, a key of datasets.yaml: I to V.")
@click.option(
    "--events",
    type=Count(),
    help="Triggered events to write; the default is all of the period, which 'limits' wants.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    show_default="events_PERIOD.root",
    help="The file to write.",
)
@click.option(
    "--container",
    type=click.Choice(list(_SUFFIX)),
    show_default="ttree, or parquet for a name that ends so",
    help="Kind of file; na64ana analyses the first.",
)
@click.option(
    "--class",
    "classes",
    type=click.Choice(CLASSES),
    multiple=True,
    help="Only this class of events; may be given several times.",
)
@click.option("--signal-mass", type=EnergyType(), help="Mix in dark photons of this mass.")
@click.option(
    "--signal-events",
    type=click.FloatRange(0, 1e7, min_open=True),
    show_default="100",
    help="How many are expected in the whole period, before trigger and cuts.",
)
@seed_option
@workers_option
@config_option
@overwrite_option
def simulate(  # noqa: PLR0913 - an argument per option
    *,
    period: str,
    events: int | None,
    output: Path | None,
    container: str | None,
    classes: tuple[str, ...],
    signal_mass: float | None,
    signal_events: float | None,
    seed: int,
    workers: int,
    config_path: Path | None,
    overwrite: bool,
) -> None:
    """Simulate the events of a period and write them to a file.

    The same seed gives the same events, with any number of workers; with --events, a longer file
    begins with the events of a shorter one.

    \b
    Examples:
      na64ana simulate --period IV --events 100000
      na64ana simulate --period V --class signal --signal-mass "20 MeV" --events 20000
    """  # noqa: D301 - click wants the character behind \\b
    if signal_mass is None and (signal_events is not None or "signal" in classes):
        msg = "signal events need --signal-mass"
        raise click.UsageError(msg)
    if signal_mass is not None and classes and "signal" not in classes:
        msg = "--signal-mass has no use without --class signal; leave one away"
        raise click.UsageError(msg)
    if signal_events is not None and not math.isfinite(signal_events):
        msg = "--signal-events: give a number"
        raise click.UsageError(msg)
    if container is None:
        container = "parquet" if output is not None and output.suffix == ".parquet" else "ttree"

    from na64ana.cli.progress import TerminalProgress  # noqa: PLC0415
    from na64ana.config import load_config  # noqa: PLC0415
    from na64ana.errors import ConfigError  # noqa: PLC0415
    from na64ana.io.format import EventClass  # noqa: PLC0415
    from na64ana.simulation.classes import Signal  # noqa: PLC0415
    from na64ana.simulation.events import write_simulated_file  # noqa: PLC0415
    from na64ana.simulation.plan import Plan  # noqa: PLC0415
    from na64ana.workflow.events import draw_signal  # noqa: PLC0415

    config = load_config(config_path)
    if period not in config.periods:
        msg = f"unknown period {period!r}; datasets.yaml has {', '.join(config.periods)}"
        raise ConfigError(msg)
    signal = Signal()
    if signal_mass is not None:
        signal = draw_signal(config, period, signal_mass, signal_events or 100.0, seed=seed)
    kinds = tuple(EventClass[name.upper()] for name in classes) or tuple(EventClass)
    output = output or Path(f"events_{period}{_SUFFIX[container]}")
    with TerminalProgress() as progress:
        metadata = write_simulated_file(
            output,
            Plan(config, period, seed, signal, kinds),
            events=events,
            workers=workers,
            container=container,  # type: ignore[arg-type]  # click has checked it
            overwrite=overwrite,
            progress=None if events is None else lambda n: progress("simulating", n, events),
        )
    share = metadata.eot / config.periods[period].eot
    click.echo(
        f"{output}: period {period}, {metadata.entries} triggered events, {metadata.eot:.3g} EOT "
        f"({share:.3g} of the period), seed {seed}"
    )
