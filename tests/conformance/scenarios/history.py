"""History: past conversations and what was missed, read, continued and removed."""

from collections.abc import Sequence

from tests.conformance.clocks import Stopped
from tests.conformance.person import Person
from tests.conformance.scenarios.messaging import embedded, invite, say, talk
from tests.conformance.shown import Shown
from tests.conformance.stage import Scenario, Stage

COUNTS = (
    "conversationLogsCount",
    "missedConversationsCount",
    "unreadMissedConversationsCount",
    "unreadVoicemailsCount",
    "voiceMailsCount",
)
"""The numbers of missedItems."""

UNREAD = "mobility:unread"
DELIVERY = "mobility:delivery"
PUSH, SUBSCRIPTION = "mobility:pushSubscriptions", "mobility:pushSubscription"

PAGE = 50
"""More messages than this do not fit on one page of transcripts."""


async def counts(person: Person) -> dict[str, int]:
    """The counts of what a person has missed."""
    shown = await person.get(person.part("communication"), "missedItems")
    return {name: int(str(shown.properties[name])) for name in COUNTS}


async def latest(person: Person) -> Shown:
    """The latest past conversation."""
    logs = await person.get(person.part("communication"), "conversationLogs", limit=1)
    links = logs.links.get("conversationLog", ())
    if len(links) != 1:
        raise Stopped(f"conversationLogs?limit=1 has {len(links)} links")
    return await person.fetch(links[0].href, "conversationLog")


async def past(stage: Stage) -> None:
    """Two people talk at length; later both read what was said, page by page."""
    alice, bob = await stage.people(2)
    before = await counts(alice)
    hers, his = await talk(alice, bob, "past")
    for number in range(PAGE):
        await say(bob if number % 2 else alice, his if number % 2 else hers, f"line {number}")
    await alice.post(hers, "stopMessaging")
    await bob.hears("deleted", "conversation")
    for person in (alice, bob):
        await person.hears("updated", "missedItems")
    if (await counts(alice))["conversationLogsCount"] != before["conversationLogsCount"] + 1:
        raise Stopped("a conversation that is over is not counted")
    for person, direction in ((alice, "Outgoing"), (bob, "Incoming")):
        log = await latest(person)
        expected = {"direction": direction, "status": "Archived", "type": "MessageLog"}
        for name, value in expected.items():
            if log.text(name) != value:
                raise Stopped(f"{name} of the log is {log.text(name)!r}, not {value!r}")
        for recipient in log.embedded["conversationLogRecipient"]:
            await person.get(recipient)
            await person.get(recipient, "contact")
        page = await person.get(log, "conversationLogTranscripts")
        told = await _read(person, page.embedded["conversationLogTranscript"][:2])
        following = await person.get(page, "nextConversationLogTranscripts")
        told += await _read(person, following.embedded["conversationLogTranscript"])
        if told != 3:
            raise Stopped(f"{told} transcripts were read, not 3")


async def _read(person: Person, transcripts: Sequence[Shown]) -> int:
    """Look at transcripts one by one; how many there were."""
    for one in transcripts:
        shown = await person.get(one)
        for content in shown.embedded["messageTranscript"]:
            await person.get(content)
        who = "me" if "me" in shown.links else "contact"
        await person.get(shown, who)
    return len(transcripts)


async def missed(stage: Stage) -> None:
    """A message that nobody answered is missed until it is read."""
    alice, bob = await stage.people(2)
    before = await counts(bob)
    await invite(alice, bob, "missed")
    await stage.pass_time(31)
    await alice.hears("completed", "messagingInvitation", operationId="missed")
    await bob.hears("updated", "missedItems")
    await _expect(bob, before, 1, 1)
    log = await latest(bob)
    if (log.text("status"), log.text("previewMessage")) != ("Missed", "Hello there"):
        raise Stopped(f"the log is {log.text('status')}: {log.text('previewMessage')}")
    await bob.post(log, "markAsRead")
    await bob.hears("updated", "missedItems")
    await _expect(bob, before, 1, 0)
    await bob.delete(log)
    await bob.hears("updated", "missedItems")
    await _expect(bob, before, 0, 0)
    await bob.refused(404, "GET", log)


