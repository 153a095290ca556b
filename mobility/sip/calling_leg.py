"""The leg of an INVITE of ours: it is sent, rings somewhere, and is answered or given up."""

from functools import partial

import attrs

from mobility.media.held import continued, narrowed, silent_answer
from mobility.media.placeholder import agree
from mobility.sip import session_timer
from mobility.sip.accounts import credentials_of
from mobility.sip.call_messages import UNRELIABLY, add, add_beside, check_session, description_of
from mobility.sip.core import Core, Incoming
from mobility.sip.dialog import Dialog
from mobility.sip.early_answers import Early
from mobility.sip.grammar import Malformed, number
from mobility.sip.headers import CSeq, NameAddr, RAck
from mobility.sip.leg import Leg, nothing
from mobility.sip.leg_owner import Owner, Refused
from mobility.sip.leg_states import Legged
from mobility.sip.message import Request, Response
from mobility.sip.multipart import Part
from mobility.sip.refusal import SipRefusal
from mobility.sip.reoffer import Path

MAX_EARLY = 16
"""Early dialogs of one INVITE (our choice: proxies fork to fewer)."""

MAX_ATTEMPTS = 3
"""INVITEs of one leg: again with a longer session interval, or without what goes beside the
description."""

UNWANTED = frozenset({400, 406, 413, 415, 420, 424, 488, 513, 606})
"""Refusals that may be those of another part than the description (RFC 6442 section 4.3 has 424);
an emergency call goes on without it."""


@attrs.frozen(slots=True)
class Invitation:
    """What an INVITE says: whom it is for, who calls, and what it offers ("" for nothing).

    `beside` goes along with the offer, with its own header fields `about`, unless it is refused.
    """

    uri: str
    caller: NameAddr
    callee: NameAddr
    offer: str = attrs.field(repr=False, default="")
    fields: tuple[tuple[str, str], ...] = ()
    beside: Part | None = None
    about: tuple[tuple[str, str], ...] = ()


