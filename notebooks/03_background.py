# %% [markdown]
# # Background
#
# What is expected in the signal box, from the data beside it. Upstream interactions whose neutral
# particles miss the HCAL are the largest source: their E_ECAL spectrum is measured above the box
# (sideband C), and extrapolated into it.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from na64ana.background.extrapolation import extrapolate
from na64ana.config import load_config
from na64ana.plotting.background import plot_sideband
from na64ana.processing.processors import processor_path
from na64ana.simulation.events import write_simulated_file
from na64ana.simulation.plan import Plan
from na64ana.workflow.background import background_of
from na64ana.workflow.selection import calibrate, select

folder = Path(tempfile.mkdtemp())
shipped = load_config()
fewer = shipped.simulation.model_copy(update={"max_events": 8000, "max_beam_events": 2000})
config = shipped.model_copy(update={"simulation": fewer}).only(["III"])
paths = {"III": (folder / "III.root",)}
write_simulated_file(folder / "III.root", Plan(config, "III", seed=3)).entries

# %%
calibrated = calibrate(config, paths)
found = select(
    config, paths, processor_path("invisible"), blinded=True, templates=calibrated.templates
)
tally = found.run.tallies["III"]
energies = np.array(tally.sideband_c)
print(
    f"{len(energies)} events in sideband C, from {energies.min():.1f} to {energies.max():.1f} GeV"
)

# %% [markdown]
# Five functions are fitted. None is chosen: their confidence distributions of ln b, the logarithm
# of the events in the box, are averaged by how well they fit.

# %%
fit = extrapolate(energies, config.periods["III"].e_ecal_max, config.background)
for one in fit.fits:
    print(f"{one.family:24s} {np.exp(one.ln_b):8.3f} events in the box")
down, up = fit.errors
low, middle, high = np.exp([fit.ln_b - down, fit.ln_b, fit.ln_b + up])
print(f"{'average':24s} {middle:8.3f} ({low:.3f} to {high:.3f})")

# %%
fig, ax = plt.subplots(figsize=(8, 5), layout="constrained")
plot_sideband(fit, energies, ax, title="simulated period III")
plt.show()

# %% [markdown]
# All sources together, with muon pairs and single muons as control samples. Decays and hadrons
# are published numbers.

# %%
estimate = background_of(
    config,
    found.run.tallies,
    calibrated.dimuon.run.tallies,
    eot={name: one.eot for name, one in found.run.exposures.items()},
    prescales=found.run.prescales(),
    templates=calibrated.templates,
)
estimate.table

# %%
for row in estimate.table.rows:
    print(f"{row.source:14s} {row.events:9.4f}  {row.method}")
print(*estimate.notes, sep="\n")

# %% [markdown]
# ## Checks

# %%
low, high = np.exp(fit.ln_b - 2 * down), np.exp(fit.ln_b + 2 * up)
# the simulation follows exp(E / 5 GeV): what it puts into the box, from the same sideband
slope = config.simulation.upstream_slope
ratio = 1 / np.expm1((fit.fit_range[1] - fit.fit_range[0]) / slope)
assert low < fit.n_events * ratio < high
assert fit.n_events == ((energies > fit.fit_range[0]) & (energies < fit.fit_range[1])).sum()
total, below, above = estimate.table.total(["III"])
assert below < total < above
assert {"upstream", "dimuon", "decay", "punch_through"} <= {
    row.source for row in estimate.table.rows
}
# twice the events of a sideband are twice the background
twice = extrapolate(np.repeat(energies, 2), 50.0, config.background)
assert abs(twice.ln_b - fit.ln_b - np.log(2)) < max(fit.errors)
