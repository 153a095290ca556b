"""The declarations against the public reference: what is offered is what the pages describe.

`data/catalogue.json` holds the facts of the reference pages (OfficeDev/skype-docs, `Skype/UCWA`),
resource by resource.  Each place where the declarations differ on purpose is in a table below
with its reason; an entry that is no deviation any more fails too.
"""

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from mobility.config.media import MediaConfig, MediaRelayConfig
from mobility.config.meetings import DialInRegion, MeetingsConfig
from mobility.domain.history import PastCall, Recipient
from mobility.domain.ledger import Unit
from mobility.domain.records import DistributionGroup
from mobility.testing import MemoryResponse
from mobility.ucwa import resources as tree
from mobility.ucwa.declaration import Operation, Resource
from mobility.ucwa.documents import PUT_TOKEN_VALUE
from mobility.ucwa.history import PAGE_TRANSCRIPTS
from mobility.ucwa.hrefs import APPLICATIONS, REFERENCE_APPLICATIONS, data_uri
from mobility.ucwa.resources import PRIORITIES
from tests.descriptions import sdp
from tests.ucwa.service import MOBILE, OUTSIDE, Client, Told, UcwaTestCase, converted, uri

CATALOGUE = json.loads(Path(__file__).with_name("data").joinpath("catalogue.json").read_text())

EXTENSION = "mobility:"
"""What the rels of our own begin with; they have no page."""

RESOURCES = [one for one in tree.RESOURCES if not one.rel.startswith(EXTENSION)]

Page = dict[str, Any]

METHODS = {
    ("participants", "GET"): "the page describes a link only, whose target must show something",
    ("typingParticipants", "GET"): "the page describes events only; messaging links to it",
}
"""Methods offered beyond the pages."""

SUCCESS = {
    ("makeMeAvailable", "POST"): "204 to who does not ask for revision 2, as on the task pages",
    ("presenceSubscription", "POST"): "the task page shows 200, and nothing is created",
}
"""Success codes other than the reference's."""

UNKNOWN_PARAMETERS = {
    ("communication", "PUT", "videoBasedScreenSharing"): "belongs to calls, which are not built",
}
"""Documented parameters that are ignored."""

MORE_PARAMETERS = {
    ("nextConversationLogTranscripts", "GET", "after"): "part of the server's own links",
    ("addParticipant", "POST", "conversation"): "in the query of the task pages' path",
    ("application", "DELETE", "instanceId"): 'UCWA "Multi-Tab Support"',
    ("events", "GET", "ack"): "part of the server's own links",
    ("myContacts", "GET", "groupId"): "groupContacts on the task pages' path",
    ("presenceSubscriptions", "POST", "groupId"): "subscribeToGroupPresence on that path",
    ("presenceSubscriptionMemberships", "GET", "presenceSubscriptionId"): "the server's own link",
    ("presenceSubscriptionMemberships", "POST", "presenceSubscriptionId"): "the server's own link",
    ("reportMyNetwork", "POST", "bearer"): "our extension: what the Wi-Fi rules need to know",
}
"""Parameters beyond the resource's own page."""

EVENTS = {
    ("message", "completed"): "the task pages and clients have it so; the reference says started",
    ("audioVideoInvitation", "completed"): "as onlineMeetingInvitation",
    ("applicationSharingRenegotiation", "completed"): "as onlineMeetingInvitation",
    ("audioVideoRenegotiation", "completed"): "as onlineMeetingInvitation",
    ("delegatesGroup", "added"): "documented on myGroups",
    ("distributionGroup", "added"): "documented on myGroups",
    ("distributionGroup", "deleted"): "documented on myGroups",
    ("myOrganizationGroup", "added"): "documented on myGroups",
    ("myOrganizationGroup", "updated"): "documented on myGroups",
    ("group", "added"): "documented on myGroups",
    ("group", "deleted"): "documented on myGroups",
    ("onlineMeetingInvitation", "completed"): "the operation page: every operation has one",
    ("participantInvitation", "completed"): "as onlineMeetingInvitation",
    ("phoneAudioInvitation", "completed"): "as onlineMeetingInvitation",
}
"""Events other than those on the resource's own page."""

