"""Calls over IP between two people: what is signalled, never the media themselves."""

from collections.abc import Mapping

from mobility.ucwa.hrefs import data_uri
from tests.conformance.clocks import Stopped, Unplayable
from tests.conformance.exchange import Exchange
from tests.conformance.person import Person, link
from tests.conformance.scenarios.history import latest
from tests.conformance.scenarios.messaging import embedded, say, talk
from tests.conformance.shown import Shown
from tests.conformance.stage import Scenario, Stage
from tests.descriptions import sdp

MODALITIES = ("Messaging", "Audio", "Video")
MEDIA = {
    "startAudio": ("audio",),
    "startVideo": ("video",),
    "startAudioVideo": ("audio", "video"),
    "startAudioOnBehalfOfDelegator": ("audio",),
    "startAudioVideoOnBehalfOfDelegator": ("audio", "video"),
}
BOTH = MEDIA["startAudioVideo"]
HELD = ("audio:inactive", "video:inactive")

UNANSWERED_S = 51
"""By then a call is over that nobody answers, with 20 s until voicemail and 30 s for that."""


def offer(*streams: str) -> dict[str, str]:
    """The link that carries an offer."""
    return {"mediaOffer": data_uri(sdp(*streams), "application/sdp")}


async def describe(person: Person, shown: Shown, rel: str, *streams: str, **query: str) -> Exchange:
    """Follow a link of `shown` with a session description as the body."""
    href = link(shown, rel)
    if query:
        href += "?" + "&".join(f"{name}={value}" for name, value in query.items())
    sent = await person.send(
        "POST",
        href,
        rel,
        sdp(*streams).encode(),
        headers={"Content-Type": "application/sdp"},
    )
    if sent.status not in (201, 204):
        raise Stopped(f"{rel} answered {sent.status}")
    return sent


async def ring(
    caller: Person,
    callee: Person,
    operation: str,
    rel: str = "startAudioVideo",
    more: Mapping[str, str] | None = None,
) -> tuple[Shown, Shown]:
    """A call on its way: its invitation as the caller and as the callee are shown it."""
    communication = caller.part("communication")
    if rel not in communication.links:
        raise Unplayable(f"needs somebody who may {rel}")
    values = {
        "to": callee.uri,
        "operationId": operation,
        "sessionContext": "hers",
        "subject": "Lunch",
        "threadId": "",
        "importance": "Urgent",
        **(more or {}),
    }
    sent = await caller.post(communication, rel, values, offer(*MEDIA[rel]))
    await caller.fetch(sent.headers["location"], "audioVideoInvitation")
    started = await caller.hears("started", "audioVideoInvitation", operationId=operation)
    ringing = await callee.hears("started", "audioVideoInvitation", direction="Incoming")
    return embedded(started), embedded(ringing)


async def connected(
    caller: Person,
    callee: Person,
    operation: str,
    rel: str = "startAudioVideo",
    more: Mapping[str, str] | None = None,
) -> tuple[Shown, Shown]:
    """Two people in a call: the audioVideo resources of both."""
    _, ringing = await ring(caller, callee, operation, rel, more)
    query = {"sessionContext": "his", "processedOfferId": "1"}
    await describe(callee, ringing, "acceptWithAnswer", *MEDIA[rel], **query)
    await caller.hears("updated", "audioVideoNegotiation")
    completed = await caller.hears("completed", "audioVideoInvitation", operationId=operation)
    hers = await caller.get(embedded(completed), "audioVideo")
    his = await callee.hears("updated", "audioVideo", state="Connected")
    return hers, await callee.get(embedded(his))


