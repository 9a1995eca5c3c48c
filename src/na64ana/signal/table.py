"""Tables of yields: made once for a beam, a dump and a dark matter, and interpolated in mass."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline, PchipInterpolator

import na64ana
from na64ana.constants import BEAM_ENERGY, M_E
from na64ana.errors import DataError, ModelError
from na64ana.io.atomic import atomic_path
from na64ana.provenance import lineage, source_digest
from na64ana.signal.annihilation import REACH
from na64ana.signal.bremsstrahlung import MASS_RANGE, Process
from na64ana.signal.response import Channel, Response, check_channel
from na64ana.signal.widths import DarkMatter
from na64ana.signal.yields import (
    Beamline,
    Spectra,
    compute_annihilation,
    compute_bremsstrahlung,
)

Floats = npt.NDArray[np.float64]

#: Masses [GeV] between which a table is made, and how many.
TABLE_RANGE = (1e-3, 1.0)
_MASSES = 100
#: Masses [GeV] between which positrons of 100 GeV can be in resonance above `E_AP_MIN`, widened by
#: the width, and how many more masses there are.
_RESONANCE, _MASSES_RESONANCE = (0.08, 0.6), 500
#: Below this part of the largest yield, annihilation is interpolated as if it were constant.
_NOTHING = 1e-12


@dataclass(frozen=True)
class Model:
    """All that a table depends on.

    Attributes
    ----------
    beamline : Beamline
    process : Process
    dark_matter : DarkMatter
    mass_min, mass_max : float
        [GeV]
    masses : tuple of float
        Where annihilation is computed [GeV], if the table is to be asked there only; none, and it
        is dense enough to be interpolated.
    """

    beamline: Beamline = field(default_factory=Beamline)
    process: Process = field(default_factory=Process)
    dark_matter: DarkMatter = field(default_factory=DarkMatter)
    mass_min: float = TABLE_RANGE[0]
    mass_max: float = TABLE_RANGE[1]
    masses: tuple[float, ...] = ()

    def lineage(self) -> str:
        """Return the sha256 of all that decides a table: this, the code, and its libraries."""
        package = Path(na64ana.__file__).parent
        code = [package / "signal", package / "calorimeter.py", package / "constants.py"]
        content = json.loads(json.dumps(asdict(self)))
        data = (package / "data" / "materials.yaml").read_text(encoding="utf-8")
        libraries = [version(name) for name in ("numba", "numpy", "scipy")]
        return lineage(content, data, source_digest(code), libraries)


@dataclass(frozen=True, eq=False)
class YieldTable:
    """Yields per particle on target for epsilon = 1, by channel, mass and energy of the A'.

    Attributes
    ----------
    model : Model
    lineage : str
    bremsstrahlung, annihilation : Spectra
        Before resolution and trigger.
    """

    model: Model
    lineage: str
    bremsstrahlung: Spectra
    annihilation: Spectra

    def above(self, masses: Floats, e_ap_min: float, channel: Channel) -> Floats:
        """Return the yield ``(n,)`` of dark photons above an energy [GeV], at the emission.

        Raises
        ------
        ModelError
            If a mass lies outside the table, or the energy outside its bins.
        """
        spectra = self._spectra(channel)
        return self._interpolate(channel, spectra.above(e_ap_min)[:, None], masses)[:, 0]

    def in_box(
        self, masses: Floats, e_ecal_max: float, channel: Channel, response: Response | None = None
    ) -> Floats:
        """Return the yield ``(n,)`` that triggers and has an E_ECAL [GeV] below an edge.

        Raises
        ------
        ModelError
            If a mass lies outside the table.
        """
        return self.spectrum(masses, np.array([0.0, e_ecal_max]), channel, response)[:, 0]

    def spectrum(
        self, masses: Floats, edges: Floats, channel: Channel, response: Response | None = None
    ) -> Floats:
        """Return the yield ``(n, k)`` in bins of E_ECAL [GeV], with resolution and trigger.

        Raises
        ------
        ModelError
            If a mass lies outside the table.
        """
        spectra = self._spectra(channel)
        middle = (spectra.edges[1:] + spectra.edges[:-1]) / 2
        response = replace(response or Response(), beamline=self.model.beamline)
        folded = spectra.per_bin @ response.probabilities(middle, edges, channel)
        return self._interpolate(channel, folded, masses)

    def closed(self, mass: float, channel: Channel) -> str | None:
        """Return why a channel has no yield at a mass [GeV]; None if it has one."""
        check_channel(channel)
        beam, mediator = self.model.beamline.energy, self.model.process.mediator
        if channel == "annihilation" and mediator != "V":
            return f"annihilation is computed for vectors, not for {mediator}"
        if channel == "annihilation":
            needed = 2 * self.model.dark_matter.mass_ratio * mass
            available = float(np.sqrt(2 * M_E * (M_E + beam)))
            # Moving electrons reach a little further.
            if needed >= REACH * available:
                return f"annihilation makes {available:.3g} GeV, 2 m_chi is {needed:.3g} GeV"
        elif mass >= beam:
            return f"heavier than the beam's {beam:g} GeV"
        return None

    def _spectra(self, channel: Channel) -> Spectra:
        check_channel(channel)
        return self.bremsstrahlung if channel == "bremsstrahlung" else self.annihilation

    def _interpolate(self, channel: Channel, values: Floats, masses: Floats) -> Floats:
        """Return values ``(m, k)`` at other masses ``(n, k)``, by splines in the logarithms."""
        masses = np.atleast_1d(np.asarray(masses, float))
        low, high = self.model.mass_min, self.model.mass_max
        bad = ~((masses >= low * (1 - 1e-9)) & (masses <= high * (1 + 1e-9)))
        if bad.any():
            msg = f"mass {masses[bad][0]:g} GeV lies outside the table, {low:g} to {high:g} GeV"
            raise ModelError(msg)
        at = np.log(np.clip(masses, low, high))
        least = _NOTHING * max(float(values.max(initial=0.0)), 1e-300)
        log = np.log(np.maximum(values, least))
        grid = np.log(self._spectra(channel).masses)
        # The resonance has edges at which a smooth spline would swing.
        spline = CubicSpline if channel == "bremsstrahlung" else PchipInterpolator
        found = spline(grid, log)(at)
        nothing = found <= np.log(least) * (1 - 1e-12)
        return np.where(nothing, 0.0, np.exp(found))


def compute_table(model: Model | None = None) -> YieldTable:
    """Compute a table, 2 to 6 seconds on two cores.

    Raises
    ------
    ModelError
        If the masses, the beam or the coupling lie outside the ranges of their models.
    """
    model = model or Model()
    return YieldTable(model, model.lineage(), _bremsstrahlung(model), _annihilation(model))


def _bremsstrahlung(model: Model) -> Spectra:
    return compute_bremsstrahlung(_grid(model), model.beamline, model.process)


def _annihilation(model: Model) -> Spectra:
    masses, (low, high) = _grid(model), (model.mass_min, model.mass_max)
    edges = model.beamline.edges
    if model.process.mediator != "V":
        return Spectra(masses, edges, np.zeros((len(masses), len(edges) - 1)))
    if model.masses:
        return compute_annihilation(model.masses, model.beamline, model.dark_matter)
    scale = np.sqrt(model.beamline.energy / BEAM_ENERGY)
    inside = np.geomspace(*_RESONANCE, _MASSES_RESONANCE) * scale
    dense = np.union1d(masses, inside[(inside > low) & (inside < high)])
    return compute_annihilation(dense, model.beamline, model.dark_matter)


def _grid(model: Model) -> Floats:
    """Return the masses at which bremsstrahlung is computed [GeV]."""
    low, high = model.mass_min, model.mass_max
    if not MASS_RANGE[0] <= low < high <= MASS_RANGE[1]:
        allowed = f"{MASS_RANGE[0]:g} to {MASS_RANGE[1]:g} GeV"
        msg = f"masses {low:g} to {high:g} GeV: must rise, and lie in {allowed}"
        raise ModelError(msg)
    return np.geomspace(low, high, max(round(_MASSES * np.log10(high / low) / 3), 12))


def load_or_compute(folder: Path, model: Model | None = None) -> YieldTable:
    """Return the table of a model from a folder, computed and stored there if it is not in it.

    Each channel is a file; another model, version of the code or of its libraries is another one.

    Parameters
    ----------
    folder : Path
    model : Model or None

    Raises
    ------
    ModelError
        As `compute_table`.
    OutputError
        If the folder cannot be written.
    """
    model = model or Model()
    # Bremsstrahlung does not know what the dark photon decays to.
    common = replace(model, dark_matter=DarkMatter(), masses=())
    return YieldTable(
        model=model,
        lineage=model.lineage(),
        bremsstrahlung=_load(folder, "bremsstrahlung", common, _bremsstrahlung),
        annihilation=_load(folder, "annihilation", model, _annihilation),
    )


def _load(
    folder: Path, name: Channel, model: Model, compute: Callable[[Model], Spectra]
) -> Spectra:
    """Return the spectra of a channel, computed and stored if they are not in the folder."""
    lineage = model.lineage()
    path = folder / f"{name}_{lineage[:24]}.npz"
    try:
        return _read(path, lineage)
    except (DataError, FileNotFoundError):
        spectra = compute(model)
    with atomic_path(path, overwrite=True) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            lineage=lineage,
            masses=spectra.masses,
            edges=spectra.edges,
            per_bin=spectra.per_bin,
        )
    return spectra


def _read(path: Path, lineage: str) -> Spectra:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            if str(content["lineage"]) != lineage:
                msg = f"{path}: of another model"
                raise DataError(msg)
            spectra = Spectra(*(content[part] for part in ("masses", "edges", "per_bin")))
            if spectra.per_bin.shape != (len(spectra.masses), len(spectra.edges) - 1):
                msg = f"shape {spectra.per_bin.shape}"
                raise ValueError(msg)
            return spectra
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        msg = f"{path}: damaged ({error})"
        raise DataError(msg) from error
