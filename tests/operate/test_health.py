"""Health, metrics and status on the operator site."""

import attrs
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mobility import __version__
from mobility.http.message import Site
from mobility.operate import health, status
from mobility.operate.access import OperatorAccess
from mobility.operate.health import Health
from mobility.operate.metrics import MeteredLog, Metrics
from mobility.testing import MemoryClient, MemoryLog, MemoryResponse, memory_site

KEY = "k" * 43


@attrs.frozen
class Stats:
    """What a store tells."""

    database_bytes: int = 1
    journal_bytes: int = 2
    waiting: int = 3
    units: int = 4
    commits: int = 5
    commit_s: float = 0.5
    rows: int = 6


class OperatorSiteTests(SynchronousTestCase):
    """The routes, served."""

    def setUp(self) -> None:
        self.health = Health()
        self.metrics = Metrics()
        self.memory = MemoryLog()
        access = OperatorAccess(KEY)
        self.routes = [
            *health.routes(self.health, self.metrics),
            status.route(access, self.health, lambda: {"users": 3}),
        ]
        self.log = MeteredLog(self.memory, self.metrics, access=True)

    def get(self, path: str, site: str = "operator", key: str = "") -> MemoryResponse:
        served = memory_site(
            self.routes,
            clock=Clock(),
            site=Site(site, True),
            log=self.log,  # type: ignore[arg-type]
        )
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return self.successResultOf(MemoryClient(served).request("GET", path, headers=headers))

    def metric(self, line: str) -> None:
        text = self.get("/metrics").body.decode()
        self.assertIn(f"\n{line}\n", text)

    def test_alive(self) -> None:
        """The process says that it lives."""
        self.assertEqual((200, {"alive": True}), self.shown("/healthz"))

    def shown(self, path: str) -> tuple[int, object]:
        response = self.get(path)
        return response.status, response.json()

    def test_ready(self) -> None:
        """It is ready while no check has a reason against it, and names those there are."""
        reasons = ["", "", ""]
        for place in range(3):
            self.health.add(lambda place=place: reasons[place])  # type: ignore[misc]
        self.assertEqual((200, {"ready": True, "reasons": []}), self.shown("/readyz"))
        reasons[0], reasons[2] = "stopping", "closed"
        self.assertEqual(
            (503, {"ready": False, "reasons": ["stopping", "closed"]}), self.shown("/readyz")
        )

    def test_remarks(self) -> None:
        """What does not keep the front end from serving is told beside readiness."""
        remarks = [""]
        self.health.remark(lambda: remarks[0])
        self.assertEqual((200, {"ready": True, "reasons": []}), self.shown("/readyz"))
        remarks[0] = "a pool is away"
        ready = {"ready": True, "reasons": [], "remarks": ["a pool is away"]}
        self.assertEqual((200, ready), self.shown("/readyz"))

    def test_status(self) -> None:
        """Status has version, readiness and counts, for the operator only."""
        self.health.add(lambda: "stopping")
        self.assertEqual(401, self.get(status.PATH).status)
        self.assertEqual(
            {"version": __version__, "ready": False, "reasons": ["stopping"], "users": 3},
            self.get(status.PATH, key=KEY).json(),
        )

    def test_only_there(self) -> None:
        """No other site has any of it."""
        for path in ("/healthz", "/readyz", "/metrics", status.PATH):
            for site in ("internal", "external"):
                self.assertEqual(404, self.get(path, site, KEY).status)

    def test_requests(self) -> None:
        """Requests are counted by listener, route and status, and those not parked are timed."""
        self.get("/healthz")
        self.get("/healthz")
        self.metric(
            'mobility_http_requests_total{listener="memory",route="healthz",status="200"} 2.0'
        )
        self.metric('mobility_http_request_seconds_count{route="healthz"} 2.0')
        self.metrics.request("x", "events", 200, 5000.0, 4999.0)
        self.assertNotIn('seconds_count{route="events"}', self.get("/metrics").body.decode())

    def test_store(self) -> None:
        """The store is asked at each scrape."""
        self.metrics.store(Stats)
        self.metric("mobility_store_waiting 3.0")
        self.metric("mobility_store_commits_total 5.0")
        self.metric("mobility_store_commit_seconds_total 0.5")

    def test_gauge(self) -> None:
        """A gauge has the value at the time of the scrape."""
        counted = [0]
        self.metrics.gauge("mobility_things", "Things.", lambda: counted[0])
        counted[0] = 7
        self.metric("mobility_things 7.0")

    def test_descriptors(self) -> None:
        """Descriptors in use are fewer than may be."""
        lines = self.get("/metrics").body.decode().splitlines()
        values = {
            name: float(value)
            for name, _, value in (x.rpartition(" ") for x in lines if x[0] != "#")
        }
        self.assertLess(0, values["mobility_descriptors_open"])
        self.assertLess(values["mobility_descriptors_open"], values["mobility_descriptors_limit"])

    def test_type(self) -> None:
        """Metrics are Prometheus' text format."""
        self.assertEqual(
            "text/plain; version=0.0.4; charset=utf-8", self.get("/metrics").header("Content-Type")
        )


class MeteredLogTests(SynchronousTestCase):
    """The log that counts."""

    def setUp(self) -> None:
        self.memory = MemoryLog()
        self.metrics = Metrics()

    def request(self, log: MeteredLog) -> None:
        log.emit("http.request", listener="x", route="y", status=200, ms=1.0, parked_ms=0.0, id="z")

    def test_passes_on(self) -> None:
        """Everything goes on to the log as it came."""
        log = MeteredLog(self.memory, self.metrics, access=True)
        self.request(log)
        log.emit("a.b", field=1)
        self.assertEqual(["http.request", "a.b"], [event for event, _ in self.memory.events])
        self.assertEqual({"field": 1}, self.memory.events[1][1])

    def test_no_access_lines(self) -> None:
        """Access lines that are not wanted are counted all the same."""
        self.request(MeteredLog(self.memory, self.metrics, access=False))
        self.assertEqual([], self.memory.events)
        self.assertIn(b'mobility_http_requests_total{listener="x"', self.metrics.text())

    def test_failures(self) -> None:
        """Failures are counted by event."""
        log = MeteredLog(self.memory, self.metrics, access=True)
        log.failure("a.b", Failure(ValueError()), id="7")
        self.assertIn(b'mobility_failures_total{event="a.b"} 1.0', self.metrics.text())
        self.assertEqual("7", self.memory.events[0][1]["id"])
