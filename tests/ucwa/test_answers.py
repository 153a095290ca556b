"""What many watchers are told of one change, and in which portions."""

from collections.abc import Sequence

from twisted.internet.defer import Deferred

from mobility.config import UcwaConfig
from mobility.testing import MemoryResponse
from mobility.ucwa.channel import MEDIUM_S
from mobility.ucwa.events import TOLD_A_TURN, WAKEUPS_A_TURN
from tests.ucwa.service import Client, Told, UcwaTestCase, uri

XML = "application/vnd.microsoft.com.ucwa+xml"


class WatchersTests(UcwaTestCase):
    """Bob watches Alice from many applications, all parked."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice")
        self.watchers = [await self.watcher(str(number)) for number in range(WAKEUPS_A_TURN + 2)]

    async def watcher(self, endpoint_id: str) -> Client:
        names = {"EndpointId": endpoint_id, "InstanceId": "an instance"}
        client = await self.service.sign_in("bob", available=False, **names)
        body = {"duration": 30, "uris": [uri("alice")]}
        self.assertEqual((await client.post("people/presenceSubscriptions", body)).status, 201)
        await client.events()
        return client

    async def change(self) -> None:
        self.accepted(await self.alice.post("me/presence", {"availability": "Busy"}), 204)

    async def test_same_for_all(self) -> None:
        """Watchers are told the same, each under its own application, in JSON and in XML."""
        half = len(self.watchers) // 2
        spellings = ["application/json"] * half + [XML] * half
        parked = [
            client.request("GET", client.next, headers={"Accept": accept})
            for client, accept in zip(self.watchers, spellings, strict=True)
        ]
        await self.change()
        self.clock.advance(MEDIUM_S)
        bodies = [
            (await answer).body.replace(client.application["id"].encode(), b"own")
            for client, answer in zip(self.watchers, parked, strict=True)
        ]
        in_json, in_xml = dict.fromkeys(bodies)
        self.assertEqual(bodies, [in_json] * half + [in_xml] * half)
        person = b"/ucwa/oauth/v1/applications/own/people/alice@example.test"
        self.assertIn(b'{"link":{"rel":"contactPresence","href":"%b/presence"}' % person, in_json)
        self.assertIn(b'<updated rel="contactPresence" href="%b/presence">' % person, in_xml)
        following = b'events?ack=3%binstanceId=an%%20instance%bp=2%bn=2%bof=3"'
        self.assertIn(following % ((b"&",) * 4), in_json)
        self.assertIn(following % ((b"&amp;",) * 4), in_xml)

    async def test_as_alone(self) -> None:
        """One who is told of other things too hears the same of the change."""
        quiet, busy, *_ = self.watchers
        await self.change()
        more = {"duration": 30, "uris": [uri("carol")]}
        self.assertEqual((await busy.post("people/presenceSubscriptions", more)).status, 201)
        alone = [event.href for event in await quiet.events() if "/alice@" in event.href]
        among = [event.href for event in await busy.events() if "/alice@" in event.href]
        self.assertEqual(alone, [f"{quiet.href}/people/alice@example.test/presence"])
        self.assertEqual(among, [f"{busy.href}/people/alice@example.test/presence"])

    async def test_portions(self) -> None:
        """Of many answers that are due at once a few go out in a turn of the reactor; all do."""
        parked: list[Deferred[MemoryResponse]] = [client.park() for client in self.watchers]
        await self.change()
        self.clock.advance(MEDIUM_S)
        self.assertEqual(sum(answer.called for answer in parked), WAKEUPS_A_TURN)
        for client, answer in zip(self.watchers, parked, strict=True):
            (event,) = client.take(await answer)
            self.assertEqual(event.brief, ("people", "contactPresence", "updated"))


class CrowdTests(UcwaTestCase):
    """Bob watches Alice and Carol from more applications than are told in one turn."""

    ucwa = UcwaConfig(applications_per_user=TOLD_A_TURN + 5)
    availabilities = iter(("Busy", "DoNotDisturb", "Away"))

    async def test_all_are_told(self) -> None:
        """Everybody hears of the changes, whose answers do not wait for the telling."""
        alice, carol = [await self.service.sign_in(name) for name in ("alice", "carol")]
        token = await self.service.token("bob")
        watchers = [Client(self.service, "bob", token) for _ in range(TOLD_A_TURN + 5)]
        body = {"duration": 30, "uris": [uri("alice"), uri("carol")]}
        for number, client in enumerate(watchers):
            self.assertEqual((await client.register(EndpointId=str(number))).status, 201)
            subscribed = await client.post("people/presenceSubscriptions", body)
            self.assertEqual(subscribed.status, 201)
        await self.hear(watchers)
        for authors in ([alice], [alice, carol]):
            told = self.hear(watchers, authors)
            for client, events in zip(watchers, await told, strict=True):
                people = f"{client.href}/people"
                self.assertEqual(
                    {event.href for event in events},
                    {f"{people}/{one.name}@example.test/presence" for one in authors},
                )

    async def hear(
        self, watchers: list[Client], authors: Sequence[Client] = ()
    ) -> list[list[Told]]:
        """What each is told, all at the same time, while the authors change their presence."""
        parked = [client.park() for client in watchers]
        for author in authors:
            body = {"availability": next(self.availabilities)}
            self.accepted(await author.post("me/presence", body), 204)
        await self.service.settle()
        self.clock.advance(MEDIUM_S)
        return [client.take(await answer) for client, answer in zip(watchers, parked, strict=True)]
