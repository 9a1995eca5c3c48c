"""The manifest of `na64ana limits`: every input, version and number behind a result."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from na64ana.io.location import is_remote
from na64ana.provenance import lineage, package_versions, sha256_file
from na64ana.signal.response import CHANNELS
from na64ana.stats import marginalised
from na64ana.stats.model import EventLimit
from na64ana.workflow.background_files import describe_estimate, describe_rows
from na64ana.workflow.limits import EventAnalysis, LimitsResult


def _describe_limit(limit: EventLimit, cls: tuple[float, float] | None) -> dict[str, Any]:
    """Return the limit on events at the mass of the workspace."""
    return {
        "observed": limit.observed,
        "expected": limit.expected,
        "monte_carlo_error": limit.error,
        "cls_at_limit": None if cls is None else {"value": cls[0], "monte_carlo_error": cls[1]},
    }


def make_manifest(result: LimitsResult, inputs: dict[str, Any]) -> dict[str, Any]:
    """Return all that a result depends on and what it found; `inputs` are those of the command."""
    config, details = result.config.model_dump(mode="json"), result.details
    content: dict[str, Any] = {
        "inputs": inputs,
        "versions": package_versions(),
        "configuration_sha256": lineage(config),
        "periods": {name: {"eot": result.config.periods[name].eot} for name in result.periods},
        "box": result.box,
        "confidence_level": result.curve.confidence_level,
        "methods": {
            "headline": result.curve.method,
            "beside": [curve.method for curve in result.beside],
            "toys": {"n": result.config.limits.n_toys, "seed": result.config.limits.seed},
            "marginalised": {"draws": marginalised.N_DRAWS, "seed": marginalised.SEED},
            "notes": list(result.notes),
            "event_limits": {
                limit.method: _describe_limit(limit, details.cls.get(limit.method))
                for limit in details.limits
            },
        },
        "signal": {
            "processes": list(CHANNELS),
            "dark_matter": asdict(result.yields.model.dark_matter),
            "yields_lineage": result.yields.lineage,
            "workspace_m_ap_GeV": details.mass,
        },
        "excess": None if details.excess is None else asdict(details.excess),
        "consistency": None if details.consistency is None else asdict(details.consistency),
        "parameters": [asdict(one) for one in details.parameters],
        "workspace_observations": "expected background" if result.box == "closed" else "observed",
        "background": describe_rows(result.background),
    }
    if result.events is not None:
        content |= _describe_events(result.events)
        for name, one in _describe_files(result.events).items():
            content["periods"][name] |= one
    # The time of writing is no input: the same inputs give the same lineage.
    identity = lineage({**content, "periods": _without_paths(content["periods"])})
    return {"lineage": identity, "written": datetime.now(UTC).isoformat(), **content}


def _describe_events(events: EventAnalysis) -> dict[str, Any]:
    """Return what the event files gave, and by which cuts."""
    run, selected = events.run, events.selected
    observed = None
    if events.observed is not None:
        observed = {name: sum(counts) for name, counts in events.observed.items()}
    return {
        "processor_sha256": selected.processor_sha256,
        "selection_lineage": selected.lineage,
        **describe_estimate(events.background),
        "shower_templates_sha256": selected.templates,
        "efficiency": {
            name: {
                "masses_GeV": one.masses.tolist(),
                "value": one.at(one.masses).tolist(),
                "simulated": [part.value for part in one.overall],
                "annihilation": one.of_annihilation,
                "data_over_simulation": one.scale[0],
                "shape_from": one.shape_from,
                "relative_error": one.relative_error,
            }
            for name, one in events.efficiencies.items()
        },
        "observed": observed,
        "prescale": run.prescales(),
        "cut_flow": {name: tally.cut_flow.counts() for name, tally in run.tallies.items()},
        "regions": {name: tally.regions for name, tally in run.tallies.items()},
    }


def _describe_files(events: EventAnalysis) -> dict[str, dict[str, Any]]:
    """Return exposure and files by period."""
    run = events.run
    return {
        name: {
            "exposure": {**asdict(exposure), "eot": exposure.eot},
            "files": [
                {
                    "path": str(file.path),
                    "sha256": None if is_remote(file.path) else sha256_file(Path(file.path)),
                    "uuid": file.uuid_text,
                    "entries": file.metadata.entries,
                    "eot": file.metadata.eot,
                    "simulated": file.metadata.simulated,
                    "seed": file.metadata.seed,
                    "lineage": file.metadata.lineage,
                }
                for file in run.files[name]
            ],
        }
        for name, exposure in run.exposures.items()
    }


def _without_paths(periods: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {
            "eot": p["eot"],
            "files": sorted(f["lineage"] or f["sha256"] for f in p.get("files", [])),
        }
        for name, p in periods.items()
    }
