"""What is under way when a user is given another password, disabled or removed."""

import attrs
from twisted.internet.defer import Deferred

from mobility.domain.records import User
from mobility.errors import Refusal, Unavailable
from mobility.ucwa.hrefs import APPLICATIONS
from tests.ucwa.service import UcwaTestCase, uri
from tests.ucwa.test_store_faults import protect

REGISTRATION = {"UserAgent": "tests", "Culture": "en-US"}


class RevocationTests(UcwaTestCase):
    """Alice, whom an operator changes while her client goes on."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice")

    def change(self, **changes: object) -> Deferred[User]:
        """An operator's change, which is stored after this turn."""
        users, now = self.service.front_end.users, self.clock.seconds()
        change = users.update(
            uri("alice"),
            lambda user: attrs.evolve(user, **changes),  # type: ignore[arg-type]
            now,
        )
        return Deferred.fromCoroutine(change)

    def applications(self) -> list[str]:
        """Which applications Alice has."""
        return [one.id for one in self.service.front_end.applications.of_user(uri("alice"))]

    async def test_waiting_request(self) -> None:
        """What waits with a token that ends hears nothing more: it is answered with its links, and
        what happens later waits for who signs in again."""
        parked = self.alice.park()
        await self.change(credential_version=7)
        self.assertEqual(self.alice.take(await parked), [])
        bob = await self.service.sign_in("bob")
        links = {"message": {"href": "data:text/plain,secret"}}
        invited = await bob.post(
            "communication/messagingInvitations",
            {"to": uri("alice"), "operationId": "1", "_links": links},
        )
        self.accepted(invited, 201)
        self.refused(await self.alice.park(), 401, "Unauthorized")
        self.alice.token = await self.service.token("alice")
        heard = {event.rel for event in await self.alice.events()}
        self.assertIn("messagingInvitation", heard)

    async def test_other_users(self) -> None:
        """Nobody else's requests are answered for that."""
        bob = await self.service.sign_in("bob")
        parked = bob.park()
        await self.change(credential_version=7)
        self.assertFalse(parked.called)

    async def test_signed_in_meanwhile(self) -> None:
        """A token that is made while the change is being stored is not given out, or ends at once;
        another process knows nothing of it either."""
        for changes in ({"credential_version": 7}, {"enabled": False}):
            changing = self.change(**changes)
            try:
                self.alice.token = await self.service.token("alice")
            except Refusal as refused:
                self.assertEqual(refused.code, "Forbidden")
            await changing
            self.refused(await self.alice.get("me"), 401, "Unauthorized")
            await self.service.restart()
            self.refused(await self.alice.get("me"), 401, "Unauthorized")
            self.assertEqual(len(self.service.front_end.tokens), 0)

    async def test_registered_meanwhile(self) -> None:
        """Who is removed can do nothing more from that moment, so no application is left."""
        users, now = self.service.front_end.users, self.clock.seconds()
        removal = Deferred.fromCoroutine(users.remove(uri("alice"), now))
        for number in range(3):
            body = {**REGISTRATION, "EndpointId": f"late {number}"}
            self.refused(await self.alice.post(APPLICATIONS, body), 401, "Unauthorized")
        await removal
        self.assertEqual(self.applications(), [])

    async def test_registering_when_disabled(self) -> None:
        """A registration that is looked at only after the user was disabled is refused."""
        body = {**REGISTRATION, "EndpointId": "late"}
        keyed = self.alice.post(APPLICATIONS, body, headers={"Idempotency-Key": "1"})
        disabled = self.change(enabled=False)
        answer = await keyed
        await disabled
        self.assertIn(answer.status, (201, 404))
        self.assertEqual(self.applications(), [])

    async def test_store_that_cannot_write(self) -> None:
        """Of a change that could not be stored and then was, no token is left that the next
        process would take."""
        for changes in ({"credential_version": 7}, {"enabled": False}):
            self.alice.token = await self.service.token("alice")
            await self.service.front_end.store.ledger.run(protect)
            await self.assertFailure(self.change(**changes), Unavailable)
            await self.change(**changes)
            self.refused(await self.alice.get("me"), 401, "Unauthorized")
            await self.service.restart()
            self.refused(await self.alice.get("me"), 401, "Unauthorized")
