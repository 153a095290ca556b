"""The way from a front end to a clearing house at a SIP address, as an Access Edge decides it.

What may leave is what `topology.edge.allowed_domains` allows.  It goes to the targets of the
`[[sip.route]]` of the clearing house's domain where there is one, and else to the Edge.  A front
end that is its own Edge (`topology.edge.name` is `server_fqdn`) asks the DNS for the domain's
`_sipfederationtls` record, whose host must be in the domain, or the proxy of a hosting provider.
"""

import os
from collections.abc import Awaitable, Sequence
from typing import Protocol

import attrs
from twisted.python.failure import Failure

from mobility.config import Config
from mobility.domain.topology import Topology
from mobility.events import EventLog
from mobility.operate.peer_tls import PeerTls
from mobility.push.message_house import (
    ALLOWED,
    PARTNER,
    PROVIDER,
    SETTING,
    HopFailed,
    MessageClearingHouse,
)
from mobility.push.wire_sip import MEDIA_TYPE, USER
from mobility.reactor import IReactor
from mobility.sip.client import Client
from mobility.sip.core import Core, Incoming
from mobility.sip.dialog import Entropy, Pool
from mobility.sip.locating import NOWHERE, DnsLocator, Service, Silence, in_order, system_records
from mobility.sip.outgoing import ClientTls, Outgoing
from mobility.sip.questions import Question, Questions, Unanswered
from mobility.sip.refusal import SipRefusal
from mobility.sip.routing import Target
from mobility.sip.server import ConnectionTable
from mobility.sip.service import SipSide
from mobility.sip.static_routes import StaticRoutes

FEDERATION = "_sipfederationtls._tcp."

NOT_FEDERATED = "it is not configured and does not appear to belong to a federated partner"
"""How an Access Edge refuses a domain that is not allowed."""


class Services(Protocol):
    """The SRV records of a name (`mobility.sip.locating.Records`).  Raises Silence."""

    def services(self, name: str) -> Awaitable[Sequence[Service]]: ...


@attrs.frozen(slots=True)
class Surroundings:
    """What the way is looked for with, and what asks on it."""

    core: Core
    questions: Questions
    routes: StaticRoutes
    records: Services
    entropy: Entropy


class Federation:
    """A Messenger (`mobility.push.message_house`) over SIP."""

    def __init__(self, config: Config) -> None:
        self._domain = config.push.domain
        self._topology: Topology = config.topology.domain
        self._own = config.server_fqdn
        self._around: Surroundings | None = None

    def open(self, around: Surroundings) -> None:
        """The SIP side is there."""
        self._around = around

    async def targets(self) -> list[Target]:
        """Where a question goes next.  Raises HopFailed."""
        around = self._opened()
        edge = self._topology.edge
        if edge is None:
            raise HopFailed(SETTING, "there is no Access Edge (topology.edge.name)", 403)
        if not edge.allows(self._domain):
            allowed = ", ".join(edge.allowed_domains) or "none"
            reason = f"403 for {self._domain}: {NOT_FEDERATED} (topology.edge.allowed_domains: "
            raise HopFailed(ALLOWED, f"{reason}{allowed})", 403)
        if routed := around.routes.targets_of(self._domain):
            return routed
        if edge.name.lower() != self._own.lower():
            return [Target(edge.name.lower(), edge.port, "TLS")]
        return await self._partner(around)

    async def _partner(self, around: Surroundings) -> list[Target]:
        """What the DNS says, as far as it is to be believed."""
        name = FEDERATION + self._domain
        try:
            told = await around.records.services(name)
            found = in_order([one for one in told if one.host != NOWHERE], around.entropy)
        except Silence as error:
            raise HopFailed(PARTNER, f"no name server answers for {name}", 504) from error
        if not found:
            reason = f"{name} says that there is no such service" if told else f"there is no {name}"
            raise HopFailed(PARTNER, reason, 504)
        proxies = {one.proxy.lower() for one in self._topology.providers if one.proxy}
        partners = [
            Target(one.host.lower(), one.port, "TLS")
            for one in found
            if _is_within(one.host.lower(), self._domain) or one.host.lower() in proxies
        ]
        if not partners:
            hosts = ", ".join(sorted({one.host for one in found}))
            reason = f"{name} names {hosts}, outside of the domain and no topology.providers.proxy"
            raise HopFailed(PROVIDER, reason, 504)
        return partners

    async def ask(self, body: bytes, timeout_s: float) -> bytes:
        own, house = f"sip:{USER}@{self._own}", f"sip:{USER}@{self._domain}"
        question = Question(own, house, await self.targets(), MEDIA_TYPE, body)
        try:
            return await self._opened().questions.ask(question, timeout_s)
        except Unanswered as failed:
            raise HopFailed(
                failed.hop, failed.reason, failed.status, failed.retry_after_s
            ) from failed

    def _opened(self) -> Surroundings:
        if self._around is None:
            raise HopFailed(SETTING, "the SIP side has not started")
        return self._around


def federated_house(config: Config) -> tuple[MessageClearingHouse, Federation] | None:
    """The clearing house at a SIP address and the way to it, None where there is none."""
    if not config.push.domain:
        return None
    way = Federation(config)
    push = config.push
    house = MessageClearingHouse(
        push.clearing_house, way, timeout_s=push.timeout_s, reader=config.server_fqdn
    )
    return house, way


def around_side(side: SipSide) -> Surroundings:
    """The SIP side of a front end that runs."""
    return Surroundings(side.core, side.questions, side.routes, side.records, os.urandom)


def around_nobody(
    config: Config, tls: ClientTls, reactor: IReactor, log: EventLog
) -> tuple[Surroundings, ConnectionTable]:
    """As much of a SIP side as it takes to ask, for a command, and its connections."""
    sip = config.sip
    entropy = Pool(os.urandom)
    core = Core(reactor, log, entropy)
    table = ConnectionTable(reactor, sip.max_connections)
    outgoing = Outgoing(
        core, table, reactor, log, tls, requests_per_s=sip.requests_per_s, burst=sip.burst
    )
    records = system_records(reactor, sip.resolvers)
    locator = DnsLocator(records, {"TCP", "TLS"}, entropy)
    client = Client(core, outgoing, locator, reactor, log, entropy)
    questions = Questions(core, client, outgoing, locator)
    core.serve("MESSAGE", questions.before(_refuse))
    routes = StaticRoutes(sip, lambda: (), lambda _: False, entropy)
    return Surroundings(core, questions, routes, records, entropy), table


def lone_house(config: Config, reactor: IReactor) -> MessageClearingHouse | None:
    """The clearing house at a SIP address, for a command; None where there is none.

    Raises OperatorFault for files of certificates that cannot be used.
    """
    federated = federated_house(config)
    if federated is None:
        return None
    house, way = federated
    around, _ = around_nobody(config, PeerTls(config), reactor, _Silent())
    way.open(around)
    return house


class _Silent:
    """The log of a command that says itself what it found."""

    def emit(self, event: str, /, **fields: object) -> None:
        """An EventLog."""

    def access(self, event: str, fields: dict[str, object], /) -> None:
        """An EventLog."""

    def failure(self, event: str, failure: Failure | BaseException, /, **fields: object) -> None:
        """An EventLog."""


def _is_within(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _refuse(incoming: Incoming) -> None:  # noqa: ARG001  # a Handler
    """A command has no users to whom somebody could write."""
    raise SipRefusal(404)
