"""Tests of guests: people without an account, from a meeting's key to the end of the meeting."""

import contextlib
from collections.abc import Awaitable
from typing import Any, cast

from twisted.internet.defer import ensureDeferred, gatherResults

from mobility.auth.tokens import Caller
from mobility.config import UcwaConfig
from mobility.config.meetings import MeetingsConfig
from mobility.domain.guests import LINGER_S
from mobility.errors import Refusal, Unavailable
from mobility.http.message import Media, Request, Response, Site
from mobility.http.router import Router
from mobility.schedule import RETRY_S
from mobility.testing import WEB, MemoryResponse
from mobility.ucwa.guests import ALLOWED
from mobility.ucwa.hrefs import APPLICATIONS, GUEST_APPLICATIONS
from mobility.ucwa.resources import RESOURCES
from tests.ucwa.service import Client, Told, UcwaTestCase, converted, uri
from tests.ucwa.test_store_faults import protect

ABOVE_THE_TREE = {
    "anonApplications",
    "applications",
    "domain",
    "meet",
    "oauthUser",
    "oauthtoken",
    "root",
    "user",
    "xframe",
}
"""What is there for everybody, or shows who calls and nobody else."""

JOIN = "communication/onlineMeetingInvitations"


class GuestTestCase(UcwaTestCase):
    """Alice has a meeting open to everyone."""

    ucwa = UcwaConfig(idle_expiry_s=36_000, no_events_expiry_s=36_000)

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice")
        self.meeting = await self.schedule(accessLevel="Everyone")

    async def schedule(self, **values: object) -> dict[str, Any]:
        made = await self.alice.post("onlineMeetings/myOnlineMeetings", values)
        document: dict[str, Any] = made.json()
        return document

    async def join(self, client: Client, **values: object) -> list[Told]:
        """Join the meeting; what the client hears."""
        body = {"onlineMeetingUri": self.meeting["onlineMeetingUri"], "operationId": "1", **values}
        self.accepted(await client.post(JOIN, body), 201)
        return await client.events()

    async def inside(self, client: Client, **values: object) -> str:
        """Join the meeting; the conversation's href."""
        told = await self.join(client, **values)
        (href,) = {one.href for one in told if one.rel == "conversation"}
        return href

    def no_grant(self, response: MemoryResponse, diagnostic: int) -> None:
        self.assertEqual(response.status, 400, response.body)
        self.assertEqual(response.json(), {"error": "invalid_grant"})
        self.assertIn(f"{diagnostic};", response.header("X-Ms-diagnostics") or "")


