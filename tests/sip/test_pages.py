"""MESSAGE requests, from phones and other servers to people here, and out to them."""

from typing import cast

import attrs
from twisted.internet.defer import Deferred

from mobility.auth.lockout import Lockout
from mobility.config.sip import SipConfig, SipRouteConfig, SipTargetConfig
from mobility.domain.agenda import Agenda
from mobility.domain.applications import Endpoint
from mobility.domain.bindings import Bindings, Registering
from mobility.domain.carriers import Page, Received
from mobility.domain.facts import InvitationChanged, MessageCompleted, TypingChanged
from mobility.domain.messaging import Call, Text
from mobility.domain.outcomes import Outcome
from mobility.domain.records import Binding, Message
from mobility.sip.admission import Admission
from mobility.sip.capabilities import Capabilities
from mobility.sip.carrier import SipCarrier
from mobility.sip.flow import Flow
from mobility.sip.framing import Frame
from mobility.sip.gruu import Gruus
from mobility.sip.message_bodies import typing_body
from mobility.sip.pages import PageDomain, Pages
from mobility.sip.parties import Parties
from mobility.sip.registrar import Registrar
from mobility.sip.static_routes import StaticRoutes
from mobility.sip.transaction import LIFETIME_S
from tests.domain.doubles import Bounds, World, done, running, uri
from tests.domain.wiring import correspondence
from tests.sip.garbage import left_by
from tests.sip.peer import Peer
from tests.sip.samples import request
from tests.sip.test_client import ClientTestCase

PROXY = "proxy.partner.test"
BOB = "sip:bob@partner.test"
ROUTE = SipRouteConfig("partner", (SipTargetConfig(PROXY, transport="tcp"),), ("partner.test",))


class KeptRegistrar(Registrar):
    """Knows connections that phones keep open without having seen their REGISTER."""

    kept: dict[str, Flow]
    """By the id of the binding."""

    def flow_of(self, binding: Binding) -> Flow | None:
        return self.kept.get(binding.id)


