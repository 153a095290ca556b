"""Call forwarding: where a user's incoming calls go."""

from mobility.ucwa.hrefs import data_uri
from tests.conformance.clocks import Stopped, Unplayable
from tests.conformance.exchange import Exchange
from tests.conformance.person import Person
from tests.conformance.scenarios.messaging import embedded
from tests.conformance.shown import Shown
from tests.conformance.stage import Scenario, Stage
from tests.descriptions import sdp

ROOT = "callForwardingSettings"
PARTS = ("immediateForwardSettings", "simultaneousRingSettings", "unansweredCallSettings")
NUMBER = "tel:+14255550199"
START, INVITATION = "startAudio", "audioVideoInvitation"


async def actions(stage: Stage) -> None:
    """Every action is followed along its link, and what it sets is shown."""
    alice = await _with_voicemail(stage)
    _, bob = stage.accounts[:2]
    await _done(alice, PARTS[0], "immediateForwardToContact", bob.uri)
    await _shows(alice, ROOT, activeSetting="ImmediateForward", unansweredCallHandling="Disabled")
    await _shows(alice, PARTS[0], target="Contact")
    await alice.get(await _part(alice, PARTS[0]), "contact")
    await _done(alice, PARTS[0], "immediateForwardToVoicemail")
    await _shows(alice, PARTS[0], target="Voicemail")
    await alice.post(await _root(alice), "turnOffCallForwarding")
    await alice.hears("updated", "me")
    if "turnOffCallForwarding" in (await _root(alice)).links:
        raise Stopped("what is off can be turned off")
    await _done(alice, PARTS[1], "simultaneousRingToContact", NUMBER)
    await _shows(alice, ROOT, activeSetting="SimultaneousRing")
    await alice.get(await _part(alice, PARTS[1]), "contact")
    await _done(alice, PARTS[2], "unansweredCallToContact", bob.uri, 10)
    await _shows(alice, PARTS[2], target="Contact", ringDelay="10")
    await _done(alice, PARTS[2], "unansweredCallToVoicemail", None, 30)
    await _shows(alice, PARTS[2], target="Voicemail", ringDelay="30")
    await _done(alice, PARTS[2], "resetUnansweredCallSettings")
    await _shows(alice, ROOT, unansweredCallHandling="Enabled")
    await alice.post(await _root(alice), "turnOffCallForwarding")


async def colleagues(stage: Stage) -> None:
    """Calls go to delegates and the team, at once or later."""
    alice = await stage.person(0, available=False)
    if "immediateForwardToDelegates" not in (await _part(alice, PARTS[0])).links:
        raise Unplayable("needs a user with a delegate and a team")
    await _done(alice, PARTS[0], "immediateForwardToDelegates")
    await _shows(alice, PARTS[0], target="Delegates")
    await _done(alice, PARTS[1], "simultaneousRingToDelegates", None, 55)
    await _shows(alice, PARTS[1], target="Delegates", ringDelay="55")
    await _done(alice, PARTS[1], "simultaneousRingToTeam", None, 5)
    await _shows(alice, PARTS[1], target="Team", ringDelay="5")
    await alice.post(await _root(alice), "turnOffCallForwarding")


async def nobody_there(stage: Stage) -> None:
    """Who has no delegates and no team is not offered them, and told so when it asks anyway."""
    bob = await stage.person(1, available=False)
    for part, action, subcode in (
        (PARTS[0], "immediateForwardToDelegates", "NoDelegatesConfigured"),
        (PARTS[1], "simultaneousRingToDelegates", "NoDelegatesConfigured"),
        (PARTS[1], "simultaneousRingToTeam", "NoTeamMembersConfigured"),
    ):
        shown = await _part(bob, part)
        if action in shown.links:
            raise Unplayable("needs a user without delegates and team")
        exchange = await bob.send("POST", f"{shown.href}/{action}", action)
        found = bob.reason(exchange).subcode
        if found != subcode:
            raise Stopped(f"{action} is refused with {found}, not {subcode}")


async def written_back(stage: Stage) -> None:
    """The settings are written back with the GUID property and the ETag, and only so."""
    alice = await _with_voicemail(stage)
    for rel, changes in (
        (ROOT, {"activePeriod": "Workhours"}),
        (PARTS[1], {"ringDelay": 20}),
        (PARTS[2], {"ringDelay": 25, "target": "Voicemail"}),
    ):
        shown = await _root(alice) if rel == ROOT else await _part(alice, rel)
        _is(await alice.replace(shown, None, changes), 428)
        _is(await alice.replace(shown, "0", changes), 412)
        _is(await alice.replace(shown, shown.text("etag"), changes, token=False), 400)
        after = await alice.put(shown, **changes)
        for name, value in changes.items():
            if after.text(name) != str(value):
                raise Stopped(f"{rel} {name} is {after.text(name)!r} after the PUT")
        _is(await alice.replace(shown, shown.text("etag"), changes), 412)
    await alice.put(await _root(alice), activePeriod="Always")
    await _done(alice, PARTS[2], "resetUnansweredCallSettings")


