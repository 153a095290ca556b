"""Messages that wait for a phone which sleeps."""

from mobility.domain.late_ringing import LateMessages
from mobility.domain.outcomes import UNABLE
from tests.domain.doubles import uri
from tests.domain.test_correspondence import BOB, CorrespondenceTestCase

CAROL = uri("carol")


class LateMessageTests(CorrespondenceTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.late = LateMessages(self.world.agenda, self.world.conversations, self.letters)
        self.world.conversations.wakers.append(lambda who, modality: who == CAROL)
        self.alice = self.world.sign_in("alice")
        self.carrier.people = {BOB, CAROL}

    def test_comes_back(self) -> None:
        """What could not be brought to a phone that slept is brought when it comes back, and the
        conversation goes on."""
        self.carrier.outcome = UNABLE
        self.start(self.alice, CAROL, "Wake up")
        self.world.advance(2)
        self.assertEqual(self.carrier.bodies, ["Wake up"])
        self.assertEqual(self.invitations(self.alice)[-1].state, "Connecting")
        self.carrier.outcome = None
        self.late.came(CAROL)
        self.world.advance(5)
        self.assertEqual(self.carrier.bodies, ["Wake up", "Wake up"])
        self.assertEqual(self.invitations(self.alice)[-1].state, "Connected")

    def test_comes_first(self) -> None:
        """A phone that was not registered rings when it comes, once."""
        self.carrier.people = {BOB}
        self.start(self.alice, CAROL, "Hello")
        self.carrier.people = {BOB, CAROL}
        self.late.came(CAROL)
        self.late.came(CAROL)
        self.world.advance(2)
        self.assertEqual(self.carrier.bodies, ["Hello"])

    def test_too_late(self) -> None:
        """What is over does not ring."""
        self.carrier.outcome = UNABLE
        self.start(self.alice, CAROL, "Hello")
        self.world.advance(self.world.bounds.invitation_s + 2)
        self.assertEqual(self.invitations(self.alice)[-1].state, "Failed")
        self.late.came(CAROL)
        self.world.advance(2)
        self.assertEqual(self.carrier.bodies, ["Hello"])

    def test_nothing_waits(self) -> None:
        """A phone for which nothing waits changes nothing."""
        units = len(self.world.ledger.units)
        self.late.came(CAROL)
        self.world.advance(2)
        self.assertEqual(len(self.world.ledger.units), units)
