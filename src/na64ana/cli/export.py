"""`na64ana export`: a limit for others."""

from pathlib import Path

import click

from na64ana.cli.options import overwrite_option


@click.command()
@click.argument("limits", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["hepdata"]),
    default="hepdata",
    show_default=True,
    help="For whom.",
)
@click.option(
    "--interpretation",
    type=click.Path(path_type=Path),
    help="A folder of 'na64ana interpret', whose tables are added.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("submission"),
    show_default=True,
    help="Folder of the submission; its archive, .tar.gz, stands beside it.",
)
@overwrite_option
def export(
    *, limits: Path, form: str, interpretation: Path | None, output: Path, overwrite: bool
) -> None:
    """Write all tables of a limit as a submission to HEPData.

    LIMITS is a folder of 'na64ana limits'. Written: submission.yaml, a YAML file per table (limits
    by each method, combinations, background, cut flow, sidebands, efficiency, yields, signal
    events, pulls), the likelihoods and the manifest, and an archive of them to upload. It is
    validated if the package hepdata-validator is installed.

    \b
    Examples:
      na64ana export first-look --output submission
      na64ana export published --interpretation interpretation
    """  # noqa: D301 - click wants the character behind \\b
    del form  # there is one
    from na64ana.workflow.hepdata import archive_path, write_submission  # noqa: PLC0415

    names, validated = write_submission(
        limits, output, interpretation=interpretation, overwrite=overwrite
    )
    folder = output.resolve()
    click.echo(f"written to {folder}: {', '.join(names)}")
    click.echo(f"archive: {archive_path(folder)}")
    state = "valid, by hepdata-validator" if validated else "not validated"
    hint = "" if validated else "; 'pip install hepdata-validator' to do so"
    click.echo(f"{state}{hint}")
