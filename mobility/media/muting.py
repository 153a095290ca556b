"""Descriptions that say for a device that somebody else has muted it.

A mixer is told that the device takes media and sends none, so that it takes none from it; the
device is not told, so that it goes on as it is when it is unmuted (RFC 3264 section 5.1).
"""

from collections.abc import Callable

import attrs

from mobility.media.held import DIRECTIONS
from mobility.media.sdp import Attribute, Media, SdpError, Session, parse, serialise

_NAMES = {"Audio": "audio", "Video": "video"}
"""UCWA's media as descriptions name them."""

_SILENCED = {"sendrecv": "recvonly", "sendonly": "inactive"}
"""What is said of a stream of a muted device; others send nothing anyway."""

_HEARD = {"sendonly": "sendrecv", "inactive": "recvonly"}
"""What the mixer would say of a stream if it did take media."""

_Directed = Callable[[str, int], str]
"""The direction that is said of a stream, by its own and its place."""


def muted(description: str, media: tuple[str, ...]) -> str:
    """A description of a device's as a mixer is to see it while the device's `media` are muted.

    `media` are of Audio and Video.  What cannot be read is left as it is.
    """
    return _directed(description, media, lambda own, _: _SILENCED.get(own, own))


def heard(answer: str, offer: str, media: tuple[str, ...]) -> str:
    """A mixer's answer to `muted` as the answer to the device's own `offer`."""
    try:
        offered = [_direction(parse(offer), one) for one in parse(offer).media]
    except SdpError:
        return answer

    def direction(own: str, place: int) -> str:
        sends = place < len(offered) and offered[place] in ("sendrecv", "sendonly")
        return _HEARD.get(own, own) if sends else own

    return _directed(answer, media, direction)


def heard_offer(offer: str, media: tuple[str, ...]) -> str:
    """What a mixer offers anew to a muted device, as if it took media from it."""
    return _directed(offer, media, lambda own, _: _HEARD.get(own, own))


def _directed(description: str, media: tuple[str, ...], directed: _Directed) -> str:
    names = {_NAMES.get(one, one) for one in media}
    try:
        session = parse(description)
    except SdpError:
        return description
    if not any(one.medium in names and one.port for one in session.media):
        return description
    streams = []
    for place, one in enumerate(session.media):
        own = _direction(session, one)
        wanted = directed(own, place) if one.medium in names and one.port else own
        others = tuple(each for each in one.attributes if each.name not in DIRECTIONS)
        streams.append(attrs.evolve(one, attributes=(*others, Attribute(wanted))))
    attributes = tuple(one for one in session.attributes if one.name not in DIRECTIONS)
    return serialise(attrs.evolve(session, media=tuple(streams), attributes=attributes))


def _direction(session: Session, media: Media) -> str:
    """The stream's own direction, or the session's, or both ways (RFC 4566 section 6)."""
    for attributes in (media.attributes, session.attributes):
        for one in attributes:
            if one.name in DIRECTIONS:
                return one.name
    return DIRECTIONS[0]
