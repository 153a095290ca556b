"""Where a clearing house says that pushes are, and what it says of providers that are slow."""

import json

from mobility.push import wire
from mobility.push.wire import LATER, QUEUED, SENDING, TOLD, UNKNOWN, Notification, Whereabouts
from mobility.push.wire_json import decode_whereabouts, encode_ids
from mobility.push_doubles.fcm import fault
from mobility.push_doubles.pages import Page
from mobility.push_doubles.providers import SECRET
from mobility.push_doubles.sender import Refused
from tests.clearing_house.running import APP, RunningCase, device, push, short_lived, until


class WhereaboutsTests(RunningCase):
    async def where(self, *pushes: Notification, sender: str = "") -> list[Whereabouts]:
        asking = self.sender_as(sender) if sender else self.sender
        ids = encode_ids([one.id for one in pushes])
        return decode_whereabouts(await asking.ask("POST", wire.WHEREABOUTS_PATH, ids))

    async def until_at(self, one: Notification, place: str) -> Whereabouts:
        """Wait until a push is there."""
        while True:
            (found,) = await self.where(one)
            if found.place == place:
                return found

    async def test_later(self) -> None:
        """What a provider wants later is told with its words, how often it was tried and when it
        is again, though the provider is well; what waits behind it for the device says so too."""
        self.providers.fcm.decide = lambda _: fault(429, "QUOTA_EXCEEDED")
        first, second = push(device("fcm")), push(device("fcm"))
        await self.sender.send([first, second])
        found = await self.until_at(first, LATER)
        self.assertEqual((found.tries, found.status), (1, "429 QUOTA_EXCEEDED"))
        self.assertTrue(0 < found.wait_s <= 120, found)
        (behind,) = await self.where(second)
        self.assertEqual((behind.place, behind.status), (QUEUED, "429 QUOTA_EXCEEDED"))
        self.assertGreater(behind.wait_s, 0)

    async def test_sending(self) -> None:
        """A provider that was asked and does not answer is told of as long as it does not."""
        self.providers.fcm.decide = lambda _: Page(0)
        sent = push(device("fcm"))
        await self.sender.send([sent])
        await self.until_at(sent, SENDING)

    async def test_left_alone(self) -> None:
        """What waits because its provider is down says what is wrong there."""
        await self.providers.stop_one("apns")
        sent = [push(device(token=f"{number + 1:064x}")) for number in range(20)]
        await self.sender.send(sent)
        destination = self.running.house.destinations[f"apns:{APP}"]
        await until(lambda: destination.breaker.state == "open", "the breaker opens")
        found = await self.where(*sent)
        self.assertEqual([one.id for one in found], [one.id for one in sent])
        self.assertLessEqual({one.place for one in found}, {QUEUED, LATER, SENDING})
        waiting = [one for one in found if one.place == QUEUED]
        self.assertEqual(
            {one.status for one in waiting}, {"cannot connect: ConnectionRefusedError"}
        )

    async def test_over(self) -> None:
        """What has a verdict is told, also after a restart; nobody learns of another
        organisation's pushes."""
        sent, never = push(device()), push(device())
        await self.fate(sent)
        await self.until_at(sent, TOLD)
        self.assertEqual((await self.where(never))[0].place, UNKNOWN)
        (found,) = await self.where(sent, sender="other.example.test")
        self.assertEqual(found.place, UNKNOWN)
        await self.stop()
        await self.start()
        await self.until_at(sent, TOLD)

    async def test_refused(self) -> None:
        """A question that cannot be read is refused as a whole."""
        for body, subcode in (
            (encode_ids(["x"] * 101), "TooMany"),
            (encode_ids([""]), "Malformed"),
            (encode_ids(["x" * 65]), "Malformed"),
            (b'{"version":1,"ids":[1]}', "Malformed"),
            (b'{"version":1}', "Malformed"),
            (b'{"version":2,"ids":[]}', "UnknownVersion"),
        ):
            failure = self.sender.ask("POST", wire.WHEREABOUTS_PATH, body)
            with self.assertRaises(Refused) as raised:
                await failure
            self.assertEqual(json.loads(raised.exception.body)["subcode"], subcode, body)
        self.assertEqual(await self.where(), [])


class LateTests(RunningCase):
    async def test_late(self) -> None:
        """Of a push that expires while its provider is down the verdict says what is wrong there,
        whether it was tried or only waited."""
        await self.providers.stop_one("apns")
        sent = [short_lived(device(token=f"{n + 1:064x}")) for n in range(12)]
        await self.sender.send(sent)
        await self.let_expire(f"apns:{APP}", "cannot connect: ")
        verdicts = await self.verdicts(12)
        said = {(one.outcome, one.reason, one.status) for one in verdicts}
        self.assertEqual(said, {("expired", "provider", "cannot connect: ConnectionRefusedError")})

    async def test_slow(self) -> None:
        """A provider that does not answer in time who asks for its health is not said to be
        well."""
        await self.sender.health()
        credentials = self.running.credentials
        credentials.check_s = 0.3
        credentials.renew()
        self.providers.fcm.answer = lambda _: Page(0)  # type: ignore[method-assign]
        health = {one.platform: one for one in (await self.sender.health()).providers}
        self.assertEqual(
            (health["fcm"].state, health["fcm"].reason), ("failing", "no answer in 0.3 s")
        )

    async def test_tls(self) -> None:
        """A handshake that fails is told as one."""
        self.providers.tls["apns"].broken = True
        self.providers.apns.drop()
        await self.sender.send([short_lived(device())])
        await self.let_expire(f"apns:{APP}", "cannot connect: TLS: ")
        (verdict,) = await self.verdicts(1)
        self.assertEqual(verdict.outcome, "expired")
        self.assertTrue(verdict.status.startswith("cannot connect: TLS: "), verdict.status)

    async def test_push_service_down(self) -> None:
        """That the credential of a browser's push service is good says nothing of the service: who
        asks for the health hears that it is down."""
        subscriber = self.providers.web_push.subscribe()
        await self.providers.stop_one("web_push")
        keys = {"p256dh": subscriber.p256dh, "auth": subscriber.auth}
        await self.sender.send([push(device("webpush", endpoint=subscriber.endpoint, **keys))])
        destinations = self.running.house.destinations
        (name,) = [one for one in destinations if one.startswith("webpush:")]
        await until(lambda: destinations[name].last_trouble, "a push fails")
        self.running.credentials.renew()
        health = {one.platform: one for one in (await self.sender.health()).providers}
        self.assertEqual(
            (health["webpush"].state, health["webpush"].reason),
            ("failing", "ConnectionRefusedError"),
        )

    async def test_secret_revoked(self) -> None:
        """A secret that Entra takes no more is seen when the credential is tried, though the token
        that it gave before is still good; and a credential is tried each time."""
        health = {one.platform: one for one in (await self.sender.health()).providers}
        self.assertEqual(health["wns"].state, "ok")
        for secret, state in (("another", "refused"), (SECRET, "ok"), ("another", "refused")):
            self.providers.wns._client_secret = secret
            self.running.credentials.renew()
            health = {one.platform: one for one in (await self.sender.health()).providers}
            self.assertEqual(health["wns"].state, state, secret)
