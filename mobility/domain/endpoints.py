"""An application in memory: the endpoint of a user."""

import attrs

from mobility.domain.addresses import is_guest
from mobility.domain.agenda import Appointment
from mobility.domain.presence import ACTIVE, AWAY, AWAY_AFTER_S, INACTIVE
from mobility.domain.records import Application, Instance
from mobility.errors import Refusal


@attrs.define(slots=True, eq=False)
class Endpoint:
    """One application in memory.

    `parked` counts its pending event requests: while there is one, it is not idle.
    `activity` is ACTIVE, INACTIVE or AWAY.  `head` is the last position of its event stream and
    `base` the one up to which the stream was trimmed.  `ending` counts the attempts to end it:
    while there is one, and ever after one succeeded, nothing new may hang on it.
    """

    record: Application
    last_seen: float
    last_activity: float
    activity: int = ACTIVE
    uses_events: bool = False
    parked: int = 0
    ending: int = 0
    base: int = 0
    head: int = 0
    instances: dict[str, Instance] = attrs.Factory(dict)
    conversations: set[str] = attrs.Factory(set)
    expiry: Appointment | None = None
    inactivity: Appointment | None = None

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def user_uri(self) -> str:
        return self.record.user_uri

    @property
    def guest(self) -> bool:
        """Whether it is of somebody without an account."""
        return is_guest(self.record.user_uri)

    def seen(self, now: float) -> None:
        """A request of the client came."""
        self.last_seen = now

    def must_live(self) -> None:
        """404 ApplicationNotFound once the application ends."""
        if self.ending:
            raise Refusal("NotFound", "ApplicationNotFound", "The application has ended.")

    def activity_at(self, now: float) -> int:
        """ACTIVE, INACTIVE or AWAY by the time since the last activity."""
        inactive_at = self.last_activity + self.record.inactive_timeout_s
        if now >= inactive_at + AWAY_AFTER_S:
            return AWAY
        return INACTIVE if now >= inactive_at else ACTIVE
