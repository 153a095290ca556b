"""What the core does with what comes, without a network."""

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.errors import Unavailable
from mobility.sip.core import Core, Incoming
from mobility.sip.dialog import Dialog
from mobility.sip.flow import Allowance
from mobility.sip.framing import Frame, Unframeable
from mobility.sip.message import Request, Response, parse
from mobility.sip.refusal import SipRefusal
from mobility.sip.transaction import cancellation
from mobility.testing import MemoryLog
from tests.sip.samples import made, request


@attrs.define(eq=False)
class Wire:
    """A flow that remembers what was sent."""

    sent: list[Response] = attrs.Factory(list)
    allowance: Allowance = attrs.Factory(lambda: Allowance(0, 1))
    reliable: bool = True
    secure: bool = True
    transport: str = "TLS"
    listener: str = "primary"
    names: frozenset[str] = frozenset()
    source: tuple[str, int] = ("192.0.2.7", 40_000)
    local: tuple[str, int] = ("192.0.2.1", 5089)
    closed: bool = False

    def send(self, data: bytes) -> bool:
        head, _, body = data.partition(b"\r\n\r\n")
        message = parse(head, body)
        if isinstance(message, Response):
            self.sent.append(message)
        return True

    def close(self) -> None:
        self.closed = True

    @property
    def statuses(self) -> list[int]:
        return [one.status for one in self.sent]


class CoreTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.log = MemoryLog()
        self.entropy = 0
        self.core = Core(self.clock, self.log, self.random)
        self.wire = Wire()

    def random(self, size: int) -> bytes:
        self.entropy += 1
        return self.entropy.to_bytes(size, "big")

    def come(self, message: Request, wire: Wire | None = None) -> None:
        head, _, body = bytes(message).partition(b"\r\n\r\n")
        self.core.frame(Frame(head, body), wire or self.wire)


class RequestTests(CoreTestCase):
    def test_options(self) -> None:
        """OPTIONS is answered with what can be done, and logged in one line."""
        self.come(made())
        (answer,) = self.wire.sent
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.first("Allow"), "ACK, CANCEL, OPTIONS")
        self.assertTrue(answer.to.tag)
        (line,) = self.log.named("sip.request")
        self.assertEqual(
            (line["method"], line["status"], line["peer"]), ("OPTIONS", 200, "192.0.2.7")
        )

    def test_source(self) -> None:
        """The topmost Via says where the request came from (RFC 3581)."""
        message = made()
        message.set("Via", "SIP/2.0/TLS 10.0.0.1:5061;branch=z9hG4bK1;rport, SIP/2.0/UDP b")
        self.come(message)
        via = self.wire.sent[0].via
        self.assertEqual((via.parameters["received"], via.parameters["rport"]), self.source())
        self.assertEqual(len(self.wire.sent[0].values("Via")), 2)

    def source(self) -> tuple[str, str]:
        host, port = self.wire.source
        return host, str(port)

    def test_peer(self) -> None:
        """The log calls a peer by a host of its certificate, by an address that this is for where
        it has no host, and without one by where it is."""
        for number, (names, peer) in enumerate(
            (
                (("10.0.0.1", "b.test", "a.test"), "a.test"),
                (("10.0.0.1",), "10.0.0.1"),
                ((), "192.0.2.7"),
            )
        ):
            self.come(made(branch=f"z9hG4bK{number}"), Wire(names=frozenset(names)))
            self.assertEqual(self.log.named("sip.request")[-1]["peer"], peer)

    def test_unknown_methods(self) -> None:
        """A method nobody knows is 501, one that nobody serves 405, one of dialogs 481."""
        for method, status in (("FROBNICATE", 501), ("PUBLISH", 405), ("BYE", 481)):
            self.come(made(method, branch=f"z9hG4bK{method}"))
            self.assertEqual(self.wire.sent[-1].status, status, method)
        self.assertEqual(self.wire.sent[0].first("Allow"), self.core.allow)

    def test_required(self) -> None:
        """What is required and lacks is named."""
        self.come(made("OPTIONS", "Require: path, nothingSupportsThis"))
        self.assertEqual(self.wire.statuses, [420])
        self.assertEqual(self.wire.sent[0].first("Unsupported"), "nothingsupportsthis")

    def test_unknown_scheme(self) -> None:
        """A Request-URI of a scheme that is not routed is 416."""
        message = made()
        message.uri = "nobodyKnowsThisScheme:totallyopaquecontent"
        self.come(message)
        self.assertEqual(self.wire.statuses, [416])

    def test_allowance(self) -> None:
        """A peer that sends too much is told to wait, and may go on later."""
        self.wire.allowance = Allowance(1, 2)
        for number in range(3):
            self.come(made(branch=f"z9hG4bK{number}"))
        self.assertEqual(self.wire.statuses, [200, 200, 503])
        self.assertEqual(self.wire.sent[-1].first("Retry-After"), "10")
        self.clock.advance(1)
        self.come(made(branch="z9hG4bK9"))
        self.assertEqual(self.wire.sent[-1].status, 200)

    def test_dialog_of_nobody(self) -> None:
        """A request within a dialog that is not there is 481; an ACK of none is dropped."""
        for method in ("INVITE", "SUBSCRIBE"):
            self.core.serve(method, lambda incoming: incoming.respond(200) and None)
        for method in ("INVITE", "BYE", "SUBSCRIBE", "INFO", "ACK"):
            message = made(method, branch=f"z9hG4bK{method}")
            message.set("To", "<sip:alice@example.test>;tag=nobody")
            self.come(message)
        self.assertEqual(self.wire.statuses, [100, 481, 481, 481, 481])


