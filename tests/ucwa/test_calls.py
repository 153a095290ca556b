"""Calls over UCWA: two people, several devices, offers and answers, and what links there are."""

from collections.abc import Mapping
from typing import Any

from mobility.domain.call_policy import CallPolicy
from mobility.media.sdp import MAX_BYTES
from mobility.testing import MemoryResponse
from mobility.ucwa.hrefs import data_uri
from mobility.ucwa.messaging import DECLINE_REASONS, DECLINED_AS
from tests.descriptions import sdp
from tests.ucwa.service import Client, Told, UcwaTestCase, converted, uri

OFFER = sdp("audio", "video")
ANSWER = sdp("audio", "video", version=7)
MODALITIES = {"SupportedModalities": ["Messaging", "Audio", "Video"]}


def text_of(link: Mapping[str, str]) -> str:
    """The SDP in a data link."""
    from mobility.http.data_link import parse_data_uri

    data = parse_data_uri(link["href"], MAX_BYTES)
    assert data.content_type == "application/sdp"
    return data.text


class CallTestCase(UcwaTestCase):
    """Alice and Bob, whose applications take calls."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.device("alice")
        self.bob = await self.device("bob")

    async def device(self, name: str, **body: str) -> Client:
        client = await self.service.sign_in(name, available=False, **body)
        self.accepted(await client.post("me/makeMeAvailable", MODALITIES), 204)
        await client.events()
        return client

    async def start(
        self, client: Client, rel: str = "startAudioVideo", offer: str = OFFER, **more: Any
    ) -> MemoryResponse:
        links = {"mediaOffer": {"href": data_uri(offer, "application/sdp")}}
        body = {"to": uri("bob"), "operationId": "op", "sessionContext": "hers", "_links": links}
        return await client.post(f"communication/{rel}", {**body, **more})

    async def rung(self, client: Client) -> dict[str, Any]:
        """The invitation that a client is told of."""
        (invitation,) = [
            event.resource
            for event in await client.events()
            if (event.rel, event.type) == ("audioVideoInvitation", "started")
        ]
        return invitation

    async def post_sdp(self, client: Client, href: str, text: str) -> MemoryResponse:
        return await client.post(href, body=text.encode(), content_type="application/sdp")

    async def call(self, offer: str = OFFER, answer: str = ANSWER) -> str:
        """Alice and Bob in a call; Alice's href of the conversation, everything read."""
        self.accepted(await self.start(self.alice, offer=offer), 201)
        invitation = await self.rung(self.bob)
        accept = invitation["_links"]["acceptWithAnswer"]["href"]
        self.accepted(await self.post_sdp(self.bob, f"{accept}?sessionContext=his", answer), 204)
        await self.alice.events()
        await self.bob.events()
        href: str = invitation["_links"]["conversation"]["href"]
        return converted(href, self.bob, self.alice)

    def of(self, told: list[Told], rel: str, kind: str) -> list[Told]:
        return [event for event in told if (event.rel, event.type) == (rel, kind)]


