"""Whether the legacy pool answers: seen by each request, and asked now and then."""

from collections.abc import Callable

from twisted.internet import error
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.web.client import ResponseFailed, ResponseNeverReceived
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent

from mobility.events import Catalogue, EventLog
from mobility.mcx.retired import SERVICE

EVENTS: Catalogue = {
    "mcx.pool_lost": {"reason": "why the legacy pool cannot be used"},
    "mcx.pool_found": {"status": "of its answer"},
}

PROBE_INTERVAL_S = 30.0
"""How often the pool is asked whether it lives (our choice)."""

PROBE_TIMEOUT_S = 20.0

REASONS = {
    error.DNSLookupError: "its name is not found",
    error.ConnectionRefusedError: "it refuses connections",
    error.TimeoutError: "it does not accept a connection in time",
    CancelledError: "it does not answer in time",
    error.ConnectError: "it cannot be reached",
}


class LegacyPool:
    """What is known of the pool: `reachable` is None until something was tried."""

    def __init__(self, forward_to: str, epoch: Callable[[], float], log: EventLog) -> None:
        self._forward_to = forward_to
        self._epoch = epoch
        self._log = log
        self.reachable: bool | None = None
        self.reason = ""
        self.since = 0.0
        """When that became so."""

    @property
    def problem(self) -> str:
        """Why it cannot be used, "" when nothing is known against it."""
        return f"the legacy pool of /Mcx/: {self.reason}" if self.reachable is False else ""

    def standing(self) -> dict[str, object]:
        """For `mobility status`."""
        return {
            "forward_to": self._forward_to,
            "reachable": self.reachable,
            "reason": self.reason,
            "since": self.since,
        }

    def answered(self, status: int) -> None:
        """It answered; a fault of its own counts against it."""
        if status >= 500:
            self._lost(f"it answers {status}")
        elif self.reachable is not True:
            self.reachable, self.reason, self.since = True, "", self._epoch()
            self._log.emit("mcx.pool_found", status=status)

    def failed(self, problem: BaseException) -> None:
        """It did not answer."""
        self._lost(reason_of(problem))

    def _lost(self, reason: str) -> None:
        if self.reachable is not False or self.reason != reason:
            self.reachable, self.reason, self.since = False, reason, self._epoch()
            self._log.emit("mcx.pool_lost", reason=reason)

    async def probe(self, agent: IAgent, clock: IReactorTime) -> None:
        """Ask for what operators open in a browser: any answer below 500 says that it lives."""
        url = f"{self._forward_to}{SERVICE}".encode("ascii")
        asked = agent.request(b"HEAD", url, Headers({"User-Agent": ["mobility"]}), None)
        try:
            response = await asked.addTimeout(PROBE_TIMEOUT_S, clock)
        except Exception as problem:  # whatever way it cannot be reached
            self.failed(problem)
        else:
            self.answered(response.code)


def reason_of(problem: BaseException) -> str:
    """Why an exchange failed, without what the pool said."""
    if isinstance(problem, ResponseNeverReceived | ResponseFailed) and problem.reasons:
        problem = problem.reasons[0].value
    for kind, reason in REASONS.items():
        if isinstance(problem, kind):
            return reason
    if type(problem).__module__.startswith(("OpenSSL", "service_identity")):
        return f"its certificate or TLS is not good: {_short(problem)}"
    return f"the exchange failed: {type(problem).__name__}"


def _short(problem: BaseException) -> str:
    return str(problem).replace("\n", " ")[:200] or type(problem).__name__
