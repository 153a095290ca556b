"""A request of somebody else on its way to one connection (RFC 3261 section 16, one branch).

`Client.relay` sends it.  Where the receiver is reached by one connection only, there is nothing to
choose, to try again or to follow: the request has one transaction, and its end is the answer.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import attrs

from mobility.sip.flow import Flow
from mobility.sip.message import Request, Response
from mobility.sip.transaction import Event, Transaction

if TYPE_CHECKING:
    from mobility.sip.client import Client


@attrs.define(slots=True, eq=False)
class Relay:
    """The request, with its Via, and who waits for the final response (an Asker)."""

    client: "Client" = attrs.field(repr=False)
    request: Request
    flow: Flow
    on_response: Callable[[Response], None] = attrs.field(repr=False)
    began_at: float
    tries: ClassVar[int] = 1

    def responded(self, transaction: Transaction, response: Response) -> None:  # noqa: ARG002
        if response.status >= 200:
            self._end(response)

    def failed(self, transaction: Transaction, event: Event) -> None:  # noqa: ARG002
        self._end(self.client.unheard(self.request, 408 if event is Event.TIMEOUT else 503))

    def _end(self, response: Response) -> None:
        self.client.log_sent(self, response)
        self.on_response(response)