class PagesTestCase(ClientTestCase):
    mode = "page"
    """How messages begin with people of the partner."""

    def setUp(self) -> None:
        super().setUp()
        world = self.world = World("alice", "carol", "dave", bounds=Bounds(conversations=10))
        route = attrs.evolve(ROUTE, messages=self.mode)
        settings = SipConfig(trusted_peers=("trunk.test",), routes=(route,))
        self.bindings = Bindings(world.ledger, Agenda())
        self.admission = Admission(
            world.users,
            ["example.test"],
            settings,
            Lockout(3, 1.0, 60.0),
            b"secret",
            self.random,
            self.epoch,
            self.log,
            lambda uri: "pseudonym",
        )
        gruus = Gruus(
            world.users, self.bindings, ["example.test"], b"secret", self.random, self.epoch
        )
        self.registrar = KeptRegistrar(
            world.users, self.bindings, self.admission, settings, self.epoch, gruus=gruus
        )
        self.registrar.kept = {}
        self.core.departures.append(self.registrar.broken)
        routes = self.routes = StaticRoutes(settings, list, lambda target: False, self.random)
        carrier = self.carrier = SipCarrier(
            self.client,
            self.registrar,
            self.bindings,
            world.users,
            routes,
            "example.test",
            self.epoch,
            self.log,
        )
        letters = self.letters = correspondence(world)
        self.parties = Parties(
            world.users, ["example.test"], self.admission, lambda: (), routes.trusted_for, gruus
        )
        pages = self.pages = Pages(
            PageDomain(world.users, world.applications, world.conversations.reach, letters),
            ["example.test"],
            self.parties,
            carrier,
            self.epoch,
        )
        self.core.serve("MESSAGE", pages.message)
        reach = world.conversations.reach
        asking = Capabilities(self.client, carrier, self.parties, reach, "example.test")
        self.core.serve("OPTIONS", asking.before(self.core.options))
        self.proxy = self.peer(PROXY, names=frozenset({PROXY}))
        self.number = 0

    def tearDown(self) -> None:
        self.assertEqual(self.world.failures, [])
        self.assertEqual(self.log.named("sip.failed"), [])

    def epoch(self) -> float:
        return self.world.now

    def phone(self, name: str, host: str, instance: str = "", reg_id: int = 0) -> Peer:
        """A phone of a user, registered over a connection that has proven whose it is."""
        peer = self.peer(host)
        binding = Binding(
            user_uri=uri(name),
            id=host,
            contact=f"sip:{name}@{host}:5060",
            call_id=host,
            cseq=1,
            registered_at=self.epoch(),
            expires_at=self.epoch() + 3_600,
            instance=f"<urn:x:{instance or host}>",
            reg_id=reg_id,
        )
        saved = Registering(saved=[binding])
        done(running(self.bindings.register(uri(name), lambda live: saved, self.epoch())))
        self.admission.vouch(cast(Flow, peer), uri(name), self.epoch() + 3_600)
        return peer

    def write(
        self,
        peer: Peer,
        from_uri: str,
        to_uri: str,
        body: bytes = b"Hi",
        *more: str,
        kind: str = "text/plain",
    ) -> int:
        """Send a MESSAGE; the status of its answer, 0 while there is none."""
        self.number += 1
        message = request(
            "\n".join(
                (
                    f"MESSAGE {to_uri} SIP/2.0",
                    f"Via: SIP/2.0/TCP {peer.host};branch=z9hG4bKm{self.number}",
                    "Max-Forwards: 70",
                    f'From: "Somebody" <{from_uri}>;tag=f{self.number}',
                    f"To: <{to_uri}>",
                    f"Call-ID: m{self.number}",
                    "CSeq: 1 MESSAGE",
                    f"Content-Type: {kind}",
                    *more,
                )
            ),
            body,
        )
        head, _, body = bytes(message).partition(b"\r\n\r\n")
        before = len(peer.answers)
        self.core.frame(Frame(head, body), cast(Flow, peer))
        return peer.answers[-1].status if len(peer.answers) > before else 0

    def settle(self) -> None:
        self.world.advance(3)

    def start(self, endpoint: Endpoint, to_uri: str, text: Text | None = None) -> str:
        call = Call(to_uri, text=text or Text("Plain", "Hello"))
        invitation = done(running(self.world.messaging.start(endpoint, call, self.epoch())))
        self.settle()
        return invitation.conversation_id

    def accept(self, endpoint: Endpoint) -> str:
        last = self.invitations(endpoint)[-1]
        done(running(self.world.messaging.accept(endpoint, last.id)))
        return last.conversation_id

    def invitations(self, endpoint: Endpoint) -> list[InvitationChanged]:
        facts = [entry.fact for entry in self.world.entries(endpoint)]
        return [fact for fact in facts if isinstance(fact, InvitationChanged)]

    def read(self, endpoint: Endpoint) -> list[str]:
        return [
            entry.message.body
            for entry in self.world.entries(endpoint)
            if isinstance(entry.fact, MessageCompleted)
            and entry.fact.direction == "Incoming"
            and entry.message is not None
        ]

    def outcome(self, endpoint: Endpoint) -> tuple[str, str]:
        """State and subcode of the latest invitation."""
        last = self.invitations(endpoint)[-1]
        return last.state, last.reason.subcode if last.reason is not None else ""

    @property
    def kept(self) -> list[Message]:
        return list(self.world.ledger.all(Message).values())


