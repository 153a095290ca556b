"""Dialogs (RFC 3261 section 12): what two user agents agree on for as long as they talk.

Sans-IO.  A dialog makes the requests within it and checks those that come; sending them is the
transactions' business.
"""

from collections.abc import Callable
from typing import Self

import attrs

from mobility.sip.grammar import Malformed
from mobility.sip.headers import MAX_CSEQ, NameAddr
from mobility.sip.message import Request, Response
from mobility.sip.uri import SipUri

MAX_ROUTES = 32
"""Routes a dialog keeps (our choice: no request passes more proxies)."""

DialogId = tuple[str, str, str]
"""Call-ID, own tag, the other's tag."""


class OutOfOrder(Malformed):
    """A request within the dialog that is older than one before (RFC 3261 section 12.2.2: 500)."""


@attrs.define(slots=True, eq=False)
class Dialog:
    """One dialog as one side has it.

    `local` and `remote` are the From and To of requests from here, with their tags.  `target` is
    where requests go, `routes` what they pass, nearest first.  Sequence numbers are None until
    there is one.
    """

    call_id: str
    local: NameAddr
    remote: NameAddr
    target: SipUri
    routes: tuple[NameAddr, ...] = ()
    local_number: int | None = None
    remote_number: int | None = None
    secure: bool = False

    @property
    def id(self) -> DialogId:
        return self.call_id, self.local.tag, self.remote.tag

    @classmethod
    def called(cls, invite: Request, response: Response, *, secure: bool) -> Self:
        """The callee's dialog: `response` with a tag is what it answers (section 12.1.1).

        Raises Malformed when the request lacks what a dialog needs: one Contact, a From tag where
        RFC 2543 has none is let pass.
        """
        return cls(
            call_id=invite.call_id,
            local=response.to,
            remote=invite.from_,
            target=contact(invite),
            routes=_routes(invite.addresses("Record-Route")),
            remote_number=invite.cseq.number,
            secure=secure,
        )

    @classmethod
    def calling(cls, invite: Request, response: Response, *, secure: bool) -> Self:
        """The caller's dialog, from a response with a To tag (section 12.1.2).

        Raises Malformed.
        """
        return cls(
            call_id=invite.call_id,
            local=invite.from_,
            remote=response.to,
            target=contact(response),
            routes=_routes(response.addresses("Record-Route")[::-1]),
            local_number=invite.cseq.number,
            secure=secure,
        )

    def check(self, request: Request) -> None:
        """A request within the dialog has come (section 12.2.2).  Raises OutOfOrder.

        ACK and CANCEL have the number of their INVITE and are not checked.
        """
        if request.method in ("ACK", "CANCEL"):
            return
        number = request.cseq.number
        if self.remote_number is not None and number <= self.remote_number:
            raise OutOfOrder("a CSeq that is not above the one before")
        self.remote_number = number

    def refresh(self, message: Request | Response) -> None:
        """A target refresh (re-INVITE, UPDATE, SUBSCRIBE, NOTIFY, REFER) or its 2xx names where
        requests go from now on.  Raises Malformed."""
        if message.first("Contact") is not None:
            self.target = contact(message)

    def request(self, method: str) -> Request:
        """A request within the dialog (section 12.2.1.1), without a Via.

        ACK has the number of the last request, which was the INVITE; it is made with
        `acknowledge`, so that an INVITE in between does not confuse it.
        """
        number = (self.local_number or 0) + 1
        if number > MAX_CSEQ:
            raise Malformed("no CSeq left in the dialog")
        self.local_number = number
        return self._made(method, number)

    def acknowledge(self, invite_number: int) -> Request:
        """The ACK of a 2xx (section 13.2.2.4)."""
        return self._made("ACK", invite_number)

    def _made(self, method: str, number: int) -> Request:
        uri, routes = str(self.target), [str(route) for route in self.routes]
        if self.routes and "lr" not in self.routes[0].sip.parameters:  # a strict router
            uri = str(attrs.evolve(self.routes[0].sip, headers=""))
            routes = [*routes[1:], f"<{self.target}>"]
        fields = {
            "Max-Forwards": ["70"],
            "From": [str(self.local)],
            "To": [str(self.remote)],
            "Call-ID": [self.call_id],
            "CSeq": [f"{number} {method}"],
        }
        if routes:
            fields["Route"] = routes
        return Request(fields=fields, method=method, uri=uri)


def contact(message: Request | Response) -> SipUri:
    """The one Contact of a message that sets a dialog's target.  Raises Malformed."""
    contacts = message.addresses("Contact")
    if len(contacts) != 1:
        raise Malformed(f"{len(contacts)} contacts where one must be")
    return contacts[0].sip


def _routes(routes: list[NameAddr]) -> tuple[NameAddr, ...]:
    if len(routes) > MAX_ROUTES:
        raise Malformed("too many routes")
    for route in routes:
        route.sip  # noqa: B018  # each must be a SIP URI
    return tuple(routes)


def dialog_id_of(request: Request) -> DialogId:
    """The id of the dialog that a request is in, as its receiver has it.  Raises Malformed."""
    return request.call_id, request.to.tag, request.from_.tag


def dialog_id_from(request: Request) -> DialogId:
    """The id of the dialog that a request is in, as its sender has it.  Raises Malformed."""
    return request.call_id, request.from_.tag, request.to.tag


Entropy = Callable[[int], bytes]


class Pool:
    """Entropy taken from its source in large pieces, since each asking costs."""

    PIECE_BYTES = 4_096

    def __init__(self, source: Entropy) -> None:
        self._source = source
        self._piece = b""
        self._at = 0

    def __call__(self, size: int) -> bytes:
        """`size` random bytes, at most PIECE_BYTES."""
        end = self._at + size
        if end > len(self._piece):
            self._piece, self._at, end = self._source(self.PIECE_BYTES), 0, size
        taken = self._piece[self._at : end]
        self._at = end
        return taken


def new_tag(entropy: Entropy) -> str:
    """A tag (RFC 3261 section 19.3: 32 random bits at least)."""
    return entropy(8).hex()


def new_branch(entropy: Entropy) -> str:
    """A branch that is unique (RFC 3261 section 8.1.1.7)."""
    return f"z9hG4bK{entropy(12).hex()}"