async def conversation(stage: Stage) -> None:
    """A call with early media: both see each other's media, mute themselves and hang up."""
    alice, bob = await stage.people(2, *MODALITIES)
    started, ringing = await ring(alice, bob, "talk")
    await describe(bob, ringing, "sendProvisionalAnswer", *BOTH, sessionContext="his")
    early = await alice.hears("updated", "audioVideoNegotiation")
    await alice.get(embedded(early))
    await alice.hears("updated", "audioVideoInvitation", state="Alerting")
    await describe(bob, ringing, "acceptWithAnswer", *BOTH, sessionContext="his")
    answered = await alice.hears("updated", "audioVideoNegotiation")
    for rel in ("self", "audioVideoInvitation", "audioVideoSession"):
        await alice.get(embedded(answered), rel)
    await alice.hears("completed", "audioVideoInvitation", operationId="talk")
    for person in (alice, bob):
        await person.hears("added", "audioVideoSession", "audioVideoSessions")
        for medium in ("Audio", "Video"):
            await person.hears("added", f"participant{medium}", "localParticipant")
            await person.hears("added", f"participant{medium}", "participant")
    call = await alice.get(started, "audioVideo")
    await alice.get(call, "audioVideoPolicies")
    await alice.get(await alice.get(call, "audioVideoSession"), "audioVideo")
    await alice.fetch(f"{call.href}/sessions", "sessions")
    shown = await alice.get(call, "conversation")
    for participant in (await alice.get(shown, "participants")).links["participant"]:
        found = await alice.fetch(participant.href, "participant")
        for rel in ("participantAudio", "participantVideo"):
            await alice.get(await alice.get(found, rel), "participant")
    local = await alice.get(shown, "localParticipant")
    for medium in ("Audio", "Video"):
        for act in (f"mute{medium}", f"unmute{medium}"):
            await alice.post(await alice.get(local, f"participant{medium}"), act)
            await bob.hears("updated", f"participant{medium}", "participant")
    await alice.post(call, "stopVideo", {"reason": "UserInitiatedAction"})
    await bob.hears("deleted", "participantVideo", "participant")
    await alice.post(await alice.get(call), "stopAudio")
    await bob.hears("deleted", "participantAudio", "participant")
    await bob.hears("deleted", "audioVideoSession", "audioVideoSessions")
    await bob.hears("updated", "audioVideo", state="Disconnected")
    await bob.hears("deleted", "conversation")


async def kinds(stage: Stage) -> None:
    """Audio alone, and video alone."""
    alice, bob = await stage.people(2, *MODALITIES)
    for rel, stop in (("startAudio", "stopAudio"), ("startVideo", "stopVideo")):
        muted = {"startAudio": "joinAudioMuted", "startVideo": "joinVideoMuted"}[rel]
        hers, _ = await connected(alice, bob, rel, rel, {muted: "true"})
        await alice.post(hers, stop)
        await bob.hears("deleted", "conversation")


async def in_vain(stage: Stage) -> None:
    """Calls that are declined, taken back, and not answered."""
    alice, bob = await stage.people(2, *MODALITIES)
    for reason in ("Local", "Global", "UnsupportedMedia"):
        _, ringing = await ring(alice, bob, reason)
        await bob.post(ringing, "decline", {"reason": reason})
        await alice.hears("completed", "audioVideoInvitation", operationId=reason)
    started, _ = await ring(alice, bob, "cancelled")
    await alice.post(started, "cancel")
    await bob.hears("completed", "audioVideoInvitation")
    await ring(alice, bob, "unanswered")
    await alice.hears("updated", "audioVideoInvitation", state="Alerting")
    await stage.pass_time(UNANSWERED_S)
    await alice.hears("completed", "audioVideoInvitation", operationId="unanswered")
    _, ringing = await ring(alice, bob, "misfit")
    sent = await bob.send(
        "POST",
        link(ringing, "acceptWithAnswer"),
        "acceptWithAnswer",
        sdp("audio").encode(),
        headers={"Content-Type": "application/sdp"},
    )
    if bob.reason(sent).subcode != "InvalidMediaDescription":
        raise Stopped("an answer that does not fit is taken")


async def negotiated(stage: Stage) -> None:
    """A call is held and resumed by new offers; one is dismissed."""
    alice, bob = await stage.people(2, *MODALITIES)
    hers, _ = await connected(alice, bob, "held")
    session = await alice.get(hers, "audioVideoSession")
    sent = await describe(alice, session, "renegotiations", *HELD, operationId="hold")
    await alice.hears("started", "audioVideoRenegotiation", direction="Outgoing")
    offered = embedded(await bob.hears("started", "audioVideoRenegotiation"))
    await bob.get(offered)
    await describe(bob, offered, "answer", *HELD)
    await alice.hears("completed", "audioVideoRenegotiation", operationId="hold")
    await alice.fetch(sent.headers["location"], "audioVideoRenegotiation")
    await alice.hears("updated", "audioVideoSession", "audioVideoSessions")
    await bob.hears("updated", "participantAudio", "participant")
    session = await alice.get(session)
    await describe(alice, session, "resumeAudioVideo", *BOTH, operationId="resume")
    offered = embedded(await bob.hears("started", "audioVideoRenegotiation"))
    await describe(bob, offered, "answer", *BOTH)
    await alice.hears("completed", "audioVideoRenegotiation", operationId="resume")
    session = await alice.get(session)
    await describe(alice, session, "renegotiations", "audio", "video:-", operationId="less")
    offered = embedded(await bob.hears("started", "audioVideoRenegotiation"))
    await bob.post(offered, "dismiss", {"reason": "UnsupportedMedia"})
    await alice.hears("completed", "audioVideoRenegotiation", operationId="less")
    await alice.post(hers, "stopAudioVideo")


