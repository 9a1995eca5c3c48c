"""Draw simulated events for docs/gallery.md, and compare with published numbers.

Run with ``python validation/gallery.py [folder]``; figures go to docs/images, or the folder.
"""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LogNorm

from na64ana.config import Config, load_config
from na64ana.cuts.observables import Observables, compute_e_hcal, compute_e_veto
from na64ana.cuts.selection import apply_cuts
from na64ana.cuts.template import ShowerTemplate
from na64ana.io.format import EventClass
from na64ana.plotting.events import plot_event, plot_spectra
from na64ana.plotting.style import figure
from na64ana.processing.processors import load_processor, processor_path
from na64ana.signal.sampling import sample_bremsstrahlung
from na64ana.simulation.classes import Signal
from na64ana.simulation.events import make_events
from na64ana.simulation.plan import Plan
from na64ana.simulation.template import shower_template

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
PERIOD, MASS = "V", 0.02
Arrays = dict[str, np.ndarray]
TITLES = {
    EventClass.BEAM_ELECTRON: "beam electron (calibration trigger)",
    EventClass.ELECTRO_NUCLEAR: "electro-nuclear interaction in the dump",
    EventClass.DIMUON: "muon pair",
    EventClass.UPSTREAM: "interaction upstream",
    EventClass.SIGNAL: "dark photon of 20 MeV",
    EventClass.LEADING_NEUTRAL: "leading neutral hadron",
    EventClass.BEAM_PION: "pion of the beam",
    EventClass.BEAM_KAON: "kaon of the beam",
    EventClass.BEAM_MUON: "muon of the beam",
    EventClass.DECAY: "decay in flight",
}


def signal_sample(mass: float) -> Signal:
    """Return dark photons of one mass [GeV]."""
    rng = np.random.default_rng(1)
    e_ap, depth = sample_bremsstrahlung(rng, 20_000, mass, e_miss_min=50.0)
    return Signal(e_ap.astype(np.float32), depth.astype(np.float32), 10_000.0)


def make_samples(config: Config, n: int = 8000) -> dict[EventClass, Arrays]:
    """Return `n` triggered events of each class."""
    return {
        kind: make_events(Plan(config, PERIOD, 1, signal_sample(MASS), (kind,)), events=n)[0]
        for kind in EventClass
    }


def templates(config: Config) -> dict[str, ShowerTemplate]:
    """Return the simulation's own mean shower for each period."""
    return {period: replace(shower_template(), period=period) for period in config.periods}


def observed(processor: Any, period: str, events: Arrays) -> Observables:
    """Return the observables of events, on which cuts are made."""
    return Observables(events, processor.context(period), len(events["event"]))


def passed(processor: Any, period: str, events: Arrays) -> np.ndarray:
    """Return how many cuts each event passes before the first that it fails."""
    return apply_cuts(processor.cuts(period), observed(processor, period, events)).n_passed


def draw_planes(samples: dict[EventClass, Arrays], path: Path) -> None:
    """Draw the plane of each class, before all cuts."""
    with figure(path, 15, 6.4) as fig:
        axes = fig.subplots(2, 5, sharex=True, sharey=True)
        for ax, (kind, events) in zip(axes.flat, samples.items(), strict=True):
            e_hcal = compute_e_hcal(events["e_hcal_module"])
            edges = np.linspace(0, 115, 58)
            counts = np.histogram2d(events["e_ecal"], e_hcal, [edges, edges])[0]
            counts[counts == 0] = np.nan
            ax.pcolormesh(edges, edges, counts.T, norm=LogNorm(1, 1000), cmap="cividis")
            ax.axvline(50, color="0.5", ls="--", lw=0.8)
            ax.set_title(TITLES[kind], fontsize=10)
        for ax in axes[1]:
            ax.set_xlabel(r"$E_\mathrm{ECAL}$ [GeV]")
        for ax in axes[:, 0]:
            ax.set_ylabel(r"$E_\mathrm{HCAL}$ [GeV]")


