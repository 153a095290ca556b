"""What the users of this system may choose for their online meetings.

The words are UCWA's enumerations AccessLevel, AutomaticLeaderAssignment, EntryExitAnnouncement,
LobbyBypassForPhoneUsers and PhoneUserAdmission.
"""

import attrs

ENABLED = "Enabled"
DISABLED = "Disabled"


@attrs.frozen(slots=True)
class MeetingPolicy:
    """Limits, defaults and choices, the same for everybody.

    `per_user` meetings a user may have scheduled at a time; each lasts `lifetime_s` unless its
    organizer says otherwise.  `size` is how many may be invited without a warning.  `assigned`
    gives every user a meeting that is always there.  `anonymous` lets people without an account
    in, `dial_in` callers from the telephone network.
    """

    per_user: int
    lifetime_s: int
    size: int
    assigned: bool
    anonymous: bool
    dial_in: bool
    access_level: str = "SameEnterprise"
    automatic_leader_assignment: str = DISABLED

    @property
    def access_levels(self) -> tuple[str, ...]:
        """Who may come in without waiting in the lobby."""
        everyone = ("Everyone",) if self.anonymous else ()
        return ("SameEnterprise", *everyone, "Invited", "Locked")

    @property
    def automatic_leader_assignments(self) -> tuple[str, ...]:
        """Who becomes a leader on joining."""
        everyone = ("Everyone",) if self.anonymous else ()
        return (DISABLED, "SameEnterprise", *everyone)

    @property
    def phone_settings(self) -> tuple[str, ...]:
        """The choices for what concerns callers: announcements, the lobby and their admission."""
        return (DISABLED, ENABLED) if self.dial_in else (DISABLED,)
