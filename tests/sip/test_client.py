"""Requests of ours, without a network."""

from collections.abc import Sequence
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.sip.client import Client
from mobility.sip.core import Core
from mobility.sip.dialog import Dialog
from mobility.sip.flow import Flow
from mobility.sip.headers import NameAddr
from mobility.sip.limits import ATTEMPT_S
from mobility.sip.message import Request, Response
from mobility.sip.outgoing import Outgoing
from mobility.sip.routing import Hop, Target, ways_of
from mobility.sip.sending import Sending
from mobility.sip.transaction import LIFETIME_S
from mobility.testing import MemoryLog
from tests.sip.garbage import left_by
from tests.sip.peer import Peer, Places


class ClientTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.log = MemoryLog()
        self.entropy = 0
        self.core = Core(self.clock, self.log, self.random)
        self.places = Places()
        outgoing = cast(Outgoing, self.places)
        self.client = Client(self.core, outgoing, self.places, self.clock, self.log, self.random)
        self.responses: list[Response] = []

    def random(self, size: int) -> bytes:
        self.entropy += 1
        return self.entropy.to_bytes(size, "big")

    def peer(self, host: str = "a", **more: object) -> Peer:
        peer = self.places.peers[host] = Peer(self.core, host=host, **more)
        return peer

    def made(self, method: str) -> Request:
        ours, theirs = NameAddr.parse("<sip:us@example.test>"), NameAddr.parse("<sip:them@a>")
        return self.client.request(method, "sip:them@a", ours, theirs)

    def send(self, method: str, *ways: Target | Peer) -> Sending:
        flows = cast(Sequence[Flow | Target], ways)
        return self.client.send(self.made(method), flows, self.responses.append)

    @property
    def statuses(self) -> list[int]:
        return [one.status for one in self.responses]


