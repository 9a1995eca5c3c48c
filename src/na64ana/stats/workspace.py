"""The pyhf workspace of a counting model."""

from collections.abc import Sequence
from typing import Any

import pyhf

from na64ana.stats import names
from na64ana.stats.model import Channel, CountingModel, Sample

#: pyhf's schema of patch sets wants a HEPData record; these limits have none, and zeros say so.
NO_RECORD = "ins0000000"


def make_workspace(model: CountingModel) -> dict[str, Any]:
    """Return a pyhf workspace: a channel per period, a bin or several, log-normal nuisances.

    The parameter of interest is mu = (epsilon/epsilon_0)^2. The observation of a closed box is
    its expected background. A sample whose errors differ between bins is written as several. Valid
    against pyhf's schema; its interpolation of log-normals is that of all limits here
    (`na64ana.stats.interpolation`).
    """
    observations, events = [], 0.0
    for name, bins in _by_name(model).items():
        counts = [one.background if one.observed is None else float(one.observed) for one in bins]
        observations.append({"name": name, "data": counts})
        events += sum(counts) + sum(one.background for one in bins)
    # Wide enough for the expected limit at +2 sigma, too.
    upper = 5.0 * (events + 5.0) / max(model.signal, 1e-12)
    poi = {"name": names.POI, "inits": [min(1.0, upper)], "bounds": [[0.0, upper]]}
    workspace = {
        "version": "1.0.0",
        "channels": _channels(model),
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
            {"op": "replace", "path": f"/channels/{i}/samples/{j}/data", "value": sample["data"]}
            for i, channel in enumerate(_channels(model.unit()))
            for j, sample in enumerate(channel["samples"])
            if any(modifier["name"] == names.POI for modifier in sample["modifiers"])
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


def _by_name(model: CountingModel) -> dict[str, list[Channel]]:
    """Return the bins of each channel, in order."""
    together: dict[str, list[Channel]] = {}
    for channel in model.channels:
        together.setdefault(channel.name, []).append(channel)
    return {name: sorted(bins, key=lambda one: one.bin) for name, bins in together.items()}


def _channels(model: CountingModel) -> list[dict[str, Any]]:
    poi = {"name": names.POI, "type": "normfactor", "data": None}
    return [
        {
            "name": name,
            "samples": [
                *_samples([one.signals for one in bins], poi),
                *_samples([one.backgrounds for one in bins]),
            ],
        }
        for name, bins in _by_name(model).items()
    ]


def _samples(bins: Sequence[tuple[Sample, ...]], *more: dict[str, Any]) -> list[dict[str, Any]]:
    """Return samples over all bins: one for each name and errors."""
    found: dict[str, dict[str, Any]] = {}
    for place, samples in enumerate(bins):
        for sample in samples:
            modifiers = [
                {"name": name, "type": "normsys", "data": {"hi": up, "lo": down}}
                for name, (down, up) in sample.factors.items()
            ] + list(more)
            name = sample.name
            if name in found and found[name]["modifiers"] != modifiers:
                name = f"{sample.name}_bin{place}"
            empty = {"name": name, "data": [0.0] * len(bins), "modifiers": modifiers}
            found.setdefault(name, empty)["data"][place] = sample.events
    return list(found.values())
