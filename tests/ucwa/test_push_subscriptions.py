"""Our extension mobility:pushSubscriptions over HTTP."""

from base64 import urlsafe_b64encode
from typing import Any

from tests.ucwa.service import Client, UcwaTestCase, converted

PATH = "me/pushSubscriptions"
POINT = urlsafe_b64encode(b"\4" + bytes(64)).decode().rstrip("=")
SECRET = urlsafe_b64encode(bytes(16)).decode().rstrip("=")
TOKEN = "0a" * 32
FCM = {"platform": "fcm", "appId": "com.example.app", "token": "A" * 40}
WEB = {
    "platform": "webpush",
    "appId": "web",
    "endpoint": "https://push.example.net/abc",
    "p256dh": POINT,
    "auth": SECRET,
}


class PushSubscriptionTests(UcwaTestCase):
    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice")

    async def listed(self, client: Client) -> list[dict[str, Any]]:
        shown = await client.document(PATH)
        found: list[dict[str, Any]] = shown["_embedded"]["mobility:pushSubscription"]
        return found

    async def test_life(self) -> None:
        """A device subscribes, is listed without its secrets, changes its mind and goes."""
        me = await self.alice.document("me")
        self.assertEqual(me["_links"]["mobility:pushSubscriptions"]["href"][-len(PATH) :], PATH)
        quiet = {"quietFrom": "22:00", "quietUntil": "07:00", "timeZone": "Europe/Berlin"}
        made = await self.alice.post(PATH, {**FCM, "deviceName": "Phone", **quiet})
        self.assertEqual(made.status, 201)
        href = made.header("Location") or ""
        (shown,) = await self.listed(self.alice)
        self.assertEqual(shown, made.json())
        self.assertEqual(await self.alice.document(href), shown)
        self.assertEqual({name: shown[name] for name in quiet}, quiet)
        self.assertEqual(shown["collapse"], "conversation")
        self.assertNotIn(FCM["token"], str(shown))
        changed = await self.alice.request("PUT", href, {"collapse": "all", "quietFrom": "23:00"})
        self.assertEqual(changed.status, 200)
        self.assertEqual(changed.json()["quietFrom"], "23:00")
        self.assertEqual(changed.json()["deviceName"], "Phone")
        again = await self.alice.post(PATH, FCM)
        self.assertEqual((again.status, again.json()["_links"]), (200, shown["_links"]))
        self.accepted(await self.alice.delete(href), 204)
        self.refused(await self.alice.delete(href), 404, "NotFound", "ResourceNotFound")
        self.assertEqual(await self.listed(self.alice), [])

    async def test_renewed_token(self) -> None:
        """A token that the platform gives instead is PUT to the subscription, which stays: the
        former one is nobody's then, and who had the new one has it no more."""
        devices = self.service.front_end.past.devices

        def tokens() -> list[str]:
            return [one.address for one in devices.of(self.alice.uri, self.clock.seconds())]

        href = (await self.alice.post(PATH, FCM)).header("Location") or ""
        other = {**FCM, "token": "B" * 40}
        self.clock.advance(5)
        self.assertEqual((await self.alice.post(PATH, other)).status, 201)
        self.clock.advance(5)
        changed = await self.alice.request("PUT", href, {"token": "C" * 40})
        self.assertEqual(changed.status, 200)
        self.assertEqual(changed.json()["_links"]["self"]["href"], href)
        self.assertEqual(tokens(), ["C" * 40, "B" * 40])
        renewed = await self.alice.request("PUT", href, {"token": "B" * 40})
        self.assertEqual(renewed.status, 200)
        self.assertEqual(tokens(), ["B" * 40])
        again = await self.alice.post(PATH, other)
        self.assertEqual((again.status, again.json()["_links"]["self"]["href"]), (200, href))
        self.refused(
            await self.alice.request("PUT", href, {"token": "short"}),
            400,
            "BadRequest",
            "ParameterValidationFailure",
        )
        await self.service.restart()
        found = self.service.front_end.past.devices.of(self.alice.uri, self.clock.seconds())
        self.assertEqual([one.address for one in found], ["B" * 40])

    async def test_renewed_endpoint(self) -> None:
        """A browser's subscription is renewed with its keys, which belong to the endpoint."""
        href = (await self.alice.post(PATH, WEB)).header("Location") or ""
        moved = {"endpoint": "https://push.example.net/def"}
        self.refused(
            await self.alice.request("PUT", href, moved),
            400,
            "BadRequest",
            "ParameterValidationFailure",
        )
        keys = {"p256dh": POINT, "auth": SECRET}
        renewed = await self.alice.request("PUT", href, {**moved, "keys": keys})
        self.assertEqual(renewed.status, 200)
        devices = self.service.front_end.past.devices
        (found,) = devices.of(self.alice.uri, self.clock.seconds())
        self.assertEqual((found.address, found.auth), (moved["endpoint"], SECRET))
        await self.alice.request("PUT", href, {"collapse": "all"})
        (found,) = devices.of(self.alice.uri, self.clock.seconds())
        self.assertEqual((found.address, found.collapse), (moved["endpoint"], "all"))

    async def test_platforms(self) -> None:
        """Every platform takes what its devices have; browsers give their keys in `keys`."""
        apns = {"platform": "apns", "appId": "com.example.app.voip", "token": TOKEN.upper()}
        unified = {"platform": "unifiedpush", "appId": "x", "endpoint": "https://up.example.net/1"}
        windows = {
            "platform": "wns",
            "appId": "x",
            "endpoint": "https://db5.notify.windows.com/?token=1",
        }
        keys = {"p256dh": POINT, "auth": SECRET}
        browser = {**WEB, "endpoint": "https://push.example.net/def", "keys": keys}
        del browser["p256dh"], browser["auth"]
        for body in (apns, FCM, WEB, browser, unified, {**unified, **keys}, windows):
            response = await self.alice.post(PATH, body)
            self.assertIn(response.status, (200, 201), (body, response.body))
        self.assertEqual(len(await self.listed(self.alice)), 6)
        for platform in ("unifiedpush", "wns"):  # a double of it
            body = {"platform": platform, "appId": "x", "endpoint": "https://localhost:7/"}
            self.assertEqual((await self.alice.post(PATH, body)).status, 201)

    async def test_wrong(self) -> None:
        """What is no device is refused by the name of the wrong value."""
        endpoint = "endpoint"
        for wrong, body in (
            ({"platform", "appId", endpoint}, {}),
            ({"platform"}, {**WEB, "platform": "pigeon"}),
            ({"appId"}, {**FCM, "appId": "../x"}),
            ({"appId"}, {**FCM, "appId": "x" * 129}),
            ({"token"}, {**FCM, "token": "short"}),
            ({"token"}, {**FCM, "token": "A" * 5_000}),
            ({"token"}, {"platform": "apns", "appId": "x", "token": "zz" * 32}),
            ({endpoint}, {**WEB, endpoint: "http://push.example.net/"}),
            ({endpoint}, {**WEB, endpoint: "https://127.0.0.1/"}),
            ({endpoint}, {**WEB, endpoint: "https://[::1]/"}),
            ({endpoint}, {**WEB, endpoint: "https://user@push.example.net/"}),
            ({endpoint}, {**WEB, endpoint: "https://push.example.net/a b"}),
            ({endpoint}, {"platform": "wns", "appId": "x", endpoint: "https://example.net/"}),
            ({"p256dh"}, {**WEB, "p256dh": SECRET}),
            ({"p256dh"}, {**WEB, "p256dh": urlsafe_b64encode(bytes(65)).decode()}),
            ({"auth"}, {**WEB, "auth": "ü"}),
            ({"auth"}, {**WEB, "auth": POINT}),
            ({"auth"}, {**FCM, "auth": SECRET}),
            ({"collapse"}, {**FCM, "collapse": "maybe"}),
            ({"quietFrom"}, {**FCM, "quietFrom": "22:00"}),
            ({"quietUntil", "quietFrom"}, {**FCM, "quietUntil": "24:00"}),
            ({"timeZone"}, {**FCM, "timeZone": "../../etc/passwd"}),
            ({"timeZone"}, {**FCM, "timeZone": "Middle/Earth"}),
            ({"deviceName"}, {**FCM, "deviceName": "x" * 101}),
        ):
            response = await self.alice.post(PATH, body)
            self.assertEqual(self.wrong_parameters(response), wrong, body)
        self.assertEqual(await self.listed(self.alice), [])

    async def test_lasts(self) -> None:
        """A subscription outlives its application and a restart, and is renewed by the device."""
        made = await self.alice.post(PATH, FCM)
        await self.service.restart()
        self.clock.advance(86_400)
        await self.service.settle()
        self.assertEqual(self.service.front_end.applications.of_user(self.alice.uri), [])
        alice = await self.service.sign_in("alice")
        (shown,) = await self.listed(alice)
        self.assertGreater(shown["expires"], made.json()["expires"])

    async def test_lasts_while_used(self) -> None:
        """The requests of an application that is never registered again renew what its device has
        subscribed to."""
        made = await self.alice.post(PATH, FCM)
        await self.service.front_end.waking.switches.turn("fcm", True)
        for _ in range(4):
            self.clock.advance(86_400 / 3)
            await self.service.settle()
            self.alice.token = await self.service.token("alice")
            self.assertEqual((await self.alice.get("me")).status, 200)
        await self.service.front_end.past.purge()
        (shown,) = await self.listed(self.alice)
        self.assertGreater(shown["expires"], made.json()["expires"])

    async def test_sign_out(self) -> None:
        """Who signs out on purpose is not woken any more on that device, and is on others."""
        await self.alice.post(PATH, FCM)
        tablet = await self.service.sign_in("alice", EndpointId="tablet")
        await tablet.post(PATH, WEB)
        self.accepted(await self.alice.delete(), 204)
        (left,) = await self.listed(tablet)
        self.assertEqual(left["platform"], "webpush")

    async def test_another_user(self) -> None:
        """Nobody sees another one's devices; one that changes hands changes owners."""
        made = await self.alice.post(PATH, FCM)
        bob = await self.service.sign_in("bob")
        theirs = converted(made.header("Location") or "", self.alice, bob)
        self.refused(await bob.get(theirs), 404, "NotFound", "ResourceNotFound")
        self.assertEqual((await bob.post(PATH, FCM)).status, 201)
        self.assertEqual(await self.listed(self.alice), [])

    async def test_removed_user(self) -> None:
        """A user who is removed leaves no device behind."""
        await self.alice.post(PATH, FCM)
        front_end = self.service.front_end
        now = self.clock.seconds()
        await front_end.users.remove("sip:alice@example.test", now)
        self.assertEqual(front_end.past.devices.of("sip:alice@example.test", now), [])
        self.assertEqual(front_end.store.snapshot(now).push_subscriptions, [])
