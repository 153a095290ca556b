"""Who answers for whom."""

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
