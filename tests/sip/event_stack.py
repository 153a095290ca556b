"""The event packages on a domain in memory, and stations that subscribe and publish."""

from collections.abc import Coroutine
from typing import Any, cast

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.auth.lockout import Lockout
from mobility.auth.passwords import digest_hashes
from mobility.config.sip import SipConfig, SipRouteConfig, SipTargetConfig
from mobility.domain.bindings import Bindings, Registering
from mobility.domain.elsewhere import Elsewhere
from mobility.domain.ledger import Committed
from mobility.domain.phone_presence import PhonePresence
from mobility.domain.records import Binding, User
from mobility.domain.voicemail import Voicemail
from mobility.sip.admission import Admission
from mobility.sip.client import Client
from mobility.sip.core import Core
from mobility.sip.event_side import EventServices, EventSide
from mobility.sip.flow import Allowance, Flow
from mobility.sip.framing import Frame
from mobility.sip.gruu import Gruus
from mobility.sip.identity import Identity
from mobility.sip.message import Message, Request, Response, parse
from mobility.sip.outgoing import Outgoing
from mobility.sip.parties import Parties
from mobility.sip.static_routes import StaticRoutes
from mobility.testing import MemoryLog
from tests.domain.doubles import MemoryLedger, World, running
from tests.sip.peer import Peer, Places

DOMAIN = "example.test"
PASSWORD = "correct horse battery staple"
PROXY = "proxy.example.test"
PARTNER = "partner.test"


@attrs.define(eq=False)
class Station:
    """A phone or a server at the end of a flow.

    Requests that come are kept in `got` and answered with `answers_with`, 0 for not at all.
    """

    core: Core
    names: frozenset[str] = frozenset()
    host: str = "192.0.2.7"
    answers_with: int = 200
    got: list[Request] = attrs.Factory(list)
    heard: list[Response] = attrs.Factory(list)
    allowance: Allowance = attrs.Factory(lambda: Allowance(0, 1))
    reliable: bool = True
    secure: bool = True
    transport: str = "TLS"
    listener: str = "primary"
    local: tuple[str, int] = ("192.0.2.1", 5089)
    number: int = 0

    @property
    def source(self) -> tuple[str, int]:
        return self.host, 40_000

    def send(self, data: bytes) -> bool:
        head, _, body = data.partition(b"\r\n\r\n")
        message = parse(head, body)
        if isinstance(message, Response):
            self.heard.append(message)
            return True
        self.got.append(message)
        if self.answers_with:
            self.answer(message, self.answers_with)
        return True

    def close(self) -> None:
        """It stays."""

    def come(self, message: Message) -> None:
        head, _, body = bytes(cast(Request, message)).partition(b"\r\n\r\n")
        self.core.frame(Frame(head, body), cast(Flow, self))

    def answer(self, request: Request, status: int, **fields: str) -> None:
        response = request.respond(status, "s")
        for name, value in fields.items():
            response.set(name.replace("_", "-"), value)
        self.come(response)

    def ask(
        self, method: str, uri: str, *lines: str, body: bytes = b"", sender: str = "bob"
    ) -> Response:
        """Send a request; the final response to it."""
        self.number += 1
        head = "\r\n".join(
            (
                f"{method} {uri} SIP/2.0",
                f"Via: SIP/2.0/TLS {self.host}:5061;branch=z9hG4bK{id(self)}{self.number}",
                f"From: <sip:{sender}@{DOMAIN}>;tag=f{self.number}",
                f"To: <{uri}>",
                f"Call-ID: c{self.number}-{self.host}",
                f"CSeq: {self.number} {method}",
                "Max-Forwards: 70",
                f"Contact: <sip:{sender}@{self.host}:5061;transport=tls>",
                *lines,
            )
        )
        self.come(parse(head.encode(), body))
        return self.heard[-1]

    def again(self, first: Response, uri: str, *lines: str, method: str = "SUBSCRIBE") -> Response:
        """Send a request within the dialog that `first` has made."""
        self.number += 1
        request = Request(
            method=method,
            uri=uri,
            fields={
                "Via": [f"SIP/2.0/TLS {self.host}:5061;branch=z9hG4bK{id(self)}{self.number}"],
                "From": first.fields["From"],
                "To": first.fields["To"],
                "Call-ID": first.fields["Call-ID"],
                "CSeq": [f"{self.number} {method}"],
                "Contact": [f"<sip:bob@{self.host}:5061;transport=tls>"],
            },
        )
        for line in lines:
            name, _, value = line.partition(": ")
            request.add(name, value)
        self.come(request)
        return self.heard[-1]

    @property
    def states(self) -> list[str]:
        """The Subscription-State of each NOTIFY, without its times."""
        return [one.fields["Subscription-State"][0].partition(";expires")[0] for one in self.got]


