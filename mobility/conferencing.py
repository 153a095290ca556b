"""Meetings and what goes on in them, wired together: guests, conferences, audio and video."""

from mobility.config.meetings import MeetingsConfig
from mobility.domain.agenda import Agenda
from mobility.domain.applications import Applications
from mobility.domain.call_policy import CallPolicies
from mobility.domain.conference_calls import ConferenceCalls
from mobility.domain.conference_roles import ConferenceLimits
from mobility.domain.conferences import Conferences
from mobility.domain.conversations import Conversations
from mobility.domain.dial_in import DialIn
from mobility.domain.guests import Guests
from mobility.domain.history import History
from mobility.domain.ledger import Ledger, Snapshot
from mobility.domain.meetings import Meetings
from mobility.domain.mixer import Mixer
from mobility.domain.telephony import Mixed
from mobility.domain.users import Users


class Conferencing:
    """The meetings of a front end and their conferences.

    `calls` is None on a front end without a mixer: its conferences have neither audio nor video.
    """

    def __init__(
        self,
        ledger: Ledger,
        agenda: Agenda,
        users: Users,
        applications: Applications,
        conversations: Conversations,
        policies: CallPolicies,
        history: History,
        config: MeetingsConfig,
        stored: Snapshot,
        mixer: Mixer | None,
    ) -> None:
        self.meetings = Meetings(ledger, agenda, config.policy)
        self.meetings.load(stored.meetings, stored.meeting_extensions)
        self.guests = Guests(
            ledger, agenda, applications, self.meetings, conversations, config.guests
        )
        self.conferences = Conferences(
            users,
            conversations,
            self.meetings,
            self.guests,
            ConferenceLimits(config.size, config.lobby_size, config.lobby_timeout_s),
            history,
        )
        self.calls: ConferenceCalls | None = None
        self.dial_in: DialIn | None = None
        self.mixed: Mixed | None = None
        """For telephones that meetings call, which are shown the first number to dial in."""
        if mixer is not None:
            self.calls = ConferenceCalls(
                agenda, conversations, self.conferences, self.meetings, policies, mixer
            )
            shown = config.dial_in[0].number if config.dial_in else ""
            self.dial_in = DialIn(users, self.meetings, self.conferences, self.calls)
            self.mixed = Mixed(self.meetings, self.conferences, self.calls, shown)
