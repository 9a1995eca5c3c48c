"""One place that names channels and nuisance parameters."""

import re

#: The parameter of interest, (epsilon / epsilon_0)^2.
POI = "mu"
#: Relative error of the A' yield, in one number, and of the electrons on target.
YIELD = "yield_signal"
EOT = "eot"


def channel(period: str) -> str:
    """Return the name of the channel of a period."""
    return f"period_{_plain(period)}"


def efficiency(cut: str, scope: str | None) -> str:
    """Return the name of an efficiency error, common to what lies in `scope`."""
    return of_scope(f"eff_{cut}", scope)


def of_scope(name: str, scope: str | None) -> str:
    """Return the name of an error that is common to a scope: a period, a group; None is all."""
    return name if scope is None else f"{name}_{_plain(scope)}"


def background(source: str, scope: str) -> str:
    """Return the name of a background error, common to what lies in `scope`."""
    return f"bkg_{source}_{_plain(scope)}"


def _plain(text: str) -> str:
    """Replace what pyhf's patch sets do not take in a name; "I+III" stays apart from "I-III"."""
    return re.sub(r"[^A-Za-z0-9_]", "_", text.replace("+", "_and_"))
