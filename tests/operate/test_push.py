"""The operator API of push notifications, over a whole front end in memory."""

from urllib.parse import quote

import attrs
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mobility.http.message import Site
from mobility.operate.access import OperatorAccess
from mobility.operate.push import PATH, PushCollector, routes
from mobility.push.clearing_house import HouseFailed
from mobility.push.verdicts import TOGETHER_S
from mobility.push.wire import DEAD, DELIVERED, EXPIRED, FAILED
from mobility.testing import MemoryClient, MemoryResponse, memory_site
from mobility.waking import UNANSWERED_S
from tests.push.doubles import MemoryHouse
from tests.ucwa.service import Service

KEY = "k" * 43
BOB = "sip:bob@example.test"
PHONE = {"platform": "fcm", "appId": "com.example.app", "token": "A" * 40}


class PushApiTests(TestCase):
    """Bob has a phone, and an operator asks about it."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.house = MemoryHouse()
        self.service = Service(self.mktemp(), house=self.house)
        self.addCleanup(self.service.stop)
        await self.service.start()
        self.waking = self.service.front_end.waking
        made = routes(
            self.waking,
            self.service.front_end.users,
            OperatorAccess(KEY),
            self.service.log,
            lambda uri: f"~{uri}",
        )
        site = memory_site(made, clock=Clock(), site=Site("operator", secure=True))
        self.client = MemoryClient(site)
        bob = await self.service.sign_in("bob")
        self.assertEqual((await bob.post("me/pushSubscriptions", PHONE)).status, 201)

    async def ask(
        self, method: str, path: str, json: object = None, key: str = KEY
    ) -> MemoryResponse:
        headers = {"Authorization": f"Bearer {key}"}
        return await self.client.request(method, PATH + path, headers=headers, json=json)

    async def move(self, site: str) -> None:
        """Bob belongs to a site now."""
        users = self.service.front_end.users
        bob = users.find(BOB)
        await users.settle(bob, attrs.evolve(bob, site=site), self.service.clock.seconds())

    async def pass_time(self, seconds: float) -> None:
        self.service.clock.advance(seconds)
        await self.service.settle()

    async def test_secret(self) -> None:
        """Without the operator's secret every route answers 401."""
        for method, path in (
            ("GET", ""),
            ("GET", "/switches"),
            ("PUT", "/switches/fcm"),
            ("GET", "/platforms"),
            ("DELETE", "/switches/fcm/Berlin"),
            ("GET", f"/users/{quote(BOB)}"),
            ("POST", f"/users/{quote(BOB)}/test"),
            ("GET", "/notices/1"),
            ("GET", "/house"),
        ):
            self.assertEqual((await self.ask(method, path, key="x")).status, 401, path)

    async def test_platforms(self) -> None:
        """Each switch that is on or keeps devices asleep is told, and for how many devices it
        is: those of a site that has one of its own are that one's."""

        async def shown() -> list[tuple[str, str, bool, int]]:
            found = (await self.ask("GET", "/platforms")).json()["platforms"]
            keys = ("platform", "scope", "enabled", "devices")
            apps = [[PHONE["appId"]] if one["devices"] else [] for one in found]
            self.assertEqual([one["apps"] for one in found], apps)
            return [tuple(one[key] for key in keys) for one in found]  # type: ignore[misc]

        self.assertEqual(await shown(), [("fcm", "global", False, 1)])
        await self.waking.switches.turn("fcm", True)
        await self.move("Berlin")
        await self.waking.switches.turn("apns", True, "Berlin")
        on = [("apns", "site:Berlin", True, 0), ("fcm", "global", True, 1)]
        self.assertEqual(await shown(), on)
        await self.waking.switches.turn("fcm", False, "Berlin")
        self.assertEqual(
            await shown(),
            [
                ("apns", "site:Berlin", True, 0),
                ("fcm", "global", True, 0),
                ("fcm", "site:Berlin", False, 1),
            ],
        )

    async def test_switches(self) -> None:
        """All platforms are off until one is turned on, for all or for a site, which counts
        first."""
        shown = (await self.ask("GET", "/switches")).json()["switches"]
        self.assertEqual([one["enabled"] for one in shown], [False] * 5)
        self.assertEqual((await self.ask("PUT", "/switches/fcm", {"enabled": True})).status, 204)
        await self.move("Berlin")
        off = {"enabled": False, "site": "berlin"}
        self.assertEqual((await self.ask("PUT", "/switches/fcm", off)).status, 204)
        switches = self.waking.switches
        self.assertTrue(switches.is_on("fcm"))
        self.assertTrue(switches.is_on("fcm", "Paris"))
        self.assertFalse(switches.is_on("fcm", "Berlin"))
        shown = (await self.ask("GET", "/switches")).json()["switches"]
        self.assertIn(
            {
                "platform": "fcm",
                "switch": "EnableGooglePushNotificationService",
                "scope": "site:Berlin",
                "enabled": False,
            },
            shown,
        )
        self.assertEqual((await self.ask("DELETE", "/switches/fcm/Berlin")).status, 204)
        self.assertEqual((await self.ask("DELETE", "/switches/fcm/Berlin")).status, 404)
        self.assertTrue(switches.is_on("fcm", "Berlin"))
        self.assertEqual((await self.ask("PUT", "/switches/mpns", {"enabled": True})).status, 400)
        self.assertEqual((await self.ask("PUT", "/switches/fcm", {})).status, 400)

    async def test_unknown_site(self) -> None:
        """A switch for a site to which nobody can belong is refused, with the nearest right name;
        one that is there already can be turned and taken away."""
        await self.move("Berlin")
        for site, hint in (("Berln", "is Berlin meant?"), ("Rome", "or some user's.")):
            answer = await self.ask("PUT", "/switches/fcm", {"enabled": True, "site": site})
            self.assertEqual(answer.status, 404)
            self.assertIn(f"There is no site {site!r}", answer.json()["message"])
            self.assertIn(hint, answer.json()["message"])
        self.assertEqual(self.waking.switches.all(), [])
        for enabled in (True, False):
            wanted = {"enabled": enabled, "site": "Berlin"}
            self.assertEqual((await self.ask("PUT", "/switches/fcm", wanted)).status, 204)
            await self.move("")
        self.assertEqual((await self.ask("DELETE", "/switches/fcm/BERLIN")).status, 204)
        self.assertEqual(self.waking.switches.all(), [])

    async def test_switches_last(self) -> None:
        """A switch holds over a restart."""
        await self.ask("PUT", "/switches/wns", {"enabled": True})
        await self.service.restart()
        self.assertTrue(self.service.front_end.waking.switches.is_on("wns"))

    async def test_test_takes_the_real_road(self) -> None:
        """A test is queued, taken by the clearing house and by the provider, and each hop is
        told."""
        asleep = (await self.ask("POST", f"/users/{quote(BOB)}/test")).json()
        self.assertEqual(asleep["ids"], [])
        obstacle = "EnableGooglePushNotificationService is off"
        self.assertEqual([one["obstacle"] for one in asleep["devices"]], [obstacle])
        await self.ask("PUT", "/switches/fcm", {"enabled": True})
        (notice_id,) = (await self.ask("POST", f"/users/{quote(BOB)}/test")).json()["ids"]
        await self.pass_time(0.1)
        (told,) = self.house.taken
        self.assertEqual((told.id, told.kind, told.trace), (notice_id, "message", notice_id))
        (traced,) = (await self.ask("GET", f"/notices/{notice_id}")).json()["notices"]
        self.assertEqual((traced["state"], traced["kind"]), ("accepted", "test"))
        self.house.say(notice_id, DELIVERED)
        await self.service.settle()
        (traced,) = (await self.ask("GET", f"/notices/{notice_id}")).json()["notices"]
        self.assertEqual((traced["state"], traced["reason"]), ("ended", "sent"))
        names = [name for name, fields in self.service.log.events if fields.get("id") == notice_id]
        self.assertEqual(names, ["push.queued", "push.handed", "push.sent", "push.ended"])

    async def test_overtaken(self) -> None:
        """The provider's word can be heard before the answer that the clearing house has taken it:
        no hop is missing then, and none is told twice."""
        await self.ask("PUT", "/switches/fcm", {"enabled": True})
        self.house.hold = True
        (notice_id,) = (await self.ask("POST", f"/users/{quote(BOB)}/test")).json()["ids"]
        await self.pass_time(0.1)
        self.house.say(notice_id, DELIVERED)
        await self.service.settle()
        self.house.release()
        await self.service.settle()
        (traced,) = (await self.ask("GET", f"/notices/{notice_id}")).json()["notices"]
        self.assertTrue(traced["handed_at"])
        names = [name for name, fields in self.service.log.events if fields.get("id") == notice_id]
        self.assertEqual(names, ["push.queued", "push.handed", "push.sent", "push.ended"])

    async def test_trace_of_what_was_refused(self) -> None:
        """The provider's own words are in the trace, also after a restart."""
        await self.ask("PUT", "/switches/fcm", {"enabled": True})
        (notice_id,) = (await self.ask("POST", f"/users/{quote(BOB)}/test")).json()["ids"]
        await self.pass_time(0.1)
        self.house.say(notice_id, DEAD, reason="provider", status="404 UNREGISTERED")
        await self.service.settle()
        (traced,) = (await self.ask("GET", f"/notices/{notice_id}")).json()["notices"]
        self.assertEqual(traced["reason"], "dead_token: 404 UNREGISTERED")
        self.assertEqual((await self.ask("GET", "/notices/nothing")).status, 404)

    async def test_expired_there(self) -> None:
        """What expired at the clearing house was not refused: it ended, and the trace has what kept
        it from its provider.  What was withdrawn there says so."""
        await self.ask("PUT", "/switches/fcm", {"enabled": True})
        for word, reason in (
            ({"reason": "provider", "status": "503 UNAVAILABLE"}, "expired: 503 UNAVAILABLE"),
            ({"reason": "already_expired"}, "expired"),
            ({"reason": "withdrawn"}, "withdrawn"),
        ):
            (notice_id,) = (await self.ask("POST", f"/users/{quote(BOB)}/test")).json()["ids"]
            await self.pass_time(0.1)
            self.house.say(notice_id, EXPIRED, **word)
            await self.pass_time(TOGETHER_S + 0.1)
            (traced,) = (await self.ask("GET", f"/notices/{notice_id}")).json()["notices"]
            self.assertEqual((traced["reason"], traced["taken"]), (reason, False))
        standing = (await self.ask("GET", "")).json()
        self.assertEqual(
            (standing["rejected"], standing["ended"]), ({}, {"expired": 2, "withdrawn": 1})
        )

    async def test_rejections_are_told_apart(self) -> None:
        """What is counted of refusals has the number of the provider's answer, and no more of its
        words than that."""
        await self.ask("PUT", "/switches/fcm", {"enabled": True})
        for status in ("403 SENDER_ID_MISMATCH", "400 INVALID_ARGUMENT", "400 other words"):
            (notice_id,) = (await self.ask("POST", f"/users/{quote(BOB)}/test")).json()["ids"]
            await self.pass_time(0.1)
            self.house.say(notice_id, FAILED, reason="provider", status=status)
            await self.pass_time(TOGETHER_S + 0.1)
        rejected = (await self.ask("GET", "")).json()["rejected"]
        self.assertEqual(rejected, {"provider 403": 1, "provider 400": 2})

    async def test_unanswered(self) -> None:
        """What the clearing house has and no provider takes is told, and is a problem once it is
        too long; so is it when nothing can be heard of providers."""
        await self.ask("PUT", "/switches/fcm", {"enabled": True})
        await self.ask("POST", f"/users/{quote(BOB)}/test")
        await self.pass_time(0.1)
        await self.pass_time(UNANSWERED_S - 1)
        shown = (await self.ask("GET", "")).json()
        self.assertEqual((shown["waiting"], shown["unanswered"], shown["problem"]), (0, 1, ""))
        await self.pass_time(2)
        shown = (await self.ask("GET", "")).json()
        self.assertIsNone(shown["oldest_s"])
        self.assertGreaterEqual(shown["unanswered_s"], UNANSWERED_S)
        self.assertIn("no provider takes", shown["problem"])
        await self.service.restart()
        self.assertEqual(self.service.front_end.waking.standing()["unanswered"], 1)

    async def test_heard_again(self) -> None:
        """That nothing can be heard of providers is a problem while something waits for it; once
        the clearing house takes a notification it is asked for what they said at once."""
        await self.ask("PUT", "/switches/fcm", {"enabled": True})
        self.house.deaf = HouseFailed("it answered 503")
        self.house.say("nobody", DELIVERED)
        await self.pass_time(1)
        for _ in range(8):
            await self.pass_time(60)
        self.assertEqual((await self.ask("GET", "")).json()["problem"], "")
        (notice_id,) = (await self.ask("POST", f"/users/{quote(BOB)}/test")).json()["ids"]
        await self.pass_time(0.1)
        await self.pass_time(0.1)
        problem = "what providers say cannot be heard: it answered 503"
        self.assertEqual((await self.ask("GET", "")).json()["problem"], problem)
        self.house.say(notice_id, DELIVERED)
        self.house.deaf = None
        await self.ask("POST", f"/users/{quote(BOB)}/test")
        await self.pass_time(0.1)
        await self.pass_time(0.1)
        (traced,) = (await self.ask("GET", f"/notices/{notice_id}")).json()["notices"]
        self.assertTrue(traced["taken"])
        self.assertEqual((await self.ask("GET", "")).json()["problem"], "")

    async def test_standing(self) -> None:
        """What stands out first is how long the oldest one waits, and why."""
        await self.ask("PUT", "/switches/fcm", {"enabled": True})
        self.assertIs((await self.ask("GET", "")).json()["oldest_s"], None)
        self.house.fail = HouseFailed("it answered 503", 30.0)
        await self.ask("POST", f"/users/{quote(BOB)}/test")
        await self.pass_time(0.1)
        await self.pass_time(9.9)
        shown = (await self.ask("GET", "")).json()
        self.assertEqual((shown["oldest_s"], shown["waiting"]), (10.0, 1))
        problem = "nothing gets through to the clearing house: it answered 503"
        self.assertEqual(shown["problem"], problem)
        self.assertEqual((await self.ask("GET", "/house")).json()["organisation"], "example")
        (waits,) = (await self.ask("GET", f"/users/{quote(BOB)}")).json()["notices"]
        self.assertEqual((waits["state"], waits["attempts"]), ("waiting", 1))
        self.assertEqual(waits["obstacle"], "it answered 503")

    async def test_metrics(self) -> None:
        """Every question has a metric: queued, taken, refused by reason, how long, the oldest."""
        await self.ask("PUT", "/switches/fcm", {"enabled": True})
        await self.ask("POST", f"/users/{quote(BOB)}/test")
        await self.pass_time(0.1)
        hops = self.waking.hops
        collector = PushCollector(
            hops, lambda: 3, lambda: 12.5, lambda: 2, lambda: 7.5, lambda: True
        )
        found = {
            (sample.name, *sample.labels.values()): sample.value
            for family in collector.collect()
            for sample in family.samples
        }
        self.assertEqual(found["mobility_push_oldest_seconds",], 12.5)
        self.assertEqual(found["mobility_push_waiting",], 3)
        self.assertEqual(found["mobility_push_unanswered",], 2)
        self.assertEqual(found["mobility_push_unanswered_oldest_seconds",], 7.5)
        self.assertEqual(found["mobility_push_queued_total", "test"], 1)
        self.assertEqual(found["mobility_push_handed_total",], 1)
        self.assertEqual(found["mobility_push_latency_seconds_bucket", "+Inf"], 1)
