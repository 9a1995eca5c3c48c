"""The same selection as others would write it: with awkward arrays, and with RDataFrame of ROOT.

Peers of `benchmarks/selection.py`; both count the same events, cut by cut.
"""

import contextlib
import json
import os
import re
import subprocess
from typing import Any

import awkward as ak
import hist
import numpy as np
from coffea.analysis_tools import PackedSelection
from coffea.processor import ProcessorABC

from na64ana.config.observables import OBSERVABLES
from na64ana.cuts.cut import Window
from na64ana.cuts.observables import PMT_ASYMMETRY_MAX
from na64ana.cuts.template import CHI2_MAX
from na64ana.io.format import TREE

#: The cut that N-1 does not ask, and that has no row while the box is closed.
FREE = "missing_energy"


def binning(name: str) -> tuple[int, float, float]:
    """Return bins and range of the histograms of an observable."""
    return OBSERVABLES[name].bins, OBSERVABLES[name].low, OBSERVABLES[name].high


#: Cells of both depths: their x and y.
CELL_X, CELL_Y = np.divmod(np.arange(72) % 36, 6)


class Awkward(ProcessorABC):  # type: ignore[misc]  # coffea publishes no types
    """The same selection as one writes it with awkward arrays and the tools of coffea."""

    def __init__(self, ours: Any) -> None:
        self.cuts, self.context, self.box = ours.cuts, ours.context, ours.box

    def observables(self, events: Any) -> dict[str, Any]:
        """Return all observables of all events."""
        ecal, hcal, srd, pmt = (
            events[f"e_{name}"] for name in ("ecal_cell", "hcal_cell", "srd_module", "veto_pmt")
        )
        bad = ak.zeros_like(events.run_number, dtype=bool)
        for row in self.context.bad_spills:
            bad = bad | (events.run_number == row.run) & np.isin(events.spill, row.spills)
        e_ecal, e_prs = ak.sum(ecal, axis=1), ak.sum(ecal[:, :36], axis=1)
        impact = ak.to_numpy(ak.argmax(ecal[:, :36] + ecal[:, 36:], axis=1))
        x, y = np.divmod(impact, 6)
        near = (abs(CELL_X - x[:, None]) <= 1) & (abs(CELL_Y - y[:, None]) <= 1)
        module = [ak.sum(hcal[:, 9 * i : 9 * i + 9], axis=1) for i in range(4)]
        e_hcal = module[0] + module[1] + module[2]
        central = hcal[:, 4] + hcal[:, 13] + hcal[:, 22]
        high, low = np.maximum(pmt[:, ::2], pmt[:, 1::2]), np.minimum(pmt[:, ::2], pmt[:, 1::2])
        alike = high - low <= PMT_ASYMMETRY_MAX * high
        panel = ak.where(alike, np.sqrt(np.maximum(high * low, 0)), high)
        return {
            "physics_trigger": (events.trigger & 1) != 0,
            "bad_spill": bad,
            **{name: events[name] for name in ("t_ecal", "p_track", "theta_in", "n_tracks")},
            "n_st": ak.max(events.n_st[:, 2:], axis=1),
            "e_srd": ak.sum(srd, axis=1),
            "e_srd_least": ak.min(srd, axis=1),
            "e_srd_second": ak.sort(srd, axis=1)[:, 1],
            "t_srd": ak.max(abs(events.t_srd_module), axis=1),
            "e_prs": e_prs,
            "e_ecal": e_ecal,
            "f_prs": e_prs / ak.where(e_ecal > 0, e_ecal, np.inf),
            "impact_distance": np.maximum(
                abs(x - self.context.beam_cell[0]), abs(y - self.context.beam_cell[1])
            ),
            "r_ecal": ak.sum(ak.where(near, 0, ecal), axis=1) / ak.where(e_ecal > 0, e_ecal, 1),
            "chi2_shower": self.chi2(ak.to_numpy(ecal), ak.to_numpy(e_ecal), x, y),
            "e_veto": ak.max(panel, axis=1),
            "e_zero_degree": module[3],
            "e_hcal": e_hcal,
            "r_hcal": ak.where(
                e_hcal > self.context.e_hcal_quiet,
                (e_hcal - central) / ak.where(e_hcal > 0, e_hcal, 1),
                0,
            ),
        }

    def chi2(self, cells: Any, total: Any, x: Any, y: Any) -> Any:
        """Return chi2 per cell against the template, in 5 x 5 cells around the impact."""
        template, n = self.context.template, len(cells)
        assert template is not None
        total = np.where(total > 0, total, np.nan)
        padded = np.full((n, 2, 10, 10), np.nan, np.float32)  # no cells beyond the edge
        padded[:, :, 2:8, 2:8] = cells.reshape(n, 2, 6, 6)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(2, 3))
        window = windows[np.arange(n), :, x, y].reshape(n, 50)
        energies = np.log(template.energy.astype(np.float64))
        step = (np.log(total) - energies[0]) / (energies[1] - energies[0])
        k = np.clip(np.rint(np.nan_to_num(step)), 0, len(energies) - 1).astype(int)
        row = template.row[6 * x + y]
        pull = (window / total[:, None] - template.mean[row, k]) / template.width[row, k]
        number = np.sum(~np.isnan(pull), axis=1)
        return np.where(number > 0, np.nansum(pull**2, axis=1) / np.maximum(number, 1), CHI2_MAX)

    def process(self, events: Any) -> dict[str, Any]:
        """Return cut flow, N-1 and planes of a chunk."""
        values = self.observables(events)
        selection = PackedSelection()
        low_ecal = values["e_ecal"] < self.box.e_ecal_max
        selection.add("open", ~(low_ecal & (values["e_hcal"] < self.box.e_hcal_max)))
        for cut in self.cuts:
            mask = np.ones(len(events), bool)
            for one in cut.windows:
                value = values[one.observable]
                mask = mask & (value > one.low) & (value < one.high)
            selection.add(cut.name, mask)
        names = [cut.name for cut in self.cuts]
        rows = {"events": len(events)}
        for i, name in enumerate(names[:-1]):
            rows[name] = int(selection.all("open", *names[: i + 1]).sum())
        kinds = hist.axis.Integer(0, 11, name="class_true")
        histograms = {}
        for cut in self.cuts:
            others = {*names} - {cut.name, FREE}
            chosen = selection.all("open", *others)
            for name in cut.observables:
                axis = hist.axis.Regular(*binning(name), name=name)
                histograms[f"n_minus_1_{cut.name}_{name}"] = hist.Hist(axis, kinds).fill(
                    values[name][chosen], events.class_true[chosen]
                )
        box = [hist.axis.Regular(*binning(name), name=name) for name in ("e_ecal", "e_hcal")]
        for stage, last in (("electron", "srd_electron"), ("selected", names[-3])):
            chosen = selection.all("open", *names[: names.index(last) + 1])
            plane = hist.Hist(*box).fill(values["e_ecal"][chosen], values["e_hcal"][chosen])
            histograms[f"plane_{stage}"] = plane
        return {"rows": rows, "histograms": histograms}

    def postprocess(self, accumulator: Any) -> Any:
        """Return the sum of all chunks as it is."""
        return accumulator