class HandlerTests(CoreTestCase):
    def test_refusal(self) -> None:
        """What a handler raises becomes the answer, at once or later."""
        for error, status in (
            (SipRefusal(403, "No"), 403),
            (Unavailable("the store"), 503),
            (ValueError("secret"), 500),
        ):
            for later in (False, True):
                self.setUp()

                async def fail_later(incoming: Incoming, error: Exception = error) -> None:
                    raise error

                def fail(incoming: Incoming, error: Exception = error) -> None:
                    raise error

                self.core.serve("MESSAGE", fail_later if later else fail)
                self.come(made("MESSAGE"))
                self.assertEqual(self.wire.statuses, [status])
                self.assertNotIn("secret", self.wire.sent[0].reason)
                self.assertEqual(len(self.log.named("sip.failed")), status == 500)

    def test_later(self) -> None:
        """A handler may take its time."""
        waiting: Deferred[None] = Deferred()

        async def answer(incoming: Incoming) -> None:
            await waiting
            incoming.respond(202)

        self.core.serve("MESSAGE", answer)
        self.come(made("MESSAGE"))
        self.assertEqual(self.wire.statuses, [])
        waiting.callback(None)
        self.assertEqual(self.wire.statuses, [202])

    def test_cancel(self) -> None:
        """A CANCEL is answered, told to who is asked, and ends the INVITE with 487."""
        told: list[Request] = []

        def ring(incoming: Incoming) -> None:
            incoming.cancelled = told.append
            incoming.respond(180)

        self.core.serve("INVITE", ring)
        self.come(made("INVITE"))
        self.come(cancellation(made("INVITE")))
        self.assertEqual(self.wire.statuses, [100, 180, 200, 487])
        self.assertEqual(len(told), 1)
        self.assertEqual(self.wire.sent[1].to.tag, self.wire.sent[3].to.tag)

    def test_cancel_too_late(self) -> None:
        """A CANCEL after the final response changes nothing; of nothing it is 481."""
        self.core.serve("INVITE", lambda incoming: incoming.respond(486) and None)
        self.come(made("INVITE"))
        self.come(cancellation(made("INVITE")))
        self.come(cancellation(made("INVITE", branch="z9hG4bK9")))
        self.assertEqual(self.wire.statuses, [100, 486, 200, 481])

    def test_lost(self) -> None:
        """Who answered is told that the ACK never came."""
        told: list[object] = []

        def refuse(incoming: Incoming) -> None:
            incoming.lost = told.append
            incoming.respond(486)

        self.core.serve("INVITE", refuse)
        self.come(made("INVITE"))
        self.clock.advance(32)
        self.assertEqual(len(told), 1)


@attrs.define(eq=False)
class Talk:
    """Somebody with a dialog."""

    dialog: Dialog
    asked: list[str] = attrs.Factory(list)
    acks: int = 0

    def requested(self, incoming: Incoming) -> None:
        self.asked.append(incoming.request.method)
        incoming.respond(200)

    def acknowledged(self, ack: Request) -> None:
        self.acks += 1


