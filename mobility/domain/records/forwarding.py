"""Who answers for whom, and what users want done with their calls."""

from typing import ClassVar

import attrs


@attrs.frozen(slots=True)
class Delegation:
    """A user lets another one, the delegate, make and take calls on its behalf."""

    KEY: ClassVar = ("owner_uri", "delegate_uri")
    owner_uri: str
    delegate_uri: str


@attrs.frozen(slots=True)
class TeamMember:
    """A member of the group that may ring along with a user (its team-call group)."""

    KEY: ClassVar = ("owner_uri", "member_uri")
    owner_uri: str
    member_uri: str


@attrs.frozen(slots=True)
class CallForwarding:
    """What a user wants done with its incoming calls, once it has changed it.

    `active_setting` is a CallForwardingState, `active_period` an ActivePeriod and `unanswered` an
    UnansweredCallHandling (UCWA enumerations), "" for Enabled where there is voicemail.  The
    targets are None or words of the enumerations of their settings; with Contact the `_contact`
    beside it is used, a user's URI or `tel:` and a number.  Delays are in seconds.
    `version` grows by one with each save, as that of a conversation.
    """

    KEY: ClassVar = ("user_uri",)
    user_uri: str
    active_setting: str = "None"
    active_period: str = "Always"
    forward_target: str = "None"
    forward_contact: str = attrs.field(repr=False, default="")
    ring_target: str = "None"
    ring_contact: str = attrs.field(repr=False, default="")
    ring_delay_s: int = 0
    unanswered: str = ""
    unanswered_target: str = "Voicemail"
    unanswered_contact: str = attrs.field(repr=False, default="")
    unanswered_delay_s: int = 20
    version: int = 1
