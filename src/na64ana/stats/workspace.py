"""The pyhf workspace of a counting model, and the asymptotic limit that pyhf gives for it."""

from typing import Any

import pyhf
from pyhf.infer import hypotest
from pyhf.infer.intervals.upper_limits import toms748_scan
from scipy.optimize import toms748

from na64ana.errors import LimitError
from na64ana.stats import names
from na64ana.stats.model import CountingModel, EventLimit, Sample

#: Where the search for a limit starts; at mu = 0 CLs is 0/0 in pyhf.
LOWEST_MU = 0.05


def make_workspace(model: CountingModel) -> dict[str, Any]:
    """Return a pyhf workspace: a channel per period, one bin, log-normal nuisances.

    The parameter of interest is mu = (epsilon/epsilon_0)^2. The observation of a closed box is
    its expected background. Valid against pyhf's schema. Inside one standard deviation pyhf
    interpolates asymmetric log-normals by a polynomial (its default, code 4), which the
    marginalised limit does not; symmetric ones agree.
    """
    channels: list[dict[str, Any]] = []
    observations: list[dict[str, Any]] = []
    events = 0.0
    for channel in model.channels:
        signal = _sample(channel.signal)
        signal["modifiers"].append({"name": names.POI, "type": "normfactor", "data": None})
        backgrounds = [_sample(sample) for sample in channel.backgrounds]
        channels.append({"name": channel.name, "samples": [signal, *backgrounds]})
        count = channel.background if channel.observed is None else float(channel.observed)
        observations.append({"name": channel.name, "data": [count]})
        events += count + channel.background
    # Wide enough for the expected limit at +2 sigma, too.
    upper = 5.0 * (events + 5.0) / max(model.signal, 1e-12)
    poi = {"name": names.POI, "inits": [min(1.0, upper)], "bounds": [[0.0, upper]]}
    workspace = {
        "version": "1.0.0",
        "channels": channels,
        "observations": observations,
        "measurements": [
            {"name": "epsilon_squared", "config": {"poi": names.POI, "parameters": [poi]}}
        ],
    }
    pyhf.schema.validate(workspace, "workspace.json")
    return workspace


def compute_asymptotic_limit(
    model: CountingModel, confidence_level: float, *, expected: bool = True
) -> EventLimit:
    """Compute the limit of the letter: CLs with q-tilde in the asymptotic approximation.

    For fewer than about ten background events it excludes too much: use it for comparison.

    Parameters
    ----------
    model : CountingModel
        Any scale of the signal; the limit counts the events of all channels.
    confidence_level : float
        For example 0.9.
    expected : bool
        Whether to compute the expected limits, which takes several times as long.

    Raises
    ------
    LimitError
        If there is no signal, or no root is found.
    """
    unit = model.unit()
    workspace = pyhf.Workspace(make_workspace(unit))
    pdf = workspace.model()
    data = workspace.data(pdf)
    upper = pdf.config.suggested_bounds()[pdf.config.poi_index][1]
    alpha = 1 - confidence_level
    observed, bands = None, None

    def excess(mu: float) -> float:
        return float(hypotest(mu, data, pdf, test_stat="qtilde")) - alpha

    try:
        if expected:
            _, limits = toms748_scan(data, pdf, LOWEST_MU, upper, level=alpha, rtol=1e-6)
            bands = tuple(map(float, limits))
        if unit.observed is not None:
            observed = float(toms748(excess, LOWEST_MU, upper, rtol=1e-6))
    except (ValueError, RuntimeError, pyhf.exceptions.FailedMinimization) as error:
        msg = f"the asymptotic limit was not found: {' '.join(str(error).split())}"
        raise LimitError(msg) from error
    return EventLimit(
        method="asymptotic",
        confidence_level=confidence_level,
        observed=observed,
        expected=bands,  # type: ignore[arg-type]  # pyhf gives five
    )


def _sample(sample: Sample) -> dict[str, Any]:
    modifiers = [
        {"name": name, "type": "normsys", "data": {"hi": up, "lo": down}}
        for name, (down, up) in sample.factors.items()
    ]
    return {"name": sample.name, "data": [sample.events], "modifiers": modifiers}