PATHS = {
    "cancel": "its wire path is that of stopMessaging, which serves both",
    "localParticipant": "is served by participant",
    "myAssignedOnlineMeeting": "a fixed word for the id: the meeting is made when first read",
    "startOnlineMeeting": "its wire path is that of joinOnlineMeeting, which serves both",
}
"""Resources whose path is not the task pages'."""

REFERENCE_PATHS = {
    "addVideo": "the reference's sample path names no conversation",
    "answer": "the reference's sample path names no renegotiation",
    "applicationSharer": "is served by participant",
    "applicationSharingRenegotiation": "as answer",
    "audioVideoInvitation": "as onlineMeetingInvitation",
    "audioVideoRenegotiation": "as answer",
    "audioVideoSession": "as addVideo; other pages link to it where it is",
    "dismiss": "as answer",
    "distributionGroup": "the reference's sample path names no group",
    "expandDistributionGroup": "as distributionGroup",
    "audioTranscript": "the reference's sample path names neither a log nor a transcript",
    "continueAudio": "as continueMessaging",
    "continueAudioVideo": "as continueMessaging",
    "continueMessaging": "the reference's sample path names no log",
    "continueVideo": "as continueMessaging",
    "conversationLog": "as continueMessaging",
    "conversationLogRecipient": "as continueMessaging",
    "conversationLogTranscript": "as audioTranscript",
    "conversationLogTranscripts": "as continueMessaging",
    "errorTranscript": "as audioTranscript",
    "markAsRead": "as continueMessaging",
    "messageTranscript": "as audioTranscript",
    "nextConversationLogTranscripts": "as continueMessaging",
    "group": "the reference's sample path names no group",
    "groupMemberships": "as group",
    "changeNumber": "the reference's sample path names no phone",
    "changeVisibility": "as changeNumber",
    "localParticipant": "is served by participant",
    "videoLockedOnParticipant": "is served by participant",
    "myAssignedOnlineMeeting": "as on the task pages' path",
    "myGroupMembership": "the reference's sample path names no membership",
    "myPrivacyRelationship": "the reference's sample path names no level",
    "onlineMeetingExtension": "the reference's sample path names no extension",
    "onlineMeetingInvitation": "is served there by messagingInvitation, as are all invitations",
    "participantInvitation": "as onlineMeetingInvitation",
    "phone": "the reference's sample path names no phone",
    "continuePhoneAudio": "the reference's sample path names no log",
    "phoneAudio": "the reference's sample path names no conversation",
    **dict.fromkeys(
        ("addPhoneAudio", "holdPhoneAudio", "resumePhoneAudio", "stopPhoneAudio"), "as phoneAudio"
    ),
    "phoneAudioInvitation": "as onlineMeetingInvitation",
    "presenceSubscription": "the reference's sample path names no subscription",
    "presenceSubscriptionMembership": "the sample has a literal id; the shape is the same",
}
"""Resources that are not served on the path of their reference page."""

PLACES = {"localParticipant": "participant"}
"""Rels of an `in` link that stand for the declared one."""

EVENT_TARGETS = {
    "audioVideoSessions": "audioVideoSession",
    "attendees": "participant",
    "leaders": "participant",
    "lobby": "participant",
    "myContacts": "contact",
    "subscribedContacts": "contact",
    "typingParticipants": "participant",
}
"""Collections whose events are about what enters or leaves them."""

PROPERTIES = {("message", "mobility:delivery")}
"""Properties shown beyond the page: our extension."""

LINKS = {
    ("defaultGroup", "groupMemberships"),
    ("group", "groupMemberships"),
    ("invitations", "messagingInvitation"),
    ("myGroupMemberships", "removeContactFromAllGroups"),
    ("participants", "self"),
    ("pinnedGroup", "groupMemberships"),
    ("typingParticipants", "self"),
    ("typingParticipants", "participant"),
}
"""Links shown beyond the page: those of the two resources that pages name as links only, those to
resources that no page links to, and to the invitations that `invitations` is the collection of."""

