"""Telephone calls as a whole, for a front end that reaches the telephone network."""

import attrs

from mobility.domain.agenda import Agenda
from mobility.domain.applications import Applications
from mobility.domain.call_destinations import CallDestinations
from mobility.domain.call_via_work import CallViaWork
from mobility.domain.calls import Calls
from mobility.domain.conference_calls import ConferenceCalls
from mobility.domain.conferences import Conferences
from mobility.domain.conversations import Conversations
from mobility.domain.delegates import Delegates
from mobility.domain.fitting import Fitting
from mobility.domain.handsets import Handsets
from mobility.domain.ledger import Committed
from mobility.domain.locations import Locations
from mobility.domain.meeting_phones import MeetingPhones
from mobility.domain.meetings import Meetings
from mobility.domain.mobility_policy import MobilityPolicies
from mobility.domain.outside_calls import OutsideCalls
from mobility.domain.phone_audio import PhoneAudio
from mobility.domain.phone_replacements import PhoneReplacements
from mobility.domain.records import User
from mobility.domain.telephone import TelephoneNetwork
from mobility.domain.telephone_lines import TelephoneLines
from mobility.domain.users import Users
from mobility.domain.voice import Voice


@attrs.frozen(slots=True)
class Mixed:
    """The meetings that may call telephones; `shown` is the number that these are shown."""

    meetings: Meetings
    conferences: Conferences
    calls: ConferenceCalls
    shown: str = attrs.field(repr=False, default="")


@attrs.frozen(slots=True)
class Telephony:
    """Numbers that ring in calls, the telephones of applications, and call via work."""

    lines: TelephoneLines
    handsets: Handsets
    phone_audio: PhoneAudio
    replacements: PhoneReplacements
    outside: OutsideCalls
    locations: Locations
    meetings: MeetingPhones | None = None
    """Calls telephones into meetings, where there is a mixer."""

    def committed(self, committed: Committed) -> None:
        """A unit of work was stored (a bus listener)."""
        self.handsets.committed(committed)
        self.replacements.committed(committed)

    def may_join(self, user: User) -> bool:
        """Whether a meeting may call a user's telephone."""
        return self.meetings is not None and self.meetings.may(user)


def telephony(
    network: TelephoneNetwork,
    agenda: Agenda,
    users: Users,
    voice: Voice,
    mobility: MobilityPolicies,
    delegates: Delegates,
    applications: Applications,
    conversations: Conversations,
    calls: Calls,
    destinations: CallDestinations,
    fitting: Fitting,
    mixed: Mixed | None = None,
) -> Telephony:
    """Everything about telephone calls, after `Conversations.load`; with `mixed` those that
    meetings make, too.

    `Telephony.committed` is to hear of every unit of work.  Calls are forwarded to numbers from now
    on.
    """
    lines = TelephoneLines(network, agenda, conversations, calls)
    destinations.numbers = lambda way, by: lines.open(f"tel:{way.number}", way, by=by).line
    via_work = CallViaWork(voice, mobility)
    handsets = Handsets(
        network, agenda, users, voice, applications, conversations, calls, lines, via_work, fitting
    )
    handsets.load()
    replacements = PhoneReplacements(
        network, agenda, users, voice, conversations, calls, lines, handsets, fitting
    )
    replacements.load()
    locations = Locations()
    phone_audio = PhoneAudio(
        agenda, users, voice, delegates, conversations, calls, lines, handsets, locations
    )
    outside = OutsideCalls(users, voice, conversations, calls, lines, locations)
    applications.departures.append(locations.leave)
    phones = None
    if mixed is not None:
        phones = MeetingPhones(
            network,
            agenda,
            users,
            voice,
            mixed.meetings,
            conversations,
            mixed.conferences,
            mixed.calls,
            fitting,
            mixed.shown,
        )
        phones.load()
    return Telephony(lines, handsets, phone_audio, replacements, outside, locations, phones)