async def _expect(person: Person, before: dict[str, int], missed: int, unread: int) -> None:
    """The counts have grown by so many."""
    after = await counts(person)
    grown = {name: after[name] - before[name] for name in COUNTS}
    expected = {
        "conversationLogsCount": missed,
        "missedConversationsCount": missed,
        "unreadMissedConversationsCount": unread,
        "unreadVoicemailsCount": 0,
        "voiceMailsCount": 0,
    }
    if grown != expected:
        raise Stopped(f"missedItems has grown by {grown}, not {expected}")


async def unreachable(stage: Stage) -> None:
    """A message for somebody who is away is there when that one comes back."""
    alice, bob = await stage.people(2)
    await bob.leave()
    values = {"to": bob.uri, "operationId": "away"}
    links = {"message": "data:text/plain,While%20you%20were%20out"}
    await alice.post(alice.part("communication"), "startMessaging", values, links)
    await alice.hears("completed", "messagingInvitation", operationId="away")
    bob = await stage.person(1)
    log = await latest(bob)
    if log.text("previewMessage") != "While you were out":
        raise Stopped(f"the latest log says {log.text('previewMessage')!r}")
    await bob.post(log, "markAsRead")


async def continued(stage: Stage) -> None:
    """A past conversation goes on in the same thread."""
    alice, bob = await stage.people(2)
    hers, _ = await talk(alice, bob, "before")
    await alice.post(hers, "stopMessaging")
    await bob.hears("updated", "missedItems")
    log = await latest(bob)
    sent = await bob.post(
        log, "continueMessaging", {"operationId": "again"}, {"message": "data:text/plain,So"}
    )
    await bob.fetch(sent.headers["location"], "messagingInvitation")
    started = embedded(await bob.hears("started", "messagingInvitation", operationId="again"))
    if started.text("threadId") != log.text("threadId"):
        raise Stopped("the conversation goes on in another thread")
    ringing = embedded(await alice.hears("started", "messagingInvitation", direction="Incoming"))
    await alice.post(ringing, "accept")
    await bob.hears("completed", "messagingInvitation", operationId="again")


async def replayed(stage: Stage) -> None:
    """A client asks for what it has not read, and is told of it again."""
    alice, bob = await stage.people(2)
    hers, _ = await talk(alice, bob, "replayed")
    await say(alice, hers, "Once more")
    for _ in range(2):  # the invitation's message, and this one
        await bob.hears("completed", "message", direction="Incoming")
    await bob.post(bob.part("communication"), "replayMessage")
    await bob.hears("completed", "message", direction="Incoming")


async def agreed(stage: Stage) -> None:
    """Two devices of one user agree on what is read: our extension mobility:unread."""
    alice, bob = await stage.people(2)
    desk = await stage.lurker(1)
    await desk.register(endpointId="desk")
    await desk.make_available("PhoneAudio")
    hers, _ = await talk(alice, bob, "agreed")
    await say(alice, hers, "Read me")
    told = await bob.hears("completed", "message", direction="Incoming")
    unread = desk.part("communication").links[UNREAD][0].href
    if UNREAD not in bob.part("communication").links:
        raise Stopped("communication does not link to mobility:unread")
    values = {"upTo": embedded(told).href}
    own = bob.part("communication").links[UNREAD][0].href
    marked = await bob.write("POST", own, UNREAD, values)
    if marked.status != 204:
        raise Stopped(f"mobility:unread answered {marked.status} to a POST")
    await desk.hears("updated", UNREAD)
    shown = await desk.send("GET", unread, UNREAD)
    if shown.status != 200:
        raise Stopped(f"mobility:unread answered {shown.status}")


async def woken(stage: Stage) -> None:
    """A device says how it is woken, and changes its mind: mobility:pushSubscriptions."""
    alice = await stage.person(0)
    all_of_them = alice.part("me").links[PUSH][0].href
    values = {"platform": "fcm", "appId": "com.example.app", "token": "A" * 40}
    made = await alice.write("POST", all_of_them, PUSH, values)
    if made.status not in (200, 201):
        raise Stopped(f"{PUSH} answered {made.status} to a POST")
    one = alice.read(made).href
    for method, status in (("PUT", 200), ("GET", 200), ("DELETE", 204), ("GET", 404)):
        if method == "PUT":
            answer = await alice.write(method, one, SUBSCRIPTION, {"collapse": "all"})
        else:
            answer = await alice.send(method, one, SUBSCRIPTION)
        if answer.status != status:
            raise Stopped(f"{method} of a subscription answered {answer.status}, not {status}")
    listed = await alice.send("GET", all_of_them, PUSH)
    if listed.status != 200:
        raise Stopped(f"{PUSH} answered {listed.status}")


