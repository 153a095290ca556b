"""The SIP listener of a clearing house: front ends that come through an Access Edge.

A MESSAGE to `sip:push@DOMAIN` is a question of the organisation whose name is in the peer's
certificate: that of its front end, or of its Edge.  The answer goes back over the same connection.
"""

import os
from collections.abc import Awaitable

from twisted.internet.task import deferLater

from mobility.clearing_house.house import SETTLE_LOOK_S
from mobility.clearing_house.organisations import Organisations
from mobility.clearing_house.questions import Desk
from mobility.clearing_house.settings import SipSettings
from mobility.clearing_house.verdicts import Gone
from mobility.config import SipListenerConfig
from mobility.events import EventLog
from mobility.push.wire import WireFault
from mobility.push.wire_sip import MEDIA_TYPE, USER
from mobility.reactor import IReactor
from mobility.sip.client import Client
from mobility.sip.core import Core, Incoming
from mobility.sip.dialog import Pool
from mobility.sip.flow import Flow
from mobility.sip.locating import AddressLocator
from mobility.sip.outgoing import Outgoing
from mobility.sip.questions import Answering
from mobility.sip.refusal import SipRefusal
from mobility.sip.server import ConnectionTable, SipServer
from mobility.sip.uri import SipUri, parse_uri

LISTENER = "sip"

CONNECTIONS = 10_000
"""Of front ends and Edges at once (our choice)."""

REQUESTS_PER_S, BURST = 2_000.0, 4_000
"""Requests of one connection in the long run and at once (our choice, as a front end's)."""

STATUS_OF_SUBCODE = {"TooMany": 513}
"""How a question that cannot be read is answered, 400 unless it is here."""


class PushMessages:
    """Everything behind the SIP listener of a clearing house."""

    def __init__(
        self,
        settings: SipSettings,
        organisations: Organisations,
        desk: Desk,
        reactor: IReactor,
        log: EventLog,
    ) -> None:
        self._domain = settings.domain
        self._organisations = organisations
        self._desk = desk
        entropy = Pool(os.urandom)
        self.core = core = Core(reactor, log, entropy)
        self.connections = ConnectionTable(reactor, CONNECTIONS)
        outgoing = Outgoing(
            core,
            self.connections,
            reactor,
            log,
            None,
            requests_per_s=REQUESTS_PER_S,
            burst=BURST,
        )
        client = Client(core, outgoing, AddressLocator(_nowhere, "TLS"), reactor, log, entropy)
        self._waiting: dict[Flow, set[Gone]] = {}
        core.departures.append(self._broken)
        self._reactor = reactor
        self._answering = Answering(core, client, self._accept, MEDIA_TYPE, log)
        self.server = SipServer(
            LISTENER,
            core,
            self.connections,
            reactor,
            secure=True,
            requests_per_s=REQUESTS_PER_S,
            burst=BURST,
            advertise=settings.domain,
        )

    async def drain(self, seconds: float) -> None:
        """Wait until all questions are answered, and no longer."""
        deadline = self._reactor.seconds() + seconds
        while self._answering.under_way and self._reactor.seconds() < deadline:
            await deferLater(self._reactor, SETTLE_LOOK_S)

    def stop(self) -> None:
        """Close all connections; what is not answered by now is asked again."""
        self.connections.close()
        self.core.stop()

    def _accept(self, incoming: Incoming) -> Awaitable[bytes]:
        """What answers a question.  Raises SipRefusal and Malformed."""
        flow = incoming.flow
        organisation = self._organisations.of(flow.names)
        if organisation is None:
            raise SipRefusal(403, "Forbidden: the certificate is of no organisation, or several")
        uri = parse_uri(incoming.request.uri)
        if not isinstance(uri, SipUri) or uri.aor != f"sip:{USER}@{self._domain}":
            raise SipRefusal(404)
        gone = Gone()
        try:
            answer = self._desk.accept(organisation, incoming.request.body, gone)
        except WireFault as fault:
            status = STATUS_OF_SUBCODE.get(fault.subcode or "", 400)
            raise SipRefusal(status, f"{fault.subcode}: {fault.message}") from fault
        self._waiting.setdefault(flow, set()).add(gone)
        return self._awaited(flow, gone, answer)

    async def _awaited(self, flow: Flow, gone: Gone, answer: Awaitable[bytes]) -> bytes:
        try:
            return await answer
        finally:
            waiting = self._waiting.get(flow, set())
            waiting.discard(gone)
            if not waiting:
                self._waiting.pop(flow, None)

    def _broken(self, flow: Flow) -> None:
        """Nobody waits on a connection that is gone."""
        for gone in self._waiting.pop(flow, ()):
            gone.disconnected()


def listener_settings(settings: SipSettings) -> SipListenerConfig:
    """The listener of a clearing house; every client must have a certificate."""
    return SipListenerConfig(
        LISTENER,
        settings.endpoint,
        "tls",
        "require",
        settings.certificate,
        settings.key,
        settings.client_ca,
    )


async def _nowhere(host: str) -> list[str]:  # noqa: ARG001  # a Lookup
    """Nobody is connected to from here."""
    return []
