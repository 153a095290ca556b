"""Nothing acknowledged is lost, doubled or reordered, however often the process is killed."""

import random
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.interop.child import RETRY_S
from tests.interop.correspondent import LAST_WORD, Correspondent
from tests.interop.front_end_process import CUT_OFF, FrontEndProcess
from tests.interop.phone import Reply

MESSAGES = 500
"""From each of the two users, 1,000 in all."""

KILLS = 20


class Persistent(Correspondent):
    """Asks again until there is an answer."""

    async def request(self, method: str, href: str, **options: Any) -> Reply:
        """One exchange, repeated until there is an answer other than 503."""
        while True:
            try:
                reply = await super().request(method, href, **options)
            except CUT_OFF:
                pass
            else:
                if reply.status != 503:
                    return reply
            await deferLater(reactor, RETRY_S)


class KillTests(TestCase):
    """`kill -9` at random moments under load."""

    timeout = 600

    async def test_every_acknowledged_message_arrives_once_and_in_order(self) -> None:
        """Two users exchange 1,000 messages and more over 20 kills and restarts of the front end:
        each reads what the other got an answer for, once and in order."""
        self.process = FrontEndProcess(Path(self.mktemp()))
        await self.process.run_for(self)
        http = self.process.client(self)
        alice, bob = (Persistent(http, self.process.external, name) for name in ("alice", "bob"))
        for person in (alice, bob):
            await person.sign_in()
        listening = [Deferred.fromCoroutine(person.listen()) for person in (alice, bob)]
        await alice.meet(bob)
        killing = Deferred.fromCoroutine(self._kill_again_and_again(alice, bob))
        sending = [Deferred.fromCoroutine(self._send_until(killing, who)) for who in (alice, bob)]
        await gatherResults([killing, *sending], consumeErrors=True)
        await gatherResults(listening)

        for reader, writer in ((alice, bob), (bob, alice)):
            said = len(writer.acknowledged) - 1
            self.assertGreaterEqual(said, MESSAGES)
            expected = [*(str(number) for number in range(said)), LAST_WORD]
            self.assertEqual(writer.acknowledged, expected)
            self.assertEqual(reader.read, expected)

    async def _kill_again_and_again(self, *people: Correspondent) -> None:
        """Kill and start the process KILLS times, spread over the messages."""
        for kill in range(KILLS):
            while sum(len(who.acknowledged) for who in people) < 2 * MESSAGES * kill // KILLS:
                await deferLater(reactor, 0.01)
            await deferLater(reactor, random.random() * 0.1)
            await self.process.kill()
            self.process.start()
            await self.process.ready()

    async def _send_until(self, killing: Deferred[None], person: Correspondent) -> None:
        """Send MESSAGES messages, and more as long as the killing goes on."""
        while len(person.acknowledged) < MESSAGES or not killing.called:
            await person.send(str(len(person.acknowledged)))
        await person.send(LAST_WORD)
