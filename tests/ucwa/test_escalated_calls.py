"""Calls between two that go over to a conference; the mixer is one in memory."""

from typing import Any

from mobility.testing_mixer import MemoryMixer
from tests.descriptions import sdp
from tests.ucwa.service import Client, converted, uri
from tests.ucwa.test_calls import CallTestCase

AUDIO = sdp("audio")


async def talking(test: CallTestCase) -> str:
    """Alice and Bob in a call with audio alone; Alice's conversation."""
    test.accepted(await test.start(test.alice, "startAudio", AUDIO), 201)
    invitation = await test.rung(test.bob)
    accept = invitation["_links"]["acceptWithAnswer"]["href"]
    test.accepted(await test.post_sdp(test.bob, accept, AUDIO), 204)
    await test.alice.events()
    await test.bob.events()
    href: str = invitation["_links"]["conversation"]["href"]
    return converted(href, test.bob, test.alice)


class EscalationTests(CallTestCase):
    """Alice and Bob in a call, on a front end with a mixer."""

    mixes = True

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        mixer = self.service.mixer
        if mixer is None:
            raise RuntimeError("there is a mixer")
        self.mixer: MemoryMixer = mixer
        self.hers = await talking(self)
        self.his = converted(self.hers, self.alice, self.bob)

    async def links(self, client: Client, conversation: str, path: str = "") -> set[str]:
        return set((await client.document(f"{conversation}{path}"))["_links"])

    async def over(self, client: Client, conversation: str) -> None:
        """One device goes over, and is let in."""
        href = f"{conversation}/audioVideo/escalateAudio?operationId=over&sessionContext=c"
        self.accepted(await self.post_sdp(client, href, AUDIO), 201)
        self.mixer.of(uri(client.name)).answers()
        await self.service.settle()

    async def test_both_go_over(self) -> None:
        """One goes over and the conversation is a conference; the other follows by an offer."""
        self.assertIn("escalateAudio", await self.links(self.alice, self.hers, "/audioVideo"))
        await self.over(self.alice, self.hers)
        told = await self.bob.events()
        (call,) = self.of(told, "audioVideo", "updated")
        self.assertEqual(call.resource["state"], "Connected")
        self.assertIn("escalateAudio", call.resource["_links"])
        self.assertEqual((await self.bob.document(self.his))["state"], "Conferenced")
        self.assertNotIn("escalateAudio", await self.links(self.alice, self.hers, "/audioVideo"))
        await self.over(self.bob, self.his)
        for client, own in ((self.alice, self.hers), (self.bob, self.his)):
            shown = await client.document(own)
            self.assertEqual(shown["activeModalities"], ["Audio"])
            for name in ("alice", "bob"):
                await client.document(f"{own}/participants/{uri(name)}/participantAudio")
        self.clock.advance(40)
        await self.service.settle()
        for name in ("alice", "bob"):
            self.assertEqual(self.mixer.of(uri(name)).state, "answered")

    async def test_who_does_not_follow(self) -> None:
        """Who does not follow in the time of an invitation is not in the call any more."""
        await self.over(self.alice, self.hers)
        await self.bob.events()
        self.clock.advance(31)
        await self.service.settle()
        (call,) = self.of(await self.bob.events(), "audioVideo", "updated")
        self.assertEqual(call.resource["state"], "Disconnected")
        self.assertEqual(call.event["reason"]["subcode"], "EscalationFailed")
        self.assertIn("addAudio", call.resource["_links"])
        self.assertEqual((await self.alice.document(self.hers))["activeModalities"], ["Audio"])

    async def test_mixer_refuses(self) -> None:
        """A mixer that lets nobody in leaves the call between the two as it is."""
        href = f"{self.hers}/audioVideo/escalateAudio?operationId=over&sessionContext=c"
        self.accepted(await self.post_sdp(self.alice, href, AUDIO), 201)
        self.mixer.of(uri("alice")).refuses()
        await self.service.settle()
        told = await self.alice.events()
        (ended,) = self.of(told, "audioVideoInvitation", "completed")
        self.assertEqual(ended.event["status"], "Failure")
        shown = await self.alice.document(f"{self.hers}/audioVideo")
        self.assertEqual(shown["state"], "Connected")
        self.assertIn("escalateAudio", shown["_links"])

    async def test_third_one(self) -> None:
        """Two who call one another ask a third one in, and are to go over."""
        await self.service.sign_in("carol")
        shown: dict[str, Any] = await self.alice.document(self.hers)
        ask = shown["_links"]["addParticipant"]["href"]
        body = {"to": uri("carol"), "operationId": "ask"}
        self.accepted(await self.alice.post(ask, body), 201)
        for client, own in ((self.alice, self.hers), (self.bob, self.his)):
            self.assertIn("escalateAudio", await self.links(client, own, "/audioVideo"))

    async def test_hang_up_on_the_way(self) -> None:
        """Who hangs up on the way stays in the conference, and the other is heard there."""
        await self.over(self.alice, self.hers)
        self.accepted(await self.bob.post(f"{self.his}/audioVideo/stopAudio"), 204)
        self.assertEqual((await self.bob.document(self.his))["state"], "Conferenced")
        self.assertEqual((await self.alice.document(self.hers))["activeModalities"], ["Audio"])
        self.assertEqual(self.mixer.of(uri("alice")).state, "answered")


class WithoutMixerTests(CallTestCase):
    async def test_no_links(self) -> None:
        """Without a mixer no call goes over, and conferences have no audio and video."""
        hers = await talking(self)
        shown = await self.alice.document(f"{hers}/audioVideo")
        self.assertNotIn("escalateAudio", shown["_links"])
        self.assertNotIn("addParticipant", (await self.alice.document(hers))["_links"])
        href = f"{hers}/audioVideo/escalateAudio?operationId=over&sessionContext=c"
        refused = await self.post_sdp(self.alice, href, AUDIO)
        self.refused(refused, 409, "Conflict", "ModalityNotSupported")
