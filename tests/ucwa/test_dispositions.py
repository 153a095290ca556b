"""What people elsewhere are told of what UCWA clients have received and read."""

from mobility.domain.carriers import Page, Wish
from mobility.domain.messaging import Text
from tests.domain.doubles import running
from tests.domain.test_correspondence import BOB, MemoryCarrier
from tests.ucwa.service import UcwaTestCase


class DispositionTests(UcwaTestCase):
    async def test_told(self) -> None:
        """A message is delivered when the client has asked for what comes after it, and displayed
        when it was marked as read."""
        alice = await self.service.sign_in("alice")
        letters = self.service.front_end.correspondence
        carrier = letters.carrier = MemoryCarrier({BOB})
        wish = Wish("m1", delivery=True, display=True)
        page = Page(BOB, "Bob", alice.uri, 0.0, Text("Plain", "Hi"), wish=wish)
        await running(letters.receive(page, self.clock.seconds()))
        (invitation,) = [one for one in await alice.events() if one.rel == "messagingInvitation"]
        self.assertEqual(carrier.notified, [])
        parked = alice.park()
        while not carrier.notified:
            await self.service.settle()
        self.assertEqual(carrier.notified, [(BOB, "m1", "delivered")])
        accept = invitation.resource["_links"]["accept"]["href"]
        self.assertEqual((await alice.post(accept)).status, 204)
        alice.take(await parked)
        conversation = invitation.resource["_links"]["conversation"]["href"]
        await alice.post("communication/unread", {"upTo": conversation})
        while len(carrier.notified) < 2:
            await self.service.settle()
        self.assertEqual(carrier.notified[1], (BOB, "m1", "displayed"))
