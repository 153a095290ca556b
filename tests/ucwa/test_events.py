"""The event channel as a client sees it: waiting, losing replies, moving, restarting."""

from twisted.internet.error import ConnectionLost

from mobility.config import UcwaConfig
from mobility.http.message import Document
from tests.ucwa.service import Client, Told, UcwaTestCase, told, uri


class ChannelTestCase(UcwaTestCase):
    """Alice is signed in; `change` makes one event of medium priority for her."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice")

    async def change(self, text: str) -> None:
        self.accepted(await self.alice.post("me/note", {"message": text}), 204)

    async def confirm(self) -> None:
        """Ask for the next answer, which confirms the last, and go away again."""
        parked = self.alice.park()
        parked.cancel()
        with self.assertRaises(ConnectionLost):
            await parked

    def is_note(self, events: list[Told]) -> bool:
        return [event.brief for event in events] == [("me", "note", "updated")]


class WaitTests(ChannelTestCase):
    """When a pending GET is answered."""

    async def test_time_out(self) -> None:
        """After 180 s the answer has links and no senders; `timeout` sets another time, which
        sticks."""
        for query, wait_s in (("", 180), ("&timeout=300", 300), ("", 300)):
            parked = self.alice.park(query)
            self.clock.advance(wait_s - 1)
            self.assertFalse(parked.called)
            self.clock.advance(1)
            response = await parked
            self.assertEqual(set(response.json()), {"_links", "sender"})
            self.assertEqual(response.json()["sender"], [])
            self.assertEqual(set(response.json()["_links"]), {"self", "next"})
            self.alice.take(response)

    async def test_together(self) -> None:
        """What was stored as one comes in one answer, though its first event releases it: clients
        look for all that follows on an acceptance in the answer that tells of the first."""
        bob = await self.service.sign_in("bob")
        invited = await self.alice.post("communication/messagingInvitations", {"to": uri("bob")})
        self.accepted(invited, 201)
        await self.alice.events()
        (invitation, *_) = await bob.events()
        parked = self.alice.park()
        self.assertFalse(parked.called)
        self.accepted(await bob.post(invitation.resource["_links"]["accept"]["href"]), 204)
        heard = [(event.rel, event.type) for event in self.alice.take(await parked)]
        self.assertEqual(heard[0], ("conversation", "updated"))
        self.assertEqual(heard[-1], ("messagingInvitation", "completed"))
        self.assertIn(("messaging", "updated"), heard)

    async def test_medium(self) -> None:
        """Events of medium priority wait 5 s, or what `medium` says."""
        for query, wait_s in (("", 5), ("&medium=60", 60), ("", 60)):
            parked = self.alice.park(query)
            await self.change(query + "x")
            self.clock.advance(wait_s - 1)
            self.assertFalse(parked.called)
            self.clock.advance(1)
            self.assertTrue(self.is_note(self.alice.take(await parked)))

    async def test_merging(self) -> None:
        """Many updates of one thing while nobody asks become one event."""
        for text in "abc":
            await self.change(text)
        self.assertTrue(self.is_note(await self.alice.events()))
        self.assertTrue(await self.alice.nothing_more())

    async def test_links(self) -> None:
        """The application shows `?ack=1`; each answer has its own link as self, and the next, which
        begins and ends with its number, as clients look for it at either place."""
        bob = await self.service.sign_in("bob", available=False)
        self.assertEqual(bob.next, f"{bob.href}/events?ack=1")
        for number in (1, 2, 3):
            parked = bob.park()
            self.clock.advance(180)
            links = (await parked).json()["_links"]
            self.assertEqual(links["self"]["href"], bob.next)
            bob.next = links["next"]["href"]
            self.assertTrue(bob.next.startswith(f"{bob.href}/events?ack={number + 1}&"), bob.next)
            self.assertTrue(bob.next.endswith(f"={number + 1}"), bob.next)

    async def test_short_timeout(self) -> None:
        """Who asks for less than the shortest time waits for that, as clients do that ask for 60 s
        though UCWA has 180."""
        for query, wait_s in (("timeout=60", 60), ("timeout=29", 30), ("timeout=0", 30), ("", 30)):
            parked = self.alice.park(f"&{query}")
            self.clock.advance(wait_s - 1)
            self.assertFalse(parked.called)
            self.clock.advance(1)
            self.assertEqual(self.alice.take(await parked), [])

    async def test_wrong_parameters(self) -> None:
        """Every value out of its range is listed; the parked request stays."""
        parked = self.alice.park()
        for query, wrong in (
            ("low=4&medium=4&timeout=1e2", {"low", "medium", "timeout"}),
            ("low=1801&medium=1801&timeout=1801", {"low", "medium", "timeout"}),
            ("low=x&medium=&timeout=-5&priority=-1", {"low", "medium", "timeout", "priority"}),
            ("ack=x", {"ack"}),
            ("ack=-1", {"ack"}),
            ("ack=99999999999999999999", {"ack"}),
            ("ack=%D9%A1", {"ack"}),
        ):
            response = await self.alice.get(f"events?ack=1&{query}")
            self.assertEqual(self.wrong_parameters(response), wrong)
        response = await self.alice.get("events")
        self.assertEqual(self.wrong_parameters(response), {"ack"})
        self.assertFalse(parked.called)
        await self.change("x")
        self.clock.advance(5)
        self.assertTrue(self.is_note(self.alice.take(await parked)))

    async def test_xml(self) -> None:
        """A client that asks for the vendor's XML gets its events in it."""
        await self.change("x")
        parked = self.alice.request(
            "GET", self.alice.next, headers={"Accept": "application/vnd.microsoft.com.ucwa+xml"}
        )
        self.clock.advance(5)
        response = await parked
        self.assertEqual(
            response.header("Content-Type"), "application/vnd.microsoft.com.ucwa+xml; charset=utf-8"
        )
        self.assertIn(b'<updated rel="note" href="', response.body)

    async def test_expected_shape(self) -> None:
        """A sender block has rel, href and events; each event a link and a type."""
        await self.change("x")
        parked = self.alice.park()
        self.clock.advance(5)
        document: Document = (await parked).json()
        me = f"{self.alice.href}/me"
        self.assertEqual(
            document["sender"],
            [
                {
                    "rel": "me",
                    "href": me,
                    "events": [{"link": {"rel": "note", "href": f"{me}/note"}, "type": "updated"}],
                }
            ],
        )


