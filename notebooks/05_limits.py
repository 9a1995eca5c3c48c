# %% [markdown]
# # Combination and limits
#
# From expected and observed events to the limit on epsilon: three methods, five periods, and the
# published curve.

# %%
import matplotlib.pyplot as plt
import numpy as np

from na64ana.cli.progress import TerminalProgress
from na64ana.config import load_config
from na64ana.config.reference import load_reference
from na64ana.plotting.limit import plot_limit
from na64ana.stats import asymptotic, marginalised, toys
from na64ana.stats.combination import compute_combinations
from na64ana.stats.model import Channel, CountingModel, Sample
from na64ana.workflow.limits import limits_from_published

# %% [markdown]
# ## One channel
#
# Half an event of background, nothing observed, no errors. The exact limit is -ln(1 - CL) = 2.30
# signal events, whatever the background. The asymptotic formulas say 1.64: that signal is not
# excluded by the data.

# %%
signal, background = Sample("signal", 1.0, {}), Sample("background", 0.5, {})
channel = Channel("one", observed=0, signals=(signal,), backgrounds=(background,))
simple = CountingModel((channel,))
exact = marginalised.compute_limit(simple, 0.9, expected=False).observed
usual = asymptotic.compute_limit(simple, 0.9, expected=False).observed
tossed = toys.compute_limit(simple, 0.9, expected=False, n_toys=20_000)
print(
    f"exact {exact:.3f}, toys {tossed.observed:.2f} +- {tossed.error:.2f}, asymptotic {usual:.3f}"
)

# %% [markdown]
# ## Five periods
#
# Published backgrounds, efficiencies and counts of NA64; fewer toys than usual.

# %%
config = load_config()
quick = config.limits.model_copy(update={"n_toys": 5000})
config = config.model_copy(update={"limits": quick})
with TerminalProgress() as progress:
    result = limits_from_published(config, progress=progress)
result

# %%
fig, ax = plt.subplots(figsize=(8, 6), layout="constrained")
published = load_reference("na64_2023")
plot_limit(result.curve, ax, beside=result.beside, references=[published], title="published inputs")
plt.show()

# %% [markdown]
# What each period adds, at 20 MeV (marginalised limits on epsilon).

# %%
i = int(np.argmin(np.abs(result.curve.masses - 0.02)))
combinations = compute_combinations(result.models[i], 0.9)
combinations

# %% [markdown]
# ## Checks

# %%
assert abs(exact + np.log(0.1)) < 1e-5
assert usual < 0.8 * exact
assert abs(tossed.observed - exact) < 5 * tossed.error + 0.02
# within a fifth of the published curve
for mass, epsilon in published.points:
    ours = np.exp(
        np.interp(np.log(mass), np.log(result.curve.masses), np.log(result.curve.observed))
    )
    assert 0.8 < ours / epsilon < 1.2, (mass, ours / epsilon)
# the asymptotic limits are too strong where nothing was observed
low, right = result.by("asymptotic"), result.by("marginalised")
assert (low.observed < right.observed).all()
# CLs at a limit is 1 - CL
excluded = right.event_limits[i].observed
assert abs(marginalised.compute_cls(result.models[i], excluded) - 0.1) < 1e-4
