"""What goes wrong in calls between phones: peers that vanish or move, and requests that cross."""

from mobility.domain.call_rows import Wanted
from mobility.domain.facts import CallChanged
from mobility.media.offers import read_description
from mobility.media.sdp import parse
from mobility.sip.message import Request
from mobility.sip.transaction import cancellation
from tests.domain.doubles import done, running, uri
from tests.domain.phone_world import OUTSIDE
from tests.sip.call_world import Telephone, sdp
from tests.sip.samples import request
from tests.sip.test_calls import CallTestCase
from tests.sip.test_transfers import fragments

WEB = (
    "v=0\r\no=web 7 3 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE audio video\r\n"
    "a=msid-semantic: WMS *\r\na=ice-options:trickle\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n"
    "a=ice-ufrag:F7gI\r\na=ice-pwd:x9cml/YzichV2+XlhiMu8g\r\na=fingerprint:sha-256 D1:2C\r\n"
    "a=setup:actpass\r\na=mid:audio\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
    "a=candidate:1 1 UDP 2113937151 192.0.2.4 54400 typ host\r\na=sendrecv\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:video\r\na=bundle-only\r\n"
    "a=rtcp-fb:96 nack pli\r\na=rtpmap:96 VP8/90000\r\na=ssrc:1 cname:x\r\na=sendrecv\r\n"
)
SECURE = sdp("secure").replace("RTP/AVP 0", "RTP/SAVP 0") + (
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"
)


class TalkTestCase(CallTestCase):
    """Alice's phone has called Bob's."""

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.sip.telephone("alice")
        self.bob = self.sip.phone("bob", "192.0.2.22")

    def talk(self, *lines: str, offer: str = "", answer: str = "") -> None:
        self.alice.calls(uri("bob"), offer or sdp("alice"), *lines)
        self.sip.settle()
        self.bob.answers_with(200, answer or sdp("bob"))
        self.sip.settle()
        self.alice.acknowledges()
        self.sip.settle()

    def invites(self, telephone: Telephone) -> list[str]:
        """The descriptions of the INVITEs that a telephone got."""
        return [one.body.decode() for one in telephone.got if one.method == "INVITE"]


class VanishedTests(TalkTestCase):
    """Peers that crash."""

    def test_no_refresh(self) -> None:
        """When a caller does not refresh its session any more, both ends get BYE."""
        self.talk("Supported: timer", "Session-Expires: 90;refresher=uac")
        self.sip.settle(61.0)
        self.sip.settle()
        self.assertEqual(self.alice.methods, ["BYE"])
        self.assertEqual(self.bob.methods[-1], "BYE")
        self.assertEqual(len(self.sip.calls), 0)

    def test_forgotten(self) -> None:
        """A phone that has restarted and does not know the call ends it for the other one."""
        self.talk()
        self.alice.within("INVITE", body=sdp("alice", "sendonly"))
        self.sip.settle()
        self.bob.responds(self.bob.last("INVITE"), 481)
        self.sip.settle()
        self.assertGreaterEqual(self.alice.statuses[-1], 400)
        self.assertIn("BYE", self.alice.methods)
        self.assertEqual(len(self.sip.calls), 0)

    def test_hangs_up_before_its_ack(self) -> None:
        """A caller that sends BYE and no ACK has hung up."""
        self.alice.calls(uri("bob"), sdp("alice"))
        self.sip.settle()
        self.bob.answers_with(200, sdp("bob"))
        self.sip.settle()
        self.alice.within("BYE")
        for _ in range(3):
            self.sip.settle(1.0)
        self.assertEqual(self.alice.statuses.count(200), 2)
        self.assertEqual(self.bob.methods[2], "BYE")
        self.assertEqual(len(self.sip.calls), 0)

    def test_rings_for_ever(self) -> None:
        """A phone that takes the CANCEL and never answers the INVITE is not waited for."""
        invite = self.alice.calls(uri("bob"), sdp("alice"))
        self.sip.settle()
        self.bob.answers_with(180)
        self.sip.settle()
        self.alice.come(cancellation(invite))
        self.sip.settle()
        self.bob.responds(self.bob.last("CANCEL"), 200)
        for _ in range(8):
            self.sip.settle(10.0)
        self.assertEqual((len(self.sip.calls), len(self.sip.core.transactions)), (0, 0))

    def test_offer_for_ever(self) -> None:
        """A new offer that a phone never answers, once the call is over, is not waited for."""
        self.talk()
        self.alice.within("UPDATE", body=sdp("alice", "sendonly"))
        self.sip.settle()
        self.bob.responds(self.bob.last("INVITE"), 100)
        self.alice.within("BYE")
        self.sip.settle()
        for method in ("BYE", "CANCEL"):
            self.bob.responds(self.bob.last(method), 200)
        for _ in range(8):
            self.sip.settle(10.0)
        self.assertEqual(len(self.sip.core.transactions), 0)


