"""Efficiencies with their intervals."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.stats import beta

#: Central interval that corresponds to one standard deviation.
ONE_SIGMA = 0.682689492137


@dataclass(frozen=True)
class Efficiency:
    """Share of events that pass: `value` in the Clopper-Pearson interval `low` to `high`.

    The interval covers at least `level`, whatever the true value is (Clopper and Pearson,
    Biometrika 26 (1934) 404).
    """

    passed: int
    total: int
    low: float
    high: float
    level: float

    @classmethod
    def of(cls, passed: int, total: int, level: float = ONE_SIGMA) -> Self:
        """Return the efficiency of `passed` events out of `total`.

        Raises
        ------
        ValueError
            If more pass than there are, or numbers are negative.
        """
        if not 0 <= passed <= total:
            msg = f"{passed} of {total} events pass"
            raise ValueError(msg)
        outside = (1 - level) / 2
        low = beta.ppf(outside, passed, total - passed + 1) if passed else 0.0
        high = beta.ppf(1 - outside, passed + 1, total - passed) if passed < total else 1.0
        return cls(passed, total, float(low), float(high), level)

    @property
    def value(self) -> float:
        """Best estimate; NaN of no events."""
        return self.passed / self.total if self.total else float("nan")

    @property
    def error(self) -> float:
        """Half of the interval."""
        return (self.high - self.low) / 2

    @property
    def relative_error(self) -> float:
        """Half of the interval over the value; infinite if nothing passes."""
        return self.error / self.value if self.passed else float(np.inf)

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} % ({100 * self.low:.1f} - {100 * self.high:.1f})"

    def _repr_html_(self) -> str:
        return f"<span title='{self.passed} of {self.total}'>{self}</span>"
