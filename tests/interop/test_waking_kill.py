"""No notification is lost or shown twice, however often either program is killed under load."""

import os
import random
import time
from collections import Counter, defaultdict
from pathlib import Path

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mobility.push_doubles.providers import APP
from tests.interop.child import RETRY_S
from tests.interop.correspondent import Correspondent
from tests.interop.front_end_process import FrontEndProcess
from tests.interop.push_house import PushHouse
from tests.interop.test_kill import Persistent

ROUNDS = int(os.environ.get("MOBILITY_CHAOS_ROUNDS", "5"))
"""`tox -e chaos` asks for 200."""
MESSAGES = 25
"""In each round."""

ARRIVAL_S = 180.0
"""How long the last ones may take after the last kill; then they are missing."""


class Writer(Persistent):
    """Goes on writing for somebody, and asks again until there is an answer."""

    def __init__(self, http: HTTPClient, root: str, person: Correspondent) -> None:
        super().__init__(http, root, person.user)
        self._headers = person._headers
        self.send_href = person.send_href


class PushKillTests(TestCase):
    """`kill -9` of the front end and of the clearing house at random moments."""

    timeout = 300 + 60 * ROUNDS

    async def test_every_unread_message_is_shown_once(self) -> None:
        """Alice writes to a phone that sleeps while both programs are killed and started again:
        each message that was acknowledged reaches the phone, under one id however often."""
        self.process = FrontEndProcess(Path(self.mktemp()))
        house = PushHouse(self.process)
        await house.prepare(self, "webpush")
        house.start()
        self.process.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.process.kill()))
        await self.process.ready()
        http = self.process.client(self)
        alice, bob = (Correspondent(http, self.process.external, name) for name in ("alice", "bob"))
        for person in (alice, bob):
            await person.sign_in()
        phone = house.providers.web_push.subscribe()
        subscription = {
            "platform": "webpush",
            "appId": APP,
            "endpoint": phone.endpoint,
            "keys": {"p256dh": phone.p256dh, "auth": phone.auth},
            "collapse": "none",
        }
        await bob.expect(201, "POST", bob.links["mobility:pushSubscriptions"], json=subscription)
        await self._meet(alice, bob)
        writer = Writer(http, self.process.external, alice)

        kills = {"front end": 0, "clearing house": 0}
        for number in range(ROUNDS):
            sending = Deferred.fromCoroutine(self._send(writer, MESSAGES))
            await deferLater(reactor, random.random() * 0.5)
            if number % 2:
                await house.kill()
                house.start()
                kills["clearing house"] += 1
            kills["front end"] += 1
            await self.process.kill()
            self.process.start()
            await self.process.ready()
            await sending

        def shown() -> dict[str, set[str]]:
            ids = defaultdict(set)
            for message in phone.messages:
                if message.payload["kind"] == "message":
                    ids[message.payload["body"]].add(message.id)
            return ids

        deadline = time.monotonic() + ARRIVAL_S
        while not set(writer.acknowledged) <= set(shown()) and time.monotonic() < deadline:
            await deferLater(reactor, RETRY_S)
        times = Counter(min(len(shown().get(text, ())), 2) for text in writer.acknowledged)
        arrived = [one for one in phone.messages if one.payload["kind"] == "message"]
        line = (
            f"{ROUNDS} rounds, kills: {kills['front end']} of the front end,"
            f" {kills['clearing house']} of the clearing house;"
            f" {len(writer.acknowledged)} messages, {len(arrived)} pushes;"
            f" {times[1]} shown once, {times[2]} twice, {times[0]} missing"
        )
        (self.process.directory / "ledger").write_text(f"{line}\n")
        os.write(2, f"    {line}\n".encode())
        self.assertEqual(len(writer.acknowledged), ROUNDS * MESSAGES)
        self.assertEqual((times[0], times[2]), (0, 0), line)
        self.assertGreater(min(kills.values()), 0 if ROUNDS > 1 else -1)

    async def _meet(self, alice: Correspondent, bob: Correspondent) -> None:
        """They converse, and bob's application stops asking for events."""
        listening = [Deferred.fromCoroutine(person.listen()) for person in (alice, bob)]
        await alice.meet(bob)
        for one in listening:
            one.addErrback(lambda _: None)
            one.cancel()

    async def _send(self, person: Correspondent, count: int) -> None:
        for _ in range(count):
            await person.send(f"message {len(person.acknowledged)}")
