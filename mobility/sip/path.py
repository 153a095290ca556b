"""How the requests of a call leg get to its peer."""

from collections.abc import Sequence

from mobility.sip.client import Client
from mobility.sip.flow import Flow, contact_over
from mobility.sip.grammar import Malformed
from mobility.sip.message import Request
from mobility.sip.routing import Way, ways_of
from mobility.sip.sending import OnResponse, Sending


class ClientPath:
    """A Path by the client: where an INVITE has come from, or one of the ways one can be sent.

    Requests within the dialog go over the connection of the INVITE as long as there is one, or over
    that by which the peer has said that it has moved.  The INVITE may be redirected if it
    `follows`.
    """

    def __init__(
        self,
        client: Client,
        ways: Sequence[Way] = (),
        flow: Flow | None = None,
        *,
        follows: bool = False,
    ) -> None:
        self._client = client
        self._ways = ways
        self._flow = flow
        self._follows = follows
        self._sending: Sending | None = None
        self._moved: Flow | None = None

    @property
    def flow(self) -> Flow | None:
        """Over which the peer was last heard, None before it was."""
        if self._moved is not None:
            return self._moved
        return self._sending.flow if self._sending is not None else self._flow

    def heard(self, flow: Flow) -> None:
        self._moved = flow

    @property
    def secure(self) -> bool:
        return self.flow is not None and self.flow.secure

    @property
    def contact(self) -> str:
        """That of the flow.  There is one once the peer has been heard."""
        return contact_over(self.flow) if self.flow is not None else "sip:unknown.invalid"

    def invite(self, request: Request, on_response: OnResponse) -> None:
        self._sending = self._client.send(request, self._ways, on_response, follows=self._follows)

    def cancel(self, *reasons: str) -> None:
        if self._sending is not None:
            self._sending.cancel(*reasons)

    def send(self, request: Request, on_response: OnResponse) -> Sending:
        return self._client.send(request, self._onward(request), on_response)

    def acknowledge(self, ack: Request) -> None:
        self._client.pass_on(ack, self._onward(ack))

    def _onward(self, request: Request) -> Sequence[Way]:
        try:
            return ways_of(request, self.flow)
        except Malformed:  # a target that leads nowhere; the peer is where it was
            return [self.flow] if self.flow is not None else []