class ForkedTests(TalkTestCase):
    """INVITEs that a proxy has forked before they come."""

    def again(self, invite: Request, to: str) -> None:
        copy = request(bytes(invite).decode().partition("\r\n\r\n")[0].replace("\r\n", "\n"))
        copy.uri, copy.body = to, invite.body
        copy.set("Via", f"SIP/2.0/TCP {self.alice.host}:5060;branch=z9hG4bKfork{to}")
        self.alice.come(copy)
        self.sip.settle()

    def test_same(self) -> None:
        """One that comes by two ways rings once (482)."""
        invite = self.alice.calls(uri("bob"), sdp("alice"))
        self.sip.settle()
        self.again(invite, uri("bob"))
        self.assertEqual(self.alice.statuses, [100, 100, 482])
        self.assertEqual(self.bob.methods, ["INVITE"])

    def test_several(self) -> None:
        """One that is for several people here rings each of them."""
        carol = self.sip.phone("carol", "192.0.2.23")
        invite = self.alice.calls(uri("bob"), sdp("alice"))
        self.sip.settle()
        self.again(invite, uri("carol"))
        self.assertEqual((self.bob.methods, carol.methods), (["INVITE"], ["INVITE"]))


class MovedTests(TalkTestCase):
    """Phones that change their address while they talk."""

    def test_caller_moves(self) -> None:
        """After a re-INVITE from another address requests go there, over that connection."""
        self.talk()
        moved = Telephone(self.sip.core, "alice", "192.0.2.77")
        moved.invite, moved.answers = self.alice.invite, list(self.alice.answers)
        moved.numbers = self.alice.numbers
        moved.within("INVITE", body=sdp("alice").replace("192.0.2.9", "192.0.2.77"))
        self.sip.settle()
        asked = self.bob.last("INVITE")
        self.assertIn("c=IN IP4 192.0.2.77", asked.body.decode())
        self.bob.responds(asked, 200, sdp("bob"))
        self.sip.settle()
        self.assertEqual(moved.statuses[-1], 200)
        moved.acknowledges()
        self.bob.sends("BYE")
        self.sip.settle()
        self.assertEqual(moved.methods, ["BYE"])
        self.assertEqual(moved.last("BYE").uri, "sip:alice@192.0.2.77:5060")
        self.assertEqual(self.alice.methods, [])

    def test_called_moves(self) -> None:
        """So do they for a phone that was called, by UPDATE."""
        self.talk()
        moved = Telephone(self.sip.core, "bob", "192.0.2.78")
        moved.numbers = 9
        moved.sends_within(self.bob.last("INVITE"), "UPDATE")
        self.assertEqual(moved.statuses, [200])
        self.alice.within("BYE")
        self.sip.settle()
        self.assertEqual(moved.methods, ["BYE"])
        self.assertEqual(self.bob.methods, ["INVITE", "ACK"])