class StartTests(CallTestCase):
    async def test_both_sides(self) -> None:
        """A call as both are told of it: the offer goes one way, the answer the other."""
        location = self.accepted(await self.start(self.alice), 201)
        shown = await self.alice.document(location)
        self.assertEqual(
            (shown["state"], shown["operationId"], shown["sessionContext"], shown["to"]),
            ("Connecting", "op", "hers", uri("bob")),
        )
        self.assertIn("cancel", shown["_links"])
        self.assertNotIn("acceptWithAnswer", shown["_links"])
        told = await self.bob.events()
        self.assertEqual(
            [(event.rel, event.type) for event in told],
            [
                ("audioVideoInvitation", "started"),
                ("conversation", "added"),
                ("localParticipant", "added"),
                ("participant", "added"),
                ("audioVideo", "updated"),
            ],
        )
        invitation = told[0].resource
        links = invitation["_links"]
        self.assertEqual(text_of(links["mediaOffer"]), OFFER)
        self.assertEqual(invitation["_embedded"]["from"]["uri"], uri("alice"))
        answer = await self.post_sdp(
            self.bob,
            links["acceptWithAnswer"]["href"] + "?sessionContext=his&processedOfferId=1",
            ANSWER,
        )
        self.accepted(answer, 204)
        told = await self.alice.events()
        (negotiation,) = self.of(told, "audioVideoNegotiation", "updated")
        self.assertEqual(negotiation.sender, "audioVideoInvitation")
        self.assertEqual(text_of(negotiation.resource["_links"]["mediaAnswer"]), ANSWER)
        self.assertEqual(
            (negotiation.resource["sessionContext"], negotiation.resource["msAcceptedContentId"]),
            ("hers", "1"),
        )
        (completed,) = self.of(told, "audioVideoInvitation", "completed")
        self.assertEqual(completed.status, "Success")
        self.assertEqual(
            completed.resource["_embedded"]["acceptedByParticipant"][0]["uri"], uri("bob")
        )
        (session,) = self.of(told, "audioVideoSession", "added")
        self.assertEqual(session.within, "audioVideoSessions")
        shown = await self.alice.document(f"{location}/audioVideoNegotiation")
        self.assertEqual(shown["rel"], "audioVideoNegotiation")

    async def test_media_of_the_call(self) -> None:
        """Which media a call asks for follows from how it was begun."""
        for rel, offer, muted in (
            ("startAudio", sdp("audio"), "joinAudioMuted"),
            ("startVideo", sdp("video"), "joinVideoMuted"),
        ):
            response = await self.start(self.alice, rel, offer, **{muted: True})
            location = self.accepted(response, 201)
            invitation = await self.rung(self.bob)
            self.assertTrue(invitation[muted])
            self.accepted(await self.alice.post(f"{location}/cancel"), 204)
            await self.bob.events()

    async def test_wrong_input(self) -> None:
        """What is missing or too long is named; a broken offer has an error of its own."""
        response = await self.alice.post("communication/startAudio", {"operationId": "x" * 51})
        self.assertEqual(self.wrong_parameters(response), {"to", "mediaOffer", "operationId"})
        self.assertEqual(
            self.wrong_parameters(await self.start(self.alice, to=uri("alice"))), {"to"}
        )
        text = {"mediaOffer": {"href": "data:text/plain,x"}}
        self.assertEqual(
            self.wrong_parameters(await self.start(self.alice, _links=text)), {"mediaOffer"}
        )
        large = await self.start(self.alice, offer=OFFER + "a=x\r\n" * MAX_BYTES)
        self.assertEqual(self.wrong_parameters(large), {"mediaOffer"})
        for rel, offer in (("startAudio", "v=0"), ("startVideo", sdp("audio"))):
            response = await self.start(self.alice, rel, offer)
            self.refused(response, 400, "BadRequest", "InvalidMediaDescription")

    async def test_nobody(self) -> None:
        """A call that reaches nobody is created and fails in the channel."""
        self.accepted(await self.start(self.alice, to=uri("carol")), 201)
        (completed,) = self.of(await self.alice.events(), "audioVideoInvitation", "completed")
        self.assertEqual(completed.status, "Failure")
        self.assertEqual(completed.event["reason"]["subcode"], "Unavailable")

    async def test_emergency(self) -> None:
        """Without a gateway an emergency call is refused, and not offered."""
        links = (await self.alice.document("communication"))["_links"]
        self.assertNotIn("startEmergencyCall", links)
        response = await self.start(self.alice, "startEmergencyCall", to="tel:112", zip="98052")
        self.refused(response, 403, "Forbidden", "OperationNotSupported")

    async def test_on_behalf_of(self) -> None:
        """A delegate calls for a delegator, and nobody else does."""
        rel = "startAudioVideoOnBehalfOfDelegator"
        refused = await self.start(self.alice, rel, delegator=uri("carol"))
        self.refused(refused, 403, "Forbidden", "NoDelegatesConfigured")
        links = (await self.alice.document("communication"))["_links"]
        self.assertNotIn(rel, links)
        await self.service.front_end.delegates.add_delegate(uri("carol"), uri("alice"))
        links = (await self.alice.document("communication"))["_links"]
        self.assertIn(rel, links)
        location = self.accepted(await self.start(self.alice, rel, delegator=uri("carol")), 201)
        shown = await self.alice.document(location)
        self.assertEqual(shown["delegator"], uri("carol"))
        self.assertIn("delegator", shown["_links"])
        self.assertIn("onBehalfOf", (await self.rung(self.bob))["_links"])

    async def test_policy(self) -> None:
        """What policy forbids is neither offered nor done."""
        self.service.front_end.call_policies.of = lambda _: CallPolicy(video=False)
        links = (await self.alice.document("communication"))["_links"]
        self.assertIn("startAudio", links)
        self.assertNotIn("startAudioVideo", links)
        self.refused(await self.start(self.alice), 403, "Forbidden")

    async def test_repeated(self) -> None:
        """A call begun twice with one Idempotency-Key rings once."""
        links = {"mediaOffer": {"href": data_uri(OFFER, "application/sdp")}}
        body = {"to": uri("bob"), "_links": links}
        headers = {"Idempotency-Key": "once"}
        made = [
            await self.alice.post("communication/startAudio", body, headers=headers)
            for _ in range(2)
        ]
        self.assertEqual(*(self.accepted(one, 201) for one in made))
        await self.rung(self.bob)