class GrantTests(GuestTestCase):
    """The token request of a guest."""

    async def test_offered(self) -> None:
        """The challenge names the grant, and the token lasts an hour."""
        found = await self.service.http.request(
            "GET", "/Autodiscover/AutodiscoverService.svc/root/oauth/user"
        )
        challenge = found.header_lines("WWW-Authenticate")[1]
        self.assertIn('grant_type="urn:microsoft.rtc:anonmeeting,password"', challenge)
        answer = await self.service.guest_token(self.meeting)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json()["expires_in"], 3600)
        self.assertEqual(answer.header("Cache-Control"), "no-store")

    async def test_discovery(self) -> None:
        """With the token, discovery for the organizer's address leads to anonApplications."""
        token = (await self.service.guest_token(self.meeting)).json()["access_token"]
        root = await self.service.http.request(
            "GET", f"/?sipuri={uri('alice')}", headers={"Accept": "application/json"}
        )
        found = await self.service.http.request(
            "GET",
            root.json()["_links"]["user"]["href"].removeprefix(WEB.external_url),
            headers={"Accept": "application/json", "Authorization": f"Bearer {token}"},
        )
        self.assertEqual(found.status, 200, found.body)
        href = found.json()["_links"]["applications"]["href"]
        self.assertEqual(href, f"https://external.example.test:4443{GUEST_APPLICATIONS}")

    async def test_key_in_any_case(self) -> None:
        """A key typed in lower case counts."""
        answer = await self.service.guest_token(
            self.meeting, password=self.meeting["onlineMeetingId"].lower()
        )
        self.assertEqual(answer.status, 200)

    async def test_wrong(self) -> None:
        """A wrong key, an unknown meeting, another organizer: the same refusal."""
        uri_ = self.meeting["onlineMeetingUri"]
        for form in (
            {"password": "0123456789ABCDEF"},
            {"password": "é"},
            {"ms_rtc_conferenceuri": f"{uri_}0"},
            {"ms_rtc_conferenceuri": uri_.replace("alice", "bob")},
            {"ms_rtc_conferenceuri": "sip:alice@example.test"},
        ):
            self.no_grant(await self.service.guest_token(self.meeting, **form), 28906)

    async def test_missing(self) -> None:
        """Without a URI or a key the request is malformed."""
        for name in ("password", "ms_rtc_conferenceuri"):
            answer = await self.service.guest_token(self.meeting, **{name: ""})
            self.assertEqual(answer.json(), {"error": "invalid_request"})

    async def test_trying_keys(self) -> None:
        """Who tries keys has to wait, also on the join page; the log has no key."""
        for number in range(20):
            tried = f"sip:alice@example.test;gruu;opaque=app:conf:focus:id:{number}"
            form = {"ms_rtc_conferenceuri": tried, "password": str(number)}
            self.no_grant(await self.service.guest_token(self.meeting, **form), 28906)
        answer = await self.service.guest_token(self.meeting)
        self.no_grant(answer, 28904)
        self.assertEqual(answer.header("Retry-After"), "1")
        page = await self.service.http.request("GET", "/meet/alice/X")
        self.assertEqual(page.status, 429)
        self.clock.advance(1)
        self.assertEqual((await self.service.guest_token(self.meeting)).status, 200)
        log = str(self.service.log.events)
        self.assertNotIn(self.meeting["onlineMeetingId"], log)
        reasons = {line["reason"] for line in self.service.log.named("auth.guest_refused")}
        self.assertEqual(reasons, {"no_meeting", "locked"})

    async def test_as_long_as_the_meeting(self) -> None:
        """A token ends with its meeting."""
        self.clock.advance(8 * 3600 - 100)
        answer = await self.service.guest_token(self.meeting)
        self.assertEqual(answer.json()["expires_in"], 100)

    async def test_renewal(self) -> None:
        """A renewed token is of the same guest, whose application stays when the old one ends."""
        guest = await self.service.guest(self.meeting)
        self.clock.advance(3000)
        renewed = await self.service.guest_token(self.meeting, ms_rtc_renew=guest.token)
        other = await self.service.guest_token(self.meeting)
        guest.token = renewed.json()["access_token"]
        await guest.document()
        stranger = Client(self.service, "S", other.json()["access_token"])
        stranger.application = guest.application
        self.refused(await stranger.get(), 404, "NotFound", "ApplicationNotFound")
        self.clock.advance(700)
        await self.service.settle()
        await guest.document()

    async def test_renewal_of_another_meeting(self) -> None:
        """A token of another meeting, an old one or nonsense makes a new guest."""
        guest = await self.service.guest(self.meeting)
        other = await self.schedule()
        for meeting, token in ((other, guest.token), (self.meeting, "cwt=nonsense")):
            answer = await self.service.guest_token(meeting, ms_rtc_renew=token)
            self.assertEqual(answer.status, 200)
            client = Client(self.service, "G", answer.json()["access_token"])
            client.application = guest.application
            self.refused(await client.get(), 404, "NotFound", "ApplicationNotFound")


class FewGuestsTests(GuestTestCase):
    """Where a meeting may have one guest."""

    meetings = MeetingsConfig(guests=1)

    async def test_full(self) -> None:
        """The next one is refused until the first has gone; a renewal is not."""
        first = await self.service.guest(self.meeting)
        answer = await self.service.guest_token(self.meeting)
        self.no_grant(answer, 28907)
        self.assertEqual(answer.header("Retry-After"), "60")
        renewed = await self.service.guest_token(self.meeting, ms_rtc_renew=first.token)
        self.assertEqual(renewed.status, 200)
        other = await self.schedule()
        self.assertEqual((await self.service.guest_token(other)).status, 200)
        self.clock.advance(3601)
        await self.service.settle()
        self.assertEqual((await self.service.guest_token(self.meeting)).status, 200)

    async def test_at_once(self) -> None:
        """Of several who ask at the same time no more get in."""
        asked = [ensureDeferred(self.service.guest_token(self.meeting)) for _ in range(3)]
        answers = await gatherResults(asked)
        self.assertEqual(sorted(answer.status for answer in answers), [200, 400, 400])