class SenderTests(PagesTestCase):
    """Who may write, and as whom."""

    def test_phone(self) -> None:
        """A user's phone writes for its user, over the connection over which it has signed in."""
        alice, phone = self.world.sign_in("alice"), self.phone("carol", "c")
        self.assertEqual(self.write(phone, uri("carol"), uri("alice")), 200)
        self.accept(alice)
        self.assertEqual(self.read(alice), ["Hi"])

    def test_challenge(self) -> None:
        """Anybody else who says so is challenged: over another connection, over UDP, later, and
        once the connection is gone."""
        stranger = self.peer("x")
        self.assertEqual(self.write(stranger, uri("carol"), uri("alice")), 407)
        datagrams = self.peer("u", reliable=False, transport="UDP")
        self.admission.vouch(cast(Flow, datagrams), uri("carol"), self.epoch() + 60)
        self.assertEqual(self.write(datagrams, uri("carol"), uri("alice")), 407)
        phone = self.phone("carol", "c")
        self.assertEqual(self.write(phone, uri("dave"), uri("alice")), 407)
        self.world.now += 3_600
        self.assertEqual(self.write(phone, uri("carol"), uri("alice")), 407)
        phone = self.phone("carol", "c")
        self.core.broken(cast(Flow, phone))
        self.assertEqual(self.write(phone, uri("carol"), uri("alice")), 407)

    def test_trusted(self) -> None:
        """A trusted peer writes for whom it asserts."""
        alice = self.world.sign_in("alice")
        trunk = self.peer("t", names=frozenset({"trunk.test"}))
        asserted = f"P-Asserted-Identity: <{BOB}>"
        status = self.write(trunk, "sip:anonymous@anonymous.invalid", uri("alice"), b"Hi", asserted)
        self.assertEqual(status, 200)
        (fact,) = self.invitations(alice)
        self.assertEqual((fact.from_uri, fact.from_name), (BOB, "Somebody"))

    def test_federated(self) -> None:
        """A server of a route's domain writes for people of that domain, and for nobody else,
        whatever it asserts."""
        alice = self.world.sign_in("alice")
        asserted = f"P-Asserted-Identity: <{uri('carol')}>"
        self.assertEqual(self.write(self.proxy, BOB, uri("alice"), b"Hi", asserted), 200)
        self.assertEqual([fact.from_uri for fact in self.invitations(alice)], [BOB])
        self.assertEqual(self.write(self.proxy, uri("carol"), uri("alice")), 407)
        self.assertEqual(self.write(self.proxy, "sip:x@else.test", uri("alice")), 403)
        self.assertEqual(self.write(self.peer("x"), BOB, uri("alice")), 403)


class GruuTests(PagesTestCase):
    """A message to a GRUU is for one phone."""

    def setUp(self) -> None:
        super().setUp()
        self.one, self.two = self.phone("alice", "a1"), self.phone("alice", "a2")
        self.carol = self.phone("carol", "c")
        self.alice = self.world.sign_in("alice")

    def write_to(self, instance: str, name: str = "alice") -> int:
        return self.write(self.carol, uri("carol"), f"{uri(name)};gr=urn:x:{instance}")

    def test_passed(self) -> None:
        """It goes to that phone alone, also where an application could show it, and its sender gets
        the phone's answer; nothing is kept."""
        for status in (200, 486, 415):
            self.assertEqual(self.write_to("a1"), 0)
            (message,) = self.one.got
            self.assertEqual((message.uri, message.body), ("sip:alice@a1:5060", b"Hi"))
            self.one.answer(status)
            self.assertEqual(self.carol.answers[-1].status, status)
            del self.one.got[:]
        self.assertEqual((self.two.got, self.invitations(self.alice), self.kept), ([], [], []))

    def test_not_there(self) -> None:
        """404 where there is no such user, 480 where the phone is not registered."""
        self.assertEqual(self.write_to("a1", "nobody"), 404)
        self.assertEqual(self.write_to("a3"), 480)
        self.assertEqual(self.write_to("a1", "dave"), 480)

    def test_blocked(self) -> None:
        """Who may not reach the user does not reach its phones."""
        blocking = self.world.privacy.assign(uri("alice"), uri("carol"), "Blocked", "Colleagues")
        done(running(blocking))
        self.assertEqual((self.write_to("a1"), self.one.got), (480, []))