async def wrong(stage: Stage) -> None:
    """Wrong targets and delays are refused, each in its way."""
    alice = await _with_voicemail(stage)
    ring, unanswered = await _part(alice, PARTS[1]), await _part(alice, PARTS[2])
    for target, subcode in (
        ("no number", "NormalizationFailed"),
        ("sip:nobody@example.test", "ParameterValidationFailure"),
        (alice.uri, "ParameterValidationFailure"),
        ("", "ParameterValidationFailure"),
        ("x" * 81, "ParameterValidationFailure"),
    ):
        reason = await alice.refused(
            400, "POST", ring, "simultaneousRingToContact", {"target": target}
        )
        if reason.subcode != subcode:
            raise Stopped(f"the target {target[:20]!r} is refused with {reason.subcode}")
    for delay in (4, 61):
        await alice.refused(
            400, "POST", unanswered, "unansweredCallToVoicemail", {"ringDelay": delay}
        )
    for settings in (ring, unanswered):
        _is(await alice.replace(settings, settings.text("etag"), {"target": "Nowhere"}), 400)


async def _with_voicemail(stage: Stage) -> Person:
    """A user whose calls can go to voicemail."""
    alice = await stage.person(0, available=False)
    if "unansweredCallToVoicemail" not in (await _part(alice, PARTS[2])).links:
        raise Unplayable("needs a user with voicemail")
    return alice


async def _root(alice: Person) -> Shown:
    me = await alice.get(alice.part("me"))
    if ROOT not in me.links:
        raise Unplayable("needs a user with Enterprise Voice")
    return await alice.get(me, ROOT)


async def _part(alice: Person, rel: str) -> Shown:
    """One of the settings, by itself."""
    (found,) = (await _root(alice)).embedded[rel]
    return await alice.get(found)


async def _done(
    alice: Person, rel: str, action: str, target: str | None = None, delay: int | None = None
) -> None:
    given = {"target": target, "ringDelay": delay}
    values = {name: value for name, value in given.items() if value is not None}
    await alice.post(await _part(alice, rel), action, values or None)


async def _shows(alice: Person, rel: str, **properties: str) -> None:
    shown = await _root(alice) if rel == ROOT else await _part(alice, rel)
    for name, value in properties.items():
        if shown.text(name) != value:
            raise Stopped(f"{rel} shows {name} {shown.text(name)!r}, not {value!r}")


def _is(exchange: Exchange, status: int) -> None:
    if exchange.status != status:
        raise Stopped(f"the PUT is answered {exchange.status}, not {status}")


async def calls(stage: Stage) -> None:
    """A call is sent on, and one that rings at a delegate too is taken there."""
    alice, bob, carol = await stage.people(3, "Messaging", "Audio")
    if START not in bob.part("communication").links:
        raise Unplayable("needs calls over IP")
    if "simultaneousRingToDelegates" not in (await _part(alice, PARTS[1])).links:
        raise Unplayable("needs a user with a delegate")
    await _done(alice, PARTS[0], "immediateForwardToContact", carol.uri)
    await _call(bob, alice, "sent on")
    started = await carol.hears("started", INVITATION, direction="Incoming")
    invitation = embedded(started)
    await carol.get(invitation, "forwardedBy")
    await carol.post(await carol.get(invitation), "decline", {"reason": "Global"})
    await bob.hears("completed", INVITATION, operationId="sent on")
    await _done(alice, PARTS[1], "simultaneousRingToDelegates")
    await _call(bob, alice, "for a delegate")
    invitation = embedded(await carol.hears("started", INVITATION, direction="Incoming"))
    await alice.hears("started", INVITATION, direction="Incoming")
    await carol.get(invitation, "delegator")
    accept = invitation.links["acceptWithAnswer"][0].href
    headers = {"Content-Type": "application/sdp"}
    await carol.send(
        "POST", accept, "acceptWithAnswer", sdp("audio", version=2).encode(), headers=headers
    )
    taken = embedded(await alice.hears("completed", INVITATION, direction="Incoming"))
    await alice.get(taken, "acceptedByContact")
    call = embedded(await bob.hears("updated", "audioVideo", state="Connected"))
    await bob.post(call, "stopAudioVideo")
    await carol.hears("deleted", "conversation")
    await alice.post(await _root(alice), "turnOffCallForwarding")


async def _call(caller: Person, callee: Person, operation: str) -> None:
    values = {"to": callee.uri, "operationId": operation}
    offer = {"mediaOffer": data_uri(sdp("audio"), "application/sdp")}
    await caller.post(caller.part("communication"), START, values, offer)


SCENARIOS = (
    Scenario("call forwarding: actions", actions),
    Scenario("call forwarding: delegates and team", colleagues),
    Scenario("call forwarding: nobody there", nobody_there),
    Scenario("call forwarding: written back", written_back),
    Scenario("call forwarding: wrong values", wrong),
    Scenario("call forwarding: calls", calls),
)
