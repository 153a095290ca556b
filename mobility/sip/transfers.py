"""Transfers: REFER within a call (RFC 3515, RFC 5589), with Replaces or without.

Who transfers leaves, and what it talked to is joined with whom it names: somebody new, who is
called for that, or the other end of another call of its own (Replaces, RFC 3891), which may ring
still.  The ends that stay are offered each other's media.
"""

from collections.abc import Callable
from urllib.parse import unquote

import attrs

from mobility.domain.call_rows import Wanted
from mobility.domain.descriptions import media_of
from mobility.domain.outside_calls import OutsideCalls
from mobility.domain.ringing import Plan
from mobility.errors import Answerable
from mobility.events import Catalogue, EventLog
from mobility.media.held import resumed
from mobility.media.offers import read_description
from mobility.sip.call_line import CallerLine, CallLine, Domain, Register
from mobility.sip.call_reasons import ELSEWHERE, status_of_refusal
from mobility.sip.core import MAX_CALL_ID_SHOWN, Core, Incoming
from mobility.sip.cross_leg import CrossLeg, Transferor
from mobility.sip.early_dialogs import Fork
from mobility.sip.gateway_legs import GatewayLeg
from mobility.sip.grammar import Malformed, parse_parameters
from mobility.sip.headers import NameAddr
from mobility.sip.leg import Leg
from mobility.sip.leg_owner import Ending
from mobility.sip.leg_states import Legged
from mobility.sip.message import Request, Response
from mobility.sip.parties import Callee, Caller, Parties
from mobility.sip.reasons import REASONS
from mobility.sip.refusal import SipRefusal
from mobility.sip.uri import SipUri

EVENTS: Catalogue = {
    "sip.transfer": {
        "call": "Call-ID of the leg that transferred, cut to 64 characters",
        "conversation": "the conversation of who was transferred",
        "to": "the conversation that it was joined with, empty for none",
        "status": "200, or why it failed",
    },
}

NOTIFY_S = 180
"""How long who transfers is told how it gets on (our choice: longer than calls ring)."""


@attrs.frozen(slots=True)
class Transferring:
    """What transfers need.

    `may_transfer` says whether policy lets a user transfer calls, `callee` whom a request of
    somebody is for, and `plan` who rings for a callee where that is not for the callee to say.
    """

    core: Core
    domain: Domain
    parties: Parties
    outside: OutsideCalls | None
    may_transfer: Callable[[str], bool]
    callee: Callable[[Request, Caller], Callee]
    plan: Callable[[Callee, str], Plan | None]
    log: EventLog


class Transfers:
    """Begins transfers."""

    def __init__(self, needs: Transferring, lines: set[CallLine], register: Register) -> None:
        """`lines` are those that call or ring."""
        self._needs = needs
        self._lines = lines
        self._register = register

    def refer(self, one: Transferor, incoming: Incoming) -> None:
        """A REFER has come within the dialog of a leg.  Raises SipRefusal and Malformed."""
        needs, request = self._needs, incoming.request
        leg = one.leg
        if not isinstance(leg, Leg):
            raise SipRefusal(481)
        if one.transfer is not None:
            raise SipRefusal(491)
        uri = one.party.device.user_uri
        user = needs.parties.user(uri)
        if user is not None and not needs.may_transfer(uri):
            raise SipRefusal(603)
        target = NameAddr.parse(request.need("Refer-To")).uri
        replaced = _replaces(target) if isinstance(target, SipUri) else None
        other = self._replaced(one, replaced) if replaced is not None else None
        if replaced is None:
            bare = _called(target) if isinstance(target, SipUri) else target
            asked = Request(method="INVITE", uri=str(bare))
            name = needs.domain.conversations.name_of(uri)
            callee = needs.callee(asked, Caller(uri, name, user))
        silent = (request.first("Refer-Sub") or "").lower().startswith("false")
        incoming.respond(202, [("Refer-Sub", "false")] if silent else ())
        transfer = Transfer(needs, self, one, leg, 0 if silent else request.cseq.number)
        if isinstance(other, CallerLine) and other.rings:
            transfer.take(other)
        elif other is not None:
            transfer.join(other)
        elif replaced is not None:
            transfer.fails(481)
        else:
            transfer.call(callee)

    def opened(self, line: CallLine) -> None:
        """A line that calls for a transfer."""
        self._lines.add(line)

    @property
    def register(self) -> Register:
        return self._register

    def _replaced(
        self, one: Transferor, replaces: tuple[str, str, str]
    ) -> CallLine | GatewayLeg | None:
        """The other call of who transfers, that goes on or, where it has called, rings.

        It is a call of the same user, or one of somebody beyond this system as both are: who can
        name the dialog takes part in it.
        """
        found = self._needs.core.dialogs.get(replaces)
        leg: object = found.leg if isinstance(found, Fork) else found
        other = leg.owner if isinstance(leg, Leg) else None
        if not isinstance(other, CallLine | GatewayLeg) or other.leg is not leg:
            return None
        if other is one or other.transfer is not None or not (other.talks or other.rings):
            return None
        user_of = self._needs.parties.user
        mine, yours = one.party.device.user_uri, other.party.device.user_uri
        same = mine == yours or (user_of(mine) is None and user_of(yours) is None)
        return other if same and not self._talk(one, other) else None

    def _talk(self, one: Transferor, other: CallLine | GatewayLeg) -> bool:
        """Whether two lines talk to one another, by however many calls that were joined: nobody
        would be left of these."""
        conversations, there = self._needs.domain.conversations, other.party.device.id
        lines = {line.line.id: line for line in self._lines}
        ends: set[str] = set()
        party = one.party
        while party.conversation_id not in ends:
            ends.add(party.conversation_id)
            conversation, _ = conversations.find(party.device, party.conversation_id)
            far = conversation.other_in_call(party.device.id)
            if far == there:
                return True
            leg = lines[far].leg if far in lines else None
            beyond = leg.other.owner if isinstance(leg, CrossLeg) and leg.other else None
            if not isinstance(beyond, CallLine | GatewayLeg):
                return False
            party = beyond.party
        return False


