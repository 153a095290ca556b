"""What one device contributes to the audio and video of a conference, by a call with the mixer."""

import attrs

from mobility.domain.descriptions import AUDIO, VIDEO, Stream, decoded, media_of
from mobility.domain.mixer import MixerLeg
from mobility.domain.records import CallSide, Invitation, Renegotiation


@attrs.frozen(slots=True)
class MixedPart:
    """A device's call with the mixer, from the offer until it is over.

    `side` is stored: what the device has described and what of it is muted, by itself or by a
    leader.  Everything else lasts as long as the process, as does the call.  `media` are asked for
    at first, then what goes on; `state` is one of `mobility.domain.call_states.MIXING`.
    """

    side: CallSide
    media: tuple[str, ...]
    state: str = "Joining"
    name: str = attrs.field(repr=False, default="")
    """Under which the participant is announced."""
    leg: MixerLeg | None = None
    """The call, once it is placed."""
    answer: str = attrs.field(repr=False, default="")
    """What the mixer has answered last to the first offer, early media too."""
    sources: tuple[tuple[str, int], ...] = ()
    """Media, and the sources (SSRC) by which the others know those of the device."""
    renegotiation: Renegotiation | None = None
    """The latest new offer of either side."""

    @property
    def call_id(self) -> str:
        """The id of the invitation by which it began."""
        return self.side.call_id

    @property
    def uri(self) -> str:
        return self.side.user_uri

    @property
    def mixed(self) -> bool:
        """Whether the mixer has let the device in."""
        return self.state != "Joining"

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Those of the device's own description."""
        return decoded(self.side.streams)

    @property
    def muted(self) -> tuple[str, ...]:
        """The media that the device or a leader has muted."""
        return tuple(medium for medium in self.side.muted.split(",") if medium)

    def with_muted(self, medium: str, *, muted: bool) -> "MixedPart":
        """The part with a medium muted or not."""
        others = [one for one in self.muted if one != medium]
        media = sorted([*others, medium]) if muted else others
        return attrs.evolve(self, side=attrs.evolve(self.side, muted=",".join(media)))


def stored_part(side: CallSide, invitation: Invitation | None) -> MixedPart:
    """The part of a process before this one: its call is gone with that."""
    joins = invitation is not None and invitation.state == "Connecting"
    return MixedPart(side, media_of(decoded(side.streams)), "Joining" if joins else "Mixed")


def kept_out(part: MixedPart, locked_on: str) -> tuple[str, ...]:
    """The media that the mixer is to take nothing of: those that are muted, those that the device
    has stopped, and the video of all but one while everybody is to see that one."""
    shut = {*part.muted, *(one for one in media_of(part.streams) if one not in part.media)}
    if locked_on and part.uri != locked_on:
        shut.add(VIDEO)
    return tuple(medium for medium in (AUDIO, VIDEO) if medium in shut)
