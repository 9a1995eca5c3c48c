"""Whether other programs read our HS3: `python validation/hs3.py [--pyhs3 PYTHON] [--root PYTHON]`.

-ln L of a model of five periods with bins and shared errors, written as HS3, at random points: by
pyhs3 and by RooFit, each in the environment of its own that PYTHON belongs to (pyhs3 wants an older
numba), against pyhf on the workspace. Exit code 0 if all differences between points agree to 1e-8.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyhf

from na64ana.stats.hs3 import make_hs3
from na64ana.stats.model import Channel, CountingModel, Sample, symmetric
from na64ana.stats.workspace import make_workspace

TOLERANCE, N_POINTS = 1e-8, 12

PYHS3 = """
import json, sys
import numpy as np, pyhs3
from pytensor import function
model = pyhs3.Workspace.load(sys.argv[1]).model("epsilon_squared")
names = list(model.free_params)
inputs = [model.parameters[name] for name in names]
value = function(inputs, model.log_prob, on_unused_input="ignore")
points = json.load(open(sys.argv[2]))
print(json.dumps([-float(np.sum(value(*[point[name] for name in names]))) for point in points]))
"""

ROOT = """
import json, sys
import ROOT
ROOT.RooMsgService.instance().setGlobalKillBelow(4)
workspace = ROOT.RooWorkspace("w")
ROOT.RooJSONFactoryWSTool(workspace).importJSON(sys.argv[1])
config = workspace.genobj("epsilon_squared")
pdf = config.GetPdf()
index = pdf.indexCat()
variables = ROOT.RooArgSet(config.GetObservables())
weight = ROOT.RooRealVar("weight", "", 1.0)
variables.add(weight)
variables.add(index, True)
whole = ROOT.RooDataSet("whole", "", variables, ROOT.RooFit.WeightVar(weight))
for state in index:
    name = str(state.first)
    part, bins = workspace.data("observed_" + name), workspace.var("bin_" + name)
    index.setLabel(name)
    for i in range(part.numEntries()):
        bins.setVal(part.get(i)[bins.GetName()].getVal())
        variables.assignValueOnly(ROOT.RooArgSet(bins, index))
        whole.add(variables, part.weight(i))
nll = pdf.createNLL(whole, ROOT.RooFit.Constrain(config.GetNuisanceParameters()))
out = []
for point in json.load(open(sys.argv[2])):
    for name, value in point.items():
        workspace.var(name).setVal(value)
    out.append(nll.getVal())
print(json.dumps(out))
"""


def model() -> CountingModel:
    """Return five periods of two bins, with shared errors and observed events."""
    channels = []
    for i, period in enumerate(("I", "II", "III", "IV", "V")):
        shared = {"yield_signal": symmetric(0.1), f"eff_overall_{period}": symmetric(0.11)}
        group = "early" if i < 3 else "late"
        for place in range(2):
            background = Sample("upstream", 0.2 + 0.3 * place, {f"bkg_{group}": (0.6, 1.9 - place)})
            decay = Sample("decay", 0.1, {f"bkg_decay_{group}": symmetric(0.2)})
            signal = Sample("bremsstrahlung", 0.05 * (1 + i), shared)
            count = (i + place) % 2
            channels.append(
                Channel(f"period_{period}", count, (signal,), (background, decay), place)
            )
    return CountingModel(tuple(channels))


def main() -> int:
    """Print the largest difference for each program; return 1 if one is too large."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pyhs3", default=None, help="python with pyhs3")
    parser.add_argument("--root", default=None, help="python with ROOT 6.40")
    options = parser.parse_args()
    workspace = make_workspace(model().unit())
    pdf = pyhf.Workspace(workspace).model()
    data = pyhf.Workspace(workspace).data(pdf)
    rng = np.random.default_rng(1)
    points = [
        {
            name: rng.uniform(0.1, 5) if name == "mu" else rng.normal()
            for name in pdf.config.par_order
        }
        for _ in range(N_POINTS)
    ]
    ours = np.array(
        [-float(pdf.logpdf([one[n] for n in pdf.config.par_order], data)[0]) for one in points]
    )
    worst = 0.0
    for name, python, code in (("pyhs3", options.pyhs3, PYHS3), ("RooFit", options.root, ROOT)):
        if python is None:
            print(f"{name}: not asked for")
            continue
        theirs = evaluate(python, code, make_hs3(workspace), points)
        difference = float(np.abs((theirs - theirs[0]) - (ours - ours[0])).max())
        worst = max(worst, difference)
        print(f"{name}: -ln L of {N_POINTS} points differs by at most {difference:.1e}")
    return 0 if worst < TOLERANCE else 1


def evaluate(
    python: str, code: str, content: dict[str, object], points: list[dict[str, float]]
) -> npt.NDArray[np.float64]:
    """Return -ln L of points by another program."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("hs3.json", "points.json")]
        for path, one in zip(paths, (content, points), strict=True):
            path.write_text(json.dumps(one), encoding="utf-8")
        command = [python, "-c", code, *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{python}: {done.stderr.strip().splitlines()[-1]}")
    return np.array(json.loads(done.stdout.strip().splitlines()[-1]))


if __name__ == "__main__":
    raise SystemExit(main())