async def unwelcome(stage: Stage) -> None:
    """What a subscription refuses, field by field, and where no device is meant."""
    alice = await stage.person(0)
    all_of_them = alice.part("me").links[PUSH][0].href
    good = {"platform": "fcm", "appId": "com.example.app", "token": "B" * 40}
    for changes, wrong in (
        ({"platform": "mpns"}, "platform"),
        ({"platform": ""}, "platform"),
        ({"appId": "a b"}, "appId"),
        ({"token": ""}, "token"),
        ({"platform": "webpush", "endpoint": "http://push.example.org/1"}, "endpoint"),
        ({"platform": "webpush", "endpoint": "https://push.example.org/1"}, "p256dh"),
        ({"collapse": "some"}, "collapse"),
        ({"deviceName": "x" * 101}, "deviceName"),
        ({"quietFrom": "25:00", "quietUntil": "07:00", "timeZone": "Etc/UTC"}, "quietFrom"),
        ({"quietFrom": "22:00", "quietUntil": "07:00", "timeZone": "Nowhere"}, "timeZone"),
    ):
        answer = await alice.write("POST", all_of_them, PUSH, {**good, **changes})
        if answer.status != 400:
            raise Stopped(f"{PUSH} answered {answer.status} to {changes}")
        if wrong not in alice.reason(answer).parameters:
            raise Stopped(f"{PUSH} does not say that {wrong} is wrong in {changes}")
    made = alice.read(await alice.write("POST", all_of_them, PUSH, good))
    answer = await alice.write("PUT", made.href, SUBSCRIPTION, {"collapse": "some"})
    if answer.status != 400:
        raise Stopped(f"a wrong preference was answered {answer.status}")
    again = await alice.write("POST", all_of_them, PUSH, good)
    if again.status != 200:
        raise Stopped(f"a device that is known was answered {again.status}")
    listed = alice.read(await alice.send("GET", all_of_them, PUSH))
    if made.href not in [one.href for one in listed.embedded.get(SUBSCRIPTION, ())]:
        raise Stopped("the list lacks a subscription")
    await alice.delete(made)
    for method in ("GET", "PUT", "DELETE"):
        if method == "PUT":
            answer = await alice.write(method, made.href, SUBSCRIPTION, {"collapse": "all"})
        else:
            answer = await alice.send(method, made.href, SUBSCRIPTION)
        if answer.status != 404:
            raise Stopped(f"{method} of what is over answered {answer.status}")


async def delivered(stage: Stage) -> None:
    """A sender sees what became of a message, and nobody else does: mobility:delivery."""
    alice, bob = await stage.people(2)
    hers, _ = await talk(alice, bob, "delivered")
    send = hers.links["sendMessage"][0].href
    plain = {"Content-Type": "text/plain;charset=utf-8"}
    sent = await alice.send("POST", send, "sendMessage", b"Read me", headers=plain)
    if sent.status != 201:
        raise Stopped(f"sendMessage answered {sent.status}")
    href = sent.headers["location"]

    async def state() -> str:
        return (await alice.fetch(href, "message")).text(DELIVERY)

    for _ in range(2):  # the invitation's message, and this one
        told = embedded(await bob.hears("completed", "message", direction="Incoming"))
    await say(alice, hers, "And this")
    await bob.hears("completed", "message", direction="Incoming")  # asks for what comes next
    if (found := await state()) != "delivered":
        raise Stopped(f"a message that was fetched is {found!r}")
    unread = bob.part("communication").links[UNREAD][0].href
    marked = await bob.write("POST", unread, UNREAD, {"upTo": told.href})
    if marked.status != 204:
        raise Stopped(f"mobility:unread answered {marked.status} to a POST")
    if (found := await state()) != "read":
        raise Stopped(f"a message that was read is {found!r}")
    if DELIVERY in (await bob.fetch(told.href, "message")).properties:
        raise Stopped("the reader is told what became of the message")


SCENARIOS = (
    Scenario("history: a past conversation", past),
    Scenario("history: missed", missed),
    Scenario("history: unreachable", unreachable),
    Scenario("history: continued", continued),
    Scenario("history: replayed", replayed),
    Scenario("history: devices agree", agreed, ours_only=True),
    Scenario("history: devices to wake", woken, ours_only=True),
    Scenario("history: devices that cannot be woken", unwelcome, ours_only=True),
    Scenario("history: what became of a message", delivered, ours_only=True),
)
