"""Conversations: everything that is told of one, from the invitation to the end."""

from tests.conformance.clocks import Stopped
from tests.conformance.person import Person
from tests.conformance.scenarios.meetings import join
from tests.conformance.scenarios.messaging import HELLO, embedded, say, talk
from tests.conformance.scenarios.privacy import automatic, contact_of
from tests.conformance.shown import Shown
from tests.conformance.stage import Scenario, Stage

HTML = "<p>Hello <b>there</b></p>"


async def invited(caller: Person, callee: Person, operation: str) -> tuple[Shown, Shown]:
    """An invitation that rings, as the caller and the callee are shown it."""
    values = {"to": callee.uri, "operationId": operation, "subject": "Lunch"}
    communication = caller.part("communication")
    await caller.post(communication, "startMessaging", values, {"message": HELLO})
    started = await caller.hears("started", "messagingInvitation", operationId=operation)
    await caller.hears("added", "conversation")
    await caller.hears("added", "localParticipant")
    ringing = await callee.hears("started", "messagingInvitation", direction="Incoming")
    await callee.hears("added", "conversation", state="Incoming")
    return embedded(started), embedded(ringing)


async def told(stage: Stage) -> None:
    """Both sides are told of everything, and can read what they are told of."""
    alice, bob = await stage.people(2)
    started, ringing = await invited(alice, bob, "told")
    for person in (alice, bob):
        listed = await person.fetch(
            f"{person.part('communication').href}/invitations", "invitations"
        )
        if not listed.links.get("messagingInvitation"):
            raise Stopped("invitations does not link to what waits")
    await alice.hears("updated", "messagingInvitation", state="Alerting")
    await alice.get(started, "to")
    for embedded_as in ringing.embedded.get("from", ()):
        await bob.fetch(embedded_as.href, "from")
    await bob.post(ringing, "accept")
    await alice.hears("updated", "conversation", state="Connected")
    await alice.hears("added", "participant")
    await alice.hears("added", "participantMessaging", "participant")
    await bob.hears("added", "participantMessaging", "localParticipant")
    completed = embedded(await alice.hears("completed", "messagingInvitation", operationId="told"))
    await alice.get(completed, "from")
    for who in completed.embedded.get("acceptedByParticipant", ()):
        found = await alice.fetch(who.href, "acceptedByParticipant")
        await alice.get(await alice.fetch(found.href, "participant"), "participantMessaging")
    conversation = await alice.get(completed, "conversation")
    messaging = await alice.get(conversation, "messaging")
    await say(alice, messaging, "Hello")
    await alice.fetch(f"{messaging.href}/messages", "messages")
    await alice.post(messaging, "setIsTyping")
    await bob.hears("added", "participant", "typingParticipants")
    await stage.pass_time(9)
    await bob.hears("deleted", "participant", "typingParticipants")
    await alice.delete(conversation)
    await bob.hears("updated", "messaging", state="Disconnected")
    await bob.hears("deleted", "participantMessaging", "participant")
    await bob.hears("deleted", "participant")
    await bob.hears("deleted", "participantMessaging", "localParticipant")
    await bob.hears("deleted", "localParticipant")
    await bob.hears("updated", "conversation", state="Disconnected")
    await bob.hears("deleted", "conversation")


async def html(stage: Stage) -> None:
    """HTML for who shows it, text for who does not."""
    alice = await stage.person(0, available=False)
    values = {"supportedModalities": ["Messaging"], "supportedMessageFormats": ["Plain", "Html"]}
    await alice.post(alice.part("me"), "makeMeAvailable", values)
    await alice.refresh()
    bob = await stage.person(1)
    hers, his = await talk(alice, bob, "html")
    await bob.hears("completed", "message", direction="Incoming")
    policies = await alice.get(alice.application, "policies")
    if policies.text("htmlMessaging") != "Enabled":
        return
    for person, messaging, reader, rel in (
        (alice, hers, bob, "plainMessage"),
        (bob, his, alice, "htmlMessage"),
    ):
        href = messaging.links["sendMessage"][0].href
        headers = {"Content-Type": "text/html;charset=utf-8"}
        sent = await person.send("POST", href, "sendMessage", HTML.encode(), headers=headers)
        if sent.status != 201:
            raise Stopped(f"sendMessage answered {sent.status} to HTML")
        shown = embedded(await reader.hears("completed", "message", direction="Incoming"))
        if rel not in shown.links:
            raise Stopped(f"a message has no {rel}")
    await alice.post(hers, "stopMessaging")


