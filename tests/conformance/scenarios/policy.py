"""Mobility policy: what is published, which links are absent under it, and who may not sign in."""

from tests.conformance.clocks import Stopped
from tests.conformance.person import Person, link
from tests.conformance.scenarios.calls import offer
from tests.conformance.stage import Scenario, Stage

CALLS = ("startAudio", "startAudioVideo", "startVideo")
SWITCHES = (
    ("RequireWiFiForIPAudio=true", "audioOnlyOnWifi", "Enabled"),
    ("RequireWiFiForIPVideo=true", "videoOnlyOnWifi", "Enabled"),
    ("RequireWiFiForSharing=true", "sharingOnlyOnWifi", "Enabled"),
    ("AllowSaveCallLogs=false", "saveCallLogs", "Disabled"),
    ("AllowSaveIMHistory=false", "saveMessagingHistory", "Disabled"),
    ("AllowSaveCredentials=false", "saveCredentials", "Disabled"),
    ("AllowExchangeConnectivity=false", "clientExchangeConnectivity", "Disabled"),
    ("AllowDeviceContactsSync=false", "allowDeviceContactsSync", "Disabled"),
    ("EncryptAppData=false", "encryptAppData", "Disabled"),
)
"""What an operator says, and how it is published."""


async def granted(stage: Stage, person: Person, *parameters: str) -> str:
    """Give somebody a policy of its own; its name."""
    name = f"Conformance {len(parameters)} {parameters[-1].partition('=')[0]}"
    await stage.operate("policy", "new", name, *parameters)
    await stage.operate("policy", "grant", person.uri, name)
    return name


async def published(stage: Stage) -> None:
    """Every value of a policy is published to those whom it rules, and so is its end."""
    alice = await stage.person(0)
    before = await alice.get(alice.application, "policies")
    name = await granted(stage, alice, *(parameter for parameter, _, _ in SWITCHES))
    await alice.hears("updated", "policies")
    ruled = await alice.get(alice.application, "policies")
    for _, key, expected in SWITCHES:
        if ruled.text(key) != expected or before.text(key) == expected:
            raise Stopped(f"{key} was {before.text(key)} and is {ruled.text(key)}")
    await stage.operate("policy", "remove", name)
    await alice.hears("updated", "policies")
    again = await alice.get(alice.application, "policies")
    if again.properties != before.properties:
        raise Stopped("the global policy does not rule again")


async def without_calls(stage: Stage) -> None:
    """Under EnableIPAudioVideo=false there are no links of calls, and no calls behind them."""
    alice = await stage.person(0, "Messaging", "Audio", "Video")
    communication = alice.part("communication")
    name = await granted(stage, alice, "EnableIPAudioVideo=false")
    await alice.hears("updated", "communication")
    await alice.refresh()
    left = [rel for rel in CALLS if rel in alice.part("communication").links]
    if left:
        raise Stopped(f"communication still has {', '.join(left)}")
    values = {
        "to": stage.accounts[1].address,
        "operationId": "forbidden",
        "sessionContext": "forbidden",
    }
    href = link(communication, "startAudio")
    refused = await alice.write("POST", href, "startAudio", values, offer("audio"))
    if (refused.status, alice.reason(refused).code) != (403, "Forbidden"):
        raise Stopped(f"startAudio against policy answers {refused.status}")
    await stage.operate("policy", "remove", name)
    await alice.hears("updated", "communication")
    await alice.refresh()
    if not all(rel in alice.part("communication").links for rel in CALLS):
        raise Stopped("communication has no calls again")


async def wifi(stage: Stage) -> None:
    """A client that says it is not on Wi-Fi has no video where video needs Wi-Fi."""
    alice = await stage.person(0, "Messaging", "Audio", "Video")
    name = await granted(stage, alice, "RequireWiFiForIPVideo=true")
    await alice.hears("updated", "policies")
    for bearer, expected in (("Cellular", CALLS[:1]), ("WiFi", CALLS)):
        values = {"clientNetworkType": "External", "bearer": bearer}
        await alice.post(alice.application, "reportMyNetwork", values)
        await alice.hears("updated", "communication")
        await alice.refresh()
        found = tuple(rel for rel in CALLS if rel in alice.part("communication").links)
        if found != expected:
            raise Stopped(f"by {bearer} communication has {', '.join(found)}")
    await stage.operate("policy", "remove", name)


async def not_mobile(stage: Stage) -> None:
    """Who may not use mobile clients is refused an application, and has one in a browser."""
    alice = await stage.lurker(0)
    name = await granted(stage, alice, "EnableMobility=false")
    values = {"userAgent": "x", "endpointId": "x", "culture": "en-US"}
    refused = await alice.write("POST", alice.session.applications, "applications", values)
    reason = alice.reason(refused)
    if (refused.status, reason.subcode) != (403, "MobileApplicationNoLongerAllowed"):
        raise Stopped(f"applications without mobility answers {refused.status} {reason.subcode}")
    await alice.register(2, type="Browser")
    await stage.operate("policy", "remove", name)


SCENARIOS = (
    Scenario("policy: what is published", published, ours_only=True),
    Scenario("policy: no calls over IP", without_calls, ours_only=True),
    Scenario("policy: calls outside of Wi-Fi", wifi, ours_only=True),
    Scenario("policy: no mobile client", not_mobile, ours_only=True),
)