class AnswerTests(CallTestCase):
    async def test_provisional(self) -> None:
        """Early media reach the caller before the answer."""
        location = self.accepted(await self.start(self.alice), 201)
        invitation = await self.rung(self.bob)
        self.refused(
            await self.alice.get(f"{location}/audioVideoNegotiation"),
            404,
            "NotFound",
            "ResourceNotFound",
        )
        href = invitation["_links"]["sendProvisionalAnswer"]["href"]
        self.accepted(await self.post_sdp(self.bob, f"{href}?sessionContext=his", ANSWER), 204)
        told = await self.alice.events()
        (early,) = self.of(told, "audioVideoNegotiation", "updated")
        self.assertEqual(text_of(early.resource["_links"]["mediaProvisionalAnswer"]), ANSWER)
        (updated,) = self.of(told, "audioVideoInvitation", "updated")
        self.assertEqual(updated.resource["state"], "Alerting")
        shown = await self.alice.document(f"{location}/audioVideoNegotiation")
        self.assertIn("mediaProvisionalAnswer", shown["_links"])

    async def test_rings_unanswered(self) -> None:
        """The caller is told that it rings, and that nobody answered in time."""
        self.accepted(await self.start(self.alice), 201)
        await self.rung(self.bob)
        await self.service.settle()
        (rings,) = self.of(await self.alice.events(), "audioVideoInvitation", "updated")
        self.assertEqual(rings.resource["state"], "Alerting")
        self.clock.advance(31)
        await self.service.settle()
        told = await self.alice.events()
        (over,) = self.of(told, "audioVideoInvitation", "completed")
        self.assertEqual(over.event["reason"]["subcode"], "Timeout")

    async def test_answered_elsewhere(self) -> None:
        """The device that did not answer is told so."""
        desk = await self.device("bob", EndpointId="desk")
        self.accepted(await self.start(self.alice), 201)
        await self.rung(desk)
        invitation = await self.rung(self.bob)
        accept = invitation["_links"]["acceptWithAnswer"]["href"]
        self.accepted(await self.post_sdp(self.bob, accept, ANSWER), 204)
        (completed,) = self.of(await desk.events(), "audioVideoInvitation", "completed")
        self.assertEqual(completed.event["reason"]["subcode"], "ConnectedElsewhere")
        late = converted(accept, self.bob, desk)
        response = await self.post_sdp(desk, late, ANSWER)
        self.refused(response, 404, "NotFound", "ResourceNotFound")

    async def test_wrong_answers(self) -> None:
        """An answer must be SDP, of bounded size, and fit the offer."""
        self.accepted(await self.start(self.alice), 201)
        links = (await self.rung(self.bob))["_links"]
        accept = links["acceptWithAnswer"]["href"]
        response = await self.bob.post(accept, {"sdp": ANSWER})
        self.refused(response, 415, "UnsupportedMediaType")
        for text in ("", "v=0", sdp("audio"), sdp("audio:-", "video:-")):
            response = await self.post_sdp(self.bob, accept, text)
            self.refused(response, 400, "BadRequest", "InvalidMediaDescription")
        response = await self.post_sdp(self.bob, accept, "x" * (MAX_BYTES + 1))
        self.refused(response, 413, "EntityTooLarge")
        response = await self.post_sdp(self.bob, f"{accept}?sessionContext={'x' * 51}", ANSWER)
        self.assertEqual(self.wrong_parameters(response), {"sessionContext"})
        plain = accept.replace("acceptWithAnswer", "accept")
        self.refused(await self.bob.post(plain), 409, "Conflict")
        reference = accept.replace("audioVideoInvitations", "invitations")
        self.accepted(await self.post_sdp(self.bob, reference, ANSWER), 204)

    async def test_declined_for_a_reason(self) -> None:
        """Why a device cannot take a call is what the caller is told, each documented reason."""
        for reason in DECLINE_REASONS:
            self.accepted(await self.start(self.alice), 201)
            links = (await self.rung(self.bob))["_links"]
            self.accepted(await self.bob.post(links["decline"]["href"], {"reason": reason}), 204)
            told = await self.alice.events()
            (completed,) = self.of(told, "audioVideoInvitation", "completed")
            self.assertEqual(completed.resource["state"], "Declined", reason)
            subcode = DECLINED_AS.get(reason, "Declined")
            self.assertEqual(completed.event["reason"]["subcode"], subcode)
            await self.bob.events()