async def undelivered(stage: Stage) -> None:
    """A message to somebody who has blocked its sender fails, and says for whom."""
    alice, bob = await stage.people(2)
    hers, _ = await talk(alice, bob, "undelivered")
    relationship = await automatic(bob, await contact_of(bob, alice))
    blocked = await bob.put(relationship, relationshipLevel="Blocked")
    await say(alice, hers, "Still there?")
    failed = embedded(await alice.hears("completed", "message", status="Failed"))
    await alice.get(failed, "failedDeliveryParticipant")
    await bob.post(blocked, "resetContactPrivacyRelationship")
    await alice.post(hers, "stopMessaging")


async def asked(stage: Stage) -> None:
    """Who asks somebody into a conference is told that it rings."""
    alice, bob, carol = await stage.people(3)
    hers, _ = await talk(alice, bob, "asked")
    conversation = await alice.get(hers, "conversation")
    await alice.post(conversation, "addParticipant", {"to": carol.uri, "operationId": "ask"})
    await alice.hears("started", "participantInvitation", operationId="ask")
    ringing = await carol.hears("started", "onlineMeetingInvitation", direction="Incoming")
    await alice.hears("updated", "participantInvitation", state="Alerting")
    await carol.post(embedded(ringing), "decline", {"reason": "Global"})
    await alice.hears("completed", "participantInvitation", operationId="ask", state="Declined")
    await alice.delete(await alice.get(conversation))
    await bob.delete(
        await bob.get(await bob.get(bob.part("communication"), "conversations"), "conversation")
    )


async def renamed(stage: Stage) -> None:
    """Another name of somebody is told in the conversation, and in the view it stands in."""
    alice, bob, carol = await stage.people(3)
    meetings = await alice.get(alice.part("onlineMeetings"), "myOnlineMeetings")
    values = {"accessLevel": "Locked", "automaticLeaderAssignment": "Disabled"}
    meeting = alice.read(await alice.post(meetings, "self", values))
    uri = meeting.text("onlineMeetingUri")
    await join(alice, uri, "alice")
    await alice.hears("completed", "onlineMeetingInvitation", operationId="alice")
    await join(bob, uri, "bob")
    waiting = (await alice.hears("added", "participant", "lobby")).href
    await alice.post(await alice.fetch(waiting, "participant"), "admit")
    await bob.hears("completed", "onlineMeetingInvitation", operationId="bob")
    await join(carol, uri, "carol")
    await alice.hears("added", "participant", "lobby")
    names = [person.part("me").text("name") for person in (alice, bob, carol)]
    for person, name, view in zip((alice, bob, carol), names, VIEWS, strict=True):
        for new in (f"{name} II", name):
            await stage.operate("user", "set", person.uri, "--name", new)
            await alice.hears("updated", "participant", view)
    await bob.hears("updated", "participant", "leaders")
    await alice.delete(meeting)


VIEWS = ("leaders", "attendees", "lobby")
"""Where Alice, Bob and Carol stand in the meeting."""

SCENARIOS = (
    Scenario("conversations: all that is told", told),
    Scenario("conversations: HTML", html),
    Scenario("conversations: undelivered", undelivered),
    Scenario("conversations: asked in and declined", asked),
    Scenario("conversations: another name", renamed, ours_only=True),
)
"""The scripts, in the order they are played."""
