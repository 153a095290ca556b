"""replaceWithPhoneAudio over UCWA: a call goes on with the telephone of who is in it."""

from typing import Any

from mobility.config.meetings import MeetingsConfig
from mobility.media.offers import read_description
from mobility.media.sdp import parse
from tests.descriptions import sdp
from tests.ucwa.service import MOBILE, Client, converted, uri
from tests.ucwa.test_calls import CallTestCase, text_of
from tests.ucwa.test_conference_media import MixedTestCase, briefly


class CallTests(CallTestCase):
    """Alice talks to Bob, with audio and video."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        await self.service.let_phone("alice")
        self.conversation = await self.call()

    async def replace(self, **more: Any) -> str:
        """The path of the invitation."""
        body = {"to": uri("bob"), "phoneNumber": MOBILE["alice"], "operationId": "phone", **more}
        return self.accepted(await self.alice.post(await self.operation(), body), 201)

    async def operation(self) -> str:
        shown = await self.alice.document(f"{self.conversation}/audioVideo")
        href: str = shown["_links"]["replaceWithPhoneAudio"]["href"]
        return href

    async def lets(self, happens: str, *description: object) -> None:
        """Let something happen at Alice's telephone."""
        getattr(self.service.telephones.to(MOBILE["alice"]), happens)(*description)
        await self.service.follow()

    async def modality(self, client: Client, name: str) -> tuple[str, set[str]]:
        """Its state and its links."""
        shown = await client.document(f"{self.conversation}/{name}")
        return shown["state"], set(shown["_links"])

    async def test_story(self) -> None:
        """The telephone rings, the other client is offered its audio in the session that goes on,
        answers, and the audio is the telephone's."""
        href = await self.replace()
        shown = await self.alice.document(href)
        self.assertEqual(
            ("phoneAudioInvitation", "Outgoing", "Connecting", f"tel:{MOBILE['alice']}", "phone"),
            tuple(
                shown[name] for name in ("rel", "direction", "state", "phoneNumber", "operationId")
            ),
        )
        self.assertIn("cancel", shown["_links"])
        self.assertEqual(
            briefly(await self.alice.events()),
            [
                ("phoneAudioInvitation", "started"),
                ("phoneAudio", "updated"),
                ("audioVideo", "updated"),
            ],
        )
        state, links = await self.modality(self.alice, "phoneAudio")
        self.assertEqual(state, "Connecting")
        self.assertEqual(links, {"self", "conversation", "stopPhoneAudio"})
        self.assertNotIn(
            "replaceWithPhoneAudio", (await self.modality(self.alice, "audioVideo"))[1]
        )
        await self.lets("answers", read_description(sdp("audio")))
        (started,) = self.of(await self.bob.events(), "audioVideoRenegotiation", "started")
        offer = text_of(started.resource["_links"]["mediaOffer"])
        session = parse(offer)
        self.assertEqual(
            [(one.medium, bool(one.port)) for one in session.media],
            [("audio", True), ("video", False)],
        )
        self.assertEqual(session.origin.version, "2")
        answer = started.resource["_links"]["answer"]["href"]
        self.accepted(await self.post_sdp(self.bob, answer, sdp("audio", "video:-")), 204)
        await self.service.follow()
        connected = self.service.telephones.to(MOBILE["alice"]).connected
        assert connected is not None
        self.assertEqual(connected.text, sdp("audio"))
        self.assertEqual(
            briefly(await self.alice.events()),
            [
                *[("participantAudio", "deleted"), ("participantVideo", "deleted")] * 2,
                ("audioVideoSession", "deleted"),
                ("conversation", "updated"),
                ("audioVideo", "updated"),
                ("phoneAudio", "updated"),
                ("phoneAudioInvitation", "completed"),
            ],
        )
        state, links = await self.modality(self.alice, "phoneAudio")
        self.assertEqual(state, "Connected")
        self.assertEqual(links, {"self", "conversation", "holdPhoneAudio", "stopPhoneAudio"})
        self.assertEqual((await self.modality(self.alice, "audioVideo"))[0], "Disconnected")
        shown = await self.alice.document(href)
        self.assertEqual(
            (shown["state"], shown["phoneNumber"]), ("Connected", f"tel:{MOBILE['alice']}")
        )
        self.assertEqual(shown["_embedded"]["acceptedByParticipant"][0]["uri"], uri("bob"))
        told = briefly(await self.bob.events())
        self.assertIn(("audioVideoRenegotiation", "completed"), told)
        self.assertIn(("participantVideo", "deleted"), told)
        self.accepted(await self.alice.post(f"{self.conversation}/phoneAudio/stopPhoneAudio"), 204)
        self.assertIn(("conversation", "deleted"), briefly(await self.bob.events()))
        self.assertEqual(self.service.telephones.to(MOBILE["alice"]).state, "over")

    async def test_dismissed(self) -> None:
        """The other client takes it not: the call goes on, and may be asked again."""
        await self.replace()
        await self.lets("answers", read_description(sdp("audio")))
        await self.alice.events()
        (started,) = self.of(await self.bob.events(), "audioVideoRenegotiation", "started")
        dismiss = started.resource["_links"]["dismiss"]["href"]
        self.accepted(await self.bob.post(dismiss, {"reason": "UnsupportedMedia"}), 204)
        await self.service.follow()
        told = await self.alice.events()
        self.assertEqual(
            briefly(told),
            [
                ("phoneAudio", "updated"),
                ("audioVideo", "updated"),
                ("phoneAudioInvitation", "completed"),
            ],
        )
        reason = told[-1].event["reason"]
        self.assertEqual(told[0].event["reason"], reason)
        self.assertEqual(told[-1].status, "Failure")
        self.assertEqual(
            (reason["code"], reason["subcode"]), ("RemoteFailure", "ModalityNotSupported")
        )
        self.assertEqual(self.service.telephones.to(MOBILE["alice"]).state, "over")
        self.assertEqual((await self.modality(self.alice, "audioVideo"))[0], "Connected")
        await self.replace()

    async def test_given_up(self) -> None:
        """stopPhoneAudio gives it up, and so does cancel."""
        await self.replace()
        self.accepted(await self.alice.post(f"{self.conversation}/phoneAudio/stopPhoneAudio"), 204)
        href = await self.replace()
        self.accepted(await self.alice.post(f"{href}/cancel"), 204)
        await self.service.follow()
        self.assertEqual(self.service.telephones.to(MOBILE["alice"]).state, "over")
        self.assertEqual((await self.modality(self.alice, "phoneAudio"))[0], "Disconnected")
        response = await self.alice.post(f"{self.conversation}/phoneAudio/stopPhoneAudio")
        self.refused(response, 409, "Conflict")

    async def test_refused(self) -> None:
        """What is no number, who is not in the call, and what policy forbids."""
        path = await self.operation()
        self.assertEqual({"to"}, self.wrong_parameters(await self.alice.post(path, {})))
        wrong = await self.alice.post(path, {"to": uri("carol")})
        self.assertEqual({"to"}, self.wrong_parameters(wrong))
        body = {"to": uri("bob"), "phoneNumber": "none"}
        self.refused(await self.alice.post(path, body), 400, "BadRequest", "NormalizationFailed")
        his = converted(path, self.alice, self.bob)
        shown = await self.bob.document(his.removesuffix("/replaceWithPhoneAudio"))
        self.assertNotIn("replaceWithPhoneAudio", shown["_links"])
        self.refused(await self.bob.post(his, {"to": uri("alice")}), 403, "Forbidden")


