"""Calls over SIP in memory: the domain, the SIP side, and telephones that tests pick up."""

from typing import cast

import attrs
from twisted.internet.task import Clock

from mobility.auth.lockout import Lockout
from mobility.config import SipConfig
from mobility.config.mixer import MixerConfig
from mobility.config.sip import SipRouteConfig, SipTargetConfig
from mobility.domain.applications import Endpoint
from mobility.domain.bindings import Bindings, Registering
from mobility.domain.deflections import Deflections
from mobility.domain.dial_in import DialIn
from mobility.domain.late_ringing import LateRinging
from mobility.domain.records import Binding
from mobility.domain.registration import Availability
from mobility.sip.accounts import Accounts
from mobility.sip.admission import Admission
from mobility.sip.call_line import Domain
from mobility.sip.call_messages import SDP
from mobility.sip.calls import Reaching, SipCalls
from mobility.sip.challenges import Account
from mobility.sip.client import Client
from mobility.sip.conference_watch import ConferenceWatch
from mobility.sip.core import Core, Incoming
from mobility.sip.gateway_legs import Gateways
from mobility.sip.gruu import Gruus
from mobility.sip.meeting_calls import MeetingCalls
from mobility.sip.message import Request, Response
from mobility.sip.mixer_legs import SipMixer
from mobility.sip.outgoing import Outgoing
from mobility.sip.parties import Parties
from mobility.sip.redirects import Redirects
from mobility.sip.refusal import SipRefusal
from mobility.sip.registrar import Registrar
from mobility.sip.static_routes import StaticRoutes
from mobility.sip.watching import Watching
from mobility.testing import MemoryLog
from tests.domain.doubles import World, done, running, uri
from tests.domain.phone_world import PhoneWorld
from tests.domain.wiring import conference_calls
from tests.sip.peer import Peer, Places
from tests.sip.samples import request

PROXY = "proxy.example.test"

VOICEMAIL = "tel:+14255550999"
"""The number of everybody's voicemail, where it is a number; where it is a user it is Carol."""


ACCOUNTS = {"trunk": Account("trunk", "alice-co", "secret")}
"""What a gateway may ask for."""

MIXER = MixerConfig("sip:conf-{id}@mixer.test;transport=tcp")
"""The conference server, which is a `Telephone` at the host mixer.test."""

VERSIONS = {"sendrecv": 1, "sendonly": 2, "recvonly": 2, "inactive": 3}


def sdp(name: str, direction: str = "sendrecv", *, video: bool = False) -> str:
    """A description of `name`'s, of audio and perhaps video."""
    version = VERSIONS[direction] + video
    streams = [f"m=audio 4000 RTP/AVP 0\r\na={direction}\r\n"]
    if video:
        streams.append(f"m=video 4002 RTP/AVP 96\r\na={direction}\r\n")
    return (
        f"v=0\r\no={name} 1 {version} IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
        + "".join(streams)
    )


