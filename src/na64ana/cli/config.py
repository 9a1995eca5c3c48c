"""`na64ana config`: a configuration to start from, its schema, and whether it is right."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from na64ana.cli.json_output import json_option, print_json
from na64ana.cli.options import overwrite_option

if TYPE_CHECKING:
    from na64ana.config import Config


@click.group()
def config() -> None:
    """Begin, complete and check a configuration.

    \b
    Examples:
      na64ana config template mine.yaml
      na64ana config check mine.yaml
      na64ana config schema --output datasets.schema.json
    """  # noqa: D301 - click wants the character behind \\b


@config.command()
@click.argument(
    "file", type=click.Path(path_type=Path, dir_okay=False), default=Path("datasets.yaml")
)
@overwrite_option
def template(*, file: Path, overwrite: bool) -> None:
    """Write a commented datasets.yaml to start from.

    FILE, by default datasets.yaml in this folder, becomes a copy of the shipped one. Change what
    is yours, delete nothing: it is all that na64ana knows of the data. An earlier file is kept
    unless --overwrite is said.

    \b
    Example:
      na64ana config template mine.yaml
    """  # noqa: D301 - click wants the character behind \\b
    from na64ana.config.shipped import shipped_path  # noqa: PLC0415
    from na64ana.io.atomic import atomic_path  # noqa: PLC0415

    with atomic_path(file, overwrite=overwrite) as temporary:
        temporary.write_bytes(shipped_path("datasets.yaml").read_bytes())
    click.echo(f"{file}: written; use it with --config {file}")


@config.command()
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write; without it, the schema is printed.",
)
@overwrite_option
def schema(*, output: Path | None, overwrite: bool) -> None:
    """Print the JSON Schema of datasets.yaml, for editors.

    An editor with a YAML language server reads it if the file begins with the line

    \b
      # yaml-language-server: $schema=datasets.schema.json

    \b
    Example:
      na64ana config schema --output datasets.schema.json
    """  # noqa: D301 - click wants the character behind \\b
    import json  # noqa: PLC0415

    from na64ana.config.schema import config_schema  # noqa: PLC0415
    from na64ana.io.atomic import atomic_path  # noqa: PLC0415

    text = json.dumps(config_schema(), indent=2) + "\n"
    if output is None:
        click.echo(text, nl=False)
        return
    with atomic_path(output, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")
    click.echo(f"{output}: written")


@config.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def check(*, file: Path, as_json: bool) -> None:
    """Check a configuration, and say what it holds.

    Keys, units, ranges, and what blocks say of each other; event files are not opened, which
    'na64ana datasets check' does. An error names file and line, and the exit code is 1.

    \b
    Example:
      na64ana config check mine.yaml
    """  # noqa: D301 - click wants the character behind \\b
    from na64ana.config import load_config  # noqa: PLC0415

    content = _content(load_config(file))
    if as_json:
        print_json({"file": file, **content})
        return
    click.echo(f"{file}: nothing is wrong")
    for name, one in content["periods"].items():
        files = f"{one['files']} entries of files" if one["files"] else "simulated"
        click.echo(f"  period {name}: {one['eot']:.4g} EOT, cuts {one['selection']}, {files}")
    click.echo(f"  sites: {', '.join(content['sites']) or 'none'}")


def _content(loaded: "Config") -> dict[str, Any]:
    return {
        "periods": {
            name: {"eot": one.eot, "selection": one.selection, "files": len(one.files)}
            for name, one in loaded.periods.items()
        },
        "selections": list(loaded.selections),
        "sites": list(loaded.sites),
    }
