# %% [markdown]
# # The selection
#
# The cuts of a period, what each of them keeps, and N-1 figures. We simulate all of period III
# (2018), with fewer of the classes that are prescaled anyway.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

from na64ana.config import load_config
from na64ana.config.selection import ObservableWindow
from na64ana.cuts.selection import make_cuts
from na64ana.plotting.plane import plot_plane
from na64ana.plotting.selection import plot_n_minus_1
from na64ana.processing.processors import processor_path
from na64ana.simulation.events import write_simulated_file
from na64ana.simulation.plan import Plan
from na64ana.tally.fill import n_minus_1_name
from na64ana.tally.regions import signal_box
from na64ana.workflow.selection import calibrate, select

folder = Path(tempfile.mkdtemp())
shipped = load_config()
fewer = shipped.simulation.model_copy(update={"max_events": 8000, "max_beam_events": 2000})
config = shipped.model_copy(update={"simulation": fewer}).only(["III"])
paths = {"III": (folder / "III.root",)}
write_simulated_file(folder / "III.root", Plan(config, "III", seed=2)).entries

# %% [markdown]
# A cut has a name, windows on observables, a reason and a source.

# %%
cuts = make_cuts(config, "III")
for cut in cuts:
    windows = ", ".join(f"{one.observable} in ({one.low:g}, {one.high:g})" for one in cut.windows)
    print(f"{cut.name:18s} {windows}\n{'':18s} {cut.reason} [{cut.source}]")

# %% [markdown]
# Electrons of the beam and muon pairs give the mean shower first. Then the processor `invisible`
# counts, with the signal box closed: its events are taken out before anything is looked at.

# %%
calibrated = calibrate(config, paths)
found = select(
    config, paths, processor_path("invisible"), blinded=True, templates=calibrated.templates
)
tally = found.run.tallies["III"]
tally.cut_flow

# %% [markdown]
# N-1: events that pass all cuts but one, against the observable of that cut.

# %%
windows = {(cut.name, one.observable): (one.low, one.high) for cut in cuts for one in cut.windows}
chosen = [("srd_electron", "e_srd"), ("veto_quiet", "e_veto"), ("shower_shape", "chi2_shower")]
fig, axes = plt.subplots(1, 3, figsize=(13, 3.8), layout="constrained")
for ax, key in zip(axes, chosen, strict=True):
    plot_n_minus_1(tally.histograms[n_minus_1_name(*key)], ax, window=windows[key], title=key[0])
axes[0].legend(fontsize=7)
plt.show()

# %%
fig, ax = plt.subplots(figsize=(5.5, 5), layout="constrained")
plane = tally.planes["selected"]
plot_plane(plane, ax, box=signal_box(config, "III"), vmax=plane.values().max(), title="all cuts")
plt.show()

# %% [markdown]
# A cut of one's own is a window on any observable; usually it stands in a copy of
# `datasets.yaml`.

# %%
late = ObservableWindow(
    name="late_shower", observable="f_prs", max=0.2, reason="showers that begin early"
)
base = config.selection_of("III")
mine = base.model_copy(update={"windows": (late,)})
tighter = config.model_copy(update={"selections": config.selections | {"runs_I_III": mine}})
again = select(
    tighter, paths, processor_path("invisible"), blinded=True, templates=calibrated.templates
)
flow = again.run.tallies["III"].cut_flow
flow

# %% [markdown]
# ## Checks

# %%
counts = list(tally.cut_flow.counts().values())
assert counts == sorted(counts, reverse=True)
assert "late_shower" in flow
for row in flow.rows():
    if row.cut in tally.cut_flow:
        assert row.events <= tally.cut_flow[row.cut]
# N-1 holds what passes all cuts, and more
for cut, observable in chosen:
    n_minus_1 = tally.histograms[n_minus_1_name(cut, observable)].sum(flow=True)
    assert n_minus_1 >= tally.cut_flow["hcal_quiet"]
# nothing of the box, in any form
box = signal_box(config, "III")
assert (tally.survivors["e_ecal"] >= box.e_ecal_max).all()
assert plane.values()[: int(box.e_ecal_max), : int(box.e_hcal_max)].sum() == 0
# the SRD keeps electrons: its share among them is near the published 95 %
assert 0.9 < calibrated.calibrations["III"].efficiencies["srd_electron"].value <= 1
