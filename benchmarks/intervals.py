"""What of two sets of measurements is the machine's, and what is not: quantiles with intervals."""

import random
from collections.abc import Sequence

from benchmarks.report import quantile

RESAMPLES = 1_000
SEED = 1
"""The same measurements give the same interval."""

Windows = Sequence[Sequence[float]]
"""Measurements by windows of time: within one they are disturbed together."""


class Quantile:
    """The quantile `q` of all measurements in some windows, and how sure it is."""

    def __init__(self, windows: Windows, q: float) -> None:
        chance = random.Random(SEED)
        self.windows = len(windows)
        self.value = quantile(_pooled(windows), q)
        self._resampled = [
            quantile(_pooled(chance.choices(windows, k=len(windows))), q) for _ in range(RESAMPLES)
        ]
        chance.shuffle(self._resampled)

    def over(self, other: "Quantile", confidence: float) -> tuple[float, float, float]:
        """The ratio to another, and between which two it lies with `confidence`.

        The interval is a bootstrap over whole windows (Davison and Hinkley, Bootstrap Methods and
        their Application, chapter 8): what disturbs neighbours together widens it as it must.
        """
        found = sorted(a / b for a, b in zip(self._resampled, other._resampled, strict=True))
        outside = int(RESAMPLES * (1 - confidence) / 2)
        return self.value / other.value, found[outside], found[-outside - 1]


def _pooled(windows: Windows) -> list[float]:
    return [one for some in windows for one in some]
