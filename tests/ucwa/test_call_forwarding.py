"""Call forwarding over the wire."""

from typing import Any

from mobility.testing import MemoryResponse
from mobility.ucwa.documents import PUT_TOKEN_VALUE
from tests.ucwa.service import Client, UcwaTestCase, uri

ROOT = "me/callForwardingSettings"
IMMEDIATE = f"{ROOT}/immediateForwardSettings"
RING = f"{ROOT}/simultaneousRingSettings"
UNANSWERED = f"{ROOT}/unansweredCallSettings"


class ForwardingTestCase(UcwaTestCase):
    """Alice, who has Enterprise Voice; her client lurks."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        await self.service.let_call("alice")
        self.alice = await self.service.sign_in("alice", available=False)

    async def actions(self, path: str) -> set[str]:
        """The actions that are offered on one of the settings."""
        return set((await self.alice.document(path))["_links"]) - {"self", "contact"}

    async def do(self, path: str, body: object = None) -> None:
        self.accepted(await self.alice.post(path, body), 204)

    async def put(self, path: str, etag: str = "", **changes: object) -> MemoryResponse:
        """GET, change, PUT; `etag` "*" is whatever there is."""
        shown = await self.alice.document(path)
        headers = {"If-Match": etag if etag == "*" else f'"{etag or shown["etag"]}"'}
        return await self.alice.request("PUT", path, {**shown, **changes}, headers=headers)


class ShownTests(ForwardingTestCase):
    """What is shown."""

    async def test_link(self) -> None:
        """`me` links to the settings of who has Enterprise Voice, also before makeMeAvailable."""
        me = await self.alice.document("me")
        self.assertEqual(f"{self.alice.href}/{ROOT}", me["_links"][ROOT[3:]]["href"])
        bob = await self.service.sign_in("bob")
        self.assertNotIn(ROOT[3:], (await bob.document("me"))["_links"])
        await self.service.let_call("bob")
        self.assertIn(("me", "me", "updated"), [one.brief for one in await bob.events()])
        self.assertIn(ROOT[3:], (await bob.document("me"))["_links"])

    async def test_default(self) -> None:
        """Who has set nothing: calls ring, and go to voicemail after 20 seconds."""
        shown = await self.alice.document(ROOT)
        self.assertEqual(
            ("None", "Always", "Enabled"),
            (shown["activeSetting"], shown["activePeriod"], shown["unansweredCallHandling"]),
        )
        self.assertEqual({"self"}, set(shown["_links"]))
        inner = shown["_embedded"]
        self.assertEqual("None", inner["immediateForwardSettings"]["target"])
        self.assertEqual(0, inner["simultaneousRingSettings"]["ringDelay"])
        unanswered = inner["unansweredCallSettings"]
        self.assertEqual((20, "Voicemail"), (unanswered["ringDelay"], unanswered["target"]))
        for path in (IMMEDIATE, RING, UNANSWERED):
            self.assertEqual(inner[path.rpartition("/")[2]], await self.alice.document(path))

    async def test_actions(self) -> None:
        """Actions are offered that would be allowed: to delegates only where there are some."""
        self.assertEqual(
            {"immediateForwardToContact", "immediateForwardToVoicemail"},
            await self.actions(IMMEDIATE),
        )
        self.assertEqual({"simultaneousRingToContact"}, await self.actions(RING))
        delegates = self.service.front_end.delegates
        await delegates.add_delegate(uri("alice"), uri("bob"))
        await delegates.add_to_team(uri("alice"), uri("carol"))
        self.assertIn("immediateForwardToDelegates", await self.actions(IMMEDIATE))
        self.assertEqual(
            {
                "simultaneousRingToContact",
                "simultaneousRingToDelegates",
                "simultaneousRingToTeam",
            },
            await self.actions(RING),
        )
        self.assertEqual(
            {
                "unansweredCallToContact",
                "unansweredCallToVoicemail",
                "resetUnansweredCallSettings",
            },
            await self.actions(UNANSWERED),
        )
        await self.do(f"{IMMEDIATE}/immediateForwardToVoicemail")
        self.assertEqual({"resetUnansweredCallSettings"}, await self.actions(UNANSWERED))
        self.assertEqual({"turnOffCallForwarding"}, await self.actions(ROOT))

    async def test_contact(self) -> None:
        """A user who is named is linked to; a number has a contact of its own kind."""
        await self.do(f"{IMMEDIATE}/immediateForwardToContact", {"target": uri("bob")})
        link = (await self.alice.document(IMMEDIATE))["_links"]["contact"]
        self.assertEqual("Bob Brown", link["title"])
        self.assertEqual(uri("bob"), (await self.alice.document(link["href"]))["uri"])
        await self.do(f"{IMMEDIATE}/immediateForwardToContact", {"target": "+1 425 555 0199"})
        href = (await self.alice.document(IMMEDIATE))["_links"]["contact"]["href"]
        self.assertNotIn("0199", href)
        shown = await self.alice.document(href)
        self.assertEqual(
            ("contact", "tel:+14255550199", "Phone"), (shown["rel"], shown["uri"], shown["type"])
        )
        for path in (RING, UNANSWERED, f"{ROOT}/else"):
            response = await self.alice.get(f"{path}/contact")
            self.refused(response, 404, "NotFound", "ResourceNotFound")

    async def test_not_modified(self) -> None:
        """Who has the document is told so; after a change it gets the new one."""
        tag = (await self.alice.get(ROOT)).header("ETag") or ""
        self.assertEqual(304, (await self.alice.get(ROOT, If_None_Match=tag)).status)
        await self.do(f"{IMMEDIATE}/immediateForwardToVoicemail")
        self.assertEqual(200, (await self.alice.get(ROOT, If_None_Match=tag)).status)


class ActionTests(ForwardingTestCase):
    """POST."""

    async def test_forward(self) -> None:
        """All calls go to a contact, and the user's other client hears of a change."""
        other = await self.service.sign_in("alice", endpointId="tablet")
        await self.do(f"{IMMEDIATE}/immediateForwardToContact?target={uri('bob')}")
        root = await self.alice.document(ROOT)
        self.assertEqual("ImmediateForward", root["activeSetting"])
        self.assertEqual("Disabled", root["unansweredCallHandling"])
        self.assertEqual("Contact", root["_embedded"]["immediateForwardSettings"]["target"])
        self.assertEqual([("me", "me", "updated")], [one.brief for one in await other.events()])
        await self.do(f"{ROOT}/turnOffCallForwarding")
        self.assertEqual("None", (await self.alice.document(ROOT))["activeSetting"])

    async def test_delays(self) -> None:
        """Delays are taken within their bounds, also as a query, and null is none."""
        await self.service.front_end.delegates.add_to_team(uri("alice"), uri("carol"))
        action = f"{RING}/simultaneousRingToTeam"
        for body, query, expected in (
            ({"ringDelay": 55}, "", 55),
            ({"ringDelay": None}, "", 0),
            (None, "?ringDelay=10", 10),
            ({"ringDelay": "5"}, "", 5),
        ):
            await self.do(action + query, body)
            self.assertEqual(expected, (await self.alice.document(RING))["ringDelay"])
        for wrong in (-1, 56, "soon", 1.5, True, [], {}):
            response = await self.alice.post(action, {"ringDelay": wrong})
            self.assertEqual({"ringDelay"}, self.wrong_parameters(response))
        action = f"{UNANSWERED}/unansweredCallToVoicemail"
        for delay in (5, 60):
            await self.do(action, {"ringDelay": delay})
            self.assertEqual(delay, (await self.alice.document(UNANSWERED))["ringDelay"])
        for wrong in (4, 61):
            response = await self.alice.post(action, {"ringDelay": wrong})
            self.assertEqual({"ringDelay"}, self.wrong_parameters(response))

    async def test_both_wrong(self) -> None:
        """Everything that is wrong is named at once."""
        body = {"ringDelay": 4, "target": "x" * 81}
        response = await self.alice.post(f"{UNANSWERED}/unansweredCallToContact", body)
        self.assertEqual({"ringDelay", "target"}, self.wrong_parameters(response))

    async def test_targets(self) -> None:
        """A bad number, a stranger, the user itself and nothing are refused, each in its way."""
        for path in (
            f"{IMMEDIATE}/immediateForwardToContact",
            f"{RING}/simultaneousRingToContact",
            f"{UNANSWERED}/unansweredCallToContact",
        ):
            for target in ("tel:none", "+", "call me"):
                response = await self.alice.post(path, {"target": target})
                self.refused(response, 400, "BadRequest", "NormalizationFailed")
            for target in (uri("nobody"), uri("alice"), "sip:@", "", None, {"a": 1}, ["a"]):
                response = await self.alice.post(path, {"target": target})
                self.assertEqual({"target"}, self.wrong_parameters(response), target)
            response = await self.alice.post(path, {"target": "911"})
            self.refused(response, 403, "Forbidden")
        self.assertEqual("None", (await self.alice.document(ROOT))["activeSetting"])

    async def test_nobody(self) -> None:
        """Without delegates or a team 409 says what is missing."""
        for path, subcode in (
            (f"{IMMEDIATE}/immediateForwardToDelegates", "NoDelegatesConfigured"),
            (f"{RING}/simultaneousRingToDelegates", "NoDelegatesConfigured"),
            (f"{RING}/simultaneousRingToTeam", "NoTeamMembersConfigured"),
        ):
            self.refused(await self.alice.post(path), 409, "Conflict", subcode)

    async def test_unanswered_while_forwarded(self) -> None:
        """While all calls are forwarded none is unanswered: 403."""
        await self.do(f"{IMMEDIATE}/immediateForwardToVoicemail")
        response = await self.alice.post(f"{UNANSWERED}/unansweredCallToVoicemail")
        self.refused(response, 403, "Forbidden")
        self.refused(await self.put(UNANSWERED, ringDelay=10), 403, "Forbidden")

    async def test_restart(self) -> None:
        """The settings outlive the process."""
        await self.do(f"{RING}/simultaneousRingToContact", {"target": uri("bob")})
        before = await self.alice.document(ROOT)
        await self.service.restart()
        self.assertEqual(before, await self.alice.document(ROOT))