class NoGuestsTests(GuestTestCase):
    """Where people without an account cannot come."""

    meetings = MeetingsConfig(anonymous=False)

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await UcwaTestCase.setUp(self)
        self.alice = await self.service.sign_in("alice")
        self.meeting = await self.schedule()

    async def test_not_offered(self) -> None:
        """The grant is neither named nor served."""
        answer = await self.service.guest_token(self.meeting)
        self.assertEqual(answer.json(), {"error": "unsupported_grant_type"})
        found = await self.service.http.request(
            "GET", "/Autodiscover/AutodiscoverService.svc/root/oauth/user"
        )
        self.assertNotIn("anonmeeting", str(found.headers))


class ApplicationTests(GuestTestCase):
    """What a guest registers and sees of it."""

    async def test_application(self) -> None:
        """It shows what leads to the meeting, and nothing of people; there is no photo cookie."""
        answer = await self.service.guest_token(self.meeting)
        client = Client(self.service, "G", answer.json()["access_token"])
        body = {"culture": "en-US", "userAgent": "tests"}
        made = await client.request("POST", GUEST_APPLICATIONS, body)
        self.assertEqual(made.status, 201, made.body)
        self.assertIs(made.header("Set-Cookie"), None)
        shown = made.json()
        self.assertEqual(set(shown["_links"]), {"self", "events", "batch", "policies"})
        links = {rel: set(part["_links"]) for rel, part in shown["_embedded"].items()}
        self.assertEqual(
            links,
            {
                "me": {"self"},
                "people": {"self"},
                "onlineMeetings": {"self"},
                "communication": {"self", "conversations", "mediaPolicies", "joinOnlineMeeting"},
            },
        )
        again = await client.request("POST", GUEST_APPLICATIONS, body)
        self.assertNotEqual(again.json()["id"], shown["id"])

    async def test_required(self) -> None:
        """Culture and userAgent are required."""
        answer = await self.service.guest_token(self.meeting)
        client = Client(self.service, "G", answer.json()["access_token"])
        wrong = self.wrong_parameters(await client.request("POST", GUEST_APPLICATIONS, {}))
        self.assertEqual(wrong, {"culture", "userAgent"})

    async def test_users_do_not_register_there(self) -> None:
        """Somebody with an account is no guest; without any token there is a challenge."""
        body = {"culture": "en-US", "userAgent": "tests"}
        response = await self.alice.request("POST", GUEST_APPLICATIONS, body)
        self.refused(response, 403, "Forbidden")
        nobody = await self.service.http.request("POST", GUEST_APPLICATIONS, json=body)
        self.assertEqual(nobody.status, 401)

    async def test_hard_coded_path(self) -> None:
        """A client that knows the path of `applications` only is served there, too."""
        answer = await self.service.guest_token(self.meeting)
        client = Client(self.service, "G", answer.json()["access_token"])
        self.assertEqual((await client.register(path=APPLICATIONS)).status, 201)


