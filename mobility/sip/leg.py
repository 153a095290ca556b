"""One leg of a call over SIP: an INVITE, the dialog it makes, and what goes on within that.

Sans-IO but for the transactions, which the core has: a leg is told of requests and responses, sends
by its `Path`, and tells its `Owner`, who decides.  Session descriptions are passed through as text.
This module has what both kinds of legs do within a dialog; `mobility.sip.called_leg` answers
INVITEs, `mobility.sip.calling_leg` sends them.
"""

from functools import partial

from mobility.domain.tones import Told, Tone
from mobility.media.held import continued, flows_alike
from mobility.media.placeholder import agree
from mobility.sip import session_timer
from mobility.sip.call_messages import (
    SUPPORTED,
    add,
    check_session,
    description_of,
    reasons_of,
)
from mobility.sip.core import Core, Incoming
from mobility.sip.dialog import Dialog
from mobility.sip.grammar import Malformed
from mobility.sip.leg_owner import Ending, Owner
from mobility.sip.leg_states import LEG, Legged
from mobility.sip.message import Request, Response
from mobility.sip.mid_dialog import ends_call
from mobility.sip.pressing import informed, press
from mobility.sip.refusal import SipRefusal
from mobility.sip.reoffer import Path, Reoffer
from mobility.sip.session_keeping import SessionKeeping
from mobility.sip.two_hundred import TwoHundred

BUSY_OFFERS_S = 2
"""Retry-After of a new offer while another one waits for its answer (RFC 3261 section 14.2: a
random value of up to ten seconds; 491 is what tells peers to wait at random)."""

UPDATE_S = 20.0
"""How long the offer of an UPDATE waits for its answer: an UPDATE has to be answered at once, and
its sender gives up after 32 s (RFC 3261 section 17.1.2.2; our choice)."""


