"""Audio and video in conferences, as clients see them; the mixer is one in memory."""

from typing import Any

from mobility.config.meetings import DialInRegion, MeetingsConfig
from mobility.domain.mixer import Abilities
from mobility.domain.mobility_policy import KIND
from mobility.domain.telephone import Happening
from mobility.media.offers import read_description
from mobility.testing_mixer import MemoryMixer, MemoryMixerLeg
from mobility.ucwa.hrefs import data_uri
from tests.descriptions import sdp
from tests.ucwa.service import Client, Told, UcwaTestCase, converted, uri

JOIN = "communication/onlineMeetingInvitations"
MINE = "onlineMeetings/myOnlineMeetings"
SDP = "application/sdp"
BOTH = ("audio", "video")


class MixedTestCase(UcwaTestCase):
    """Alice's meeting, in which Bob is an attendee."""

    mixes = True
    meetings = MeetingsConfig()

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        mixer = self.service.mixer
        if mixer is None:
            raise RuntimeError("there is a mixer")
        self.mixer: MemoryMixer = mixer
        self.alice = await self.service.sign_in("alice")
        self.bob = await self.service.sign_in("bob")
        self.meeting = (await self.alice.post(MINE, self.wanted())).json()
        self.hers = await self.join(self.alice)
        self.his = await self.join(self.bob)
        await self.alice.events()

    def wanted(self) -> dict[str, Any]:
        return {"subject": "Plans", "accessLevel": "SameEnterprise"}

    async def join(self, client: Client) -> str:
        body = {"onlineMeetingUri": self.meeting["onlineMeetingUri"]}
        self.accepted(await client.post(JOIN, body), 201)
        (href,) = {one.href for one in await client.events() if one.rel == "conversation"}
        return href

    async def offer(
        self,
        client: Client,
        conversation: str,
        *streams: str,
        rel: str = "addAudioVideo",
        **more: Any,
    ) -> str:
        """Offer to the mixer; the invitation."""
        body = {
            "operationId": "op",
            "sessionContext": "hers",
            "_links": {"mediaOffer": {"href": data_uri(sdp(*streams), SDP)}},
            **more,
        }
        return self.accepted(await client.post(f"{conversation}/audioVideo/{rel}", body), 201)

    async def mixed(
        self, client: Client, conversation: str, *streams: str, **more: Any
    ) -> MemoryMixerLeg:
        """A device that the mixer has let in."""
        rel = "addAudioVideo" if "video" in streams else "addAudio"
        await self.offer(client, conversation, *streams, rel=rel, **more)
        leg = self.mixer.of(uri(client.name))
        leg.answers()
        await self.service.settle()
        return leg

    async def quiet(self) -> None:
        for client in (self.alice, self.bob):
            await client.events()

    async def medium_of(
        self, client: Client, conversation: str, name: str, medium: str
    ) -> dict[str, Any]:
        participants = f"{conversation}/participants/{uri(name)}"
        return await client.document(f"{participants}/participant{medium}")

    def links(self, document: dict[str, Any]) -> set[str]:
        return set(document["_links"])

    async def sdp(self, client: Client, href: str, *streams: str) -> Any:
        return await client.post(href, body=sdp(*streams).encode(), content_type=SDP)


def briefly(told: list[Told]) -> list[tuple[str, str]]:
    """Rel and type of each event but those of presence, which follows in its own time."""
    return [(one.rel, one.type) for one in told if one.rel != "presence"]


def why_over(told: list[Told], rel: str = "audioVideo") -> tuple[str, str]:
    """Code and subcode of the reason with which a call is shown to be over, once."""
    (over,) = [one for one in told if one.rel == rel and one.resource["state"] == "Disconnected"]
    return over.event["reason"]["code"], over.event["reason"]["subcode"]


