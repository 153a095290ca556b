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
        """Two users exchange 1,000 messages over 20 kills and restarts of the front end: each
        reads what the other got an answer for, once and in order."""
        process = FrontEndProcess(Path(self.mktemp()))
        process.start()
        self.addCleanup(process.kill)
        await process.ready()
        http = process.client(self)
        alice, bob = (Persistent(http, process.external, name) for name in ("alice", "bob"))
        for person in (alice, bob):
            await person.sign_in()
        listening = [Deferred.fromCoroutine(person.listen()) for person in (alice, bob)]
        await alice.meet(bob)
        sending = gatherResults(
            [Deferred.fromCoroutine(self._send_all(person)) for person in (alice, bob)],
            consumeErrors=True,
        )
        kills = 0
        while not sending.called:
            sent = len(alice.acknowledged) + len(bob.acknowledged)
            if kills < KILLS and sent >= 2 * MESSAGES * kills // KILLS:
                await deferLater(reactor, random.random() * 0.1)
                await process.kill()
                process.start()
                await process.ready()
                kills += 1
            else:
                await deferLater(reactor, 0.01)
        await sending
        await gatherResults(listening)

        self.assertEqual(kills, KILLS)
        expected = [*(str(number) for number in range(MESSAGES)), LAST_WORD]
        for reader, writer in ((alice, bob), (bob, alice)):
            self.assertEqual(writer.acknowledged, expected)
            self.assertEqual(reader.read, expected)

    async def _send_all(self, person: Correspondent) -> None:
        for number in range(MESSAGES):
            await person.send(str(number))
        await person.send(LAST_WORD)
