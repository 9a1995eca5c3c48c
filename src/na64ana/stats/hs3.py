"""A workspace in the serialisation standard HS3, which RooFit and pyhs3 read."""

from typing import Any

from na64ana.provenance import package_versions

#: Version of the standard (https://github.com/hep-statistics-serialization-standard).
VERSION = "0.2"
#: Range of nuisance parameters [standard deviations], as in pyhf.
BOUND = 5.0


def make_hs3(workspace: dict[str, Any]) -> dict[str, Any]:
    """Return a pyhf workspace as HS3: the same channels, parameters and data.

    Log-normal errors are ``normsys`` with interpolation code 4 and a normal constraint, so that the
    likelihood is that of the workspace up to a constant. Bins are numbered, without a width.

    Parameters
    ----------
    workspace : dict
        Of `na64ana.stats.workspace.make_workspace`.
    """
    channels, measurement = workspace["channels"], workspace["measurements"][0]
    (poi,) = measurement["config"]["parameters"]
    counts = {one["name"]: one["data"] for one in workspace["observations"]}
    nuisances = sorted(
        {
            modifier["name"]
            for channel in channels
            for sample in channel["samples"]
            for modifier in sample["modifiers"]
            if modifier["type"] == "normsys"
        }
    )
    low, high = poi["bounds"][0]
    interesting = {"name": poi["name"], "min": low, "max": high}
    others = [{"name": name, "min": -BOUND, "max": BOUND} for name in nuisances]
    names = [channel["name"] for channel in channels]
    initial = [{"name": poi["name"], "value": poi["inits"][0]}]
    return {
        "metadata": {
            "hs3_version": VERSION,
            "packages": [{"name": "na64ana", "version": package_versions()["na64ana"]}],
        },
        "distributions": [_distribution(channel) for channel in channels],
        "data": [
            {
                "name": f"observed_{name}",
                "type": "binned",
                "contents": [float(n) for n in counts[name]],
                "axes": [_axis(name, len(counts[name]))],
            }
            for name in names
        ],
        "likelihoods": [
            {
                "name": "likelihood",
                "distributions": names,
                "data": [f"observed_{name}" for name in names],
            }
        ],
        "domains": [
            {"name": "default_domain", "type": "product_domain", "axes": [interesting, *others]}
        ],
        "parameter_points": [
            {
                "name": "default_values",
                "parameters": initial + [{"name": name, "value": 0.0} for name in nuisances],
            }
        ],
        "analyses": [
            {
                "name": measurement["name"],
                "likelihood": "likelihood",
                "parameters_of_interest": [poi["name"]],
                "domains": ["default_domain"],
                "init": "default_values",
            }
        ],
    }


def _axis(channel: str, n_bins: int) -> dict[str, Any]:
    return {"name": f"bin_{channel}", "min": 0.0, "max": float(n_bins), "nbins": n_bins}


def _distribution(channel: dict[str, Any]) -> dict[str, Any]:
    n_bins = len(channel["samples"][0]["data"])
    return {
        "name": channel["name"],
        "type": "histfactory_dist",
        "axes": [_axis(channel["name"], n_bins)],
        "samples": [
            {
                "name": sample["name"],
                "data": {"contents": sample["data"], "errors": [0.0] * n_bins},
                "modifiers": [_modifier(one) for one in sample["modifiers"]],
            }
            for sample in channel["samples"]
        ],
    }


def _modifier(modifier: dict[str, Any]) -> dict[str, Any]:
    name, kind = modifier["name"], modifier["type"]
    made = {"name": name, "type": kind, "parameter": name}
    if kind == "normsys":
        made |= {"constraint": "Gauss", "data": dict(modifier["data"])}
    return made
