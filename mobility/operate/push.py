"""Push notifications for operators: switches, how they stand, what became of one, and a test.

GET    /operate/v1/push                           how it stands
GET    /operate/v1/push/switches                  {"switches": [...]}
PUT    /operate/v1/push/switches/{platform}       {"enabled": true, "site": ""}
DELETE /operate/v1/push/switches/{platform}/{site}  the site has none of its own any more
GET    /operate/v1/push/platforms                 how many devices each switch is for
GET    /operate/v1/push/users/{uri}               devices, what keeps them asleep, what waits
POST   /operate/v1/push/users/{uri}/test          a notification for each device, the real road
GET    /operate/v1/push/notices/{id}              what became of one, or of a conversation's; with
                                                   whereabouts=true the clearing house is asked
GET    /operate/v1/push/house                     what the clearing house says of itself
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from mobility.domain.push_rules import SWITCHES
from mobility.domain.push_switches import PushSwitches
from mobility.domain.records import PushNotice, PushSubscription, User
from mobility.domain.users import Users
from mobility.errors import Refusal
from mobility.events import Catalogue, EventLog
from mobility.http.body import fields
from mobility.http.message import Request, Response
from mobility.http.route import Route
from mobility.operate import paths
from mobility.operate.access import OperatorAccess
from mobility.operate.health import json_response

PATH = paths.PUSH

MAX_SITE = 100
"""Characters of a site's name (our choice)."""

EVENTS: Catalogue = {
    "push.switched": {
        "switch": "the platform's switch",
        "scope": "global or site:NAME",
        "enabled": "whether it is on now; null for a site that has none of its own any more",
    },
    "push.tested": {
        "user": "pseudonym of the user",
        "notifications": "how many test notifications were queued",
    },
}


class PushSide(Protocol):
    """What the operator asks of the push side of a front end."""

    @property
    def switches(self) -> PushSwitches: ...

    def standing(self) -> dict[str, Any]:
        """How it stands, as JSON shows it."""
        ...

    def platforms(self) -> list[tuple[str, str, bool, int, list[str]]]:
        """Platform, scope, whether it is on there, how many devices that is for, and the ids of
        their apps."""
        ...

    def devices_of(self, uri: str) -> list[tuple[PushSubscription, str]]:
        """The devices of a user, and what keeps each asleep."""
        ...

    def notices_of(self, uri: str) -> list[PushNotice]: ...

    def attempts_of(self, notice_id: str) -> int: ...

    def obstacle(self, notice: PushNotice) -> str:
        """What keeps it from the clearing house."""
        ...

    async def trace(self, key: str) -> list[PushNotice]:
        """The notification of this id, or those about a conversation of this id."""
        ...

    async def whereabouts(
        self, notices: Sequence[PushNotice]
    ) -> tuple[dict[str, dict[str, Any]], str]:
        """Where the clearing house has them, by their ids, and why it does not say."""
        ...

    async def receipt(self, notice: PushNotice) -> str:
        """Whether what it tells has arrived: "delivered", "read", or "" as far as is known."""
        ...

    async def test(self, uri: str) -> list[str]:
        """Notify the devices of a user; the ids of the notifications."""
        ...

    def house_health(self) -> Awaitable[dict[str, Any]]:
        """What the clearing house says of itself.  Raises Refusal without one."""
        ...


