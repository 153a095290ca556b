"""What is under way when a user is given another password, disabled or removed."""

import attrs
from twisted.internet.defer import Deferred

from mobility.domain.bindings import Registering
from mobility.domain.ledger import Unit
from mobility.domain.records import Binding, User
from mobility.errors import Refusal, Unavailable
from mobility.schedule import RETRY_S
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

    async def register_phone(self) -> None:
        """Alice has a phone too."""
        now = self.clock.seconds()
        phone = Binding(uri("alice"), "1", "sip:alice@192.0.2.7", "c", 1, now, now + 3600)
        bindings = self.service.front_end.bindings
        await bindings.register(uri("alice"), lambda _: Registering([phone]), now)

    async def signed_out(self) -> None:
        """Nothing is left of Alice, though her row is."""
        self.clock.advance(RETRY_S)
        await self.service.settle()
        self.assertEqual(self.applications(), [])
        self.assertFalse(self.service.front_end.bindings.any_of(uri("alice")))

    async def test_signing_out_fails(self) -> None:
        """What a disabled user has ends a little later if the store cannot write it at first,
        though nobody asks again."""
        await self.register_phone()
        users, faults = self.service.front_end.users, [Unavailable("full"), Unavailable("full")]

        async def full(user: User, now: float) -> None:
            if faults:
                raise faults.pop()

        users.departures.insert(0, full)
        await self.assertFailure(self.change(enabled=False), Unavailable)
        self.clock.advance(1)
        self.assertEqual((len(self.applications()), faults), (1, []))
        await self.signed_out()

    async def test_enabled_again(self) -> None:
        """Who may sign in again by then is not signed out any more."""
        users = self.service.front_end.users

        async def full(user: User, now: float) -> None:
            users.departures.remove(full)
            raise Unavailable("full")

        users.departures.insert(0, full)
        await self.assertFailure(self.change(enabled=False), Unavailable)
        await self.change(enabled=True)
        self.clock.advance(RETRY_S)
        await self.service.settle()
        self.assertEqual(len(self.applications()), 1)

    async def test_process_ends_while_signing_out(self) -> None:
        """The next process ends what a user has who was disabled in the last moment of this one."""
        await self.register_phone()
        user = self.service.front_end.users.find(uri("alice"))
        assert user is not None
        unit = Unit()
        unit.save(attrs.evolve(user, enabled=False))
        await self.service.front_end.store.ledger.commit(unit)
        await self.service.restart()
        await self.signed_out()