class Transfer:
    """One transfer: `one` is who transfers, `leg` its leg."""

    def __init__(
        self, needs: Transferring, transfers: Transfers, one: Transferor, leg: Leg, number: int
    ) -> None:
        """`number` is the CSeq of the REFER, 0 where nobody wants to be told."""
        self._needs = needs
        self._transfers = transfers
        self._one = one
        self._party = one.party
        self._leg = leg
        self._number = number
        self._stays = CrossLeg(one, resumed(leg.local), leg.call_id)
        """In place of the leg, once it is gone."""
        self._caller: CallerLine | None = None
        self._taken = False
        """Whether that has called before the transfer, with other media."""
        self._over = False
        one.transfer = self
        self._notify(100)

    # -- somebody new ----------------------------------------------------------------------------

    def call(self, callee: Callee) -> None:
        """Call whom the transfer is to."""
        domain = self._needs.domain
        caller = self._caller = CallerLine(domain, self._transfers.register)
        caller.leg = _Called(self, caller, self._stays.local, self._leg.call_id)
        uri = self._party.device.user_uri
        name = domain.conversations.name_of(uri)
        if self._needs.parties.user(callee.uri) is not None:  # others are called by who transfers
            uri, name = self._other_end()
        caller.line = domain.conversations.lines.open(uri, name, caller.hear)
        self._transfers.opened(caller)

        async def start(now: float) -> None:
            offer = read_description(self._stays.local)
            transferred_by = self._party.device.user_uri if self._is_user else ""
            wanted = Wanted(
                callee.uri,
                media_of(offer.streams),
                offer,
                transferred_by=transferred_by,
                plan=self._needs.plan(callee, uri),
            )
            if not callee.dialled:
                begun = await domain.calls.start(caller.line, wanted, now)
            elif self._needs.outside is not None:
                outside = self._needs.outside
                begun = await outside.start(caller.line, wanted, callee.dialled, now)
            else:
                raise SipRefusal(404)
            caller.began(begun)

        async def begin(now: float) -> None:
            try:
                await start(now)
            except Answerable as refusal:
                self._never(status_of_refusal(refusal))
            except SipRefusal as refusal:
                self._never(refusal.status)

        domain.agenda.at(0.0, begin)

    def _never(self, status: int) -> None:
        self.fails(status)
        if self._caller is not None:
            self._caller.close()

    @property
    def _is_user(self) -> bool:
        """Whether who transfers is a user here."""
        return self._needs.parties.user(self._party.device.user_uri) is not None

    def _other_end(self) -> tuple[str, str]:
        """Who is transferred, as others are shown it."""
        conversations, device = self._needs.domain.conversations, self._party.device
        conversation, _ = conversations.find(device, self._party.conversation_id)
        side = conversation.sides.get(conversation.other_in_call(device.id))
        uri = side.user_uri if side is not None else device.user_uri
        return uri, conversations.name_of(uri)

    def progressed(self, status: int) -> None:
        """It rings."""
        if not self._over:
            self._notify(status)

    def answered(self, called: "CrossLeg", description: str) -> None:
        """Somebody has answered: the two ends are joined."""
        if self._over:
            return
        self._stays.join(called)
        called.local = description
        self._done(self._caller)
        if self._taken:
            self._stays.describe()
        else:
            called.reoffer(description)

    # -- another call ----------------------------------------------------------------------------

    def take(self, other: CallerLine) -> None:
        """Whoever rings for another call of who transfers is called for this transfer from now
        on."""
        leg, self._caller, self._taken = other.leg, other, True
        other.leg = _Called(self, other, leg.local, leg.call_id)
        leg.refuse(487, ELSEWHERE)

    def join(self, other: CallLine | GatewayLeg) -> None:
        """Join the other ends of two calls of who transfers."""
        leg = other.leg
        there = CrossLeg(other, resumed(leg.local), leg.call_id)
        self._stays.join(there)
        other.replaced_by(there)
        self._done(other)
        leg.hang_up()
        self._stays.describe()

    # -- how it ends -----------------------------------------------------------------------------

    def left(self) -> bool:
        """A Pending's: who transfers hangs up; the other end stays for whom it is to talk to."""
        if self._over or self._one.leg is not self._leg:
            return False
        self._one.replaced_by(self._stays)
        return True

    def abandon(self) -> None:
        """A Pending's."""
        if self._over:
            return
        self._over, self._one.transfer = True, None
        if self._caller is not None:
            self._caller.ended(self._caller.leg, Ending(Legged.CANCELLED))
        self._notify(487)
        self._report(487, "")

    def fails(self, status: int) -> None:
        """Nobody answers: who transfers goes on with the call, if it is still there."""
        if self._over:
            return
        self._over, self._one.transfer = True, None
        self._notify(status)
        self._report(status, "")
        if self._one.leg is self._stays:
            self._one.ended(self._stays, Ending(Legged.BYE))

    def _done(self, other: CallLine | GatewayLeg | None) -> None:
        self._over, self._one.transfer = True, None
        self._notify(200)
        self._one.replaced_by(self._stays)
        self._leg.hang_up()
        self._report(200, other.party.conversation_id if other is not None else "")

    def _notify(self, status: int) -> None:
        """Tell who transfers how it gets on (RFC 3515 section 2.4.5)."""
        if not self._number or self._leg.is_over:
            return
        notify = self._leg.dialog.request("NOTIFY")
        notify.set("Event", f"refer;id={self._number}")
        state = f"active;expires={NOTIFY_S}" if status < 200 else "terminated;reason=noresource"
        notify.set("Subscription-State", state)
        notify.set("Content-Type", "message/sipfrag;version=2.0")
        notify.body = f"SIP/2.0 {status} {REASONS.get(status, 'Unknown')}\r\n".encode()
        self._leg.path.send(notify, _nothing)

    def _report(self, status: int, to: str) -> None:
        self._needs.log.emit(
            "sip.transfer",
            call=self._leg.call_id[:MAX_CALL_ID_SHOWN],
            conversation=self._party.conversation_id,
            to=to,
            status=status,
        )