class OptionsTests(PagesTestCase):
    """OPTIONS to a GRUU asks the phone itself."""

    def setUp(self) -> None:
        super().setUp()
        self.one, self.carol = self.phone("alice", "a1"), self.phone("carol", "c")

    def ask(self, peer: Peer, to_uri: str, *more: str) -> int:
        """The status of the answer, 0 while there is none."""
        self.number += 1
        before = len(peer.answers)
        peer.come(
            request(
                "\n".join(
                    (
                        f"OPTIONS {to_uri} SIP/2.0",
                        f"Via: SIP/2.0/TCP {peer.host};branch=z9hG4bKo{self.number}",
                        f"From: <{uri('carol')}>;tag=f{self.number}",
                        f"To: <{to_uri}>",
                        f"Call-ID: o{self.number}",
                        "CSeq: 1 OPTIONS",
                        *more,
                    )
                )
            )
        )
        return peer.answers[-1].status if len(peer.answers) > before else 0

    def test_asked(self) -> None:
        """The phone says what it can do, in its header fields and in a description."""
        gruu = f"{uri('alice')};gr=urn:x:a1"
        self.assertEqual(self.ask(self.carol, gruu, "Accept: application/sdp"), 0)
        (asked,) = self.one.got
        self.assertEqual((asked.method, asked.uri), ("OPTIONS", "sip:alice@a1:5060"))
        self.assertEqual(asked.first("Accept"), "application/sdp")
        answer = asked.respond(200, "p")
        for name, value in (("Allow", "INVITE"), ("Content-Type", "application/sdp")):
            answer.set(name, value)
        answer.body = b"v=0\r\n"
        self.one.come(answer)
        told = self.carol.answers[-1]
        self.assertEqual((told.status, told.first("Allow"), told.body), (200, "INVITE", b"v=0\r\n"))

    def test_not_asked(self) -> None:
        """Strangers are challenged, a phone that is not there is 480 and one that never was 404."""
        gruu = f"{uri('alice')};gr=urn:x:a1"
        self.assertEqual(self.ask(self.peer("x"), gruu), 407)
        self.assertEqual(self.ask(self.carol, f"{uri('alice')};gr=urn:x:a2"), 480)
        self.assertEqual(self.ask(self.carol, "sip:tgruu.x@example.test;gr"), 404)
        self.assertEqual(self.ask(self.carol, gruu, "Max-Forwards: 0"), 483)
        blocking = self.world.privacy.assign(uri("alice"), uri("carol"), "Blocked", "Colleagues")
        done(running(blocking))
        self.assertEqual(self.ask(self.carol, gruu), 480)
        self.assertEqual(self.one.got, [])

    def test_others(self) -> None:
        """Any other URI is answered here, to whoever asks."""
        self.assertEqual(self.ask(self.peer("x"), uri("alice")), 200)
        self.assertIn("gruu", self.ask_supported())

    def ask_supported(self) -> str:
        peer = self.peer("y")
        self.ask(peer, "sip:example.test")
        return peer.answers[-1].first("Supported") or ""