class ConferenceTests(MixedTestCase):
    """Bob is mixed in Alice's meeting with audio and video; his telephone may be called."""

    meetings = MeetingsConfig()

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        await self.service.let_phone("bob")
        self.own = await self.mixed(self.bob, self.his, "audio", "video")
        await self.quiet()

    async def lets(self, happens: str, *description: object) -> None:
        getattr(self.service.telephones.to(MOBILE["bob"]), happens)(*description)
        await self.service.follow()

    async def test_story(self) -> None:
        """The telephone is mixed first, then the application's audio is over; its video stays."""
        shown = await self.bob.document(f"{self.his}/audioVideo")
        path = shown["_links"]["replaceWithPhoneAudio"]["href"]
        body = {"to": self.meeting["onlineMeetingUri"], "phoneNumber": MOBILE["bob"]}
        invitation = self.accepted(await self.bob.post(path, body), 201)
        self.refused(await self.bob.post(path, body), 409, "Conflict")
        shown = await self.bob.document(f"{self.his}/audioVideo")
        self.assertNotIn("replaceWithPhoneAudio", shown["_links"])
        await self.lets("answers", read_description(sdp("audio")))
        self.assertIn("Audio", (await self.bob.document(self.his))["activeModalities"])
        phone = self.mixer.of(uri("bob"))
        self.assertIsNot(phone, self.own)
        phone.answers()
        await self.service.follow()
        await self.service.follow()
        self.assertEqual((await self.bob.document(invitation))["state"], "Connected")
        shown = await self.bob.document(f"{self.his}/audioVideo")
        self.assertEqual(shown["state"], "Connected")
        self.assertNotIn("stopAudio", shown["_links"])
        self.assertIn("stopVideo", shown["_links"])
        self.assertEqual(self.own.muted, ("Audio",))
        self.assertEqual((await self.bob.document(f"{self.his}/phoneAudio"))["state"], "Connected")

    async def test_not_there(self) -> None:
        """A telephone that is busy leaves the audio as it was."""
        path = f"{self.his}/audioVideo/replaceWithPhoneAudio"
        body = {"to": self.meeting["onlineMeetingUri"], "phoneNumber": MOBILE["bob"]}
        self.accepted(await self.bob.post(path, body), 201)
        await self.lets("is_busy")
        shown = await self.bob.document(f"{self.his}/audioVideo")
        self.assertLessEqual({"stopAudio", "replaceWithPhoneAudio"}, self.links(shown))
        self.refused(
            await self.alice.post(path.replace(self.his, self.hers), body), 409, "Conflict"
        )
