"""Call via work: calls with the telephones of the people themselves."""

from mobility.ucwa.hrefs import data_uri
from tests.conformance.clocks import Stopped, Unplayable
from tests.conformance.person import Person
from tests.conformance.scenarios.calls import describe
from tests.conformance.scenarios.history import latest
from tests.conformance.scenarios.messaging import embedded, talk
from tests.conformance.shown import Shown
from tests.conformance.stage import Scenario, Stage
from tests.conformance.telephones import ANSWERS, BUSY, HANGS_UP, OFFERS, OUTSIDE, RINGS
from tests.descriptions import sdp

START = "startPhoneAudio"
OFFER = data_uri(sdp("audio"), "application/sdp")
EMERGENCY = "tel:911"
ON_BEHALF = "startPhoneAudioOnBehalfOfDelegator"


async def caller(stage: Stage, number: int = 0) -> Person:
    """Somebody who may call with a telephone."""
    person = await stage.person(number, "Messaging", "PhoneAudio")
    if START not in person.part("communication").links:
        raise Unplayable("needs a telephone network")
    return person


async def callee(stage: Stage, number: str, person: int = 1) -> Person:
    """Somebody who takes calls with a telephone."""
    bob = await stage.person(person, available=False)
    values = {
        "supportedModalities": ["Messaging", "PhoneAudio"],
        "audioPreference": "PhoneAudio",
        "phoneNumber": number,
    }
    await bob.post(bob.part("me"), "makeMeAvailable", values)
    await bob.refresh()
    return bob


async def call(person: Person, operation: str, to: str, phone: str = ANSWERS) -> Shown:
    """A call that has begun: its invitation as it is told of."""
    values = {"to": to, "phoneNumber": phone, "operationId": operation, "subject": "Lunch"}
    sent = await person.post(person.part("communication"), START, values)
    await person.fetch(sent.headers["location"], "phoneAudioInvitation")
    started = await person.hears("started", "phoneAudioInvitation", operationId=operation)
    return embedded(started)


async def talking(person: Person, operation: str, to: str = OUTSIDE) -> Shown:
    """The telephone audio of a call that is connected."""
    invitation = await call(person, operation, to)
    await person.hears("updated", "phoneAudio", state="Connected")
    await person.hears("completed", "phoneAudioInvitation", operationId=operation)
    return await person.get(invitation, "phoneAudio")


async def held(stage: Stage) -> None:
    """Alice's telephone rings, then the one she calls; the call is held, resumed and stopped."""
    alice = await caller(stage)
    audio = await talking(alice, "held")
    conversation = await alice.get(audio, "conversation")
    for participant in (await alice.get(conversation, "participants")).links["participant"]:
        await alice.fetch(participant.href, "participant")
    for act in ("holdPhoneAudio", "resumePhoneAudio"):
        await alice.post(audio, act)
        await alice.hears("updated", "phoneAudio", state="Connected")
        audio = await alice.get(audio)
    await alice.post(await alice.get(audio), "stopPhoneAudio")
    await alice.hears("deleted", "conversation")


async def in_vain(stage: Stage) -> None:
    """A number is busy, one rings and is given up, one hangs up, and one is none."""
    alice = await caller(stage)
    await call(alice, "busy", BUSY)
    await alice.hears("updated", "phoneAudio", state="Disconnected")
    await alice.hears("completed", "phoneAudioInvitation", operationId="busy")
    ringing = await call(alice, "rings", RINGS)
    await alice.hears("updated", "phoneAudioInvitation", state="Alerting")
    await alice.post(ringing, "cancel")
    await alice.hears("completed", "phoneAudioInvitation", operationId="rings")
    await talking(alice, "hangs up", HANGS_UP)
    await alice.hears("updated", "phoneAudio", state="Disconnected")
    communication = alice.part("communication")
    for values in ({"to": "nobody"}, {"to": OUTSIDE, "phoneNumber": "none"}):
        reason = await alice.refused(400, "POST", communication, START, values)
        if reason.subcode != "NormalizationFailed":
            raise Stopped(f"{values} is refused with {reason.subcode}")


async def declined(stage: Stage) -> None:
    """A colleague's telephone rings; the application can only decline."""
    alice, bob = await caller(stage), await callee(stage, RINGS)
    await call(alice, "declined", bob.uri)
    started = await bob.hears("started", "phoneAudioInvitation", direction="Incoming")
    invitation = await bob.get(embedded(started))
    if "accept" in invitation.links:
        raise Stopped("a telephone call can be accepted without the telephone")
    await bob.post(invitation, "decline", {"reason": "Local"})
    await bob.hears("completed", "phoneAudioInvitation")
    await alice.hears("completed", "phoneAudioInvitation", operationId="declined")


