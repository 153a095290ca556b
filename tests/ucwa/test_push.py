"""Push notifications from a UCWA client's request to the clearing house."""

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.python.filepath import FilePath

from mobility.config.push import PushConfig
from mobility.domain.records import Presence
from mobility.push.clearing_house import HouseFailed
from mobility.push.wire import (
    DEAD,
    DELIVERED,
    EXPIRED,
    FAILED,
    REJECTED,
    RETRY,
    Notification,
    Result,
)
from tests.push.doubles import MemoryHouse
from tests.ucwa.service import Client, Service, UcwaTestCase, converted

PHONE = {"platform": "fcm", "appId": "com.example.app", "token": "A" * 40}


class PushTests(UcwaTestCase):
    """Bob has a phone that can be woken; alice writes and calls."""

    push = PushConfig(content="text")

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.house = MemoryHouse()
        self.service = Service(
            FilePath(self.mktemp()).path, self.ucwa, push=self.push, house=self.house
        )
        await self.service.start()
        self.addCleanup(self.service.stop)
        await self.service.front_end.waking.switches.turn("fcm", True)
        self.alice = await self.service.sign_in("alice")
        self.bob = await self.service.sign_in("bob", type="phone")
        made = await self.bob.post("me/pushSubscriptions", PHONE)
        self.assertEqual(made.status, 201)
        self.subscription = made.json()["_links"]["self"]["href"]

    async def pass_time(self, seconds: float = 0.0) -> None:
        """Let it pass, and what follows from it."""
        for _ in range(4):
            self.service.clock.advance(seconds / 4)
            await self.service.settle()
            await deferLater(reactor, 0)

    async def notified(self, kind: str, body: str = "") -> Notification:
        """Wait for a notification of this kind that says this; the latest one."""
        while True:
            for told in reversed(self.house.taken):
                if (told.kind, told.body) == (kind, body):
                    return told
            await self.pass_time(0.1)

    async def shows(self, availability: str) -> Presence:
        """Wait until Bob looks like that."""
        while (shown := self.service.front_end.presence.of(self.bob.uri)).availability != (
            availability
        ):
            await self.pass_time(0.1)
        return shown

    async def talk(self) -> tuple[str, str]:
        """Alice and bob talk; the messaging resource as each sees it."""
        body = {"to": self.bob.uri, "operationId": "op", "subject": "s"}
        await self.alice.post("communication/messagingInvitations", body)
        (invitation,) = [one for one in await self.bob.events() if one.rel == "messagingInvitation"]
        accept = invitation.resource["_links"]["accept"]["href"]
        self.assertEqual((await self.bob.post(accept)).status, 204)
        links = [one.href for one in await self.alice.events() if one.rel == "messaging"]
        await self.bob.events()
        return links[-1], converted(links[-1], self.alice, self.bob)

    async def prefer(self, preferences: dict[str, str]) -> None:
        """Bob's phone wants to be woken otherwise."""
        changed = await self.bob.request("PUT", self.subscription, preferences)
        self.assertEqual(changed.status, 200)

    async def sleep(self) -> None:
        """Bob's phone goes to sleep: nothing was heard of it for a while."""
        await self.pass_time(20)

    async def test_message_to_sleeping_phone(self) -> None:
        """A message for somebody whose application does not ask for events wakes the phone at
        once, with what the setting lets it say and the number of unread messages."""
        messaging, _ = await self.talk()
        await self.sleep()
        await self.alice.send(messaging, "Wake up")
        told = await self.notified("message", "Wake up")
        self.assertEqual((len(self.house.taken), told.title), (1, "Alice Adams"))
        self.assertEqual(told.badge, 1)
        self.assertEqual(told.device.token, "A" * 40)

    async def test_what_became_of_a_message(self) -> None:
        """Its sender sees a message wait, be pushed, arrive and be read; its reader does not."""
        messaging, own = await self.talk()
        await self.sleep()
        self.house.hold = True
        sent = await self.alice.send(messaging, "Wake up")
        href = sent.header("Location") or ""

        async def state() -> object:
            return (await self.alice.document(href)).get("mobility:delivery")

        self.assertEqual(await state(), "waiting")
        self.house.release()
        while (shown := await state()) == "waiting":
            await self.pass_time(0.1)
        self.assertEqual(shown, "pushed")
        await self.bob.events()
        parked = self.bob.park()
        self.assertEqual(await state(), "delivered")
        await self.bob.post("communication/unread", {"upTo": f"{own}/messages/1"})
        self.assertEqual(await state(), "read")
        self.assertNotIn("mobility:delivery", await self.bob.document(f"{own}/messages/1"))
        self.service.clock.advance(10)
        await parked

    async def test_no_provider_took_it(self) -> None:
        """A message of which providers take no notification waits: its sender does not see it as
        pushed, until one is taken for another device."""
        await self.bob.post("me/pushSubscriptions", {**PHONE, "token": "B" * 40})
        messaging, _ = await self.talk()
        await self.sleep()
        sent = await self.alice.send(messaging, "Wake up")
        href = sent.header("Location") or ""

        async def state() -> object:
            return (await self.alice.document(href)).get("mobility:delivery")

        while len(self.house.taken) < 2 or await state() == "waiting":
            await self.pass_time(0.1)
        self.assertEqual(await state(), "pushed")
        first, second = self.house.taken
        self.house.say(first.id, FAILED, reason="provider", status="403")
        await self.pass_time(1)
        self.assertEqual(await state(), "pushed")
        self.house.say(second.id, EXPIRED, reason="provider", status="503")
        while await state() == "pushed":
            await self.pass_time(0.5)
        self.assertEqual(await state(), "waiting")
        await self.alice.send(messaging, "Still there?")
        while len(self.house.taken) < 4:
            await self.pass_time(0.1)
        self.house.say(self.house.taken[2].id, DELIVERED, status="200")
        last = href.rpartition("/")[0] + "/2"
        while (await self.alice.document(last))["mobility:delivery"] != "pushed":
            await self.pass_time(0.5)

    async def test_conversation_of_three(self) -> None:
        """A message to several counts as it does for whom it has come least far: one who has read
        it does not make it read for one whose phone was just woken."""
        carol = await self.service.sign_in("carol")
        made = await self.alice.post("onlineMeetings/myOnlineMeetings", {"subject": "Plans"})
        own: dict[str, str] = {}
        for client in (self.alice, self.bob, carol):
            body = {"onlineMeetingUri": made.json()["onlineMeetingUri"]}
            joined = await client.post("communication/onlineMeetingInvitations", body)
            self.assertEqual(joined.status, 201)
            told = await client.events()
            own[client.uri] = {one.href for one in told if one.rel == "conversation"}.pop()
            added = await client.post(f"{own[client.uri]}/messaging/addMessaging", {})
            self.assertEqual(added.status, 201, added.body)
            await client.events()
        await self.sleep()
        self.house.hold = True
        sent = await self.alice.send(f"{own[self.alice.uri]}/messaging", "Lunch?")
        href = sent.header("Location") or ""
        number = href.rpartition("/")[2]

        async def state() -> object:
            return (await self.alice.document(href)).get("mobility:delivery")

        async def reads(client: Client) -> None:
            upto = f"{own[client.uri]}/messaging/messages/{number}"
            read = await client.post("communication/unread", {"upTo": upto})
            self.assertEqual(read.status, 204, read.body)

        await reads(carol)
        self.assertEqual(await state(), "waiting")
        self.house.release()
        while await state() == "waiting":
            await self.pass_time(0.1)
        self.assertEqual(await state(), "pushed")
        await self.bob.events()
        parked = self.bob.park()
        self.assertEqual(await state(), "delivered")
        await reads(self.bob)
        self.assertEqual(await state(), "read")
        self.service.clock.advance(10)
        await parked

    async def test_trace_remembers(self) -> None:
        """A trace tells how often a notification was tried in vain, what the provider said and
        whether the user has the message, also when it is over and after a restart."""
        waking = self.service.front_end.waking
        messaging, own = await self.talk()
        await self.sleep()
        self.house.fail = HouseFailed("it answered 503")
        await self.alice.send(messaging, "Wake up")
        while len(self.house.requests) < 2:
            await self.pass_time(0.5)
        self.house.fail = None
        told = await self.notified("message", "Wake up")
        while not waking.outbox.unanswered:
            await self.pass_time(0.1)
        (traced,) = await waking.trace(told.id)
        self.assertEqual((traced.state, await waking.receipt(traced)), ("accepted", ""))
        self.assertEqual(waking.standing()["unanswered"], 1)
        self.house.say(told.id, DELIVERED, status="200")
        while waking.outbox.unanswered:
            await self.pass_time(0.1)
        self.assertIsNone(waking.unanswered_s())
        await self.bob.events()
        parked = self.bob.park()
        (traced,) = await waking.trace(told.id)
        self.assertEqual(await waking.receipt(traced), "delivered")
        await self.bob.post("communication/unread", {"upTo": f"{own}/messages/1"})
        await self.service.settle()
        self.service.clock.advance(10)
        await parked
        await self.service.restart()
        waking = self.service.front_end.waking
        (traced,) = await waking.trace(told.id)
        self.assertEqual((traced.state, traced.reason), ("ended", "read"))
        self.assertGreaterEqual(traced.attempts, 2)
        self.assertEqual((traced.taken, traced.answer), (True, "200"))
        self.assertGreaterEqual(traced.answered_at, traced.handed_at)
        self.assertEqual(await waking.receipt(traced), "read")

    async def test_fetched_in_time(self) -> None:
        """What an application fetches within three seconds wakes nothing."""
        messaging, _ = await self.talk()
        parked = self.bob.park()
        await self.alice.send(messaging, "Here?")
        self.bob.take(await parked)
        again = self.bob.park()
        await self.pass_time(10)
        self.assertEqual(self.house.taken, [])
        self.assertEqual(len(self.service.front_end.waking.outbox), 0)
        await self.alice.send(messaging, "Good.")
        await again

    async def test_dead_connection(self) -> None:
        """What went out to a client that never confirmed it wakes the device after three
        seconds."""
        messaging, _ = await self.talk()
        parked = self.bob.park()
        await self.alice.send(messaging, "Here?")
        await parked
        await self.pass_time(2.8)
        self.assertEqual(self.house.taken, [])
        await self.notified("message", "Here?")
        self.assertEqual(len(self.house.taken), 1)

    async def test_presence_and_typing(self) -> None:
        """Neither who types nor another presence of somebody who is watched wakes a phone."""
        messaging, _ = await self.talk()
        watched = {"duration": 30, "uris": [self.alice.uri]}
        subscribed = await self.bob.post("people/presenceSubscriptions", watched)
        self.assertEqual(subscribed.status, 201)
        await self.sleep()
        self.assertEqual((await self.alice.post(f"{messaging}/typing")).status, 204)
        busy = await self.alice.post("me/presence", {"availability": "Busy"})
        self.assertEqual(busy.status, 204)
        await self.pass_time(20)
        self.assertEqual(len(self.service.front_end.waking.outbox), 0)
        await self.alice.send(messaging, "Now")
        await self.notified("message", "Now")
        self.assertEqual(len(self.house.taken), 1)

    async def test_collapse_and_read(self) -> None:
        """Messages of a conversation that wait are one notification; reading takes it off the
        screen with a silent one of the same key, which tells the badge."""
        messaging, own = await self.talk()
        await self.sleep()
        self.house.hold = True
        for text in ("one", "two", "three"):
            await self.alice.send(messaging, text)
        self.house.release()
        told = await self.notified("message", "three")
        self.assertEqual(len({one.collapse_key for one in self.house.taken}), 1)
        self.assertEqual(told.badge, 3)
        read = await self.bob.post("communication/unread", {"upTo": f"{own}/messages/3"})
        self.assertEqual(read.status, 204)
        last = await self.notified("badge")
        self.assertEqual((last.badge, last.body), (0, ""))
        self.assertEqual(last.collapse_key, self.house.taken[0].collapse_key)

    async def unread_at_his_desk(self) -> tuple[Client, str]:
        """Bob's phone shows one conversation, and one more is unread at his desk; what is there,
        and the messaging resource of the latter."""
        desk = await self.service.sign_in("bob", EndpointId="desk", type="desktop")
        invited = {"to": self.bob.uri, "operationId": "op", "subject": "s"}
        await self.alice.post("communication/messagingInvitations", invited)
        (ringing,) = [one for one in await desk.events() if one.rel == "messagingInvitation"]
        await desk.post(ringing.resource["_links"]["accept"]["href"])
        links = [one.href for one in await self.alice.events() if one.rel == "messaging"]
        at_desk, own = links[-1], converted(links[-1], self.alice, desk)
        await self.bob.events()
        on_phone, _ = await self.talk()
        await self.sleep()
        await desk.events()
        parked = desk.park()
        await self.alice.send(at_desk, "At the desk")
        desk.take(await parked)
        desk.park()
        await self.pass_time(10)
        self.assertEqual(self.house.taken, [])
        await self.alice.send(on_phone, "On the phone")
        self.assertEqual((await self.notified("message", "On the phone")).badge, 2)
        return desk, own

    async def badges(self, number: int) -> list[int | None]:
        """Those that were told alone, as soon as there are so many."""
        while True:
            told = [one.badge for one in self.house.taken if one.kind == "badge"]
            if len(told) >= number:
                return told
            await self.pass_time(0.1)

    async def test_badge_after_a_restart(self) -> None:
        """After a restart a badge is told once though it is as before: whether the last one arrived
        is not known any more."""
        desk, own = await self.unread_at_his_desk()
        await desk.post("communication/unread", {"upTo": f"{own}/messages/1"})
        self.assertEqual(await self.badges(1), [1])
        await self.service.restart()
        await desk.send(own, "An answer")
        self.assertEqual(await self.badges(2), [1, 1])
        await desk.send(own, "Another one")
        await self.sleep()
        self.assertEqual(await self.badges(2), [1, 1])

    async def test_badge_that_no_provider_took(self) -> None:
        """A badge that no provider took is told again, though it is as before."""
        desk, own = await self.unread_at_his_desk()
        await desk.post("communication/unread", {"upTo": f"{own}/messages/1"})
        self.assertEqual(await self.badges(1), [1])
        self.house.say(self.house.taken[-1].id, EXPIRED, status="503")
        waking = self.service.front_end.waking
        while not (await waking.trace(self.house.taken[-1].id))[0].reason:
            await self.pass_time(0.1)
        await desk.send(own, "An answer")
        self.assertEqual(await self.badges(2), [1, 1])

    async def test_badge_of_what_was_not_pushed(self) -> None:
        """The badge of a phone that shows one conversation counts another one that he reads at his
        desk, and is told only when it is another than before."""
        desk, own = await self.unread_at_his_desk()
        before = len(self.house.taken)
        await desk.post("communication/unread", {"upTo": f"{own}/messages/1"})
        told = await self.notified("badge")
        self.assertEqual((told.badge, told.collapse_key, told.title), (1, "badge", ""))
        await desk.send(own, "An answer")
        await desk.send(own, "Another one")
        await self.sleep()
        self.assertEqual([one.kind for one in self.house.taken[before:]], ["badge"])

    async def test_read_before_sent(self) -> None:
        """Nothing is sent of a message that was read before."""
        messaging, own = await self.talk()
        parked = self.bob.park()
        await self.alice.send(messaging, "Here?")
        await self.bob.post("communication/unread", {"upTo": f"{own}/messages/1"})
        await parked
        await self.pass_time(10)
        self.assertEqual(self.house.taken, [])

    async def test_quiet_hours_change(self) -> None:
        """What waits for the end of quiet hours goes once the device has none any more."""
        quiet = {"quietFrom": "00:00", "quietUntil": "23:59", "timeZone": "UTC"}
        await self.prefer(quiet)
        messaging, _ = await self.talk()
        await self.sleep()
        await self.alice.send(messaging, "Good night")
        await self.pass_time(20)
        await self.prefer({"deviceName": "x"})
        await self.pass_time(20)
        self.assertEqual(self.house.taken, [])
        waking = self.service.front_end.waking
        self.assertEqual(waking.outbox.waiting, 1)
        self.assertIsNone(waking.oldest_s(), "nobody keeps it but the wish of the device")
        loud = {"quietFrom": "", "quietUntil": ""}
        await self.prefer(loud)
        await self.notified("message", "Good night")

    async def test_switched_off(self) -> None:
        """With its platform's switch off a device is not woken."""
        messaging, _ = await self.talk()
        await self.service.front_end.waking.switches.turn("fcm", False)
        await self.sleep()
        await self.alice.send(messaging, "Wake up")
        await self.pass_time(10)
        self.assertEqual(self.house.taken, [])

    async def test_mobility_policy(self) -> None:
        """Whose mobility policy has EnablePushNotifications off is not woken."""
        front_end = self.service.front_end
        self.assertTrue(front_end.waking.switches.permitted(self.bob.uri))
        await front_end.permissions.mobility.change(
            "policies", "global", {"enable_push_notifications": False}, 0
        )
        messaging, _ = await self.talk()
        await self.sleep()
        await self.alice.send(messaging, "Wake up")
        await self.pass_time(10)
        self.assertEqual(self.house.taken, [])
        reasons = [fields["reason"] for fields in self.service.log.named("push.skipped")]
        self.assertEqual(set(reasons), {"EnablePushNotifications is off"})

    async def test_nobody_there(self) -> None:
        """A message for a user without an application is kept as missed, and wakes the phone."""
        await self.pass_time(300_000)
        self.assertEqual(self.service.front_end.applications.of_user(self.bob.uri), [])
        self.alice = await self.service.sign_in("alice", EndpointId="other")
        body = {
            "to": self.bob.uri,
            "operationId": "op",
            "_links": {"message": {"href": "data:text/plain,Hello"}},
        }
        await self.alice.post("communication/messagingInvitations", body)
        told = await self.notified("message", "Hello")
        self.assertEqual((len(self.house.taken), told.badge), (1, 1))

    async def test_away_on_a_mobile_device(self) -> None:
        """Who can be reached by push only is away on a mobile device until signing out."""
        await self.pass_time(300_000)
        presence = await self.shows("Away")
        self.assertEqual(presence.device_type, "Mobile")
        self.bob = await self.service.sign_in("bob", type="phone")
        self.assertEqual((await self.bob.delete()).status, 204)
        await self.shows("Offline")

    async def test_dead_token(self) -> None:
        """What a provider says drops a dead device once; one renewed later stays."""
        messaging, _ = await self.talk()
        await self.sleep()
        await self.alice.send(messaging, "Wake up")
        told = await self.notified("message", "Wake up")
        now = int(self.service.clock.seconds())
        self.house.say(told.id, DEAD, token_field="token", dead_since=now, status="404")
        devices = self.service.front_end.past.devices
        while devices.of(self.bob.uri, now):
            await self.pass_time(0.1)
        await self.pass_time(1)
        names = [name for name, _ in self.service.log.events]
        self.assertEqual(names.count("push.device_dropped"), 1)
        (traced,) = await self.service.front_end.waking.trace(told.id)
        self.assertEqual((traced.reason, traced.answer), ("dead_token: 404", "404"))
        self.assertIn("push.refused", names)

    async def test_house_down(self) -> None:
        """While the clearing house fails, messages pass as ever and notifications wait; once it
        is back each is taken once."""
        messaging, _ = await self.talk()
        await self.sleep()
        self.house.fail = HouseFailed("it answered 503")
        for text in ("one", "two"):
            sent = await self.alice.send(messaging, text)
            self.assertEqual(sent.status, 201)
        while len(self.house.requests) <= 5:
            await self.pass_time(4)
        tried = len(self.house.requests)
        for _ in range(10):
            await self.pass_time(4)
        again = len(self.house.requests) - tried
        self.assertLess(again, 10, "it is left alone for longer and longer")
        self.assertEqual([one.body for one in self.house.requests[-1]], ["two"])
        self.house.fail = None
        while not self.house.taken:
            await self.pass_time(4)
        await self.pass_time(60)
        self.assertEqual([one.body for one in self.house.taken], ["two"])

    async def test_refused_and_later(self) -> None:
        """What the clearing house refuses is over; what it wants later comes when it said."""
        messaging, _ = await self.talk()
        await self.sleep()
        self.house.answers.append(Result("", REJECTED, "app_not_allowed"))
        await self.alice.send(messaging, "refused")
        while len(self.service.front_end.waking.outbox):
            await self.pass_time(0.1)
        self.house.answers.append(Result("", RETRY, "quota", 60))
        await self.alice.send(messaging, "later")
        await self.pass_time(50)
        self.assertEqual(self.house.taken, [])
        await self.pass_time(40)
        await self.notified("message", "later")
        self.assertEqual(len(self.house.taken), 1)

    async def test_restart(self) -> None:
        """What was not handed over is after a restart; what was is not sent again."""
        messaging, _ = await self.talk()
        await self.sleep()
        self.house.hold = True
        await self.alice.send(messaging, "Wake up")
        while not self.house.requests:
            await self.pass_time(0.1)
        await self.service.restart()
        self.house.release()
        await self.notified("message", "Wake up")
        self.assertEqual([one.body for one in self.house.taken], ["Wake up"])
        await self.service.restart()
        await self.pass_time(20)
        self.assertEqual(len(self.house.requests), 2)

    async def test_voicemail(self) -> None:
        """A voicemail wakes the phone.  A count that is told again after a restart, or that sinks
        because one was heard, does not; the next voicemail does."""

        def told() -> list[Notification]:
            return [one for one in self.house.taken if one.kind == "voicemail"]

        await self.sleep()
        await self.service.front_end.phones.voicemail.count(self.bob.uri, 3, 0)
        while not told():
            await self.pass_time(1)
        await self.service.restart()
        voicemail = self.service.front_end.phones.voicemail
        for unread, read in ((3, 0), (2, 1), (2, 2)):
            await voicemail.count(self.bob.uri, unread, read)
            await self.pass_time(20)
        self.assertEqual(len(told()), 1)
        await voicemail.count(self.bob.uri, 3, 2)
        while len(told()) < 2:
            await self.pass_time(1)
