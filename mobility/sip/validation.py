"""Whether a message is fit to be processed (RFC 3261 sections 8.1.1, 8.2.2 and 16.3).

The typed readers raise as they go; here everything that must hold for any message is asked at
once, so that what comes later need not.
"""

from mobility.sip.grammar import Malformed
from mobility.sip.headers import CSeq, NameAddr, Parametrised, Via, seconds
from mobility.sip.message import Message, Request, Response
from mobility.sip.uri import OtherUri, UnknownScheme, parse_uri

MAX_FORWARDS = 255

_ONCE = (
    "Call-ID",
    "CSeq",
    "From",
    "To",
    "Max-Forwards",
    "Content-Type",
    "Event",
    "Expires",
    "Subscription-State",
)
"""Header fields that may come once at most."""


def check(message: Request | Response) -> None:
    """Raises Malformed for a message that breaks the rules of every message.

    UnknownScheme is raised for a Request-URI of another scheme.
    """
    for name in _ONCE:
        lines = message.fields.get(name)
        if lines is not None and len(lines) > 1:
            raise Malformed(f"more than one {name}")
    for value in message.values("Via"):
        Via.parse(value)
    message.via  # noqa: B018  # there must be one
    cseq = message.cseq
    NameAddr.parse(message.need("From"))
    NameAddr.parse(message.need("To"))
    if not message.need("Call-ID"):
        raise Malformed("an empty Call-ID")
    _check_optional(message)
    if isinstance(message, Request):
        _check_request(message, cseq)


def _check_request(request: Request, cseq: CSeq) -> None:
    if cseq.method != request.method:
        raise Malformed("a CSeq of another method")
    forwards = request.first("Max-Forwards")
    if forwards is not None and not (
        len(forwards) <= 3
        and forwards.isascii()
        and forwards.isdigit()
        and int(forwards) <= MAX_FORWARDS
    ):
        raise Malformed("a wrong Max-Forwards")
    uri = parse_uri(request.uri)
    if isinstance(uri, OtherUri):
        raise UnknownScheme("a Request-URI of an unknown scheme")


def _check_optional(message: Message) -> None:
    """Header fields that need not be there and must be right if they are."""
    for name in ("Contact", "Route", "Record-Route"):
        for value in message.values(name):
            if value != "*":
                NameAddr.parse(value)
    for name in ("Content-Type", "Event", "Subscription-State"):
        line = message.first(name)
        if line is not None:
            Parametrised.parse(line)
    for name in ("Expires", "Min-Expires"):
        line = message.first(name)
        if line is not None:
            seconds(line)
