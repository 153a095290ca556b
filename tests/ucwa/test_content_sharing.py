"""Tests of shared screens, and of documents that people work on together."""

from typing import Any

from mobility.config.meetings import MeetingsConfig
from mobility.domain.mobility_policy import KIND
from mobility.testing import MemoryResponse
from mobility.ucwa.hrefs import data_uri
from tests.descriptions import sdp
from tests.ucwa.service import Client, Told, UcwaTestCase, converted, uri

JOIN = "communication/onlineMeetingInvitations"
MINE = "onlineMeetings/myOnlineMeetings"
EVERYTHING = ["Messaging", "ApplicationSharing", "DataCollaboration"]
SCREEN = sdp("applicationsharing:sendonly")
VIEW = sdp("applicationsharing:recvonly")


def offering(text: str = SCREEN, **more: Any) -> dict[str, Any]:
    """A body that offers a screen."""
    links = {"mediaOffer": {"href": data_uri(text, "application/sdp")}}
    return {"operationId": "share", "_links": links, **more}


def brief(events: list[Told]) -> list[tuple[str, str, str]]:
    """What was told, without who sent it."""
    return [(one.rel, one.type, one.within) for one in events]


def the(events: list[Told], rel: str, kind: str) -> Told:
    """The one event of this kind."""
    (found,) = [one for one in events if (one.rel, one.type) == (rel, kind)]
    return found


class SharingTestCase(UcwaTestCase):
    """A test with clients that can view screens."""

    async def client(self, name: str) -> Client:
        client = await self.service.sign_in(name, available=False)
        body = {"supportedModalities": EVERYTHING}
        self.accepted(await client.post("me/makeMeAvailable", body), 204)
        await client.events()
        return client

    async def share(self, client: Client, conversation: str, **more: Any) -> MemoryResponse:
        shown = await client.document(f"{conversation}/applicationSharing")
        start = shown["_links"]["mobility:startApplicationSharing"]["href"]
        return await client.post(start, offering(**more))

    async def view(self, client: Client, offer: Told) -> MemoryResponse:
        href = offer.resource["_links"]["answer"]["href"]
        return await client.post(href, body=VIEW.encode(), content_type="application/sdp")