class DialogRequestTests(CoreTestCase):
    def setUp(self) -> None:
        super().setUp()
        invite = made("INVITE", "Contact: <sip:bob@192.0.2.7:5061>")
        dialog = Dialog.called(invite, invite.respond(200, "a"), secure=True)
        self.talk = Talk(dialog)
        self.core.dialogs[dialog.id] = self.talk

    def within(self, method: str, number: int) -> None:
        message = made(method, branch=f"z9hG4bK{method}{number}", cseq=number)
        message.set("To", "<sip:alice@example.test>;tag=a")
        self.come(message)

    def test_order(self) -> None:
        """Requests within a dialog come in order; an older one is refused."""
        self.within("INFO", 2)
        self.within("BYE", 3)
        self.within("INFO", 3)
        self.assertEqual(self.talk.asked, ["INFO", "BYE"])
        self.assertEqual(self.wire.statuses, [200, 200, 500])

    def test_ack(self) -> None:
        """An ACK finds its dialog."""
        self.within("ACK", 1)
        self.assertEqual(self.talk.acks, 1)


class MalformedTests(CoreTestCase):
    def test_answered(self) -> None:
        """What cannot be processed is answered 400 where somebody can be answered."""
        message = made()
        message.set("Max-Forwards", "many")
        self.come(message)
        (answer,) = self.wire.sent
        self.assertEqual((answer.status, answer.via.branch), (400, "z9hG4bK1"))
        self.assertEqual(self.log.named("sip.malformed")[0]["status"], 400)

    def test_not_answered(self) -> None:
        """Nothing answers a response, an ACK, or what says not whom to answer."""
        for head in (
            b"SIP/2.0 2000 OK\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1",
            b"OPTIONS sip:a@b SIP/2.0\r\nFoo",
            bytes(made("ACK", "Max-Forwards: x")).partition(b"\r\n\r\n")[0],
        ):
            self.core.frame(Frame(head, b""), self.wire)
        self.assertEqual(self.wire.statuses, [])
        self.assertEqual(len(self.log.named("sip.malformed")), 3)

    def test_version(self) -> None:
        """Another version is 505."""
        head = bytes(made()).partition(b"\r\n\r\n")[0].replace(b"SIP/2.0\r\n", b"SIP/7.0\r\n", 1)
        self.core.frame(Frame(head, b""), self.wire)
        self.assertEqual(self.wire.statuses, [505])

    def test_fault(self) -> None:
        """A stream that cannot be read on is answered with its status."""
        head = bytes(made()).partition(b"\r\n\r\n")[0]
        self.core.fault(Unframeable(513, "too large", head), self.wire)
        self.assertEqual(self.wire.statuses, [513])

    @given(st.binary(max_size=300), st.integers(0, 400))
    def test_any_bytes(self, noise: bytes, at: int) -> None:
        """Whatever comes, nothing is raised, nothing is logged as a failure, and the next request
        is answered."""
        self.setUp()
        head = bytes(made("MESSAGE")).partition(b"\r\n\r\n")[0]
        for text in (noise, head[:at] + noise + head[at:], head[:at] + noise):
            self.core.frame(Frame(text, b""), self.wire)
        before = len(self.wire.sent)
        self.come(made(branch="z9hG4bKlast"))
        self.assertEqual([one.status for one in self.wire.sent[before:]], [200])
        self.assertEqual(self.log.named("sip.failed"), [])

    def test_every_cut(self) -> None:
        """A head that ends too early is answered or dropped, and never more."""
        head = bytes(made("INVITE", "Contact: <sip:b@c>")).partition(b"\r\n\r\n")[0]
        for cut in range(len(head)):
            self.core.frame(Frame(head[:cut], b""), self.wire)
        self.assertEqual(set(self.wire.statuses) - {100, 400, 405, 481}, set())
        self.assertEqual(self.log.named("sip.failed"), [])

    def test_reason_is_one_line(self) -> None:
        """What is wrong is said without the peer's own line ends."""
        head = request("OPTIONS sip:a@b SIP/2.0\nVia: SIP/2.0/TLS a;b\n").fields
        self.assertIn("Via", head)
        message = made()
        message.set("From", 'x"\u2028<sip:a@b>')
        self.come(message)
        self.assertEqual(self.wire.statuses, [400])