class LossTests(ChannelTestCase):
    """Nothing is lost and nothing comes twice, whatever the network does."""

    async def test_lost_reply(self) -> None:
        """The same link gives the same bytes again until the next one is used."""
        await self.change("x")
        link = self.alice.next
        parked = self.alice.park()
        self.clock.advance(5)
        first = await parked
        for _ in range(3):
            self.assertEqual((await self.alice.park()).body, first.body)
        self.assertTrue(self.is_note(self.alice.take(first)))
        self.assertTrue(await self.alice.nothing_more())
        stale = await self.alice.park(next=link)
        self.assertEqual(set(stale.json()["_links"]), {"resync"})

    async def test_lost_connection(self) -> None:
        """A client that goes away while it is parked has consumed nothing."""
        await self.confirm()
        await self.change("x")
        await self.confirm()
        self.assertTrue(self.is_note(await self.alice.events()))

    async def test_moved(self) -> None:
        """A phone in a new network asks again: the old request gets 409 PGetReplaced at once."""
        old = self.alice.park()
        new = self.alice.park()
        self.refused(await old, 409, "Conflict", "PGetReplaced")
        await self.change("x")
        self.clock.advance(5)
        self.assertTrue(self.is_note(self.alice.take(await new)))

    async def test_priority(self) -> None:
        """A request of lower priority than the parked one is refused itself."""
        parked = self.alice.park("&priority=5")
        self.refused(await self.alice.park("&priority=4"), 409, "Conflict", "PGetReplaced")
        self.assertFalse(parked.called)
        same = self.alice.park("&priority=5")
        self.refused(await parked, 409, "Conflict", "PGetReplaced")
        await self.change("x")
        self.clock.advance(5)
        self.alice.take(await same)

    async def test_wrong_ack(self) -> None:
        """A wrong link gets `resync` alone, and following that loses nothing."""
        await self.confirm()
        await self.change("x")
        for query in ("ack=0", "ack=1", "ack=99", "ack=99&p=1&n=0", "ack=99&of=98&p=1&n=0"):
            response = await self.alice.get(f"events?{query}")
            self.assertEqual(response.status, 200)
            document = response.json()
            self.assertEqual((set(document), set(document["_links"])), ({"_links"}, {"resync"}))
            self.assertEqual(document["_links"]["resync"]["href"], self.alice.next)
        self.assertTrue(self.is_note(await self.alice.events()))

    async def test_own_counting(self) -> None:
        """A client that counts for itself in place of following links is understood."""
        for number in (2, 3, 4):
            await self.change(f"note {number}")
            self.alice.next = f"{self.alice.href}/events?ack={number}"
            self.assertTrue(self.is_note(await self.alice.events()))

    async def test_waiting_with_one_number(self) -> None:
        """A client that asks for the same number until what it waits for is there gets to see it,
        with all that it has got before; the number after that goes on from there."""
        carol = await self.service.sign_in("carol", available=False)
        await self.service.sign_in("bob")
        href = f"{carol.href}/events?ack="
        invited = await carol.post(
            "communication/messagingInvitations", {"to": uri("bob"), "operationId": "1"}
        )
        self.accepted(invited, 201)
        seen = [event.brief for event in told((await carol.get(f"{href}1")).json())]
        self.assertIn(("communication", "messagingInvitation", "started"), seen)
        self.assertEqual((await carol.get(f"{href}1")).json()["sender"][0]["rel"], "communication")
        self.accepted(await carol.post(invited.header("Location") + "/cancel"), 204)
        more = [event.brief for event in told((await carol.get(f"{href}1")).json())]
        self.assertLessEqual({brief for brief in seen if brief[2] != "updated"}, {*more})
        self.assertIn(("communication", "messagingInvitation", "completed"), more)
        parked = carol.get(f"{href}2")
        self.clock.advance(180)
        self.assertEqual((await parked).json()["sender"], [])

    async def test_application_link(self) -> None:
        """The `events` link of the application leads to the first answer not confirmed."""
        await self.confirm()
        await self.change("x")
        self.assertEqual((await self.alice.document())["_links"]["events"]["href"], self.alice.next)
        again = await self.alice.register()
        self.assertEqual(again.status, 200)
        self.assertTrue(self.is_note(await self.alice.events()))