class JoinTests(MixedTestCase):
    async def test_story(self) -> None:
        """Who adds audio and video hears an early announcement, then the answer, and is seen."""
        shown = await self.alice.document(f"{self.hers}/audioVideo")
        self.assertLessEqual({"addAudio", "addVideo", "addAudioVideo"}, self.links(shown))
        invitation = await self.offer(self.alice, self.hers, *BOTH)
        self.assertEqual((await self.alice.document(invitation))["state"], "Connecting")
        self.refused(
            await self.alice.get(f"{invitation}/audioVideoNegotiation"),
            404,
            "NotFound",
            "ResourceNotFound",
        )
        leg = self.mixer.of(uri("alice"))
        self.assertEqual((leg.entry.name, leg.entry.muted), ("Alice Adams", ()))
        leg.plays(read_description(sdp(*BOTH)))
        await self.service.settle()
        leg.answers()
        await self.service.settle()
        told = await self.alice.events()
        self.assertEqual(
            briefly(told),
            [
                ("audioVideoInvitation", "started"),
                ("audioVideoNegotiation", "updated"),
                ("audioVideoNegotiation", "updated"),
                ("participantAudio", "added"),
                ("participantVideo", "added"),
                ("audioVideoSession", "added"),
                ("conversation", "updated"),
                ("audioVideo", "updated"),
                ("audioVideoInvitation", "completed"),
            ],
        )
        early, final = (one.resource for one in told if one.rel == "audioVideoNegotiation")
        self.assertIn("mediaProvisionalAnswer", early["_links"])
        self.assertIn("mediaAnswer", final["_links"])
        self.assertEqual(
            briefly(await self.bob.events()),
            [("participantAudio", "added"), ("participantVideo", "added")],
        )
        shown = await self.alice.document(self.hers)
        self.assertEqual(shown["activeModalities"], ["Audio", "Video"])
        call = await self.alice.document(f"{self.hers}/audioVideo")
        self.assertEqual((call["state"], call["videoSourcesAllowed"]), ("Connected", "Everyone"))
        session = await self.alice.document(call["_links"]["audioVideoSession"]["href"])
        self.assertEqual(session["state"], "Established")
        video = await self.medium_of(self.bob, self.his, "alice", "Video")
        self.assertEqual((video["videoDirection"], video["videoMuted"]), ("SendReceive", False))
        participant = await self.bob.document(f"{self.his}/participants/{uri('alice')}")
        self.assertLessEqual({"participantAudio", "participantVideo"}, self.links(participant))

    async def test_who_comes_later(self) -> None:
        """Who joins a meeting is told who is heard in it."""
        await self.mixed(self.alice, self.hers, "audio")
        carol = await self.service.sign_in("carol")
        self.accepted(
            await carol.post(JOIN, {"onlineMeetingUri": self.meeting["onlineMeetingUri"]}), 201
        )
        told = await carol.events()
        (audio,) = [one for one in told if one.rel == "participantAudio"]
        self.assertEqual((audio.type, audio.resource["audioDirection"]), ("added", "SendReceive"))

    async def test_refused(self) -> None:
        """A mixer that lets nobody in ends the invitation, and the call alone."""
        for happening, subcode in (
            (Happening.BUSY, "Busy"),
            (Happening.UNREACHABLE, "Unreachable"),
        ):
            await self.offer(self.bob, self.his, "audio", rel="addAudio")
            self.mixer.of(uri("bob")).refuses(happening)
            await self.service.settle()
            told = await self.bob.events()
            (ended,) = [one for one in told if one.type == "completed"]
            self.assertEqual(ended.event["reason"]["subcode"], subcode)
            self.assertEqual(why_over(told), ("RemoteFailure", subcode))
            shown = await self.bob.document(f"{self.his}/audioVideo")
            self.assertIn("addAudio", shown["_links"])
        self.assertEqual((await self.bob.document(self.his))["state"], "Conferenced")

    async def test_answer_that_fits_not(self) -> None:
        """A mixer whose answer fits no offer is hung up on."""
        await self.offer(self.bob, self.his, "audio", rel="addAudio")
        leg = self.mixer.of(uri("bob"))
        leg.answers(read_description(sdp("video")))
        await self.service.settle()
        (ended,) = [one for one in await self.bob.events() if one.type == "completed"]
        self.assertEqual(ended.event["reason"]["subcode"], "MediaNegotiationFailure")
        self.assertEqual(leg.state, "over")

    async def test_unanswered(self) -> None:
        """A mixer that says nothing is given up after the time of an invitation."""
        await self.offer(self.bob, self.his, "audio", rel="addAudio")
        self.clock.advance(31)
        await self.service.settle()
        (ended,) = [one for one in await self.bob.events() if one.type == "completed"]
        self.assertEqual(ended.event["reason"]["subcode"], "Timeout")
        self.assertEqual(self.mixer.of(uri("bob")).state, "over")

    async def test_cancelled(self) -> None:
        """Who does not want to wait for the mixer cancels."""
        invitation = await self.offer(self.bob, self.his, "audio", rel="addAudio")
        self.accepted(await self.bob.post(f"{invitation}/cancel"), 204)
        self.assertEqual(self.mixer.of(uri("bob")).state, "over")
        self.assertEqual(
            (await self.bob.document(f"{self.his}/audioVideo"))["state"], "Disconnected"
        )

    async def test_once(self) -> None:
        """A device is in a conference once."""
        await self.mixed(self.alice, self.hers, "audio")
        body = {"_links": {"mediaOffer": {"href": data_uri(sdp("audio"), SDP)}}}
        again = await self.alice.post(f"{self.hers}/audioVideo/addAudio", body)
        self.refused(again, 409, "Conflict")