def draw_spectra(samples: dict[EventClass, Arrays], config: Config, path: Path) -> None:
    """Draw the observables that the cuts look at, for telling classes."""
    cuts = config.selection_of(PERIOD)

    def of(*kinds: EventClass) -> dict[EventClass, Arrays]:
        return {kind: samples[kind] for kind in kinds}

    electron, pion, muon = EventClass.BEAM_ELECTRON, EventClass.BEAM_PION, EventClass.BEAM_MUON
    nuclear, dimuon, signal = EventClass.ELECTRO_NUCLEAR, EventClass.DIMUON, EventClass.SIGNAL
    srd, shape = cuts.srd_electron, cuts.shower_shape
    panels = [
        (of(electron, pion, muon), lambda e: 1e3 * e["e_srd_module"].sum(axis=1),
         np.linspace(0, 120, 61), "SRD sum [MeV]", (1e3 * srd.e_srd_min, 1e3 * srd.e_srd_max)),
        (of(electron, signal, pion), lambda e: e["e_prs"] / np.maximum(e["e_ecal"], 0.1),
         np.linspace(0, 0.6, 61), "PRS over ECAL", ()),
        (of(electron, signal, nuclear, pion), lambda e: e["chi2_shower"],
         np.linspace(0, 15, 61), "shower chi2", (shape.chi2_shower_max,)),
        (of(electron, signal, nuclear, pion), lambda e: e["r_ecal"],
         np.linspace(0, 0.5, 51), "ECAL outside 3x3 over total", (shape.r_ecal_max,)),
        (of(electron, nuclear, dimuon, muon), lambda e: compute_e_hcal(e["e_hcal_module"]),
         np.linspace(0, 40, 81), "HCAL0-2 [GeV]", (cuts.hcal_quiet.e_hcal_max,)),
        (of(electron, nuclear, dimuon, muon), lambda e: 1e3 * compute_e_veto(e["e_veto_pmt"]),
         np.linspace(0, 50, 101), "largest VETO panel [MeV]", (1e3 * cuts.veto_quiet.e_veto_max,)),
        (of(dimuon), lambda e: e["e_hcal_module"][:, 0], np.linspace(0, 12, 61),
         "dimuons: HCAL0, 1, 2 [GeV]", ()),
        (of(electron), lambda e: e["t_srd_module"][e["e_srd_module"] > 0],
         np.linspace(-100, 100, 101), "time after master time [ns]", (-5, 5)),
        (of(electron, signal), lambda e: e["p_track"][e["p_track"] > 0],
         np.linspace(85, 115, 61), "track momentum [GeV]",
         (cuts.single_track.p_track_min, cuts.single_track.p_track_max)),
    ]  # fmt: skip
    with figure(path, 15, 12) as fig:
        axes = fig.subplots(3, 3)
        for ax, (chosen, value, bins, label, window) in zip(axes.flat, panels, strict=True):
            names = {kind.name.lower().replace("_", " "): value(e) for kind, e in chosen.items()}
            if label.startswith("dimuons"):
                modules = chosen[dimuon]["e_hcal_module"]
                names = {f"HCAL{i}": modules[:, i] for i in range(3)}
            if label.startswith("time"):
                events = chosen[electron]
                names = {
                    name: events[f"t_{key}"][events[f"e_{key}"] > 0]
                    for name, key in (
                        ("SRD modules", "srd_module"),
                        ("ECAL cells", "ecal_cell"),
                        ("HCAL cells", "hcal_cell"),
                    )
                }
            plot_spectra(names, ax, bins=bins, label=label, window=window)
            ax.legend(fontsize=9)


def draw_displays(samples: dict[EventClass, Arrays], path: Path) -> None:
    """Draw one event of each class."""
    with figure(path, 13, 21) as fig:
        for part, (kind, events) in zip(fig.subfigures(10, 1), samples.items(), strict=True):
            quiet = np.flatnonzero(events["n_pileup_true"] == 0)
            event = {name: array[quiet[5]] for name, array in events.items()}
            title = f"{TITLES[kind]}: ECAL {event['e_ecal']:.1f} GeV with PRS, "
            title += f"chi2 {event['chi2_shower']:.2g}"
            plot_event(event, part, title=title)