class _Called(CrossLeg):
    """The leg of the line that calls for a transfer: what it is told is the transfer's."""

    def __init__(self, transfer: Transfer, owner: CallerLine, local: str, call_id: str) -> None:
        super().__init__(owner, local, call_id)
        self._transfer = transfer

    def progress(self, status: int, description: str = "", source: str = "") -> None:  # noqa: ARG002
        self._transfer.progressed(status)

    def answer(self, description: str) -> None:
        self._transfer.answered(self, description)

    def refuse(self, status: int, *reasons: str) -> None:  # noqa: ARG002
        self._transfer.fails(status)


def _called(uri: SipUri) -> SipUri:
    """A Refer-To as the Request-URI of an INVITE.

    Raises SipRefusal for another request, which RFC 3515 section 2.1 lets be asked for, too.
    """
    if (uri.parameters.get("method") or "INVITE").upper() != "INVITE":
        raise SipRefusal(501)
    kept = {name: value for name, value in uri.parameters.items() if name != "method"}
    return attrs.evolve(uri, parameters=kept, headers="")


def _replaces(uri: SipUri) -> tuple[str, str, str] | None:
    """The dialog that the header fields of a Refer-To name, as its other end has it.

    Raises Malformed.
    """
    for part in uri.headers.split("&"):
        name, _, value = part.partition("=")
        if name.lower() == "replaces":
            return replaced(unquote(value))
    return None


def replaced(value: str) -> tuple[str, str, str]:
    """The id of the dialog that a Replaces names (RFC 3891 section 6.1).  Raises Malformed."""
    call_id, semicolon, rest = value.partition(";")
    parameters = parse_parameters(semicolon + rest)
    to, from_ = parameters.get("to-tag"), parameters.get("from-tag")
    if not (call_id and to and from_):
        raise Malformed("a Replaces without its tags")
    return call_id.strip(), to, from_


def is_early_only(value: str) -> bool:
    """Whether a Replaces names a call only while it rings (RFC 3891 section 6.1)."""
    return "early-only" in parse_parameters(";" + value.partition(";")[2])


def _nothing(response: Response) -> None:
    """Who transfers need not listen."""
