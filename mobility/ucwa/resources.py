"""Every resource of the tree, gathered: what routes, events, documents and tests read."""

from mobility.ucwa import (
    application,
    batch,
    call_continuations,
    call_forwarding,
    call_reports,
    call_sessions,
    calls,
    communication,
    conference_media,
    conferences,
    content_sharing,
    group_views,
    groups,
    history,
    invitations,
    me,
    media_relay,
    meeting_extensions,
    meeting_settings,
    meetings,
    messaging,
    people,
    phone_audio,
    photos,
    privacy,
    push_subscriptions,
    subscriptions,
    unread,
)
from mobility.ucwa.channel import Priority
from mobility.ucwa.declaration import Resource

RESOURCES: tuple[Resource, ...] = (
    *application.RESOURCES,
    *batch.RESOURCES,
    *me.RESOURCES,
    *call_forwarding.RESOURCES,
    *people.RESOURCES,
    *groups.RESOURCES,
    *group_views.RESOURCES,
    *subscriptions.RESOURCES,
    *photos.RESOURCES,
    *privacy.RESOURCES,
    *communication.RESOURCES,
    *messaging.RESOURCES,
    *invitations.RESOURCES,
    *conferences.RESOURCES,
    *phone_audio.RESOURCES,
    *calls.RESOURCES,
    *call_sessions.RESOURCES,
    *conference_media.RESOURCES,
    *call_continuations.RESOURCES,
    *content_sharing.RESOURCES,
    *call_reports.RESOURCES,
    *media_relay.RESOURCES,
    *history.RESOURCES,
    *unread.RESOURCES,
    *push_subscriptions.RESOURCES,
    *meetings.RESOURCES,
    *meeting_extensions.RESOURCES,
    *meeting_settings.RESOURCES,
)

PRIORITIES: dict[tuple[str, str], Priority] = {
    key: event.priority for resource in RESOURCES for key, event in resource.events_by_key.items()
}
"""Subject and type of each event to its declared class of the event channel."""
