"""What changed about the owner of a stream and about the people it watches."""

import attrs


@attrs.frozen(slots=True)
class MeChanged:
    """The owner's own data or abilities changed."""


@attrs.frozen(slots=True)
class SelfPresence:
    """The owner's own `part` ("presence", "note" or "location") was `change` (added, updated,
    deleted)."""

    part: str
    change: str


@attrs.frozen(slots=True)
class CommunicationChanged:
    """The application's communication settings or abilities changed."""


@attrs.frozen(slots=True)
class PoliciesChanged:
    """The policy that rules the application changed."""


@attrs.frozen(slots=True)
class SubscriptionChanged:
    """A presence subscription was added, updated (about to expire) or deleted."""

    subscription_id: str
    change: str


@attrs.frozen(slots=True)
class ContactWatched:
    """A user entered (`added`) or left (`deleted`) the set the application watches."""

    uri: str
    change: str


@attrs.frozen(slots=True)
class ContactListChanged:
    """A contact (`uri`) or, with "" for it, a group was added, updated or deleted.

    With "" for the group the contact came into the list, or left it, altogether.
    """

    group_id: str
    uri: str
    change: str


@attrs.frozen(slots=True)
class ContactSeenAnew:
    """What the application may see of a watched user (`uri`) is more or less than before."""

    uri: str


@attrs.frozen(slots=True)
class PrivacyChanged:
    """The owner gave a user (`uri`) another privacy level, or took back the one it gave."""

    uri: str


@attrs.frozen(slots=True)
class ContactSubscriptionChanged:
    """The application's contacts-and-groups subscription is about to expire, or has ended.

    `state` is its SubscriptionState then: Connected or Disconnected.
    """

    state: str