EMBEDDED = {
    ("myGroups", "defaultGroup"),
    ("myGroups", "delegatesGroup"),
    ("myGroups", "delegatorsGroup"),
    ("myGroups", "myOrganizationGroup"),
    ("myGroups", "pinnedGroup"),
}
"""Resources embedded beyond the page: the concept pages embed these, the reference links them."""


def page(resource: Resource) -> Page:
    """The reference page of a resource, in the declared revision."""
    (found,) = [
        one
        for one in CATALOGUE["resources"]
        if (one["rel"], one["revision"]) == (resource.rel, resource.revision)
    ]
    return dict(found)


def documented(resource: Resource, operation: Operation) -> Page:
    """The page's entry for an operation, an empty one if it has none."""
    if resource.rel.startswith(EXTENSION):
        return {"success": [], "parameters": {}}
    for one in page(resource)["operations"]:
        if one["method"] == operation.method:
            return dict(one)
    return {"success": [], "parameters": []}


def operations() -> Iterator[tuple[Resource, Operation]]:
    for resource in RESOURCES:
        for operation in resource.operations:
            yield resource, operation


def shape(path: str) -> str:
    """A path with its parameters made anonymous and without a query."""
    return re.sub(r"\{[^}]*\}", "{}", path.partition("?")[0])


class OperationTests(SynchronousTestCase):
    """rel, methods, success codes, parameters and paths."""

    maxDiff = None

    def test_methods(self) -> None:
        """Every rel has a page, and every method is on it."""
        beyond = {
            (resource.rel, operation.method)
            for resource, operation in operations()
            if not documented(resource, operation)["success"]
        }
        self.assertEqual(beyond, set(METHODS))

    def test_success(self) -> None:
        """Every operation succeeds with the documented code."""
        other = {
            (resource.rel, operation.method)
            for resource, operation in operations()
            if list(operation.success) != documented(resource, operation)["success"]
        }
        self.assertEqual(other - set(METHODS), set(SUCCESS))

    def test_parameters(self) -> None:
        """Every documented parameter is known, and every known one is documented."""
        known = {
            (resource.rel, operation.method, name)
            for resource, operation in operations()
            for name in operation.parameters
        }
        on_pages = {
            (resource.rel, operation.method, name)
            for resource, operation in operations()
            for name in documented(resource, operation)["parameters"]
        }
        self.assertEqual(on_pages - known, set(UNKNOWN_PARAMETERS))
        self.assertEqual(known - on_pages, set(MORE_PARAMETERS))

    def test_paths(self) -> None:
        """The path is the task pages', where one of them shows it."""
        other = {
            resource.rel
            for resource in RESOURCES
            if page(resource)["wire_path"] is not None
            and shape(f"{APPLICATIONS}/{{}}/{resource.path}") != shape(page(resource)["wire_path"])
        }
        self.assertEqual(other, set(PATHS))

    def test_reference_paths(self) -> None:
        """The reference page's path leads to the resource too."""
        other = set()
        for resource in RESOURCES:
            reference = page(resource)["reference_path"]
            paths = (resource.path, *resource.aliases)
            served = {shape(f"{REFERENCE_APPLICATIONS}/{{}}/{path}".rstrip("/")) for path in paths}
            if reference is not None and shape(reference) not in served:
                other.add(resource.rel)
        self.assertEqual(other, set(REFERENCE_PATHS))

    def test_no_path_twice(self) -> None:
        """No two resources offer one method on one path."""
        offered = [
            (operation.method, shape(path).lower())
            for resource, operation in operations()
            for path in (resource.path, *resource.aliases)
        ]
        self.assertEqual(sorted(offered), sorted(set(offered)))