class ReachTests(GuestTestCase):
    """A guest reaches its meeting and nothing else."""

    def test_allowed_operations_exist(self) -> None:
        """The list of what guests may do names declared operations."""
        declared = {(one.rel, op.method) for one in RESOURCES for op in one.operations}
        self.assertEqual(ALLOWED - declared, set())

    async def test_every_route(self) -> None:
        """Each declared route either is allowed to guests or answers 403 AnonymousNotAllowed,
        before anything is read of the request."""
        guest = await self.service.guest(self.meeting)
        conversation = (await self.inside(guest)).rpartition("/")[2]
        own = guest.application["_embedded"]["me"]["uri"].removeprefix("sip:")
        values = {
            "application": guest.application["id"],
            "conversation": conversation,
            "address": own,
        }
        refused = 0
        for route in self.service.front_end.routes:
            if route.name in ABOVE_THE_TREE:
                continue
            self.assertIn("/v1/applications/{application}", route.path)
            if (route.name, route.method) in ALLOWED:
                continue
            path = route.path
            for part in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
                path = path.replace(f"{{{part}}}", values.get(part, "bob@example.test"))
            response = await guest.request(
                route.method, path, {} if route.method != "GET" else None
            )
            self.refused(response, 403, "Forbidden", "AnonymousNotAllowed")
            refused += 1
        self.assertGreater(refused, 50)

    async def test_every_link(self) -> None:
        """Whatever a guest is shown, each link leads to something it may use."""
        router = Router(self.service.front_end.routes, Site("external", True))
        await self.inside(self.alice)
        guest = await self.service.guest(self.meeting)
        told = await self.join(guest)
        (conversation,) = {one.href for one in told if one.rel == "conversation"}
        self.accepted(await guest.post(f"{conversation}/messaging/addMessaging"), 201)
        told += await guest.events()
        shown = [guest.application, *(one.shown for one in told if one.shown is not None)]
        for path in ("", "/onlineMeeting", "/participants", "/participants/alice@example.test"):
            shown.append(await guest.document(conversation + path))
        followed = 0
        while shown:
            document = shown.pop()
            for inner in document.get("_embedded", {}).values():
                shown += inner if isinstance(inner, list) else [inner]
            for rel, links in document["_links"].items():
                for link in links if isinstance(links, list) else [links]:
                    path = link["href"].partition("?")[0]
                    if path.startswith("data:"):
                        continue
                    found = router.find(path.strip("/").split("/"))
                    assert found is not None, path
                    uses = {(route.name, method) for method, route in found[0].routes.items()}
                    self.assertTrue(uses & ALLOWED, (document["rel"], rel, path))
                    followed += 1
        self.assertGreater(followed, 30)

    async def test_other_applications(self) -> None:
        """Somebody else's application is not found."""
        guest = await self.service.guest(self.meeting)
        response = await guest.get(self.alice.href)
        self.refused(response, 404, "NotFound", "ApplicationNotFound")

    async def test_other_meetings(self) -> None:
        """Another meeting, a new one and one that does not exist are refused alike."""
        guest = await self.service.guest(self.meeting)
        other = await self.schedule(accessLevel="Everyone")
        for meeting_uri in (other["onlineMeetingUri"], "adhoc", "", "sip:nobody@example.test"):
            response = await guest.post(JOIN, {"onlineMeetingUri": meeting_uri})
            self.refused(response, 403, "Forbidden", "AnonymousNotAllowed")

    async def test_batch(self) -> None:
        """In a batch no more can be reached."""
        guest = await self.service.guest(self.meeting)
        paths = ("me", "people/search?query=bob", "people/bob@example.test")
        parts = "".join(
            f"--b\r\nContent-Type: application/http; msgtype=request\r\n\r\n"
            f"GET {guest.href}/{path} HTTP/1.1\r\nHost: x\r\n\r\n\r\n"
            for path in paths
        )
        response = await guest.post(
            "batch", body=f"{parts}--b--".encode(), content_type="multipart/batching;boundary=b"
        )
        text = response.body.decode()
        self.assertEqual(text.count("HTTP/1.1 200"), 1)
        self.assertEqual(text.count("AnonymousNotAllowed"), 2)

    async def test_nobody_reaches_a_guest(self) -> None:
        """A guest cannot be called or asked into another conversation."""
        guest = await self.service.guest(self.meeting)
        await self.inside(guest)
        address = guest.application["_embedded"]["me"]["uri"]
        invited = await self.alice.post("communication/messagingInvitations", {"to": address})
        self.accepted(invited, 201)
        told = await self.alice.events()
        completed = next(one for one in told if one.type == "completed")
        self.assertEqual(completed.event["reason"]["subcode"], "DestinationNotFound")
        contact = await self.alice.get(f"people/{address.removeprefix('sip:')}")
        self.refused(contact, 404, "NotFound", "ResourceNotFound")

    async def test_no_presence(self) -> None:
        """A guest leaves no trace in presence."""
        guest = await self.service.guest(self.meeting)
        await guest.delete()
        presence = self.service.front_end.presence
        self.assertNotIn("anonymous.invalid", str(presence.__dict__))


