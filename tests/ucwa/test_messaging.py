"""Instant messages between two people: every event as the task pages show it."""

from tests.ucwa.service import UcwaTestCase, converted, uri

INVITATIONS = "communication/messagingInvitations"


class SendAnImTests(UcwaTestCase):
    """UCWA "Send an IM", step by step."""

    async def test_walk(self) -> None:
        """Invitation, answer, message and end come as the page shows them."""
        alice = await self.service.sign_in("alice")
        bob = await self.service.sign_in("bob")
        invited = await alice.post(
            "communication/startmessaging",
            {
                "importance": "Normal",
                "sessionContext": "33dc0ef6-0570-4467-bb7e-49fcbea8e944",
                "subject": "Task Sample",
                "telemetryId": None,
                "to": "sip:Bob@example.test",
                "operationId": "5028e824",
            },
        )
        print(self.accepted(invited, 201))
        for t in await alice.events(): print(t)
        for t in await bob.events(): print(t)
