"""Our extension header Idempotency-Key: a POST repeated after a lost reply takes effect once.

The receipt is stored in the unit of work of the effect itself, so there is none without the other.
"""

import hashlib
from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred

from mobility.domain.ledger import Archive
from mobility.domain.records import Receipt
from mobility.errors import Parameter, Refusal, validation_failure
from mobility.http.message import Request, Response

HEADER = "idempotency-key"

MAX_KEY = 255
"""Characters of a key (IETF draft-ietf-httpapi-idempotency-key-header names no bound; ours)."""

RECEIPT_LIFE_S = 86_400
"""How long a repeat is recognised (our choice; documented in the client guide)."""

First = Callable[[Receipt], Awaitable[Response]]
Again = Callable[[str], Awaitable[Response]]


class Receipts:
    """Which keyed POSTs have been done, and which are being done now."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._running: dict[tuple[str, str], Deferred[None]] = {}

    async def once(self, user_uri: str, request: Request, first: First, again: Again) -> Response:
        """`first` with a receipt to store, or for a repeat `again` with what the first created.

        400 for a malformed key, 409 for a key that was used for another request.
        """
        key = request.headers[HEADER]
        if not 0 < len(key) <= MAX_KEY or not key.isprintable():
            raise validation_failure(
                Parameter("Idempotency-Key", f"must have 1 to {MAX_KEY} printable characters")
            )
        slot = (user_uri, key)
        while (running := self._running.get(slot)) is not None:
            waiting: Deferred[None] = Deferred()
            running.chainDeferred(waiting)
            await waiting
        done: Deferred[None] = Deferred()
        self._running[slot] = done
        try:
            fingerprint = _fingerprint(request)
            receipt = await self._archive.receipt(user_uri, key)
            if receipt is None:
                return await first(Receipt(user_uri, key, fingerprint, "", request.now))
            if receipt.fingerprint != fingerprint:
                raise Refusal(
                    "Conflict", None, "This Idempotency-Key was used for another request."
                )
            return await again(receipt.resource_id)
        finally:
            del self._running[slot]
            done.callback(None)


def _fingerprint(request: Request) -> str:
    parts = (request.method, request.path.lower(), request.raw_query)
    digest = hashlib.sha256("\n".join(parts).encode())
    digest.update(b"\n" + request.body)
    return digest.hexdigest()