class IncomingTests(PagesTestCase):
    def test_one_conversation(self) -> None:
        """Messages of one person are one conversation, and what is written back goes to it."""
        alice = self.world.sign_in("alice")
        for body in (b"one", b"two"):
            self.assertEqual(self.write(self.proxy, BOB, uri("alice"), body), 200)
        conversation_id = self.accept(alice)
        self.assertEqual(self.read(alice), ["one", "two"])
        done(self.world.send(alice, conversation_id, "gr\u00fc\u00df"))
        self.settle()
        (out,) = self.proxy.got
        self.assertEqual((out.method, out.uri), ("MESSAGE", BOB))
        self.assertEqual(out.from_.sip.aor, uri("alice"))
        self.assertEqual(out.first("P-Asserted-Identity"), f'"Alice" <{uri("alice")}>')
        self.assertEqual(out.first("Content-Type"), "text/plain;charset=UTF-8")
        self.assertEqual(out.body.decode(), "gr\u00fc\u00df")
        self.assertIsNone(out.first("Contact"))

    def test_kept(self) -> None:
        """Who is not there finds it as missed: 202; nobody is 404, and so is another domain."""
        self.assertEqual(self.write(self.proxy, BOB, uri("alice")), 202)
        self.assertTrue(self.kept[0].missed)
        self.assertEqual(self.write(self.proxy, BOB, "sip:nobody@example.test"), 404)
        self.assertEqual(self.write(self.proxy, BOB, "sip:x@else.test"), 404)
        self.assertEqual(self.write(self.proxy, BOB, "sip:x@partner.test"), 404)

    def test_own_address(self) -> None:
        """A Request-URI with our own address means the user of that name."""
        self.assertEqual(self.write(self.proxy, BOB, "sip:alice@192.0.2.1:5060"), 202)
        self.assertEqual(self.write(self.proxy, BOB, "sip:nobody@192.0.2.1"), 404)

    def test_durable(self) -> None:
        """The answer waits until the message is stored; what cannot be stored is 503."""
        self.world.sign_in("alice")
        self.world.ledger.hold()
        self.assertEqual(self.write(self.proxy, BOB, uri("alice")), 0)
        self.world.ledger.release()
        self.assertEqual([one.status for one in self.proxy.answers], [200])
        self.world.ledger.failing = True
        self.assertEqual(self.write(self.proxy, BOB, uri("alice"), b"more"), 503)

    def test_html(self) -> None:
        """HTML comes sanitised."""
        self.write(self.proxy, BOB, uri("alice"), b"<b>x</b><script/>", kind="text/html")
        self.assertEqual((self.kept[0].format, self.kept[0].body), ("Html", "<b>x</b>"))

    def test_unread(self) -> None:
        """A type that is not read is 415 with those that are; a text that is none is 400."""
        self.assertEqual(self.write(self.proxy, BOB, uri("alice"), b"x", kind="image/png"), 415)
        self.assertIn("text/plain", self.proxy.answers[-1].first("Accept") or "")
        self.assertEqual(self.write(self.proxy, BOB, uri("alice"), b"\xff"), 400)

    def test_oneself(self) -> None:
        """Nobody writes to oneself."""
        self.world.sign_in("carol")
        phone = self.phone("carol", "c")
        self.assertEqual(self.write(phone, uri("carol"), uri("carol")), 403)

    def test_typing(self) -> None:
        """Notices of typing are answered, and shown once messages are connected."""
        alice = self.world.sign_in("alice")
        kind, body = "application/im-iscomposing+xml", typing_body(active=True, refresh_s=60)
        self.assertEqual(self.write(self.proxy, BOB, uri("alice"), body, kind=kind), 200)
        self.write(self.proxy, BOB, uri("alice"))
        self.accept(alice)
        self.assertEqual(self.write(self.proxy, BOB, uri("alice"), body, kind=kind), 200)
        facts = [entry.fact for entry in self.world.entries(alice)]
        self.assertEqual([one.uri for one in facts if isinstance(one, TypingChanged)], [BOB])

    def test_delivery_notice(self) -> None:
        """Who asks to hear of the delivery does, once a device of the reader has the message (RFC
        5438); who writes to nobody hears nothing."""
        body = (
            b"NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: abc\r\n"
            b"imdn.Disposition-Notification: positive-delivery\r\n\r\n"
            b"Content-Type: text/plain\r\n\r\nHi"
        )
        self.assertEqual(self.write(self.proxy, BOB, uri("alice"), body, kind="message/cpim"), 202)
        alice = self.world.sign_in("alice")
        self.assertEqual(self.write(self.proxy, BOB, uri("alice"), body, kind="message/cpim"), 200)
        self.settle()
        self.assertEqual(self.proxy.got, [])
        self.world.receive(alice)
        self.settle()
        (notice,) = self.proxy.got
        self.assertEqual((notice.uri, notice.first("Content-Type")), (BOB, "message/cpim"))
        self.assertIn(b"<message-id>abc</message-id>", notice.body)
        self.assertIn(b"<delivered/>", notice.body)


class OutgoingTests(PagesTestCase):
    def test_taken(self) -> None:
        """A message to somebody elsewhere is accepted when the other server takes it."""
        alice = self.world.sign_in("alice")
        self.start(alice, BOB)
        self.assertEqual(self.outcome(alice)[0], "Connecting")
        self.proxy.answer(200)
        self.settle()
        self.assertEqual(self.outcome(alice)[0], "Connected")

    def test_refused(self) -> None:
        """What the other server says becomes the outcome."""
        for status, state, subcode in (
            (404, "Failed", "DestinationNotFound"),
            (603, "Declined", "Declined"),
            (415, "Failed", "ModalityNotSupported"),
            (480, "Failed", "Unavailable"),
        ):
            alice = self.world.sign_in("alice", str(status))
            self.start(alice, BOB)
            self.proxy.answer(status)
            self.settle()
            self.assertEqual(self.outcome(alice), (state, subcode))

    def test_undelivered(self) -> None:
        """A later message that nobody answers is completed with whom it did not reach."""
        alice = self.world.sign_in("alice")
        conversation_id = self.start(alice, BOB)
        self.proxy.answer(200)
        self.settle()
        done(self.world.send(alice, conversation_id, "two"))
        self.settle()
        self.clock.advance(LIFETIME_S)
        self.settle()
        facts = [entry.fact for entry in self.world.entries(alice)]
        sent = [one for one in facts if isinstance(one, MessageCompleted)][-1]
        self.assertEqual([address for address, _ in sent.failed], [BOB])

    def test_html(self) -> None:
        """HTML goes as plain text to who takes no HTML."""
        alice = self.world.sign_in("alice")
        self.start(alice, BOB, Text("Html", "<b>x</b>", "x"))
        self.assertEqual(self.proxy.got[0].first("Content-Type"), "text/html;charset=UTF-8")
        self.proxy.answer(415)
        self.assertEqual(self.proxy.got[1].body, b"x")
        self.proxy.answer(202)
        self.settle()
        self.assertEqual(self.outcome(alice)[0], "Connected")

    def test_typing(self) -> None:
        """Typing is shown to the other side until it says that it does not take that."""
        alice = self.world.sign_in("alice")
        conversation_id = self.start(alice, BOB)
        self.proxy.answer(200)
        self.settle()
        done(self.world.begin_typing(alice, conversation_id))
        self.assertIn(b"<state>active</state>", self.proxy.got[-1].body)
        self.proxy.answer(415)
        self.world.advance(10)
        self.assertEqual(len(self.proxy.got), 2)


