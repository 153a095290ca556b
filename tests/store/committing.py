"""A child process that commits until it is killed: python -m tests.store.committing DATABASE

It prints number and position of each message that was acknowledged; eight wait at any time.
"""

import sys
from pathlib import Path

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from mobility.config import StoreConfig
from mobility.domain.facts import MessageCompleted
from mobility.store.open import Store, open_store
from tests.store.doubles import MemoryLog, message, opening, saving

WAITING = 8
STREAM = "a"


async def commit_forever(store: Store, first: int) -> None:
    number = first
    while True:
        sent = message(number, body=f"Message {number}")
        unit = saving(sent)
        fact = MessageCompleted("c1", number, "Incoming", sent.from_uri, "Alice", sent.sent_at)
        unit.append(STREAM, fact, sent)
        committed = await store.ledger.commit(unit)
        sys.stdout.write(f"{number} {committed.entries[0].position}\n")
        sys.stdout.flush()
        number += WAITING


async def main(path: str) -> None:
    from twisted.internet import reactor

    config = StoreConfig(Path(path))
    store = open_store(config, reactor=reactor, publish=lambda _: None, log=MemoryLog())
    store.start()
    await store.ledger.commit(opening(STREAM))
    await gatherResults(
        [Deferred.fromCoroutine(commit_forever(store, first)) for first in range(1, WAITING + 1)]
    )


if __name__ == "__main__":
    react(lambda _: Deferred.fromCoroutine(main(sys.argv[1])))
