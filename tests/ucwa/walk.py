"""One resource of each declared kind, found as clients find them: along the links."""

import re

from mobility.ucwa.declaration import Resource
from mobility.ucwa.resources import RESOURCES
from tests.ucwa.service import Client, UcwaTestCase, uri

HREF = re.compile(r'"href":"(/[^"]+)"')


async def one_of_each(test: UcwaTestCase, alice: Client, bob: Client) -> dict[str, str]:
    """Where Alice has a resource of each rel: Bob talks to her and rings, she watches him, has a
    group of her own and a meeting with an extension, and her calls ring at her delegate too."""
    messaging = await test.talk(alice, bob, "Hello")
    rung = {"to": uri("alice"), "operationId": "ringing"}
    await bob.post("communication/messagingInvitations", rung)
    (ringing, *_) = await alice.events()
    await test.service.let_call("alice")
    await test.service.front_end.delegates.add_delegate(alice.uri, uri("carol"))
    await test.service.front_end.delegates.add_to_team(alice.uri, uri("carol"))
    settings = "me/callForwardingSettings/simultaneousRingSettings"
    await alice.post(f"{settings}/simultaneousRingToDelegates")
    await alice.post("people/groups", {"displayName": "Sales"})
    (sales, *_) = (await alice.document("people/groups"))["_embedded"]["group"]
    made = [
        await alice.post("people/presenceSubscriptions", {"duration": 30, "uris": [uri("bob")]}),
        await alice.post("onlineMeetings/myOnlineMeetings", {"subject": "Plans"}),
    ]
    meeting = made[-1].header("Location") or ""
    extension = {"id": "1", "type": "RoamedParticipantData"}
    made.append(await alice.post(f"{meeting}/extensions", extension))
    bob_seen = f"{alice.href}/people/bob@example.test"
    places = {
        "group": sales["_links"]["self"]["href"],
        "contactPrivacyRelationship": f"{bob_seen}/privacyRelationship",
    }
    shown = b"".join(response.body for response in made).decode()
    created = [response.header("Location") or "" for response in made]
    first = [alice.href, messaging, ringing.href, *created]
    await _walk(alice, places, [*first, *HREF.findall(shown)])
    return places


async def _walk(client: Client, places: dict[str, str], hrefs: list[str]) -> None:
    """Note the first of `hrefs` that leads to each kind of resource, and read it for more."""
    for href in hrefs:  # which grows
        for resource in _at(href.removeprefix(client.href).partition("?")[0].strip("/")):
            if resource.rel not in places:
                places[resource.rel] = href
                if any(one.method == "GET" and not one.may_park for one in resource.operations):
                    response = await client.get(href)
                    hrefs += HREF.findall(response.body.decode(errors="replace"))


def _at(path: str) -> list[Resource]:
    """The resources at a path below the application, those with the most literal path."""
    found = [resource for resource in RESOURCES if _pattern(resource).fullmatch(path)]
    variables = min((resource.path.count("{") for resource in found), default=0)
    return [resource for resource in found if resource.path.count("{") == variables]


def _pattern(resource: Resource) -> re.Pattern[str]:
    parts = [
        "[^/]+" if part.startswith("{") else re.escape(part) for part in resource.path.split("/")
    ]
    return re.compile("/".join(parts))