class IdentityTests(PagesTestCase):
    """The same message, brought again after a restart."""

    def bring(self, *, again: bool = False, html: bool = False) -> Deferred[Outcome | Received]:
        text = Text("Html", "<b>Hi</b>", "Hi") if html else Text("Plain", "Hi")
        page = Page(uri("alice"), "Alice", BOB, 0.0, text, "c0ffee-7", again)
        return running(self.carrier.carry(page))

    def test_same(self) -> None:
        """It has the Call-ID, the tag and the CSeq that it had."""
        self.bring()
        self.bring(again=True)
        one, two = self.proxy.got
        self.assertEqual((one.call_id, one.from_.tag), ("c0ffee-7", "c0ffee-7"))
        self.assertEqual((two.call_id, two.from_, two.cseq), (one.call_id, one.from_, one.cseq))
        self.assertNotEqual(one.via.branch, two.via.branch)

    def test_known(self) -> None:
        """Who has it already (482) has taken it; to who gets it first that is a refusal."""
        first, again = self.bring(), self.bring(again=True)
        self.proxy.answer(482, number=0)
        self.proxy.answer(482)
        self.assertIsInstance(done(first), Outcome)
        self.assertIs(done(again), Received.SHOWN)

    def test_plain(self) -> None:
        """What is sent in place of HTML is another request."""
        self.bring(html=True)
        self.proxy.answer(415)
        one, two = self.proxy.got
        self.assertEqual(one.call_id, two.call_id)
        self.assertGreater(two.cseq.number, one.cseq.number + 1)


