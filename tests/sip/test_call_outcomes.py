"""What callers are told when nobody answers, and who may call."""

from mobility.domain.registration import Availability
from tests.domain.doubles import done, running, uri
from tests.domain.phone_world import OUTSIDE
from tests.sip.call_world import Telephone, sdp
from tests.sip.test_calls import CallTestCase


class OutcomeTests(CallTestCase):
    """Alice's phone calls."""

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.sip.telephone("alice")

    def test_number(self) -> None:
        """A number is busy as its gateway says (486), and with no gateway that reaches it 502."""
        gateway = self.sip.gateway()
        for number, (said, told) in enumerate(((486, 486), (503, 502))):
            to = f"sip:{OUTSIDE}@example.test;user=phone"
            self.alice.calls(to, sdp("alice"), call=f"call{number}")
            self.sip.settle()
            gateway.answers_with(said)
            self.sip.settle()
            self.assertEqual(self.alice.statuses[-1], told)

    def test_not_disturbed(self) -> None:
        """Who is not to be disturbed is busy."""
        bob = self.world.sign_in("bob", available=False)
        chosen = Availability(("Messaging", "Audio"), sign_in_as="DoNotDisturb")
        done(running(self.world.applications.make_available(bob, chosen, self.world.now)))
        self.alice.calls(uri("bob"), sdp("alice"))
        self.sip.settle()
        self.assertEqual(self.alice.statuses[-1], 486)

    def test_devices(self) -> None:
        """What the only phone says: it takes none of the media, is not there, or is not asked."""
        bob = self.sip.phone("bob")
        for number, (said, told) in enumerate(((488, 488), (606, 488), (480, 480), (404, 480))):
            self.alice.calls(uri("bob"), sdp("alice"), call=f"call{number}")
            self.sip.settle()
            bob.answers_with(said)
            self.sip.settle()
            self.assertEqual((said, self.alice.statuses[-1]), (said, told))

    def test_everybody_declines(self) -> None:
        """Of several refusals a person's answer is told before a device's: a decline before busy,
        busy before media that are not taken."""
        desk, soft = self.sip.phone("bob", "192.0.2.21"), self.sip.phone("bob", "192.0.2.22")
        for number, (one, other, told) in enumerate(
            ((486, 488, 486), (480, 486, 486), (486, 603, 603), (480, 488, 488))
        ):
            self.alice.calls(uri("bob"), sdp("alice"), call=f"call{number}")
            self.sip.settle()
            desk.answers_with(one)
            self.sip.settle()
            soft.answers_with(other)
            self.sip.settle()
            self.assertEqual(self.alice.statuses[-1], told)

    def test_no_descriptions(self) -> None:
        """A caller that takes no session descriptions is told which it has to take."""
        self.sip.phone("bob")
        self.alice.calls(uri("bob"), sdp("alice"), "Accept: text/plain")
        self.sip.settle()
        self.assertEqual(self.alice.statuses[-1], 406)
        self.assertEqual(self.alice.answers[-1].first("Accept"), "application/sdp")


class CallerTests(CallTestCase):
    """Who calls."""

    def phone(self) -> Telephone:
        """One that nobody vouches for."""
        phone = self.sip.telephone("alice")
        phone.names = frozenset()
        return phone

    def test_stranger(self) -> None:
        """Who has not proved who it is is challenged as by a proxy."""
        phone = self.phone()
        phone.calls(uri("bob"), sdp("alice"))
        self.sip.settle()
        self.assertEqual(phone.statuses[-1], 407)
        self.assertIn("Proxy-Authenticate", phone.answers[-1].fields)

    def test_asserted(self) -> None:
        """A trusted peer calls for whom P-Asserted-Identity names."""
        bob, proxy = self.sip.phone("bob"), self.sip.telephone("x")
        asserted = f"P-Asserted-Identity: <{uri('alice')}>"
        proxy.calls(uri("bob"), sdp("x"), asserted)
        self.sip.settle()
        self.assertEqual(bob.last("INVITE").from_.sip.aor, uri("alice"))
