"""Session descriptions as calls see them: which streams there are, and which way they flow.

The text is the adapters' (SDP); here is what RFC 3264 demands of an offer and its answer.
"""

import attrs

from mobility.errors import Refusal

AUDIO, VIDEO = "Audio", "Video"
"""The media of calls, as ModalityType names them."""

SEND_RECEIVE, SEND_ONLY = "SendReceive", "SendOnly"
RECEIVE_ONLY, INACTIVE = "ReceiveOnly", "Inactive"
"""Directions of a stream, as MediaDirectionType names them, from the side that describes it."""

_ANSWERS = {
    SEND_RECEIVE: {SEND_RECEIVE, SEND_ONLY, RECEIVE_ONLY, INACTIVE},
    SEND_ONLY: {RECEIVE_ONLY, INACTIVE},
    RECEIVE_ONLY: {SEND_ONLY, INACTIVE},
    INACTIVE: {INACTIVE},
}
"""The directions with which a stream may be answered (RFC 3264 section 6.1)."""


@attrs.frozen(slots=True)
class Stream:
    """One media stream of a description.

    `medium` is Audio, Video or another word of the description's own, `protocol` its transport
    (RTP/SAVP), `open` is false for one that is rejected or ended (port 0).
    """

    medium: str
    protocol: str
    direction: str = SEND_RECEIVE
    open: bool = True


@attrs.frozen(slots=True)
class Description:
    """A session description: its text as it came, and what it says of each stream."""

    text: str = attrs.field(repr=False)
    streams: tuple[Stream, ...]

    def must_offer(self, media: tuple[str, ...]) -> None:
        """400 InvalidMediaDescription unless it offers each of `media`."""
        missing = [medium for medium in media if medium not in media_of(self.streams)]
        if missing:
            raise _invalid(f"The description offers no {missing[0].lower()}.")

    def must_answer(self, offer: tuple[Stream, ...]) -> None:
        """400 InvalidMediaDescription unless it can answer `offer` (RFC 3264 section 6)."""
        if len(self.streams) != len(offer):
            raise _invalid("An answer has as many media streams as the offer.")
        for mine, theirs in zip(self.streams, offer, strict=True):
            if (mine.medium, mine.protocol) != (theirs.medium, theirs.protocol):
                raise _invalid("An answer has the offer's media and transports in their order.")
            if mine.open and not theirs.open:
                raise _invalid("An answer cannot open a stream that is not offered.")
            if mine.open and mine.direction not in _ANSWERS[theirs.direction]:
                raise _invalid(f"{theirs.direction} cannot be answered with {mine.direction}.")

    def must_follow(self, before: tuple[Stream, ...]) -> None:
        """400 InvalidMediaDescription unless it can be offered after `before` in the same session:
        streams may be added, never removed (RFC 3264 section 8)."""
        if len(self.streams) < len(before):
            raise _invalid("A new offer has at least as many media streams as the last one.")
        for mine, old in zip(self.streams, before, strict=False):
            if old.open and mine.medium != old.medium:
                raise _invalid("A new offer keeps the media of the streams in their order.")


def media_of(streams: tuple[Stream, ...]) -> tuple[str, ...]:
    """The media with an open stream, Audio first."""
    return tuple(
        medium
        for medium in (AUDIO, VIDEO)
        if any(stream.open and stream.medium == medium for stream in streams)
    )


def common_media(one: tuple[Stream, ...], other: tuple[Stream, ...]) -> tuple[str, ...]:
    """The media that both sides have open."""
    return tuple(medium for medium in media_of(one) if medium in media_of(other))


def direction_of(streams: tuple[Stream, ...], medium: str) -> str:
    """The direction of the first open stream of a medium; Inactive without one."""
    for stream in streams:
        if stream.open and stream.medium == medium:
            return stream.direction
    return INACTIVE


def holds(streams: tuple[Stream, ...]) -> bool:
    """Whether the side holds the other: it has open streams and listens to none of them."""
    live = [stream for stream in streams if stream.open and stream.medium in (AUDIO, VIDEO)]
    return bool(live) and all(one.direction in (SEND_ONLY, INACTIVE) for one in live)


def encoded(streams: tuple[Stream, ...]) -> str:
    """The streams as one line of text, for the store."""
    return " ".join(
        f"{one.medium},{one.protocol},{one.direction},{int(one.open)}" for one in streams
    )


def decoded(text: str) -> tuple[Stream, ...]:
    """The streams that `encoded` wrote."""
    return tuple(
        Stream(medium, protocol, direction, open_ == "1")
        for medium, protocol, direction, open_ in (one.split(",") for one in text.split())
    )


def _invalid(message: str) -> Refusal:
    return Refusal("BadRequest", "InvalidMediaDescription", message)