class PutTests(ForwardingTestCase):
    """PUT."""

    async def test_root(self) -> None:
        """Period and setting are written; a setting without a target is not."""
        shown = (await self.put(ROOT, activePeriod="workhours")).json()
        self.assertEqual("Workhours", shown["activePeriod"])
        for setting in ("ImmediateForward", "SimultaneousRing"):
            self.refused(await self.put(ROOT, activeSetting=setting), 409, "Conflict")
        await self.do(f"{IMMEDIATE}/immediateForwardToContact", {"target": uri("bob")})
        shown = (await self.put(ROOT, activeSetting="None")).json()
        self.assertEqual("None", shown["activeSetting"])
        self.assertEqual("Enabled", shown["unansweredCallHandling"])
        shown = (await self.put(ROOT, activeSetting="ImmediateForward")).json()
        self.assertEqual("ImmediateForward", shown["activeSetting"])
        self.assertEqual("Contact", shown["_embedded"]["immediateForwardSettings"]["target"])

    async def test_ring(self) -> None:
        """Target and delay; without a target nobody rings too."""
        await self.do(f"{RING}/simultaneousRingToContact", {"target": uri("bob")})
        shown = (await self.put(RING, ringDelay=30)).json()
        self.assertEqual((30, "Contact"), (shown["ringDelay"], shown["target"]))
        self.refused(
            await self.put(RING, target="Team"), 409, "Conflict", "NoTeamMembersConfigured"
        )
        self.assertEqual("None", (await self.put(RING, target="None")).json()["target"])
        self.assertEqual("None", (await self.alice.document(ROOT))["activeSetting"])
        for changes in ({"ringDelay": 56}, {"target": "Voicemail"}, {"target": 7}):
            response = await self.put(RING, **changes)
            self.assertEqual(set(changes), self.wrong_parameters(response))

    async def test_unanswered(self) -> None:
        """Target and delay; a contact must have been named."""
        self.refused(await self.put(UNANSWERED, target="Contact"), 409, "Conflict")
        shown = (await self.put(UNANSWERED, target="None", ringDelay=5)).json()
        self.assertEqual(("None", 5), (shown["target"], shown["ringDelay"]))
        root = await self.alice.document(ROOT)
        self.assertEqual("Disabled", root["unansweredCallHandling"])
        for changes in ({"ringDelay": 4}, {"target": "Delegates"}):
            response = await self.put(UNANSWERED, **changes)
            self.assertEqual(set(changes), self.wrong_parameters(response))

    async def test_other_number(self) -> None:
        """Another number is another version, though the document does not name it; what is beside
        it is the same."""
        action = f"{RING}/simultaneousRingToContact"
        await self.do(action, {"target": "+14255550199"})
        root = await self.alice.document(ROOT)
        before = root["_embedded"]["simultaneousRingSettings"]["etag"]
        await self.do(action, {"target": "+14255550188"})
        self.refused(await self.put(RING, before, ringDelay=5), 412, "PreconditionFailed")
        shown = (await self.alice.get(RING, If_None_Match=f'"{before}"')).status
        self.assertEqual(200, shown)
        etag = root["_embedded"]["unansweredCallSettings"]["etag"]
        self.assertEqual(200, (await self.put(UNANSWERED, etag, ringDelay=30)).status)

    async def test_rules(self) -> None:
        """Without If-Match 428, with an old etag 412, without the GUID property 400."""
        for path in (ROOT, RING, UNANSWERED):
            shown = await self.alice.document(path)
            self.refused(await self.alice.request("PUT", path, shown), 428, "PreconditionRequired")
            self.refused(await self.put(path, "0"), 412, "PreconditionFailed")
            token = self.token(shown)
            response = await self.put(path, **{token: "else"})
            self.assertEqual({token}, self.wrong_parameters(response))
            self.assertEqual(200, (await self.put(path, "*")).status)
        self.assertEqual(
            3,
            len({self.token(await self.alice.document(path)) for path in (ROOT, RING, UNANSWERED)}),
        )

    def token(self, document: dict[str, Any]) -> str:
        return next(name for name, value in document.items() if value == PUT_TOKEN_VALUE)


