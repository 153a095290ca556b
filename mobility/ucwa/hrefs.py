"""Where the resources of one application live: the task-page shapes that clients hard-code.

Every href inside UCWA is host-relative (UCWA "Hypermedia").
"""

from functools import lru_cache
from urllib.parse import quote

from mobility.domain.addresses import address_of

APPLICATIONS = "/ucwa/oauth/v1/applications"
"""The path of `applications` after OAuth sign-in."""

REFERENCE_APPLICATIONS = "/ucwa/v1/applications"
"""The path the reference pages show; it leads to the same resources."""

GUEST_APPLICATIONS = "/ucwa/oauth/v1/anonApplications"
REFERENCE_GUEST_APPLICATIONS = "/ucwa/v1/anonApplications"
"""The paths of `anonApplications`, likewise."""

ASSIGNED_MEETING = "assigned"
"""What stands for the id of a user's assigned meeting, which is made when it is first read."""

ADHOC = "adhoc"
"""The onlineMeetingUri that asks for a new meeting (UCWA rel `startOnlineMeeting`)."""

TELEPHONE = "telephone"
"""What stands for the address of who takes part in a conversation by a telephone."""

ADDRESSES = 10_000
"""Addresses whose spelling in a path is remembered (our choice: some 3 MB)."""

_ENCODED = [quote(bytes([octet]), safe="") for octet in range(256)]
"""Each octet of UTF-8 as it stands in a data: URI: itself or %XX."""


class Hrefs:
    """The hrefs of one application.

    With `guest` it is of somebody without an account, for whom nothing leads out of the meeting.
    """

    __slots__ = ("application", "guest")

    def __init__(self, application_id: str, *, guest: bool = False) -> None:
        self.application = f"{APPLICATIONS}/{application_id}"
        self.guest = guest

    def instance(self, instance_id: str) -> str:
        """The application as one of its instances knows it; "" is the unnamed one."""
        if not instance_id:
            return self.application
        return f"{self.application}?instanceId={quote(instance_id, safe='')}"

    def of(self, path: str) -> str:
        """The href of a path below the application, such as `me/presence`."""
        return f"{self.application}/{path}"

    def person(self, uri: str) -> str:
        return f"{self.application}/people/{_address(uri)}"

    def privacy(self, uri: str) -> str:
        return f"{self.person(uri)}/privacyRelationship"

    def photo(self, uri: str) -> str:
        return f"{self.application}/photos/{_address(uri)}"

    def subscription(self, subscription_id: str) -> str:
        return f"{self.application}/people/presenceSubscriptions/{subscription_id}"

    def membership(self, subscription_id: str, uri: str) -> str:
        memberships = f"{self.application}/people/presenceSubscriptionMemberships"
        return f"{memberships}/{subscription_id},{_address(uri)}"

    def group(self, group_id: str) -> str:
        return f"{self.application}/people/groups/{quote(group_id, safe='')}"

    def distribution_group(self, group_id: str) -> str:
        return f"{self.application}/people/distributionGroups/{quote(group_id, safe='@')}"

    def group_membership(self, group_id: str, uri: str) -> str:
        memberships = f"{self.application}/people/groupMemberships"
        return f"{memberships}/{quote(group_id, safe='')},{_address(uri)}"

    def of_group(self, path: str, group_id: str) -> str:
        """A resource below `people` for one group alone."""
        return f"{self.application}/people/{path}?groupId={quote(group_id, safe='')}"

    def meeting(self, meeting_id: str) -> str:
        return f"{self.application}/onlineMeetings/myOnlineMeetings/{meeting_id}"

    def meeting_extension(self, meeting_id: str, extension_id: str) -> str:
        return f"{self.meeting(meeting_id)}/extensions/{quote(extension_id, safe='')}"

    def conversation(self, conversation_id: str) -> str:
        return f"{self.application}/communication/conversations/{conversation_id}"

    def messaging(self, conversation_id: str) -> str:
        return f"{self.conversation(conversation_id)}/messaging"

    def message(self, conversation_id: str, number: int | str) -> str:
        return f"{self.conversation(conversation_id)}/messaging/messages/{number}"

    def participant(self, conversation_id: str, uri: str) -> str:
        """Who takes part by a telephone has the same place in each conversation, for no href holds
        a number."""
        address = TELEPHONE if is_number(uri) else _address(uri)
        return f"{self.conversation(conversation_id)}/participants/{address}"

    def invitation(self, invitation_id: str, rel: str = "messagingInvitation") -> str:
        return f"{self.application}/communication/{rel}s/{invitation_id}"


def is_number(uri: str) -> bool:
    """Whether somebody is known by a telephone number alone (RFC 3966)."""
    return uri.startswith("tel:")


@lru_cache(ADDRESSES)
def _address(uri: str) -> str:
    return quote(address_of(uri), safe="@")


def data_uri(text: str, content_type: str = "text/plain") -> str:
    """Text as a data: URI, URL-encoded (RFC 2397; UCWA "Payload format")."""
    encoded = "".join([_ENCODED[octet] for octet in text.encode()])
    return f"data:{content_type};charset=utf-8,{encoded}"
