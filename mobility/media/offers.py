"""Session descriptions as the domain decides about them: their streams and their directions."""

import attrs

from mobility.domain.descriptions import (
    AUDIO,
    INACTIVE,
    RECEIVE_ONLY,
    SEND_ONLY,
    SEND_RECEIVE,
    VIDEO,
    Description,
    Stream,
)
from mobility.errors import PeerFault
from mobility.media.sdp import Media, SdpError, Session, attribute, parse, serialise

_MEDIA = {"audio": AUDIO, "video": VIDEO}

_DIRECTIONS = {
    "sendrecv": SEND_RECEIVE,
    "sendonly": SEND_ONLY,
    "recvonly": RECEIVE_ONLY,
    "inactive": INACTIVE,
}
"""RFC 4566 section 6."""


def read_description(text: str) -> Description:
    """The description in an SDP text.

    Raises PeerFault: 400 BadRequest/InvalidMediaDescription for what is none, is too large, or has
    no media stream.
    """
    try:
        session = parse(text)
    except SdpError as error:
        raise _invalid(f"The description {error}.") from None
    if not session.media:
        raise _invalid("The description has no media stream.")
    return Description(text, tuple(_stream(session, media) for media in session.media))


def without(text: str, media: tuple[str, ...]) -> str:
    """A description that was read before, its streams of these media closed (port 0).

    An answer to it closes them too (RFC 3264 section 6).
    """
    session = parse(text)
    kept = tuple(
        attrs.evolve(one, port=0) if _MEDIA.get(one.medium) in media else one
        for one in session.media
    )
    return serialise(attrs.evolve(session, media=kept))


def _stream(session: Session, media: Media) -> Stream:
    return Stream(
        medium=_MEDIA.get(media.medium, media.medium),
        protocol=media.protocol,
        direction=_direction(session, media),
        open=bool(media.port),
    )


def _direction(session: Session, media: Media) -> str:
    """The stream's own direction, or the session's, or both ways (RFC 4566 section 6)."""
    for attributes in (media.attributes, session.attributes):
        for name, direction in _DIRECTIONS.items():
            if attribute(attributes, name) is not None:
                return direction
    return SEND_RECEIVE


def _invalid(message: str) -> PeerFault:
    return PeerFault("BadRequest", "InvalidMediaDescription", message)