class SessionTests(CallTestCase):
    async def test_links_by_state(self) -> None:
        """What a connected call can do is linked, what it cannot is not."""
        conversation = await self.call()
        shown = await self.alice.document(conversation)
        self.assertEqual(shown["activeModalities"], ["Audio", "Video"])
        self.assertNotIn("addParticipant", shown["_links"])
        audio_video = await self.alice.document(shown["_links"]["audioVideo"]["href"])
        self.assertEqual(audio_video["state"], "Connected")
        links = set(audio_video["_links"])
        self.assertLessEqual(
            {"audioVideoSession", "stopAudio", "stopVideo", "stopAudioVideo"}, links
        )
        self.assertFalse({"addAudio", "escalateAudio"} & links)
        session = await self.alice.document(audio_video["_links"]["audioVideoSession"]["href"])
        self.assertEqual((session["state"], session["sessionContext"]), ("Established", "hers"))
        self.assertNotIn("resumeAudio", session["_links"])
        messaging = await self.alice.document(f"{conversation}/messaging")
        self.assertEqual(messaging["state"], "Disconnected")
        await self.alice.document(audio_video["_links"]["audioVideoPolicies"]["href"])
        await self.alice.document(f"{conversation}/audioVideo/sessions")

    async def test_hang_up(self) -> None:
        """stopAudioVideo ends the call and the conversation for both."""
        conversation = await self.call()
        stop = f"{conversation}/audioVideo/stopAudioVideo"
        self.assertEqual(
            self.wrong_parameters(await self.alice.post(f"{stop}?reason=Bored")), {"reason"}
        )
        self.accepted(await self.alice.post(stop, {"reason": "UserInitiatedAction"}), 204)
        told = await self.bob.events()
        (changed,) = self.of(told, "audioVideo", "updated")
        self.assertEqual(changed.resource["state"], "Disconnected")
        self.assertEqual(len(self.of(told, "conversation", "deleted")), 1)
        self.refused(await self.alice.post(stop), 404, "NotFound", "ConversationNotFound")

    async def test_mute(self) -> None:
        """Each mutes itself; both see it."""
        conversation = await self.call()
        own = f"{conversation}/participants/alice@example.test/participantAudio"
        shown = await self.alice.document(own)
        self.assertEqual((shown["audioMuted"], shown["audioDirection"]), (False, "SendReceive"))
        self.accepted(await self.alice.post(shown["_links"]["muteAudio"]["href"]), 204)
        for client in (self.alice, self.bob):
            (changed,) = self.of(await client.events(), "participantAudio", "updated")
            self.assertTrue(changed.resource["audioMuted"])
        self.refused(await self.alice.post(f"{own}/muteAudio"), 409, "Conflict")
        self.accepted(await self.alice.post(f"{own}/unmuteAudio"), 204)
        his = f"{conversation}/participants/bob@example.test/participantVideo"
        self.assertNotIn("muteVideo", (await self.alice.document(his))["_links"])
        self.refused(await self.alice.post(f"{his}/muteVideo"), 403, "Forbidden")

    async def test_hold_and_resume(self) -> None:
        """A call is held by a new offer and resumed by another."""
        conversation = await self.call()
        session = f"{conversation}/audioVideo/audioVideoSession"
        hold = sdp("audio:inactive", "video:inactive", version=2)
        location = self.accepted(
            await self.post_sdp(self.alice, f"{session}/renegotiations?operationId=h", hold), 201
        )
        (started,) = self.of(await self.bob.events(), "audioVideoRenegotiation", "started")
        self.assertEqual(text_of(started.resource["_links"]["mediaOffer"]), hold)
        again = await self.post_sdp(self.alice, f"{session}/renegotiations", hold)
        self.refused(again, 409, "Conflict", "AlreadyExists")
        answer = started.resource["_links"]["answer"]["href"]
        self.accepted(await self.post_sdp(self.bob, answer, hold), 204)
        told = await self.alice.events()
        (completed,) = self.of(told, "audioVideoRenegotiation", "completed")
        self.assertEqual((completed.status, completed.resource["operationId"]), ("Success", "h"))
        self.assertEqual(text_of(completed.resource["_links"]["mediaAnswer"]), hold)
        shown = await self.alice.document(session)
        self.assertEqual(shown["state"], "Suspended")
        self.assertIn("mediaAnswer", (await self.alice.document(location))["_links"])
        resume = shown["_links"]["resumeAudioVideo"]["href"]
        refused = await self.post_sdp(self.alice, resume, hold)
        self.refused(refused, 400, "BadRequest", "InvalidMediaDescription")
        self.accepted(await self.post_sdp(self.alice, resume, OFFER), 201)
        (started,) = self.of(await self.bob.events(), "audioVideoRenegotiation", "started")
        self.accepted(
            await self.post_sdp(self.bob, started.resource["_links"]["answer"]["href"], ANSWER),
            204,
        )
        self.assertEqual((await self.alice.document(session))["state"], "Established")
        self.refused(await self.post_sdp(self.alice, resume, OFFER), 409, "Conflict")

    async def test_dismissed_and_expired(self) -> None:
        """An offer that is dismissed or not answered changes nothing; who offered is told why."""
        conversation = await self.call()
        session = f"{conversation}/audioVideo/audioVideoSession"
        for ends in ("dismiss", "time"):
            offer = sdp("audio", "video:-", version=2)
            self.accepted(await self.post_sdp(self.alice, f"{session}/renegotiations", offer), 201)
            told = await self.bob.events()
            (started,) = self.of(told, "audioVideoRenegotiation", "started")
            links = started.resource["_links"]
            if ends == "dismiss":
                self.accepted(
                    await self.bob.post(links["dismiss"]["href"], {"reason": "UnsupportedMedia"}),
                    204,
                )
            else:
                self.clock.advance(31)
                await self.service.settle()
            told = await self.alice.events()
            (completed,) = self.of(told, "audioVideoRenegotiation", "completed")
            self.assertEqual(completed.status, "Failure")
            self.assertIn(
                completed.event["reason"]["subcode"],
                ("ModalityNotSupported", "MediaNegotiationTimeOut"),
            )
            late = await self.post_sdp(self.bob, links["answer"]["href"], offer)
            self.refused(late, 409, "Conflict")
            await self.bob.events()
        shown = await self.alice.document(conversation)
        self.assertEqual(shown["activeModalities"], ["Audio", "Video"])

    async def test_streams_stay(self) -> None:
        """A new offer keeps the streams of the last one in their order."""
        conversation = await self.call()
        session = f"{conversation}/audioVideo/audioVideoSession"
        for text in (sdp("audio"), sdp("video", "audio")):
            response = await self.post_sdp(self.alice, f"{session}/renegotiations", text)
            self.refused(response, 400, "BadRequest", "InvalidMediaDescription")


