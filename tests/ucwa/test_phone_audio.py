"""Call via work over UCWA."""

from typing import Any
from urllib.parse import quote

from mobility.testing import MemoryResponse
from tests.descriptions import sdp
from tests.ucwa.service import MOBILE, OUTSIDE, Client, Service, UcwaTestCase, uri

START = "communication/phoneAudioInvitations"


class PhoneTestCase(UcwaTestCase):
    """Alice and Bob, who may call by telephone, and Alice's client."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        await self.service.let_phone("alice", "bob")
        self.alice = await self.service.sign_in("alice")

    async def start(self, to: str = OUTSIDE, **more: Any) -> str:
        """The path of the invitation."""
        body = {"to": to, "operationId": "op", **more}
        return self.accepted(await self.alice.post(START, body), 201)

    async def lets(self, number: str, happens: str) -> None:
        """Let something happen at a telephone."""
        getattr(self.service.telephones.to(number), happens)()
        await self.service.follow()

    async def connected(self) -> str:
        """Alice talks to a number outside; the path of the telephone audio."""
        invitation = await self.alice.document(await self.start())
        await self.lets(MOBILE["alice"], "answers")
        await self.lets(OUTSIDE, "answers")
        await self.alice.events()
        href: str = invitation["_links"]["phoneAudio"]["href"]
        return href

    async def by_phone(self, name: str) -> Client:
        """A client that takes calls with the telephone."""
        client = await self.service.sign_in(name, available=False)
        values = {
            "SupportedModalities": ["PhoneAudio", "Messaging", "Audio"],
            "AudioPreference": "PhoneAudio",
            "PhoneNumber": MOBILE[name],
        }
        self.accepted(await client.post("me/makeMeAvailable", values), 204)
        await client.events()
        return client


class StartTests(PhoneTestCase):
    """startPhoneAudio."""

    async def test_story(self) -> None:
        """The invitation is created and told of until the call is connected."""
        href = await self.start(phoneNumber="+1 (425) 555-0999", subject="S")
        self.assertIn("/communication/phoneAudioInvitations/", href)
        shown = await self.alice.document(href)
        self.assertEqual(
            ("Outgoing", "Connecting", f"tel:{OUTSIDE}", "tel:+14255550999", "S", "op"),
            tuple(
                shown[name]
                for name in ("direction", "state", "to", "phoneNumber", "subject", "operationId")
            ),
        )
        self.assertIn("cancel", shown["_links"])
        self.assertNotIn("to", shown["_links"])
        await self.lets("+14255550999", "answers")
        await self.lets(OUTSIDE, "rings")
        await self.lets(OUTSIDE, "answers")
        told = await self.alice.events()
        self.assertEqual(
            [
                ("communication", "phoneAudioInvitation", "started"),
                ("communication", "conversation", "added"),
                ("conversation", "localParticipant", "added"),
                ("communication", "phoneAudioInvitation", "updated"),
                ("conversation", "participant", "added"),
                ("communication", "conversation", "updated"),
                ("conversation", "phoneAudio", "updated"),
                ("communication", "phoneAudioInvitation", "completed"),
                ("me", "presence", "updated"),
            ],
            [event.brief for event in told],
        )
        self.assertEqual("Alerting", told[3].resource["state"])
        self.assertEqual("Connected", told[6].resource["state"])
        self.assertEqual(("Success", "Connected"), (told[7].status, told[7].resource["state"]))
        (other,) = told[7].resource["_embedded"]["acceptedByParticipant"]
        self.assertEqual((f"tel:{OUTSIDE}", OUTSIDE), (other["uri"], other["name"]))
        self.assertEqual({"self", "conversation"}, set(other["_links"]))
        href = other["_links"]["self"]["href"]
        self.assertNotIn("4930", href)
        participant = await self.alice.document(href)
        self.assertEqual(f"tel:{OUTSIDE}", participant["uri"])

    async def test_query(self) -> None:
        """`to` may stand in the query."""
        response = await self.alice.post(f"{START}?to=%2B4930123456")
        self.accepted(response, 201)

    async def test_wrong(self) -> None:
        """Wrong numbers, missing values, and what policy forbids."""
        for to in ("no number", "12+3"):
            response = await self.alice.post(START, {"to": to})
            self.refused(response, 400, "BadRequest", "NormalizationFailed")
        response = await self.alice.post(START, {"to": OUTSIDE, "phoneNumber": "x1"})
        self.refused(response, 400, "BadRequest", "NormalizationFailed")
        self.assertEqual({"to"}, self.wrong_parameters(await self.alice.post(START, {})))
        response = await self.alice.post(START, {"to": "5550199"})
        self.refused(response, 403, "Forbidden")
        carol = await self.service.sign_in("carol")
        self.refused(await carol.post(START, {"to": OUTSIDE}), 403, "Forbidden")

    async def test_cancelled(self) -> None:
        """Cancelling silences the telephone and completes the invitation."""
        shown = await self.alice.document(await self.start())
        self.accepted(await self.alice.post(shown["_links"]["cancel"]["href"]), 204)
        self.assertEqual("over", self.service.telephones.to(MOBILE["alice"]).state)
        (completed,) = [one for one in await self.alice.events() if one.type == "completed"]
        self.assertEqual(
            ("Failure", "Canceled"), (completed.status, completed.event["reason"]["subcode"])
        )

    async def test_repeated(self) -> None:
        """The same Idempotency-Key starts one call."""
        responses = [
            await self.alice.post(START, {"to": OUTSIDE}, headers={"Idempotency-Key": "k" * 16})
            for _ in range(2)
        ]
        self.assertEqual(1, len({response.header("Location") for response in responses}))
        self.assertEqual(1, len(self.service.telephones.placed))


class ContinueTests(PhoneTestCase):
    """continuePhoneAudio."""

    async def test_continued(self) -> None:
        """A past conversation goes on by telephone, in its thread, for who may."""
        bob = await self.service.sign_in("bob")
        messaging = await self.talk(self.alice, bob)
        thread = (await self.alice.document(messaging.rpartition("/")[0]))["threadId"]
        self.accepted(await self.alice.post(f"{messaging}/terminate"), 204)
        await self.service.settle()
        logs = await self.alice.document("communication/conversationLogs")
        log = await self.alice.document(logs["_links"]["conversationLog"][0]["href"])
        href = log["_links"]["continuePhoneAudio"]["href"]
        shown = await self.alice.document(self.accepted(await self.alice.post(href, {}), 201))
        self.assertEqual((uri("bob"), thread), (shown["to"], shown["threadId"]))
        await self.service.let_call("alice", may=False)
        own = log["_links"]["self"]["href"]
        self.assertNotIn("continuePhoneAudio", (await self.alice.document(own))["_links"])
        self.refused(await self.alice.post(href, {}), 403, "Forbidden")


class LinkTests(PhoneTestCase):
    """A link is a capability."""

    RELS = frozenset({"startPhoneAudio", "startPhoneAudioOnBehalfOfDelegator"})

    async def links(self, client: Client) -> set[str]:
        return set((await client.document("communication"))["_links"]) & self.RELS

    async def test_may_call(self) -> None:
        """The link comes and goes with Enterprise Voice and the voice policy, and is told of."""
        self.assertEqual({"startPhoneAudio"}, await self.links(self.alice))
        voice = self.service.front_end.voice
        for change in (
            lambda: self.service.let_call("alice", may=False),
            lambda: self.service.let_call("alice"),
            lambda: voice.change("policies", "global", {"usages": []}, 1),
            lambda: voice.change("policies", "global", {"usages": ["All"]}, 2),
        ):
            before = await self.links(self.alice)
            await change()
            self.assertNotEqual(before, await self.links(self.alice))
            told = [one.brief for one in await self.alice.events()]
            self.assertIn(("communication", "communication", "updated"), told)

    async def test_delegate(self) -> None:
        """A delegate may call for its delegator; others may not."""
        rel = "communication/startPhoneAudioOnBehalfOfDelegator"
        body = {"to": OUTSIDE, "delegator": uri("bob")}
        self.refused(await self.alice.post(rel, body), 403, "Forbidden")
        await self.service.front_end.delegates.add_delegate(uri("bob"), uri("alice"))
        self.assertEqual(self.RELS, await self.links(self.alice))
        href = self.accepted(await self.alice.post(rel, body), 201)
        shown = await self.alice.document(href)
        self.assertEqual(uri("bob"), shown["delegator"])
        self.assertIn("bob@", shown["_links"]["delegator"]["href"])
        self.assertEqual(
            {"delegator"},
            self.wrong_parameters(await self.alice.post(rel, {**body, "delegator": "x"})),
        )

    async def test_no_network(self) -> None:
        """A front end that reaches no telephone network shows no links and refuses."""
        service = Service(self.mktemp(), telephones=False)
        self.addCleanup(service.stop)
        await service.start()
        await service.let_phone("alice")
        alice = await service.sign_in("alice")
        self.assertEqual(set(), await self.links(alice))
        self.refused(await alice.post(START, {"to": OUTSIDE}), 403, "Forbidden")


class CallTests(PhoneTestCase):
    """phoneAudio while a call goes on."""

    async def acts(self, href: str) -> set[str]:
        links = set((await self.alice.document(href))["_links"])
        return links - {"self", "conversation"}

    async def test_hold(self) -> None:
        """What can be done follows what is done: hold, resume, stop."""
        href = await self.connected()
        self.assertEqual({"holdPhoneAudio", "stopPhoneAudio"}, await self.acts(href))
        self.accepted(await self.alice.post(f"{href}/holdPhoneAudio"), 204)
        self.assertTrue(self.service.telephones.to(MOBILE["alice"]).held)
        self.assertEqual({"resumePhoneAudio", "stopPhoneAudio"}, await self.acts(href))
        (updated,) = [one for one in await self.alice.events() if one.rel == "phoneAudio"]
        self.assertIn("resumePhoneAudio", updated.resource["_links"])
        self.refused(await self.alice.post(f"{href}/holdPhoneAudio"), 409, "Conflict")
        self.accepted(await self.alice.post(f"{href}/resumePhoneAudio"), 204)
        self.assertEqual({"holdPhoneAudio", "stopPhoneAudio"}, await self.acts(href))
        self.accepted(await self.alice.post(f"{href}/stopPhoneAudio"), 204)
        self.assertEqual({"over"}, {one.state for one in self.service.telephones.placed})
        self.refused(
            await self.alice.post(f"{href}/stopPhoneAudio"), 404, "NotFound", "ConversationNotFound"
        )

    async def test_hung_up(self) -> None:
        """Hanging up the telephone ends the call."""
        await self.connected()
        await self.lets(OUTSIDE, "hangs_up")
        told = await self.alice.events()
        self.assertIn(("communication", "conversation", "deleted"), [one.brief for one in told])
        (updated,) = [one for one in told if one.rel == "phoneAudio"]
        self.assertEqual("Disconnected", updated.resource["state"])

    async def test_busy(self) -> None:
        """A number that is busy is told as such."""
        await self.start()
        await self.lets(MOBILE["alice"], "answers")
        await self.lets(OUTSIDE, "is_busy")
        (completed,) = [one for one in await self.alice.events() if one.type == "completed"]
        reason = completed.event["reason"]
        self.assertEqual(("RemoteFailure", "Busy"), (reason["code"], reason["subcode"]))

    async def test_restart(self) -> None:
        """After a restart the call is over, and the client is told so."""
        await self.connected()
        await self.service.restart()
        await self.service.follow()
        told = [one.brief for one in await self.alice.events()]
        self.assertIn(("communication", "conversation", "deleted"), told)


class OverIpTests(PhoneTestCase):
    """Calls over IP to numbers, emergency calls, and telephones that answer calls over IP."""

    async def call(self, rel: str, to: str, **more: str) -> MemoryResponse:
        offer = {"mediaOffer": {"href": f"data:application/sdp,{quote(sdp('audio'))}"}}
        answer = await self.alice.post(f"communication/{rel}", {"to": to, "_links": offer, **more})
        await self.service.follow()
        return answer

    async def test_number(self) -> None:
        """A number is called through a gateway, which is offered what the client offers."""
        invitation = self.accepted(await self.call("startAudio", f"tel:{OUTSIDE}"), 201)
        order = self.service.telephones.to(OUTSIDE).order
        self.assertIsNotNone(order.offer)
        await self.lets(OUTSIDE, "answers")
        told = await self.alice.events()
        (completed,) = [one for one in told if one.type == "completed"]
        self.assertEqual(("Success", invitation), (completed.status, completed.href))
        self.assertIn("audioVideoNegotiation", [one.rel for one in told])
        await self.lets(OUTSIDE, "hangs_up")
        gone = ("communication", "conversation", "deleted")
        self.assertIn(gone, [one.brief for one in await self.alice.events()])

    async def test_wrong_number(self) -> None:
        """Where no route leads there is no call."""
        self.refused(await self.call("startAudio", "tel:5550199"), 403, "Forbidden")
        self.assertEqual({"to"}, self.wrong_parameters(await self.call("startVideo", "tel:112")))
        self.assertEqual([], self.service.telephones.placed)

    async def test_emergency(self) -> None:
        """An emergency call is placed for everybody, and says where the caller is."""
        carol = await self.service.sign_in("carol")
        links = (await carol.document("communication"))["_links"]
        self.alice = carol
        network = {"clientNetworkType": "External", "ip": "192.0.2.7", "subnetID": "192.0.2.0"}
        self.assertEqual(201, (await carol.post("reportMyNetwork", network)).status)
        communication = await carol.document("communication")
        changed = {**communication, "lisLocation": "Building 7", "lisQueryResult": "Succeeded"}
        etag = {"If-Match": communication["etag"]}
        put = await carol.request("PUT", "communication", changed, headers=etag)
        self.assertEqual(
            ("Building 7", "Succeeded"), (put.json()["lisLocation"], put.json()["lisQueryResult"])
        )
        response = await self.call("startEmergencyCall", "sip:112@example.test", city="Redmond")
        self.accepted(response, 201)
        self.assertIn("startEmergencyCall", links)
        order = self.service.telephones.to("112").order
        self.assertTrue(order.emergency)
        place = order.location
        assert place is not None
        self.assertEqual(("Redmond", "Building 7"), (place.city, place.lis_location))
        self.assertEqual((("ip", "192.0.2.7"), ("subnetID", "192.0.2.0")), place.network)
        wrong = await self.call("startEmergencyCall", OUTSIDE)
        self.assertEqual({"to"}, self.wrong_parameters(wrong))

    async def test_accept_with_telephone(self) -> None:
        """An audio invitation can be answered with the telephone, where it may be used."""
        bob = await self.service.sign_in("bob", available=False)
        values = {"SupportedModalities": ["Audio"], "PhoneNumber": MOBILE["bob"]}
        self.accepted(await bob.post("me/makeMeAvailable", values), 204)
        await bob.events()
        self.accepted(await self.call("startAudio", uri("bob")), 201)
        started, *_ = [one for one in await bob.events() if one.type == "started"]
        self.assertEqual("audioVideoInvitation", started.rel)
        accept = started.resource["_links"]["acceptWithPhoneAudio"]["href"]
        self.accepted(await bob.post(accept), 204)
        self.refused(await bob.post(accept), 409, "Conflict")
        await self.lets(MOBILE["bob"], "answers")
        told = await bob.events()
        (completed,) = [one for one in told if one.type == "completed"]
        self.assertEqual("Success", completed.status)
        states = {one.rel: one.resource["state"] for one in told if one.rel.endswith("Audio")}
        self.assertEqual("Connected", states["phoneAudio"])
        (heard,) = [one for one in await self.alice.events() if one.type == "completed"]
        self.assertEqual("Success", heard.status)


class CalleeTests(PhoneTestCase):
    """Calls that a telephone rings for."""

    async def ringing(self, bob: Client) -> dict[str, Any]:
        await self.start(uri("bob"))
        await self.lets(MOBILE["alice"], "answers")
        started, *_ = [one for one in await bob.events() if one.type == "started"]
        return started.resource

    async def test_declined_only(self) -> None:
        """The invitation can be declined; it is answered on the telephone."""
        bob = await self.by_phone("bob")
        shown = await self.ringing(bob)
        self.assertEqual(("phoneAudioInvitation", "Incoming"), (shown["rel"], shown["direction"]))
        acts = {"accept", "acceptWithAnswer", "acceptWithPhoneAudio", "decline"}
        self.assertEqual({"decline"}, acts & set(shown["_links"]))
        self.assertEqual(uri("alice"), shown["_embedded"]["from"]["uri"])
        decline = shown["_links"]["decline"]["href"]
        self.accepted(await bob.post(decline, {"reason": "Global"}), 204)
        self.assertEqual("over", self.service.telephones.to(MOBILE["bob"]).state)
        await self.service.follow()
        (completed,) = [one for one in await self.alice.events() if one.type == "completed"]
        self.assertEqual("Declined", completed.event["reason"]["subcode"])

    async def test_answered(self) -> None:
        """Answering the telephone completes the invitation on both sides."""
        bob = await self.by_phone("bob")
        await self.ringing(bob)
        await self.lets(MOBILE["bob"], "answers")
        for client in (self.alice, bob):
            (completed,) = [one for one in await client.events() if one.type == "completed"]
            self.assertEqual("Success", completed.status)

    async def test_added(self) -> None:
        """A call is added to a conversation, and stopping it leaves the conversation."""
        bob = await self.by_phone("bob")
        messaging = await self.talk(self.alice, bob)
        href = messaging.rpartition("/")[0] + "/phoneAudio"
        shown = await self.alice.document(href)
        self.assertEqual({"self", "conversation", "addPhoneAudio"}, set(shown["_links"]))
        add = shown["_links"]["addPhoneAudio"]["href"]
        self.assertEqual({"to"}, self.wrong_parameters(await self.alice.post(add, {})))
        self.assertEqual(
            {"to"}, self.wrong_parameters(await self.alice.post(add, {"to": uri("carol")}))
        )
        self.accepted(await self.alice.post(add, {"to": uri("bob")}), 201)
        self.refused(await self.alice.post(add, {"to": uri("bob")}), 409, "Conflict")
        await self.lets(MOBILE["alice"], "answers")
        await self.lets(MOBILE["bob"], "answers")
        self.assertEqual("Connected", (await self.alice.document(href))["state"])
        self.accepted(await self.alice.post(f"{href}/stopPhoneAudio"), 204)
        self.assertEqual("Disconnected", (await self.alice.document(href))["state"])
        self.assertEqual("Connected", (await self.alice.document(messaging))["state"])

    async def test_not_there(self) -> None:
        """Strangers to a conversation find no telephone audio, and nor do those without."""
        href = await self.connected()
        for client in (await self.service.sign_in("bob"), await self.service.sign_in("carol")):
            relative = href[len(self.alice.href) + 1 :]
            response = await client.get(relative)
            self.refused(response, 404, "NotFound", "ConversationNotFound")

    async def test_domain_refusals(self) -> None:
        """An unknown invitation cannot be answered with a telephone."""
        for path in ("audioVideoInvitations", "invitations"):
            response = await self.alice.post(f"communication/{path}/x/acceptWithPhoneAudio")
            self.refused(response, 404, "NotFound", "ResourceNotFound")