class MeetingTests(GuestTestCase):
    """A guest in its meeting."""

    async def test_inside(self) -> None:
        """A guest comes in under the name it gives, sees who is there and talks with them."""
        hers = await self.inside(self.alice)
        guest = await self.service.guest(self.meeting)
        told = await self.join(guest, anonymousDisplayName="  Gil Gray  ")
        completed = next(one for one in told if one.type == "completed")
        self.assertEqual(completed.status, "Success")
        self.assertEqual(completed.resource["anonymousDisplayName"], "Gil Gray")
        his = converted(hers, self.alice, guest)
        seen = next(one for one in await self.alice.events() if one.rel == "participant")
        shown = await self.alice.document(seen.href)
        self.assertEqual((shown["name"], shown["anonymous"]), ("Gil Gray", True))
        self.assertEqual(shown["sourceNetwork"], "Everyone")
        self.assertFalse({"contact", "contactPresence", "contactPhoto"} & set(shown["_links"]))
        organizer = await guest.document(f"{his}/participants/alice@example.test")
        self.assertFalse({"contact", "contactPresence", "contactPhoto"} & set(organizer["_links"]))
        self.assertNotIn("organizer", (await guest.document(f"{his}/onlineMeeting"))["_links"])
        self.assertNotIn("addParticipant", (await guest.document(his))["_links"])
        self.assertEqual((await guest.document("me"))["name"], "Gil Gray")
        for client, conversation in ((self.alice, hers), (guest, his)):
            self.accepted(await client.post(f"{conversation}/messaging/addMessaging"), 201)
        await self.alice.events()
        self.accepted(await guest.send(f"{his}/messaging", "Hello"), 201)
        message = next(one for one in await self.alice.events() if one.rel == "message")
        self.assertNotIn("contact", message.resource["_links"])
        await guest.events()
        self.accepted(await self.alice.send(f"{hers}/messaging", "Welcome"), 201)
        message = next(one for one in await guest.events() if one.rel == "message")
        self.assertIn("Welcome", message.resource["_links"]["plainMessage"]["href"])
        self.assertNotIn("contact", message.resource["_links"])

    async def test_history(self) -> None:
        """In the history a guest is named, and is nobody's contact; a guest has no history."""
        hers = await self.inside(self.alice)
        guest = await self.service.guest(self.meeting)
        his = converted(hers, self.alice, guest)
        await self.join(guest, anonymousDisplayName="Gil")
        for client, conversation in ((self.alice, hers), (guest, his)):
            self.accepted(await client.post(f"{conversation}/messaging/addMessaging"), 201)
        self.accepted(await guest.send(f"{his}/messaging", "Hello"), 201)
        self.accepted(await self.alice.delete(hers), 204)
        logs = await self.alice.document("communication/conversationLogs")
        (log,) = [link["href"] for link in logs["_links"]["conversationLog"]]
        (recipient,) = (await self.alice.document(log))["_embedded"]["conversationLogRecipient"]
        self.assertEqual(recipient["displayName"], "Gil")
        self.assertEqual(set(recipient["_links"]), {"self"})
        transcripts = await self.alice.document(f"{log}/conversationLogTranscripts")
        (entry,) = transcripts["_embedded"]["conversationLogTranscript"]
        self.assertNotIn("contact", entry["_links"])
        response = await guest.get("communication/conversationLogs")
        self.refused(response, 403, "Forbidden", "AnonymousNotAllowed")

    async def test_without_a_name(self) -> None:
        """A guest who gives none has a name all the same."""
        guest = await self.service.guest(self.meeting)
        his = await self.inside(guest)
        own = (await guest.document("me"))["uri"].removeprefix("sip:")
        self.assertEqual((await guest.document(f"{his}/participants/{own}"))["name"], "Guest")

    async def test_lobby(self) -> None:
        """Where the meeting is not for everyone a guest waits, sees nothing, and is admitted."""
        self.meeting = await self.schedule(accessLevel="SameEnterprise")
        hers = await self.inside(self.alice)
        guest = await self.service.guest(self.meeting)
        told = await self.join(guest, anonymousDisplayName="Gil")
        his = converted(hers, self.alice, guest)
        self.assertNotIn("completed", {one.type for one in told})
        self.assertEqual((await guest.document(his))["state"], "InLobby")
        for path in ("onlineMeeting", "leaders", "attendees"):
            self.assertEqual((await guest.get(f"{his}/{path}")).status, 404, path)
        waiting = next(one for one in await self.alice.events() if one.within == "lobby")
        self.accepted(await self.alice.post(f"{waiting.href}/admit"), 204)
        told = await guest.events()
        self.assertIn("completed", {one.type for one in told})
        self.assertEqual((await guest.document(his))["state"], "Conferenced")

    async def test_subject_in_the_lobby(self) -> None:
        """Who waits is told neither what the meeting is about nor how many are in it, whether the
        person is admitted then or not; and a guest is one from the beginning."""
        self.meeting = await self.schedule(accessLevel="SameEnterprise", subject="Secret plans")
        await self.inside(self.alice)
        for act in ("reject", "admit"):
            guest = await self.service.guest(self.meeting)
            told = await self.join(guest, anonymousDisplayName="Gil")
            (own,) = [one for one in told if one.brief[1:] == ("localParticipant", "added")]
            self.assertEqual((own.resource["anonymous"], own.resource["inLobby"]), (True, True))
            (waiting,) = [
                one
                for one in await self.alice.events()
                if (one.within, one.type) == ("lobby", "added")
            ]
            (href,) = {one.href for one in told if one.rel == "conversation"}
            shown = await guest.document(href)
            self.accepted(await self.alice.post(f"{waiting.href}/{act}"), 204)
            before = [shown, *(one.shown for one in told if one.shown)]
            after = [one.shown for one in await guest.events() if one.shown]
            seen = before if act == "admit" else before + after
            self.assertEqual({one["subject"] for one in seen if "subject" in one}, {""})
            self.assertEqual([one for one in seen if "participantCount" in one], [])
        (come,) = [one for one in after if one["rel"] == "conversation"]
        self.assertEqual((come["subject"], come["participantCount"]), ("Secret plans", 2))
        (way_in,) = [one for one in after if one["rel"] == "onlineMeetingInvitation"]
        self.assertEqual((way_in["state"], way_in["subject"]), ("Connected", "Secret plans"))

    async def test_a_leading_guest_asks_nobody_in(self) -> None:
        """A guest who leads admits people, and cannot ask others in."""
        self.meeting = await self.schedule(accessLevel="Everyone")
        hers = await self.inside(self.alice)
        guest = await self.service.guest(self.meeting)
        his = converted(hers, self.alice, guest)
        await self.join(guest)
        seen = next(one for one in await self.alice.events() if one.rel == "participant")
        self.accepted(await self.alice.post(f"{seen.href}/promote"), 204)
        shown = await guest.document(his)
        self.assertIn("lobby", shown["_links"])
        self.assertNotIn("addParticipant", shown["_links"])
        response = await guest.post(f"{his}/addParticipant", {"to": uri("bob")})
        self.refused(response, 403, "Forbidden", "AnonymousNotAllowed")


