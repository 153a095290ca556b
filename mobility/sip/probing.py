"""Whether other SIP servers are there: OPTIONS now and then (RFC 3261 section 11)."""

from collections.abc import Callable, Sequence
from enum import Enum

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mobility.events import Catalogue, EventLog
from mobility.sip.client import Client
from mobility.sip.headers import NameAddr
from mobility.sip.routing import Target
from mobility.sip.static_routes import Watched
from mobility.sip.uri import SipUri

EVENTS: Catalogue = {
    "sip.peer_up": {
        "route": "the route's or the gateway's name",
        "peer": "the target's host",
    },
    "sip.peer_down": {
        "route": "the route's or the gateway's name",
        "peer": "the target's host",
        "status": "of the answer, 408 for none and 503 where there is no connection",
    },
}

TICK_S = 1.0
"""How often it is looked for whose turn it is (our choice)."""

MAX_PROBES = 16
"""Probes under way at once (our choice)."""


class Presence(Enum):
    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"


@attrs.define(slots=True)
class _Peer:
    """What is known of one target."""

    presence: Presence = Presence.UNKNOWN
    due_at: float = 0.0
    asked: bool = False


class Probing:
    """Asks each watched target whether it is there, and remembers.

    Any answer but 408, 503 and 504 says so.  A target that nobody has asked yet is not down.
    """

    def __init__(
        self,
        client: Client,
        watched: Callable[[], Sequence[Watched]],
        domain: str,
        clock: IReactorTime,
        log: EventLog,
    ) -> None:
        self._client = client
        self._watched = watched
        self._from = NameAddr(SipUri(domain))
        self._clock = clock
        self._log = log
        self._peers: dict[Target, _Peer] = {}

    def is_down(self, target: Target) -> bool:
        peer = self._peers.get(target)
        return peer is not None and peer.presence is Presence.DOWN

    def standing(self) -> list[dict[str, str]]:
        """Route, host and state of each target."""
        return [
            {
                "route": one.owner,
                "peer": one.target.host,
                "state": self._peers.get(one.target, _Peer()).presence.value,
            }
            for one in self._watched()
        ]

    def count(self, presence: Presence) -> int:
        return sum(1 for one in self._peers.values() if one.presence is presence)

    async def tick(self) -> None:
        """Ask those whose turn it is."""
        now = self._clock.seconds()
        watched = self._watched()
        for gone in self._peers.keys() - {one.target for one in watched}:
            del self._peers[gone]
        under_way = sum(1 for peer in self._peers.values() if peer.asked)
        for one in watched:
            peer = self._peers.setdefault(one.target, _Peer())
            if peer.asked or peer.due_at > now or under_way >= MAX_PROBES:
                continue
            peer.asked, peer.due_at = True, now + one.probe_s
            under_way += 1
            probing = Deferred.fromCoroutine(self._ask(one, peer))
            probing.addErrback(
                lambda failure: self._log.failure("sip.failed", failure, method="OPTIONS")
            )

    async def _ask(self, watched: Watched, peer: _Peer) -> None:
        target = watched.target
        uri = SipUri(target.host, port=target.port)
        if target.transport and target.transport != "UDP":
            uri = attrs.evolve(uri, parameters={"transport": target.transport.lower()})
        request = self._client.request("OPTIONS", str(uri), self._from, NameAddr(uri))
        request.set("Accept", "application/sdp")
        try:
            status = (await self._client.ask(request, [target])).status
        finally:
            peer.asked = False
        presence = Presence.DOWN if status in (408, 503, 504) else Presence.UP
        if peer.presence is presence:
            return
        peer.presence = presence
        if presence is Presence.UP:
            self._log.emit("sip.peer_up", route=watched.owner, peer=target.host)
        else:
            self._log.emit("sip.peer_down", route=watched.owner, peer=target.host, status=status)