async def answered(stage: Stage) -> None:
    """A colleague answers on the telephone, and hangs up with the application."""
    alice, bob = await caller(stage), await callee(stage, ANSWERS)
    await talking(alice, "answered", bob.uri)
    await bob.hears("completed", "phoneAudioInvitation", direction="Incoming")
    audio = embedded(await bob.hears("updated", "phoneAudio", state="Connected"))
    await bob.post(audio, "stopPhoneAudio")
    await alice.hears("deleted", "conversation")


async def added(stage: Stage) -> None:
    """A call is added to a conversation, which goes on without it."""
    alice, bob = await caller(stage), await callee(stage, ANSWERS)
    hers, _ = await talk(alice, bob, "added")
    conversation = await alice.get(hers, "conversation")
    audio = await alice.get(conversation, "phoneAudio")
    values = {"to": bob.uri, "phoneNumber": ANSWERS, "operationId": "added-2"}
    await alice.post(audio, "addPhoneAudio", values)
    await alice.hears("completed", "phoneAudioInvitation", operationId="added-2")
    await alice.refused(400, "POST", audio, "addPhoneAudio", {"to": bob.uri, "phoneNumber": "none"})
    await alice.post(await alice.get(audio), "stopPhoneAudio")
    await bob.hears("updated", "phoneAudio", state="Disconnected")
    await alice.post(hers, "stopMessaging")


async def continued(stage: Stage) -> None:
    """A past conversation is taken up again with telephones."""
    alice, bob = await caller(stage), await callee(stage, ANSWERS)
    hers, _ = await talk(alice, bob, "past")
    await alice.post(hers, "stopMessaging")
    await alice.hears("updated", "missedItems")
    log = await latest(alice)
    values = {"operationId": "continued", "phoneNumber": ANSWERS}
    await alice.post(log, "continuePhoneAudio", values)
    completed = await alice.hears("completed", "phoneAudioInvitation", operationId="continued")
    await alice.post(await alice.get(embedded(completed), "phoneAudio"), "stopPhoneAudio")
    await bob.hears("deleted", "conversation")


async def on_behalf(stage: Stage) -> None:
    """A delegate calls for its delegator."""
    carol = await caller(stage, 2)
    communication = carol.part("communication")
    if ON_BEHALF not in communication.links:
        raise Unplayable("needs a user who is a delegate")
    values = {
        "to": OUTSIDE,
        "phoneNumber": ANSWERS,
        "operationId": "on behalf",
        "delegator": stage.accounts[0].uri,
    }
    await carol.post(communication, ON_BEHALF, values)
    completed = await carol.hears("completed", "phoneAudioInvitation", operationId="on behalf")
    await carol.get(embedded(completed), "delegator")
    await carol.post(await carol.get(embedded(completed), "phoneAudio"), "stopPhoneAudio")


async def sent_on(stage: Stage) -> None:
    """A call that the callee sends on is answered by a delegate's telephone: it is derived."""
    bob, alice = await caller(stage, 1), await stage.person(0)
    carol = await callee(stage, ANSWERS, 2)
    root = await alice.get(alice.part("me"), "callForwardingSettings")
    immediate = root.embedded.get("immediateForwardSettings", [])
    if not immediate or "immediateForwardToDelegates" not in immediate[0].links:
        raise Unplayable("needs a user with a delegate")
    await alice.post(immediate[0], "immediateForwardToDelegates")
    await call(bob, "sent on", alice.uri)
    completed = await bob.hears("completed", "phoneAudioInvitation", operationId="sent on")
    await bob.get(embedded(completed), "derivedConversation")
    audio = await bob.get(embedded(completed), "derivedPhoneAudio")
    await bob.post(audio, "stopPhoneAudio")
    await carol.hears("deleted", "conversation")
    await alice.post(await alice.get(root), "turnOffCallForwarding")


async def over_ip(stage: Stage) -> None:
    """A call over IP is answered with the telephone; an emergency call is placed over IP."""
    alice = await stage.person(0, "Messaging", "Audio")
    bob = await stage.person(1, available=False)
    if START not in alice.part("communication").links:
        raise Unplayable("needs a telephone network")
    values = {"supportedModalities": ["Messaging", "Audio"], "phoneNumber": ANSWERS}
    await bob.post(bob.part("me"), "makeMeAvailable", values)
    await bob.refresh()
    communication, offer = alice.part("communication"), {"mediaOffer": OFFER}
    values = {"to": bob.uri, "operationId": "over ip"}
    await alice.post(communication, "startAudio", values, offer)
    started = await bob.hears("started", "audioVideoInvitation", direction="Incoming")
    await bob.post(embedded(started), "acceptWithPhoneAudio")
    await bob.hears("completed", "audioVideoInvitation")
    audio = embedded(await bob.hears("updated", "phoneAudio", state="Connected"))
    await alice.hears("completed", "audioVideoInvitation", operationId="over ip")
    await bob.post(audio, "stopPhoneAudio")
    await alice.hears("deleted", "conversation")
    values = {"to": EMERGENCY, "operationId": "help", "city": "Redmond", "country": "US"}
    await alice.post(communication, "startEmergencyCall", values, offer)
    await alice.hears("completed", "audioVideoInvitation", operationId="help")


