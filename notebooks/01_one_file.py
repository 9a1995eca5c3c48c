# %% [markdown]
# # One event file
#
# What an event file holds, and how to look at it. There are no public data of NA64, so we
# simulate some: 20,000 triggered events of period V (2022), with dark photons of 20 MeV mixed in.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import uproot

from na64ana.config import load_config
from na64ana.io.format import EventClass
from na64ana.io.inspection import inspect_file
from na64ana.plotting.events import plot_event, plot_spectra
from na64ana.simulation.events import write_simulated_file
from na64ana.simulation.plan import Plan
from na64ana.workflow.events import draw_signal

folder = Path(tempfile.mkdtemp())
config = load_config()

# %% [markdown]
# `expected` says how many dark photons a whole period would hold. The number here is absurdly
# large, so that some are in this small part of it.

# %%
path = folder / "V.root"
signal = draw_signal(config, "V", mass=0.02, expected=200_000, seed=1)
plan = Plan(config, "V", seed=1, signal=signal)
metadata = write_simulated_file(path, plan, events=20_000)
print(f"{metadata.entries} events stand for {metadata.eot:.3g} electrons on target")
print("prescaled:", metadata.prescale)

# %% [markdown]
# `inspect_file` looks through all branches; it reads trees of the collaboration as well. Energies
# are in GeV, times in ns.

# %%
inspect_file(path, config)

# %% [markdown]
# It is an ordinary ROOT file, and any tool reads it.

# %%
with uproot.open(path) as file:
    events = file["events"].arrays(library="np")
classes = {kind: events["class_true"] == kind for kind in EventClass}
{kind.name.lower(): int(chosen.sum()) for kind, chosen in classes.items()}

# %% [markdown]
# Electrons leave all their energy in the ECAL; hadrons share it with the HCAL; a dark photon takes
# it away. Its second band, at 8 GeV, has a halo muon in the HCAL at the same time.

# %%
e_hcal = events["e_hcal_module"][:, :3].sum(axis=1)
shown = (
    EventClass.BEAM_ELECTRON,
    EventClass.ELECTRO_NUCLEAR,
    EventClass.DIMUON,
    EventClass.SIGNAL,
)
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
for kind in shown:
    chosen = classes[kind]
    name = kind.name.lower().replace("_", " ")
    left.plot(events["e_ecal"][chosen], e_hcal[chosen], ".", ms=2, label=name)
left.set(xlim=(0, 120), ylim=(0, 120), xlabel="$E_{ECAL}$ [GeV]", ylabel="$E_{HCAL}$ [GeV]")
left.legend(markerscale=5)
samples = {kind.name.lower(): events["e_ecal"][classes[kind]] for kind in shown}
plot_spectra(samples, right, bins=np.linspace(0, 120, 61), label="$E_{ECAL}$ [GeV]", window=[50.0])
right.legend()
plt.show()

# %% [markdown]
# One event with all its cells: a dark photon with most of the energy, a small shower, and nothing
# behind the ECAL.

# %%
which = int(np.flatnonzero(classes[EventClass.SIGNAL] & (events["e_ecal"] < 40))[0])
event = {name: values[which] for name, values in events.items()}
fig = plt.figure(figsize=(11, 2.4))
plot_event(
    event, fig, title=f"E_ECAL = {event['e_ecal']:.1f} GeV, truth {event['e_ecal_true']:.1f}"
)
plt.show()

# %% [markdown]
# ## Checks

# %%
electrons = classes[EventClass.BEAM_ELECTRON]
assert abs(np.median(events["e_ecal"][electrons]) - 100) < 3
hadrons = classes[EventClass.ELECTRO_NUCLEAR]
assert 90 < np.median((events["e_ecal"] + e_hcal)[hadrons]) < 102
signal = classes[EventClass.SIGNAL]
quiet = signal & (events["n_pileup_true"] == 0)
assert np.median(e_hcal[quiet]) < 1
missing = 100 - events["e_missing_true"][quiet] - events["e_ecal_true"][quiet]
assert np.median(np.abs(missing)) < 2
assert metadata.entries == len(events["event"]) == 20_000
