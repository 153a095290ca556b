"""What of two sets of measurements is the machine's, and what is not: ratios with intervals."""

import math
import statistics
from collections.abc import Sequence

import attrs

LEAST_PAIRS = 8
"""Of fewer pairs than these nothing is said with 99 % confidence."""


@attrs.frozen(slots=True)
class Ratio:
    """What a ratio is, and between which two it lies."""

    value: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.least:.2f} to {self.most:.2f})"


def ratio_of(pairs: Sequence[tuple[float, float]], confidence: float) -> Ratio:
    """By how much the first of each pair is typically the second.

    The estimate of Hodges and Lehmann, of the logarithms, and the interval of Wilcoxon's signed
    ranks (Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, sections 3.2 and 3.3).
    Nothing is taken for granted of how the measurements scatter, and the few pairs of which the
    machine has disturbed one half count no more than others.  At least LEAST_PAIRS pairs.
    """
    logs = [math.log(one / other) for one, other in pairs]
    count = len(logs)
    means = sorted((a + b) / 2 for at, a in enumerate(logs) for b in logs[at:])
    z = statistics.NormalDist().inv_cdf((1 + confidence) / 2)
    spread = math.sqrt(count * (count + 1) * (2 * count + 1) / 24)
    outside = max(0, math.floor(len(means) / 2 - z * spread))
    value = statistics.median(means)
    return Ratio(math.exp(value), math.exp(means[outside]), math.exp(means[-outside - 1]))
