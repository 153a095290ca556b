"""Online meetings: scheduled ones, and conferences with their roster."""

from tests.conformance.clocks import Stopped
from tests.conformance.person import Person
from tests.conformance.scenarios.messaging import embedded, say, talk
from tests.conformance.shown import Shown
from tests.conformance.stage import Scenario, Stage

SUBJECT = "Conformance"

AUDIENCE = (
    "disableAudienceMessaging",
    "enableAudienceMessaging",
    "enableAudienceMuteLock",
    "disableAudienceMuteLock",
)
"""What a leader may do to all attendees, each undoing the one before."""


async def scheduled(stage: Stage) -> None:
    """A meeting is scheduled, changed, given an extension, and cancelled."""
    alice = await stage.person(0)
    bob = stage.accounts[1]
    meetings = await alice.get(alice.part("onlineMeetings"), "myOnlineMeetings")
    values = {"subject": SUBJECT, "attendees": [bob.uri], "accessLevel": "Everyone"}
    made = alice.read(await alice.post(meetings, "self", values))
    meeting = await alice.put(await alice.get(made), subject=f"{SUBJECT}, moved")
    extensions = await alice.get(meeting, "onlineMeetingExtensions")
    extension = {"id": "conformance", "type": "RoamedOrganizerData"}
    added = alice.read(await alice.post(extensions, "self", extension))
    await alice.put(await alice.get(added))
    await alice.delete(added)
    await alice.delete(meeting)
    await alice.refused(404, "GET", made)


async def join(person: Person, uri: str, operation: str) -> Shown:
    """Ask to come into a meeting; the invitation of one's own."""
    values = {"onlineMeetingUri": uri, "operationId": operation}
    sent = await person.post(person.part("communication"), "joinOnlineMeeting", values)
    started = await person.hears("started", "onlineMeetingInvitation", operationId=operation)
    await person.fetch(sent.headers["location"], "onlineMeetingInvitation")
    return embedded(started)


async def roster(stage: Stage) -> None:
    """A leader admits who waits, gives and takes the lead, and keeps attendees from writing."""
    alice, bob, carol = await stage.people(3)
    meetings = await alice.get(alice.part("onlineMeetings"), "myOnlineMeetings")
    values = {"subject": SUBJECT, "accessLevel": "Locked", "automaticLeaderAssignment": "Disabled"}
    meeting = alice.read(await alice.post(meetings, "self", values))
    uri = meeting.text("onlineMeetingUri")
    invited = await join(alice, uri, "alice joins")
    await alice.hears("completed", "onlineMeetingInvitation", operationId="alice joins")
    await alice.hears("added", "onlineMeeting")
    conversation = await alice.get(invited, "conversation")
    await alice.get(conversation, "onlineMeeting")
    await join(bob, uri, "bob joins")
    waiting = (await alice.hears("added", "participant", "lobby")).href
    await alice.get(conversation, "lobby")
    await _do(alice, waiting, "admit")
    await bob.hears("completed", "onlineMeetingInvitation", operationId="bob joins")
    await alice.hears("deleted", "participant", "lobby")
    await alice.hears("added", "participant", "attendees")
    await alice.get(conversation, "attendees")
    await _do(alice, waiting, "promote")
    await alice.hears("deleted", "participant", "attendees")
    await alice.hears("added", "participant", "leaders")
    await bob.hears("updated", "localParticipant")
    await alice.hears("updated", "participant")
    await alice.get(conversation, "leaders")
    await _do(alice, waiting, "demote")
    await alice.hears("deleted", "participant", "leaders")
    for setting in AUDIENCE:
        await alice.post(await alice.get(conversation), setting)
    await join(carol, uri, "carol joins")
    await _do(alice, (await alice.hears("added", "participant", "lobby")).href, "reject")
    await carol.hears("completed", "onlineMeetingInvitation", operationId="carol joins")
    await _do(alice, waiting, "eject")
    await alice.hears("deleted", "participant")
    await bob.hears("deleted", "conversation")
    await alice.delete(conversation)
    await alice.delete(meeting)


async def _do(person: Person, href: str, action: str) -> None:
    """An action on a participant as it is now."""
    await person.post(await person.fetch(href, "participant"), action)


async def asked_in(stage: Stage) -> None:
    """Two who talk ask a third one in; all three talk."""
    alice, bob, carol = await stage.people(3)
    hers, _ = await talk(alice, bob, "two")
    conversation = await alice.get(hers, "conversation")
    values = {"to": carol.uri, "operationId": "ask carol"}
    sent = await alice.post(conversation, "addParticipant", values)
    await alice.hears("started", "participantInvitation", operationId="ask carol")
    await alice.fetch(sent.headers["location"], "participantInvitation")
    ringing = embedded(
        await carol.hears("started", "onlineMeetingInvitation", direction="Incoming")
    )
    await carol.get(ringing)
    await alice.hears("updated", "participantInvitation", operationId="ask carol")
    await carol.post(ringing, "accept")
    await alice.hears("completed", "participantInvitation", operationId="ask carol")
    own = await carol.get(ringing, "conversation")
    await carol.post(await carol.get(own, "messaging"), "addMessaging", {"operationId": "write"})
    await carol.hears("updated", "messaging", state="Connected")
    await say(carol, await carol.get(own, "messaging"), "Hello, both of you")
    for person in (alice, bob):
        await person.hears("completed", "message", direction="Incoming")
    await carol.delete(own)
    await alice.hears("deleted", "participant")


