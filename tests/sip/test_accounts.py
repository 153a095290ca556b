"""Requests to servers that challenge them."""

from typing import cast

from mobility.media.offers import read_description
from mobility.sip.accounts import MAX_ANSWERS, Accounts
from mobility.sip.challenges import Account
from mobility.sip.client import Client
from mobility.sip.headers import Authorisation
from mobility.sip.message import Response
from mobility.sip.routing import Target
from tests.domain.doubles import done, running
from tests.domain.phone_world import PhoneWorld
from tests.sip.call_world import sdp
from tests.sip.peer import Peer
from tests.sip.test_client import ClientTestCase
from tests.sip.test_gateway_legs import GatewayTestCase

TRUNK = Target("a", account="trunk")


def challenge(nonce: str, *, realm: str = "a", stale: bool = False, more: str = "") -> str:
    extra = ", stale=true" if stale else ""
    return f'Digest realm="{realm}", nonce="{nonce}", qop="auth"{extra}{more}'


class AccountTests(ClientTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.towards: list[str] = []
        accounts = {
            "trunk": Account("trunk", "bob", "good"),
            "strict": Account("strict", "bob", "good", "only.test"),
        }
        self.accounts = Accounts(accounts, lambda flow: self.towards, self.random, self.log)
        self.client = Client(
            self.core,
            self.client._outgoing,
            self.places,
            self.clock,
            self.log,
            self.random,
            self.accounts,
        )

    def asks(self, peer: Peer, nonce: str, status: int = 401, **more: object) -> None:
        """The peer challenges the latest request."""
        name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
        response = peer.got[-1].respond(status, "p")
        response.add(name, challenge(nonce, **more))  # type: ignore[arg-type]
        peer.come(response)

    def credentials(self, peer: Peer, header: str = "Authorization") -> dict[str, str]:
        """The credentials of the latest request."""
        line = peer.got[-1].first(header)
        return dict(Authorisation.parse(line).parameters) if line else {}

    def test_answered(self) -> None:
        """A challenged request is sent again, with the next CSeq and a branch of its own."""
        peer = self.peer()
        self.send("MESSAGE", TRUNK)
        self.assertEqual(self.credentials(peer), {})
        self.asks(peer, "n1")
        first, second = peer.got
        self.assertEqual((first.call_id, first.from_), (second.call_id, second.from_))
        self.assertEqual((first.cseq.number, second.cseq.number), (1, 2))
        self.assertNotEqual(first.via.branch, second.via.branch)
        self.assertEqual(self.credentials(peer)["nonce"], "n1")
        self.assertEqual(self.statuses, [])
        peer.answer(200)
        self.assertEqual(self.statuses, [200])

    def test_kept(self) -> None:
        """The next request to the server answers the challenge at once, with the next count."""
        peer = self.peer()
        self.send("MESSAGE", TRUNK)
        self.asks(peer, "n1")
        peer.answer(200)
        self.send("MESSAGE", TRUNK)
        self.assertEqual(
            (self.credentials(peer)["nonce"], self.credentials(peer)["nc"]), ("n1", "00000002")
        )
        self.asks(peer, "n2")
        self.assertEqual(
            (self.credentials(peer)["nonce"], self.credentials(peer)["nc"]), ("n2", "00000001")
        )
        peer.answer(200)
        self.assertEqual(self.statuses, [200, 200])

    def test_wrong(self) -> None:
        """Credentials that are refused are not sent again; the log says so, once a request."""
        peer = self.peer()
        self.send("OPTIONS", TRUNK)
        self.asks(peer, "n1")
        self.asks(peer, "n2")
        self.assertEqual((self.statuses, len(peer.got)), ([401], 2))
        (line,) = self.log.named("sip.credentials_refused")
        self.assertEqual((line["account"], line["realm"]), ("trunk", "a"))
        self.assertEqual((line["reason"], line["status"]), ("password", 401))
        self.send("OPTIONS", TRUNK)
        self.assertEqual(self.credentials(peer), {})

    def test_stale(self) -> None:
        """A nonce that was too old is followed by a new one, though not for ever."""
        peer = self.peer()
        self.send("OPTIONS", TRUNK)
        for number in range(MAX_ANSWERS + 1):
            self.asks(peer, f"n{number}", stale=number > 0)
        self.assertEqual((self.statuses, len(peer.got)), ([401], MAX_ANSWERS + 1))

    def test_proxy_and_server(self) -> None:
        """A proxy's challenge and the server's behind it are both answered."""
        peer = self.peer()
        self.send("MESSAGE", TRUNK)
        self.asks(peer, "p", 407, realm="proxy")
        self.asks(peer, "s")
        self.assertEqual(self.credentials(peer)["nonce"], "s")
        self.assertEqual(self.credentials(peer, "Proxy-Authorization")["nonce"], "p")

    def test_realm(self) -> None:
        """An account for one realm answers no other."""
        peer = self.peer()
        self.send("OPTIONS", Target("a", account="strict"))
        self.asks(peer, "n1", realm="other.test")
        self.assertEqual((self.statuses, len(peer.got)), ([401], 1))
        self.assertEqual(self.log.named("sip.credentials_refused")[0]["reason"], "realm")
        self.send("OPTIONS", Target("a", account="strict"))
        self.asks(peer, "n1", realm="only.test")
        self.assertEqual(self.credentials(peer)["realm"], "only.test")

    def test_another_host(self) -> None:
        """A host without an account gets nothing, also after one that has it."""
        trunk, other = self.peer("a"), self.peer("b")
        self.send("OPTIONS", TRUNK)
        self.asks(trunk, "n1")
        trunk.answer(503)
        self.send("OPTIONS", TRUNK, Target("b"))
        self.assertIn("Authorization", trunk.got[-1].fields)
        trunk.answer(503)
        self.assertEqual(self.credentials(other), {})
        self.asks(other, "n2")
        self.assertEqual((self.statuses, len(other.got)), ([503, 401], 1))

    def test_no_account_any_more(self) -> None:
        """A target whose account is taken away is proven nothing from then on."""
        peer = self.peer()
        self.send("OPTIONS", TRUNK)
        self.asks(peer, "n1")
        peer.answer(200)
        self.send("OPTIONS", Target("a"))
        self.assertEqual(self.credentials(peer), {})
        self.send("OPTIONS", Target("a", account="gone"))
        self.asks(peer, "n1")
        self.assertEqual(self.log.named("sip.credentials_refused")[-1]["reason"], "account")

    def test_opened_by_the_peer(self) -> None:
        """Over a connection that the peer has opened its own account is used."""
        peer = self.peer()
        self.send("OPTIONS", peer)
        self.asks(peer, "n1")
        self.assertEqual(self.statuses, [401])
        self.towards = ["trunk"]
        self.send("OPTIONS", peer)
        self.asks(peer, "n1")
        self.assertEqual(self.credentials(peer)["username"], "bob")

    def test_cancelled(self) -> None:
        """What was cancelled is not sent again."""
        peer = self.peer()
        sending = self.send("INVITE", TRUNK)
        peer.answer(180)
        sending.cancel()
        invite = peer.got[0]
        response = invite.respond(407, "p")
        response.add("Proxy-Authenticate", challenge("n"))
        peer.come(response)
        self.assertEqual(peer.methods, ["INVITE", "CANCEL", "ACK"])


class CallTests(GatewayTestCase):
    """Calls through a gateway that challenges."""

    def with_account(self) -> None:
        voice = cast(PhoneWorld, self.world).voice
        done(running(voice.change("gateways", "gw.test", {"account": "trunk"}, 1)))

    def asks(self, method: str = "INVITE", nonce: str = "n1") -> Response:
        line = ("Proxy-Authenticate", challenge(nonce))
        return self.gateway.responds(self.gateway.last(method), 407, "", line)

    def test_call(self) -> None:
        """INVITE, its ACK, and BYE prove who we are, with CSeqs that grow."""
        self.with_account()
        invitation = self.out()
        self.asks()
        self.sip.settle()
        first, second = (one for one in self.gateway.got if one.method == "INVITE")
        self.assertEqual((first.cseq.number, second.cseq.number), (1, 2))
        self.gateway.answers_with(200, sdp("gw"))
        self.sip.settle()
        ack = self.gateway.last("ACK")
        self.assertEqual(ack.cseq.number, 2)
        name = "Proxy-Authorization"
        self.assertEqual(ack.fields[name], second.fields[name])
        self.hang_up(self.alice, invitation.conversation_id)
        bye = self.gateway.last("BYE")
        self.assertEqual(bye.cseq.number, 3)
        self.assertIn("nc=00000002", bye.first(name) or "")
        self.asks("BYE", "n2")
        self.sip.settle()
        again = self.gateway.last("BYE")
        self.assertEqual(again.cseq.number, 4)
        self.assertIn('nonce="n2"', again.first(name) or "")

    def test_reoffer(self) -> None:
        """A re-INVITE that is challenged anew goes on with the numbers of the dialog."""
        self.with_account()
        invitation = self.connected()
        renegotiations, now = self.world.renegotiations, self.world.now
        offer = read_description(sdp("alice", "sendonly"))
        conversation_id = invitation.conversation_id
        done(running(renegotiations.offer(self.alice, conversation_id, offer, "", now)))
        self.sip.settle()
        self.asks(nonce="n2")
        self.sip.settle()
        again = self.gateway.last("INVITE")
        self.assertEqual(again.cseq.number, 3)
        self.gateway.answers_with(200, sdp("gw", "recvonly"))
        self.sip.settle()
        self.assertEqual(self.gateway.last("ACK").cseq.number, 3)
        self.assertIn("Proxy-Authorization", self.gateway.last("ACK").fields)
        self.hang_up(self.alice, invitation.conversation_id)
        self.assertEqual(self.gateway.last("BYE").cseq.number, 4)
