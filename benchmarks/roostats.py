"""Time of RooStats for a toy: `PYTHON_WITH_ROOT benchmarks/roostats.py hs3.json mu toys`.

Called by `benchmarks/limits.py --root-python`; prints seconds per toy of the profile-likelihood
test statistic, of a workspace read from HS3. Counts are
none or one; auxiliary measurements stay.
"""

import random
import sys
import time

import ROOT

ROOT.RooMsgService.instance().setGlobalKillBelow(4)


def main() -> None:
    """Print seconds per toy."""
    path, mu, n_toys = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    workspace = ROOT.RooWorkspace("w")
    ROOT.RooJSONFactoryWSTool(workspace).importJSON(path)
    config = workspace.genobj("epsilon_squared")
    rng = random.Random(1)
    poi = config.GetParametersOfInterest().first()
    poi.setVal(mu)
    statistic = ROOT.RooStats.ProfileLikelihoodTestStat(config.GetPdf())
    statistic.SetOneSided(True)
    data = [make_data(workspace, config, rng) for _ in range(n_toys)]
    point = ROOT.RooArgSet(poi)
    begin = time.perf_counter()
    for one in data:
        statistic.Evaluate(one, point)
    print((time.perf_counter() - begin) / n_toys)


def make_data(
    workspace: ROOT.RooWorkspace, config: ROOT.RooStats.ModelConfig, rng: random.Random
) -> ROOT.RooDataSet:
    """Return a data set of one or no event per channel."""
    index = config.GetPdf().indexCat()
    variables = ROOT.RooArgSet(config.GetObservables())
    weight = ROOT.RooRealVar("weight", "", 1.0)
    variables.add(weight)
    variables.add(index, True)
    data = ROOT.RooDataSet("toy", "", variables, ROOT.RooFit.WeightVar(weight))
    for state in index:
        place = workspace.var(f"bin_{state.first}")
        index.setLabel(str(state.first))
        place.setVal(0.5)
        variables.assignValueOnly(ROOT.RooArgSet(place, index))
        data.add(variables, float(rng.random() < 0.4))
    return data


if __name__ == "__main__":
    main()