class SendTests(ClientTestCase):
    def test_answered(self) -> None:
        """A request goes to the first target; its answer ends it, with one line in the log."""
        peer = self.peer()
        sending = self.send("OPTIONS", Target("a"), Target("b"))
        (request,) = peer.got
        self.assertEqual((request.via.transport, request.via.sent_by), ("TCP", "192.0.2.1:5060"))
        self.assertTrue(request.from_.tag)
        peer.answer(200)
        self.assertEqual(self.statuses, [200])
        self.assertTrue(sending.finished and not sending.local)
        (line,) = self.log.named("sip.sent")
        self.assertEqual((line["status"], line["peer"], line["tries"]), (200, "a", 1))
        self.clock.advance(100)
        self.assertEqual(self.statuses, [200])
        self.assertEqual(len(self.core.transactions), 0)

    def test_nothing_left(self) -> None:
        """A request that was answered leaves nothing that only the garbage collector frees, nor
        does one whose connection has broken."""
        peer = self.peer()

        def answered() -> None:
            self.send("MESSAGE", peer)
            peer.answer(200)

        def broken() -> None:
            self.client.send(self.made("MESSAGE"), [cast(Flow, peer)], lambda response: None)
            self.core.broken(cast(Flow, peer))

        self.assertEqual((left_by(answered), left_by(broken)), (set(), set()))
        self.assertEqual(self.statuses, [200])

    def test_next_target(self) -> None:
        """No address, a refused connection, a broken one and 503 lead to the next target, each with
        a branch of its own."""
        self.peer("dead", alive=False)
        busy, good = self.peer("busy"), self.peer("good")
        hosts = ("nowhere", "closed", "dead", "busy", "good")
        self.send("OPTIONS", *(Target(host) for host in hosts))
        self.clock.advance(0)
        busy.answer(503)
        self.assertEqual(self.statuses, [])
        good.answer(404)
        self.assertEqual(self.statuses, [404])
        self.assertNotEqual(busy.got[0].via.branch, good.got[0].via.branch)

    def test_silence(self) -> None:
        """A target that says nothing is left for the next one soon; the last one has its time."""
        first, last = self.peer("a"), self.peer("b")
        sending = self.send("MESSAGE", Target("a"), Target("b"))
        self.clock.advance(ATTEMPT_S)
        self.assertEqual((first.methods, last.methods), (["MESSAGE"], ["MESSAGE"]))
        first.answer(200)
        self.assertEqual(self.statuses, [])
        self.clock.advance(LIFETIME_S)
        self.assertEqual(self.statuses, [408])
        self.assertTrue(sending.local)

    def test_nobody(self) -> None:
        """Where nobody can be reached the answer is a 503 of our own."""
        sending = self.send("MESSAGE", Target("nowhere"))
        self.assertEqual(self.statuses, [503])
        self.assertTrue(sending.local)

    def test_fault(self) -> None:
        """A fault of ours is told in the log, and answered: nobody waits for ever."""
        self.places.waiting = Deferred()
        self.send("MESSAGE", Target("there"))
        self.places.waiting.errback(RuntimeError("a fault"))
        self.assertEqual(self.statuses, [500])
        self.assertEqual(len(self.log.named("sip.failed")), 1)

    def test_last_refusal(self) -> None:
        """A 503 of the last target is its answer."""
        peer = self.peer()
        sending = self.send("MESSAGE", Target("a"))
        peer.answer(503)
        self.assertEqual((self.statuses, sending.local), ([503], False))

    def test_refused_before(self) -> None:
        """A 503 that was heard is the answer where the next target says nothing."""
        busy = self.peer()
        self.peer("b")
        sending = self.send("MESSAGE", Target("a"), Target("b"))
        busy.answer(503)
        self.clock.advance(LIFETIME_S)
        self.assertEqual((self.statuses, sending.local), ([503], False))
        self.assertTrue(self.responses[0].heard)

    def test_same_place(self) -> None:
        """Who answers 503 is not asked again by another way: out of dialogs at the same address and
        port, within one at the same address."""
        busy = self.peer()
        self.send("MESSAGE", Target("a"), Target("a", 5070), busy, Target("a"))
        busy.answer(503)
        busy.answer(503)
        self.assertEqual((busy.methods, self.statuses), (["MESSAGE"] * 2, [503]))
        within = self.made("UPDATE")
        within.set("To", "<sip:them@a>;tag=1")
        self.client.send(within, cast(Sequence[Flow], [busy, Target("a", 5070)]), lambda _: None)
        busy.answer(503)
        self.assertEqual(busy.methods.count("UPDATE"), 1)

    def test_slow_answer(self) -> None:
        """A re-INVITE waits for its answer, however long that takes, and is not sent twice."""
        slow, other = self.peer(), self.peer("b")
        again = self.made("INVITE")
        again.set("To", "<sip:them@a>;tag=1")
        ways = cast(Sequence[Flow | Target], [slow, Target("b")])
        self.client.send(again, ways, self.responses.append)
        self.clock.advance(LIFETIME_S - 1)
        slow.answer(200)
        self.assertEqual((self.statuses, slow.methods, other.methods), ([200], ["INVITE"], []))

    def test_bounded(self) -> None:
        """However many targets are silent, it is over after twice the life of a transaction."""
        for number in range(16):
            self.peer(str(number))
        self.send("MESSAGE", *(Target(str(number)) for number in range(16)))
        for _ in range(int(2 * LIFETIME_S)):
            self.clock.advance(1)
        self.assertEqual(self.statuses, [408])

    def test_datagrams(self) -> None:
        """Over UDP a request is sent again; a large one tries TCP first."""
        peer = self.peer(transport="UDP", reliable=False)
        self.send("MESSAGE", Target("a", None, "UDP"))
        self.clock.pump([0.5, 1.0])
        self.assertEqual(len(peer.got), 3)
        request = self.made("INVITE")
        request.body = b"x" * 1_300
        self.client.send(request, [Target("a", None, "UDP")], self.responses.append)
        self.assertEqual([hop.transport for hop in self.places.asked], ["UDP", "TCP", "UDP"])

    def large(self, *ways: Target | Peer, method: str = "MESSAGE", size: int = 1_300) -> None:
        request = self.made(method)
        request.body = b"x" * size
        flows = cast(Sequence[Flow | Target], ways)
        self.client.send(request, flows, self.responses.append)

    def test_large_message(self) -> None:
        """A MESSAGE over 1300 bytes goes to the same place by TCP, also to a phone that has
        registered over UDP."""
        phone = self.peer("192.0.2.30", transport="UDP", reliable=False)
        self.places.peers["192.0.2.30"] = over_tcp = Peer(self.core, host="192.0.2.30")
        self.large(phone)
        self.assertEqual((phone.got, over_tcp.methods), ([], ["MESSAGE"]))
        self.assertEqual(self.places.asked[-1], Hop("TCP", "192.0.2.30", 5060, "192.0.2.30"))
        self.assertEqual(over_tcp.got[-1].via.transport, "TCP")
        over_tcp.answer(200)
        self.large(phone, size=800)
        self.assertEqual(phone.methods, ["MESSAGE"])
        self.assertEqual(self.statuses, [200])

    def test_no_fragments(self) -> None:
        """Where there is no TCP it is refused, and the log says so; other requests go by UDP, and
        the log says that."""
        phone = self.peer(transport="UDP", reliable=False)
        self.large(phone)
        self.large(Target("a", None, "UDP"))
        self.assertEqual((self.statuses, phone.got), ([513, 513], []))
        line, _ = self.log.named("sip.too_large")
        self.assertEqual((line["method"], line["peer"]), ("MESSAGE", "a"))
        self.assertGreater(cast(int, line["bytes"]), 1_300)
        self.assertEqual(self.log.named("sip.large_datagram"), [])
        self.large(phone, method="INVITE")
        self.large(phone, method="INVITE", size=100)
        self.assertEqual(phone.methods, ["INVITE", "INVITE"])
        (line,) = self.log.named("sip.large_datagram")
        self.assertEqual((line["method"], line["peer"]), ("INVITE", phone.host))
        self.assertGreater(cast(int, line["bytes"]), 1_300)

    def test_large_elsewhere(self) -> None:
        """Another target that is reached by TCP gets what does not fit into a datagram."""
        self.peer("a", transport="UDP", reliable=False)
        other = self.peer("b")
        self.large(Target("a", None, "UDP"), Target("b"))
        self.assertEqual(other.methods, ["MESSAGE"])

    def test_ask(self) -> None:
        """A final response can be waited for."""
        peer = self.peer()
        answer = Deferred.fromCoroutine(self.client.ask(self.made("OPTIONS"), [Target("a")]))
        peer.answer(180)
        self.assertNoResult(answer)
        peer.answer(200)
        self.assertEqual(self.successResultOf(answer).status, 200)


