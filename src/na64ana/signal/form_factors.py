"""Form factors of nuclei in atoms, squared; elastic and inelastic.

Tsai, RMP 46 (1974) 815; Bjorken, Essig, Schuster, Toro, arXiv:0906.0580, appendix A. The nucleus is
a dipole, as there, or has the form of Helm (Lewin and Smith, Astropart. Phys. 6 (1996) 87).
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from na64ana.constants import M_E
from na64ana.errors import ModelError
from na64ana.signal.kernels import form_factors
from na64ana.signal.target import Element

Floats = npt.NDArray[np.float64]

#: fm in 1/GeV.
_FM = 1 / 0.1973270
#: Thickness of the nuclear surface s and a, constants of its radius c [fm] (Lewin and Smith).
_HELM_S, _HELM_A, _HELM_C = 0.9, 0.52, (1.23, -0.60)
#: Mass of the proton [GeV], its magnetic moment [nuclear magnetons], and the scale of its dipole
#: form factor [GeV^2].
_M_P, _MU_P, _DIPOLE = 0.938272, 2.79, 0.71


@dataclass(frozen=True)
class FormFactor:
    """Which form factor is used.

    Attributes
    ----------
    nuclear : str
        ``"dipole"`` or ``"helm"``.
    inelastic : bool
        Whether the break-up of the nucleus is added.
    """

    nuclear: Literal["dipole", "helm"] = "dipole"
    inelastic: bool = False

    def __post_init__(self) -> None:
        if self.nuclear not in {"dipole", "helm"}:
            msg = f"unknown form factor {self.nuclear!r}; there are dipole, helm"
            raise ModelError(msg)

    def parameters(self, nucleus: Element) -> tuple[Any, ...]:
        """Return what the kernel needs: Z, a^2, d, R, s, a'^2 [GeV^-2, GeV^2, GeV^-1], proton."""
        z, a = nucleus.z, nucleus.mass_number
        screening = (111 * z ** (-1 / 3) / M_E) ** 2
        loose = (773 * z ** (-2 / 3) / M_E) ** 2 if self.inelastic else 0.0
        c = _HELM_C[0] * a ** (1 / 3) + _HELM_C[1]
        radius = np.sqrt(c**2 + 7 / 3 * (np.pi * _HELM_A) ** 2 - 5 * _HELM_S**2) * _FM
        helm = (float(radius), _HELM_S * _FM) if self.nuclear == "helm" else (0.0, 0.0)
        proton = (_MU_P**2 - 1) / (4 * _M_P**2), _DIPOLE
        return float(z), screening, 0.164 * a ** (-2 / 3), *helm, loose, proton

    def __call__(self, t: Floats, nucleus: Element) -> Floats:
        """Return G(t) for an array of t [GeV^2], Z^2 included."""
        flat = np.ravel(np.asarray(t, float))
        found: Floats = form_factors(flat, self.parameters(nucleus))
        return found.reshape(np.shape(t))
