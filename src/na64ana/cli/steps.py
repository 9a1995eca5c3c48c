"""The list of commands, by step of an analysis."""

from typing import Final

import click

#: Which command belongs to which step; one that stands nowhere is listed under the last.
STEPS: Final = {
    "Data": ("simulate", "inspect", "datasets", "process", "skim"),
    "Analysis": ("cutflow", "background", "yields", "optimize"),
    "Limits": ("limits", "toys", "check", "interpret", "report", "export"),
    "Other": ("config", "info"),
}


class StepGroup(click.Group):
    """A group that lists its commands by step, in the order in which they are used."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section per step; what belongs to none comes last."""
        known = {name for names in STEPS.values() for name in names}
        rest = tuple(name for name in self.list_commands(ctx) if name not in known)
        last = next(reversed(STEPS))
        width = max(map(len, self.commands))
        limit = formatter.width - width - 4  # indent, and space between the columns
        for step, names in STEPS.items():
            listed = names + rest if step == last else names
            rows = [
                (name.ljust(width), self.commands[name].get_short_help_str(limit))
                for name in listed
                if name in self.commands
            ]
            if rows:
                with formatter.section(step):
                    formatter.write_dl(rows)
