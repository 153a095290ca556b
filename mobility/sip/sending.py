"""A request of ours on its way, and each try of it.

What is decided about both is said in `mobility.sip.client`, which makes them.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs
from twisted.internet.interfaces import IDelayedCall

from mobility.sip.accounts import Answers
from mobility.sip.flow import Flow
from mobility.sip.limits import ATTEMPT_S
from mobility.sip.message import Request, Response
from mobility.sip.redirects import Redirection
from mobility.sip.transaction import LIFETIME_S, Event, Transaction, cancellation

if TYPE_CHECKING:
    from mobility.sip.client import Client

OnResponse = Callable[[Response], None]

Settled = Callable[[Response | None], None]
"""Told once how a try ended: None if its answer was handed on, else what is the answer if there is
no better one."""


@attrs.define(slots=True, eq=False)
class Sending:
    """A request on its way.

    `request` is what was last sent, with its Via.  `flow` is where it went, None before there is
    one.  `local` says whether the final response was made here.
    """

    client: "Client" = attrs.field(repr=False)
    request: Request
    on_response: OnResponse = attrs.field(repr=False)
    began_at: float
    flow: Flow | None = None
    local: bool = False
    finished: bool = False
    tries: int = 0
    cancelled: tuple[str, ...] | None = None
    attempt: "Attempt | None" = attrs.field(default=None, repr=False)
    redirection: Redirection | None = attrs.field(default=None, repr=False)
    """Where it was sent so far, if it may be redirected."""
    plain: Request = attrs.field(init=False, repr=False)
    """The request without a Via."""
    next_on: frozenset[int] = frozenset({503})
    """The answers upon which the next way is tried."""
    too_large: bool = False
    """Whether it is not sent by UDP, where it might have gone."""

    def cancel(self, *reasons: str) -> None:
        """End an INVITE; `reasons` are values of Reason (RFC 3326).

        Another request is only not tried again.
        """
        if self.finished or self.cancelled is not None:
            return
        self.cancelled = reasons
        if self.attempt is None:
            self.finish(self.made(487))
        elif self.attempt.heard and self.request.method == "INVITE":
            self.attempt.cancel()

    def made(self, status: int) -> Response:
        """A response that nobody has sent."""
        return self.client.unheard(self.request, status)

    def settled(self, last: Response | None) -> None:
        """The only way there is has led to `last`; None if that was handed on."""
        if last is not None:
            self.finish(last)

    def finish(self, response: Response) -> None:
        """Hand on the final response."""
        self.attempt = None
        if not self.finished and not self.client.redirected(self, response):
            self.finished = True
            self.local = not response.heard
            self.client.log_sent(self, response)
            self.on_response(response)


@attrs.define(slots=True, eq=False)
class Attempt:
    """One transaction of a Sending (an Asker), of a request that is `plain` without its Via."""

    sending: Sending
    plain: Request
    flow: Flow
    settled: Settled
    answers: Answers = attrs.Factory(Answers)
    request: Request = attrs.field(init=False)
    branch: str = ""
    is_settled: bool = False
    heard: bool = False
    given_up: bool = False
    cancelling: bool = False
    transaction: Transaction | None = attrs.field(default=None, repr=False)
    """That of an INVITE which was cancelled."""
    timer: IDelayedCall | None = None

    def begin(self, *, more: bool) -> None:
        client = self.sending.client
        if more:
            self.timer = client.clock.callLater(ATTEMPT_S, self._give_up)
        client.core.transactions.request(self.request, self.flow, self, self.branch)

    def responded(self, transaction: Transaction, response: Response) -> None:
        self.heard = True
        self.transaction = None if response.is_final else transaction
        if not self.cancelling or response.is_final:
            self._stop_timer()
        sending = self.sending
        is_invite = self.request.method == "INVITE"
        if response.status < 200:
            if is_invite and (self.given_up or sending.cancelled is not None):
                self.cancel()
            elif response.status > 100 and not sending.finished:
                sending.on_response(response)
        elif is_invite and response.status < 300:
            self._accepted(response)
        elif response.status in sending.next_on and sending.cancelled is None:
            self._settle(response)
        elif not self.given_up and not self._proven(response):
            sending.finish(response)
            self._settle(None)

    def _proven(self, response: Response) -> bool:
        """Answer a challenge; whether the request was sent again."""
        sending, accounts = self.sending, self.sending.client.accounts
        if response.status not in (401, 407) or accounts is None or sending.cancelled is not None:
            return False
        if not accounts.answer(self.plain, response, self.flow, self.answers):
            return False
        if not sending.client.number_again(self.plain):
            return False
        again = Attempt(sending, self.plain, self.flow, self.settled, self.answers)
        self.is_settled = True
        sending.client.begin(again, more=False)
        return True

    def failed(self, transaction: Transaction, event: Event) -> None:  # noqa: ARG002
        self._stop_timer()
        self.transaction = None
        self._settle(self.sending.made(408 if event is Event.TIMEOUT else 503))

    def cancel(self) -> None:
        """CANCEL the INVITE (RFC 3261 section 9.1)."""
        if self.cancelling:
            return
        self.cancelling = True
        client, cancel = self.sending.client, cancellation(self.request)
        cancel.set("Reason", *(self.sending.cancelled or ()))
        client.core.transactions.request(cancel, self.flow)
        self.timer = client.clock.callLater(LIFETIME_S, self._never_ended)

    def _accepted(self, response: Response) -> None:
        """A 2xx of an INVITE: the first one, it again, or one of another branch of a fork."""
        sending = self.sending
        if self.given_up:
            sending.client.hang_up(self.request, response, self.flow)
        elif sending.finished and not sending.local:
            sending.on_response(response)
        else:
            sending.finish(response)
            self._settle(None)

    def _stop_timer(self) -> None:
        timer, self.timer = self.timer, None
        if timer is not None and timer.active():
            timer.cancel()

    def _give_up(self) -> None:
        """Nothing was heard: another way is tried, and what still comes of this one is undone."""
        self.timer, self.given_up = None, True
        self._settle(self.sending.made(408))

    def _never_ended(self) -> None:
        """A CANCEL was sent, and nothing came of it (RFC 3261 section 9.1)."""
        self.timer = None
        transaction, self.transaction = self.transaction, None
        if transaction is not None:
            transaction.give_up()
        if not self.given_up:
            self.given_up = True
            self.sending.finish(self.sending.made(487))
            self._settle(None)

    def _settle(self, response: Response | None) -> None:
        if not self.is_settled:
            self.is_settled = True
            self.settled(response)