class PolicyTests(MixedTestCase):
    async def test_policy(self) -> None:
        """EnableIPAudioVideo takes the links of a conference, and refuses who asks anyway."""
        policies = self.service.front_end.mobility.policies
        version = policies.find(KIND, "global").version
        await policies.change(KIND, "global", {"EnableIPAudioVideo": False}, version)
        await self.service.follow()
        (told,) = [one for one in await self.bob.events() if one.rel == "audioVideo"]
        self.assertNotIn("addAudio", told.resource["_links"])
        body = {"_links": {"mediaOffer": {"href": data_uri(sdp("audio"), SDP)}}}
        refused = await self.bob.post(f"{self.his}/audioVideo/addAudio", body)
        self.refused(refused, 403, "Forbidden")
        self.assertEqual(self.mixer.placed, [])

    async def test_no_video(self) -> None:
        """A mixer that takes no video is offered none."""
        self.mixer.abilities = Abilities()
        call = await self.bob.document(f"{self.his}/audioVideo")
        self.assertIn("addAudio", call["_links"])
        self.assertNotIn("addAudioVideo", call["_links"])
        body = {"_links": {"mediaOffer": {"href": data_uri(sdp(*BOTH), SDP)}}}
        refused = await self.bob.post(f"{self.his}/audioVideo/addAudioVideo", body)
        self.refused(refused, 409, "Conflict", "ModalityNotSupported")


class GuestTests(MixedTestCase):
    meetings = MeetingsConfig(dial_in=(DialInRegion("Redmond", "+14255550100", ("en-US",)),))

    def wanted(self) -> dict[str, Any]:
        return {"accessLevel": "Everyone", "entryExitAnnouncement": "Enabled"}

    async def test_guest(self) -> None:
        """A guest is heard as everybody else, and mutes nobody but itself."""
        await self.mixed(self.alice, self.hers, "audio")
        guest = await self.service.guest(self.meeting)
        body = {
            "onlineMeetingUri": self.meeting["onlineMeetingUri"],
            "anonymousDisplayName": "Visitor",
        }
        self.accepted(await guest.post(JOIN, body), 201)
        own = next(one.href for one in await guest.events() if one.rel == "conversation")
        await self.offer(guest, own, "audio", rel="addAudio")
        leg = self.mixer.placed[-1]
        self.assertEqual(leg.entry.name, "Visitor")
        leg.answers()
        await self.service.settle()
        told = [one for one in await self.alice.events() if one.rel == "participantAudio"]
        self.assertEqual(told[-1].type, "added")
        shown = await self.medium_of(guest, own, "alice", "Audio")
        self.assertNotIn("muteAudio", shown["_links"])
        key = leg.entry.conference_id
        self.assertEqual(
            self.mixer.announcer.said, [(key, "Alice Adams", True), (key, "Visitor", True)]
        )
        self.accepted(await guest.delete(own), 204)
        self.assertEqual(leg.state, "over")
        self.assertEqual(self.mixer.announcer.said[-1], (key, "Visitor", False))

    async def test_quiet_meeting(self) -> None:
        """Where the meeting is not so set, nobody is announced."""
        self.meeting = (await self.alice.post(MINE, {"subject": "Quiet"})).json()
        quiet = await self.join(self.alice)
        await self.mixed(self.alice, quiet, "audio")
        self.assertEqual(self.mixer.announcer.said, [])


