"""How clients may write what they send: spellings that must be read alike, and what is refused."""

import re
import time
from base64 import b64decode
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import unquote_plus

from tests.conformance.clocks import Stopped
from tests.conformance.exchange import Exchange
from tests.conformance.person import Person, link
from tests.conformance.scenarios.messaging import embedded
from tests.conformance.shown import NAMESPACE, Form, Shown
from tests.conformance.stage import Scenario, Stage

TEXT = "Café, 5 €"

TEXTS = (
    "data:text/plain;charset=utf-8,Caf%C3%A9%2C+5+%E2%82%AC",
    "data:text/plain;charset=utf-8,Caf%C3%A9%2C%205%20%E2%82%AC",
    "data:text/plain;charset=utf-8;base64,Q2Fmw6ksIDUg4oKs",
)
"""The text in a data link: percent-encoded in both habits, and in base64."""

DATA = re.compile(r"data:([^,;]+)(?:;charset=([^,;]+))?(;base64)?,(.*)")
"""How the sample client reads one."""

DAY_S = 24 * 3600

DTD = (
    '<!DOCTYPE input [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>',
    '<!DOCTYPE input [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    '<!DOCTYPE input SYSTEM "http://127.0.0.1/dtd">',
)
"""Document types, which are refused whatever they hold."""


async def noted(person: Person) -> str:
    """The person's own note."""
    return (await person.get(person.part("me"), "note")).text("message")


async def must_be_noted(person: Person, sent: Exchange, text: str) -> None:
    if sent.status != 204:
        raise Stopped(f"note answers {sent.status} for {text!r}")
    found = await noted(person)
    if found != text:
        raise Stopped(f"the note is {found!r}, not {text!r}")


async def names(stage: Stage) -> None:
    """Names are read in any letter case; links, unknown names and If-Match do no harm."""
    alice = await stage.person(0)
    note = link(alice.part("me"), "note")
    for name in ("message", "Message", "MESSAGE"):
        await must_be_noted(alice, await alice.write("POST", note, "note", {name: name}), name)
    values = {"message": TEXT, "colour": "red", "etag": "7"}
    links = {"self": "/elsewhere"}
    headers = {"If-Match": '"7"', "Content-Type": stage.form.plain}
    sent = await alice.write("POST", note, "note", values, links, headers=headers)
    await must_be_noted(alice, sent, TEXT)
    vendor = {"Content-Type": f"{stage.form.value}; charset=utf-8"}
    sent = await alice.write("POST", note, "note", {"message": "vendor"}, headers=vendor)
    await must_be_noted(alice, sent, "vendor")
    for query in ("message=in+the+query", "MESSAGE=in%20the%20query"):
        sent = await alice.send("POST", f"{note}?{query}", "note", headers={"Content-Type": ""})
        await must_be_noted(alice, sent, "in the query")
    people = alice.part("people")
    found = await alice.get(people, "search", QUERY=alice.uri, Limit=1)
    if len(found.embedded.get("contact", ())) != 1:
        raise Stopped("a search with its names in another letter case finds nobody")
    await alice.post(alice.part("me"), "note", {"message": ""})


async def texts(stage: Stage) -> None:
    """A data link is read in either encoding, and shown so that the sample client can read it."""
    alice, bob = await stage.people(2)
    for number, text in enumerate(TEXTS):
        operation = f"text {number}"
        values = {"To": bob.uri, "OperationId": operation, "SUBJECT": "Lunch"}
        sent = await alice.post(
            alice.part("communication"), "startMessaging", values, {"message": text}
        )
        ringing = embedded(await bob.hears("started", "messagingInvitation", direction="Incoming"))
        if (_said(ringing, "message"), ringing.text("subject")) != (TEXT, "Lunch"):
            raise Stopped(f"{text} arrives as {_said(ringing, 'message')!r}")
        await alice.hears("started", "messagingInvitation", operationId=operation)
        await alice.post(
            await alice.fetch(sent.headers["location"], "messagingInvitation"), "cancel"
        )
        await bob.hears("completed", "messagingInvitation")


def _said(shown: Shown, rel: str) -> str:
    """The text of a data link."""
    found = DATA.fullmatch(link(shown, rel))
    if found is None:
        raise Stopped(f"{rel} is {link(shown, rel)}")
    text = unquote_plus(found[4])
    return b64decode(text).decode() if found[3] else text


def spellings(form: Form) -> list[str]:
    """A day in a month's time, as clients write dates in a form."""
    day = datetime.fromtimestamp(time.time() // DAY_S * DAY_S + 30 * DAY_S, UTC)
    iso = f"{day:%Y-%m-%dT%H:%M:%S}"
    eastern = day.astimezone(timezone(timedelta(hours=1))).isoformat()
    own = f"/Date({day.timestamp() * 1000:.0f})/"
    return [*([own] if form is Form.JSON else []), f"{iso}Z", f"{iso}.0000000Z", eastern]


async def dates(stage: Stage) -> None:
    """A date is read in both spellings."""
    alice = await stage.person(0)
    meetings = await alice.get(alice.part("onlineMeetings"), "myOnlineMeetings")
    meeting = alice.read(await alice.post(meetings, "self", {"subject": "Conformance"}))
    shown = []
    for date in spellings(stage.form):
        meeting = await alice.put(await alice.get(meeting), expirationTime=date)
        shown.append(meeting.text("expirationTime"))
    if len(set(shown)) != 1:
        raise Stopped(f"one date is shown as {' and '.join(shown)}")
    tag = meeting.text("etag")
    wrong = await alice.replace(meeting, tag, {"expirationTime": "tomorrow"})
    if (wrong.status, alice.reason(wrong).parameters) != (400, ("expirationTime",)):
        raise Stopped(f"a date that is none answers {wrong.status}")
    unquoted = await alice.write(
        "PUT", meeting.href, "myOnlineMeeting", meeting.properties, headers={"If-Match": tag}
    )
    if unquoted.status != 200:
        raise Stopped(f"an If-Match without quotes answers {unquoted.status}")
    await alice.delete(meeting)


async def refused(stage: Stage) -> None:
    """What is too deep, and any document type, is refused and nothing is read of it."""
    alice = await stage.person(0)
    note = link(alice.part("me"), "note")
    before = await noted(alice)
    if stage.form is Form.XML:
        content = f'<input xmlns="{NAMESPACE}"><property name="message">&a;</property></input>'
        bodies = [f"{dtd}{content}" for dtd in DTD] + ["<a>" * 5000]
    else:
        bodies = ["[" * 5000, '{"a":' * 5000, '{"message": NaN}', "[]"]
    for body in bodies:
        headers = {"Content-Type": stage.form.plain}
        sent = await alice.send("POST", note, "note", body.encode(), headers=headers)
        if (sent.status, alice.reason(sent).code) != (400, "BadRequest"):
            raise Stopped(f"{body[:40]} answers {sent.status}")
    long = await alice.write("POST", note, "note", {"message": "x" * 2_000_000})
    if long.status != 413:
        raise Stopped(f"two megabytes answer {long.status}")
    if await noted(alice) != before:
        raise Stopped("a refused note was taken")


SCENARIOS = (
    Scenario("input: names in any letter case", names),
    Scenario("input: texts in data links", texts),
    Scenario("input: dates", dates),
    Scenario("input: refused", refused),
)