async def made_for_the_occasion(stage: Stage) -> None:
    """A meeting is started without having been scheduled."""
    alice = await stage.person(0)
    values = {"operationId": "adhoc", "subject": SUBJECT}
    await alice.post(alice.part("communication"), "startOnlineMeeting", values)
    invited = embedded(await alice.hears("completed", "onlineMeetingInvitation"))
    await alice.delete(await alice.get(invited, "conversation"))


async def conferring(person: Person, meeting: Shown, operation: str) -> Shown:
    """Join a meeting and be in; the conversation."""
    invited = await join(person, meeting.text("onlineMeetingUri"), operation)
    await person.hears("completed", "onlineMeetingInvitation", operationId=operation)
    return await person.get(invited, "conversation")


async def assigned(stage: Stage) -> None:
    """The meeting a user always has is changed, and given up for another one."""
    alice = await stage.person(0)
    meetings = alice.part("onlineMeetings")
    meeting = await alice.get(meetings, "myAssignedOnlineMeeting")
    changed = await alice.put(meeting, subject=f"{SUBJECT}, always")
    await alice.put(changed, subject="")
    await alice.delete(changed)
    another = await alice.get(meetings, "myAssignedOnlineMeeting")
    if another.text("onlineMeetingUri") == meeting.text("onlineMeetingUri"):
        raise Stopped("the next assigned meeting has the coordinates of the one that was deleted")


async def while_it_goes_on(stage: Stage) -> None:
    """The meeting is changed while people are in it; they see how to dial in."""
    alice, bob = await stage.people(2)
    meetings = await alice.get(alice.part("onlineMeetings"), "myOnlineMeetings")
    values = {"subject": SUBJECT, "accessLevel": "SameEnterprise"}
    meeting = alice.read(await alice.post(meetings, "self", values))
    hers = await conferring(alice, meeting, "alice joins")
    his = await conferring(bob, meeting, "bob joins")
    await alice.put(await alice.get(meeting), subject=f"{SUBJECT}, changed")
    for person, conversation in ((alice, hers), (bob, his)):
        told = await person.hears("updated", "onlineMeeting")
        shown = await person.fetch(told.href, "onlineMeeting")
        await person.get(shown, "organizer")
        if "phoneDialInInformation" in shown.links:
            numbers = await person.get(shown, "phoneDialInInformation")
            for region in numbers.embedded.get("dialInRegion", ()):
                await person.get(region)
        for modality in ("applicationSharing", "dataCollaboration"):
            await person.get(await person.get(conversation), modality)
        await person.delete(conversation)
    await alice.delete(await alice.get(meeting))


async def guest(stage: Stage) -> None:
    """Somebody without an account comes into the meeting and nowhere else."""
    alice = await stage.person(0)
    meetings = await alice.get(alice.part("onlineMeetings"), "myOnlineMeetings")
    values = {"subject": SUBJECT, "accessLevel": "SameEnterprise"}
    meeting = alice.read(await alice.post(meetings, "self", values))
    hers = await conferring(alice, meeting, "alice joins")
    gil = await stage.guest(alice, meeting)
    await gil.register_as_guest()
    await gil.get(gil.part("me"))
    uri = meeting.text("onlineMeetingUri")
    communication = gil.part("communication")
    values = {"onlineMeetingUri": uri, "operationId": "gil", "anonymousDisplayName": "Gil"}
    await gil.post(communication, "joinOnlineMeeting", values)
    invited = embedded(await gil.hears("started", "onlineMeetingInvitation", operationId="gil"))
    waiting = (await alice.hears("added", "participant", "lobby")).href
    await _do(alice, waiting, "admit")
    await gil.hears("completed", "onlineMeetingInvitation", operationId="gil")
    his = await gil.get(invited, "conversation")
    for rel in ("onlineMeeting", "participants", "leaders", "attendees"):
        await gil.get(his, rel)
    other = {"onlineMeetingUri": f"{uri}0", "operationId": "other"}
    await gil.refused(403, "POST", communication, "joinOnlineMeeting", other)
    for person, conversation in ((alice, hers), (gil, his)):
        messaging = await person.get(conversation, "messaging")
        await person.post(messaging, "addMessaging", {"operationId": "write"})
        await person.hears("updated", "messaging", state="Connected")
    await say(gil, await gil.get(his, "messaging"), "Hello")
    await alice.hears("completed", "message", direction="Incoming")
    await gil.delete(await gil.get(his))
    await alice.delete(await alice.get(hers))
    await alice.delete(await alice.get(meeting))


SCENARIOS = (
    Scenario("meetings: scheduled", scheduled),
    Scenario("meetings: the roster", roster),
    Scenario("meetings: a third one is asked in", asked_in),
    Scenario("meetings: assigned", assigned),
    Scenario("meetings: changed while they go on", while_it_goes_on),
    Scenario("meetings: a guest", guest),
    Scenario("meetings: made for the occasion", made_for_the_occasion),
)
