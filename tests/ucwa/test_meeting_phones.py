"""addPhoneAudio in a meeting over UCWA: the meeting calls the telephone of who has joined."""

from typing import Any

from mobility.config.meetings import DialInRegion, MeetingsConfig
from mobility.media.offers import read_description
from tests.descriptions import sdp
from tests.ucwa.service import MOBILE, OUTSIDE, uri
from tests.ucwa.test_conference_media import MixedTestCase, briefly, why_over

SHOWN = "+14255550100"


class MeetingPhoneTests(MixedTestCase):
    """Bob has joined Alice's meeting; the voice policy has a way to his telephone."""

    meetings = MeetingsConfig(dial_in=(DialInRegion("Redmond", SHOWN),))

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        await self.service.let_phone("alice")
        await self.quiet()

    @property
    def audio(self) -> str:
        return f"{self.his}/phoneAudio"

    async def add(self, **more: Any) -> str:
        """The path of the invitation."""
        values = {"phoneNumber": MOBILE["bob"], "operationId": "phone", **more}
        body = {"to": self.meeting["onlineMeetingUri"], **values}
        return self.accepted(await self.bob.post(f"{self.audio}/addPhoneAudio", body), 201)

    async def lets(self, happens: str, *description: object) -> None:
        """Let something happen at Bob's telephone."""
        getattr(self.service.telephones.to(MOBILE["bob"]), happens)(*description)
        await self.service.follow()

    async def mixed_by_phone(self) -> None:
        await self.add()
        await self.lets("answers", read_description(sdp("audio")))
        self.mixer.of(uri("bob")).answers()
        await self.service.follow()

    async def test_story(self) -> None:
        """Without Enterprise Voice: the link, the invitation, and what is told until the telephone
        is heard."""
        conversation = await self.bob.document(self.his)
        self.assertIn("phoneAudio", self.links(conversation))
        shown = await self.bob.document(self.audio)
        self.assertEqual(shown["state"], "Disconnected")
        self.assertEqual(self.links(shown), {"self", "conversation", "addPhoneAudio"})
        href = await self.add()
        invitation = await self.bob.document(href)
        self.assertEqual(invitation["rel"], "phoneAudioInvitation")
        self.assertEqual(invitation["direction"], "Outgoing")
        self.assertEqual(invitation["state"], "Connecting")
        self.assertEqual(invitation["phoneNumber"], f"tel:{MOBILE['bob']}")
        self.assertIn("cancel", self.links(invitation))
        order = self.service.telephones.to(MOBILE["bob"]).order
        self.assertEqual(order.caller_id, SHOWN)
        shown = await self.bob.document(self.audio)
        self.assertEqual(shown["state"], "Connecting")
        self.assertEqual(self.links(shown), {"self", "conversation", "stopPhoneAudio"})
        told = briefly(await self.bob.events())
        self.assertIn(("phoneAudioInvitation", "started"), told)
        self.assertIn(("phoneAudio", "updated"), told)
        await self.lets("answers", read_description(sdp("audio")))
        self.mixer.of(uri("bob")).answers()
        await self.service.follow()
        told = briefly(await self.bob.events())
        self.assertIn(("phoneAudioInvitation", "completed"), told)
        self.assertEqual((await self.bob.document(self.audio))["state"], "Connected")
        self.assertIn(("participantAudio", "added"), briefly(await self.alice.events()))

    async def test_stopped(self) -> None:
        """stopPhoneAudio hangs up; it can be added again."""
        await self.mixed_by_phone()
        await self.bob.events()
        self.accepted(await self.bob.post(f"{self.audio}/stopPhoneAudio"), 204)
        await self.service.follow()
        self.assertEqual(self.mixer.of(uri("bob")).state, "over")
        reason = why_over(await self.bob.events(), "phoneAudio")
        self.assertEqual(reason, ("Informational", "CallTerminated"))
        shown = await self.bob.document(self.audio)
        self.assertEqual(self.links(shown), {"self", "conversation", "addPhoneAudio"})
        self.refused(await self.bob.post(f"{self.audio}/stopPhoneAudio"), 409, "Conflict")
        self.refused(await self.bob.post(f"{self.audio}/holdPhoneAudio"), 409, "Conflict")

    async def test_held(self) -> None:
        """holdPhoneAudio and resumePhoneAudio: one of them is linked, and phoneAudio is updated
        when the mixer has agreed."""
        await self.mixed_by_phone()
        await self.bob.events()
        leg = self.mixer.of(uri("bob"))
        for act, other in (
            ("holdPhoneAudio", "resumePhoneAudio"),
            ("resumePhoneAudio", "holdPhoneAudio"),
        ):
            shown = await self.bob.document(self.audio)
            self.assertEqual(self.links(shown), {"self", "conversation", act, "stopPhoneAudio"})
            self.refused(await self.bob.post(f"{self.audio}/{other}"), 409, "Conflict")
            self.accepted(await self.bob.post(f"{self.audio}/{act}"), 204)
            leg.agrees()
            await self.service.follow()
            self.assertIn(("phoneAudio", "updated"), briefly(await self.bob.events()))
        self.assertIn("inactive", leg.offered[0].text)
        self.assertNotIn("inactive", leg.offered[1].text)

    async def test_cancelled(self) -> None:
        """The invitation can be cancelled while the telephone rings."""
        invitation = await self.bob.document(await self.add())
        self.accepted(await self.bob.post(invitation["_links"]["cancel"]["href"]), 204)
        await self.service.follow()
        (ended,) = [
            one
            for one in await self.bob.events()
            if (one.rel, one.type) == ("phoneAudioInvitation", "completed")
        ]
        self.assertEqual(ended.event["reason"]["subcode"], "Canceled")
        self.assertEqual(self.service.telephones.to(MOBILE["bob"]).state, "over")

    async def test_muted(self) -> None:
        """A leader mutes the telephone of a participant."""
        await self.mixed_by_phone()
        shown = await self.medium_of(self.alice, self.hers, "bob", "Audio")
        self.accepted(await self.alice.post(shown["_links"]["muteAudio"]["href"]), 204)
        self.assertEqual(self.mixer.of(uri("bob")).muted, ("Audio",))

    async def test_refused(self) -> None:
        """Wrong numbers are refused, and a second telephone."""
        path = f"{self.audio}/addPhoneAudio"
        meeting = self.meeting["onlineMeetingUri"]
        for body, subcode in (
            ({"to": meeting, "phoneNumber": "nobody"}, "NormalizationFailed"),
            ({"to": uri("alice")}, "ParameterValidationFailure"),
            ({}, "ParameterValidationFailure"),
        ):
            self.refused(await self.bob.post(path, body), 400, "BadRequest", subcode)
        self.refused(
            await self.bob.post(path, {"to": meeting, "phoneNumber": "112"}), 403, "Forbidden"
        )
        await self.add(phoneNumber=OUTSIDE)
        self.refused(await self.bob.post(path, {"to": meeting}), 409, "Conflict")


class WithoutWayTests(MixedTestCase):
    """No voice policy leads anywhere."""

    async def test_no_link(self) -> None:
        """Without a way to a telephone there is no telephone audio."""
        conversation = await self.bob.document(self.his)
        self.assertNotIn("phoneAudio", self.links(conversation))
        self.refused(
            await self.bob.get(f"{self.his}/phoneAudio"), 404, "NotFound", "ResourceNotFound"
        )
        body = {"to": self.meeting["onlineMeetingUri"], "phoneNumber": OUTSIDE}
        self.refused(
            await self.bob.post(f"{self.his}/phoneAudio/addPhoneAudio", body), 403, "Forbidden"
        )

    async def test_way_comes(self) -> None:
        """Who is in a meeting is told when the voice policy leads to telephones from now on."""
        await self.service.let_phone()
        await self.service.settle()
        self.assertIn(("conversation", "updated"), briefly(await self.bob.events()))
        self.assertIn("phoneAudio", self.links(await self.bob.document(self.his)))
