"""What operators ask of a clearing house, as metrics in Prometheus' terms."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate

import attrs
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from mobility.push.wire import ProviderHealth

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
"""Upper ends of the latency buckets, from accepted to the provider's last answer."""

DAY_S = 86_400.0

MOST_LABELS = 1_000
"""Different labels that one counter has; more count together as `other` (our choice: the words of
providers are free text, and a push service may be anybody's)."""

OTHER = "other"

Labels = tuple[str, ...]


class Counts:
    """A counter with labels, in a dict, since every push passes here."""

    def __init__(self, name: str, meaning: str, labels: Labels) -> None:
        self._name = name
        self._meaning = meaning
        self._labels = labels
        self._counts: dict[Labels, int] = {}

    def add(self, *labels: str) -> None:
        if labels not in self._counts and len(self._counts) >= MOST_LABELS:
            labels = (*labels[:-1], OTHER)
        self._counts[labels] = self._counts.get(labels, 0) + 1

    def family(self) -> Metric:
        family = CounterMetricFamily(self._name, self._meaning, labels=self._labels)
        for labels, count in self._counts.items():
            family.add_metric(labels, count)
        return family


class Latencies:
    """A histogram of seconds by platform and kind."""

    def __init__(self) -> None:
        self._buckets: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def observe(self, platform: str, kind: str, seconds: float) -> None:
        key = (platform, kind)
        buckets = self._buckets.get(key)
        if buckets is None:
            buckets = self._buckets[key] = [0] * (len(SECONDS) + 1)
            self._sums[key] = 0.0
        buckets[bisect_left(SECONDS, seconds)] += 1
        self._sums[key] += seconds

    def family(self) -> Metric:
        family = HistogramMetricFamily(
            "mobility_clearing_latency_seconds",
            "Seconds from accepting a push to its provider's last answer.",
            labels=("platform", "kind"),
        )
        ends = [*map(str, SECONDS), "+Inf"]
        for key, buckets in self._buckets.items():
            upto = list(zip(ends, map(float, accumulate(buckets)), strict=True))
            family.add_metric(key, upto, self._sums[key])
        return family


@attrs.define(slots=True)
class Figures:
    """Everything that is counted."""

    accepted: Counts = attrs.Factory(
        lambda: Counts(
            "mobility_clearing_accepted",
            "Pushes stored, by organisation, platform and kind.",
            ("organisation", "platform", "kind"),
        )
    )
    refused: Counts = attrs.Factory(
        lambda: Counts(
            "mobility_clearing_refused",
            "Pushes not accepted: rejected, duplicate or to be tried again, by reason.",
            ("organisation", "outcome", "reason"),
        )
    )
    sent: Counts = attrs.Factory(
        lambda: Counts(
            "mobility_clearing_sent",
            "Pushes that came to an end: delivered, expired, failed or dead, by reason.",
            ("platform", "outcome", "reason"),
        )
    )
    answers: Counts = attrs.Factory(
        lambda: Counts(
            "mobility_clearing_answers",
            "The last answers of providers, in their own words.",
            ("platform", "status"),
        )
    )
    latency: Latencies = attrs.Factory(Latencies)


class ClearingCollector(Collector):
    """The figures, and what is asked when they are read."""

    def __init__(self, figures: Figures, providers: Callable[[], list[ProviderHealth]]) -> None:
        self._figures = figures
        self._providers = providers

    def collect(self) -> Iterator[Metric]:
        figures = self._figures
        for counts in (figures.accepted, figures.refused, figures.sent, figures.answers):
            yield counts.family()
        yield figures.latency.family()
        labels = ("platform", "app")
        queued = GaugeMetricFamily(
            "mobility_clearing_queued", "Pushes that wait or are under way.", labels=labels
        )
        oldest = GaugeMetricFamily(
            "mobility_clearing_oldest_seconds", "Age of the oldest of them.", labels=labels
        )
        working = GaugeMetricFamily(
            "mobility_clearing_provider_ok",
            "1 when the provider answers and takes the credential, or was not asked yet.",
            labels=labels,
        )
        days = GaugeMetricFamily(
            "mobility_clearing_credential_days",
            "Days until the credential ends, of those that do.",
            labels=labels,
        )
        for one in self._providers():
            key = (one.platform, one.app_id)
            queued.add_metric(key, one.queued)
            oldest.add_metric(key, one.oldest_s)
            working.add_metric(key, float(one.state in ("ok", "untried")))
            if one.expires_in_days is not None:
                days.add_metric(key, one.expires_in_days)
        yield from (queued, oldest, working, days)
