"""The operator API of voice routing, over a real site in memory."""

from typing import Any
from urllib.parse import quote

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mobility.domain.records import User
from mobility.domain.users import Users
from mobility.domain.voice import Voice
from mobility.domain.voice_objects import KINDS
from mobility.http.message import Site
from mobility.operate.access import OperatorAccess
from mobility.operate.voice import GRANTS_PATH, PATH, TEST_PATH, MeetingCalls, routes
from mobility.testing import MemoryClient, MemoryLog, MemoryResponse, memory_site
from tests.domain.doubles import MemoryLedger

KEY = "k" * 43
ALICE = User("sip:alice@example.test", "A", work_phone="+14255550101", enterprise_voice=True)


class VoiceApiTests(TestCase):
    """Objects, grants and tests."""

    def setUp(self) -> None:
        ledger = MemoryLedger()
        self.users = Users(ledger, [ALICE])
        self.voice = Voice(ledger, self.users)
        self.log = MemoryLog()
        self.serve(MeetingCalls())

    def serve(self, meetings: MeetingCalls) -> None:
        site = memory_site(
            routes(
                self.voice,
                self.users,
                OperatorAccess(KEY),
                self.log,
                lambda uri: f"~{uri}",
                meetings,
            ),
            clock=Clock(),
            site=Site("operator", secure=True),
        )
        self.client = MemoryClient(site)

    async def ask(
        self, method: str, path: str, body: object = None, key: str = KEY
    ) -> MemoryResponse:
        headers = {"Authorization": f"Bearer {key}"}
        return await self.client.request(method, path, headers=headers, json=body)

    async def good(self, method: str, path: str, body: object = None) -> Any:
        response = await self.ask(method, path, body)
        self.assertLess(response.status, 300, response.body)
        return response.json() if response.body else None

    async def wrong(self, method: str, path: str, body: object = None) -> dict[str, str]:
        response = await self.ask(method, path, body)
        self.assertEqual(400, response.status)
        return {one["name"]: one["reason"] for one in response.json().get("parameters", ())}

    async def test_secret(self) -> None:
        """Every route needs the operator's secret."""
        for method, path in (
            ("GET", f"{PATH}/routes"),
            ("POST", f"{PATH}/routes"),
            ("GET", f"{PATH}/routes/x"),
            ("PATCH", f"{PATH}/routes/x"),
            ("DELETE", f"{PATH}/routes/x"),
            ("GET", f"{GRANTS_PATH}/x"),
            ("PATCH", f"{GRANTS_PATH}/x"),
            ("POST", TEST_PATH),
        ):
            self.assertEqual(401, (await self.ask(method, path, key="x")).status, path)

    async def test_life(self) -> None:
        """An object is added, shown, changed from its version, and forgotten."""
        added = await self.good("POST", f"{PATH}/usages", {"name": "Local calls"})
        self.assertEqual(1, added["version"])
        one = f"{PATH}/usages/{quote('local CALLS')}"
        self.assertEqual(added, await self.good("GET", one))
        changed = await self.good("PATCH", one, {"version": 1, "description": "x"})
        self.assertEqual((2, "x"), (changed["version"], changed["description"]))
        self.assertEqual({"usages": [changed]}, await self.good("GET", f"{PATH}/usages"))
        for late in (
            await self.ask("PATCH", one, {"version": 1, "description": "y"}),
            await self.ask("DELETE", f"{one}?version=1"),
        ):
            self.assertEqual(409, late.status)
            self.assertIn("at version 2, not 1", late.json()["message"])
        await self.good("DELETE", f"{one}?version=2")
        self.assertEqual(404, (await self.ask("GET", one)).status)
        self.assertEqual(
            [("added", 1), ("changed", 2), ("removed", 0)],
            [(fields["change"], fields["version"]) for _, fields in self.log.events],
        )

    async def test_version_is_needed(self) -> None:
        """A change without the version that it was made from is refused."""
        await self.good("POST", f"{PATH}/usages", {"name": "L"})
        one = f"{PATH}/usages/L"
        for version in (None, "1", True, -1):
            self.assertIn("version", await self.wrong("PATCH", one, {"version": version}))
        for query in ("", "?version=", "?version=x", "?version=-1", "?version=99999999999"):
            self.assertIn("version", await self.wrong("DELETE", one + query))

    async def test_every_kind(self) -> None:
        """Each kind is listed; those that always have a global one show it."""
        for kind in KINDS:
            listed = await self.good("GET", f"{PATH}/{kind}")
            names = [one["name"] for one in listed[kind]]
            self.assertEqual(["global"] if kind in ("policies", "dial-plans") else [], names)
        response = await self.ask("GET", f"{PATH}/gateway")
        self.assertEqual(404, response.status)
        self.assertIn("is gateways meant?", response.json()["message"])

    async def test_hostile(self) -> None:
        """Bodies that are no objects, and names and values of any kind, are refused by name."""
        for body in ([], 1, "x", None):
            self.assertEqual(400, (await self.ask("POST", f"{PATH}/routes", body)).status)
        self.assertEqual({"name"}, set(await self.wrong("POST", f"{PATH}/routes", {})))
        for name in (None, [], {}, "", " x", "x" * 65, "a/b", "\x00"):
            wrong = await self.wrong("POST", f"{PATH}/policies", {"name": name})
            self.assertEqual({"name"}, set(wrong), name)
        self.assertEqual(
            {"name"},
            set(await self.wrong("PATCH", f"{PATH}/policies/global", {"version": 0, "name": "x"})),
        )

    async def test_grant(self) -> None:
        """What is granted is in force at once, and is logged without the user's name."""
        await self.good("POST", f"{PATH}/policies", {"name": "Sales"})
        path = f"{GRANTS_PATH}/{quote(ALICE.uri, safe='')}"
        before = await self.good("GET", path)
        self.assertEqual((0, "global"), (before["version"], before["effective_voice_policy"]))
        after = await self.good("PATCH", path, {"version": 0, "voice_policy": "Sales"})
        self.assertEqual((1, "tag:Sales"), (after["version"], after["effective_voice_policy"]))
        self.assertEqual(404, (await self.ask("GET", f"{GRANTS_PATH}/sip:x@example.test")).status)
        self.assertEqual(
            ("voice.granted", {"user": f"~{ALICE.uri}", "policy": "tag:Sales", "dial_plan": ""}),
            self.log.events[-1],
        )

    async def test_explained(self) -> None:
        """A test says what was decided at each step, and why it leads nowhere."""
        found = await self.good("POST", TEST_PATH, {"from": ALICE.uri, "number": "5550199"})
        self.assertEqual(
            ("Keep All", "5550199", "NoUsages", []),
            (found["rule"], found["number"], found["failure"], found["attempts"]),
        )
        self.assertIn("allows no calls", found["reason"])
        await self.good("POST", f"{PATH}/usages", {"name": "L"})
        await self.good("POST", f"{PATH}/gateways", {"name": "gw.test"})
        await self.good(
            "POST",
            f"{PATH}/routes",
            {"name": "R", "number_pattern": "^555", "usages": ["L"], "gateways": ["gw.test"]},
        )
        await self.good("PATCH", f"{PATH}/policies/global", {"version": 0, "usages": ["L"]})
        found = await self.good("POST", TEST_PATH, {"from": ALICE.uri, "number": "5550199"})
        self.assertEqual("", found["failure"])
        self.assertEqual(
            [
                {
                    "gateway": "gw.test",
                    "port": 5067,
                    "transport": "tls",
                    "route": "R",
                    "usage": "L",
                    "caller_id": "+14255550101",
                }
            ],
            found["attempts"],
        )
        self.assertIn("number", await self.wrong("POST", TEST_PATH, {"from": ALICE.uri}))
        self.assertIn(
            "x", await self.wrong("POST", TEST_PATH, {"from": ALICE.uri, "number": "1", "x": 1})
        )
        stranger = await self.ask("POST", TEST_PATH, {"from": "sip:x@y.test", "number": "1"})
        self.assertEqual(404, stranger.status)

    async def test_meeting(self) -> None:
        """A test of a meeting's call says which way it takes, for users without Enterprise Voice
        too, and what the telephone is shown; without a number it is the user's mobile one."""
        await self.users.add(User("sip:bob@example.test", "B", mobile_phone="+14255550177"))
        await self.good("POST", f"{PATH}/usages", {"name": "L"})
        await self.good("POST", f"{PATH}/gateways", {"name": "gw.test"})
        route = {"name": "R", "number_pattern": "^", "usages": ["L"], "gateways": ["gw.test"]}
        await self.good("POST", f"{PATH}/routes", route)
        await self.good("PATCH", f"{PATH}/policies/global", {"version": 0, "usages": ["L"]})
        test: dict[str, object] = {"from": "sip:bob@example.test", "meeting": True}
        found = await self.good("POST", TEST_PATH, test)
        self.assertEqual("NoConferenceServer", found["failure"])
        self.assertIn("meetings.mixer", found["reason"])
        mixer = "sip:conf-{id}@mixer.test"
        self.serve(MeetingCalls(mixer, "+14255550100"))
        found = await self.good("POST", TEST_PATH, test)
        self.assertEqual(("", "+14255550177", mixer), _road(found))
        self.assertEqual("+14255550100", found["attempts"][0]["caller_id"])
        for number, failure in (("+14255550101", "NumberOfUser"), ("112", "EmergencyNumber")):
            found = await self.good("POST", TEST_PATH, {**test, "number": number})
            self.assertEqual(failure, found["failure"])
            self.assertTrue(found["reason"])
        found = await self.good("POST", TEST_PATH, {**test, "number": "+1555", "meeting": False})
        self.assertEqual(("EnterpriseVoiceDisabled", "+1555", ""), _road(found))
        for wrong in ({"from": ALICE.uri}, {"number": None}, {"number": ""}):
            self.assertIn("number", await self.wrong("POST", TEST_PATH, {**test, **wrong}))
        self.assertIn("meeting", await self.wrong("POST", TEST_PATH, {**test, "meeting": 1}))


def _road(found: dict[str, Any]) -> tuple[object, object, object]:
    return found["failure"], found["number"], found["conference_server"]
