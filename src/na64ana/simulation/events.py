"""Assemble the events of a period and write its file."""

from pathlib import Path

import numpy as np

from na64ana.config import Config
from na64ana.io.format import BRANCHES, TRUTH_BRANCHES, EventClass, FileMetadata
from na64ana.io.writing import write_events
from na64ana.provenance import lineage, source_digest
from na64ana.simulation.detector import Arrays, observe
from na64ana.simulation.truth import GENERATORS, Floats, Truth, signal


def simulation_lineage(config: Config, period: str, seed: int, e_ap: Floats | None = None) -> str:
    """Return the sha256 of all that decides what the file of a period holds."""
    package = Path(__file__).parent
    others = ("constants.py", "io/format.py", "io/writing.py")
    sources = [package, *(package.parent / name for name in others)]
    return lineage(
        period,
        seed,
        config.periods[period].model_dump(exclude={"files", "efficiency"}),
        config.selection_of(period).trigger.model_dump(),
        config.simulation.model_dump(),
        source_digest(sources),
        np.__version__,
        [] if e_ap is None else e_ap.tolist(),
    )


def make_events(
    config: Config, period: str, *, seed: int, e_ap: Floats | None = None
) -> tuple[Arrays, FileMetadata]:
    """Simulate the triggered events of a period.

    Parameters
    ----------
    config : Config
        Gives the rates, the electrons on target and the beam intensity.
    period : str
        Name of the period.
    seed : int
        The same seed gives the same events.
    e_ap : array (k,) or None
        Energies [GeV] of dark photons to be mixed in.

    Returns
    -------
    arrays : dict of str to array
        All branches of the format, by name, truth included.
    metadata : FileMetadata
        With the prescale of classes that exceed ``simulation.max_events``.
    """
    samples: list[Arrays] = []
    prescale: dict[str, int] = {}
    for kind in EventClass:
        rng = np.random.default_rng([seed, int.from_bytes(period.encode()), kind])
        truth, factor = _draw(config, period, kind, rng, e_ap)
        arrays = observe(
            truth,
            rng,
            period=config.periods[period],
            trigger=config.selection_of(period).trigger,
            choices=config.simulation,
            beam_trigger=kind is EventClass.BEAM_ELECTRON,
        )
        n = len(arrays["e_ecal"])
        arrays["class_true"], arrays["weight_true"] = np.full(n, kind), np.full(n, factor)
        samples.append(arrays)
        if factor > 1:
            prescale[kind.name.lower()] = factor

    rng = np.random.default_rng([seed, int.from_bytes(period.encode()), len(EventClass)])
    order = rng.permutation(sum(len(sample["e_ecal"]) for sample in samples))
    events = {name: np.concatenate([s[name] for s in samples])[order] for name in samples[0]}
    events |= _numbering(config, period, len(order))
    formats = {branch.name: branch.dtype for branch in BRANCHES + TRUTH_BRANCHES}
    metadata = FileMetadata(
        period=period,
        eot=config.periods[period].eot,
        entries=len(order),
        simulated=True,
        seed=seed,
        lineage=simulation_lineage(config, period, seed, e_ap),
        prescale=prescale,
    )
    return {name: events[name].astype(dtype) for name, dtype in formats.items()}, metadata


def write_simulated_file(
    path: Path,
    config: Config,
    period: str,
    *,
    seed: int,
    e_ap: Floats | None = None,
    overwrite: bool = False,
) -> FileMetadata:
    """Simulate a period and write its event file; arguments as `make_events`."""
    events, metadata = make_events(config, period, seed=seed, e_ap=e_ap)
    write_events(path, events, metadata, overwrite=overwrite)
    return metadata


def _draw(
    config: Config, period: str, kind: EventClass, rng: np.random.Generator, e_ap: Floats | None
) -> tuple[Truth, int]:
    """Return the true events of a class, and how many events each stands for."""
    if kind is EventClass.SIGNAL:
        return signal(np.zeros(0) if e_ap is None else e_ap), 1
    choices = config.simulation
    if kind is EventClass.BEAM_ELECTRON:
        return GENERATORS[kind](rng, choices.calibration_events, choices), 1
    settings = config.periods[period]
    expected = getattr(choices.rates[settings.group], kind.name.lower()) * settings.eot
    factor = max(1, int(np.ceil(expected / choices.max_events)))
    return GENERATORS[kind](rng, int(rng.poisson(expected / factor)), choices), factor


def _numbering(config: Config, period: str, n: int) -> Arrays:
    """Return numbers as a DAQ gives them: runs in order, spills in runs, events in runs."""
    runs = config.periods[period].runs
    n_runs = min(runs.last - runs.first + 1, 50)
    per_run = max(1, -(-n // n_runs))
    index = np.arange(n)
    event = index % per_run
    return {"run_number": runs.first + index // per_run, "spill": event // 100, "event": event}
