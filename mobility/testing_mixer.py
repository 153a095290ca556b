"""A mixer in memory, for tests of who is mixed with whom."""

from collections.abc import Callable, Mapping

import attrs

from mobility.domain.descriptions import Description
from mobility.domain.mixer import Abilities, Entry, Hear
from mobility.domain.telephone import Happening
from mobility.media.offers import read_description
from mobility.media.sdp import parse, serialise


def _nothing() -> None:
    """Nobody waits for it."""


_MIRRORED = {"sendonly": "recvonly", "recvonly": "sendonly"}


def mirrored(offer: Description) -> Description:
    """An answer that takes all of an offer: what one side sends, the other hears."""
    session = parse(offer.text)
    media = []
    for one in session.media:
        attributes = tuple(
            attrs.evolve(each, name=_MIRRORED.get(each.name, each.name)) for each in one.attributes
        )
        media.append(attrs.evolve(one, attributes=attributes))
    return read_description(serialise(attrs.evolve(session, media=tuple(media))))


class MemoryMixerLeg:
    """One device in a conference of a mixer in memory.

    The methods `answers`, `refuses`, `offers`, `agrees`, `disagrees`, `knows` and `ends` are what
    the mixer does; the others are the port's (`mobility.domain.mixer.MixerLeg`).
    """

    def __init__(self, entry: Entry, hear: Hear) -> None:
        self.entry = entry
        self.state = "new"
        """new, answered or over."""
        self.muted = entry.muted
        self.offered: list[Description] = []
        """What the device has offered anew."""
        self.answers_got: list[Description | None] = []
        """The answers to the mixer's own new offers, None for a refusal."""
        self.description: Description | None = None
        self.sources: Mapping[str, int] = {}
        self._hear = hear
        self.goes_on: Callable[[], object] = _nothing
        """Called when the device has offered anew."""

    # What the mixer does.

    def answers(self, description: Description | None = None) -> None:
        """Let the device in; all that it offers is taken unless told otherwise."""
        self.description = description or mirrored(self.entry.offer)
        self._happens(Happening.ANSWERED, "answered")

    def plays(self, description: Description) -> None:
        """Early media."""
        self.description = description
        self._happens(Happening.RINGING, self.state)

    def refuses(self, happening: Happening = Happening.UNREACHABLE) -> None:
        self._happens(happening, "over")

    def offers(self, description: Description) -> None:
        self.description = description
        self._happens(Happening.OFFERED, self.state)

    def agrees(self, description: Description | None = None) -> None:
        """Answer what the device has offered anew."""
        self.description = description or mirrored(self.offered[-1])
        self._happens(Happening.AGREED, self.state)

    def disagrees(self) -> None:
        self._happens(Happening.DISAGREED, self.state)

    def knows(self, sources: Mapping[str, int]) -> None:
        """Tell by which sources the others know the device's media."""
        self.sources = sources
        self._happens(Happening.SOURCES, self.state)

    def ends(self) -> None:
        """End the call with the device, as when it is lost."""
        self._happens(Happening.HUNG_UP, "over")

    def _happens(self, happening: Happening, state: str) -> None:
        if self.state != "over":
            self.state = state
            self._hear(happening)

    # The port.

    def offer(self, description: Description) -> None:
        self.offered.append(description)
        self.goes_on()

    def answer(self, description: Description | None) -> None:
        self.answers_got.append(description)

    def mute(self, media: tuple[str, ...]) -> None:
        self.muted = media

    def hang_up(self) -> None:
        self.state = "over"


class MemoryAnnouncer:
    """Keeps what would be heard: conference, name, and whether somebody came."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, bool]] = []

    def announce(self, conference_id: str, name: str, *, came: bool) -> None:
        self.said.append((conference_id, name, came))


class MemoryMixer:
    """A `Mixer` that mixes nothing.  `placed` are all legs in their order.

    With `later(seconds, action)` it answers each device, tells its sources, and agrees to what is
    offered anew; without it everything waits for the test.
    """

    def __init__(
        self,
        abilities: Abilities | None = None,
        later: Callable[[float, Callable[[], None]], object] | None = None,
    ) -> None:
        self.abilities = abilities or Abilities(video=True)
        self.announcer = MemoryAnnouncer()
        self.there = True
        self.placed: list[MemoryMixerLeg] = []
        self._later = later

    def join(self, entry: Entry, hear: Hear) -> MemoryMixerLeg:
        leg = MemoryMixerLeg(entry, hear)
        self.placed.append(leg)
        later = self._later
        if later is not None:
            number = len(self.placed)
            later(0.0, leg.answers)
            later(0.0, lambda: leg.knows({"Audio": 1_000 + number, "Video": 2_000 + number}))
            leg.goes_on = lambda: later(0.0, leg.agrees)
        return leg

    def of(self, uri: str) -> MemoryMixerLeg:
        """The latest leg of a participant.  Raises LookupError when there is none."""
        for leg in reversed(self.placed):
            if leg.entry.uri == uri:
                return leg
        raise LookupError(uri)

    def inside(self, conference_id: str) -> list[str]:
        """Whose devices are mixed in a conference."""
        return [
            one.entry.uri
            for one in self.placed
            if one.entry.conference_id == conference_id and one.state == "answered"
        ]