class CallingLeg(Leg):
    """A leg that this end begins."""

    def __init__(
        self,
        core: Core,
        path: Path,
        owner: Owner,
        invitation: Invitation,
    ) -> None:
        super().__init__(core, path, owner, "Calling")
        self._invitation = invitation
        self._call_id = core.entropy(16).hex()
        self._tag = core.new_tag()
        self._number = 0
        self._attempts = 0
        self._request: Request | None = None
        self._early: dict[str, Early] = {}
        self._latest: Early | None = None
        """That whose description the owner was told last."""
        self._waiting: str | None = None
        """A new offer that waits until the one before is answered, before the 2xx."""
        self._reasons: tuple[str, ...] = ()
        self._ended_branches: dict[str, Request] = {}
        """The ACKs of answers that nobody waited for, by their tags."""
        self.local = invitation.offer
        self.is_focus = False
        """Whether it was answered by the focus of a conference (RFC 4579 section 4.2)."""

    @property
    def call_id(self) -> str:
        return self._call_id

    @property
    def tag(self) -> str:
        """The From tag, which with the Call-ID names the leg before there is a dialog."""
        return self._tag

    def invite(self) -> None:
        """Send the INVITE."""
        self._number += 1
        self._attempts += 1
        wanted = self._invitation
        caller = attrs.evolve(
            wanted.caller, parameters={**wanted.caller.parameters, "tag": self._tag}
        )
        request = Request(
            fields={
                "Max-Forwards": ["70"],
                "From": [str(caller)],
                "To": [str(wanted.callee)],
                "Call-ID": [self._call_id],
                "CSeq": [f"{self._number} INVITE"],
            },
            method="INVITE",
            uri=wanted.uri,
        )
        own = self.own_fields() if wanted.offer else self._own_without_offer()
        fields = [*own, *self.keeping.fields(), *wanted.fields]
        add(request, fields, wanted.offer)
        if wanted.beside is not None:
            add(request, wanted.about)
            boundary = self.core.entropy(16).hex()
            add_beside(request, wanted.offer, wanted.beside, boundary)
        self._request = request
        self.path.invite(request, partial(self._responded, request))

    def glare_s(self) -> float:
        return self.core.between(2.1, 4.0)

    def acknowledge(self, answer: str) -> None:
        if self.state == "Accepted":
            self.local = answer
            self._acknowledge(answer)
            self._becomes(Legged.ACK_SENT)
            self._offer_next()
        else:
            super().acknowledge(answer)

    def answer_offer(self, description: str) -> None:
        if self.state == "Accepted":
            self.acknowledge(description)
        else:
            super().answer_offer(description)

    def hang_up(self, *reasons: str) -> None:
        match self.state:
            case "Calling" | "Proceeding":
                self._reasons = reasons
                self._becomes(Legged.HUNG_UP)
                self.path.cancel(*reasons)
            case "Accepted":
                self._becomes(Legged.HUNG_UP)
                self._acknowledge(silent_answer(self.remote))
                self._bye(*reasons)
                self._end()
            case "Confirmed":
                self._becomes(Legged.HUNG_UP)
                self._bye(*reasons)
                self._end()

    # -- new offers before the 2xx ---------------------------------------------------------------

    @property
    def offer_waits(self) -> bool:
        return self._waiting is not None or super().offer_waits

    def reoffer(self, description: str | None) -> None:
        """Offer anew; before the 2xx in the early dialog whose media were told last."""
        if description is None or not self.calls:
            super().reoffer(description)
        elif (early := self._latest) is None or not early.may_offer:
            self.owner.disagreed(self, 488)
        elif early.offered:
            self._waiting = description
        else:
            early.offer(description, self._answered_early)

    def take_back(self) -> bool:
        if self._waiting is not None:
            self._waiting = None
            return True
        if self._latest is not None and self._latest.take_back():
            return True
        return super().take_back()

    @property
    def calls(self) -> bool:
        """Whether the INVITE is not answered for good."""
        return self.state in ("Calling", "Proceeding")

    def _answered_early(self, status: int, answer: str) -> None:
        """An offer before the 2xx was answered, perhaps after it."""
        if answer:
            if not self.calls:
                self.remote = answer
            self.owner.agreed(self, answer)
        else:
            self.owner.disagreed(self, status)
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self.reoffer(waiting)

    def _own_without_offer(self) -> list[tuple[str, str]]:
        return [("Allow", self.core.allow), ("Supported", UNRELIABLY)]

    # -- responses -------------------------------------------------------------------------------

    def _responded(self, request: Request, response: Response) -> None:
        """A response to an INVITE."""
        if request is not self._request:
            return  # to an attempt before the last one
        self._number = request.cseq.number  # above the one before where it was challenged
        if response.status < 200:
            self._progressed(response)
        elif response.status < 300:
            self._accepted(request, response)
        elif not self.is_over:
            self._refused(response)

    def _progressed(self, response: Response) -> None:
        if self.state not in ("Calling", "Proceeding"):
            return
        self._becomes(Legged.PROGRESSED)
        try:
            description = self._early_media(response)
        except (Malformed, SipRefusal):
            return  # a provisional response that cannot be read says nothing
        if description is not None:
            self.owner.progressed(self, response.status, description)

    def _early_media(self, response: Response) -> str | None:
        """The description of a provisional response; it is acknowledged if that is asked for.

        None for one that came before.  Raises Malformed and SipRefusal.
        """
        description = description_of(response)
        tag = response.to.tag
        if not tag or response.first("Contact") is None:
            return description
        early = self._early.get(tag)
        if early is None:
            if len(self._early) >= MAX_EARLY or self._request is None:
                return description
            dialog = Dialog.calling(self._request, response, secure=self.path.secure)
            early = self._early[tag] = Early(self, dialog)
            self.core.dialogs[dialog.id] = early
        early.allows |= response.tokens("Allow")
        if description and early.renewed:  # the first answer again, which does not count any more
            description = ""
        if description:
            early.description, self._latest = description, early
        if "100rel" in response.tokens("Require"):
            early.agreed = early.agreed or bool(description)
            sequence = number(response.need("RSeq"), 2**32 - 1)
            if early.sequence and sequence != early.sequence + 1:
                return None  # again, or one before it was lost (RFC 3262 section 4)
            early.sequence = sequence
            prack = early.dialog.request("PRACK")
            prack.set("RAck", str(RAck(sequence, CSeq(self._number, "INVITE"))))
            self.path.send(prack, nothing)
        return description

    def _accepted(self, request: Request, response: Response) -> None:
        """2xx: the first makes the dialog, those of other branches are ended."""
        tag = response.to.tag
        dialog: Dialog | None = getattr(self, "dialog", None)
        if dialog is not None and dialog.remote.tag == tag:
            ack = self.acks.get(self._number)
            if ack is not None:
                self.path.acknowledge(ack)
            return
        early = self._early.get(tag)
        try:
            made = Dialog.calling(request, response, secure=self.path.secure)
        except Malformed:
            if dialog is None and not self.is_over:
                self._fails(Refused(502))
            return
        if early is not None:
            made.local_number = early.dialog.local_number
            made.remote_number = early.dialog.remote_number
        if dialog is not None or self.state in ("Cancelled", "Ended"):
            self._end_branch(made)
            return
        self.dialog = made
        self._forget_early()
        self._becomes(Legged.ACCEPTED)
        self._register()
        self._allows = response.tokens("Allow")
        self.is_focus = any("isfocus" in one.parameters for one in response.addresses("Contact"))
        try:
            description = description_of(response)
            if early is not None and (early.renewed or not description):
                description = early.description
            self.keeping.keep(session_timer.agreed(response) or session_timer.ALONE)
        except (Malformed, SipRefusal):
            description = ""
        self.remote = description
        if self._invitation.offer or not description:
            self._acknowledge("")
            self._becomes(Legged.ACK_SENT)
        self.owner.answered(self, description)

    def _end_branch(self, dialog: Dialog) -> None:
        """A 2xx that nobody waits for: it is acknowledged, and its dialog ended."""
        known = self._ended_branches.get(dialog.remote.tag)
        if known is not None:  # it is sent until the ACK has come
            self.path.acknowledge(known)
            return
        ack = dialog.acknowledge(self._number)
        if len(self._ended_branches) < MAX_EARLY:
            self._ended_branches[dialog.remote.tag] = ack
        self.path.acknowledge(ack)
        self._bye(*self._reasons, dialog=dialog)
        if self.state == "Cancelled":
            self._becomes(Legged.ACCEPTED)
            self._end()

    def updated_early(self, early: Early, incoming: Incoming) -> None:
        """UPDATE before the 2xx: the peer goes on with other media than it has answered with.

        Whoever calls is told of them, and what it has offered is the answer as far as it can be
        one.  Raises SipRefusal and Malformed.
        """
        request = incoming.request
        if request.method != "UPDATE" or self.state not in ("Calling", "Proceeding"):
            raise SipRefusal(481)
        check_session(request)
        description, own = description_of(request), ""
        if description and not early.description:  # ours is not answered yet
            raise SipRefusal(491)
        if description and early.offered:
            raise SipRefusal(491)
        if description:
            own = narrowed(self.local, description)
            if not own:
                raise SipRefusal(488)
        early.dialog.refresh(request)
        response = request.respond(200, incoming.tag)
        if own:
            self.local = own = continued(self.local, own)
        add(response, self.own_answer(), own)
        incoming.send(response)
        if description and not agree(description, early.description):
            early.description, early.renewed, self._latest = description, True, early
            self.owner.progressed(self, 183, description)

    def _forget_early(self) -> None:
        for early in self._early.values():
            if self.core.dialogs.get(early.dialog.id) is early:
                del self.core.dialogs[early.dialog.id]

    def _end(self) -> None:
        super()._end()
        self._forget_early()
        self._early.clear()

    def _refused(self, response: Response) -> None:
        if self.state != "Cancelled" and self._attempts < MAX_ATTEMPTS:
            try:
                if self._again(response):
                    return
            except Malformed:
                pass  # what cannot be read cannot be met: it is a refusal
        self._fails(Refused(response.status, response))

    def _again(self, response: Response) -> bool:
        """Try with what the response asks for.  Raises Malformed."""
        if response.status == 422:
            if not self.keeping.lengthen(response):
                return False
        elif response.status in UNWANTED and self._invitation.beside is not None:
            self._invitation = attrs.evolve(self._invitation, beside=None)
        else:
            return False
        self.state = "Calling"
        self.invite()
        return True

    def _fails(self, refused: Refused) -> None:
        told = self.state != "Cancelled"
        self._becomes(Legged.FAILED)
        self._end()
        if told:
            self.owner.refused(self, refused)

    def _acknowledge(self, answer: str) -> None:
        ack = self.dialog.acknowledge(self._number)
        add(ack, (), answer)
        if self._request is not None:
            for name, value in credentials_of(self._request):
                ack.add(name, value)
        self.acks = {self._number: ack}
        self.path.acknowledge(ack)
