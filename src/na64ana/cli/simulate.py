"""`na64ana simulate`: write an event file."""

from pathlib import Path

import click

from na64ana.cli.options import EnergyType, config_option, overwrite_option, seed_option


@click.command()
@click.option("--period", required=True, help="Run period, a key of datasets.yaml: I to V.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The ROOT file to write.",
)
@click.option("--signal-mass", type=EnergyType(), help="Mix in dark photons of this mass.")
@click.option(
    "--signal-events",
    type=click.IntRange(1, 10_000_000),
    show_default="100",
    help="How many, before trigger and cuts.",
)
@seed_option
@config_option
@overwrite_option
def simulate(
    *,
    period: str,
    output: Path,
    signal_mass: float | None,
    signal_events: int | None,
    seed: int,
    config_path: Path | None,
    overwrite: bool,
) -> None:
    """Simulate the events of a period and write them as a ROOT file.

    \b
    Example:
      na64ana simulate --period V --output V.root --signal-mass "20 MeV" --signal-events 50
    """  # noqa: D301 - click wants the character behind \\b
    if signal_events is not None and signal_mass is None:
        msg = "--signal-events needs --signal-mass"
        raise click.UsageError(msg)
    n_signal = signal_events or 100

    import numpy as np  # noqa: PLC0415

    from na64ana.config import load_config  # noqa: PLC0415
    from na64ana.constants import BEAM_ENERGY  # noqa: PLC0415
    from na64ana.errors import ConfigError  # noqa: PLC0415
    from na64ana.signal.yields import sample_e_ap  # noqa: PLC0415
    from na64ana.simulation.events import write_simulated_file  # noqa: PLC0415

    config = load_config(config_path)
    if period not in config.periods:
        msg = f"unknown period {period!r}; datasets.yaml has {', '.join(config.periods)}"
        raise ConfigError(msg)
    e_ap = None
    if signal_mass is not None:
        e_ap = sample_e_ap(
            np.random.default_rng([seed, n_signal]),
            n_signal,
            signal_mass,
            beam_energy=BEAM_ENERGY,
            e_miss_min=BEAM_ENERGY - config.periods[period].e_ecal_max,
        )
    metadata = write_simulated_file(
        output, config, period, seed=seed, e_ap=e_ap, overwrite=overwrite
    )
    click.echo(
        f"{output}: period {period}, {metadata.entries} triggered events, "
        f"{metadata.eot:.3g} EOT, seed {seed}"
    )
