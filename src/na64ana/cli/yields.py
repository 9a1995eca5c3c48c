"""`na64ana yields`: dark photons per electron on target."""

from pathlib import Path

import click

from na64ana.cli.json_output import json_option, print_json, yields_content
from na64ana.cli.options import EnergyType, config_option, overwrite_option


@click.command()
@click.option(
    "--mass",
    "masses",
    type=EnergyType(),
    multiple=True,
    help='A mass, for example "20 MeV"; repeat for more. Without any, the usual ten.',
)
@click.option(
    "--mediator",
    type=click.Choice(["V", "A", "S", "P"]),
    default="V",
    show_default=True,
    help="Vector, axial, scalar or pseudoscalar, each with the coupling epsilon e.",
)
@click.option(
    "--dark-matter",
    "kind",
    type=click.Choice(["dirac", "pseudo_dirac", "scalar", "majorana"]),
    help="What annihilation makes; by default as in the configuration, like the next two.",
)
@click.option("--alpha-d", type=float, help="Coupling of the A' to dark matter.")
@click.option("--mass-ratio", type=float, help="m_chi / m_A'.")
@click.option(
    "--beam",
    type=click.Choice(["e-", "e+"]),
    default="e-",
    show_default=True,
    help="Beam particle.",
)
@click.option(
    "--beam-energy", type=EnergyType(), default="100 GeV", show_default=True, help="Its energy."
)
@click.option(
    "--e-ecal-max",
    type=EnergyType(),
    default="50 GeV",
    show_default=True,
    help="Upper edge of the signal box.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for yields.csv, spectra.csv and their figures; else the table is only printed.",
)
@json_option
@config_option
@overwrite_option
def yields(  # noqa: PLR0913 - an argument per option
    *,
    masses: tuple[float, ...],
    mediator: str,
    kind: str | None,
    alpha_d: float | None,
    mass_ratio: float | None,
    beam: str,
    beam_energy: float,
    e_ecal_max: float,
    output: Path | None,
    as_json: bool,
    config_path: Path | None,
    overwrite: bool,
) -> None:
    """Compute the yield of dark photons per electron on target.

    By bremsstrahlung and by annihilation of positrons, for an electron or positron beam and
    epsilon = 1: above the missing energy at the
    emission, and in the signal box after resolution and trigger; with the error by source. Tables
    are kept in the cache folder.

    \b
    Examples:
      na64ana yields
      na64ana yields --mass "16.7 MeV" --mass "250 MeV" --alpha-d 0.5 --output yields
      na64ana yields --beam e+ --beam-energy "70 GeV" --e-ecal-max "35 GeV"
    """  # noqa: D301 - click wants the character behind \\b
    from rich.console import Console  # noqa: PLC0415

    from na64ana.cli.tables import print_yields  # noqa: PLC0415
    from na64ana.config import load_config  # noqa: PLC0415
    from na64ana.workflow.yields import make_yields, model_of, write_yields  # noqa: PLC0415

    config = load_config(config_path)
    changes = {"kind": kind, "alpha_d": alpha_d, "mass_ratio": mass_ratio}
    given = {name: value for name, value in changes.items() if value is not None}
    model = model_of(
        config, masses, mediator=mediator, beam=beam, beam_energy=beam_energy, dark_matter=given
    )
    found = make_yields(model, masses, e_ecal_max)
    names = () if output is None else write_yields(found, output, overwrite=overwrite)
    if as_json:
        print_json(yields_content(found, names))
        return
    print_yields(found, Console())
    if output is not None:
        click.echo(f"written to {output.resolve()}: {', '.join(names)}")