def routes(
    push: PushSide,
    users: Users,
    access: OperatorAccess,
    log: EventLog,
    pseudonym: Callable[[str], str],
) -> list[Route]:
    """The operator API of push notifications."""

    def user(request: Request) -> User:
        return users.named(request.path_parameters["uri"])

    def show(request: Request) -> Response:  # noqa: ARG001  # a Handler
        return json_response(200, push.standing())

    def show_switches(request: Request) -> Response:  # noqa: ARG001  # a Handler
        return json_response(200, {"switches": switches_of(push.switches)})

    def show_platforms(request: Request) -> Response:  # noqa: ARG001  # a Handler
        found = [
            {
                "platform": platform,
                "switch": SWITCHES[platform],
                "scope": scope,
                "enabled": enabled,
                "devices": devices,
                "apps": apps,
            }
            for platform, scope, enabled, devices, apps in push.platforms()
        ]
        return json_response(200, {"platforms": found})

    async def turn(request: Request) -> Response:
        body = fields(request)
        enabled = body.boolean("enabled")
        site = body.text("site", max_length=MAX_SITE)
        if enabled is None:
            body.fail("enabled", "is required")
        body.check()
        done = await push.switches.turn(request.path_parameters["platform"], bool(enabled), site)
        log.emit(
            "push.switched",
            switch=SWITCHES[done.platform],
            scope=done.scope,
            enabled=done.enabled,
        )
        return Response(204)

    async def forget(request: Request) -> Response:
        platform, site = (request.path_parameters[name] for name in ("platform", "site"))
        await push.switches.forget(platform, site)
        log.emit("push.switched", switch=SWITCHES[platform], scope=f"site:{site}", enabled=None)
        return Response(204)

    def show_user(request: Request) -> Response:
        uri = user(request).uri
        return json_response(
            200,
            {
                "devices": [device_of(one, why) for one, why in push.devices_of(uri)],
                "notices": [notice_of(one, push) for one in push.notices_of(uri)],
            },
        )

    async def test(request: Request) -> Response:
        uri = user(request).uri
        ids = await push.test(uri)
        log.emit("push.tested", user=pseudonym(uri), notifications=len(ids))
        devices = [device_of(one, why) for one, why in push.devices_of(uri)]
        return json_response(200, {"ids": ids, "devices": devices})

    async def trace(request: Request) -> Response:
        found = await push.trace(request.path_parameters["id"])
        if not found:
            raise Refusal("NotFound", None, "No notification of this id is remembered.")
        asked = request.query.get("whereabouts") == "true"
        places, failure = await push.whereabouts(found) if asked else ({}, "")
        traced = [
            {
                **notice_of(one, push),
                "receipt": await push.receipt(one),
                "whereabouts": places.get(one.id),
            }
            for one in found
        ]
        return json_response(200, {"notices": traced, "whereabouts_failure": failure})

    async def house(request: Request) -> Response:  # noqa: ARG001  # a Handler
        return json_response(200, await push.house_health())

    switch = f"{PATH}/switches/{{platform}}"
    one = f"{PATH}/users/{{uri}}"
    return [
        access.route("operate.push", "GET", PATH, show),
        access.route("operate.push", "GET", f"{PATH}/switches", show_switches),
        access.route("operate.push", "GET", f"{PATH}/platforms", show_platforms),
        access.route("operate.push", "PUT", switch, turn),
        access.route("operate.push", "DELETE", f"{switch}/{{site}}", forget),
        access.route("operate.push", "GET", one, show_user),
        access.route("operate.push", "POST", f"{one}/test", test),
        access.route("operate.push", "GET", f"{PATH}/notices/{{id}}", trace),
        access.route("operate.push", "GET", f"{PATH}/house", house),
    ]


def switches_of(switches: PushSwitches) -> list[dict[str, Any]]:
    """Every platform's switch for all, and those that sites have of their own."""
    own = [one for one in switches.all() if one.scope != "global"]
    return [
        *(
            {
                "platform": platform,
                "switch": name,
                "scope": "global",
                "enabled": switches.is_on(platform),
            }
            for platform, name in SWITCHES.items()
        ),
        *(
            {
                "platform": one.platform,
                "switch": SWITCHES[one.platform],
                "scope": one.scope,
                "enabled": one.enabled,
            }
            for one in own
        ),
    ]