async def audio_held(stage: Stage) -> None:
    """An audio call is held and resumed."""
    alice, bob = await stage.people(2, *MODALITIES)
    hers, his = await connected(alice, bob, "audio held", "startAudio")
    session = await bob.get(his, "audioVideoSession")
    for rel, stream in (("renegotiations", "audio:sendonly"), ("resumeAudio", "audio")):
        await describe(bob, session, rel, stream, operationId=rel)
        offered = embedded(await alice.hears("started", "audioVideoRenegotiation"))
        answer = "audio:recvonly" if stream != "audio" else "audio"
        await describe(alice, offered, "answer", answer)
        await bob.hears("completed", "audioVideoRenegotiation", operationId=rel)
        session = await bob.get(session)
    await alice.post(hers, "stopAudioVideo")


async def added(stage: Stage) -> None:
    """Two who write call one another, in each way, and go on writing."""
    alice, bob = await stage.people(2, *MODALITIES)
    hers, _ = await talk(alice, bob, "added")
    shown = await alice.get(hers, "conversation")
    for rel, streams in (
        ("addAudio", ("audio",)),
        ("addVideo", ("video",)),
        ("addAudioVideo", BOTH),
    ):
        call = await alice.get(shown, "audioVideo")
        values = {"to": bob.uri, "operationId": rel, "sessionContext": "hers"}
        sent = await alice.post(call, rel, values, offer(*streams))
        await alice.fetch(sent.headers["location"], "audioVideoInvitation")
        ringing = await bob.hears("started", "audioVideoInvitation", direction="Incoming")
        await describe(bob, embedded(ringing), "acceptWithAnswer", *streams, sessionContext="his")
        await alice.hears("completed", "audioVideoInvitation", operationId=rel)
        await alice.post(await alice.get(call), "stopAudioVideo")
        await bob.hears("updated", "audioVideo", state="Disconnected")
    await alice.post(hers, "stopMessaging")
    await bob.hears("deleted", "conversation")


async def written(stage: Stage) -> None:
    """Two who are in a call write, hang up, and go on writing."""
    alice, bob = await stage.people(2, *MODALITIES)
    hers, _ = await connected(alice, bob, "written")
    messaging = await alice.get(await alice.get(hers, "conversation"), "messaging")
    await alice.post(messaging, "addMessaging", {"operationId": "also"})
    await alice.hears("completed", "messagingInvitation", operationId="also")
    await bob.hears("updated", "messaging", state="Connected")
    await alice.post(hers, "stopAudioVideo")
    await say(alice, await alice.get(messaging), "Still here")
    await bob.hears("completed", "message", direction="Incoming")
    await alice.post(await alice.get(messaging), "stopMessaging")


async def again(stage: Stage) -> None:
    """A past call is taken up again, in each way."""
    alice, bob = await stage.people(2, *MODALITIES)
    hers, _ = await connected(alice, bob, "first", "startAudio")
    await alice.post(hers, "stopAudio")
    await bob.hears("deleted", "conversation")
    page = await alice.get(await latest(alice), "conversationLogTranscripts")
    for transcript in page.embedded["conversationLogTranscript"]:
        for content in transcript.embedded.get("audioTranscript", ()):
            await alice.get(content)
    for rel, streams in (
        ("continueAudio", ("audio",)),
        ("continueVideo", ("video",)),
        ("continueAudioVideo", BOTH),
    ):
        log = await latest(alice)
        values = {"operationId": rel, "sessionContext": "hers"}
        sent = await alice.post(log, rel, values, offer(*streams))
        await alice.fetch(sent.headers["location"], "audioVideoInvitation")
        started = await alice.hears("started", "audioVideoInvitation", operationId=rel)
        await alice.post(embedded(started), "cancel")
        await bob.hears("completed", "audioVideoInvitation")


