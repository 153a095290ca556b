"""The SIP side in memory, with a registrar, behind a socket and behind connections."""

from typing import cast

from twisted.internet.task import Clock

from mobility.auth.lockout import Lockout
from mobility.auth.passwords import digest_hashes
from mobility.config import SipConfig
from mobility.domain.agenda import Agenda
from mobility.domain.bindings import Bindings
from mobility.domain.deflections import Deflections
from mobility.domain.late_ringing import LateRinging
from mobility.domain.records import User
from mobility.domain.users import Users
from mobility.sip.admission import Admission
from mobility.sip.call_line import Domain
from mobility.sip.calls import Reaching, SipCalls
from mobility.sip.carrier import SipCarrier
from mobility.sip.client import Client
from mobility.sip.connection import SipConnection
from mobility.sip.core import Core
from mobility.sip.outgoing import Outgoing
from mobility.sip.pages import PageDomain, Pages
from mobility.sip.parties import Parties
from mobility.sip.registrar import Registrar
from mobility.sip.server import ConnectionTable, SipDatagrams, SipServer
from mobility.sip.static_routes import StaticRoutes
from mobility.testing import MemoryLog
from tests.domain.doubles import MemoryLedger, World
from tests.domain.wiring import correspondence
from tests.sip.peer import Places
from tests.sip.test_connection import Pipe

DOMAIN = "example.com"
PEOPLE = ("user", "watson", "j.user", "null-%00-null")
SOURCE = ("192.0.2.7", 5060)
PROXY = "proxy.example.com"


def person(name: str) -> User:
    uri = f"sip:{name}@{DOMAIN}"
    hashes = digest_hashes(uri, "secret")
    return User(uri=uri, name=name, sip_ha1_md5=hashes.md5, sip_ha1_sha256=hashes.sha256)


class Stack:
    """What a `build` makes new; `sent` is what the socket has sent."""

    def build(self) -> None:
        self.clock = Clock()
        self.log = MemoryLog()
        self.entropy = 0
        self.core = Core(self.clock, self.log, self.random)
        settings = SipConfig(trusted_peers=(PROXY,))
        ledger = MemoryLedger()
        users = Users(ledger, [person(name) for name in PEOPLE])
        self.bindings = Bindings(ledger, Agenda())
        admission = Admission(
            users,
            [DOMAIN],
            settings,
            Lockout(3, 1.0, 60.0),
            b"secret",
            self.random,
            self.clock.seconds,
            self.log,
            lambda uri: "pseudonym",
        )
        registrar = Registrar(users, self.bindings, admission, settings, self.clock.seconds)
        self.core.serve("REGISTER", registrar.register)
        world, places = World(), Places()
        self.world = world
        outgoing = cast(Outgoing, places)
        client = Client(self.core, outgoing, places, self.clock, self.log, self.random)
        parties = Parties(users, [DOMAIN], admission, lambda: ())
        routes = StaticRoutes(settings, tuple, lambda target: False, self.random)
        carrier = SipCarrier(
            client,
            registrar,
            self.bindings,
            users,
            routes,
            DOMAIN,
            self.clock.seconds,
            self.log,
        )
        letters = correspondence(world)
        domain = PageDomain(users, world.applications, world.conversations.reach, letters)
        pages = Pages(domain, [DOMAIN], parties, carrier, self.clock.seconds)
        self.core.serve("MESSAGE", pages.message)
        SipCalls(
            Reaching(
                self.core,
                client,
                registrar,
                self.bindings,
                StaticRoutes(settings, lambda: (), lambda target: False, self.random),
                DOMAIN,
            ),
            parties,
            Domain(
                world.agenda,
                world.conversations,
                world.calls,
                world.renegotiations,
                self.clock.seconds,
            ),
            None,
            LateRinging(world.conversations, world.calls.stages),
            lambda uri: True,
            Deflections(world.conversations, world.calls.stages, world.forwarding),
            self.log,
            lambda uri: "pseudonym",
        )
        self.sent: list[bytes] = []
        self.socket = SipDatagrams("phones", self.core, requests_per_s=0, burst=1)
        self.socket.transport = self
        self.server = SipServer(
            "plain",
            self.core,
            ConnectionTable(self.clock, 10),
            self.clock,
            secure=False,
            requests_per_s=0,
            burst=1,
        )
        self.asked = 0

    def random(self, size: int) -> bytes:
        self.entropy += 1
        return self.entropy.to_bytes(size, "big")

    def write(self, data: bytes, target: tuple[str, int]) -> None:
        """The datagram transport's."""
        self.sent.append(data)

    def connect(self, *names: str) -> tuple[SipConnection, Pipe]:
        connection, pipe = self.server.buildProtocol(None), Pipe()
        assert connection is not None
        pipe.protocol = connection
        connection.makeConnection(pipe)
        connection.names = frozenset(names)
        return connection, pipe