class LobbyTests(MixedTestCase):
    async def test_lobby(self) -> None:
        """Who waits in the lobby is not mixed, and is told of nobody who is."""
        self.meeting = (await self.alice.post(MINE, {"accessLevel": "Locked"})).json()
        hers = await self.join(self.alice)
        await self.mixed(self.alice, hers, "audio")
        his = await self.join(self.bob)
        body = {"_links": {"mediaOffer": {"href": data_uri(sdp("audio"), SDP)}}}
        refused = await self.bob.post(f"{his}/audioVideo/addAudio", body)
        self.refused(refused, 409, "Conflict")
        call = await self.bob.document(f"{his}/audioVideo")
        self.assertNotIn("addAudio", call["_links"])
        path = f"{his}/participants/{uri('alice')}/participantAudio"
        self.refused(await self.bob.get(path), 404, "NotFound", "ResourceNotFound")
        admit = f"{hers}/participants/{uri('bob')}/admit"
        self.accepted(await self.alice.post(admit), 204)
        self.assertIn(("participantAudio", "added"), briefly(await self.bob.events()))
        await self.mixed(self.bob, his, "audio")


class DeviceTests(MixedTestCase):
    async def test_two_devices(self) -> None:
        """A participant is heard until all its devices are muted, and is muted on all."""
        tablet = await self.service.sign_in("bob", endpointId="tablet")
        own = await self.join(tablet)
        phone = await self.mixed(self.bob, self.his, "audio")
        other = await self.mixed(tablet, own, "audio")
        await self.quiet()
        shown = await self.medium_of(self.alice, self.hers, "bob", "Audio")
        self.accepted(await self.alice.post(shown["_links"]["muteAudio"]["href"]), 204)
        self.assertEqual((phone.muted, other.muted), (("Audio",), ("Audio",)))
        self.accepted(await tablet.post(f"{own}/audioVideo/stopAudio"), 204)
        self.assertEqual(briefly(await self.alice.events()), [("participantAudio", "updated")])
        self.assertEqual((phone.state, other.state), ("answered", "over"))


