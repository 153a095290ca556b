"""Who can be rung by whom, and what the caller is told otherwise."""

from collections.abc import Callable

from mobility.domain.facts import Reason
from mobility.domain.lines import Device
from mobility.domain.outcomes import DO_NOT_DISTURB, UNKNOWN, UNREACHABLE
from mobility.domain.privacy import BLOCKED, Privacy
from mobility.domain.users import Users


class Reach:
    """What keeps an invitation from ringing before any device is looked for."""

    def __init__(self, users: Users, privacy: Privacy) -> None:
        self._users = users
        self._privacy = privacy
        self.allows: Callable[[Device, str], bool] = lambda device, modality: True  # noqa: ARG005
        """Whether policy lets a device be invited to a modality."""

    def obstacle(self, callee_uri: str, caller_uri: str) -> Reason | None:
        """Why this caller may not ring the callee, or None.

        Who is blocked is told what it would be told if nobody were there.
        """
        if not self.is_there(callee_uri):
            return UNKNOWN
        obstacle = self._privacy.obstacle(callee_uri, caller_uri)
        if not obstacle:
            return None
        return UNREACHABLE if obstacle == BLOCKED else DO_NOT_DISTURB

    def reason(self, callee_uri: str, caller_uri: str) -> Reason:
        """Why an invitation of this caller rings nobody."""
        return self.obstacle(callee_uri, caller_uri) or UNREACHABLE

    def keeps_missed(self, callee_uri: str, caller_uri: str) -> bool:
        """Whether what this caller says is kept for a callee whom it does not reach now."""
        blocked = self._privacy.obstacle(callee_uri, caller_uri) == BLOCKED
        return self.is_there(callee_uri) and not blocked

    def is_there(self, uri: str) -> bool:
        """Whether there is such a user, who may sign in."""
        user = self._users.find(uri)
        return user is not None and user.enabled

    def is_user(self, uri: str) -> bool:
        """Whether it is the URI of a user, enabled or not."""
        return self._users.find(uri) is not None
