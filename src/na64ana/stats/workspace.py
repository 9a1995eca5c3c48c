"""The pyhf workspace of a counting model."""

from collections.abc import Sequence
from typing import Any

import pyhf

from na64ana.stats import names
from na64ana.stats.model import CountingModel, Sample

#: pyhf's schema of patch sets wants a HEPData record; these limits have none, and zeros say so.
NO_RECORD = "ins0000000"


def make_workspace(model: CountingModel) -> dict[str, Any]:
    """Return a pyhf workspace: a channel per period, one bin, log-normal nuisances.

    The parameter of interest is mu = (epsilon/epsilon_0)^2. The observation of a closed box is
    its expected background. Valid against pyhf's schema; its interpolation of log-normals is that
    of all limits here (`na64ana.stats.interpolation`).
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


def make_patchset(
    workspace: dict[str, Any], models: Sequence[CountingModel], masses: Sequence[float]
) -> dict[str, Any]:
    """Return a pyhf patch set that puts the signal of each mass into a workspace.

    Each patch makes mu = 1 one signal event in all channels together; its values are the mass [GeV]
    and the epsilon that mu = 1 stands for. Valid against pyhf's schema.

    Parameters
    ----------
    workspace : dict
        Of `make_workspace`.
    models : sequence of CountingModel
        With the signal of epsilon = 1 and the channels of the workspace, in the order of `masses`.
    masses : sequence of float
        Of the A' [GeV].
    """
    patches = []
    for mass, model in zip(masses, models, strict=True):
        values = [float(f"{mass:.6g}"), float(f"{model.signal**-0.5:.6g}")]
        operations = [
            {
                "op": "replace",
                "path": f"/channels/{i}/samples/0/data",
                "value": [channel.signal.events],
            }
            for i, channel in enumerate(model.unit().channels)
        ]
        name = f"m_ap_{1e3 * mass:.4f}_MeV".replace(".", "p")
        patches.append({"metadata": {"name": name, "values": values}, "patch": operations})
    patchset = {
        "version": "1.0.0",
        "metadata": {
            "description": "dark photons of each mass; mu = (epsilon / epsilon_0)^2",
            "digests": {"sha256": pyhf.utils.digest(workspace, algorithm="sha256")},
            "labels": ["m_ap_GeV", "epsilon_0"],
            "references": {"hepdata": NO_RECORD},
        },
        "patches": patches,
    }
    pyhf.schema.validate(patchset, "patchset.json")
    return patchset


def _sample(sample: Sample) -> dict[str, Any]:
    modifiers = [
        {"name": name, "type": "normsys", "data": {"hi": up, "lo": down}}
        for name, (down, up) in sample.factors.items()
    ]
    return {"name": sample.name, "data": [sample.events], "modifiers": modifiers}