class Leg:
    """What both kinds of legs have in common.  It is the Conversant of its dialog.

    `local` is the description that this end has given last and `remote` that of the peer, of those
    that were agreed on.
    """

    dialog: Dialog

    def __init__(self, core: Core, path: Path, owner: Owner, state: str) -> None:
        self.core = core
        self.path = path
        self.owner = owner
        self.state = state
        self.local = ""
        self.remote = ""
        self._serving: Incoming | None = None
        """An INVITE or UPDATE within the dialog whose offer waits for its answer."""
        self._offered = ""
        """What the owner was told that the peer offers, until it is answered."""
        self._two_hundred: TwoHundred | None = None
        """A 2xx of ours that waits for its ACK."""
        self.asking: Reoffer | None = None
        """A re-INVITE of ours that is under way."""
        self._next_offer: list[Reoffer] = []
        """A new offer that waits until the one under way is through: the latest alone counts."""
        self._asks_late = False
        """Whether the 2xx that waits for its ACK has offered, so that the ACK answers."""
        self.acks: dict[int, Request] = {}
        self._allows: frozenset[str] = frozenset()
        self.keeping = SessionKeeping(core, self._refresh, self.lose)

    @property
    def is_over(self) -> bool:
        return self.state == "Ended"

    @property
    def call_id(self) -> str:
        """Call-ID of the leg."""
        raise NotImplementedError

    # -- what the owner wants --------------------------------------------------------------------

    def reoffer(self, description: str | None) -> None:
        """Offer anew, or with None ask the peer to.  `agreed` or `disagreed` follows."""
        if self.is_over:
            return
        self._next_offer = [Reoffer(self, description)]
        self._offer_next()

    @property
    def offer_waits(self) -> bool:
        """Whether a new offer of the owner's has not been sent yet."""
        return any(not one.refreshes for one in self._next_offer)

    def take_back(self) -> bool:
        """Do not offer anew what waits or is under way; whether that is the end of it.

        Otherwise `agreed` or `disagreed` follows as ever, since the peer may have answered.
        """
        asking = self.asking
        if self.offer_waits:
            self._next_offer.clear()
            return True
        if asking is None or asking.refreshes or asking.waits:
            return False
        if asking.is_sent:
            asking.cancel()
            return False
        self.asking = None
        self.keeping.go_on()
        self._offer_next()
        return True

    def acknowledge(self, answer: str) -> None:
        """Answer what the peer offered in a 2xx."""
        asking = self.asking
        if asking is not None and asking.waits:
            self.local = continued(self.local, answer)
            asking.acknowledge(self.local)
            self.asking = None
            self._offer_next()

    def answer_offer(self, description: str) -> None:
        """Answer the peer's new offer."""
        incoming, self._serving = self._serving, None
        if self.is_over:
            return
        if self._offered:
            self.remote, self._offered = self._offered, ""
        if incoming is None:  # it was offered in an ACK, or the peer does not wait any more
            if not agree(self.local, description):
                self._next_offer = self._next_offer or [Reoffer(self, description, refreshes=True)]
                self._offer_next()
            return
        self.local = description = continued(self.local, description)
        self._accept(incoming, description)
        self._offer_next()

    def refuse_offer(self, status: int = 488) -> None:
        """Do not take the peer's new offer."""
        incoming, self._serving, self._offered = self._serving, None, ""
        if incoming is not None and not incoming.answered:
            incoming.respond(status)
            self._offer_next()

    def press(self, tone: Tone, told: Told) -> None:
        """Let the peer hear a key; `told` hears whether it has taken that."""
        press(self, tone, told)

    def hang_up(self, *reasons: str) -> None:
        """End the leg, answered or not; `reasons` are values of Reason.  Once more does nothing."""
        raise NotImplementedError

    # -- what the core tells ---------------------------------------------------------------------

    def requested(self, incoming: Incoming) -> None:
        """A request within the dialog.  Raises SipRefusal and Malformed."""
        request = incoming.request
        match request.method:
            case "BYE":
                incoming.respond(200)
                self._left(Legged.BYE, request)
            case "INVITE":
                self._reinvited(incoming)
            case "UPDATE":
                self._updated(incoming)
            case "PRACK":
                self._pracked(incoming)
            case "REFER":
                if self.state not in ("Confirmed", "Answered"):
                    raise SipRefusal(481)
                self.dialog.refresh(request)
                self.owner.referred(self, incoming)
            case "INFO":
                informed(self, incoming)
            case "OPTIONS":
                incoming.respond(200, [("Allow", self.core.allow), ("Supported", SUPPORTED)])
            case _:
                raise SipRefusal(405, fields={"Allow": [self.core.allow]})

    def acknowledged(self, ack: Request) -> None:
        """The ACK of a 2xx of ours."""
        answered = self._two_hundred
        if answered is None or ack.cseq.number != answered.number:
            return
        answered.stop()
        self._two_hundred = None
        late, self._asks_late = self._asks_late, False
        if self.state in ("Answered", "Leaving"):
            self._first_ack()
        if self.is_over:
            return
        if late:
            self._answered_late(ack)
        self._offer_next()

    def _answered_late(self, ack: Request) -> None:
        """An ACK that answers what a 2xx offered."""
        try:
            answer = description_of(ack)
        except (Malformed, SipRefusal):
            answer = ""
        initial = not self.remote
        if initial:
            self.remote = answer
            self.owner.agreed(self, answer)
        elif answer and answer != self.remote:
            self._offered = answer
            self.owner.offered(self, answer)

    def _first_ack(self) -> None:
        """The dialog is confirmed, or ends if it was to."""
        leaving = self.state == "Leaving"
        self._becomes(Legged.ACK_CAME)
        if leaving:
            self._bye()
            self._end()

    def _unacknowledged(self) -> None:
        """A 2xx was sent in vain: the dialog ends (RFC 3261 section 13.3.1.4)."""
        self._two_hundred = None
        if self.is_over:
            return
        told = self.state != "Leaving"
        self._becomes(Legged.LOST if self.state == "Confirmed" else Legged.NO_ACK)
        self._bye()
        self._end()
        if told:
            self.owner.ended(self, Ending(Legged.NO_ACK))

    # -- new offers of the peer ------------------------------------------------------------------

    def _reinvited(self, incoming: Incoming) -> None:
        """RFC 3261 section 14.2."""
        request = incoming.request
        description = description_of(request)
        if self._crosses(description != self.remote):
            raise SipRefusal(491)
        if self.state != "Confirmed" or self.is_answering:
            raise SipRefusal(500, fields={"Retry-After": [str(BUSY_OFFERS_S)]})
        check_session(request)
        self._refreshed_by(incoming)
        incoming.cancelled = lambda _: self._withdrawn(incoming)
        if not description:
            self._asks_late = True
            self._accept(incoming, self.local)
        elif description == self.remote:  # a refresh: the other end need not know
            self._accept(incoming, self.local)
        else:
            self._take(incoming, description)

    def _updated(self, incoming: Incoming) -> None:
        """RFC 3311 section 5.2."""
        request = incoming.request
        check_session(request)
        description = description_of(request)
        if description:
            if self._crosses(description != self.remote) or self._asks_late:
                raise SipRefusal(491)
            if self.state != "Confirmed" or self._serving is not None:
                raise SipRefusal(500, fields={"Retry-After": [str(BUSY_OFFERS_S)]})
        self._refreshed_by(incoming)
        if not description:
            self._accept(incoming, "")
        elif description == self.remote:
            self._accept(incoming, self.local)
        else:
            self._take(incoming, description)

    def _crosses(self, is_new: bool) -> bool:
        """Whether a request of the peer crosses an offer of ours: one that offers something new
        also while ours waits to be sent again."""
        return self.asking is not None and (is_new or self.asking.is_sent)

    @property
    def is_answering(self) -> bool:
        """Whether an INVITE or UPDATE of the peer is under way."""
        return self._serving is not None or self._two_hundred is not None

    def _refreshed_by(self, incoming: Incoming) -> None:
        """The peer says where it is reached from now on.  Raises Malformed."""
        self.dialog.refresh(incoming.request)
        self.path.heard(incoming.flow)

    def _take(self, incoming: Incoming, description: str) -> None:
        self._serving, self._offered = incoming, description
        if incoming.request.method == "UPDATE":
            self.core.later(UPDATE_S, partial(self._too_late, incoming))
        self.owner.offered(self, description)

    def _too_late(self, incoming: Incoming) -> None:
        """Nobody has answered what an UPDATE offers (RFC 3311 section 5.2: 504)."""
        if self._serving is incoming:
            self._serving = None
            incoming.respond(504)
            self.owner.withdrawn(self)
            self._offer_next()

    def _withdrawn(self, incoming: Incoming) -> None:
        """The peer has cancelled a re-INVITE that waits."""
        if self._serving is incoming:
            self._serving = None
            self.owner.withdrawn(self)

    def _accept(self, incoming: Incoming, description: str) -> None:
        """200 to an INVITE or UPDATE within the dialog."""
        request = incoming.request
        agreed, fields = session_timer.answer(request)
        fields += self.own_answer()
        response = incoming.request.respond(200, incoming.tag)
        add(response, fields, description)
        self.keeping.keep(agreed)
        if request.method == "INVITE":
            self._two_hundred = TwoHundred(self.core, incoming, response, self._unacknowledged)
        else:
            incoming.send(response)

    def _pracked(self, incoming: Incoming) -> None:  # noqa: ARG002  # those who ring have them
        raise SipRefusal(481)

    # -- new offers of ours ----------------------------------------------------------------------

    def _offer_next(self) -> None:
        """Send the new offer that waits, if it can be sent now."""
        busy = self.asking is not None or self.is_answering
        if self._next_offer and self.state == "Confirmed" and not busy:
            self.asking = self._next_offer.pop()
            self.asking.send()

    def reoffered(self, asking: "Reoffer", description: str) -> None:
        """The peer has accepted a re-INVITE of ours."""
        before, self.remote = self.remote, description
        if asking.description is not None:
            self.local = asking.description
            self.asking = None
        if not asking.refreshes:
            self.owner.agreed(self, description)
        elif description and not flows_alike(before, description):  # it has moved
            self.remote, self._offered = before, description
            self.owner.offered(self, description)
        self._offer_next()

    def not_reoffered(self, asking: Reoffer, response: Response) -> None:
        """It has refused it."""
        self.asking = None
        if asking.refreshes:
            self.keeping.failed(response)
        else:
            self.keeping.go_on()
            self.owner.disagreed(self, response.status)
        self._offer_next()

    def glare_s(self) -> float:
        """How long to wait after 491: who has made the Call-ID waits longer (RFC 3261 section
        14.1)."""
        raise NotImplementedError

    def lose(self) -> None:
        """The peer does not know the dialog any more, or does not answer (RFC 3261 section
        12.2.1.2)."""
        if self.is_over:
            return
        self._becomes(Legged.LOST)
        self._bye()
        self._end()
        self.owner.ended(self, Ending(Legged.LOST))

    # -- session timers --------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Ask the peer whether it is still there: with UPDATE if it takes that."""
        if self.is_over:
            return
        if "update" in self._allows:
            request = self.dialog.request("UPDATE")
            add(request, [("Supported", SUPPORTED), *self.keeping.fields(session_timer.UAC)])
            self.path.send(request, self._refreshed)
        elif self.state == "Confirmed" and self.asking is None and not self._next_offer:
            self._next_offer = [Reoffer(self, self.local, refreshes=True)]
            self._offer_next()
        else:
            self.keeping.go_on()

    def _refreshed(self, response: Response) -> None:
        if response.status < 200 or self.is_over:
            return
        if response.status < 300:
            self._moved(response)
            self.keeping.answered(response)
        elif ends_call(response):
            self.lose()
        elif response.status in (405, 501):  # it does not know UPDATE, whatever it has said
            self._allows -= {"update"}
            self._refresh()
        elif self._wants_longer(response):
            self._refresh()
        else:
            self.keeping.failed(response)

    def _moved(self, response: Response) -> None:
        """A 2xx to UPDATE says where the peer is reached from now on (RFC 3311 section 5.1)."""
        try:
            self.dialog.refresh(response)
        except Malformed:
            pass  # it is where it was

    def _wants_longer(self, response: Response) -> bool:
        """Whether a refresh is to ask for a longer interval (RFC 4028 section 7.3)."""
        try:
            return response.status == 422 and self.keeping.lengthen(response)
        except Malformed:
            return False

    # -- common ends -----------------------------------------------------------------------------

    def own_fields(self) -> list[tuple[str, str]]:
        """Header fields of what makes or refreshes the dialog, but for Contact."""
        return [("Allow", self.core.allow), ("Supported", SUPPORTED)]

    def own_answer(self) -> list[tuple[str, str]]:
        """Those of a 2xx."""
        return [("Contact", f"<{self.path.contact}>"), *self.own_fields()]

    def _left(self, event: Legged, request: Request) -> None:
        """The peer has ended it."""
        if self.is_over:
            return
        told = self.state != "Leaving"
        self._becomes(event)
        self._end()
        if told:
            self.owner.ended(self, Ending(event, reasons_of(request)))

    def _becomes(self, event: Legged) -> None:
        self.state = LEG.after(self.state, event)

    def _bye(self, *reasons: str, dialog: Dialog | None = None) -> None:
        bye = (dialog or self.dialog).request("BYE")
        if reasons:
            bye.set("Reason", *reasons)
        self.path.send(bye, nothing)

    def _register(self) -> None:
        self.core.dialogs[self.dialog.id] = self

    def _end(self) -> None:
        """Nothing more comes of it."""
        if self._two_hundred is not None:
            self._two_hundred.stop()
            self._two_hundred = None
        if self._serving is not None and not self._serving.answered:
            self._serving.respond(487)
        if self.asking is not None and self.asking.is_sent:
            self.asking.cancel()  # a peer that is gone may never answer it
        self._serving = self.asking = None
        self._next_offer.clear()
        self.keeping.stop()
        dialog: Dialog | None = getattr(self, "dialog", None)
        if dialog is not None and self.core.dialogs.get(dialog.id) is self:
            del self.core.dialogs[dialog.id]


def nothing(response: Response) -> None:
    """Whatever comes of it, the leg is over."""
