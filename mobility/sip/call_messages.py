"""What messages of calls carry: session descriptions, Reasons and session intervals."""

from collections.abc import Iterable

from mobility.domain.descriptions import Description, media_of
from mobility.errors import PeerFault
from mobility.media.offers import read_description
from mobility.media.placeholder import placeholder
from mobility.sip import session_timer
from mobility.sip.grammar import Malformed
from mobility.sip.headers import Parametrised
from mobility.sip.message import Request, Response
from mobility.sip.multipart import MIXED, Part, multipart, parts_of
from mobility.sip.refusal import SipRefusal

SDP = "application/sdp"

ACCEPT = f"{SDP}, {MIXED}"
"""The bodies that requests of calls may have."""

UNDERSTOOD = frozenset({SDP, "application/pidf+xml"})
"""The parts of bodies that are read, or may be left alone: where a caller says that it is."""

SUPPORTED = "100rel, replaces, timer"
"""Extensions of calls, as Supported says them."""

UNRELIABLY = "replaces, timer"
"""Those of an INVITE without an offer: what is offered comes in its 2xx, not before."""


def description_of(message: Request | Response) -> str:
    """The session description of a message, "" without one.

    It may be one of several parts.  Raises SipRefusal (415) for another body, also where another
    part has to be understood (RFC 5621 section 5), and Malformed for bytes that are no text.
    """
    if not message.body:
        return ""
    content_type = Parametrised.parse(message.need("Content-Type"))
    kind = content_type.value.lower().replace(" ", "")
    encoding = (message.first("Content-Encoding") or "identity").lower()
    body = message.body
    if kind == MIXED and encoding == "identity":
        parts = parts_of(content_type, body)
        if any(one.kind not in UNDERSTOOD and one.required for one in parts):
            kind = ""
        else:
            body = next((one.body for one in parts if one.kind == SDP), b"")
    elif kind != SDP or encoding != "identity":
        kind = ""
    if not kind:
        raise SipRefusal(415, fields={"Accept": [ACCEPT], "Accept-Encoding": ["identity"]})
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Malformed("a session description that is no UTF-8") from None


def offer_of(request: Request) -> Description:
    """What an INVITE offers, with audio or video.

    Where it offers nothing, what is offered in its place.  Raises SipRefusal (406 for a caller who
    takes no session description, 415, 488) and Malformed.
    """
    taken = [value.partition(";")[0].strip().lower() for value in request.values("Accept")]
    if taken and not {SDP, "application/*", "*/*"}.intersection(taken):
        raise SipRefusal(406, fields={"Accept": [SDP]})  # RFC 3261 section 21.4.7
    text = description_of(request)
    if not text:
        return placeholder()
    try:
        offer = read_description(text)
    except PeerFault as fault:
        raise SipRefusal(488, fields={"Warning": [f'399 mobility "{fault.message}"']}) from None
    if not media_of(offer.streams):
        raise SipRefusal(488)
    return offer


def add(
    message: Request | Response, fields: Iterable[tuple[str, str]], description: str = ""
) -> None:
    """Put header fields and a session description into a message."""
    for name, value in fields:
        message.add(name, value)
    if description:
        message.set("Content-Type", SDP)
        message.body = description.encode()


def add_beside(message: Request, description: str, part: Part, boundary: str) -> None:
    """Put a session description and another part into a message."""
    parts = [Part(SDP, description.encode()), part] if description else [part]
    content_type, message.body = multipart(boundary, parts)
    message.set("Content-Type", content_type)


def reasons_of(message: Request | Response) -> tuple[Parametrised, ...]:
    """The Reasons of a message that can be read (RFC 3326)."""
    try:
        return tuple(Parametrised.parse(value) for value in message.values("Reason"))
    except Malformed:
        return ()


def check_session(request: Request) -> None:
    """422 for a session interval that is too small.  Raises SipRefusal and Malformed."""
    if session_timer.too_small(request):
        raise SipRefusal(422, fields={"Min-SE": [str(session_timer.MIN_SE_S)]})
