"""Descriptions that this end makes of others': silence, and one session through several."""

import attrs

from mobility.media.sdp import (
    Attribute,
    Connection,
    Media,
    SdpError,
    Session,
    parse,
    serialise,
)

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")

NOWHERE = "0.0.0.0"  # noqa: S104  # no address to listen on: RFC 3264 section 8.4
"""Where nothing is sent."""

DISCARD = 9
"""The port of a stream that goes nowhere, which must not be 0 (RFC 3264 section 5.1)."""

_KEPT = ("rtpmap", "fmtp", "mid", "rtcp-mux")
"""Attributes of a stream that an answer without media of its own takes over."""


_OF_FORMATS = ("rtpmap", "fmtp", "rtcp-fb")
"""Attributes that begin with the format that they are of."""


def silent_answer(offer: str) -> str:
    """An answer to an offer that agrees to its streams and lets nothing flow.

    "" for an offer that cannot be read.
    """
    try:
        session = parse(offer)
    except SdpError:
        return ""
    media = tuple(_silent(one) for one in session.media)
    connection = Connection("IN", "IP4", NOWHERE)
    made = attrs.evolve(session, lines=(), attributes=(), connection=connection, media=media)
    return serialise(made)


def narrowed(own: str, offer: str) -> str:
    """`own` as an answer to an offer: of each stream the formats that are offered.

    "" where it cannot be one (RFC 3264 section 6), as with a stream that has no format in common.
    """
    try:
        mine, theirs = parse(own), parse(offer)
    except SdpError:
        return ""
    if len(mine.media) != len(theirs.media):
        return ""
    media = []
    for one, other in zip(mine.media, theirs.media, strict=True):
        formats = tuple(name for name in one.formats if name in other.formats)
        if (one.medium, one.protocol) != (other.medium, other.protocol) or not formats:
            return ""
        port = one.port if other.port else 0
        media.append(attrs.evolve(one, formats=formats, port=port, attributes=_of(one, formats)))
    return serialise(attrs.evolve(mine, media=tuple(media)))


def _of(media: Media, formats: tuple[str, ...]) -> tuple[Attribute, ...]:
    """The attributes of a stream without those of other formats."""
    return tuple(
        one
        for one in media.attributes
        if one.name not in _OF_FORMATS or (one.value or "").partition(" ")[0] in (*formats, "*")
    )


_OF_FLOWS = (*DIRECTIONS, "crypto", "fingerprint", "ice-ufrag", "setup")
"""Attributes that say how media flow."""


def flows_alike(before: str, after: str) -> bool:
    """Whether media that flow by `before` flow by `after` as well: to the same places, in the same
    directions and as secret, in no format that is new."""
    try:
        old, new = parse(before), parse(after)
    except SdpError:
        return False
    if len(old.media) != len(new.media) or _of_flow(old.attributes) != _of_flow(new.attributes):
        return False
    return all(
        (one.medium, one.protocol, one.port) == (other.medium, other.protocol, other.port)
        and (one.connection or old.connection) == (other.connection or new.connection)
        and _of_flow(one.attributes) == _of_flow(other.attributes)
        and set(other.formats) <= set(one.formats)
        for one, other in zip(old.media, new.media, strict=True)
    )


def _of_flow(attributes: tuple[Attribute, ...]) -> set[tuple[str, str | None]]:
    found = {(one.name, one.value) for one in attributes if one.name in _OF_FLOWS}
    return found - {("sendrecv", None)}  # which is meant where nothing is said


def silenced(description: str) -> str:
    """The description with all its streams inactive."""
    return _directed(description, "inactive")


def resumed(description: str) -> str:
    """The description with all its streams flowing both ways."""
    return _directed(description, "sendrecv")


def _silent(media: Media) -> Media:
    kept = tuple(one for one in media.attributes if one.name in _KEPT)
    if not media.port:
        return attrs.evolve(media, connection=None, lines=(), attributes=())
    return attrs.evolve(
        media,
        port=DISCARD,
        port_count=1,
        connection=None,
        lines=(),
        attributes=(*kept, Attribute("inactive")),
    )


def _directed(description: str, direction: str) -> str:
    try:
        session = parse(description)
    except SdpError:
        return description
    media = tuple(
        attrs.evolve(
            one,
            attributes=(
                *(each for each in one.attributes if each.name not in DIRECTIONS),
                Attribute(direction),
            ),
        )
        for one in session.media
    )
    attributes = tuple(one for one in session.attributes if one.name not in DIRECTIONS)
    return serialise(attrs.evolve(session, media=media, attributes=attributes))


def continued(before: str, description: str) -> str:
    """`description` as the next one of the session that `before` describes (RFC 3264 section 8).

    Its origin is that of `before`, with a version that is one more; a session that goes on as it is
    is left alone.
    """
    if not before or before == description:
        return description
    try:
        old, new = parse(before), parse(description)
    except SdpError:
        return description
    if _same_session(old, new) and int(new.origin.version) > int(old.origin.version):
        return description
    version = str((int(old.origin.version) + 1) % 2**63)
    return serialise(attrs.evolve(new, origin=attrs.evolve(old.origin, version=version)))


def _same_session(old: Session, new: Session) -> bool:
    return attrs.evolve(old.origin, version="") == attrs.evolve(new.origin, version="")
