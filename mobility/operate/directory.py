"""`POST /operate/v1/directory/sync`: replicate the whole directory now.

The body is `{"force": true}` to let any number of users go, or `{}`.  The answer is 200 with the
numbers of users that were added, changed and disabled.
"""

from collections.abc import Awaitable
from typing import Protocol

import msgspec

from mobility.domain.mirror import Outcome
from mobility.errors import PeerFault
from mobility.http.message import Request, Response
from mobility.http.route import Route
from mobility.operate import paths
from mobility.operate.access import OperatorAccess
from mobility.operate.health import json_response

PATH = paths.DIRECTORY_SYNC
BODY_BYTES = 1024


class Replicator(Protocol):
    """What replicates the directory (`mobility.directory.replicator`)."""

    def replicate(self, *, force: bool) -> Awaitable[Outcome]:
        """Raises Refusal (409) when too many users would go, Unavailable without a server."""
        ...


class _Wish(msgspec.Struct, forbid_unknown_fields=True):
    """The body."""

    force: bool = False


def route(access: OperatorAccess, replicator: Replicator) -> Route:
    """The route, for a front end that has a directory."""

    async def sync(request: Request) -> Response:
        try:
            wish = msgspec.json.decode(request.body, type=_Wish)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise PeerFault(
                "BadRequest", "DeserializationFailure", 'The body must be {"force": true} or {}.'
            ) from error
        outcome = await replicator.replicate(force=wish.force)
        return json_response(
            200,
            {
                "added": outcome.added,
                "changed": outcome.changed,
                "disabled": outcome.disabled,
                "clashes": len(outcome.clashes),
            },
        )

    return access.route("operate.directory", "POST", PATH, sync, BODY_BYTES)