class EventTests(SynchronousTestCase):
    """Which events there are, who sends them and how urgent they are."""

    def test_events(self) -> None:
        """Type, sender and priority of every event are its page's."""
        other = set()
        for resource in RESOURCES:
            for event in resource.events:
                target = event.about or EVENT_TARGETS.get(resource.rel, resource.rel)
                on_page = {
                    (one["type"], one["sender"], one["priority"].upper())
                    for one in page(resource)["events"]
                    if one["resource"] == target
                }
                if (event.type, event.sender, event.priority.name) not in on_page:
                    other.add((resource.rel, event.type))
        self.assertEqual(other, set(EVENTS))

    def test_places(self) -> None:
        """Where a page or a trace names what an event is in, the declaration does too."""
        for shown in CATALOGUE["events_of_task_pages"]:
            declared = [
                event
                for resource in RESOURCES
                for event in resource.events
                if event.type == shown["type"] and resource.rel == shown["resource"]
            ]
            for event in declared:
                self.assertEqual(event.sender, shown["sender"])
                if event.within:
                    self.assertIn(event.within, shown["in"])

    def test_priorities(self) -> None:
        """Each subject and type has one priority."""
        declared = [key for resource in tree.RESOURCES for key in resource.events_by_key]
        self.assertEqual(sorted(declared), sorted(set(declared)))
        self.assertEqual(set(PRIORITIES), set(declared))


