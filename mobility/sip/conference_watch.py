"""Which sources the media of participants have: asked of the conference server (RFC 4575).

A conference is subscribed to while a leg is in it whose Contact was a focus's.  A server without
the event package is not asked, or refuses; nothing depends on what it would have told.
"""

from collections.abc import Mapping
from typing import Protocol

import attrs

from mobility.domain.descriptions import AUDIO, VIDEO
from mobility.sip.conference_info import CONTENT_TYPE, ConferenceEndpoint, ConferenceInfo
from mobility.sip.uri import parse_sip_uri
from mobility.sip.watching import Watching

WATCHER = "conference"
"""The user part under which conferences are subscribed to."""

_MEDIA = {"audio": AUDIO, "video": VIDEO}


class Known(Protocol):
    """A leg in a conference."""

    @property
    def call_id(self) -> str: ...

    @property
    def uri(self) -> str:
        """Of whose device it is."""
        ...

    def knows(self, sources: Mapping[str, int]) -> None:
        """By these sources the others know the media of the device."""


@attrs.define(slots=True, eq=False)
class _Conference:
    """One conference: the legs in it, and the version of what was told last."""

    legs: list[Known] = attrs.Factory(list)
    version: int = -1


class ConferenceWatch:
    """The conferences that are subscribed to; it is the Report of their package."""

    name = "conference"
    kind = CONTENT_TYPE

    def __init__(self, watching: Watching, domain: str) -> None:
        """`domain` is that under which conferences are subscribed to."""
        self._watching = watching
        self._watcher = f"sip:{WATCHER}@{domain}"
        self._conferences: dict[str, _Conference] = {}

    def joined(self, uri: str, leg: Known) -> None:
        """A leg is in the conference at `uri`, whose server is a focus."""
        conference = self._conferences.setdefault(uri, _Conference())
        conference.legs.append(leg)
        self._watching.watch(self, uri, parse_sip_uri(uri), self._watcher)

    def left(self, uri: str, leg: Known) -> None:
        """It is not in it any more, or never was."""
        conference = self._conferences.get(uri)
        if conference is None or leg not in conference.legs:
            return
        conference.legs.remove(leg)
        if not conference.legs:
            del self._conferences[uri]
            self._watching.unwatch(self.name, uri)

    # -- a Report --------------------------------------------------------------------------------

    def told(self, uri: str, body: bytes) -> None:
        conference = self._conferences.get(uri)
        info = ConferenceInfo.parse(body)
        if conference is None or (not info.full and info.version <= conference.version):
            return
        conference.version = info.version
        for endpoint in info.endpoints:
            leg = _leg_of(conference.legs, endpoint)
            if leg is not None and endpoint.media is not None and not endpoint.deleted:
                leg.knows(_sources(endpoint))

    def lost(self, uri: str) -> None:
        conference = self._conferences.get(uri)
        if conference is not None:
            conference.version = -1
            for leg in conference.legs:
                leg.knows({})


def _leg_of(legs: list[Known], endpoint: ConferenceEndpoint) -> Known | None:
    """The leg of an endpoint: that of its dialog, or the only one of its user."""
    if endpoint.call_id:
        return next((leg for leg in legs if leg.call_id == endpoint.call_id), None)
    same = [leg for leg in legs if leg.uri == endpoint.user.lower()]
    return same[0] if len(same) == 1 else None


def _sources(endpoint: ConferenceEndpoint) -> dict[str, int]:
    return {
        _MEDIA[one.medium]: one.source
        for one in endpoint.media or ()
        if one.source and one.medium in _MEDIA
    }
