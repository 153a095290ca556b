"""A telephone's descriptions in calls that have more than its audio.

A telephone describes one stream; a call in which it takes an application's place may have had
others, which stay in their order in every later description (RFC 3264 section 8).
"""

import attrs

from mobility.domain.descriptions import AUDIO, Description
from mobility.media.held import continued, silenced
from mobility.media.offers import read_description
from mobility.media.sdp import Media, SdpError, Session, parse, serialise

_AUDIO = AUDIO.lower()


def in_place(layout: str, own: Description, said: str) -> Description:
    """`own` with the streams of `layout`: its audio in place of the audio there, every other stream
    ended.  `said` is what its side has described before.

    It is `own` as it is where `layout` or that cannot be read or has no audio; what is wrong with
    it is then for who takes it to say.
    """
    try:
        old, new = parse(layout), parse(own.text)
    except SdpError:
        return own
    audio, place = _audio(new), _place(old)
    if audio is None or place is None:
        return own
    media = tuple(audio if at == place else _ended(one) for at, one in enumerate(old.media))
    made = serialise(attrs.evolve(new, media=media))
    return read_description(continued(said, made))


def silent(description: Description) -> Description:
    """A description with nothing that flows, as the next one of its session.

    It is as it is where it cannot be read; what is wrong with it is then for who takes it to say.
    """
    try:
        parse(description.text)
    except SdpError:
        return description
    return read_description(continued(description.text, silenced(description.text)))


def audio_alone(description: str) -> str:
    """A description with its audio and nothing else, as it is where it has none."""
    try:
        session = parse(description)
    except SdpError:
        return description
    audio = _audio(session)
    if audio is None or len(session.media) == 1:
        return description
    return serialise(attrs.evolve(session, media=(audio,)))


def _audio(session: Session) -> Media | None:
    """The first stream of audio, one that is open before one that is not."""
    found = [one for one in session.media if one.medium == _AUDIO]
    return next((one for one in found if one.port), found[0] if found else None)


def _place(session: Session) -> int | None:
    """Where that is."""
    audio = _audio(session)
    return None if audio is None else session.media.index(audio)


def _ended(media: Media) -> Media:
    return attrs.evolve(media, port=0, port_count=1, connection=None, lines=(), attributes=())
