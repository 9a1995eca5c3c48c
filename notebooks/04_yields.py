# %% [markdown]
# # Signal yields
#
# How many dark photons an electron makes in the dump: bremsstrahlung in the shower, and
# annihilation of its positrons.

# %%
import matplotlib.pyplot as plt
import numpy as np

from na64ana.config import load_config
from na64ana.constants import M_E
from na64ana.plotting.yields import plot_spectra, plot_yields
from na64ana.signal.bremsstrahlung import Process, total_cross_section
from na64ana.signal.shower import compute_track_lengths
from na64ana.workflow.yields import make_yields, yield_model

config = load_config()
model = yield_model(config)

# %% [markdown]
# The cross section e Z -> e Z A' for epsilon = 1, exact at tree level, against the mass.

# %%
masses = np.geomspace(1e-3, 1.0, 25)
sigma = np.array([total_cross_section(Process(), m, 100.0) for m in masses])
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
left.loglog(1e3 * masses, sigma)
left.set(
    xlabel="mass [MeV]",
    ylabel=r"$\sigma / \epsilon^2$ [GeV$^{-2}$]",
    title="100 GeV electrons on lead",
)
lengths = compute_track_lengths(100.0)
right.loglog(lengths.energy, lengths.charged, label="electrons and positrons")
right.loglog(lengths.energy, lengths.positrons, label="positrons")
right.set(xlabel="energy [GeV]", ylabel="track length per bin [$X_0$]", title="shower")
right.legend()
plt.show()

# %% [markdown]
# Yields in the signal box, with resolution and trigger, and their errors. Tables are kept in the
# cache folder: the second time it takes no time.

# %%
found = make_yields(model, [0.001, 0.005, 0.02, 0.1, 0.25, 0.5], e_ecal_max=50.0)
found

# %%
table = found.table
grid = np.geomspace(1e-3, 1.0, 400)
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.3), layout="constrained")
channels = ("bremsstrahlung", "annihilation")
in_box = {channel: table.in_box(grid, 50.0, channel) for channel in channels}
plot_yields(grid, in_box, left, title="E_ECAL below 50 GeV")
edges = np.linspace(0, 90, 46)
few = np.array([0.002, 0.02, 0.2])
spectra = dict(zip(few.tolist(), table.spectrum(few, edges, "bremsstrahlung"), strict=True))
plot_spectra(edges, spectra, right, e_ecal_max=50.0, title="bremsstrahlung")
plt.show()

# %% [markdown]
# Events expected for a mixing: yield x epsilon^2 x electrons on target x efficiency.

# %%
eot = sum(period.eot for period in config.periods.values())
epsilon, efficiency = 4e-5, 0.45
events = found.in_box["bremsstrahlung"] * epsilon**2 * eot * efficiency
for mass, number in zip(found.masses, events, strict=True):
    print(f"{1e3 * mass:6.1f} MeV  {number:8.3g} events for epsilon = {epsilon:g}")

# %% [markdown]
# ## Checks

# %%
# between 10 and 100 MeV the cross section falls nearly like 1/m^2
from_10_to_100 = np.log10(
    total_cross_section(Process(), 0.01, 100.0) / total_cross_section(Process(), 0.1, 100.0)
)
assert 1.6 < from_10_to_100 < 2.4
# the resonance: m^2 = 2 m_e E, below the mass that the beam's energy allows
peak = grid[np.argmax(in_box["annihilation"])]
assert np.sqrt(2 * M_E * 50) < peak < np.sqrt(2 * M_E * 105)
# about 2.3 events at the published limit of 20 MeV, 4.0e-5
assert 1.5 < events[list(found.masses).index(0.02)] < 4
# errors are known to better than 15 %, and positrons are the smaller part of a shower
assert (found.errors.total < 0.15).all()
assert lengths.charged[lengths.energy > 50].sum() > lengths.positrons[lengths.energy > 50].sum()
