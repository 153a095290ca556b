"""What clients are told of calls that ring where their callee has said."""

from typing import Any

from mobility.domain.call_rows import Wanted
from mobility.media.offers import read_description
from tests.ucwa.service import Client, Told, converted, uri
from tests.ucwa.test_calls import ANSWER, OFFER, CallTestCase

ROOT = "me/callForwardingSettings"
RING = f"{ROOT}/simultaneousRingSettings"
FORWARD = f"{ROOT}/immediateForwardSettings"
UNANSWERED = f"{ROOT}/unansweredCallSettings"


class ForwardedCallTests(CallTestCase):
    """Alice calls Bob, who has Enterprise Voice and Carol as his delegate and team."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        await self.service.let_call("bob")
        front_end = self.service.front_end
        await front_end.delegates.add_delegate(uri("bob"), uri("carol"))
        await front_end.delegates.add_to_team(uri("bob"), uri("carol"))
        self.carol = await self.device("carol")
        await self.bob.events()

    async def set(self, action: str, body: object = None) -> None:
        """Bob says where his calls go, and has heard of it."""
        self.accepted(await self.bob.post(action, body), 204)
        await self.bob.events()

    async def answer(self, client: Client, invitation: dict[str, Any]) -> None:
        accept = invitation["_links"]["acceptWithAnswer"]["href"]
        self.accepted(await self.post_sdp(client, f"{accept}?sessionContext=his", ANSWER), 204)

    def completed(self, told: list[Told]) -> Told:
        (found,) = self.of(told, "audioVideoInvitation", "completed")
        return found

    async def test_forwarded(self) -> None:
        """Carol is told who sent the call on and for whom it was; the caller, that it was."""
        await self.set(f"{FORWARD}/immediateForwardToContact", {"target": uri("carol")})
        location = self.accepted(await self.start(self.alice), 201)
        invitation = await self.rung(self.carol)
        links = invitation["_links"]
        self.assertEqual(
            (uri("bob"), f"{self.carol.href}/people/bob@example.test"),
            (invitation["to"], links["forwardedBy"]["href"]),
        )
        contact = await self.carol.document(links["forwardedBy"]["href"])
        self.assertEqual(uri("bob"), contact["uri"])
        self.assertNotIn("delegator", links)
        shown = await self.alice.document(location)
        self.assertEqual("Forwarded", shown["state"])
        self.assertIn("cancel", shown["_links"])
        await self.answer(self.carol, invitation)
        resource = self.completed(await self.alice.events()).resource
        (taken,) = resource["_embedded"]["acceptedByParticipant"]
        self.assertEqual(uri("carol"), taken["uri"])
        self.assertIn("derivedConversation", resource["_links"])

    async def test_transferred(self) -> None:
        """Who is called because somebody transferred the caller is told who did."""
        front_end = self.service.front_end
        line = front_end.conversations.lines.open(uri("alice"), "Alice", lambda _: None)
        offer = read_description(OFFER)
        wanted = Wanted(uri("bob"), ("Audio", "Video"), offer, transferred_by=uri("carol"))
        await front_end.calls.start(line, wanted, self.clock.seconds())
        links = (await self.rung(self.bob))["_links"]
        contact = await self.bob.document(links["transferredBy"]["href"])
        self.assertEqual(uri("carol"), contact["uri"])

    async def test_networks(self) -> None:
        """A caller from the telephone network or one that does not say who it is is of no network,
        somebody of another domain is federated; who is none of these has no contact."""
        front_end = self.service.front_end
        for caller, network in (
            (uri("alice"), "SameEnterprise"),
            ("sip:dora@partner.test", "Federated"),
            ("tel:+14255550199", "Everyone"),
            ("sip:unknown@unknown.invalid", "Everyone"),
        ):
            line = front_end.conversations.lines.open(caller, "Caller", lambda _: None)
            wanted = Wanted(uri("bob"), ("Audio", "Video"), read_description(OFFER))
            begun = await front_end.calls.start(line, wanted, self.clock.seconds())
            invitation = await self.rung(self.bob)
            shown = invitation["_embedded"]["from"]
            self.assertEqual((caller, network), (shown["uri"], shown["sourceNetwork"]))
            self.assertEqual("contact" in shown["_links"], network != "Everyone")
            again = await self.bob.document(shown["_links"]["self"]["href"])
            self.assertEqual(network, again["sourceNetwork"])
            read = await self.bob.document(invitation["_links"]["self"]["href"])
            self.assertEqual(network, read["_embedded"]["from"]["sourceNetwork"])
            await front_end.conversations.cancel(line, begun.id, self.clock.seconds())
            await self.bob.events()

    async def test_delegate_answers(self) -> None:
        """A delegate is told for whom it rings; who was called, who took the call."""
        await self.set(f"{RING}/simultaneousRingToDelegates")
        self.accepted(await self.start(self.alice), 201)
        rings = await self.rung(self.bob)
        self.assertNotIn("delegator", rings["_links"])
        invitation = await self.rung(self.carol)
        delegator = invitation["_links"]["delegator"]["href"]
        self.assertEqual(uri("bob"), (await self.carol.document(delegator))["uri"])
        self.assertNotIn("forwardedBy", invitation["_links"])
        await self.answer(self.carol, invitation)
        completed = self.completed(await self.bob.events())
        self.assertEqual("Failure", completed.status)
        taken = completed.resource["_links"]["acceptedByContact"]
        self.assertEqual("Carol Çelik", taken["title"])
        self.assertEqual(uri("carol"), (await self.bob.document(taken["href"]))["uri"])
        self.assertNotIn("acceptedByParticipant", completed.resource.get("_embedded", {}))

    async def test_team_later(self) -> None:
        """The team rings after its delay, and the caller sees it."""
        await self.set(f"{RING}/simultaneousRingToTeam", {"ringDelay": 10})
        location = self.accepted(await self.start(self.alice), 201)
        await self.rung(self.bob)
        self.clock.advance(11)
        await self.service.settle()
        await self.rung(self.carol)
        self.assertEqual("TeamRing", (await self.alice.document(location))["state"])
        await self.alice.events()

    async def test_unanswered(self) -> None:
        """Bob's client stops ringing when the call goes on, and is told so."""
        await self.set(
            f"{UNANSWERED}/unansweredCallToContact", {"target": uri("carol"), "ringDelay": 10}
        )
        self.accepted(await self.start(self.alice), 201)
        rang = await self.rung(self.bob)
        self.clock.advance(11)
        await self.service.settle()
        completed = self.completed(await self.bob.events())
        self.assertEqual("Forwarded", completed.event["reason"]["subcode"])
        gone = await self.bob.get(rang["_links"]["self"]["href"])
        self.refused(gone, 404, "NotFound", "ResourceNotFound")
        await self.answer(self.carol, await self.rung(self.carol))

    async def test_declined(self) -> None:
        """Who declines on its only client leaves the call to whom it would go to unanswered."""
        await self.set(f"{UNANSWERED}/unansweredCallToContact", {"target": uri("carol")})
        self.accepted(await self.start(self.alice), 201)
        rings = await self.rung(self.bob)
        decline = rings["_links"]["decline"]["href"]
        self.accepted(await self.bob.post(decline, {"reason": "Local"}), 204)
        self.clock.advance(1)
        await self.service.settle()
        await self.rung(self.carol)

    async def test_declined_for_good(self) -> None:
        """Who declines globally ends the call."""
        await self.set(f"{UNANSWERED}/unansweredCallToContact", {"target": uri("carol")})
        self.accepted(await self.start(self.alice), 201)
        rings = await self.rung(self.bob)
        decline = rings["_links"]["decline"]["href"]
        self.accepted(await self.bob.post(decline, {"reason": "Global"}), 204)
        completed = self.completed(await self.alice.events())
        self.assertEqual("Declined", completed.event["reason"]["subcode"])

    async def test_messages(self) -> None:
        """Invitations to messages are not forwarded."""
        await self.set(f"{FORWARD}/immediateForwardToContact", {"target": uri("carol")})
        href = await self.talk(self.alice, self.bob, "Hello")
        self.assertTrue(converted(href, self.alice, self.bob))