class CrossingTests(TalkTestCase):
    """Requests of both ends at once."""

    def test_offers_cross(self) -> None:
        """Of two new offers at once one goes through; the other is 491 and may come again."""
        self.talk()
        self.alice.within("INVITE", body=sdp("alice", "sendonly"))
        self.bob.sends("INVITE", body=sdp("bob", "sendonly"))
        self.sip.settle()
        self.assertEqual(self.bob.statuses[-1], 491)
        asked = self.bob.last("INVITE")
        self.assertEqual(asked.body.decode(), sdp("alice", "sendonly"))
        self.bob.responds(asked, 200, sdp("bob", "recvonly"))
        self.sip.settle()
        self.assertEqual(self.alice.statuses[-1], 200)
        self.alice.acknowledges()
        self.bob.sends("INVITE", body=sdp("bob", "inactive").replace("o=bob 1 2", "o=bob 1 3"))
        self.sip.settle()
        self.alice.responds(self.alice.last("INVITE"), 200, sdp("alice", "inactive"))
        self.sip.settle()
        self.assertEqual(self.bob.statuses[-1], 200)

    def test_later_offer_crosses(self) -> None:
        """An offer of who has just been asked is 491, and its own 491 has ours sent again."""
        self.talk()
        self.alice.within("INVITE", body=sdp("alice", "sendonly"))
        self.sip.settle()
        self.bob.sends("INVITE", body=sdp("bob", "sendonly"))
        self.assertEqual(self.bob.statuses[-1], 491)
        self.bob.responds(self.bob.last("INVITE"), 491)
        self.sip.settle(4.1)
        self.bob.responds(self.bob.last("INVITE"), 200, sdp("bob", "recvonly"))
        self.sip.settle()
        self.assertEqual(self.alice.statuses[-1], 200)

    def test_transfers_cross(self) -> None:
        """Both transfer at once: each end is called for, and nobody is left behind."""
        self.talk()
        carol = self.sip.phone("carol", "192.0.2.23")
        desk = self.sip.phone("carol", "192.0.2.24")
        self.alice.within("REFER", f"Refer-To: <{uri('carol')}>")
        self.bob.sends("REFER", f"Refer-To: <{uri('carol')}>")
        self.sip.settle()
        self.assertEqual((self.alice.statuses[-1], self.bob.statuses[-1]), (202, 202))
        self.assertEqual(carol.methods.count("INVITE"), 2)
        for invite in [one for one in carol.got if one.method == "INVITE"]:
            carol.responds(invite, 486)
        for invite in [one for one in desk.got if one.method == "INVITE"]:
            desk.responds(invite, 486)
        self.sip.settle()
        self.assertEqual(fragments(self.alice)[-1], "486")
        self.assertEqual(fragments(self.bob)[-1], "486")
        self.assertEqual(len(self.sip.calls), 2)
        self.alice.within("BYE")
        self.sip.settle()
        self.assertEqual(len(self.sip.calls), 0)

    def test_second_transfer(self) -> None:
        """Who transfers a call that it is transferring already is told 491."""
        self.talk()
        self.sip.phone("carol", "192.0.2.23")
        self.alice.within("REFER", f"Refer-To: <{uri('carol')}>")
        self.alice.within("REFER", f"Refer-To: <{uri('carol')}>")
        self.assertEqual(self.alice.statuses[-2:], [202, 491])

    def test_call_waiting(self) -> None:
        """Somebody who talks is rung for another call, and may take it beside the first."""
        bob = self.sip.application("bob")
        self.talk()
        carol = self.sip.application("carol")
        wanted = Wanted(uri("bob"), ("Audio",), read_description(sdp("carol")))
        done(running(self.world.calls.start(carol, wanted, self.world.now)))
        self.sip.settle()
        self.assertEqual(self.invites(self.bob)[-1], sdp("carol"))
        self.bob.answers_with(200, sdp("bob"))
        self.sip.settle()
        self.assertTrue(self.sip.heard(carol, CallChanged, state="Connected"))
        self.assertEqual(self.alice.methods, [])
        self.assertEqual(self.sip.heard(bob, CallChanged, state="Connected"), [])


