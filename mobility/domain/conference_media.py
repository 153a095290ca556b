"""The audio and video of the participants of a conference, as others see them.

A participant may take part with several devices: it is heard unless all of them are muted.  While a
call between two parties goes over to a conference, what the two have in it counts as well.
"""

from collections.abc import Iterator

import attrs

from mobility.domain.call_states import Calling, calling_after
from mobility.domain.conversation import ActiveConversation
from mobility.domain.descriptions import (
    AUDIO,
    INACTIVE,
    RECEIVE_ONLY,
    SEND_ONLY,
    SEND_RECEIVE,
    VIDEO,
    Stream,
    direction_of,
)
from mobility.domain.facts import ParticipantMediaChanged
from mobility.domain.meeting_policy import ENABLED
from mobility.domain.records import Leg

EVERYONE, ONE_PARTICIPANT = "Everyone", "OneParticipant"
"""VideoSourcesAllowed: whose video is shown."""

_FLOWS = {
    (True, True): SEND_RECEIVE,
    (True, False): SEND_ONLY,
    (False, True): RECEIVE_ONLY,
    (False, False): INACTIVE,
}
"""The direction by whether something is sent and received."""


@attrs.frozen(slots=True)
class Contribution:
    """One medium of one participant.

    `bound` says that the participant may not unmute it, `locked` that everybody is shown this video
    and no other, `source` is the SSRC or 0.
    """

    direction: str
    muted: bool
    bound: bool
    locked: bool
    source: int


@attrs.frozen(slots=True)
class _Voice:
    """What one device has in the conference."""

    uri: str
    streams: tuple[Stream, ...]
    media: tuple[str, ...]
    muted: tuple[str, ...]
    sources: dict[str, int]


def contributions(conversation: ActiveConversation) -> dict[tuple[str, str], Contribution]:
    """The media in a conference, by the participant's URI and the medium."""
    found: dict[tuple[str, str], Contribution] = {}
    for voice in _voices(conversation):
        bound = is_bound(conversation, voice.uri)
        for medium in voice.media:
            own = Contribution(
                direction_of(voice.streams, medium),
                medium in voice.muted,
                bound and medium == AUDIO,
                medium == VIDEO and conversation.locked_on == voice.uri,
                voice.sources.get(medium, 0),
            )
            other = found.get((voice.uri, medium))
            found[voice.uri, medium] = own if other is None else _together(other, own)
    return found


def is_bound(conversation: ActiveConversation, uri: str) -> bool:
    """Whether the audience is muted and the participant is of it (UCWA AudienceMuteLock)."""
    return conversation.record.audience_mute == ENABLED and not conversation.leads(uri)


def contribution_fact(
    conversation: ActiveConversation,
    leg: Leg,
    key: tuple[str, str],
    shown: Contribution,
    change: str,
    name: str,
) -> ParticipantMediaChanged:
    """What the application of `leg` is told of one medium of a participant."""
    uri, medium = key
    local = uri == leg.user_uri
    powers: list[str] = []
    leads = conversation.leads(leg.user_uri)
    if leads or (local and not (shown.muted and shown.bound)):
        powers.append("unmute" if shown.muted else "mute")
    if leads and medium == VIDEO:
        powers.append("unlock" if shown.locked else "lock")
    return ParticipantMediaChanged(
        conversation.id,
        uri,
        name,
        local,
        medium,
        change,
        shown.direction,
        shown.muted,
        mixed=True,
        powers=tuple(powers),
        source=shown.source,
    )


def media_seen(
    conversation: ActiveConversation, leg: Leg, change: str
) -> Iterator[ParticipantMediaChanged]:
    """All media in a conference as the application of `leg` sees them."""
    for key, shown in contributions(conversation).items():
        participant = conversation.participants[key[0]]
        yield contribution_fact(conversation, leg, key, shown, change, participant.name)


def video_sources(conversation: ActiveConversation) -> str:
    """Whose video is shown in the conference."""
    return ONE_PARTICIPANT if conversation.locked_on else EVERYONE


def hush(draft: ActiveConversation) -> None:
    """Mute whoever is of a muted audience."""
    for device_id, part in draft.parts.items():
        if is_bound(draft, part.uri) and AUDIO not in part.muted:
            draft.parts[device_id] = part.with_muted(AUDIO, muted=True)


def settle_parts(draft: ActiveConversation) -> None:
    """Drop the calls of devices that have gone or hung up, and a lock on a video that has."""
    for device_id in list(draft.parts):
        leg = draft.legs.get(device_id)
        if leg is None or leg.call == "Disconnected":
            del draft.parts[device_id]
    locked = draft.locked_on
    if locked and not any(one.uri == locked and VIDEO in one.media for one in draft.parts.values()):
        draft.locked_on = ""


def withdrawn(draft: ActiveConversation, device_id: str) -> None:
    """A device is not mixed any more; what goes on between two parties stays as it is."""
    part = draft.parts.pop(device_id)
    leg = draft.legs[device_id]
    if part.mixed or leg.call == "Connecting":
        draft.legs[device_id] = calling_after(leg, Calling.LEFT)


def _voices(conversation: ActiveConversation) -> Iterator[_Voice]:
    for part in conversation.parts.values():
        if part.mixed:
            sources = dict(part.sources)
            yield _Voice(part.uri, part.streams, part.media, part.muted, sources)
    call = conversation.call
    if call is None:
        return
    for device_id, side in conversation.sides.items():
        leg, own = conversation.legs.get(device_id), conversation.parts.get(device_id)
        if leg is not None and leg.call == "Connected" and (own is None or not own.mixed):
            streams = conversation.streams_of(device_id)
            muted = tuple(side.muted.split(","))
            yield _Voice(side.user_uri, streams, tuple(call.media.split(",")), muted, {})


def _together(one: Contribution, other: Contribution) -> Contribution:
    """Two devices of one participant."""
    directions = one.direction, other.direction
    sends = any(each in (SEND_RECEIVE, SEND_ONLY) for each in directions)
    hears = any(each in (SEND_RECEIVE, RECEIVE_ONLY) for each in directions)
    return Contribution(
        _FLOWS[sends, hears],
        one.muted and other.muted,
        one.bound,
        one.locked,
        one.source or other.source,
    )