def device_of(device: PushSubscription, obstacle: str) -> dict[str, Any]:
    """A device without what would let somebody else send to it."""
    return {
        "id": device.id,
        "platform": device.platform,
        "app_id": device.app_id,
        "name": device.device_name,
        "renewed_at": device.renewed_at,
        "expires_at": device.expires_at,
        "quiet": f"{device.quiet_from}-{device.quiet_until}" if device.quiet_from else "",
        "obstacle": obstacle,
    }


def notice_of(notice: PushNotice, push: PushSide) -> dict[str, Any]:
    """What became of a notification."""
    return {
        "id": notice.id,
        "user": notice.user_uri,
        "device": notice.subscription_id,
        "kind": notice.kind,
        "about": notice.cause,
        "conversation": notice.conversation_id,
        "first": notice.first,
        "number": notice.number,
        "topic": notice.topic,
        "rule": notice.rule,
        "state": notice.state,
        "reason": notice.reason,
        "created_at": notice.created_at,
        "due_at": notice.due_at,
        "handed_at": notice.handed_at,
        "changed_at": notice.changed_at,
        "expires_at": notice.expires_at,
        "attempts": notice.attempts or push.attempts_of(notice.id),
        "answered_at": notice.answered_at,
        "answer": notice.answer,
        "taken": notice.taken,
        "obstacle": push.obstacle(notice),
    }


class PushNumbers(Protocol):
    """What is counted of notifications (`mobility.push.hops`)."""

    queued: dict[str, int]
    skipped_for: dict[str, int]
    refused: dict[str, int]
    ended: dict[str, int]
    handed: int
    sent: int
    seconds: float

    def upto(self) -> list[tuple[str, float]]:
        """How many were handed over within so many seconds, as Prometheus counts."""
        ...


class PushCollector(Collector):
    """The metrics of push notifications, by what operators ask."""

    def __init__(
        self,
        numbers: PushNumbers,
        waiting: Callable[[], int],
        oldest_s: Callable[[], float],
        unanswered: Callable[[], int],
        unanswered_s: Callable[[], float],
        reachable: Callable[[], bool],
    ) -> None:
        self._numbers = numbers
        self._unanswered = unanswered
        self._unanswered_s = unanswered_s
        self._waiting = waiting
        self._oldest_s = oldest_s
        self._reachable = reachable

    def collect(self) -> Iterator[Metric]:
        numbers = self._numbers
        yield GaugeMetricFamily(
            "mobility_push_oldest_seconds", "How long the oldest one waits.", self._oldest_s()
        )
        yield GaugeMetricFamily("mobility_push_waiting", "Not handed over yet.", self._waiting())
        yield GaugeMetricFamily(
            "mobility_push_unanswered",
            "The clearing house has them, and no provider.",
            self._unanswered(),
        )
        yield GaugeMetricFamily(
            "mobility_push_unanswered_oldest_seconds",
            "How long the clearing house has had the oldest of them.",
            self._unanswered_s(),
        )
        yield GaugeMetricFamily(
            "mobility_push_house_up", "1 if the clearing house answers.", int(self._reachable())
        )
        yield from (
            _family("queued", "Notifications queued.", "kind", numbers.queued),
            _family("skipped", "Devices that were not woken.", "reason", numbers.skipped_for),
            _family("rejected", "Notifications refused.", "reason", numbers.refused),
            _family("ended", "Notifications that are over.", "reason", numbers.ended),
        )
        yield CounterMetricFamily(
            "mobility_push_handed", "Taken by the clearing house.", numbers.handed
        )
        yield CounterMetricFamily("mobility_push_sent", "Taken by a provider.", numbers.sent)
        latency = HistogramMetricFamily(
            "mobility_push_latency_seconds", "From when they were due until they were taken."
        )
        latency.add_metric((), numbers.upto(), numbers.seconds)
        yield latency


def _family(name: str, meaning: str, label: str, counts: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"mobility_push_{name}", meaning, labels=(label,))
    items: Iterable[tuple[str, int]] = counts.items()
    for value, count in items:
        family.add_metric((value,), count)
    return family
