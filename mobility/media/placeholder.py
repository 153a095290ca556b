"""What is offered for a caller that lets who is called offer first (RFC 3264, RFC 3725).

Devices that can only answer offers, as UCWA's clients, are offered audio that has no address yet:
port 9 of 0.0.0.0, which RFC 3264 section 8.4 keeps for third-party call control.  Their answer says
where they listen, so it can be offered to the caller, and what that answers is offered to them.
"""

from mobility.domain.descriptions import Description
from mobility.media.held import continued, silent_answer
from mobility.media.offers import read_description
from mobility.media.sdp import SdpError, Session, parse

OFFER = (
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    "m=audio 9 RTP/AVP 96 9 8 0 101\r\n"
    "a=rtpmap:96 opus/48000/2\r\na=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
    "a=sendrecv\r\n"
)
"""Audio without an address; the codecs are those that phones and clients have."""

ANSWER = silent_answer(OFFER)
"""How it is answered for a device that offers itself."""


def placeholder() -> Description:
    """The offer."""
    return read_description(OFFER)


def silence() -> Description:
    """Its answer for a device that offers itself."""
    return read_description(ANSWER)


def after_placeholder(text: str) -> str:
    """A description as the next one of the session that the placeholder began."""
    return continued(OFFER, text)


def agree(one: str, other: str) -> bool:
    """Whether two descriptions say the same of the media, whichever session they are of."""
    try:
        return _media(parse(one)) == _media(parse(other))
    except SdpError:
        return False


def _media(session: Session) -> tuple[object, ...]:
    return session.connection, session.attributes, session.media