class EndTests(GuestTestCase):
    """How a guest goes."""

    async def gone(self, guest: Client) -> None:
        """The token is refused, and nothing is left of the guest."""
        await self.service.settle()
        self.assertEqual((await guest.get()).status, 401)
        front_end = self.service.front_end
        self.assertIs(front_end.applications.find(guest.application["id"]), None)
        self.assertEqual(len(front_end.guests), 0)

    async def test_token(self) -> None:
        """When the token has ended the guest leaves the conference, however long it parks."""
        hers = await self.inside(self.alice)
        guest = await self.service.guest(self.meeting)
        await self.join(guest)
        await self.alice.events()
        parked = guest.park("&timeout=1800")
        self.clock.advance(1801)
        guest.take(await parked)
        parked = guest.park("&timeout=1800")
        self.clock.advance(1801)
        await self.service.settle()
        self.assertIn((await parked).status, (200, 404))
        await self.gone(guest)
        people = await self.alice.document(f"{hers}/participants")
        self.assertEqual(len(people["_links"]["participant"]), 1)

    async def test_meeting(self) -> None:
        """When the meeting is cancelled the guest hears of it, and goes a minute later."""
        await self.inside(self.alice)
        guest = await self.service.guest(self.meeting)
        await self.join(guest)
        await self.alice.delete(self.meeting["_links"]["self"]["href"])
        told = await guest.events()
        self.assertEqual(told[-1].brief, ("communication", "conversation", "deleted"))
        response = await guest.post(JOIN, {"onlineMeetingUri": self.meeting["onlineMeetingUri"]})
        self.refused(response, 403, "Forbidden", "AnonymousNotAllowed")
        self.clock.advance(1)
        self.clock.advance(LINGER_S)
        await self.gone(guest)

    async def test_registering_meanwhile(self) -> None:
        """A guest whose token was read before it began to leave gets no application any more, of
        which nobody would see the end."""
        guest = await self.service.guest(self.meeting)
        front_end, now = self.service.front_end, self.clock.seconds()
        (one,) = [held for held in front_end.applications if held.guest]
        (route,) = [
            route
            for route in front_end.routes
            if (route.name, route.method, route.path) == ("applications", "POST", APPLICATIONS)
        ]
        request = Request(
            id="r1",
            site=Site("external", True),
            method="POST",
            path=APPLICATIONS,
            query={},
            raw_query="",
            headers={"content-type": "application/json"},
            body=b'{"userAgent": "x", "culture": "en-US", "endpointId": "second"}',
            client_address="192.0.2.7",
            now=now,
            media=Media("application/json"),
            caller=Caller(one.user_uri, "digest", now + 60, self.meeting["onlineMeetingUri"]),
        )
        leaving = ensureDeferred(front_end.guests.end(one.user_uri, now))
        with self.assertRaises(Refusal) as refused:
            await cast("Awaitable[Response]", route.handler(request))
        self.assertEqual(refused.exception.code, "NotFound")
        await leaving
        self.assertEqual([held for held in front_end.applications if held.guest], [])
        await self.gone(guest)

    async def test_renewing_meanwhile(self) -> None:
        """A guest whose new token was stored while it was leaving is there again, with nothing of
        what it had."""
        guest = await self.service.guest(self.meeting)
        front_end, now = self.service.front_end, self.clock.seconds()
        (one,) = [held for held in front_end.applications if held.guest]
        leaving = ensureDeferred(front_end.guests.end(one.user_uri, now))
        meeting_uri = self.meeting["onlineMeetingUri"]
        front_end.guests.admit(one.user_uri, meeting_uri, now + 3600)
        await leaving
        self.assertEqual(len(front_end.guests), 1)
        front_end.guests.must_stay(one.user_uri)
        self.assertEqual([held for held in front_end.applications if held.guest], [])
        self.assertEqual((await guest.get()).status, 401)

    async def test_store_that_cannot_write(self) -> None:
        """A guest whose end cannot be stored at first is gone a little later, after a restart
        too."""
        guest = await self.service.guest(self.meeting)
        await self.alice.delete(self.meeting["_links"]["self"]["href"])
        self.clock.advance(1)
        await self.service.settle()
        await self.service.front_end.store.ledger.run(protect)
        self.clock.advance(LINGER_S)
        with contextlib.suppress(Unavailable):  # it may be written along with the guest's end
            await self.service.settle()
        self.assertEqual(len(self.service.front_end.guests), 1)
        self.clock.advance(RETRY_S)
        await self.gone(guest)
        await self.service.restart()
        await self.gone(guest)

    async def test_conference(self) -> None:
        """When the conference is over the guest goes, unless it is in the next one by then."""
        guest, other = [await self.service.guest(self.meeting) for _ in range(2)]
        conversations = [await self.inside(one) for one in (guest, other)]
        for one, conversation in zip((guest, other), conversations, strict=True):
            await one.delete(conversation)
            await one.events()
        self.clock.advance(1)
        await self.inside(other)
        self.clock.advance(LINGER_S)
        await self.service.settle()
        self.assertEqual((await guest.get()).status, 401)
        self.assertEqual((await other.get()).status, 200)

    async def test_restart(self) -> None:
        """A restart forgets no guest; one whose token ended meanwhile is gone after it."""
        await self.inside(self.alice)
        guest = await self.service.guest(self.meeting)
        his = await self.inside(guest, anonymousDisplayName="Gil")
        await self.service.restart()
        self.assertEqual((await guest.document(his))["state"], "Conferenced")
        self.assertEqual((await guest.document("me"))["name"], "Gil")
        other = await self.schedule()
        response = await guest.post(JOIN, {"onlineMeetingUri": other["onlineMeetingUri"]})
        self.refused(response, 403, "Forbidden", "AnonymousNotAllowed")
        await self.service.stop()
        self.clock.rightNow += 3601
        self.service._open()
        self.clock.advance(1)
        await self.gone(guest)
