"""`na64ana info`: what is installed here."""

import click

from na64ana.cli.json_output import json_option, print_json


@click.command()
@json_option
def info(*, as_json: bool) -> None:
    """Show versions, folders, extras and cores.

    What a question or a bug report needs: the packages that can change a number, the cache
    folder and its size, the shipped configuration and processors, which extras are installed, and
    how many --workers this machine has a core for.

    \b
    Examples:
      na64ana info
      na64ana info --json
    """  # noqa: D301 - click wants the character behind \\b
    from na64ana.workflow.installation import find_installation  # noqa: PLC0415

    found = find_installation()
    if as_json:
        print_json(found)
        return
    size = f"{found.cache_files} files, {found.cache_bytes / 1e6:.3g} MB"
    lines = {
        "versions": ", ".join(f"{name} {version}" for name, version in found.versions.items()),
        "python": found.python,
        "configuration": found.config,
        **{f"processor {name}": path for name, path in found.processors.items()},
        "cache folder": f"{found.cache} ({size}; $NA64ANA_CACHE chooses another)",
        **{
            f"extra {name}": "yes" if there else f"no; pip install 'na64ana[{name}]'"
            for name, there in found.extras.items()
        },
        "cores": found.cores,
    }
    width = max(map(len, lines))
    for name, value in lines.items():
        click.echo(f"{name.ljust(width)}  {value}")
