"""Audio and video in conferences; what mixes them is in the front end's memory."""

from tests.conformance.clocks import Stopped, Unplayable
from tests.conformance.person import Person
from tests.conformance.scenarios.calls import BOTH, MODALITIES, connected, describe, offer
from tests.conformance.scenarios.meetings import SUBJECT, conferring
from tests.conformance.scenarios.messaging import embedded
from tests.conformance.shown import Shown
from tests.conformance.stage import Scenario, Stage

STREAMS = {"addAudio": ("audio",), "addVideo": ("video",), "addAudioVideo": BOTH}


async def meeting_of(alice: Person, *others: Person) -> tuple[Shown, ...]:
    """A meeting of Alice's in which the others are attendees: everybody's conversation."""
    meetings = await alice.get(alice.part("onlineMeetings"), "myOnlineMeetings")
    values = {"subject": SUBJECT, "entryExitAnnouncement": "Enabled"}
    meeting = alice.read(await alice.post(meetings, "self", values))
    shown = [await conferring(one, meeting, "join") for one in (alice, *others)]
    if "audioVideo" not in shown[0].links:
        raise Unplayable("needs a mixer")
    return tuple(shown)


async def mixed(person: Person, conversation: Shown, rel: str, operation: str = "mixed") -> Shown:
    """A device comes into the audio and video; its audioVideo then."""
    call = await person.get(conversation, "audioVideo")
    values = {"to": person.uri, "operationId": operation, "sessionContext": "hers"}
    sent = await person.post(call, rel, values, offer(*STREAMS[rel]))
    await person.fetch(sent.headers["location"], "audioVideoInvitation")
    await person.hears("started", "audioVideoInvitation", operationId=operation)
    answered = await person.hears("updated", "audioVideoNegotiation")
    await person.get(embedded(answered))
    await person.hears("completed", "audioVideoInvitation", operationId=operation)
    await person.hears("added", "audioVideoSession", "audioVideoSessions")
    return await person.get(call)


async def medium_of(person: Person, conversation: Shown, uri: str, medium: str) -> Shown:
    """The audio or video of a participant as it is now."""
    for one in (await person.get(conversation, "participants")).links["participant"]:
        found = await person.fetch(one.href, "participant")
        if found.text("uri") == uri:
            return await person.get(found, f"participant{medium}")
    raise Stopped(f"there is no participant {uri}")


async def heard(stage: Stage) -> None:
    """Two come in, are heard and seen, hold, add video, and leave in each way."""
    alice, bob = await stage.people(2, *MODALITIES)
    hers, his = await meeting_of(alice, bob)
    call = await mixed(alice, hers, "addAudioVideo")
    for medium in ("Audio", "Video"):
        await alice.hears("added", f"participant{medium}", "localParticipant")
        await bob.hears("added", f"participant{medium}", "participant")
        await bob.hears("updated", f"participant{medium}", "participant")
        await bob.get(await medium_of(bob, his, alice.uri, medium), "participant")
    await mixed(bob, his, "addAudio")
    await alice.hears("added", "participantAudio", "participant")
    session = await alice.get(call, "audioVideoSession")
    held = ("audio:inactive", "video:inactive")
    sent = await describe(alice, session, "renegotiations", *held, operationId="hold")
    await alice.hears("started", "audioVideoRenegotiation", direction="Outgoing")
    await alice.hears("completed", "audioVideoRenegotiation", operationId="hold")
    await alice.fetch(sent.headers["location"], "audioVideoRenegotiation")
    await alice.hears("updated", "audioVideoSession", "audioVideoSessions")
    await describe(alice, await alice.get(session), "resumeAudioVideo", *BOTH, operationId="resume")
    await alice.hears("completed", "audioVideoRenegotiation", operationId="resume")
    await alice.post(await alice.get(call), "stopVideo")
    await bob.hears("deleted", "participantVideo", "participant")
    quality = {"mediaEndpoint": "phone", "mediaQualityOfExperience": "<VQReportEvent />"}
    await alice.post(await alice.get(session), "publishCallQualityFeedback", quality)
    await alice.post(await alice.get(call), "stopAudio")
    await bob.hears("deleted", "participantAudio", "participant")
    await alice.hears("deleted", "audioVideoSession", "audioVideoSessions")
    await alice.hears("updated", "audioVideo", state="Disconnected")
    await mixed(alice, hers, "addVideo", "again")
    await alice.post(await alice.get(call), "stopAudioVideo")
    await bob.delete(his)
    await alice.hears("deleted", "participantAudio", "participant")
    await alice.delete(hers)


