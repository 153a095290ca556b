"""What of two sets of measurements is the machine's, and what is not: quantiles with intervals."""

import random
from collections.abc import Sequence

from benchmarks.report import quantile

RESAMPLES = 1_000
CONFIDENCE = 0.95
SEED = 1
"""The same measurements give the same interval."""

Slices = Sequence[Sequence[float]]
"""Measurements by short slices of time: within one they are disturbed together."""


class Quantile:
    """The quantile `q` of all measurements in some slices, and how sure it is."""

    def __init__(self, slices: Slices, q: float) -> None:
        chance = random.Random(SEED)  # no secret
        self.value = quantile(_pooled(slices), q)
        self._resampled = [
            quantile(_pooled(chance.choices(slices, k=len(slices))), q) for _ in range(RESAMPLES)
        ]
        chance.shuffle(self._resampled)

    def over(self, other: "Quantile") -> tuple[float, float, float]:
        """The ratio to another, and between which two it lies with CONFIDENCE.

        The interval is a bootstrap over whole slices (Davison and Hinkley, Bootstrap Methods and
        their Application, chapter 8): what disturbs neighbours together widens it as it must.
        """
        found = sorted(a / b for a, b in zip(self._resampled, other._resampled, strict=True))
        outside = int(RESAMPLES * (1 - CONFIDENCE) / 2)
        return self.value / other.value, found[outside], found[-outside - 1]


def _pooled(slices: Slices) -> list[float]:
    return [one for some in slices for one in some]