async def on_behalf(stage: Stage) -> None:
    """A delegate calls for its delegator."""
    carol, bob = await stage.person(2, *MODALITIES), await stage.person(1, *MODALITIES)
    delegator = {"delegator": stage.accounts[0].uri}
    for rel in ("startAudioOnBehalfOfDelegator", "startAudioVideoOnBehalfOfDelegator"):
        started, ringing = await ring(carol, bob, rel, rel, delegator)
        await carol.get(started, "delegator")
        await bob.get(ringing, "onBehalfOf")
        await carol.post(started, "cancel")
        await bob.hears("completed", "audioVideoInvitation")


async def sent_on(stage: Stage) -> None:
    """A call that the callee sends on is answered by a delegate: it is derived."""
    alice = await stage.person(0)
    bob, carol = await stage.person(1, *MODALITIES), await stage.person(2, *MODALITIES)
    root = await alice.get(alice.part("me"), "callForwardingSettings")
    immediate = root.embedded.get("immediateForwardSettings", [])
    if not immediate or "immediateForwardToDelegates" not in immediate[0].links:
        raise Unplayable("needs a user with a delegate")
    await alice.post(immediate[0], "immediateForwardToDelegates")
    values = {"to": alice.uri, "operationId": "sent on", "sessionContext": "hers"}
    await bob.post(bob.part("communication"), "startAudio", values, offer("audio"))
    ringing = embedded(await carol.hears("started", "audioVideoInvitation", direction="Incoming"))
    await carol.get(ringing, "forwardedBy")
    await describe(carol, ringing, "acceptWithAnswer", "audio", sessionContext="his")
    completed = await bob.hears("completed", "audioVideoInvitation", operationId="sent on")
    await bob.get(embedded(completed), "derivedConversation")
    await bob.post(await bob.get(embedded(completed), "derivedAudioVideo"), "stopAudio")
    await carol.hears("deleted", "conversation")
    await alice.post(await alice.get(root), "turnOffCallForwarding")


async def reported(stage: Stage) -> None:
    """Clients say how good a call was, and why its media failed."""
    alice, bob = await stage.people(2, *MODALITIES)
    hers, _ = await connected(alice, bob, "reported")
    session = await alice.get(hers, "audioVideoSession")
    quality = {"mediaEndpoint": "phone", "mediaQualityOfExperience": "<VQReportEvent />"}
    await alice.post(session, "publishCallQualityFeedback", quality)
    failure = {"errorCode": "LocalFailure", "errorSubcode": "MediaFailure"}
    await alice.post(hers, "reportMediaDiagnostics", failure)
    shown = await alice.get(hers, "conversation")
    await alice.write("POST", f"{shown.href}/mediaDiagnostics", "mediaDiagnostics", {"a": "b"})
    await alice.post(hers, "stopAudioVideo")


async def relays(stage: Stage) -> None:
    """Where media relays are, and the credentials for them."""
    alice = await stage.person(0)
    communication = alice.part("communication")
    if "mediaRelayAccessToken" not in communication.links:
        raise Unplayable("needs a media relay")
    token = await alice.get(communication, "mediaRelayAccessToken")
    for relay in token.embedded["mediaRelay"]:
        await alice.get(relay)


async def transferred(stage: Stage) -> None:
    """Carol's phone sends Alice on to Bob, who is told who did."""
    alice, bob = await stage.people(2, *MODALITIES)
    phone = await stage.phone(2)
    values = {"to": stage.accounts[2].uri, "operationId": "transferred"}
    await alice.post(alice.part("communication"), "startAudio", values, offer("audio"))
    invite = await phone.hears("INVITE")
    phone.answer(invite, 200, "OK", sdp("audio"))
    await phone.hears("ACK")
    await alice.hears("completed", "audioVideoInvitation", operationId="transferred")
    phone.refer(invite, bob.uri)
    ringing = await bob.hears("started", "audioVideoInvitation", direction="Incoming")
    await bob.get(embedded(ringing), "transferredBy")
    await describe(bob, embedded(ringing), "acceptWithAnswer", "audio")
    await bob.hears("completed", "audioVideoInvitation", state="Connected")


SCENARIOS = (
    Scenario("calls: a call", conversation),
    Scenario("calls: audio alone and video alone", kinds),
    Scenario("calls: in vain", in_vain),
    Scenario("calls: held and resumed", negotiated),
    Scenario("calls: audio held and resumed", audio_held),
    Scenario("calls: added to a conversation", added),
    Scenario("calls: written to", written),
    Scenario("calls: taken up again", again),
    Scenario("calls: for a delegator", on_behalf),
    Scenario("calls: sent on", sent_on),
    Scenario("calls: transferred", transferred, ours_only=True),
    Scenario("calls: reported on", reported),
    Scenario("calls: media relays", relays),
)
