"""The port to what mixes the media of conferences.

Each device of a participant has a call of its own with the mixer, which mixes all that are in one
conference.  The domain decides who comes in, what is muted and who leaves; what reaches a mixer,
such as a conference server over SIP, is a `Mixer`.  A front end without one has neither audio nor
video in meetings, and shows no links to them.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import attrs

from mobility.domain.descriptions import Description
from mobility.domain.telephone import Happening

Hear = Callable[[Happening], None]
"""Is told what becomes of a call with the mixer, later than the call that began it; it must not
raise."""


@attrs.frozen(slots=True)
class Abilities:
    """What a mixer can do beside mixing audio; what it cannot, no link offers.

    `video` is mixed too, and `sources` says that it tells by which sources (SSRC) the media of
    participants are told apart.
    """

    video: bool = False
    sources: bool = False


@attrs.frozen(slots=True)
class Entry:
    """One device that is to be mixed in a conference.

    `conference_id` is the same for all who are to hear each other.  `uri` and `name` are of the
    participant, `offer` is the device's, and the media in `muted` are not taken from it.
    """

    conference_id: str
    uri: str
    name: str = attrs.field(repr=False)
    offer: Description
    muted: tuple[str, ...] = ()


class MixerLeg(Protocol):
    """The call of one device with the mixer."""

    @property
    def description(self) -> Description | None:
        """The session description of the mixer's that came last.

        With RINGING it is early media, with ANSWERED and AGREED it answers what the device has
        offered, with OFFERED it is to be answered.
        """
        ...

    @property
    def sources(self) -> Mapping[str, int]:
        """The sources (SSRC) of the device's media as the others see them, by medium; empty where
        the mixer does not tell.  SOURCES says that they have changed."""
        ...

    def offer(self, description: Description) -> None:
        """The device offers anew: it holds, resumes, adds or ends media.  AGREED or DISAGREED
        follows."""
        ...

    def answer(self, description: Description | None) -> None:
        """The device answers what was OFFERED, None for refusing it."""
        ...

    def mute(self, media: tuple[str, ...]) -> None:
        """Take nothing of these media from the device, and what it sends of others.

        The device is not told, and goes on as it is when it is unmuted.
        """
        ...

    def hang_up(self) -> None:
        """Leave; nothing more is told of it.  Once more it does nothing."""
        ...


class Announcer(Protocol):
    """What tells a conference by sound who comes and who goes."""

    def announce(self, conference_id: str, name: str, *, came: bool) -> None:
        """Somebody of this name is heard in the conference from now on, or no longer."""
        ...


class Mixer(Protocol):
    """What mixes conferences."""

    @property
    def abilities(self) -> Abilities: ...

    @property
    def announcer(self) -> Announcer | None:
        """None for a mixer that announces nobody, or whom it likes."""
        ...

    @property
    def there(self) -> bool:
        """Whether it can be reached, as far as is known."""
        ...

    def join(self, entry: Entry, hear: Hear) -> MixerLeg:
        """Put a device through to a conference, which begins with its first device.

        `hear` is told what becomes of it, never before this has returned.  After RINGING comes
        ANSWERED, or BUSY, DECLINED or UNREACHABLE for who is not let in; at last HUNG_UP, where
        the mixer ends it.
        """
        ...
