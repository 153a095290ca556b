"""Telephone calls as a whole, for a front end that reaches the telephone network."""

import attrs

from mobility.domain.agenda import Agenda
from mobility.domain.applications import Applications
from mobility.domain.call_destinations import CallDestinations
from mobility.domain.call_via_work import CallViaWork
from mobility.domain.calls import Calls
from mobility.domain.conversations import Conversations
from mobility.domain.delegates import Delegates
from mobility.domain.handsets import Handsets
from mobility.domain.locations import Locations
from mobility.domain.mobility_policy import MobilityPolicies
from mobility.domain.outside_calls import OutsideCalls
from mobility.domain.phone_audio import PhoneAudio
from mobility.domain.telephone import TelephoneNetwork
from mobility.domain.telephone_lines import TelephoneLines
from mobility.domain.users import Users
from mobility.domain.voice import Voice


@attrs.frozen(slots=True)
class Telephony:
    """Numbers that ring in calls, the telephones of applications, and call via work."""

    lines: TelephoneLines
    handsets: Handsets
    phone_audio: PhoneAudio
    outside: OutsideCalls
    locations: Locations


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
) -> Telephony:
    """Everything about telephone calls, after `Conversations.load`.

    `Handsets.committed` is to hear of every unit of work.  Calls are forwarded to numbers from now
    on.
    """
    lines = TelephoneLines(network, agenda, conversations, calls)
    destinations.numbers = lambda way: lines.open(f"tel:{way.number}", way).line
    via_work = CallViaWork(voice, mobility)
    handsets = Handsets(
        network, agenda, users, voice, applications, conversations, calls, lines, via_work
    )
    handsets.load()
    locations = Locations()
    phone_audio = PhoneAudio(
        agenda, users, voice, delegates, conversations, calls, lines, handsets, locations
    )
    outside = OutsideCalls(users, voice, conversations, calls, lines, locations)
    applications.departures.append(locations.leave)
    return Telephony(lines, handsets, phone_audio, outside, locations)
