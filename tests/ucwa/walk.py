"""One resource of each declared kind, found as clients find them: along the links.

Actions that no link shows are found by their declaration, with ids that are there.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from mobility.config.meetings import DialInRegion, MeetingsConfig
from mobility.domain.records import DistributionGroup
from mobility.testing import MemoryResponse
from mobility.ucwa.declaration import Resource
from mobility.ucwa.hrefs import data_uri
from mobility.ucwa.resources import RESOURCES
from tests.descriptions import sdp
from tests.ucwa.service import OUTSIDE, Client, UcwaTestCase, converted, uri
from tests.ucwa.test_call_media import relays

HREF = re.compile(r'"href": ?"(/[^"]+)"')

EVERY_MODALITY = {
    "supportedModalities": ["Messaging", "PhoneAudio", "Audio", "Video", "ApplicationSharing"],
    "supportedMessageFormats": ["Plain", "Html"],
}

SDP = "application/sdp"
MEETINGS = "onlineMeetings/myOnlineMeetings"
JOINS = "communication/onlineMeetingInvitations"
CALLS = "communication/startAudioVideo"


SEVERAL = ("conversation", "participant")
"""Resources that are each read, because they lead to different ones."""


class EverythingTestCase(UcwaTestCase):
    """A front end of which everything is configured that shows resources of its own."""

    meetings = MeetingsConfig(dial_in=(DialInRegion("Redmond", "+14255550100", ("en-US",)),))

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        directory = Path(self.mktemp())
        directory.mkdir()
        self.media = relays(directory)
        await super().setUp()

    async def walk(self) -> tuple[Client, dict[str, str]]:
        """Alice, and where she has one of each kind of resource."""
        alice = await self.service.sign_in("alice", available=False)
        bob = await self.service.sign_in("bob", available=False)
        return alice, await one_of_each(self, alice, bob)


async def one_of_each(test: UcwaTestCase, alice: Client, bob: Client) -> dict[str, str]:
    """Where Alice has a resource of each rel.

    Bob has talked to her and does again, rings, and is in a call with her; she watches him, has a
    group of her own, a meeting with an extension that she leads, in whose lobby Carol waits, and
    delegates; she calls a telephone.  Her application was not made available before, or for
    messages only.
    """
    hrefs = Hrefs(alice)
    await test.service.let_phone("alice", "bob")
    for client in (alice, bob):
        await client.post("me/makeMeAvailable", EVERY_MODALITY)
        await client.events()
    past = await test.talk(alice, bob, "Hello")
    await alice.send(past, "Good bye")
    await alice.post(f"{past}/terminate")
    for client in (alice, bob):
        await client.events()
    hrefs.add(await test.talk(alice, bob, "Hello"))
    await _people(test, alice, bob, hrefs)
    await _calls(alice, bob, hrefs)
    await _meeting(test, alice, bob, hrefs)
    rung = {"to": uri("alice"), "operationId": "ringing"}
    await bob.post("communication/messagingInvitations", rung)
    await hrefs.hear()
    subscriptions = f"{alice.href}/people/presenceSubscriptions"
    device = {"platform": "fcm", "appId": "com.example.app", "token": "A" * 40}
    hrefs.of(await alice.post("me/pushSubscriptions", device))
    chosen = {"group": hrefs.group, "presenceSubscriptions": subscriptions}
    return await _walked(alice, hrefs) | chosen


class Hrefs:
    """Hrefs that a client was shown, in the order in which it was."""

    def __init__(self, client: Client) -> None:
        self.found: list[str] = [client.href]
        self.group = ""
        self._client = client

    def add(self, *hrefs: str) -> None:
        self.found += hrefs

    def of(self, response: MemoryResponse) -> str:
        """What an answer shows; its Location."""
        location = response.header("Location") or ""
        self.add(*filter(None, [location]), *HREF.findall(response.body.decode()))
        return location

    async def hear(self) -> None:
        """What the next events show."""
        for event in await self._client.events():
            self.add(event.href, *HREF.findall(json.dumps(event.shown)))


async def _people(test: UcwaTestCase, alice: Client, bob: Client, hrefs: Hrefs) -> None:
    delegates = test.service.front_end.delegates
    for of, whom in (("alice", "carol"), ("carol", "alice")):
        await delegates.add_delegate(uri(of), uri(whom))
    await delegates.add_to_team(alice.uri, uri("carol"))
    settings = "me/callForwardingSettings/simultaneousRingSettings"
    await alice.post(f"{settings}/simultaneousRingToDelegates")
    await alice.post("people/groups", {"displayName": "Sales"})
    groups = (await alice.document("people/groups"))["_embedded"]["group"]
    hrefs.group = groups[0]["_links"]["self"]["href"]
    member = {"contactUri": uri("bob"), "groupId": groups[0]["id"]}
    hrefs.of(await alice.post("people/groupMemberships", member))
    lunch = DistributionGroup(uri("lunch"), "Lunch", uri("bob"), "", "")
    await test.service.front_end.distribution_groups.put(lunch)
    hrefs.of(await alice.get("people/search?query=lunch"))
    watched = {"duration": 30, "uris": [uri("bob")]}
    hrefs.of(await alice.post("people/presenceSubscriptions", watched))
    hrefs.add(f"{alice.href}/people/bob@example.test/privacyRelationship")
    hrefs.add(f"{alice.href}/people/bob@example.test")


async def _calls(alice: Client, bob: Client, hrefs: Hrefs) -> None:
    offer = {"mediaOffer": {"href": data_uri(sdp("audio", "video"), SDP)}}
    called = {"to": bob.uri, "operationId": "call", "_links": offer}
    hrefs.of(await alice.post(CALLS, called))
    for event in await bob.events():
        accept = (event.shown or {}).get("_links", {}).get("acceptWithAnswer")
        if accept is not None:
            await _describe(bob, accept["href"], 7)
            conversation = event.resource["_links"]["conversation"]["href"]
            await _describe(bob, f"{conversation}/audioVideo/audioVideoSession/renegotiations", 8)
            screen = {"mediaOffer": {"href": data_uri(sdp("applicationsharing"), SDP)}}
            await bob.post(f"{conversation}/applicationSharing/start", {"_links": screen})
            await bob.post(f"{conversation}/dataCollaboration/start")
    await hrefs.hear()
    hrefs.of(await bob.post(CALLS, {**called, "to": alice.uri}))
    await hrefs.hear()
    phoned = {"to": OUTSIDE, "operationId": "phone"}
    hrefs.of(await alice.post("communication/phoneAudioInvitations", phoned))
    await hrefs.hear()


async def _describe(client: Client, href: str, version: int) -> None:
    """POST an offer or an answer."""
    body = sdp("audio", "video", version=version).encode()
    await client.post(href, body=body, content_type=SDP)


async def _meeting(test: UcwaTestCase, alice: Client, bob: Client, hrefs: Hrefs) -> None:
    made = await alice.post(MEETINGS, {"subject": "Plans", "accessLevel": "Locked"})
    meeting = hrefs.of(made)
    extension = {"id": "1", "type": "RoamedParticipantData"}
    hrefs.of(await alice.post(f"{meeting}/extensions", extension))
    meeting_uri = made.json()["onlineMeetingUri"]
    joined = await alice.post(JOINS, {"onlineMeetingUri": meeting_uri, "operationId": "join"})
    invitation = await alice.document(hrefs.of(joined))
    conversation = invitation["_links"]["conversation"]["href"]
    await bob.post(JOINS, {"onlineMeetingUri": meeting_uri})
    await alice.post(f"{conversation}/participants/bob@example.test/admit")
    carol = await test.service.sign_in("carol")
    await carol.post(JOINS, {"onlineMeetingUri": meeting_uri})
    await bob.post(f"{converted(conversation, alice, bob)}/messaging/addMessaging")
    asked = {"to": uri("dave"), "operationId": "ask"}
    add = f"communication/participantInvitations?conversation={conversation.rpartition('/')[2]}"
    hrefs.of(await alice.post(add, asked))
    for path in ("", "/lobby", "/attendees", "/leaders", "/participants"):
        hrefs.add(conversation + path)
    await hrefs.hear()


async def _walked(client: Client, hrefs: Hrefs) -> dict[str, str]:
    """The first href that leads to each kind of resource, each read once for more."""
    places: dict[str, str] = {}
    ids: dict[str, str] = {}
    found = dict.fromkeys(hrefs.found)
    queue = list(found)
    for href in queue:  # which grows
        for resource in _at(href.removeprefix(client.href).partition("?")[0].strip("/")):
            _note(resource, href, client, ids)
            if resource.rel not in places or resource.rel in SEVERAL:
                places.setdefault(resource.rel, href)
                if any(one.method == "GET" and not one.may_park for one in resource.operations):
                    response = await client.get(href)
                    shown = HREF.findall(response.body.decode(errors="replace"))
                    queue += [one for one in shown if one not in found]
                    found |= dict.fromkeys(shown)
    for resource in RESOURCES:
        if resource.rel not in places and resource.operations:
            path = _filled(resource, client, ids)
            if path:
                places[resource.rel] = path
    return places


def _note(resource: Resource, href: str, client: Client, ids: dict[str, str]) -> None:
    """Remember the ids in a path, by the declared path up to each."""
    own = href.removeprefix(client.href).partition("?")[0].strip("/")
    declared = resource.path.split("/")
    for number, (name, value) in enumerate(zip(declared, own.split("/"), strict=True), start=1):
        if name.startswith("{"):
            ids.setdefault("/".join(declared[:number]), value)
            ids.setdefault(name, value)


def _filled(resource: Resource, client: Client, ids: dict[str, str]) -> str:
    """The path of a resource with ids that there are, "" if there are none."""
    declared = resource.path.split("/")
    parts = [
        ids.get("/".join(declared[:number]), ids.get(part, "")) if part.startswith("{") else part
        for number, part in enumerate(declared, start=1)
    ]
    return "/".join((client.href, *parts)) if all(parts) else ""


def _at(path: str) -> Iterable[Resource]:
    """The resources at a path below the application, those with the most literal path."""
    found = [resource for resource in RESOURCES if _pattern(resource).fullmatch(path)]
    variables = min((resource.path.count("{") for resource in found), default=0)
    return [resource for resource in found if resource.path.count("{") == variables]


def _pattern(resource: Resource) -> re.Pattern[str]:
    parts = [
        "[^/]+" if part.startswith("{") else re.escape(part) for part in resource.path.split("/")
    ]
    return re.compile("/".join(parts))
