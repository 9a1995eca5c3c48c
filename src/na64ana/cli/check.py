"""`na64ana check`: whether a workspace can be believed."""

from pathlib import Path

import click

from na64ana.cli.json_output import json_option, print_json


@click.command()
@click.argument("workspace", type=click.Path(path_type=Path))
@json_option
def check(*, workspace: Path, as_json: bool) -> None:
    """Check a pyhf workspace for what pyhf takes without a word.

    Duplicate and clashing names, modifiers that are not shared as they look, empty channels, bins
    that are negative or no number, observed events without a background, a parameter of interest
    that scales nothing, a badly scaled signal. Exit code 4 if something is wrong.

    \b
    Example:
      na64ana check workspace.json
    """  # noqa: D301 - click wants the character behind \\b
    from na64ana.errors import LimitError  # noqa: PLC0415
    from na64ana.stats.check import check_workspace, load_workspace  # noqa: PLC0415

    found = check_workspace(load_workspace(workspace))
    if as_json:
        print_json(found)
    else:
        for error in found.errors:
            click.echo(f"error: {error}")
        for warning in found.warnings:
            click.echo(f"warning: {warning}")
    if found.errors:
        msg = f"{workspace}: {len(found.errors)} errors; the first: {found.errors[0]}"
        raise LimitError(msg)
    if as_json:
        return
    click.echo(
        f"{workspace}: {found.channels} channels, {found.samples} samples, {found.parameters} "
        "parameters; nothing is wrong"
    )
