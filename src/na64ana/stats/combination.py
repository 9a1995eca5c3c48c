"""Limits of some of the periods: cumulated in their order, and each left out."""

from collections.abc import Sequence
from dataclasses import dataclass

from na64ana.errors import LimitError
from na64ana.stats import asymptotic, marginalised
from na64ana.stats.model import CountingModel, EventLimit


@dataclass(frozen=True)
class Combination:
    """The limit of some channels.

    Attributes
    ----------
    kind : str
        ``cumulated``, ``without`` or ``alone``.
    name : str
        The channel that was added last, left out, or is alone.
    channels : tuple of str
    signal : float
        Signal events in these channels at mu = 1.
    limit : EventLimit
        On the signal events of these channels.
    """

    kind: str
    name: str
    channels: tuple[str, ...]
    signal: float
    limit: EventLimit

    @property
    def mu(self) -> float:
        """Limit on mu: the observed one, or the median of the expected ones in a closed box."""
        if self.limit.observed is not None:
            return self.limit.observed / self.signal
        return (self.limit.expected or (0.0,) * 5)[2] / self.signal


def take(model: CountingModel, names: Sequence[str]) -> CountingModel:
    """Return the model of some channels, in the order of the model.

    Raises
    ------
    LimitError
        If there is no such channel, or none is named.
    """
    known = {channel.name for channel in model.channels}
    if unknown := [name for name in names if name not in known]:
        msg = f"no channel {unknown[0]!r}; there are {', '.join(sorted(known))}"
        raise LimitError(msg)
    return CountingModel(tuple(one for one in model.channels if one.name in set(names)))


def compute_quick_limit(
    model: CountingModel, confidence_level: float, *, expected: bool
) -> EventLimit:
    """Return the marginalised limit, or the asymptotic one of more events than can be summed."""
    try:
        return marginalised.compute_limit(model, confidence_level, expected=expected)
    except marginalised.TooManyOutcomesError:
        return asymptotic.compute_limit(model, confidence_level, expected=expected)


def compute_combinations(model: CountingModel, confidence_level: float) -> tuple[Combination, ...]:
    """Compute limits of channels cumulated in order, each left out, and each alone.

    Marginalised limits, which take no toys; asymptotic ones where too many events were observed
    for these. Expected limits, which take longer, are computed only while the box is closed.
    """
    closed = model.observed is None
    names = list(dict.fromkeys(channel.name for channel in model.channels))
    wanted = [("cumulated", name, names[: i + 1]) for i, name in enumerate(names)]
    if len(names) > 1:
        others = {name: [one for one in names if one != name] for name in names}
        wanted += [("without", name, kept) for name, kept in others.items()]
        wanted += [("alone", name, [name]) for name in names]
    found = []
    for kind, name, kept in wanted:
        part = take(model, kept)
        if not part.signal > 0:
            continue
        limit = compute_quick_limit(part, confidence_level, expected=closed)
        found.append(Combination(kind, name, tuple(kept), part.signal, limit))
    return tuple(found)
