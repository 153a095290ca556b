"""Offers for sessions that have other streams than who offers: after a transfer, or when another
device takes over, one who has audio talks to one whose session began with audio and video.

A session's streams are added to and never removed (RFC 3264 section 8), so an offer with fewer, or
with others in their places, is put into the places that there are.
"""

import attrs

from mobility.media.sdp import Media, SdpError, Session, parse, serialise

Places = tuple[int, ...]
"""Where each stream of an offer is in what is made of it, () for where it was."""


def laid_out(layout: str, offer: str) -> tuple[str, Places]:
    """An offer as it can follow the description `layout`, whose other streams are ended.

    It is as it is where it can follow that, and where either cannot be read: what is wrong with it
    is then for who takes it to say.
    """
    try:
        old, new = parse(layout), parse(offer)
    except SdpError:
        return offer, ()
    if _follows(old.media, new.media):
        return offer, ()
    media: list[Media] = []
    places: dict[int, int] = {}
    for before in old.media:
        found = _like(before, new.media, places)
        if found is not None:
            places[found] = len(media)
        media.append(_ended(before) if found is None else new.media[found])
    for at, one in enumerate(new.media):
        if at not in places:
            places[at] = len(media)
            media.append(one)
    made = _without_groups(attrs.evolve(new, media=tuple(media)))
    return serialise(made), tuple(places[at] for at in range(len(new.media)))


def picked(answer: str, places: Places) -> str:
    """The answer to what was laid out so, as one to the offer itself."""
    if not places:
        return answer
    try:
        session = parse(answer)
    except SdpError:
        return answer
    if max(places) >= len(session.media):
        return answer
    media = tuple(session.media[at] for at in places)
    return serialise(_without_groups(attrs.evolve(session, media=media)))


def _follows(before: tuple[Media, ...], after: tuple[Media, ...]) -> bool:
    return len(after) >= len(before) and all(
        not old.port or old.medium == new.medium for old, new in zip(before, after, strict=False)
    )


def _like(wanted: Media, offered: tuple[Media, ...], taken: dict[int, int]) -> int | None:
    """Which stream takes the place of another one: of the same medium, one that is open first."""
    alike = [
        at for at, one in enumerate(offered) if at not in taken and one.medium == wanted.medium
    ]
    return next((at for at in alike if offered[at].port), alike[0] if alike else None)


def _ended(media: Media) -> Media:
    return attrs.evolve(media, port=0, port_count=1, connection=None, lines=(), attributes=())


def _without_groups(session: Session) -> Session:
    """Groups name streams that may not be there."""
    kept = tuple(one for one in session.attributes if one.name != "group")
    return attrs.evolve(session, attributes=kept)
