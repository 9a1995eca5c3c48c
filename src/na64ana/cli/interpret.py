"""`na64ana interpret`: what a limit means for dark matter and for other bosons."""

from pathlib import Path

import click

from na64ana.cli.options import Count, overwrite_option

_KINDS = ("scalar", "majorana", "pseudo_dirac", "dirac")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(_KINDS),
    multiple=True,
    help="Dark matter; repeat for more. Without any, all four.",
)
@click.option(
    "--alpha-d",
    "alphas",
    type=float,
    multiple=True,
    default=(0.1, 0.5),
    show_default=True,
    help="Coupling of the A' to dark matter, for a (m_chi, y) plane each.",
)
@click.option("--mass-ratio", type=float, default=1 / 3, show_default="1/3", help="m_chi / m_A'.")
@click.option(
    "--eot",
    "eots",
    type=Count(),
    multiple=True,
    default=("5e12", "1e13"),
    show_default=True,
    help="Electrons on target of a projection; repeat for more.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("interpretation"),
    show_default=True,
    help="Folder for the figures and their numbers.",
)
@overwrite_option
def interpret(
    *,
    folder: Path,
    kinds: tuple[str, ...],
    alphas: tuple[float, ...],
    mass_ratio: float,
    eots: tuple[int, ...],
    output: Path,
    overwrite: bool,
) -> None:
    """Interpret the limit that 'na64ana limits --output FOLDER' found.

    Limits in the planes of (m_A', epsilon), (m_chi, y) and (m_chi, alpha_D) for complex scalar,
    Majorana, pseudo-Dirac and Dirac dark matter, beside what makes the relic density; on S, P, V, A
    mediators and their part of g-2 of the electron; on B-L and L_mu-L_tau bosons; on scattering
    of dark matter on electrons; and what more electrons on target would give. Each figure is
    written as PNG and PDF, with its numbers as CSV.

    \b
    Examples:
      na64ana limits --published --output published
      na64ana interpret published
      na64ana interpret published --kind majorana --alpha-d 0.2 --mass-ratio 0.4 --eot 2e12
    """  # noqa: D301 - click wants the character behind \\b
    from rich.console import Console  # noqa: PLC0415

    from na64ana.cli.interpretation_tables import print_interpretation  # noqa: PLC0415
    from na64ana.cli.progress import TerminalProgress  # noqa: PLC0415
    from na64ana.io.atomic import atomic_files  # noqa: PLC0415
    from na64ana.workflow.interpretation import Choices, interpret  # noqa: PLC0415
    from na64ana.workflow.interpretation_files import (  # noqa: PLC0415
        output_names,
        write_interpretation,
    )
    from na64ana.workflow.stored_limits import load_limits  # noqa: PLC0415

    stored = load_limits(folder)
    choices = Choices(
        kinds=tuple(dict.fromkeys(kinds)) or _KINDS,
        alphas=tuple(dict.fromkeys(alphas)),
        mass_ratio=mass_ratio,
        eots=tuple(float(eot) for eot in dict.fromkeys(eots)),
    )
    names = output_names(choices)
    with (
        atomic_files(output, names, overwrite=overwrite) as staging,
        TerminalProgress() as progress,
    ):
        found = interpret(stored, choices, progress=progress)
        progress("drawing figures", 0, 1)
        write_interpretation(found, staging, inputs={"folder": str(folder)})
        progress("drawing figures", 1, 1)
    print_interpretation(found, Console())
    click.echo(f"written to {output.resolve()}: {', '.join(names)}")