def mean_efficiency(config: Config, cut: str, periods: tuple[str, ...]) -> float:
    """Return the efficiency of a cut for beam electrons, weighted by electrons on target."""
    opened = load_processor(
        processor_path("invisible"), config, blinded=False, templates=templates(config)
    )
    total = 0.0
    for period in periods:
        plan = Plan(config, period, 3, classes=(EventClass.BEAM_ELECTRON,))
        keep = {one.name: one.keep for one in opened.cuts(period)}[cut]
        electrons = observed(opened, period, make_events(plan, events=20_000)[0])
        total += config.periods[period].eot * keep(electrons).mean()
    return total / sum(config.periods[period].eot for period in periods)


def compare(samples: dict[EventClass, Arrays], config: Config) -> None:
    """Print what is published beside what the simulation shows."""
    electrons = samples[EventClass.BEAM_ELECTRON]
    opened = load_processor(
        processor_path("invisible"), config, blinded=False, templates=templates(config)
    )
    keep = {cut.name: cut.keep for cut in opened.cuts(PERIOD)}
    quiet = electrons["n_pileup_true"] == 0
    show = partial(print, sep="  ")
    for name, title, published in (("veto_quiet", "VETO", 0.94), ("hcal_quiet", "HCAL", 0.95)):
        found = mean_efficiency(config, name, ("IV", "V"))
        show(f"{f'{title} efficiency, IV and V':42s}", f"published {published}   ", f"{found:.3f}")
    srd = keep["srd_electron"]
    show(
        f"{'SRD, electrons without pile-up':42s}",
        "published > 0.95 ",
        f"{srd(observed(opened, PERIOD, electrons))[quiet].mean():.3f}",
    )
    hadrons = make_events(Plan(config, PERIOD, 2, classes=(EventClass.BEAM_PION,)), events=200_000)[
        0
    ]
    n = int(srd(observed(opened, PERIOD, hadrons)).sum())
    show(f"{'SRD, hadrons':42s}", "published <= 2e-3", f"{n / 200_000:.1e} ({n} events)")
    dimuons = samples[EventClass.DIMUON]["e_hcal_module"]
    medians = ", ".join(f"{x:.1f}" for x in np.median(dimuons[:, :3], axis=0))
    show(f"{'dimuons: HCAL0, 1, 2 [GeV]':42s}", "5.5, 5.2, 4.1    ", medians)
    first, total = np.median(dimuons[:, :2].sum(axis=1)), np.median(compute_e_hcal(dimuons))
    show(
        f"{'dimuons: HCAL0-1 and HCAL0-2 [GeV]':42s}",
        "about 10         ",
        f"{first:.1f}, {total:.1f}",
    )
    for period in config.periods:
        found = []
        for mass in (0.01, 0.1):
            plan = Plan(config, period, 7, signal_sample(mass), (EventClass.SIGNAL,))
            left = passed(opened, period, make_events(plan)[0]) == len(opened.cuts(period))
            found.append(f"{left.sum() / 10_000:.3f}")
        show(
            f"{f'signal efficiency {period}, 10 and 100 MeV':42s}",
            "published 0.4-0.5",
            ", ".join(found),
        )
    for periods, number, eot in (
        (("IV", "V"), 9.6e5, 6.54e11),
        (("I", "II", "III"), 1.6e4, 2.83e11),
    ):
        weight = 0.0
        for period in periods:
            events = make_events(Plan(config, period, 5))[0]
            selected = passed(opened, period, events) >= len(opened.cuts(period)) - 2
            weight += float(events["weight_true"][selected].sum(dtype=float))
        name = f"selected per EOT, {' '.join(periods)}"
        show(f"{name:42s}", f"published {number / eot:.2g}", f"{weight / eot:.2g}")


def main() -> None:
    """Draw and print."""
    mpl.use("agg")
    config = load_config()
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    samples = make_samples(config)
    draw_planes(samples, folder / "gallery_planes.png")
    draw_spectra(samples, config, folder / "gallery_spectra.png")
    draw_displays(samples, folder / "gallery_events.png")
    compare(samples, config)


if __name__ == "__main__":
    main()