REPLACES = "replaceWithPhoneAudio"


async def replaced(stage: Stage) -> None:
    """A call over IP goes on with the telephone of who is in it, once the other one agrees."""
    alice = await stage.person(0, "Messaging", "Audio", "PhoneAudio")
    bob = await stage.person(1, "Messaging", "Audio")
    if START not in alice.part("communication").links:
        raise Unplayable("needs a telephone network")
    values, offer = {"to": bob.uri, "operationId": "over ip"}, {"mediaOffer": OFFER}
    await alice.post(alice.part("communication"), "startAudio", values, offer)
    started = await bob.hears("started", "audioVideoInvitation", direction="Incoming")
    await describe(bob, embedded(started), "acceptWithAnswer", "audio", sessionContext="his")
    completed = await alice.hears("completed", "audioVideoInvitation", operationId="over ip")
    audio = await alice.get(embedded(completed), "audioVideo")
    wrong = {"to": bob.uri, "phoneNumber": "none"}
    await alice.refused(400, "POST", audio, REPLACES, wrong)
    values = {"to": bob.uri, "phoneNumber": OFFERS, "operationId": "dismissed"}
    sent = await alice.post(audio, REPLACES, values)
    await alice.fetch(sent.headers["location"], "phoneAudioInvitation")
    asked = embedded(await bob.hears("started", "audioVideoRenegotiation", direction="Incoming"))
    await bob.post(asked, "dismiss", {"reason": "UnsupportedMedia"})
    await bob.hears("completed", "audioVideoRenegotiation")
    await alice.hears("completed", "phoneAudioInvitation", operationId="dismissed")
    await alice.post(await alice.get(audio), REPLACES, {**values, "operationId": "taken"})
    asked = embedded(await bob.hears("started", "audioVideoRenegotiation", direction="Incoming"))
    await describe(bob, asked, "answer", "audio")
    await alice.hears("updated", "phoneAudio", state="Connected")
    completed = await alice.hears("completed", "phoneAudioInvitation", operationId="taken")
    await alice.post(await alice.get(embedded(completed), "phoneAudio"), "stopPhoneAudio")
    await bob.hears("deleted", "conversation")


async def in_meeting(stage: Stage) -> None:
    """A meeting calls the telephone of who has joined it: it is mixed, held and resumed, hung up,
    called again and given up, and leaves with the application."""
    alice = await stage.person(0)
    operation = {"operationId": "by phone", "subject": "Plans"}
    await alice.post(alice.part("communication"), "startOnlineMeeting", operation)
    joined = embedded(await alice.hears("completed", "onlineMeetingInvitation"))
    conversation = await alice.get(joined, "conversation")
    if "phoneAudio" not in conversation.links:
        raise Unplayable("needs a telephone network and a mixer")
    uri = (await alice.get(conversation, "onlineMeeting")).text("onlineMeetingUri")
    audio = await alice.get(conversation, "phoneAudio")
    values = {"to": uri, "phoneNumber": OFFERS, "operationId": "in a meeting"}
    sent = await alice.post(audio, "addPhoneAudio", values)
    await alice.fetch(sent.headers["location"], "phoneAudioInvitation")
    await alice.hears("started", "phoneAudioInvitation", operationId="in a meeting")
    await alice.hears("updated", "phoneAudio", state="Connected")
    await alice.hears("completed", "phoneAudioInvitation", operationId="in a meeting")
    for act in ("holdPhoneAudio", "resumePhoneAudio"):
        await alice.post(await alice.get(audio), act)
        await alice.hears("updated", "phoneAudio", state="Connected")
    await alice.post(await alice.get(audio), "stopPhoneAudio")
    await alice.hears("updated", "phoneAudio", state="Disconnected")
    wrong = {"to": uri, "phoneNumber": "none"}
    await alice.refused(400, "POST", await alice.get(audio), "addPhoneAudio", wrong)
    values = {"to": uri, "phoneNumber": RINGS, "operationId": "given up"}
    await alice.post(await alice.get(audio), "addPhoneAudio", values)
    ringing = embedded(await alice.hears("started", "phoneAudioInvitation", operationId="given up"))
    await alice.post(ringing, "cancel")
    await alice.hears("completed", "phoneAudioInvitation", operationId="given up")
    await alice.delete(await alice.get(conversation))


SCENARIOS = (
    Scenario("phone audio: in place of audio", replaced),
    Scenario("phone audio: in a meeting", in_meeting),
    Scenario("phone audio: held and resumed", held),
    Scenario("phone audio: in vain", in_vain),
    Scenario("phone audio: declined", declined),
    Scenario("phone audio: answered", answered),
    Scenario("phone audio: added to a conversation", added),
    Scenario("phone audio: sent on", sent_on),
    Scenario("phone audio: and calls over IP", over_ip),
    Scenario("phone audio: continued", continued),
    Scenario("phone audio: on behalf of a delegator", on_behalf),
)