class LeaveTests(MixedTestCase):
    async def test_stop(self) -> None:
        """Who hangs up stays in the meeting and is not heard."""
        leg = await self.mixed(self.bob, self.his, *BOTH)
        await self.quiet()
        self.accepted(await self.bob.post(f"{self.his}/audioVideo/stopVideo"), 204)
        self.assertEqual((leg.state, leg.muted), ("answered", ("Video",)))
        self.assertEqual(briefly(await self.alice.events()), [("participantVideo", "deleted")])
        self.accepted(await self.bob.post(f"{self.his}/audioVideo/stopAudio"), 204)
        self.assertEqual(leg.state, "over")
        self.assertEqual(briefly(await self.alice.events()), [("participantAudio", "deleted")])
        told = await self.bob.events()
        self.assertIn(("audioVideoSession", "deleted"), briefly(told))
        self.assertEqual(why_over(told), ("Informational", "CallTerminated"))
        self.assertEqual((await self.bob.document(self.his))["state"], "Conferenced")

    async def test_why(self) -> None:
        """Whose call the mixer ends, or loses, is told so by the audioVideo of the conference; the
        others, who go on, are told no reason."""
        for happening, reason in (
            (Happening.HUNG_UP, ("Informational", "CallTerminated")),
            (Happening.UNREACHABLE, ("RemoteFailure", "Unreachable")),
        ):
            leg = await self.mixed(self.bob, self.his, "audio")
            await self.quiet()
            leg.refuses(happening)
            await self.service.settle()
            self.assertEqual(why_over(await self.bob.events()), reason)
            told = await self.alice.events()
            self.assertEqual(briefly(told), [("participantAudio", "deleted")])
            self.assertNotIn("reason", told[0].event)
        self.assertEqual((await self.bob.document(self.his))["state"], "Conferenced")

    async def test_ways_out(self) -> None:
        """Leaving, being removed and the end of the meeting end the call with the mixer."""
        carol = await self.service.sign_in("carol")
        theirs = await self.join(carol)
        hers = await self.mixed(self.alice, self.hers, "audio")
        his = await self.mixed(self.bob, self.his, "audio")
        leg = await self.mixed(carol, theirs, "audio")
        self.accepted(await carol.delete(theirs), 204)
        self.assertEqual([one.state for one in (hers, his, leg)], ["answered", "answered", "over"])
        eject = f"{self.hers}/participants/{uri('bob')}/eject"
        self.accepted(await self.alice.post(eject), 204)
        self.assertEqual([one.state for one in (hers, his)], ["answered", "over"])
        told = briefly(await self.bob.events())
        self.assertIn(("participantAudio", "deleted"), told)
        self.assertIn(("audioVideo", "updated"), told)
        self.accepted(await self.alice.delete(self.meeting["_links"]["self"]["href"]), 204)
        await self.service.settle()
        self.assertEqual(hers.state, "over")

    async def test_mixer_fails(self) -> None:
        """When the mixer ends a call the device is told, and goes on writing."""
        leg = await self.mixed(self.bob, self.his, "audio")
        await self.quiet()
        leg.ends()
        await self.service.settle()
        told = briefly(await self.bob.events())
        self.assertIn(("audioVideo", "updated"), told)
        self.assertEqual((await self.bob.document(self.his))["state"], "Conferenced")
        self.assertEqual(briefly(await self.alice.events()), [("participantAudio", "deleted")])

    async def test_restart(self) -> None:
        """Calls with the mixer end with the process; the conference goes on."""
        await self.mixed(self.bob, self.his, "audio")
        await self.quiet()
        await self.service.restart()
        await self.service.settle()
        told = briefly(await self.bob.events())
        for event in (
            ("participantAudio", "deleted"),
            ("audioVideoSession", "deleted"),
            ("audioVideo", "updated"),
        ):
            self.assertIn(event, told)
        self.assertIn(("participantAudio", "deleted"), briefly(await self.alice.events()))
        await self.mixed(self.bob, self.his, "audio")