class VoiceTests(UcwaTestCase):
    """Who has no Enterprise Voice."""

    async def test_forbidden(self) -> None:
        """Everything is 403, whatever else is wrong."""
        alice = await self.service.sign_in("alice")
        for path in (ROOT, IMMEDIATE, RING, UNANSWERED, f"{IMMEDIATE}/contact"):
            self.refused(await alice.get(path), 403, "Forbidden")
        for path in (ROOT, RING, UNANSWERED):
            response = await alice.request("PUT", path, {}, headers={"If-Match": "*"})
            self.refused(response, 403, "Forbidden")
        for path in self.posts():
            self.refused(await alice.post(path, {"ringDelay": "soon"}), 403, "Forbidden")

    async def test_taken_away(self) -> None:
        """Who loses Enterprise Voice loses all of it; it is back as it was with it."""
        await self.service.let_call("alice")
        alice: Client = await self.service.sign_in("alice")
        self.accepted(await alice.post(f"{IMMEDIATE}/immediateForwardToVoicemail"), 204)
        before = await alice.document(ROOT)
        await self.service.let_call("alice", may=False)
        self.refused(await alice.get(ROOT), 403, "Forbidden")
        await self.service.let_call("alice")
        self.assertEqual(before, await alice.document(ROOT))

    def posts(self) -> list[str]:
        return [
            f"{ROOT}/turnOffCallForwarding",
            *(
                f"{IMMEDIATE}/immediateForwardTo{to}"
                for to in ("Contact", "Delegates", "Voicemail")
            ),
            *(f"{RING}/simultaneousRingTo{to}" for to in ("Contact", "Delegates", "Team")),
            *(f"{UNANSWERED}/unansweredCallTo{to}" for to in ("Contact", "Voicemail")),
            f"{UNANSWERED}/resetUnansweredCallSettings",
        ]