class DescriptionTests(TalkTestCase):
    """What becomes of session descriptions on their way."""

    def test_web(self) -> None:
        """What browsers need is passed on as it came, in first offers and in new ones."""
        self.talk(offer=WEB, answer=WEB)
        self.assertEqual(self.invites(self.bob), [WEB])
        self.assertEqual(self.alice.answers[-1].body.decode(), WEB)
        again = WEB.replace("o=web 7 3", "o=web 7 9").replace("F7gI", "G8hJ")
        self.alice.within("INVITE", body=again)
        self.sip.settle()
        self.assertEqual(self.invites(self.bob)[-1], again)

    def test_keys(self) -> None:
        """Keys in descriptions pass as they come."""
        self.talk(offer=SECURE, answer=SECURE)
        self.assertEqual(self.invites(self.bob), [SECURE])

    def test_versions(self) -> None:
        """Each end sees one session, whose version grows whoever describes it: after a transfer
        Bob hears of Carol under the origin that he has heard of before."""
        self.talk()
        carol = self.sip.phone("carol", "192.0.2.23")
        seen = [parse(one).origin for one in self.invites(self.bob)]
        self.alice.within("REFER", f"Refer-To: <{uri('carol')}>")
        self.sip.settle()
        carol.answers_with(200, sdp("carol"))
        self.sip.settle()
        self.bob.responds(self.bob.last("INVITE"), 200, sdp("bob", "sendonly"))
        self.sip.settle()
        for direction in ("sendonly", "inactive"):
            offer = sdp("carol", direction).replace("o=carol 1 2", "o=carol 1 1")
            carol.sends("UPDATE", body=offer)
            self.sip.settle()
            asked = self.bob.last("INVITE")
            self.bob.responds(asked, 200, sdp("bob", "inactive"))
            self.sip.settle()
        seen = [parse(one).origin for one in self.invites(self.bob)]
        self.assertEqual({(one.username, one.session_id) for one in seen}, {("alice", "1")})
        versions = [int(one.version) for one in seen]
        self.assertEqual(versions, sorted(set(versions)))
        self.assertGreaterEqual(len(versions), 4)
        answers = [
            parse(one.body.decode()).origin
            for one in carol.answers
            if one.body and one.status == 200
        ]
        answers.insert(0, parse(self.invites(carol)[0]).origin)
        self.assertEqual(len({(one.username, one.session_id) for one in answers}), 1)
        grown = [int(one.version) for one in answers]
        self.assertEqual(grown, sorted(grown))


class StoppingTests(TalkTestCase):
    """The front end stops in good order."""

    def test_stops(self) -> None:
        """Who talks gets BYE, who rings CANCEL, and who waits for an answer 503."""
        self.talk()
        other = self.sip.telephone("alice", "192.0.2.25")
        desk = self.sip.phone("carol", "192.0.2.23")
        number = self.sip.gateway()
        other.calls(f"sip:{OUTSIDE}@example.test;user=phone", sdp("other"), call="third")
        self.alice.calls(uri("carol"), sdp("alice"), call="second")
        self.sip.settle()
        for phone in (desk, number):
            phone.answers_with(180)
        self.sip.settle()
        self.sip.calls.close()
        self.sip.gateways.close()
        self.assertEqual(self.alice.methods, ["BYE"])
        self.assertEqual(self.alice.statuses[-1], 503)
        self.assertEqual(other.statuses[-1], 503)
        self.assertEqual(self.bob.methods, ["INVITE", "ACK", "BYE"])
        self.assertEqual(desk.methods, ["INVITE", "CANCEL"])
        self.assertEqual(number.methods, ["INVITE", "CANCEL"])