class ContinueTests(CallTestCase):
    """Calls from the log of a past conversation."""

    async def test_again(self) -> None:
        """A call that is over is taken up again, in its thread; what policy forbids is absent."""
        conversation = await self.call()
        stop = f"{conversation}/audioVideo/stopAudioVideo"
        self.accepted(await self.alice.post(stop), 204)
        for client in (self.alice, self.bob):
            await client.events()
        logs = await self.alice.document("communication/conversationLogs")
        log = await self.alice.document(logs["_links"]["conversationLog"][0]["href"])
        links = {"mediaOffer": {"href": data_uri(OFFER, "application/sdp")}}
        href = log["_links"]["continueAudioVideo"]["href"]
        self.assertEqual(self.wrong_parameters(await self.alice.post(href, {})), {"mediaOffer"})
        self.accepted(await self.alice.post(href, {"_links": links}), 201)
        again = await self.rung(self.bob)
        self.assertEqual(again["threadId"], log["threadId"])
        response = await self.alice.post(href, {"_links": links})
        self.refused(response, 409, "Conflict", "ThreadIdAlreadyExists")
        self.service.front_end.call_policies.of = lambda _: CallPolicy(video=False)
        shown = await self.alice.document(log["_links"]["self"]["href"])
        self.assertIn("continueAudio", shown["_links"])
        self.assertNotIn("continueVideo", shown["_links"])