async def muted(stage: Stage) -> None:
    """A leader mutes one and everybody, and chooses whose video is shown."""
    alice, bob = await stage.people(2, *MODALITIES)
    hers, his = await meeting_of(alice, bob)
    await mixed(alice, hers, "addAudioVideo")
    call = await mixed(bob, his, "addAudioVideo")
    for medium in ("Audio", "Video"):
        await alice.post(await medium_of(alice, hers, bob.uri, medium), f"mute{medium}")
        await bob.hears("updated", f"participant{medium}", "localParticipant")
        await bob.post(await medium_of(bob, his, bob.uri, medium), f"unmute{medium}")
        await alice.hears("updated", f"participant{medium}", "participant")
    await alice.post(await alice.get(hers), "enableAudienceMuteLock")
    own = await medium_of(bob, his, bob.uri, "Audio")
    if "unmuteAudio" in own.links:
        raise Stopped("somebody of a muted audience may unmute")
    await alice.post(await medium_of(alice, hers, bob.uri, "Audio"), "unmuteAudio")
    await alice.post(await alice.get(hers), "disableAudienceMuteLock")
    await alice.post(await medium_of(alice, hers, alice.uri, "Video"), "mobility:lockVideo")
    await bob.hears("added", "videoLockedOnParticipant", "audioVideo")
    frozen = await bob.get(call)
    if "videoFreeze" not in frozen.links:
        raise Stopped("nobody is shown the video, and no link says so")
    await bob.get(frozen, "videoLockedOnParticipant")
    await alice.post(await medium_of(alice, hers, alice.uri, "Video"), "mobility:unlockVideo")
    await bob.hears("deleted", "videoLockedOnParticipant", "audioVideo")
    await bob.delete(his)
    await alice.delete(hers)


async def audio_goes_over(stage: Stage) -> None:
    """A call with audio goes over to a conference."""
    await _escalated(stage, "startAudio", "escalateAudio", ("audio",))


async def video_goes_over(stage: Stage) -> None:
    """A call with audio and video goes over to a conference."""
    await _escalated(stage, "startAudioVideo", "escalateAudioVideo", BOTH)


async def _escalated(stage: Stage, start: str, rel: str, streams: tuple[str, ...]) -> None:
    """Each device goes over by itself."""
    alice, bob = await stage.people(2, *MODALITIES)
    hers, his = await connected(alice, bob, start, start)
    if rel not in hers.links:
        raise Unplayable("needs a mixer")
    query = {"operationId": rel, "sessionContext": "hers"}
    sent = await describe(alice, hers, rel, *streams, **query)
    await alice.fetch(sent.headers["location"], "audioVideoInvitation")
    await alice.hears("completed", "audioVideoInvitation", operationId=rel)
    await bob.hears("updated", "conversation", state="Conferenced")
    await describe(bob, await bob.get(his), rel, *streams, **query)
    await bob.hears("completed", "audioVideoInvitation", operationId=rel)
    for person, call in ((alice, hers), (bob, his)):
        shown = await person.get(call)
        if shown.text("state") != "Connected" or rel in shown.links:
            raise Stopped("the call has not gone over")
        await person.delete(await person.get(shown, "conversation"))


async def asked_in(stage: Stage) -> None:
    """Two who call one another ask a third one in."""
    alice, bob, carol = await stage.people(3, *MODALITIES)
    hers, his = await connected(alice, bob, "two", "startAudio")
    conversation = await alice.get(hers, "conversation")
    if "addParticipant" not in conversation.links:
        raise Unplayable("needs a mixer")
    values = {"to": carol.uri, "operationId": "third"}
    await alice.post(conversation, "addParticipant", values)
    ringing = embedded(
        await carol.hears("started", "onlineMeetingInvitation", direction="Incoming")
    )
    await carol.post(ringing, "accept")
    await alice.hears("completed", "participantInvitation", operationId="third")
    theirs = await carol.get(ringing, "conversation")
    await mixed(carol, theirs, "addAudio")
    for person, call in ((alice, hers), (bob, his)):
        shown = await person.get(call)
        await describe(
            person, shown, "escalateAudio", "audio", operationId="over", sessionContext="s"
        )
        await person.hears("completed", "audioVideoInvitation", operationId="over")
    for person, shown in ((carol, theirs), (bob, await bob.get(his, "conversation"))):
        await person.delete(shown)
    await alice.hears("deleted", "participantAudio", "participant")
    await alice.delete(conversation)


SCENARIOS = (
    Scenario("conference media: heard and seen", heard),
    Scenario("conference media: muted and locked", muted),
    Scenario("conference media: audio goes over", audio_goes_over),
    Scenario("conference media: video goes over", video_goes_over),
    Scenario("conference media: asked in", asked_in),
)