class PhoneTests(PagesTestCase):
    """Users with phones."""

    def test_reached(self) -> None:
        """A user with phones and no application is reached on all of them; one that takes the
        message answers for all."""
        alice = self.world.sign_in("alice")
        one, two = self.phone("carol", "c1"), self.phone("carol", "c2")
        self.start(alice, uri("carol"))
        self.assertEqual([one.methods, two.methods], [["MESSAGE"], ["MESSAGE"]])
        self.assertEqual(one.got[0].uri, "sip:carol@c1:5060")
        one.answer(486)
        two.answer(200)
        self.settle()
        self.assertEqual(self.outcome(alice)[0], "Connected")
        self.assertEqual(self.write(one, uri("carol"), uri("alice"), b"reply"), 200)
        self.assertEqual(self.read(alice), ["reply"])

    def test_between(self) -> None:
        """Between two phones a message is passed on with its answer, and not kept."""
        one, two = self.phone("carol", "c"), self.phone("dave", "d")
        more = "Subject: lunch", "Max-Forwards: 5"
        status = self.write(one, uri("carol"), uri("dave"), b"Hi", more[0])
        self.assertEqual(status, 0)
        (passed,) = two.got
        self.assertEqual((passed.body, passed.first("Subject")), (b"Hi", "lunch"))
        self.assertEqual(passed.first("Max-Forwards"), "69")
        self.assertEqual((passed.from_.sip.aor, passed.from_.name), (uri("carol"), "Carol"))
        two.answer(488)
        self.assertEqual([answer.status for answer in one.answers], [488])
        self.assertEqual(self.kept, [])

    def test_flows(self) -> None:
        """A phone with two flows (RFC 5626) gets a message over one of them, and over the next if
        that fails, whoever has written and to whatever address."""
        alice = self.world.sign_in("alice")
        one, two = (self.phone("carol", f"c{n}", "c", n) for n in (1, 2))
        dave = self.phone("dave", "d")
        self.start(alice, uri("carol"))
        for to in ("", uri("carol"), f"{uri('carol')};gr=urn:x:c"):
            if to:
                del one.got[:], two.got[:]
                self.assertEqual(self.write(dave, uri("dave"), to), 0)
            (first,) = (peer for peer in (one, two) if peer.got)
            other = two if first is one else one
            first.answer(430)
            self.assertEqual((first.methods, other.methods), (["MESSAGE"], ["MESSAGE"]))
            self.assertEqual(other.got[0].uri, f"sip:carol@{other.host}:5060")
            other.answer(200)
            self.settle()
        self.assertEqual(self.outcome(alice)[0], "Connected")
        self.assertEqual([answer.status for answer in dave.answers], [200, 200])

    def test_between_away(self) -> None:
        """A phone that is not there leaves the message as missed: 202."""
        one, two = self.phone("carol", "c"), self.phone("dave", "d")
        self.write(one, uri("carol"), uri("dave"))
        two.answer(480)
        self.assertEqual([answer.status for answer in one.answers], [202])
        self.assertEqual([message.missed for message in self.kept], [True])

    def test_elsewhere(self) -> None:
        """A phone may write to people elsewhere by a route, and hears what they answer."""
        phone = self.phone("carol", "c")
        self.write(phone, uri("carol"), BOB)
        self.assertEqual(self.proxy.got[0].uri, BOB)
        self.proxy.answer(202)
        self.assertEqual([answer.status for answer in phone.answers], [202])
        self.assertEqual(self.write(phone, uri("carol"), "sip:x@nowhere.test"), 404)

    def test_loop(self) -> None:
        """A message that has gone far enough goes no further."""
        one = self.phone("carol", "c")
        self.phone("dave", "d")
        self.number += 1
        message = request(
            f"""MESSAGE {uri("dave")} SIP/2.0
Via: SIP/2.0/TCP c;branch=z9hG4bKloop
Max-Forwards: 0
From: <{uri("carol")}>;tag=a
To: <{uri("dave")}>
Call-ID: loop
CSeq: 1 MESSAGE""",
            b"Hi",
        )
        head, _, body = bytes(message).partition(b"\r\n\r\n")
        self.core.frame(Frame(head, body), cast(Flow, one))
        self.assertEqual(one.answers[-1].status, 483)