@attrs.define(eq=False)
class Telephone(Peer):
    """A phone or a gateway, which says what it is told to, message by message."""

    names: frozenset[str] = frozenset({PROXY})
    numbers: int = 0
    invite: Request | None = None
    contact: str = ""
    """The URI of its Contact, where that is another than its address."""

    @property
    def reached_at(self) -> str:
        return self.contact or f"sip:{self.name}@{self.host}:5060"

    @property
    def statuses(self) -> list[int]:
        return [one.status for one in self.answers]

    def last(self, method: str) -> Request:
        """The latest request of a method."""
        return [one for one in self.got if one.method == method][-1]

    # As who calls

    def calls(self, to: str, offer: str, *lines: str, call: str = "c", kind: str = SDP) -> Request:
        """Send an INVITE to a Request-URI."""
        self.numbers += 1
        invite = request(
            "\n".join(
                (
                    f"INVITE {to} SIP/2.0",
                    f"Via: SIP/2.0/TCP {self.host}:5060;branch=z9hG4bK{self.name}{self.numbers}",
                    "Max-Forwards: 70",
                    f"From: <{uri(self.name)}>;tag={self.name}",
                    f"To: <{to}>",
                    f"Call-ID: {call}-{self.name}",
                    f"CSeq: {self.numbers} INVITE",
                    f"Contact: <{self.reached_at}>",
                    *lines,
                )
            )
        )
        if offer:
            invite.set("Content-Type", kind)
            invite.body = offer.encode()
        self.invite = invite
        self.come(invite)
        return invite

    def within(
        self, method: str, *lines: str, body: str = "", number: int = 0, kind: str = SDP
    ) -> Request:
        """Send a request within the dialog of the latest call of this telephone's."""
        invite, answer = self.invite, self.answers
        assert invite is not None
        to = next(one for one in reversed(answer) if one.to.tag and one.cseq.method == "INVITE")
        if not number:
            self.numbers += 1
            number = self.numbers
        made = request(
            "\n".join(
                (
                    f"{method} sip:192.0.2.1:5060 SIP/2.0",
                    f"Via: SIP/2.0/TCP {self.host}:5060;branch=z9hG4bK{self.name}-{method}{number}",
                    "Max-Forwards: 70",
                    f"From: {invite.fields['From'][0]}",
                    f"To: {to.fields['To'][0]}",
                    f"Call-ID: {invite.call_id}",
                    f"CSeq: {number} {method}",
                    f"Contact: <{self.reached_at}>",
                    *lines,
                )
            )
        )
        if body:
            made.set("Content-Type", kind)
            made.body = body.encode()
        self.come(made)
        return made

    def acknowledges(self, body: str = "") -> Request:
        """Send the ACK of the latest INVITE."""
        return self.within("ACK", body=body, number=self.answers[-1].cseq.number)

    # As who is called

    def answers_with(
        self, status: int, description: str = "", *lines: tuple[str, str], tag: str = ""
    ) -> Response:
        """Answer the latest INVITE."""
        return self.responds(self.last("INVITE"), status, description, *lines, tag=tag)

    def responds(
        self,
        asked: Request,
        status: int,
        description: str = "",
        *lines: tuple[str, str],
        tag: str = "",
    ) -> Response:
        response = asked.respond(status, (tag or self.name) if status > 100 else "")
        response.set("Contact", f"<{self.reached_at}>")
        for name, value in lines:
            response.add(name, value)
        if description:
            response.set("Content-Type", SDP)
            response.body = description.encode()
        self.come(response)
        return response

    def sends(self, method: str, *lines: str, body: str = "", kind: str = SDP) -> Request:
        """Send a request within the dialog of the latest INVITE that came."""
        return self.sends_within(self.last("INVITE"), method, *lines, body=body, kind=kind)

    def sends_within(
        self,
        invite: Request,
        method: str,
        *lines: str,
        body: str = "",
        tag: str = "",
        kind: str = SDP,
    ) -> Request:
        """Send one within the dialog of an INVITE that came."""
        self.numbers += 1
        number = 100 + self.numbers
        to = invite.fields["To"][0]
        own = to if ";tag=" in to else f"{to};tag={tag or self.name}"
        made = request(
            "\n".join(
                (
                    f"{method} sip:192.0.2.1:5060 SIP/2.0",
                    f"Via: SIP/2.0/TCP {self.host}:5060;branch=z9hG4bK{self.name}+{method}{number}",
                    "Max-Forwards: 70",
                    f"From: {own}",
                    f"To: {invite.fields['From'][0]}",
                    f"Call-ID: {invite.call_id}",
                    f"CSeq: {number} {method}",
                    f"Contact: <{self.reached_at}>",
                    *lines,
                )
            )
        )
        if body:
            made.set("Content-Type", kind)
            made.body = body.encode()
        self.come(made)
        return made


