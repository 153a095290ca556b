"""twisted.web alone: a relay of messages over long polls, each durable before it is acknowledged.

    python -m benchmarks.bounds.im_relay PORT CERTIFICATE KEY DATABASE

    POST /send/NAME     201 once the message is committed to SQLite (WAL, synchronous=FULL)
    GET /events/NAME    the messages for NAME, when there are any

One commit serves all the messages of one turn of the reactor.
"""

import json
import sqlite3
import sys

from twisted.internet import reactor
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from benchmarks.bounds.listening import serve


class Relay(Resource):
    """Every mailbox and whoever waits at it."""

    isLeaf = True

    def __init__(self, database: str) -> None:
        super().__init__()
        self._mailboxes: dict[bytes, list[object]] = {}
        self._waiting: dict[bytes, Request] = {}
        self._uncommitted: list[tuple[bytes, bytes, Request]] = []
        self._connection = sqlite3.connect(database, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, name TEXT, body BLOB)"
        )

    def render_POST(self, request: Request) -> int:
        if not self._uncommitted:
            reactor.callLater(0, self._commit)
        name = request.path.rpartition(b"/")[2]
        self._uncommitted.append((name, request.content.read(), request))
        return NOT_DONE_YET

    def render_GET(self, request: Request) -> int:
        name = request.path.rpartition(b"/")[2]
        if name in self._mailboxes:
            self._answer(name, request)
        else:
            self._waiting[name] = request
            request.notifyFinish().addErrback(lambda _: self._waiting.pop(name, None))
        return NOT_DONE_YET

    def _commit(self) -> None:
        batch, self._uncommitted = self._uncommitted, []
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(
            "INSERT INTO messages (name, body) VALUES (?, ?)",
            [(name, body) for name, body, _ in batch],
        )
        self._connection.execute("COMMIT")
        for name, body, request in batch:
            request.setResponseCode(201)
            request.finish()
            self._mailboxes.setdefault(name, []).append(json.loads(body))
            waiting = self._waiting.pop(name, None)
            if waiting is not None:
                self._answer(name, waiting)

    def _answer(self, name: bytes, request: Request) -> None:
        document = {
            "_links": {"next": {"href": f"/events/{name.decode()}"}},
            "messages": self._mailboxes.pop(name),
        }
        request.setHeader(b"content-type", b"application/json")
        request.write(json.dumps(document).encode())
        request.finish()


if __name__ == "__main__":
    serve(Relay(sys.argv[4]))