class MuteTests(MixedTestCase):
    async def test_leaders_mute(self) -> None:
        """A leader mutes an attendee, who may unmute itself; an attendee mutes nobody else."""
        hers = await self.mixed(self.alice, self.hers, "audio")
        his = await self.mixed(self.bob, self.his, "audio")
        await self.quiet()
        shown = await self.medium_of(self.alice, self.hers, "bob", "Audio")
        self.accepted(await self.alice.post(shown["_links"]["muteAudio"]["href"]), 204)
        self.assertEqual((his.muted, hers.muted), (("Audio",), ()))
        (told,) = await self.bob.events()
        self.assertEqual((told.rel, told.resource["audioMuted"]), ("participantAudio", True))
        own = await self.medium_of(self.bob, self.his, "bob", "Audio")
        self.accepted(await self.bob.post(own["_links"]["unmuteAudio"]["href"]), 204)
        self.assertEqual(his.muted, ())
        other = await self.medium_of(self.bob, self.his, "alice", "Audio")
        self.assertNotIn("muteAudio", other["_links"])
        mute = f"{other['_links']['self']['href']}/muteAudio"
        self.refused(await self.bob.post(mute), 403, "Forbidden")

    async def test_audience(self) -> None:
        """The lock mutes attendees, who cannot unmute themselves; leaders are exempt."""
        hers = await self.mixed(self.alice, self.hers, "audio")
        his = await self.mixed(self.bob, self.his, "audio")
        self.accepted(await self.alice.post(f"{self.hers}/enableAudienceMuteLock"), 204)
        self.assertEqual((hers.muted, his.muted), ((), ("Audio",)))
        own = await self.medium_of(self.bob, self.his, "bob", "Audio")
        self.assertNotIn("unmuteAudio", own["_links"])
        unmute = f"{own['_links']['self']['href']}/unmuteAudio"
        self.refused(await self.bob.post(unmute), 403, "Forbidden", "AttendeeNotAllowed")
        carol = await self.service.sign_in("carol")
        leg = await self.mixed(carol, await self.join(carol), "audio")
        self.assertEqual(leg.entry.muted, ("Audio",))
        promote = f"{self.hers}/participants/{uri('bob')}/promote"
        self.accepted(await self.alice.post(promote), 204)
        self.accepted(await self.bob.post(unmute), 204)
        self.assertEqual(his.muted, ())
        demote = f"{self.hers}/participants/{uri('bob')}/demote"
        self.accepted(await self.alice.post(demote), 204)
        self.assertEqual(his.muted, ("Audio",))
        self.accepted(await self.alice.post(f"{self.hers}/disableAudienceMuteLock"), 204)
        self.accepted(await self.bob.post(unmute), 204)
        self.assertEqual(his.muted, ())

    async def test_sources(self) -> None:
        """The sources that the mixer tells are shown to everybody."""
        leg = await self.mixed(self.bob, self.his, *BOTH)
        leg.knows({"Audio": 4_000_000_000, "Video": 7})
        await self.service.settle()
        audio = await self.medium_of(self.alice, self.hers, "bob", "Audio")
        video = await self.medium_of(self.alice, self.hers, "bob", "Video")
        self.assertEqual((audio["audioSourceId"], video["videoSourceId"]), ("4000000000", "7"))


class VideoTests(MixedTestCase):
    async def test_locked(self) -> None:
        """A leader has everybody shown one video; the others are to freeze theirs."""
        hers = await self.mixed(self.alice, self.hers, *BOTH)
        his = await self.mixed(self.bob, self.his, *BOTH)
        await self.quiet()
        shown = await self.medium_of(self.alice, self.hers, "bob", "Video")
        lock = shown["_links"]["mobility:lockVideo"]["href"]
        self.assertNotIn(
            "mobility:lockVideo",
            (await self.medium_of(self.bob, self.his, "bob", "Video"))["_links"],
        )
        self.refused(await self.bob.post(converted(lock, self.alice, self.bob)), 403, "Forbidden")
        self.accepted(await self.alice.post(lock), 204)
        self.assertEqual((hers.muted, his.muted), (("Video",), ()))
        told = await self.alice.events()
        self.assertIn(("videoLockedOnParticipant", "added"), briefly(told))
        call = await self.alice.document(f"{self.hers}/audioVideo")
        self.assertEqual(call["videoSourcesAllowed"], "OneParticipant")
        self.assertIn("videoFreeze", call["_links"])
        locked = await self.alice.document(call["_links"]["videoLockedOnParticipant"]["href"])
        self.assertEqual(locked["uri"], uri("bob"))
        self.assertNotIn(
            "videoFreeze", (await self.bob.document(f"{self.his}/audioVideo"))["_links"]
        )
        self.accepted(await self.bob.post(f"{self.his}/audioVideo/stopVideo"), 204)
        self.assertEqual(hers.muted, ())
        self.assertIn(("videoLockedOnParticipant", "deleted"), briefly(await self.alice.events()))


