"""Session descriptions for tests, as clients write them."""

from mobility.media.sdp import Attribute, Connection, Media, Origin, Session, serialise

_FORMATS = {
    "audio": ("104", "9", "0", "101"),
    "video": ("122", "121"),
    "applicationsharing": ("127",),
}


def sdp(*streams: str, version: int = 1) -> str:
    """An SDP text with these streams: `audio`, or with a direction `audio:sendonly`, or `video:-`
    for one that is rejected."""
    return serialise(
        Session(
            Origin("-", "4611731400430051336", str(version), "IN", "IP4", "198.51.100.7"),
            connection=Connection("IN", "IP4", "198.51.100.7"),
            media=tuple(_media(number, stream) for number, stream in enumerate(streams)),
        )
    )


def _media(number: int, stream: str) -> Media:
    medium, _, direction = stream.partition(":")
    rejected = direction == "-"
    return Media(
        medium,
        0 if rejected else 50_000 + 2 * number,
        "RTP/SAVP",
        _FORMATS[medium],
        attributes=()
        if rejected
        else (Attribute("ice-ufrag", "eQyG"), Attribute(direction or "sendrecv")),
    )