class SipWorld:
    """Alice, Bob and Carol, whose phones are registered as tests say."""

    def __init__(self) -> None:
        self.gateways = Gateways("example.test", VOICEMAIL)
        self.mixer = SipMixer(MIXER, "example.test")
        self.world: World = PhoneWorld(network=self.gateways)
        self.clock = Clock()
        self.log = MemoryLog()
        self.entropy = 0
        self.may_not_transfer: set[str] = set()
        world = self.world
        self.core = Core(self.clock, self.log, self.random)
        self.places = Places()
        outgoing = cast(Outgoing, self.places)
        accounts = Accounts(ACCOUNTS, lambda flow: (), self.random, self.log)
        redirects = Redirects(lambda uri: self.routes.ways(uri), ["example.test"], 5, self.log)
        client = Client(
            self.core, outgoing, self.places, self.clock, self.log, self.random, accounts, redirects
        )
        self.bindings = Bindings(world.ledger, world.agenda)
        target = SipTargetConfig("partner.test", 5060, "tcp")
        partner = SipRouteConfig("partner", (target,), ("partner.test",))
        settings = SipConfig(trusted_peers=(PROXY,), routes=(partner,))
        admission = Admission(
            world.users,
            ["example.test"],
            settings,
            Lockout(3, 1.0, 60.0),
            b"secret",
            self.random,
            lambda: world.now,
            self.log,
            lambda uri: "pseudonym",
        )
        gruus = Gruus(
            world.users,
            self.bindings,
            ["example.test"],
            b"secret",
            self.random,
            lambda: world.now,
        )
        registrar = self.registrar = Registrar(
            world.users, self.bindings, admission, settings, lambda: world.now, gruus=gruus
        )
        self.core.serve("REGISTER", registrar.register)
        client.onward = registrar.onward
        domain = Domain(
            world.agenda,
            world.conversations,
            world.calls,
            world.renegotiations,
            lambda: world.now,
        )
        routes = self.routes = StaticRoutes(
            settings, lambda: world.voice.gateways, lambda target: False, self.random, MIXER
        )
        phones = cast(PhoneWorld, world).phones
        self.calls = SipCalls(
            Reaching(
                self.core, client, registrar, self.bindings, routes, "example.test", uri("carol")
            ),
            Parties(
                world.users,
                ["example.test"],
                admission,
                lambda: world.voice.gateways,
                gruus=gruus,
            ),
            domain,
            phones.outside,
            LateRinging(world.conversations, world.calls.stages),
            lambda uri: uri not in self.may_not_transfer,
            Deflections(world.conversations, world.calls.stages, world.forwarding),
            self.log,
            lambda uri: "pseudonym",
        )

        self.mixing = conference_calls(world, self.mixer)
        dial_in = DialIn(world.users, world.meetings, world.conferences, self.mixing)
        self.calls.meetings = MeetingCalls(dial_in, domain, ["example.test"], self.core.later)
        self.gateways.open(self.core, client, routes)
        self.gateways.transfer = self.calls.transfers.refer
        watching = Watching(
            self.core,
            client,
            routes.own_ways,
            self._unsolicited,
            self.clock,
            self.log,
            lambda uri: "pseudonym",
        )
        watch = ConferenceWatch(watching, "example.test")
        self.mixer.open(self.core, client, routes, self.log, watch)

    def _unsolicited(self, incoming: Incoming) -> None:
        raise SipRefusal(481)

    def random(self, size: int) -> bytes:
        self.entropy += 1
        return self.entropy.to_bytes(size, "big")

    def settle(self, seconds: float = 0.1) -> None:
        """Do what is due, and let so much time pass."""
        self.world.advance(seconds, step_s=0.02)
        self.clock.advance(seconds)

    def telephone(self, name: str, host: str = "192.0.2.20") -> Telephone:
        """A telephone that nobody has registered."""
        telephone = Telephone(self.core, name, host)
        self.places.peers[host] = telephone  # type: ignore[assignment]  # it is at a Peer's place
        return telephone

    def gateway(self, name: str = "gw.test") -> Telephone:
        """A gateway of the voice routes, at the end of a TLS connection."""
        telephone = self.telephone(name, name)
        telephone.transport, telephone.secure = "TLS", True
        telephone.names = frozenset({name})
        return telephone

    def phone(self, name: str, host: str = "192.0.2.21") -> Telephone:
        """A registered phone of a user."""
        telephone = self.telephone(name, host)
        binding = Binding(
            user_uri=uri(name),
            id=host,
            contact=f"sip:{name}@{host}:5060;transport=tcp",
            call_id=host,
            cseq=1,
            registered_at=self.world.now,
            expires_at=self.world.now + 3_600,
        )
        saved = lambda bindings: Registering([binding])  # noqa: E731
        done(running(self.bindings.register(uri(name), saved, self.world.now)))
        return telephone

    def application(self, name: str, device: str = "app") -> Endpoint:
        """An application of a user that takes calls."""
        endpoint = self.world.sign_in(name, device, available=False)
        chosen = Availability(("Messaging", "Audio", "Video"))
        done(running(self.world.applications.make_available(endpoint, chosen, self.world.now)))
        self.world.told(endpoint)
        return endpoint

    def heard(self, endpoint: Endpoint, kind: type, **fields: object) -> list[object]:
        """The facts of a kind in an application's stream with these values."""
        return [
            entry.fact
            for entry in self.world.entries(endpoint)
            if isinstance(entry.fact, kind)
            and all(getattr(entry.fact, name) == value for name, value in fields.items())
        ]
