"""Instant messages, both directions."""

from tests.conformance.clocks import Stopped
from tests.conformance.person import Person
from tests.conformance.shown import Shown, Told
from tests.conformance.stage import Scenario, Stage

HELLO = "data:text/plain;charset=utf-8,Hello%20there"


def embedded(event: Told) -> Shown:
    """What an event shows of its own rel."""
    if event.rel not in event.shown:
        raise Stopped(f"{event.rel} {event.type} embeds nothing")
    return event.shown[event.rel]


async def invite(caller: Person, callee: Person, operation: str) -> tuple[Shown, Shown]:
    """An invitation on its way: as the caller and as the callee are shown it."""
    values = {"to": callee.uri, "operationId": operation, "subject": "Lunch"}
    links = {"message": HELLO}
    sent = await caller.post(caller.part("communication"), "startMessaging", values, links)
    await caller.fetch(sent.headers["location"], "messagingInvitation")
    started = await caller.hears("started", "messagingInvitation", operationId=operation)
    ringing = await callee.hears("started", "messagingInvitation", direction="Incoming")
    return embedded(started), embedded(ringing)


async def talk(caller: Person, callee: Person, operation: str) -> tuple[Shown, Shown]:
    """Two people in a conversation: the messaging resources of both."""
    _, ringing = await invite(caller, callee, operation)
    await callee.post(ringing, "accept")
    await caller.hears("completed", "messagingInvitation", operationId=operation)
    sides = []
    for person in (caller, callee):
        await person.hears("updated", "messaging", state="Connected")
        conversations = await person.get(person.part("communication"), "conversations")
        conversation = await person.get(conversations, "conversation")
        sides.append(await person.get(conversation, "messaging"))
    return sides[0], sides[1]


async def say(person: Person, messaging: Shown, text: str) -> None:
    """POST a text."""
    href = messaging.links["sendMessage"][0].href
    headers = {"Content-Type": "text/plain;charset=utf-8"}
    sent = await person.send("POST", href, "sendMessage", text.encode(), headers=headers)
    if sent.status != 201:
        raise Stopped(f"sendMessage answered {sent.status}")
    await person.fetch(sent.headers["location"], "message")


async def conversation(stage: Stage) -> None:
    """Two people talk, type, and hang up."""
    alice, bob = await stage.people(2)
    hers, his = await talk(alice, bob, "talk-1")
    await bob.hears("completed", "message", direction="Incoming")
    for person, messaging, other in ((alice, hers, bob), (bob, his, alice)):
        await say(person, messaging, f"from {person.uri}")
        await person.hears("completed", "message", direction="Outgoing")
        await other.hears("completed", "message", direction="Incoming")
        await person.post(messaging, "setIsTyping")
        await other.hears("added", "participant", "typingParticipants")
    await alice.get(hers, "typingParticipants")
    shown = await alice.get(hers, "conversation")
    await alice.get(shown, "localParticipant")
    for participant in (await alice.get(shown, "participants")).links.get("participant", ()):
        found = await alice.fetch(participant.href, "participant")
        if "participantMessaging" in found.links:
            await alice.get(found, "participantMessaging")
    await alice.post(hers, "stopMessaging")
    await bob.hears("updated", "messaging", state="Disconnected")
    await bob.hears("deleted", "conversation")


async def declined(stage: Stage) -> None:
    """An invitation is declined, another one taken back."""
    alice, bob = await stage.people(2)
    _, ringing = await invite(alice, bob, "declined")
    await bob.post(ringing, "decline", {"reason": "Local"})
    await alice.hears("completed", "messagingInvitation", operationId="declined")
    started, _ = await invite(alice, bob, "cancelled")
    await alice.post(started, "cancel")
    await alice.hears("completed", "messagingInvitation", operationId="cancelled")


async def unanswered(stage: Stage) -> None:
    """An invitation that nobody answers ends after half a minute."""
    alice, bob = await stage.people(2)
    await invite(alice, bob, "unanswered")
    await stage.pass_time(31)
    await alice.hears("completed", "messagingInvitation", operationId="unanswered")


async def left(stage: Stage) -> None:
    """A conversation is left by deleting it."""
    alice, bob = await stage.people(2)
    hers, _ = await talk(alice, bob, "left")
    await alice.delete(await alice.get(hers, "conversation"))
    await bob.hears("deleted", "conversation")


SCENARIOS = (
    Scenario("messaging: a conversation", conversation),
    Scenario("messaging: declined and cancelled", declined),
    Scenario("messaging: unanswered", unanswered),
    Scenario("messaging: left", left),
)
