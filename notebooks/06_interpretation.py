# %% [markdown]
# # Interpretation
#
# From one limit to a model of your own: a dark matter with its coupling and mass, what makes the
# relic density, and another boson.

# %%
import matplotlib.pyplot as plt
import numpy as np

from na64ana.config import load_config
from na64ana.config.reference import Assumptions, choose_references
from na64ana.constants import ALPHA
from na64ana.interpretation.dark_matter import compute_y, landau_bound
from na64ana.interpretation.magnetic_moment import contribution
from na64ana.interpretation.planes import compute_dark_matter_limit
from na64ana.interpretation.relic import compute_target
from na64ana.plotting.interpretation import plot_y
from na64ana.signal.bremsstrahlung import Process
from na64ana.signal.table import Model, compute_table
from na64ana.signal.widths import DarkMatter
from na64ana.workflow.interpretation import make_search
from na64ana.workflow.limits import limits_from_published
from na64ana.workflow.stored_limits import as_stored

# %% [markdown]
# ## The limit
#
# Published backgrounds and counts, ten masses per decade, the quickest of the exact methods.

# %%
config = load_config()
quick = config.limits.model_copy(update={"method": "marginalised", "n_toys": 1000})
coarse = config.signal.model_copy(update={"masses_per_decade": 10})
config = config.model_copy(update={"limits": quick, "signal": coarse})
result = limits_from_published(config)
search = make_search(as_stored(result))
result.curve

# %% [markdown]
# ## Dark matter of your own
#
# Resonant annihilation depends on alpha_D and on the kind of dark matter. So the yield is computed
# for it, and the limit from it.

# %%
mine = DarkMatter("majorana", alpha_d=0.05, mass_ratio=1 / 3)
masses = tuple(search.masses.tolist())
limit = compute_dark_matter_limit(
    search, mine, lambda dark: compute_table(Model(dark_matter=dark, masses=masses))
)
target = compute_target(np.geomspace(1e-3, 0.3, 20), mine)
print(f"alpha_D without a Landau pole below 1 TeV: up to {landau_bound(mine.kind):.2f}")

# %%
fig, ax = plt.subplots(figsize=(10.5, 6), layout="constrained")
assumed = Assumptions(alpha_d=mine.alpha_d, m_ap_over_m_chi=1 / mine.mass_ratio)
others = choose_references(("m_chi_GeV", "y"), assumed, role="limit")  # nobody drew 0.05
plot_y([limit], [target], ax, references=others)
plt.show()

# %% [markdown]
# Where the target is above the limit, this dark matter is excluded.

# %%
reached = np.exp(np.interp(np.log(target.m_chi), np.log(limit.m_chi), np.log(limit.y)))
excluded = target.m_chi[target.y > reached]
print(f"excluded: {1e3 * excluded.min():.3g} to {1e3 * excluded.max():.3g} MeV")

# %% [markdown]
# ## A scalar that electrons emit
#
# Another boson is another cross section; efficiency and background stay. What the limit leaves of
# its part of (g-2) of the electron, by the full loop integral:

# %%
scalar = search.limit(compute_table(Model(process=Process("S"))))
left = contribution("S", scalar.masses, np.sqrt(4 * np.pi * ALPHA) * scalar.observed)
for mass, epsilon, part in list(zip(scalar.masses, scalar.observed, left, strict=True))[::5]:
    print(f"{1e3 * mass:8.3g} MeV  epsilon_S {epsilon:.2e}  (g-2)/2 up to {part:.1e}")

# %% [markdown]
# ## Checks

# %%
assert np.allclose(limit.y, compute_y(limit.curve.observed, mine))
# far from the resonance the kind of dark matter does not matter
assert abs(limit.curve.observed[0] / result.curve.observed[0] - 1) < 0.02
assert not others
assert 0.19 < landau_bound("majorana") < 0.21
assert 0.003 < excluded.min() < 0.05 or excluded.min() <= 0.0011
# scalars are made less often, so their limit is weaker
assert (scalar.observed[search.masses > 0.002] > result.curve.observed[search.masses > 0.002]).all()
# a massless vector of charge e adds Schwinger's term
assert abs(contribution("V", 1e-9, np.sqrt(4 * np.pi * ALPHA)) / (ALPHA / (2 * np.pi)) - 1) < 1e-4