#: What RDataFrame calls for an event. Numbers and template stand before it, the cuts after it.
CODE = """
#pragma cling optimize(3)
using Floats = ROOT::RVec<float>;
float sum(const Floats &c, int first, int n) {
  float total = 0;
  for (int i = first; i < first + n; ++i) total += c[i];
  return total;
}
int find_largest(const Floats &c) {
  int best = 0;
  for (int i = 1; i < 36; ++i) if (c[i] + c[i + 36] > c[best] + c[best + 36]) best = i;
  return best;
}
float share_outside(const Floats &c, int x, int y, float total) {
  float inside = 0;
  for (int d = 0; d < 72; d += 36)
    for (int i = std::max(x - 1, 0); i <= std::min(x + 1, 5); ++i)
      for (int j = std::max(y - 1, 0); j <= std::min(y + 1, 5); ++j) inside += c[d + 6 * i + j];
  return total > 0 ? 1 - inside / total : 0;
}
float find_chi2(const Floats &c, int x, int y, float total) {
  if (!(total > 0)) return CHI2_MAX;
  const double step = LOG_ENERGY[1] - LOG_ENERGY[0];
  const int k = lrint((std::log(total) - LOG_ENERGY[0]) / step);
  const int place = 50 * (ROW[6 * x + y] * N + std::min(std::max(k, 0), N - 1));
  float squares = 0;
  int number = 0;
  for (int d = 0; d < 2; ++d)
    for (int i = std::max(x - 2, 0); i <= std::min(x + 2, 5); ++i)
      for (int j = std::max(y - 2, 0); j <= std::min(y + 2, 5); ++j, ++number) {
        const int at = place + 25 * d + 5 * (i - x + 2) + j - y + 2;
        const float pull = (c[36 * d + 6 * i + j] / total - MEAN[at]) * WEIGHT[at];
        squares += pull * pull;
      }
  return squares / number;
}
float largest_panel(const Floats &pmt) {
  float best = 0;
  for (int i = 0; i < 6; i += 2) {
    const float high = std::max(pmt[i], pmt[i + 1]), low = std::min(pmt[i], pmt[i + 1]);
    best = std::max(best, high - low <= ASYMMETRY * high ? std::sqrt(high * low) : high);
  }
  return best;
}
Event observe(unsigned run, unsigned spill, int trigger, float t_ecal, float p_track,
              float theta_in, int n_tracks, const ROOT::RVec<unsigned char> &hits,
              const Floats &srd, const Floats &t, const Floats &pmt, const Floats &ecal,
              const Floats &hcal) {
  Event e;
  e.physics_trigger = trigger & 1;
  e.bad_spill = is_bad(run, spill);
  e.t_ecal = t_ecal, e.p_track = p_track, e.theta_in = theta_in, e.n_tracks = n_tracks;
  e.n_st = std::max(hits[2], hits[3]);
  const auto [low, high] = std::minmax(srd[0], srd[1]);
  e.e_srd = sum(srd, 0, 3), e.e_srd_least = std::min(low, srd[2]);
  e.e_srd_second = std::max(low, std::min(high, srd[2]));
  e.t_srd = std::max(std::abs(t[0]), std::max(std::abs(t[1]), std::abs(t[2])));
  e.e_prs = sum(ecal, 0, 36), e.e_ecal = e.e_prs + sum(ecal, 36, 36);
  e.f_prs = e.e_ecal > 0 ? e.e_prs / e.e_ecal : 0;
  const int impact = find_largest(ecal), x = impact / 6, y = impact % 6;
  e.impact_distance = std::max(std::abs(x - BEAM_X), std::abs(y - BEAM_Y));
  e.r_ecal = share_outside(ecal, x, y, e.e_ecal);
  e.chi2_shower = find_chi2(ecal, x, y, e.e_ecal);
  e.e_veto = largest_panel(pmt);
  e.e_hcal = sum(hcal, 0, 27), e.e_zero_degree = sum(hcal, 27, 9);
  const float central = hcal[4] + hcal[13] + hcal[22];
  e.r_hcal = e.e_hcal > E_HCAL_QUIET ? (e.e_hcal - central) / e.e_hcal : 0;
  e.open = e.e_ecal >= E_ECAL_MAX || e.e_hcal >= E_HCAL_MAX;
  e.failed = find_failed(e);
  return e;
}
"""
#: Arguments of `observe`.
BRANCHES = (
    "run_number", "spill", "trigger", "t_ecal", "p_track", "theta_in", "n_tracks", "n_st",
    "e_srd_module", "t_srd_module", "e_veto_pmt", "e_ecal_cell", "e_hcal_cell",
)  # fmt: skip
#: What the Python with ROOT does: an event loop for each line that it gets.
PROGRAM = """
import json, sys, ROOT
task = json.loads(sys.stdin.readline())
ROOT.gInterpreter.Declare(task["code"])
channel = ROOT.Detail.RDF.RDFLogChannel()
verbosity = ROOT.RLogScopedVerbosity(channel, ROOT.ROOT.ELogLevel.kInfo)
for _ in sys.stdin:
    frame = ROOT.RDataFrame(task["tree"], task["path"])
    rows, histograms = {"events": frame.Count()}, {}
    frame = frame.Define("seen", f"observe({', '.join(task['branches'])})")
    node = frame.Filter("seen.open")
    near = node.Filter("__builtin_popcount(seen.failed) <= 1")
    for i, (cut, observables) in enumerate(task["cuts"].items()):
        others = near.Filter(f"(seen.failed | {1 << i}) == {1 << i}")
        for name in observables:
            values, model = others.Define("value", "seen." + name), (name, "", *task["axes"][name])
            histograms["n_minus_1_" + cut + "_" + name] = values.Histo1D(model, "value")
        if cut != task["free"]:
            node = node.Filter(f"!(seen.failed & {1 << i})")
            rows[cut] = node.Count()
    print(json.dumps({
        "rows": {name: one.GetValue() for name, one in rows.items()},
        "histograms": {name: one.GetEntries() for name, one in histograms.items()},
    }), flush=True)
"""