class InviteTests(ClientTestCase):
    def test_answers(self) -> None:
        """Provisional responses come through but 100; each 2xx does, also of another branch and
        again, and is acknowledged by who called."""
        peer = self.peer()
        sending = self.send("INVITE", Target("a"))
        for status, tag in ((100, ""), (180, "x"), (183, "y"), (200, "x"), (200, "y"), (200, "x")):
            peer.answer(status, tag)
        self.assertEqual(self.statuses, [180, 183, 200, 200, 200])
        dialog = Dialog.calling(sending.request, self.responses[2], secure=False)
        ack = dialog.acknowledge(1)
        self.client.pass_on(ack, ways_of(ack, sending.flow))
        self.assertEqual(peer.got[-1].method, "ACK")
        self.assertEqual(peer.got[-1].uri, "sip:a:5070")

    def test_refused(self) -> None:
        """The ACK of a refusal goes by itself."""
        peer = self.peer()
        self.send("INVITE", Target("a"))
        peer.answer(486)
        self.assertEqual((self.statuses, peer.methods), ([486], ["INVITE", "ACK"]))

    def test_cancel(self) -> None:
        """A CANCEL waits for a provisional response and carries its reason; 487 follows."""
        peer = self.peer()
        sending = self.send("INVITE", Target("a"))
        sending.cancel('SIP;cause=200;text="Call completed elsewhere"')
        self.assertEqual(peer.methods, ["INVITE"])
        peer.answer(100)
        self.assertEqual(peer.methods, ["INVITE", "CANCEL"])
        self.assertIn("cause=200", peer.got[1].first("Reason") or "")
        self.assertEqual(peer.got[1].via.branch, peer.got[0].via.branch)
        peer.answer(200)
        peer.answer(487, number=0)
        self.assertEqual(self.statuses, [487])

    def test_cancel_unsent(self) -> None:
        """What has not gone out is over at once, and does not go out later."""
        peer = self.peer()
        self.places.waiting = Deferred()
        sending = self.send("INVITE", Target("a"))
        sending.cancel()
        self.assertEqual(self.statuses, [487])
        self.places.waiting.callback(None)
        self.assertEqual(peer.got, [])

    def test_cancel_ignored(self) -> None:
        """Who ignores a CANCEL is not waited for."""
        peer = self.peer()
        sending = self.send("INVITE", Target("a"))
        peer.answer(180)
        sending.cancel()
        peer.answer(200)
        peer.answer(180, number=0)
        self.clock.advance(LIFETIME_S)
        self.assertEqual(self.statuses, [180, 487])

    def test_cancel_race(self) -> None:
        """A 2xx that crosses the CANCEL is handed on: hanging up is the caller's."""
        peer = self.peer()
        sending = self.send("INVITE", Target("a"))
        peer.answer(180)
        sending.cancel()
        peer.answer(200, number=0)
        self.assertEqual(self.statuses, [180, 200])
        self.client.hang_up(sending.request, self.responses[-1], sending.flow)
        self.assertEqual(peer.methods, ["INVITE", "CANCEL", "ACK", "BYE"])

    def test_late(self) -> None:
        """A target that was given up is cancelled when it rings and hung up on when it answers."""
        slow, other = self.peer("a"), self.peer("b")
        self.send("INVITE", Target("a"), Target("b"))
        self.clock.advance(ATTEMPT_S)
        other.answer(180)
        slow.answer(180)
        slow.answer(200, number=0)
        self.assertEqual(slow.methods, ["INVITE", "CANCEL", "ACK", "BYE"])
        other.answer(200)
        self.assertEqual(self.statuses, [180, 200])
