"""Every resource of the tree, gathered: what routes, events, documents and tests read."""

from mobility.ucwa import (
    application,
    batch,
    call_forwarding,
    call_sessions,
    calls,
    communication,
    conferences,
    groups,
    invitations,
    me,
    meeting_extensions,
    meeting_settings,
    meetings,
    messaging,
    people,
    phone_audio,
    photos,
    privacy,
    subscriptions,
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
    *meetings.RESOURCES,
    *meeting_extensions.RESOURCES,
    *meeting_settings.RESOURCES,
)

PRIORITIES: dict[tuple[str, str], Priority] = {
    (resource.rel, event.type): event.priority
    for resource in RESOURCES
    for event in resource.events
}
"""Rel and event type to the declared class of the event channel."""
