"""Metrics in Prometheus' text format (exposition format 0.0.4), in a registry of their own."""

import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Info, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from twisted.python.failure import Failure

from mobility import __version__
from mobility.events import ACCESS, EventLog
from mobility.operate import descriptors

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends of the duration buckets, in seconds."""

UNKNOWN_METHOD = (400, 405, 501)
"""What a SIP request of a method that a peer has made up may be answered with."""

NOT_PARKED_MS = 1.0
"""A request parked for longer is left out of the durations: its client asked to wait."""


class StoreStats(Protocol):
    """What is told of the store (`mobility.store.open.StoreStats`)."""

    @property
    def database_bytes(self) -> int: ...

    @property
    def journal_bytes(self) -> int: ...

    @property
    def waiting(self) -> int: ...

    @property
    def units(self) -> int: ...

    @property
    def commits(self) -> int: ...

    @property
    def commit_s(self) -> float: ...

    @property
    def rows(self) -> int: ...


class StoreCollector(Collector):
    """Asks the store at each scrape."""

    def __init__(self, stats: Callable[[], StoreStats]) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        stats = self._stats()
        for name, meaning, value in (
            ("database_bytes", "Size of the database file.", stats.database_bytes),
            ("journal_bytes", "Size of the write-ahead log.", stats.journal_bytes),
            ("waiting", "Units of work that wait to be stored.", stats.waiting),
        ):
            yield GaugeMetricFamily(f"mobility_store_{name}", meaning, value)
        for name, meaning, count in (
            ("units", "Units of work stored.", stats.units),
            ("commits", "Transactions committed.", stats.commits),
            ("commit_seconds", "Seconds spent in these transactions.", stats.commit_s),
            ("rows", "Rows written.", stats.rows),
        ):
            yield CounterMetricFamily(f"mobility_store_{name}", meaning, count)


class RequestCollector(Collector):
    """Counts requests in dicts, since every request passes here; families are made at a scrape.

    `protocol` is http or sip, and `kind` what tells its requests apart: route or method.
    """

    def __init__(self, protocol: str, kind: str) -> None:
        self._protocol = protocol
        self._kind = kind
        self._counts: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        self._durations: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}

    def count(self, listener: str, route: str, status: int) -> None:
        self._counts[listener, route, status] += 1

    def observe(self, route: str, seconds: float) -> None:
        buckets = self._durations.get(route)
        if buckets is None:
            buckets = self._durations[route] = [0] * (len(SECONDS) + 1)
            self._seconds[route] = 0.0
        buckets[bisect_left(SECONDS, seconds)] += 1
        self._seconds[route] += seconds

    def answered(self, listener: str, route: str, status: int, seconds: float) -> None:
        """Both."""
        self._counts[listener, route, status] += 1
        buckets = self._durations.get(route)
        if buckets is None:
            self.observe(route, seconds)
        else:
            buckets[bisect_left(SECONDS, seconds)] += 1
            self._seconds[route] += seconds

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            f"mobility_{self._protocol}_requests",
            f"Requests answered, by listener, {self._kind} and status.",
            labels=("listener", self._kind, "status"),
        )
        for (listener, route, status), count in self._counts.items():
            requests.add_metric((listener, route, str(status)), count)
        yield requests
        durations = HistogramMetricFamily(
            f"mobility_{self._protocol}_request_seconds",
            "Seconds from the head of a request to its answer, those that were parked left out.",
            labels=(self._kind,),
        )
        ends = [*map(str, SECONDS), "+Inf"]
        for route, buckets in self._durations.items():
            upto = list(zip(ends, map(float, accumulate(buckets)), strict=True))
            durations.add_metric((route,), upto, self._seconds[route])
        yield durations


class Metrics:
    """The metrics of one front end."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        Info("mobility", "The running program.", registry=self.registry).info(
            {"version": __version__}
        )
        self._requests = RequestCollector("http", "route")
        self._sip_requests = RequestCollector("sip", "method")
        self.registry.register(self._requests)
        self.registry.register(self._sip_requests)
        self._failures = Counter(
            "mobility_failures",
            "Log lines that carry a traceback, by event.",
            ("event",),
            registry=self.registry,
        )
        self._dismissed = Counter(
            "mobility_connections_dismissed",
            "Connections closed unanswered because there are too many, by listener.",
            ("listener",),
            registry=self.registry,
        )
        self.gauge("mobility_descriptors_open", "File descriptors in use.", descriptors.in_use)
        self.gauge("mobility_descriptors_limit", "File descriptors allowed.", descriptors.limit)
        self.gauge("mobility_start_time_seconds", "When the process began.", _constant(time.time()))

    def gauge(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """A value that is read when metrics are asked for."""
        Gauge(name, meaning, registry=self.registry).set_function(read)

    def store(self, stats: Callable[[], StoreStats]) -> None:
        """The metrics of the store."""
        self.registry.register(StoreCollector(stats))

    def request(self, listener: str, route: str, status: int, ms: float, parked_ms: float) -> None:
        """Count one answered request."""
        self._requests.count(listener, route, status)
        if parked_ms < NOT_PARKED_MS:
            self._requests.observe(route, ms / 1000)

    def sip_request(self, listener: str, method: str, status: int, ms: float) -> None:
        """Count one answered SIP request; methods nobody serves count together."""
        kind = "other" if status in UNKNOWN_METHOD else method
        self._sip_requests.answered(listener, kind, status, ms / 1000)

    def dismissed(self, listener: str, connections: int) -> None:
        """Count connections that were closed unanswered."""
        self._dismissed.labels(listener).inc(connections)

    def failed(self, event: str) -> None:
        """Count one log line with a traceback."""
        self._failures.labels(event).inc()

    def text(self) -> bytes:
        """Everything, as the body of `GET /metrics` with the type `CONTENT_TYPE`."""
        return generate_latest(self.registry)


CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


def _constant(value: float) -> Callable[[], float]:
    return lambda: value


class MeteredLog:
    """An `EventLog` that counts what passes, and keeps access lines from the log if asked to."""

    def __init__(self, log: EventLog, metrics: Metrics, *, access: bool) -> None:
        self._log = log
        self._metrics = metrics
        self._access = access

    def keep_access(self, access: bool) -> None:
        """Keep access lines from the log from now on, or no more."""
        self._access = access

    def emit(self, event: str, /, **fields: Any) -> None:
        if event in ACCESS:
            self.access(event, fields)
        else:
            if event == "listener.full":
                self._metrics.dismissed(fields["listener"], fields["connections"])
            self._log.emit(event, **fields)

    def access(self, event: str, fields: dict[str, Any], /) -> None:
        if event == "sip.request":
            self._metrics.sip_request(
                fields["listener"], fields["method"], fields["status"], fields["ms"]
            )
        elif event == "http.request":
            self._metrics.request(
                fields["listener"],
                fields["route"],
                fields["status"],
                fields["ms"],
                fields["parked_ms"],
            )
        if self._access:
            self._log.access(event, fields)

    def failure(self, event: str, failure: Failure | BaseException, /, **fields: object) -> None:
        self._metrics.failed(event)
        self._log.failure(event, failure, **fields)