class RestartTests(ChannelTestCase):
    """Another process takes over the directory."""

    async def test_everything_goes_on(self) -> None:
        """Token, application, settings and next link are good; waiting events come once."""
        await self.change("before")
        before = await self.alice.document("communication")
        await self.service.restart()
        self.assertEqual(await self.alice.document("communication"), before)
        self.assertTrue(self.is_note(await self.alice.events()))
        await self.change("after")
        self.assertTrue(self.is_note(await self.alice.events()))
        self.assertTrue(await self.alice.nothing_more())

    async def test_reply_lost_by_restart(self) -> None:
        """An answer that was on its way is made again, perhaps with more."""
        await self.change("x")
        parked = self.alice.park()
        self.clock.advance(5)
        lost = await parked
        await self.service.restart()
        self.accepted(await self.alice.post("me/location", {"location": "here"}), 204)
        rels = [event.rel for event in await self.alice.events()]
        self.assertEqual(rels, ["note", "location"])
        self.assertEqual([event.rel for event in told(lost.json())], ["note"])
        self.assertTrue(await self.alice.nothing_more())

    async def test_application_link(self) -> None:
        """The `events` link of the application leads to what was not confirmed before, too."""
        await self.change("x")
        await self.alice.events()
        await self.confirm()
        await self.service.front_end.channels.trim()
        await self.change("y")
        await self.service.restart()
        application = (await self.alice.register()).json()
        self.alice.next = application["_links"]["events"]["href"]
        self.assertTrue(self.is_note(await self.alice.events()))
        self.assertTrue(await self.alice.nothing_more())

    async def test_parked_request(self) -> None:
        """A stop answers the parked request with its links, and nothing is lost."""
        parked = self.alice.park()
        self.service.front_end.channels.drain()
        self.assertEqual(self.alice.take(await parked), [])
        await self.change("x")
        await self.service.restart()
        self.assertTrue(self.is_note(await self.alice.events()))

    async def test_conversation(self) -> None:
        """A conversation goes on after a restart, message numbers rising."""
        bob = await self.service.sign_in("bob")
        messaging = await self.talk(self.alice, bob, "first")
        self.accepted(await self.alice.send(messaging, "second"), 201)
        await self.service.restart()
        location = self.accepted(await self.alice.send(messaging, "third"), 201)
        self.assertEqual(location.rpartition("/")[2], "3")
        told = [event.href.rpartition("/")[2] for event in await bob.events()]
        self.assertEqual(told, ["2", "3"])

    async def test_accept_after_restart(self) -> None:
        """An open invitation can be accepted after a restart, and its message is there."""
        bob = await self.service.sign_in("bob")
        body = {
            "to": "sip:bob@example.test",
            "_links": {"message": {"href": "data:text/plain,Hello"}},
        }
        self.accepted(await self.alice.post("communication/messagingInvitations", body), 201)
        await self.service.restart()
        started = (await bob.events())[0]
        self.assertTrue(started.resource["_links"]["message"]["href"].endswith(",Hello"))
        self.accepted(await bob.post(started.resource["_links"]["accept"]["href"]), 204)
        (*_, message) = await bob.events()
        self.assertTrue(message.resource["_links"]["plainMessage"]["href"].endswith(",Hello"))