class EventTestCase(SynchronousTestCase):
    """Alice, bob and carol, whose phones may use SIP, and a trusted peer."""

    settings = SipConfig(
        trusted_peers=(PROXY,),
        min_expires_s=60,
        max_expires_s=3_600,
        routes=(
            SipRouteConfig(
                "partner",
                (SipTargetConfig("sip.partner.test", transport="tls"),),
                (PARTNER, "vm.test"),
            ),
        ),
        voicemail_domain="vm.test",
    )

    def setUp(self) -> None:
        ledger = MemoryLedger()
        for name in ("alice", "bob", "carol"):
            uri = f"sip:{name}@{DOMAIN}"
            hashes = digest_hashes(uri, PASSWORD)
            user = User(uri, name.capitalize(), sip_ha1_md5=hashes.md5)
            ledger.all(User)[(uri,)] = user
        self.begin(World(ledger=ledger))

    def begin(self, world: World) -> None:
        """A front end starts on what the world has stored."""
        ledger = world.ledger
        self.clock = Clock()
        self.log = MemoryLog()
        self.entropy = 0
        self.core = Core(self.clock, self.log, self.random)
        self.places = places = Places()
        client = Client(
            self.core, cast(Outgoing, places), places, self.clock, self.log, self.random
        )
        self.world = world
        self.bindings = Bindings(ledger, world.agenda)
        self.phones = PhonePresence(world.applications, self.bindings, world.agenda)
        self.voicemail = Voicemail(ledger, world.history)
        self.elsewhere = Elsewhere(ledger, world.agenda, world.presence, [DOMAIN])
        self.elsewhere.load(ledger.snapshot().presences)
        admission = Admission(
            world.users,
            [DOMAIN],
            self.settings,
            Lockout(3, 1.0, 60.0),
            b"secret",
            self.random,
            self.clock.seconds,
            self.log,
            lambda uri: "pseudonym",
        )
        routes = StaticRoutes(self.settings, list, lambda target: False, self.random)
        gruus = Gruus(
            world.users, self.bindings, [DOMAIN], b"secret", self.random, lambda: world.now
        )
        parties = Parties(world.users, [DOMAIN], admission, list, gruus=gruus)
        self.partner = Station(self.core, frozenset({"sip.partner.test"}), "sip.partner.test")
        places.peers["sip.partner.test"] = cast(Peer, self.partner)
        self.identity = Identity(admission, parties, world.users, [DOMAIN])
        self.side = EventSide(
            self.core,
            client,
            self.identity,
            EventServices(
                world.users,
                world.presence,
                world.privacy,
                world.applications,
                world.conversations,
                world.contacts,
                self.phones,
                self.voicemail,
                self.elsewhere,
            ),
            routes,
            self.settings,
            self.clock,
            self.log,
            lambda uri: "pseudonym",
        )
        heard = ledger.publish

        def publish(committed: Committed) -> None:
            heard(committed)
            self.side.committed(committed)

        ledger.publish = publish
        self.proxy = Station(self.core, frozenset({PROXY}))

    def random(self, size: int) -> bytes:
        self.entropy += 1
        return self.entropy.to_bytes(size, "big")

    def bind(self, name: str, instance: str) -> None:
        """A phone of a user is registered."""
        now = self.world.now
        user_uri = f"sip:{name}@{DOMAIN}"
        contact = f"sip:{name}@192.0.2.40"
        binding = Binding(user_uri, instance, contact, "c", 1, now, now + 3_600, f"<{instance}>")
        self.done(self.bindings.register(user_uri, lambda _: Registering([binding]), now))

    def pass_time(self, seconds: float) -> None:
        """Let time pass on both clocks, a second a step."""
        for _ in range(int(seconds)):
            self.clock.advance(1)
        self.world.advance(seconds)
        self.clock.advance(0)

    def settle(self) -> None:
        """What is to be done at once is done."""
        for action in self.world.agenda.due(self.world.now):
            self.done(action(self.world.now))
        self.clock.advance(0)

    def done(self, coroutine: Coroutine[Deferred[Any], Any, Any]) -> Any:
        return self.successResultOf(running(coroutine))
