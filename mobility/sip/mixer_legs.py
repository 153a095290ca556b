"""The mixer of conferences over SIP: a conference server that mixes whoever calls the same URI.

Each device of a participant has a call of its own with the server, in which this end stands for the
device: what the device describes goes to the server, and the server's answer to the device (RFC
3725).  Whoever is muted by a leader is described to the server as a device that sends nothing.
"""

from collections.abc import Mapping, Sequence

import attrs

from mobility.config.mixer import MixerConfig
from mobility.domain.addresses import is_guest
from mobility.domain.descriptions import Description
from mobility.domain.mixer import Abilities, Announcer, Entry, Hear
from mobility.domain.telephone import Happening
from mobility.events import Catalogue, EventLog
from mobility.media.muting import heard, heard_offer, muted
from mobility.sip.call_reasons import happening_of_status
from mobility.sip.calling_leg import CallingLeg, Invitation
from mobility.sip.client import Client
from mobility.sip.conference_watch import ConferenceWatch
from mobility.sip.core import MAX_CALL_ID_SHOWN, Core
from mobility.sip.headers import NameAddr
from mobility.sip.leg import Leg
from mobility.sip.leg_owner import Refused
from mobility.sip.parties import UNKNOWN, address
from mobility.sip.path import ClientPath
from mobility.sip.placed_leg import PlacedLeg
from mobility.sip.routing import Way
from mobility.sip.static_routes import StaticRoutes
from mobility.sip.uri import parse_sip_uri

EVENTS: Catalogue = {
    "sip.mixer_refused": {
        "call": "Call-ID of the leg, cut to 64 characters",
        "status": "with which the conference server has refused the call, or to mute it",
    },
}


@attrs.frozen(slots=True)
class _Side:
    """The SIP side, once it is there."""

    core: Core
    client: Client
    routes: StaticRoutes
    log: EventLog
    watch: ConferenceWatch


@attrs.frozen(slots=True)
class _Offered:
    """A new offer: what of the device was muted in it, and where it is the device's own, what the
    device had described before; else ""."""

    muted: tuple[str, ...]
    before: str = attrs.field(repr=False)

    @property
    def own(self) -> bool:
        return bool(self.before)


class SipMixer:
    """The conference server of `[meetings.mixer]`.  It is made before the SIP side, which it is
    given later."""

    def __init__(self, settings: MixerConfig, domain: str) -> None:
        """`domain` is that of the URIs by which numbers are named."""
        self.settings = settings
        self._domain = domain
        self._side: _Side | None = None
        self.announcer: Announcer | None = None
        """Conference servers are asked for nothing but mixing: what they announce is their own."""

    @property
    def abilities(self) -> Abilities:
        return Abilities(video=self.settings.video)

    @property
    def there(self) -> bool:
        return self._side is None or not self._side.routes.mixer_is_down

    def open(
        self,
        core: Core,
        client: Client,
        routes: StaticRoutes,
        log: EventLog,
        watch: ConferenceWatch,
    ) -> None:
        """The SIP side is there: conferences can be called."""
        self._side = _Side(core, client, routes, log, watch)

    def join(self, entry: Entry, hear: Hear) -> "SipMixerLeg":
        """Call a conference for a participant's device."""
        side = self._side
        if side is None:
            raise RuntimeError("the SIP side is not there yet")
        conference = self.settings.conference(entry.conference_id)
        caller = address(entry.uri, entry.name, self._domain)
        fields: tuple[tuple[str, str], ...] = ()
        if entry.uri != UNKNOWN and not is_guest(entry.uri):
            fields = (("P-Asserted-Identity", str(caller)),)
        target = parse_sip_uri(conference)
        leg = SipMixerLeg(entry, hear, side.log, conference, side.watch)
        ways: Sequence[Way] = side.routes.to_conference(target)
        said = muted(entry.offer.text, entry.muted)
        invitation = Invitation(conference, caller, NameAddr(target.bare()), said, fields)
        leg.leg = CallingLeg(side.core, ClientPath(side.client, ways), leg, invitation)
        side.core.later(0, leg.begin)
        return leg