class LongStreamTests(ChannelTestCase):
    """A client that stays away for long."""

    ucwa = UcwaConfig(stream_entries=100)

    async def test_backlog(self) -> None:
        """Hundreds of messages wait for a phone and come in order, over several answers."""
        bob = await self.service.sign_in("bob")
        messaging = await self.talk(self.alice, bob)
        for number in range(99):
            self.accepted(await self.alice.send(messaging, str(number)), 201)
        self.clock.advance(60)
        numbers: list[int] = []
        while len(numbers) < 99:
            numbers += [int(e.href.rpartition("/")[2]) for e in await bob.events()]
        self.assertEqual(numbers, list(range(1, 100)))

    async def test_overflow(self) -> None:
        """Above its bound a stream loses the oldest entries, and the client is told to resync."""
        bob = await self.service.sign_in("bob")
        messaging = await self.talk(self.alice, bob)
        for number in range(150):
            self.accepted(await self.alice.send(messaging, str(number)), 201)
        await self.service.front_end.channels.trim()
        response = await bob.park()
        bob.next = response.json()["_links"]["resync"]["href"]
        numbers = [int(e.href.rpartition("/")[2]) for e in await bob.events()]
        self.assertEqual(numbers[-1], 150)
        self.assertGreaterEqual(len(numbers), 99)
        self.assertTrue(await bob.nothing_more())

    async def test_trimmed(self) -> None:
        """What was confirmed leaves the store; the rest stays for a restart."""
        await self.change("read")
        await self.alice.events()
        await self.change("unread")
        await self.confirm()
        await self.service.front_end.channels.trim()
        archive = self.service.front_end.store.archive
        left = await archive.entries(self.alice.application["id"], 0, 100)
        self.assertEqual(len(left), 1)
        await self.service.restart()
        self.assertTrue(self.is_note(await self.alice.events()))


class ManyClientsTests(ChannelTestCase):
    """Channels do not touch one another."""

    async def test_own_streams(self) -> None:
        """Who is not concerned hears nothing."""
        bob: Client = await self.service.sign_in("bob")
        await self.change("x")
        self.assertTrue(await bob.nothing_more())
        self.assertEqual(self.service.front_end.channels.parked, 0)
        bob.park().addErrback(lambda _: None)
        self.assertEqual(self.service.front_end.channels.parked, 1)
        self.accepted(await bob.delete(), 204)
        self.assertEqual(self.service.front_end.channels.parked, 0)
