# %% [markdown]
# # Scaling out
#
# The same selection in this process and on a Dask cluster of this machine. On SLURM or HTCondor
# only the block of the site differs (`docs/how-to/batch.md`).

# %%
import tempfile
import time
from pathlib import Path

from na64ana.config import load_config
from na64ana.config.sites import DaskSite
from na64ana.processing.processors import processor_path
from na64ana.processing.sites import job_script, open_site
from na64ana.simulation.events import write_simulated_file
from na64ana.simulation.plan import Plan
from na64ana.workflow.selection import Settings, select

folder = Path(tempfile.mkdtemp())
shipped = load_config()
fewer = shipped.simulation.model_copy(update={"max_events": 5000, "max_beam_events": 2000})
config = shipped.model_copy(update={"simulation": fewer}).only(["I", "II"])
paths = {}
for period in config.periods:
    path = folder / f"{period}.root"
    write_simulated_file(path, Plan(config, period, seed=5))
    paths[period] = (path,)

# %% [markdown]
# Muon pairs need no shower template, so this processor runs by itself. In small pieces, so that
# there is something to share:

# %%
begin = time.monotonic()
here = select(
    config, paths, processor_path("dimuon"), blinded=True, settings=Settings(chunk_size=5000)
)
print(f"{time.monotonic() - begin:.1f} s in this process")

# %%
site = DaskSite(kind="dask", workers=2, memory="2 GB")
begin = time.monotonic()
with open_site(site, print) as make_pool:
    settings = Settings(chunk_size=4000, make_pool=make_pool)
    there = select(config, paths, processor_path("dimuon"), blinded=True, settings=settings)
print(f"{time.monotonic() - begin:.1f} s with the start of the cluster")

# %%
for record in there.run.records:
    print(
        f"{Path(record.path).name:8s} {record.start:6d} to {record.stop:6d}  {record.seconds:.2f} s"
    )

# %% [markdown]
# What a batch system would get:

# %%
print(job_script(config.site("slurm")))

# %% [markdown]
# ## Checks

# %%
for period, tally in here.run.tallies.items():
    assert tally.same_content(there.run.tallies[period])
    assert here.run.exposures[period].eot == there.run.exposures[period].eot
assert here.lineage == there.lineage
assert len({record.worker for record in there.run.records}) == 2
assert "#SBATCH" in job_script(config.site("slurm"))