class TwoPartyTests(SharingTestCase):
    """Alice and Bob, who talk."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.client("alice")
        self.bob = await self.client("bob")
        messaging = await self.talk(self.alice, self.bob)
        self.hers = messaging.rpartition("/")[0]
        self.his = converted(self.hers, self.alice, self.bob)

    async def test_shared(self) -> None:
        """Who shares a screen is shown to both; it is offered to the other, who views it."""
        shared = await self.share(self.alice, self.hers, applicationSharingSourceId="7")
        self.assertEqual(self.accepted(shared, 201), f"{self.hers}/applicationSharing")
        told = await self.alice.events()
        self.assertEqual(
            brief(told),
            [
                ("applicationSharing", "updated", ""),
                ("applicationSharer", "added", "applicationSharing"),
                ("participantApplicationSharing", "added", "localParticipant"),
                ("conversation", "updated", ""),
                ("applicationSharingRenegotiation", "started", ""),
            ],
        )
        self.assertEqual(told[0].resource["state"], "Connected")
        self.assertEqual(told[2].resource["applicationSharingDirection"], "SendOnly")
        self.assertEqual(told[2].resource["applicationSharingSourceId"], "7")
        self.assertIn("ApplicationSharing", told[3].resource["activeModalities"])
        self.assertEqual(told[4].resource["direction"], "Outgoing")
        self.assertEqual(told[4].resource["operationId"], "share")
        self.assertNotIn("mediaOffer", told[4].resource["_links"])
        heard = await self.bob.events()
        self.assertEqual(
            brief(heard),
            [
                ("applicationSharing", "updated", ""),
                ("applicationSharer", "added", "applicationSharing"),
                ("participantApplicationSharing", "added", "participant"),
                ("applicationSharingRenegotiation", "started", ""),
            ],
        )
        sharer = heard[0].resource["_links"]["applicationSharer"]
        self.assertEqual(sharer["title"], "Alice Adams")
        self.assertEqual((await self.bob.document(sharer["href"]))["uri"], uri("alice"))
        offer = heard[3]
        self.assertEqual(offer.resource["direction"], "Incoming")
        self.assertEqual(
            offer.resource["_links"]["mediaOffer"]["href"], data_uri(SCREEN, "application/sdp")
        )
        self.assertEqual(await self.bob.document(offer.href), offer.resource)
        self.accepted(await self.view(self.bob, offer), 204)
        heard = await self.bob.events()
        self.assertEqual(
            brief(heard),
            [
                ("applicationSharing", "updated", ""),
                ("participantApplicationSharing", "added", "localParticipant"),
                ("conversation", "updated", ""),
                ("applicationSharingRenegotiation", "completed", ""),
            ],
        )
        self.assertEqual(heard[1].resource["applicationSharingDirection"], "ReceiveOnly")
        told = await self.alice.events()
        self.assertEqual(
            brief(told),
            [
                ("participantApplicationSharing", "added", "participant"),
                ("applicationSharingRenegotiation", "completed", ""),
            ],
        )
        self.assertEqual(told[1].status, "Success")
        self.assertEqual(
            told[1].resource["_links"]["mediaAnswer"]["href"], data_uri(VIEW, "application/sdp")
        )
        bob = await self.alice.document(f"{self.hers}/participants/bob@example.test")
        part = await self.alice.document(bob["_links"]["participantApplicationSharing"]["href"])
        self.assertEqual(part["applicationSharingDirection"], "ReceiveOnly")

    async def test_stopped(self) -> None:
        """Who shares stops, and nothing is shared for anybody; an open offer came to nothing."""
        await self.share(self.alice, self.hers)
        shown = await self.alice.document(f"{self.hers}/applicationSharing")
        await self.alice.events()
        await self.bob.events()
        stop = shown["_links"]["mobility:stopApplicationSharing"]["href"]
        self.accepted(await self.alice.post(stop), 204)
        told = await self.bob.events()
        self.assertEqual(
            brief(told),
            [
                ("applicationSharingRenegotiation", "completed", ""),
                ("participantApplicationSharing", "deleted", "participant"),
                ("applicationSharer", "deleted", "applicationSharing"),
                ("applicationSharing", "updated", ""),
            ],
        )
        self.assertEqual(told[0].status, "Failure")
        self.assertEqual(told[3].resource["state"], "Disconnected")
        self.assertNotIn("applicationSharer", told[3].resource["_links"])
        self.refused(await self.bob.get(told[0].href), 404, "NotFound", "ResourceNotFound")
        self.refused(await self.alice.post(stop), 409, "Conflict")

    async def test_viewer_stops(self) -> None:
        """Who views may stop; the screen goes on to be shared."""
        await self.share(self.alice, self.hers)
        await self.view(
            self.bob, the(await self.bob.events(), "applicationSharingRenegotiation", "started")
        )
        await self.bob.events()
        await self.alice.events()
        shown = await self.bob.document(f"{self.his}/applicationSharing")
        self.accepted(
            await self.bob.post(shown["_links"]["mobility:stopApplicationSharing"]["href"]), 204
        )
        told = await self.alice.events()
        self.assertEqual(brief(told), [("participantApplicationSharing", "deleted", "participant")])
        shown = await self.bob.document(f"{self.his}/applicationSharing")
        self.assertEqual(shown["state"], "Connected")
        self.assertNotIn("mobility:stopApplicationSharing", shown["_links"])

    async def test_taken_over(self) -> None:
        """The other one takes over: its screen is offered to who shared before."""
        await self.share(self.alice, self.hers)
        await self.view(
            self.bob, the(await self.bob.events(), "applicationSharingRenegotiation", "started")
        )
        await self.bob.events()
        await self.alice.events()
        self.accepted(await self.share(self.bob, self.his), 201)
        told = await self.alice.events()
        self.assertEqual(
            brief(told),
            [
                ("participantApplicationSharing", "deleted", "localParticipant"),
                ("applicationSharing", "updated", ""),
                ("applicationSharer", "updated", "applicationSharing"),
                ("participantApplicationSharing", "updated", "participant"),
                ("conversation", "updated", ""),
                ("applicationSharingRenegotiation", "started", ""),
            ],
        )
        self.assertEqual(told[3].resource["applicationSharingDirection"], "SendOnly")
        self.assertEqual(told[1].resource["_links"]["applicationSharer"]["title"], "Bob Brown")

    async def test_offered_anew(self) -> None:
        """Who shares may offer its screen anew; who viewed it answers again."""
        await self.share(self.alice, self.hers)
        first = the(await self.bob.events(), "applicationSharingRenegotiation", "started")
        await self.view(self.bob, first)
        await self.bob.events()
        start = f"{self.hers}/applicationSharing/start"
        self.accepted(await self.alice.post(start, offering(operationId="again")), 201)
        told = await self.bob.events()
        second = the(told, "applicationSharingRenegotiation", "started")
        self.assertNotEqual(first.href, second.href)
        self.refused(await self.view(self.bob, first), 404, "NotFound", "ResourceNotFound")
        self.accepted(await self.view(self.bob, second), 204)

    async def test_dismissed(self) -> None:
        """Who does not want to view says why, once; who shares is told so."""
        await self.share(self.alice, self.hers)
        await self.alice.events()
        offer = the(await self.bob.events(), "applicationSharingRenegotiation", "started")
        dismiss = offer.resource["_links"]["dismiss"]["href"]
        self.accepted(await self.bob.post(dismiss, {"reason": "UnsupportedMedia"}), 204)
        (told,) = await self.alice.events()
        self.assertEqual((told.rel, told.type, told.status), (offer.rel, "completed", "Failure"))
        self.assertEqual(told.event["reason"]["subcode"], "ModalityNotSupported")
        self.refused(await self.bob.post(dismiss), 409, "Conflict")
        self.refused(await self.view(self.bob, offer), 409, "Conflict")

    async def test_bad_offers(self) -> None:
        """An offer is a session description with a screen in it; its answer fits it."""
        start = f"{self.hers}/applicationSharing/start"
        self.assertEqual(self.wrong_parameters(await self.alice.post(start, {})), {"mediaOffer"})
        for text in ("hello", sdp("audio"), sdp("applicationsharing:-")):
            refused = await self.alice.post(start, offering(text))
            self.refused(refused, 400, "BadRequest", "InvalidMediaDescription")
        long = await self.alice.post(start, offering(applicationSharingSourceId="7" * 101))
        self.assertEqual(self.wrong_parameters(long), {"applicationSharingSourceId"})
        self.accepted(await self.alice.post(start, offering()), 201)
        offer = the(await self.bob.events(), "applicationSharingRenegotiation", "started")
        answer = offer.resource["_links"]["answer"]["href"]
        for text in (sdp("audio"), SCREEN, sdp("applicationsharing:-"), "x"):
            body = text.encode()
            refused = await self.bob.post(answer, body=body, content_type="application/sdp")
            self.refused(refused, 400, "BadRequest", "InvalidMediaDescription")
        own = converted(answer, self.bob, self.alice)
        refused = await self.alice.post(own, body=VIEW.encode(), content_type="application/sdp")
        self.refused(refused, 409, "Conflict")

    async def test_ends_with_the_conversation(self) -> None:
        """Who shares leaves: the other is told that nothing is shared before it is over."""
        await self.share(self.alice, self.hers)
        await self.bob.events()
        await self.alice.events()
        self.accepted(await self.alice.delete(self.hers), 204)
        for client in (self.alice, self.bob):
            told = brief(await client.events())
            over = told.index(("applicationSharing", "updated", ""))
            self.assertLess(over, told.index(("conversation", "deleted", "")))
            self.assertIn(("applicationSharer", "deleted", "applicationSharing"), told)

    async def test_lives_through_a_restart(self) -> None:
        """What is shared flows between the clients, so it goes on when the front end restarts."""
        await self.share(self.alice, self.hers)
        offer = the(await self.bob.events(), "applicationSharingRenegotiation", "started")
        await self.service.restart()
        self.accepted(await self.view(self.bob, offer), 204)
        shown = await self.bob.document(f"{self.his}/applicationSharing")
        self.assertEqual(shown["state"], "Connected")
        self.accepted(await self.alice.post(f"{self.hers}/applicationSharing/stop"), 204)
        shown = await self.bob.document(f"{self.his}/applicationSharing")
        self.assertEqual(shown["state"], "Disconnected")

    async def test_repeated(self) -> None:
        """A repeated request with its Idempotency-Key offers nothing anew."""
        start = f"{self.hers}/applicationSharing/start"
        key = {"Idempotency-Key": "k"}
        first = await self.alice.post(start, offering(), headers=key)
        again = await self.alice.post(start, offering(), headers=key)
        self.assertEqual(self.accepted(first, 201), self.accepted(again, 201))
        told = brief(await self.bob.events())
        self.assertEqual(told.count(("applicationSharingRenegotiation", "started", "")), 1)

    async def test_not_offered(self) -> None:
        """A device that cannot view screens sees who shares, and is offered nothing."""
        shown = await self.bob.document("communication")
        body = {**shown, "supportedModalities": ["Messaging"]}
        headers = {"If-Match": shown["etag"]}
        await self.bob.request("PUT", "communication", body, headers=headers)
        await self.bob.events()
        await self.share(self.alice, self.hers)
        self.assertEqual(
            brief(await self.bob.events()),
            [
                ("applicationSharing", "updated", ""),
                ("applicationSharer", "added", "applicationSharing"),
                ("participantApplicationSharing", "added", "participant"),
            ],
        )

    async def test_wifi(self) -> None:
        """With RequireWiFiForSharing nobody shares or views over a cellular network."""
        policies = self.service.front_end.mobility.policies
        await policies.change(KIND, "global", {"RequireWiFiForSharing": True}, 0)
        for client in (self.alice, self.bob):
            await client.events()
        network = {"clientNetworkType": "External", "bearer": "Cellular"}
        self.accepted(await self.alice.post("reportMyNetwork", network), 201)
        shown = await self.alice.document(f"{self.hers}/applicationSharing")
        self.assertNotIn("mobility:startApplicationSharing", shown["_links"])
        for modality in ("applicationSharing", "dataCollaboration"):
            refused = await self.alice.post(f"{self.hers}/{modality}/start", offering())
            body = self.refused(refused, 403, "Forbidden")
            self.assertIn("outside of Wi-Fi", body["message"])
        self.accepted(await self.share(self.bob, self.his), 201)
        told = brief(await self.alice.events())
        self.assertNotIn(("applicationSharingRenegotiation", "started", ""), told)

    async def test_diagnostics(self) -> None:
        """Who shares or views may report why the media failed, nobody else."""
        report = f"{self.hers}/audioVideo/reportMediaDiagnostics"
        self.assertEqual((await self.alice.post(report)).status, 404)
        await self.share(self.alice, self.hers)
        shown = await self.alice.document(f"{self.hers}/applicationSharing")
        report = shown["_links"]["reportMediaDiagnostics"]["href"]
        self.accepted(await self.alice.post(report), 204)
        self.assertEqual(
            len([one for one in self.service.log.events if one[0] == "call.media_failed"]), 1
        )
        shown = await self.bob.document(f"{self.his}/applicationSharing")
        self.assertNotIn("reportMediaDiagnostics", shown["_links"])

    async def test_documents(self) -> None:
        """One begins to work on documents, the other joins; it is over when both have stopped."""
        links = {"customContent": {"href": data_uri("board 7")}}
        start = f"{self.hers}/dataCollaboration/start"
        self.accepted(await self.alice.post(start, {"_links": links}), 201)
        self.refused(await self.alice.post(start), 409, "Conflict", "AlreadyExists")
        told = await self.bob.events()
        self.assertEqual(
            brief(told),
            [
                ("dataCollaboration", "updated", ""),
                ("participantDataCollaboration", "added", "participant"),
            ],
        )
        shown = told[0].resource
        self.assertEqual(shown["state"], "Connected")
        self.assertEqual(shown["_links"]["mobility:content"]["href"], data_uri("board 7"))
        join = shown["_links"]["mobility:startDataCollaboration"]["href"]
        self.accepted(await self.bob.post(join), 201)
        told = await self.bob.events()
        self.assertEqual(
            brief(told),
            [
                ("dataCollaboration", "updated", ""),
                ("participantDataCollaboration", "added", "localParticipant"),
                ("conversation", "updated", ""),
            ],
        )
        self.assertIn("DataCollaboration", told[2].resource["activeModalities"])
        self.accepted(await self.alice.post(f"{self.hers}/dataCollaboration/stop"), 204)
        shown = await self.alice.document(f"{self.hers}/dataCollaboration")
        self.assertEqual(shown["state"], "Connected")
        self.accepted(await self.bob.post(f"{self.his}/dataCollaboration/stop"), 204)
        shown = await self.alice.document(f"{self.hers}/dataCollaboration")
        self.assertEqual(shown["state"], "Disconnected")
        self.refused(
            await self.bob.get(
                f"{self.his}/participants/bob@example.test/participantDataCollaboration"
            ),
            404,
            "NotFound",
            "ResourceNotFound",
        )


class MeetingTests(SharingTestCase):
    """Alice's meeting: she presents, Bob attends."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.client("alice")
        self.bob = await self.client("bob")
        made = await self.alice.post(MINE, {"subject": "Plans"})
        self.meeting: dict[str, Any] = made.json()
        self.hers = await self.join(self.alice)
        self.his = await self.join(self.bob)
        await self.alice.events()

    async def join(self, client: Client) -> str:
        body = {"onlineMeetingUri": self.meeting["onlineMeetingUri"]}
        self.accepted(await client.post(JOIN, body), 201)
        (href,) = {one.href for one in await client.events() if one.rel == "conversation"}
        return href

    async def test_presenters_alone(self) -> None:
        """An attendee may not begin; once promoted it may, and its links say so."""
        for modality in ("applicationSharing", "dataCollaboration"):
            refused = await self.bob.post(f"{self.his}/{modality}/start", offering())
            self.refused(refused, 403, "Forbidden")
            shown = await self.bob.document(f"{self.his}/{modality}")
            self.assertEqual(set(shown["_links"]), {"self", "conversation"})
        participant = f"{self.hers}/participants/bob@example.test"
        self.accepted(await self.alice.post(f"{participant}/promote"), 204)
        told = the(await self.bob.events(), "applicationSharing", "updated")
        self.assertIn("mobility:startApplicationSharing", told.resource["_links"])
        self.accepted(await self.share(self.bob, self.his), 201)

    async def test_demoted(self) -> None:
        """Who is demoted to attend does not share any more."""
        participant = f"{self.hers}/participants/bob@example.test"
        await self.alice.post(f"{participant}/promote")
        await self.share(self.bob, self.his)
        await self.alice.events()
        self.accepted(await self.alice.post(f"{participant}/demote"), 204)
        told = await self.alice.events()
        self.assertIn(("applicationSharer", "deleted", "applicationSharing"), brief(told))
        shown = await self.alice.document(f"{self.hers}/applicationSharing")
        self.assertEqual(shown["state"], "Disconnected")

    async def test_latecomers(self) -> None:
        """Who comes in while a screen is shared is shown who shares, and is offered it."""
        await self.share(self.alice, self.hers)
        carol = await self.client("carol")
        body = {"onlineMeetingUri": self.meeting["onlineMeetingUri"]}
        self.accepted(await carol.post(JOIN, body), 201)
        told = await carol.events()
        self.assertEqual(
            brief(told)[-4:],
            [
                ("applicationSharing", "updated", ""),
                ("applicationSharer", "added", "applicationSharing"),
                ("participantApplicationSharing", "added", "participant"),
                ("applicationSharingRenegotiation", "started", ""),
            ],
        )
        self.accepted(await self.view(carol, told[-1]), 204)

    async def test_ejected(self) -> None:
        """Who is ejected views no more, and what it shared is over."""
        await self.share(self.alice, self.hers)
        offer = the(await self.bob.events(), "applicationSharingRenegotiation", "started")
        await self.view(self.bob, offer)
        participant = f"{self.hers}/participants/bob@example.test"
        await self.alice.events()
        await self.bob.events()
        self.accepted(await self.alice.post(f"{participant}/eject"), 204)
        told = brief(await self.alice.events())
        self.assertIn(("participantApplicationSharing", "deleted", "participant"), told)
        told = brief(await self.bob.events())
        self.assertIn(("participantApplicationSharing", "deleted", "localParticipant"), told)
        self.assertLess(
            told.index(("applicationSharing", "updated", "")),
            told.index(("conversation", "deleted", "")),
        )

    async def test_guest(self) -> None:
        """A guest views what is shared in its meeting, and presents once it is promoted."""
        changed = {**self.meeting, "accessLevel": "Everyone"}
        await self.alice.request(
            "PUT",
            self.meeting["_links"]["self"]["href"],
            changed,
            headers={"If-Match": f'"{self.meeting["etag"]}"'},
        )
        await self.share(self.alice, self.hers)
        gil = await self.service.guest(self.meeting)
        self.accepted(await gil.post(JOIN, {"onlineMeetingUri": changed["onlineMeetingUri"]}), 201)
        told = await gil.events()
        (conversation,) = {one.href for one in told if one.rel == "conversation"}
        offer = the(told, "applicationSharingRenegotiation", "started")
        self.accepted(await self.view(gil, offer), 204)
        self.refused(
            await gil.post(f"{conversation}/applicationSharing/start", offering()), 403, "Forbidden"
        )
        own = next(one for one in told if one.rel == "localParticipant").href
        self.accepted(await self.alice.post(f"{converted(own, gil, self.alice)}/promote"), 204)
        self.accepted(await self.share(gil, conversation), 201)

    async def test_not_in_the_lobby(self) -> None:
        """Who waits in the lobby sees nothing of what is shared."""
        locked = await self.alice.post(MINE, {"accessLevel": "Locked"})
        self.meeting = locked.json()
        conversation = await self.join(self.alice)
        self.accepted(await self.share(self.alice, conversation), 201)
        waiting = await self.join(self.bob)
        response = await self.bob.get(f"{waiting}/applicationSharing")
        self.refused(response, 404, "NotFound", "ResourceNotFound")
        self.refused(await self.bob.post(f"{waiting}/dataCollaboration/start"), 409, "Conflict")


class ForbiddenTests(SharingTestCase):
    """A front end where nothing may be shared."""

    meetings = MeetingsConfig(enable_app_desktop_sharing=False, enable_data_collaboration=False)

    async def test_forbidden(self) -> None:
        """Neither is begun, and no link offers it."""
        alice, bob = await self.client("alice"), await self.client("bob")
        conversation = (await self.talk(alice, bob)).rpartition("/")[0]
        for modality in ("applicationSharing", "dataCollaboration"):
            shown = await alice.document(f"{conversation}/{modality}")
            self.assertEqual(set(shown["_links"]), {"self", "conversation"})
            refused = await alice.post(f"{conversation}/{modality}/start", offering())
            self.refused(refused, 403, "Forbidden")
