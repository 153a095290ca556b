"""The leg of an INVITE that has come: it rings, is answered, and may be given up meanwhile.

Provisional responses are sent reliably (RFC 3262) where the peer requires it.  Each description
that is told before the 2xx has an early dialog of its own, since another device may still answer.
"""

from functools import partial

from mobility.media.held import continued, flows_alike
from mobility.media.placeholder import agree
from mobility.sip import session_timer
from mobility.sip.call_messages import add, check_session, description_of, reasons_of
from mobility.sip.core import Core, Incoming
from mobility.sip.dialog import Dialog
from mobility.sip.early_dialogs import MAX_FORKS, Fork
from mobility.sip.grammar import Malformed
from mobility.sip.headers import RAck
from mobility.sip.leg import BUSY_OFFERS_S, UPDATE_S, Leg
from mobility.sip.leg_owner import Ending, Owner
from mobility.sip.leg_states import Legged
from mobility.sip.message import Request, Response
from mobility.sip.refusal import SipRefusal
from mobility.sip.reoffer import Path
from mobility.sip.two_hundred import TwoHundred


class CalledLeg(Leg):
    """A leg that a peer has begun.  Making one raises SipRefusal and Malformed.

    `offer` is the description in the INVITE, "" where the 2xx is to offer one.
    """

    def __init__(self, core: Core, path: Path, owner: Owner, incoming: Incoming) -> None:
        super().__init__(core, path, owner, "Ringing")
        request = incoming.request
        check_session(request)
        self.incoming = incoming
        self.offer = self.remote = description_of(request)
        incoming.tag = incoming.tag or core.new_tag()
        self._forks = [self._new_fork(incoming.tag)]
        self._answer_waits = ""
        """The answer that is sent once the caller has taken it as early media."""
        self.dialog = self._forks[0].dialog
        self._allows = request.tokens("Allow")
        self._register()
        incoming.cancelled = self._cancelled

    @property
    def call_id(self) -> str:
        return self.dialog.call_id

    def glare_s(self) -> float:
        return self.core.between(0.0, 2.0)

    def progress(self, status: int, description: str = "", source: str = "") -> None:
        """Send a provisional response (180, 181, 183), with early media of a `source`.

        Other media of a source whose first ones the caller has acknowledged are told in the same
        dialog, by UPDATE, where the caller takes that.
        """
        if self.state != "Ringing":
            return
        known = self._renewable(description, source)
        if known is not None:
            self._renew(known, status, description)
            return
        fork = self._fork(description)
        if description and fork.description == description:
            fork.source = source
        description = description if fork.description == description else ""
        response = self.incoming.request.respond(status, fork.tag)
        response.add("Contact", f"<{self.path.contact}>")
        response.add("Allow", self.core.allow)
        if fork.reliable is None:
            add(response, (), description)
            self.incoming.send(response)
            return
        if description and not fork.told:
            fork.told = True
            add(response, (), description)
        fork.reliable.send(response)

    def _new_fork(self, tag: str) -> Fork:
        request = self.incoming.request
        secure = self.incoming.flow.secure and request.uri.lower().startswith("sips:")
        dialog = Dialog.called(request, request.respond(180, tag), secure=secure)
        return Fork(self, dialog, self.offer, reliable="100rel" in request.tokens("Require"))

    def _fork(self, description: str, most: int = MAX_FORKS) -> Fork:
        """The early dialog for a description; the first for none, or where there are too many."""
        first = self._forks[0]
        if not description or not self.offer:
            return first
        found = [one for one in self._forks if one.description == description]
        if found:
            return found[0]
        if not first.description:
            first.description = description
            return first
        if len(self._forks) >= most:
            return first
        fork = self._new_fork(self.core.new_tag())
        fork.description = description
        self._forks.append(fork)
        self.core.dialogs[fork.dialog.id] = fork
        return fork

    def _renewable(self, description: str, source: str) -> Fork | None:
        """The early dialog in which a source can tell other media, None for none."""
        if not (description and source and "update" in self._allows):
            return None
        if any(one.description == description for one in self._forks):
            return None
        return next((one for one in self._forks if one.source == source and one.may_renew), None)

    def _renew(self, fork: Fork, status: int, description: str) -> None:
        """Offer the caller other media in an early dialog; where it does not take them they have a
        dialog of their own, as those of another device."""
        said = continued(fork.said, description)
        update = fork.dialog.request("UPDATE")
        add(update, self.own_fields(), said)
        fork.renewing = description

        def responded(response: Response) -> None:
            if response.status < 200:
                return
            fork.renewing = ""
            if self.state != "Ringing":
                return
            answer = _answer_in(response, fork.dialog)
            before = fork.offer
            if answer:
                fork.renewed(description, said, answer)
            else:
                self.progress(status, description)
            waiting, self._answer_waits = self._answer_waits, ""
            if waiting:
                self.answer(waiting)
            elif answer and not flows_alike(before, answer):  # the caller has moved
                self.owner.offered_early(self, description, answer)

        self.path.send(update, responded)

    def _settle(self, fork: Fork) -> None:
        """This early dialog is the one that goes on."""
        for one in self._forks:
            one.stop()
            self.core.dialogs.pop(one.dialog.id, None)
        self._forks.clear()
        self.dialog, self.incoming.tag = fork.dialog, fork.tag
        self._register()

    def answer(self, description: str) -> None:
        """Send the 2xx, with the answer or, where the INVITE offered nothing, an offer."""
        if self.state != "Ringing":
            return
        if any(one.renewing == description for one in self._forks if one.renewing):
            self._answer_waits = description
            return
        fork = self._fork(description, MAX_FORKS + 1)
        if fork.reliable is not None and fork.reliable.later(lambda: self.answer(description)):
            return
        for one in self._forks:  # it may be offered again once the call is answered
            one.refuse(500, [("Retry-After", str(BUSY_OFFERS_S))])
        self._settle(fork)
        agreed, fields = session_timer.answer(self.incoming.request)
        response = self.incoming.request.respond(200, self.incoming.tag)
        add(response, [*fields, *self.own_answer()], "" if fork.told else description)
        self.local, self.remote = fork.said if fork.told else description, fork.offer
        self._asks_late = not self.offer
        self._becomes(Legged.ANSWERED)
        self.keeping.keep(agreed)
        self._two_hundred = TwoHundred(self.core, self.incoming, response, self._unacknowledged)

    def refuse(
        self, status: int, *reasons: str, fields: tuple[tuple[str, str], ...] = (), reason: str = ""
    ) -> None:
        """Send a final response of 300 or more; `reasons` are values of Reason."""
        if self.state != "Ringing":
            return
        self._becomes(Legged.REFUSED)
        self._end()
        more = [*fields, *(("Reason", value) for value in reasons)]
        self.incoming.respond(status, more, reason=reason)

    def hang_up(self, *reasons: str) -> None:
        match self.state:
            case "Ringing":
                self.refuse(480, *reasons)
            case "Answered":
                self._becomes(Legged.HUNG_UP)
            case "Confirmed":
                self._becomes(Legged.HUNG_UP)
                self._bye(*reasons)
                self._end()

    def unanswered(self) -> None:
        """A provisional response was not acknowledged (RFC 3262 section 3): the INVITE fails."""
        self.refuse(504)
        self.owner.ended(self, Ending(Legged.LOST))

    def _cancelled(self, cancel: Request) -> None:
        if self.state != "Ringing":
            return
        self._becomes(Legged.CANCELLED)
        self._end()
        self.owner.ended(self, Ending(Legged.CANCELLED, reasons_of(cancel)))

    def _left(self, event: Legged, request: Request) -> None:
        rings = self.state == "Ringing"
        super()._left(event, request)
        if rings and not self.incoming.answered:
            self.incoming.respond(487)

    def _pracked(self, incoming: Incoming) -> None:
        request = incoming.request
        rack = RAck.parse(request.need("RAck"))
        invite = self.incoming.request.cseq
        fork = self._early(request)
        waits = fork.reliable if fork is not None else None
        if fork is None or waits is None:
            raise SipRefusal(481)
        if rack.cseq != invite or not waits.acknowledges(rack.response_number):
            raise SipRefusal(481)
        try:
            self._offered_early(incoming, fork)
        finally:  # whatever becomes of an offer in it
            waits.acknowledged()

    def _updated(self, incoming: Incoming) -> None:
        fork = self._early(incoming.request)
        if fork is None:
            super()._updated(incoming)
            return
        check_session(incoming.request)
        if incoming.request.body and not fork.told:
            raise SipRefusal(500, fields={"Retry-After": [str(BUSY_OFFERS_S)]})
        self._offered_early(incoming, fork)
        fork.dialog.refresh(incoming.request)

    def _early(self, request: Request) -> Fork | None:
        """The early dialog that a request belongs to."""
        if self.state != "Ringing":
            return None
        return next((one for one in self._forks if one.tag == request.to.tag), None)

    def _offered_early(self, incoming: Incoming, fork: Fork) -> None:
        """A PRACK or UPDATE has come: 200, also for an offer that is agreed already; whoever rings
        is told of another one.

        Raises SipRefusal (488 for an offer where the first one is not answered, 500 while another
        one waits) and Malformed.
        """
        description = description_of(incoming.request)
        if description and not fork.told:
            raise SipRefusal(488)
        if description and fork.renewing:
            raise SipRefusal(491)
        if description and any(one.is_offered for one in self._forks):
            raise SipRefusal(500, fields={"Retry-After": [str(BUSY_OFFERS_S)]})
        if not description or agree(description, fork.offer):
            self._answer_early(incoming, fork.said if description else "")
            return
        fork.take(incoming, description)
        self.core.later(UPDATE_S, partial(self._too_late_early, fork, incoming))
        self.owner.offered_early(self, fork.description, description)

    def _answer_early(self, incoming: Incoming, description: str) -> None:
        response = incoming.request.respond(200, incoming.tag)
        add(response, self.own_answer(), description)
        incoming.send(response)

    def _too_late_early(self, fork: Fork, incoming: Incoming) -> None:
        if fork.waits_for(incoming) and fork.refuse(504):
            self.owner.withdrawn(self)

    def answer_offer(self, description: str) -> None:
        if self.state != "Ringing":
            super().answer_offer(description)
            return
        for fork in self._forks:
            if (answered := fork.answer(description)) is not None:
                self._answer_early(*answered)

    def refuse_offer(self, status: int = 488) -> None:
        if self.state != "Ringing":
            super().refuse_offer(status)
            return
        fields = [("Retry-After", str(BUSY_OFFERS_S))] if status == 500 else []
        for fork in self._forks:
            fork.refuse(status, fields)

    def _end(self) -> None:
        super()._end()
        for one in self._forks:
            one.refuse(487)
            one.stop()
            if self.core.dialogs.get(one.dialog.id) is one:
                del self.core.dialogs[one.dialog.id]
        self._forks.clear()


def _answer_in(response: Response, dialog: Dialog) -> str:
    """The answer to an UPDATE of ours, "" where it was refused or cannot be read."""
    if response.status >= 300:
        return ""
    try:
        dialog.refresh(response)
        return description_of(response)
    except (Malformed, SipRefusal):
        return ""