class Root:
    """The same selection with RDataFrame, on one thread of a process of its own."""

    def __init__(self, python: str, ours: Any) -> None:
        task = {
            "path": str(ours.paths[0]),
            "tree": TREE,
            "code": make_code(ours),
            "branches": BRANCHES,
            "cuts": {cut.name: cut.observables for cut in ours.cuts},
            "free": FREE,
            "axes": {name: binning(name) for name in OBSERVABLES},
        }
        self._process = subprocess.Popen(
            [python, "-W", "ignore", "-c", PROGRAM],
            # Else ROOT compiles its own nodes without optimisation.
            env={**os.environ, "EXTRA_CLING_ARGS": "-O3"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._send(json.dumps(task))
        self.run()  # fails here if there is no ROOT

    def run(self) -> tuple[float, dict[str, Any]]:
        """Return the CPU seconds of the event loop, without compilation, and what came out."""
        self._send("")
        seconds, said = np.nan, ""
        for line in self._process.stdout or ():
            if line.startswith("{"):
                return seconds, json.loads(line)
            if found := re.search(r"Finished event loop number \d+ \(([\d.e-]+)s CPU", line):
                seconds = float(found[1])
            said += line
        raise RuntimeError(said.strip().rpartition("\n")[2])

    def _send(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # `run` tells what went wrong
            print(line, file=self._process.stdin, flush=True)


def make_code(ours: Any) -> str:
    """Return the C++ of RDataFrame, with the cuts and the template."""
    context, template = ours.context, ours.context.template
    assert template is not None
    log_energy = np.log(template.energy.astype(np.float64))
    constants = {
        "int N": len(log_energy),
        "int BEAM_X": context.beam_cell[0],
        "int BEAM_Y": context.beam_cell[1],
        "float CHI2_MAX": CHI2_MAX,
        "float ASYMMETRY": PMT_ASYMMETRY_MAX,
        "float E_HCAL_QUIET": context.e_hcal_quiet,
        "float E_ECAL_MAX": ours.box.e_ecal_max,
        "float E_HCAL_MAX": ours.box.e_hcal_max,
        "int ROW[]": template.row,
        "double LOG_ENERGY[]": log_energy,
        "float MEAN[]": template.mean,
        "float WEIGHT[]": 1 / template.width,
    }
    lines = []
    for name, value in constants.items():
        text = json.dumps(np.ravel(value).tolist()).strip("[]")
        lines.append(f"const {name} = {{{text}}};")
    bad = (f"run == {row.run} && spill == {n}" for row in context.bad_spills for n in row.spills)
    names = dict.fromkeys(name for cut in ours.cuts for name in cut.observables)
    failed = (
        f"unsigned(!({' && '.join(map(condition, cut.windows))})) << {i}"
        for i, cut in enumerate(ours.cuts[:-1])
    )
    lines += [
        f"struct Event {{ float {', '.join(names)}; bool open; unsigned failed; }};",
        f"bool is_bad(unsigned run, unsigned spill) {{ return {' || '.join(bad)}; }}",
        f"unsigned find_failed(const Event &e) {{ return {' | '.join(failed)}; }}",
    ]
    return "\n".join(lines) + CODE


def condition(window: Window) -> str:
    """Return a window in C++."""
    edges = ((">", window.low), ("<", window.high))
    name = f"e.{window.observable}"
    return " && ".join(f"{name} {s} {np.float32(edge)}f" for s, edge in edges if np.isfinite(edge))