class RelayTests(PagesTestCase):
    """Between two phones that keep their connections open."""

    def setUp(self) -> None:
        super().setUp()
        self.one, self.two = self.kept_open("carol", "c"), self.kept_open("dave", "d")

    def kept_open(self, name: str, host: str) -> Peer:
        peer = self.phone(name, host)
        self.registrar.kept[host] = cast(Flow, peer)
        return peer

    def relay(self, body: bytes = b"Hi", *more: str, to_uri: str = "") -> int:
        return self.write(self.one, uri("carol"), to_uri or uri("dave"), body, *more)

    @property
    def statuses(self) -> list[int]:
        return [answer.status for answer in self.one.answers]

    def test_passed(self) -> None:
        """The message is the sender's own, with Call-ID, CSeq and tag, since replies and notices
        refer to it; from whom it is says the directory, and where it came from nobody."""
        self.assertEqual(self.relay(b"Hi", "In-Reply-To: m0", "User-Agent: x"), 0)
        (passed,) = self.two.got
        self.assertEqual((passed.uri, passed.body), ("sip:dave@d:5060", b"Hi"))
        self.assertEqual((passed.call_id, str(passed.cseq)), ("m1", "1 MESSAGE"))
        self.assertEqual(passed.first("From"), f'"Carol" <{uri("carol")}>;tag=f1')
        self.assertEqual(passed.first("To"), f"<{uri('dave')}>")
        self.assertEqual(passed.first("Max-Forwards"), "69")
        self.assertEqual(passed.first("In-Reply-To"), "m0")
        self.assertEqual(len(passed.values("Via")), 1)
        self.assertEqual(passed.via.host, "192.0.2.1")
        self.assertNotIn("User-Agent", passed.fields)

    def test_answered(self) -> None:
        """The final answer is the phone's, with its tag; the header fields that are for the sender
        come along, and those that are for us do not."""
        self.relay()
        self.two.answer(100)
        self.two.answer(183)
        self.assertEqual(self.statuses, [])
        response = self.two.got[0].respond(415, "dave")
        response.set("Accept", "text/plain")
        response.set("Contact", "<sip:dave@d>")
        self.two.come(response)
        self.two.answer(200)
        (answer,) = self.one.answers
        self.assertEqual((answer.status, answer.to.tag), (415, "dave"))
        self.assertEqual(answer.via.branch, "z9hG4bKm1")
        self.assertEqual(answer.first("Accept"), "text/plain")
        self.assertNotIn("Contact", answer.fields)
        self.assertEqual(self.kept, [])

    def test_logged(self) -> None:
        """The log has both ends of it under one Call-ID."""
        self.relay()
        self.two.answer(200)
        (sent,), (came,) = self.log.named("sip.sent"), self.log.named("sip.request")
        self.assertEqual((sent["call"], sent["status"], sent["peer"]), ("m1", 200, "d"))
        self.assertEqual((sent["method"], sent["tries"]), ("MESSAGE", 1))
        self.assertEqual((came["call"], came["status"], came["peer"]), ("m1", 200, "c"))

    def test_nothing_left(self) -> None:
        """One that was answered leaves nothing that only the garbage collector frees."""

        def answered() -> None:
            self.relay()
            self.two.answer(200)

        self.assertEqual((left_by(answered), self.statuses), (set(), [200]))

    def test_silent(self) -> None:
        """A phone that does not answer leaves the message as missed."""
        self.relay()
        self.clock.advance(LIFETIME_S)
        self.assertEqual((self.statuses, len(self.kept)), ([202], 1))
        self.assertEqual(self.log.named("sip.sent")[0]["status"], 408)

    def test_gone(self) -> None:
        """So does one whose connection breaks, before the message is sent or after."""
        self.relay()
        self.core.broken(cast(Flow, self.two))
        self.two.alive = False
        self.relay(b"again")
        self.clock.advance(0)
        self.assertEqual(self.statuses, [202, 202])
        self.assertEqual([one["status"] for one in self.log.named("sip.sent")], [503, 503])

    def test_challenged(self) -> None:
        """A phone that asks who we are has answered nothing that its sender could do."""
        for status, told in ((401, 502), (407, 502), (302, 480)):
            self.relay()
            self.two.answer(status)
            self.assertEqual(self.statuses[-1], told)

    def test_again(self) -> None:
        """What comes again while the phone is silent is one message."""
        self.relay()
        self.number -= 1
        self.relay()
        self.assertEqual(self.two.methods, ["MESSAGE"])

    def test_dialog(self) -> None:
        """A message cannot be put into a dialog of the receiver's by its tag."""
        message = request(
            f"""MESSAGE {uri("dave")} SIP/2.0
Via: SIP/2.0/TCP c;branch=z9hG4bKdialog
Max-Forwards: 70
From: <{uri("carol")}>
To: Dave <{uri("dave")}>;tag=known
Call-ID: known
CSeq: 7 MESSAGE
Content-Type: text/plain""",
            b"Hi",
        )
        self.one.come(message)
        (passed,) = self.two.got
        self.assertEqual(passed.first("To"), f'"Dave" <{uri("dave")}>')
        self.assertNotEqual(passed.from_.tag, "")

    def test_large(self) -> None:
        """What does not fit into a datagram to a phone goes over TCP, or not at all."""
        datagrams = self.peer("u", transport="UDP", reliable=False)
        self.registrar.kept["d"] = cast(Flow, datagrams)
        self.relay()
        self.assertEqual(datagrams.methods, ["MESSAGE"])
        self.relay(b"x" * 1_300)
        self.assertEqual((datagrams.methods, self.statuses), (["MESSAGE"], [513]))

    def test_all(self) -> None:
        """To several phones it goes as one message, too, and the first to take it answers."""
        other = self.kept_open("dave", "d2")
        self.relay()
        one, two = self.two.got[0], other.got[0]
        self.assertEqual((one.call_id, one.from_, one.cseq), (two.call_id, two.from_, two.cseq))
        self.assertNotEqual(one.via.branch, two.via.branch)
        self.two.answer(486)
        other.answer(200, "second")
        self.assertEqual(self.statuses, [200])
        self.assertEqual(self.one.answers[0].to.tag, "second")