class SipMixerLeg(PlacedLeg):
    """The call of one device with the conference server."""

    leg: CallingLeg

    def __init__(
        self, entry: Entry, hear: Hear, log: EventLog, conference: str, watch: ConferenceWatch
    ) -> None:
        """`conference` is the URI of the conference, which `watch` learns of."""
        super().__init__(hear)
        self.uri = entry.uri
        self._log = log
        self._conference = conference
        self._watch = watch
        self._answered = False
        self.described = entry.offer.text
        """What the device has described last, as it did itself."""
        self._muted = self._muted_at_first = entry.muted
        self.sources: Mapping[str, int] = {}
        self._expects: list[_Offered] = []
        """The new offers of this end that wait for an answer, in order."""

    def offer(self, description: Description) -> None:
        """The device offers anew; AGREED or DISAGREED follows."""
        if not self._over:
            before, self.described = self.described, description.text
            self._reoffer(before)

    def answer(self, description: Description | None) -> None:
        """The device answers what was OFFERED, or refuses it with None."""
        if description is None:
            self.leg.refuse_offer()
        else:
            self.described = description.text
            self.leg.answer_offer(muted(description.text, self._muted))

    def mute(self, media: tuple[str, ...]) -> None:
        """Let the server take nothing of these media from the device, and what it offers of
        others.  The device is not told: its own description stays as it is."""
        if media == self._muted or self._over:
            return
        self._muted = media
        if self._answered:
            self._reoffer()

    def _reoffer(self, before: str = "") -> None:
        """`before` is what the device had described, where it offers anew."""
        if self.leg.offer_waits and self._expects:  # the newest offer alone is made
            before = self._expects.pop().before or before
        self._expects.append(_Offered(self._muted, before))
        self.leg.reoffer(muted(self.described, self._muted))

    # -- Known to the watch ----------------------------------------------------------------------

    @property
    def call_id(self) -> str:
        return self.leg.call_id

    def knows(self, sources: Mapping[str, int]) -> None:
        if sources != self.sources:
            self.sources = sources
            self._say(Happening.SOURCES)

    # -- an Owner --------------------------------------------------------------------------------

    def progressed(self, leg: Leg, status: int, description: str) -> None:  # noqa: ARG002
        if description:
            self._read(heard(description, self.described, self._muted_at_first))
        self._say(Happening.RINGING)

    def answered(self, leg: Leg, description: str) -> None:  # noqa: ARG002
        if not self._read(heard(description, self.described, self._muted_at_first)):
            self.leg.hang_up()
            self._ends(Happening.UNREACHABLE)
            return
        self._answered = True
        if self.leg.is_focus:
            self._watch.joined(self._conference, self)
        if self._muted != self._muted_at_first:
            self._reoffer()
        self._say(Happening.ANSWERED)

    def refused(self, leg: Leg, refused: Refused) -> None:
        self._log.emit(
            "sip.mixer_refused", call=leg.call_id[:MAX_CALL_ID_SHOWN], status=refused.status
        )
        self._ends(happening_of_status(refused.status))

    def offered(self, leg: object, description: str) -> None:  # noqa: ARG002
        if self._read(heard_offer(description, self._muted)):
            self._say(Happening.OFFERED)
        else:
            self.leg.refuse_offer()

    def agreed(self, leg: object, description: str) -> None:  # noqa: ARG002
        if not self._expects:
            return
        offered = self._expects.pop(0)
        if offered.own:
            answer = heard(description, self.described, offered.muted)
            self._say(Happening.AGREED if self._read(answer) else Happening.DISAGREED)

    def disagreed(self, leg: object, status: int) -> None:  # noqa: ARG002
        if not self._expects:
            return
        offered = self._expects.pop(0)
        if offered.own:
            self.described = offered.before
            self._say(Happening.DISAGREED)
        else:
            call = self.leg.call_id[:MAX_CALL_ID_SHOWN]
            self._log.emit("sip.mixer_refused", call=call, status=status)

    def _leave(self) -> bool:
        left = super()._leave()
        if left:
            self._watch.left(self._conference, self)
        return left