class ShownTests(UcwaTestCase):
    """What the documents hold, in a front end where everything happens once."""

    maxDiff = None
    meetings = MeetingsConfig(dial_in=(DialInRegion("Redmond", "+14255550100", ("en-US",)),))
    media = MediaConfig((MediaRelayConfig("turn.example.test"),))

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.told: list[Told] = []

    async def test_documents(self) -> None:
        """Properties, links and embedded resources are those of the pages."""
        shown = await self.everything()
        pages: dict[str, Page] = {}
        for one in CATALOGUE["resources"]:
            for kind in ("properties", "links", "embedded"):
                pages.setdefault(one["rel"], {}).setdefault(kind, set()).update(one[kind])
        properties: set[tuple[str, str]] = set()
        links: set[tuple[str, str]] = set()
        embedded: set[tuple[str, str]] = set()
        for document in shown:
            rel = document["rel"]
            if rel.startswith(EXTENSION):
                continue
            on_page = pages[rel]
            own = {
                name
                for name, value in document.items()
                if name not in ("rel", "etag", "_links", "_embedded") and value != PUT_TOKEN_VALUE
            }
            properties |= {(rel, name) for name in own - on_page["properties"]}
            targets = {name for name in document["_links"] if not name.startswith(EXTENSION)}
            allowed = on_page["links"] | on_page["properties"] | on_page["embedded"]
            links |= {(rel, name) for name in targets - allowed}
            inner = set(document.get("_embedded", ()))
            embedded |= {(rel, name) for name in inner - on_page["embedded"]}
        self.assertEqual(properties, PROPERTIES)
        self.assertEqual(links, LINKS)
        self.assertEqual(embedded, EMBEDDED)
        seen = {document["rel"] for document in shown}
        readable = {r.rel for r in RESOURCES if any(o.method == "GET" for o in r.operations)}
        self.assertEqual(
            readable - seen - {"events", "contactPhoto", "expandDistributionGroup"}, set()
        )

    async def test_told(self) -> None:
        """Every event that is sent is declared with that sender, type and place."""
        await self.everything()
        declared = {
            key: event
            for resource in tree.RESOURCES
            for key, event in resource.events_by_key.items()
        }
        for event in self.told:
            subject = f"{event.within} {event.rel}"
            rel = event.within if event.within in EVENT_TARGETS else event.rel
            rel = subject if (subject, event.type) in declared else rel
            expected = declared[rel, event.type]
            self.assertEqual(event.sender, expected.sender, event)
            place = PLACES.get(event.within, event.within)
            self.assertEqual(place, expected.within, event)
        kinds = {(event.rel, event.type) for event in self.told}
        self.assertGreater(len(kinds), 15)

    async def tell(self, client: Client) -> list[Page]:
        """Take the next events; the resources embedded in them."""
        told = await client.events()
        self.told += told
        return [event.resource for event in told if event.shown is not None]

    async def everything(self) -> list[Page]:
        """Every resource that two people who talk and watch one another are shown."""
        alice = await self.service.sign_in("alice", InstanceId="tab", Type="Browser")
        bob = await self.service.sign_in("bob")
        found: list[Page] = []
        body = {"duration": 10, "uris": [uri("bob"), uri("carol")]}
        subscribed = await alice.post("people/presenceSubscriptions", body)
        found += resources(subscribed.json())
        found += await self.listed(alice)
        found += await self.tell(bob)
        found += await self.scheduled(alice)
        found += await self.forwarded(alice)
        links = {"message": {"href": "data:text/plain,Hello"}}
        body = {"to": uri("bob"), "operationId": "1", "subject": "S", "_links": links}
        invited = await alice.post("communication/messagingInvitations", body)
        found += await self.read(alice, invited.header("Location") or "")
        found += await self.read(alice, f"{alice.href}/communication/invitations")
        messages = await self.answered(alice, bob, found)
        for client, messaging in messages:
            await client.send(messaging, "text")
            await client.post(f"{messaging}/typing")
        found += await self.meeting(alice, bob)
        found += await self.calling(alice, bob)
        for client, messaging in messages:
            conversation = messaging.rpartition("/")[0]
            for path in ("", "/participants", "/participants/bob@example.test"):
                found += await self.read(client, conversation + path)
            person = f"{conversation}/participants/bob@example.test"
            found += await self.read(client, f"{person}/messaging")
            for path in ("", "/messages/2", "/typingParticipants"):
                found += await self.read(client, messaging + path)
            found += await self.tell(client)
            found += await self.walk(client)
        found += await self.telephoned(alice, messages[0][1])
        await bob.post(f"{messages[1][1]}/terminate")
        for client in (alice, bob):
            found += await self.tell(client)
        return found + await self.past(alice)

    async def past(self, client: Client) -> list[Page]:
        """What the client's user has in the history: a long conversation of which a message is
        lost, and a call."""
        unit = Unit()
        call = PastCall("call", "Incoming", Recipient(uri("bob")), 0.0, missed=True)
        self.service.front_end.past.history.record_call(unit, uri(client.name), call, 1.0)
        await self.service.front_end.store.ledger.commit(unit)
        long = await self.talk(client, await self.service.sign_in("bob", EndpointId="desk"))
        for _ in range(PAGE_TRANSCRIPTS + 1):
            await client.send(long, "text")
        await client.post(f"{long}/terminate")
        await self.service.lose_message(long.split("/")[-2], 1)
        found: list[Page] = []
        logs = await client.document("communication/conversationLogs")
        for link in logs["_links"]["conversationLog"]:
            (log, *recipients) = await self.read(client, link["href"])
            found += [log, *recipients]
            for one in recipients:
                found += await self.read(client, one["_links"]["self"]["href"])
            href = log["_links"]["conversationLogTranscripts"]["href"]
            while href:
                (page, *transcripts) = await self.read(client, href)
                found += [page, *transcripts]
                for one in transcripts[-4:] + transcripts[:4]:
                    found += await self.read(client, one["_links"]["self"]["href"])
                following = page["_links"].get("nextConversationLogTranscripts", {})
                href = following.get("href", "")
        return found + await self.tell(client)

    async def telephoned(self, client: Client, messaging: str) -> list[Page]:
        """A call by telephone from a conversation, and one that is held."""
        await self.service.let_phone("alice")
        audio = messaging.rpartition("/")[0] + "/phoneAudio"
        found = await self.read(client, audio) + await self.tell(client)
        called = await client.post("communication/phoneAudioInvitations", {"to": OUTSIDE})
        href = called.header("Location") or ""
        found += await self.read(client, href)
        for number in (MOBILE["alice"], OUTSIDE):
            self.service.telephones.to(number).answers()
            await self.service.follow()
        found += await self.tell(client)
        (invitation,) = [one for one in found if one["_links"]["self"]["href"] == href][:1]
        audio = invitation["_links"]["phoneAudio"]["href"]
        await client.post(f"{audio}/holdPhoneAudio")
        found += await self.read(client, audio)
        await client.post(f"{audio}/stopPhoneAudio")
        return found + await self.tell(client)

    async def listed(self, client: Client) -> list[Page]:
        """Bob and Carol in groups of the contact list, and changes the client hears of."""
        subscription = "people/contactsAndGroupsSubscription"
        start = f"{subscription}/startOrRefreshSubscriptionToContactsAndGroups?duration=10"
        found = resources((await client.post(start)).json())
        await client.post("people/groups", {"displayName": "Sales"})
        (sales,) = (await client.document("people/groups"))["_embedded"]["group"]
        for name, group in (("bob", sales["id"]), ("carol", "pinned"), ("carol", "default")):
            body = {"contactUri": uri(name), "groupId": group}
            added = await client.post("people/groupMemberships", body)
            found += await self.read(client, added.header("Location") or "")
        found += await self.read(client, sales["_links"]["groupMemberships"]["href"])
        front_end = self.service.front_end
        lunch = DistributionGroup(uri("lunch"), "Lunch", f"{uri('bob')} {uri('team')}", "", "")
        team = DistributionGroup(uri("team"), "Team", uri("carol"), "", "")
        for group in (lunch, team):
            await front_end.distribution_groups.put(group)
        (listing,) = (await client.document("people/search?query=lunch"))["_embedded"][
            "distributionGroup"
        ]
        await client.post(listing["_links"]["addToContactList"]["href"])
        for rel in ("self", "expandDistributionGroup"):
            found += await self.read(client, listing["_links"][rel]["href"])
        await front_end.distribution_groups.put(attrs.evolve(lunch, name="Dinner"))
        for name in ("bob", "carol"):
            await front_end.delegates.add_delegate(uri("alice"), uri(name))
            await front_end.delegates.add_delegate(uri(name), uri("alice"))
        now = self.clock.seconds()
        for manager in ("carol", "bob"):
            manages = partial(attrs.evolve, manager=uri(manager))
            await front_end.users.update(uri("alice"), manages, now)
        found += resources(await client.document("people/groups"))
        for name in ("bob", "carol"):
            await front_end.delegates.remove_delegate(uri(name), uri("alice"))
        await client.post("people/groups/removeFromContactList", {"groupId": "lunch@example.test"})
        found += await self.tell(client)
        await client.delete(sales["_links"]["self"]["href"])
        await client.post("people/groups", {"displayName": "Support"})
        found += await self.tell(client)
        return found

    async def forwarded(self, client: Client) -> list[Page]:
        """Calls of a user with Enterprise Voice ring at a number, too."""
        await self.service.let_call("alice")
        root = "me/callForwardingSettings"
        setting = f"{root}/simultaneousRingSettings"
        await client.post(f"{setting}/simultaneousRingToContact", {"target": "+14255550199"})
        found = await self.read(client, f"{setting}/contact")
        for path in ("immediateForward", "simultaneousRing", "unansweredCall"):
            found += await self.read(client, f"{root}/{path}Settings")
        return [*found, *await self.read(client, root), *await self.tell(client)]

    async def scheduled(self, client: Client) -> list[Page]:
        """A meeting with an extension, and how to dial into it."""
        created = await client.post("onlineMeetings/myOnlineMeetings", {"subject": "Plans"})
        meeting = created.header("Location") or ""
        extensions = f"{meeting}/extensions"
        added = await client.post(extensions, {"id": "1", "type": "RoamedParticipantData"})
        found = await self.read(client, meeting)
        for href in (extensions, added.header("Location") or ""):
            found += await self.read(client, href)
        return found + await self.read(client, "onlineMeetings/phoneDialInInformation/Redmond")

    async def meeting(self, alice: Client, bob: Client) -> list[Page]:
        """Alice asks Bob into a conference; Carol waits in the lobby and Bob becomes a leader."""
        joins = "communication/onlineMeetingInvitations"
        made = await alice.post("onlineMeetings/myOnlineMeetings", {"accessLevel": "Locked"})
        meeting_uri = made.json()["onlineMeetingUri"]
        joined = await alice.post(joins, {"onlineMeetingUri": meeting_uri, "operationId": "2"})
        invitation = await self.read(alice, joined.header("Location") or "")
        found = [*invitation, *await self.tell(alice)]
        conversation = invitation[0]["_links"]["conversation"]["href"]
        add = f"communication/participantInvitations?conversation={conversation.rpartition('/')[2]}"
        asked = await alice.post(add, {"to": uri("bob"), "operationId": "3"})
        found += await self.read(alice, asked.header("Location") or "")
        rung = await self.tell(bob)
        accept = next(one["_links"]["accept"]["href"] for one in rung if "accept" in one["_links"])
        await bob.post(accept)
        carol = await self.service.sign_in("carol")
        await carol.post(joins, {"onlineMeetingUri": meeting_uri})
        at_bob = converted(conversation, alice, bob)
        for client, own in ((alice, conversation), (bob, at_bob)):
            await client.post(f"{own}/messaging/addMessaging")
        await bob.send(f"{at_bob}/messaging", "Hello, all")
        lobby = await alice.document(f"{conversation}/lobby")
        found += [*rung, *resources(lobby)]
        for name, act in (("bob", "promote"), ("bob", "demote"), ("carol", "admit")):
            await alice.post(f"{conversation}/participants/{name}@example.test/{act}")
        await alice.post(f"{conversation}/messaging/disableAudienceMessaging")
        views = ("onlineMeeting", "leaders", "attendees", "participants", "messaging/messages")
        views += ("applicationSharing", "dataCollaboration")
        for path in ("", "/participants/bob@example.test", *(f"/{view}" for view in views)):
            found += await self.read(alice, conversation + path)
        found += await self.read(alice, f"{alice.href}/communication/invitations")
        await alice.post(f"{conversation}/participants/carol@example.test/eject")
        found += await self.tell(carol)
        for client, own in ((alice, conversation), (bob, at_bob)):
            found += await self.tell(client)
            await client.delete(own)
            found += await self.tell(client)
        return found

    async def calling(self, alice: Client, bob: Client) -> list[Page]:
        """Alice calls Bob, holds the call and lets it go on; he mutes himself, she hangs up."""
        media = ["Messaging", "Audio", "Video", "ApplicationSharing"]
        body: dict[str, Any] = {"SupportedModalities": media}
        found: list[Page] = []
        for client in (alice, bob):
            shown = await client.document("communication")
            headers = {"If-Match": shown["etag"]}
            await client.request("PUT", "communication", {**shown, **body}, headers=headers)
        links = {"mediaOffer": {"href": data_uri(sdp("audio", "video"), "application/sdp")}}
        body = {"to": uri("bob"), "operationId": "9", "_links": links, "sessionContext": "1"}
        started = await alice.post("communication/startAudioVideo", body)
        location = started.header("Location") or ""
        found += await self.read(alice, location)
        rung = await self.tell(bob)
        links = next(one["_links"] for one in rung if "acceptWithAnswer" in one["_links"])
        for rel in ("sendProvisionalAnswer", "acceptWithAnswer"):
            href = f"{links[rel]['href']}?sessionContext=2&processedOfferId=1"
            await self.sdp(bob, href, "audio", "video")
            found += await self.tell(alice)
        found += [*rung, *await self.read(alice, f"{location}/audioVideoNegotiation")]
        conversation = converted(links["conversation"]["href"], bob, alice)
        audio_video = f"{conversation}/audioVideo"
        session = f"{audio_video}/audioVideoSession"
        hold = ("audio:inactive", "video:inactive")
        offered = await self.sdp(alice, f"{session}/renegotiations?operationId=10", *hold)
        rung = await self.tell(bob)
        links = next(one["_links"] for one in rung if "answer" in one["_links"])
        await self.sdp(bob, links["answer"]["href"], *hold)
        found += [*rung, *await self.read(alice, offered.header("Location") or "")]
        await bob.post(
            f"{converted(conversation, alice, bob)}/participants/bob@example.test"
            "/participantAudio/muteAudio"
        )
        person = f"{conversation}/participants/bob@example.test"
        screen = {"mediaOffer": {"href": data_uri(sdp("applicationsharing"), "application/sdp")}}
        links = {"customContent": {"href": "data:text/plain,7"}, **screen}
        his = converted(conversation, alice, bob)
        for modality in ("applicationSharing", "dataCollaboration"):
            started = await bob.post(f"{his}/{modality}/start", {"_links": links})
            self.assertEqual(started.status, 201, started)
        rung = await self.tell(alice)
        offer = next(one for one in rung if one["rel"] == "applicationSharingRenegotiation")
        found += [*rung, *await self.read(alice, offer["_links"]["self"]["href"])]
        await self.sdp(alice, offer["_links"]["answer"]["href"], "applicationsharing")
        found += await self.tell(bob)
        for href in (
            f"{conversation}/applicationSharing",
            f"{conversation}/dataCollaboration",
            f"{person}/participantApplicationSharing",
            f"{person}/participantDataCollaboration",
            conversation,
            audio_video,
            session,
            f"{audio_video}/sessions",
            f"{alice.href}/communication/audioVideoPolicies",
            person,
            f"{person}/participantAudio",
            f"{person}/participantVideo",
        ):
            found += await self.read(alice, href)
        await alice.post(f"{audio_video}/stopVideo")
        await alice.post(f"{audio_video}/stopAudioVideo")
        for client in (alice, bob):
            found += await self.tell(client)
        return found

    async def sdp(self, client: Client, href: str, *streams: str) -> MemoryResponse:
        text = sdp(*streams).encode()
        response = await client.post(href, body=text, content_type="application/sdp")
        self.assertIn(response.status, (201, 204), response)
        return response

    async def answered(
        self, alice: Client, bob: Client, found: list[Page]
    ) -> list[tuple[Client, str]]:
        """Bob answers; each with its own messaging resource."""
        invitation, *others = await self.tell(bob)
        found += [invitation, *others]
        await bob.post(invitation["_links"]["accept"]["href"])
        sides = []
        for client in (alice, bob):
            shown = await self.tell(client)
            found += shown
            messaging = next(one for one in shown if one["rel"] == "messaging")
            sides.append((client, messaging["_links"]["self"]["href"]))
        return sides

    async def walk(self, client: Client) -> list[Page]:
        """Everything the links of the application lead to, two steps far."""
        found = await self.read(client, client.application["_links"]["self"]["href"])
        paths = {
            link["href"]
            for document in found
            for rel, link in document["_links"].items()
            if rel not in ("self", "events", "batch", "search", "photo", "contactPhoto")
            and isinstance(link, dict)
        }
        paths |= {f"{client.href}/people/search?query=b", f"{client.href}/people/bob@example.test"}
        for path in ("presence", "note", "location", "supportedMedia", "privacyRelationship"):
            paths.add(f"{client.href}/people/bob@example.test/{path}")
        for path in sorted(paths):
            response = await client.get(path)
            if response.status == 200:
                found += resources(response.json())
            else:
                self.assertIn(response.status, (404, 405), (path, response))
        return found

    async def read(self, client: Client, href: str) -> list[Page]:
        return resources(await client.document(href))


def resources(document: Page) -> list[Page]:
    """A resource and all it embeds."""
    found = [document]
    for embedded in document.get("_embedded", {}).values():
        for one in embedded if isinstance(embedded, list) else [embedded]:
            found += resources(one)
    return found