class NegotiationTests(MixedTestCase):
    async def test_hold_and_resume(self) -> None:
        """A device holds and resumes by new offers, which the mixer answers."""
        leg = await self.mixed(self.bob, self.his, "audio")
        await self.quiet()
        session = f"{self.his}/audioVideo/audioVideoSession"
        held = await self.sdp(
            self.bob, f"{session}/renegotiations?operationId=hold", "audio:inactive"
        )
        href = self.accepted(held, 201)
        again = await self.sdp(self.bob, f"{session}/renegotiations?operationId=x", "audio")
        self.refused(again, 409, "Conflict", "AlreadyExists")
        leg.agrees()
        await self.service.settle()
        told = await self.bob.events()
        (done,) = [one for one in told if one.type == "completed"]
        self.assertEqual(done.event["status"], "Success")
        self.assertIn("mediaAnswer", (await self.bob.document(href))["_links"])
        shown = await self.bob.document(session)
        self.assertEqual(shown["state"], "Suspended")
        audio = await self.medium_of(self.alice, self.hers, "bob", "Audio")
        self.assertEqual(audio["audioDirection"], "Inactive")
        resume = shown["_links"]["resumeAudio"]["href"]
        self.accepted(await self.sdp(self.bob, f"{resume}?operationId=go", "audio"), 201)
        leg.agrees()
        await self.service.settle()
        self.assertEqual((await self.bob.document(session))["state"], "Established")

    async def test_mixer_refuses(self) -> None:
        """What the mixer does not take leaves everything as it was."""
        leg = await self.mixed(self.bob, self.his, "audio")
        session = f"{self.his}/audioVideo/audioVideoSession"
        await self.quiet()
        self.accepted(
            await self.sdp(self.bob, f"{session}/renegotiations?operationId=v", *BOTH), 201
        )
        leg.disagrees()
        await self.service.settle()
        (done,) = [one for one in await self.bob.events() if one.type == "completed"]
        self.assertEqual(done.event["reason"]["subcode"], "MediaNegotiationFailure")
        call = await self.bob.document(f"{self.his}/audioVideo")
        self.assertNotIn("stopVideo", call["_links"])

    async def test_mixer_offers(self) -> None:
        """What the mixer offers is answered or dismissed by the device."""
        leg = await self.mixed(self.bob, self.his, "audio")
        await self.quiet()
        leg.offers(read_description(sdp("audio", "video")))
        await self.service.settle()
        (told,) = await self.bob.events()
        self.assertEqual((told.rel, told.type), ("audioVideoRenegotiation", "started"))
        links = told.resource["_links"]
        self.accepted(await self.sdp(self.bob, links["answer"]["href"], *BOTH), 204)
        self.assertEqual(len(leg.answers_got), 1)
        call = await self.bob.document(f"{self.his}/audioVideo")
        self.assertIn("stopVideo", call["_links"])
        await self.quiet()
        leg.offers(read_description(sdp("audio", "video:-")))
        await self.service.settle()
        (told,) = await self.bob.events()
        self.accepted(await self.bob.post(told.resource["_links"]["dismiss"]["href"]), 204)
        self.assertIs(leg.answers_got[-1], None)

    async def test_expiry(self) -> None:
        """A device that does not answer the mixer stays as it is; a silent mixer is left."""
        leg = await self.mixed(self.bob, self.his, "audio")
        leg.offers(read_description(sdp("audio")))
        await self.service.settle()
        self.clock.advance(31)
        await self.service.settle()
        self.assertEqual((leg.answers_got, leg.state), ([None], "answered"))
        session = f"{self.his}/audioVideo/audioVideoSession"
        self.accepted(
            await self.sdp(self.bob, f"{session}/renegotiations?operationId=v", "audio"), 201
        )
        self.clock.advance(31)
        await self.service.settle()
        self.assertEqual(leg.state, "over")
        reason = why_over(await self.bob.events())
        self.assertEqual(reason, ("RemoteFailure", "MediaNegotiationTimeOut"))