class AddTests(CallTestCase):
    async def test_in_a_conversation(self) -> None:
        """Two who write call one another, hang up, and go on writing."""
        messaging = await self.talk(self.alice, self.bob)
        conversation = messaging.rpartition("/")[0]
        shown = await self.alice.document(f"{conversation}/audioVideo")
        self.assertEqual(shown["state"], "Disconnected")
        self.assertLessEqual({"addAudio", "addVideo", "addAudioVideo"}, set(shown["_links"]))
        links = {"mediaOffer": {"href": data_uri(OFFER, "application/sdp")}}
        body = {"to": uri("bob"), "sessionContext": "hers", "_links": links}
        add = shown["_links"]["addAudioVideo"]["href"]
        wrong = await self.alice.post(add, {**body, "to": uri("carol")})
        self.assertEqual(self.wrong_parameters(wrong), {"to"})
        self.accepted(await self.alice.post(add, body), 201)
        invitation = await self.rung(self.bob)
        self.refused(await self.alice.post(add, body), 409, "Conflict")
        accept = invitation["_links"]["acceptWithAnswer"]["href"]
        self.accepted(await self.post_sdp(self.bob, accept, ANSWER), 204)
        shown = await self.alice.document(conversation)
        self.assertEqual(shown["activeModalities"], ["Messaging", "Audio", "Video"])
        stop = f"{conversation}/audioVideo/stopAudioVideo"
        self.accepted(await self.alice.post(stop), 204)
        self.assertEqual((await self.alice.send(messaging, "Still here")).status, 201)

    async def test_not_in_a_conference(self) -> None:
        """In a conference nothing mixes media, so there is no audioVideo."""
        joined = await self.alice.post("communication/onlineMeetingInvitations", {})
        invitation = await self.alice.document(self.accepted(joined, 201))
        conversation = invitation["_links"]["conversation"]["href"]
        self.assertNotIn("audioVideo", (await self.alice.document(conversation))["_links"])
        shown = await self.alice.get(f"{conversation}/audioVideo")
        self.refused(shown, 404, "NotFound", "ResourceNotFound")
