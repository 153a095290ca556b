"""Shared screens, and documents worked on together: what is signalled, never what they show.

UCWA has no operation that begins either, so the scripts use this server's own extension.
"""

from mobility.ucwa.documents import (
    START_COLLABORATION,
    START_SHARING,
    STOP_COLLABORATION,
    STOP_SHARING,
)
from tests.conformance.clocks import Unplayable
from tests.conformance.person import Person
from tests.conformance.scenarios.calls import connected, describe, offer
from tests.conformance.scenarios.meetings import SUBJECT, conferring
from tests.conformance.scenarios.messaging import embedded, talk
from tests.conformance.shown import Shown
from tests.conformance.stage import Scenario, Stage

MODALITIES = ("Messaging", "Audio", "Video", "ApplicationSharing", "DataCollaboration")

SHOWN, VIEWED = "applicationsharing:sendonly", "applicationsharing:recvonly"
"""The streams of who shows a screen and of who views it."""


async def begin(
    person: Person, conversation: Shown, rel: str, start: str, links: dict[str, str] | None = None
) -> Shown:
    """Begin to share; the modality as it is then."""
    shown = await person.get(await person.get(conversation), rel)
    if start not in shown.links:
        raise Unplayable(f"needs somebody who may {start}")
    source = {"operationId": "share", "applicationSharingSourceId": "7"}
    values = source if rel == "applicationSharing" else {"operationId": "share"}
    sent = await person.post(shown, start, values, links)
    return await person.fetch(sent.headers["location"], rel)


async def show(person: Person, conversation: Shown) -> Shown:
    """Share a screen; the modality as it is then."""
    links = offer(SHOWN)
    shown = await begin(person, conversation, "applicationSharing", START_SHARING, links)
    await person.hears("updated", "applicationSharing", state="Connected")
    started = await person.hears("started", "applicationSharingRenegotiation", direction="Outgoing")
    await person.get(embedded(started))
    return shown


async def offered(person: Person) -> Shown:
    """The offer of a screen that a person gets."""
    started = await person.hears("started", "applicationSharingRenegotiation", direction="Incoming")
    return await person.get(embedded(started))


async def of_person(person: Person, conversation: Shown, rel: str, part: str) -> None:
    """Follow links from each participant who takes part in what is shared."""
    for participant in (await person.get(conversation, "participants")).links["participant"]:
        found = await person.fetch(participant.href, "participant")
        if part in found.links:
            await person.get(await person.get(found, part), "participant")
    shown = await person.get(conversation, rel)
    await person.get(shown, "conversation")


async def screen(stage: Stage) -> None:
    """A screen is shown to the other party of a call, viewed, taken over and stopped."""
    alice, bob = await stage.people(2, *MODALITIES)
    hers, his = await connected(alice, bob, "call")
    hers, his = await alice.get(hers, "conversation"), await bob.get(his, "conversation")
    shown = await show(alice, hers)
    await alice.get(shown, "applicationSharer")
    failure = {"errorCode": "LocalFailure", "errorSubcode": "MediaFailure"}
    await alice.post(shown, "reportMediaDiagnostics", failure)
    await alice.hears("added", "applicationSharer", "applicationSharing")
    await alice.hears("added", "participantApplicationSharing", "localParticipant")
    await bob.hears("added", "applicationSharer", "applicationSharing")
    await bob.hears("added", "participantApplicationSharing", "participant")
    first = await offered(bob)
    await bob.get(await bob.get(first, "audioVideoSession"), "applicationSharing")
    await describe(bob, first, "answer", VIEWED)
    await bob.hears("completed", "applicationSharingRenegotiation")
    await bob.hears("added", "participantApplicationSharing", "localParticipant")
    await alice.hears("completed", "applicationSharingRenegotiation")
    await of_person(alice, hers, "applicationSharing", "participantApplicationSharing")
    await show(bob, his)
    for person in (alice, bob):
        await person.hears("updated", "applicationSharer", "applicationSharing")
    await bob.hears("updated", "participantApplicationSharing", "localParticipant")
    await alice.hears("deleted", "participantApplicationSharing", "localParticipant")
    second = await offered(alice)
    await alice.post(second, "dismiss", {"reason": "UnsupportedMedia"})
    await bob.hears("completed", "applicationSharingRenegotiation", direction="Outgoing")
    await bob.post(await bob.get(his, "applicationSharing"), STOP_SHARING)
    for person in (alice, bob):
        await person.hears("deleted", "applicationSharer", "applicationSharing")
        await person.hears("updated", "applicationSharing", state="Disconnected")
    await alice.delete(hers)


async def documents(stage: Stage) -> None:
    """Two who talk work on documents together, until both have stopped."""
    alice, bob = await stage.people(2, *MODALITIES)
    messaging = await talk(alice, bob, "talk")
    hers = await alice.get(messaging[0], "conversation")
    his = await bob.get(messaging[1], "conversation")
    rel = "dataCollaboration"
    links = {"customContent": "data:text/plain,board%207"}
    await begin(alice, hers, rel, START_COLLABORATION, links)
    await bob.hears("updated", rel, state="Connected")
    await bob.hears("added", "participantDataCollaboration", "participant")
    await begin(bob, his, rel, START_COLLABORATION)
    await bob.hears("added", "participantDataCollaboration", "localParticipant")
    await of_person(bob, his, rel, "participantDataCollaboration")
    for person, conversation in ((alice, hers), (bob, his)):
        await person.post(await person.get(conversation, rel), STOP_COLLABORATION)
        await person.hears("deleted", "participantDataCollaboration", "localParticipant")
    await alice.hears("updated", rel, state="Disconnected")
    await alice.delete(hers)


async def in_a_meeting(stage: Stage) -> None:
    """A presenter shows a screen; an attendee may not, and whoever comes late is offered it."""
    alice, bob, carol = await stage.people(3, *MODALITIES)
    meetings = await alice.get(alice.part("onlineMeetings"), "myOnlineMeetings")
    values = {"subject": SUBJECT, "automaticLeaderAssignment": "Disabled"}
    meeting = alice.read(await alice.post(meetings, "self", values))
    hers = await conferring(alice, meeting, "alice joins")
    his = await conferring(bob, meeting, "bob joins")
    attends = await bob.get(await bob.get(his), "applicationSharing")
    if START_SHARING in attends.links:
        raise Unplayable("needs meetings in which attendees may not share")
    shown = await show(alice, hers)
    await describe(bob, await offered(bob), "answer", VIEWED)
    carols = await conferring(carol, meeting, "carol joins")
    await carol.hears("added", "applicationSharer", "applicationSharing")
    await describe(carol, await offered(carol), "answer", VIEWED)
    for _ in range(2):
        await alice.hears("completed", "applicationSharingRenegotiation", direction="Outgoing")
    viewing = await carol.get(carols, "applicationSharing")
    await carol.post(viewing, STOP_SHARING)
    await alice.hears("deleted", "participantApplicationSharing", "participant")
    await alice.post(shown, STOP_SHARING)
    await bob.hears("updated", "applicationSharing", state="Disconnected")
    for person, conversation in ((carol, carols), (bob, his), (alice, hers)):
        await person.delete(conversation)
    await alice.delete(await alice.get(meeting))


SCENARIOS = (
    Scenario("sharing: a screen", screen),
    Scenario("sharing: documents", documents),
    Scenario("sharing: in a meeting", in_a_meeting),
)
