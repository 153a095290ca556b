"""Telephone calls as a whole, for a front end that reaches the telephone network."""

from collections.abc import Awaitable, Callable

import attrs

from mobility.domain.agenda import Agenda
from mobility.domain.applications import Applications
from mobility.domain.call_destinations import CallDestinations
from mobility.domain.calls import Calls
from mobility.domain.conversations import Conversations
from mobility.domain.delegates import Delegates
from mobility.domain.facts import CommunicationChanged
from mobility.domain.handsets import Handsets
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.locations import Locations
from mobility.domain.outside_calls import OutsideCalls
from mobility.domain.phone_audio import PhoneAudio
from mobility.domain.records import User
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


class Rights:
    """Tells applications when their users may call with telephones, or no longer."""

    def __init__(self, ledger: Ledger, applications: Applications, phone_audio: PhoneAudio) -> None:
        self._ledger = ledger
        self._applications = applications
        self._may_call = phone_audio.may_call
        self._may = phone_audio.may

    def watch(self) -> Callable[[], Awaitable[None]]:
        """A `Watcher` of voice settings."""
        before = {one.user_uri: self._may_call(one.user_uri) for one in self._applications}

        async def tell() -> None:
            unit = Unit()
            for endpoint in self._applications:
                may = self._may_call(endpoint.user_uri)
                if before.get(endpoint.user_uri, may) is not may:
                    unit.append(endpoint.id, CommunicationChanged())
            if unit:
                await self._ledger.commit(unit)

        return tell

    def follow(self, before: User, after: User, unit: Unit) -> None:
        """A `Change` of a user: Enterprise Voice came or went, or another policy with the site."""
        if self._may(before) is not self._may(after):
            for endpoint in self._applications.of_user(after.uri):
                unit.append(endpoint.id, CommunicationChanged())


def telephony(
    network: TelephoneNetwork,
    ledger: Ledger,
    agenda: Agenda,
    users: Users,
    voice: Voice,
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
    handsets = Handsets(network, agenda, users, voice, applications, conversations, calls, lines)
    handsets.load()
    locations = Locations()
    phone_audio = PhoneAudio(
        agenda, users, voice, delegates, conversations, calls, lines, handsets, locations
    )
    rights = Rights(ledger, applications, phone_audio)
    voice.watchers.append(rights.watch)
    users.changes.append(rights.follow)
    outside = OutsideCalls(users, voice, conversations, calls, lines, locations)
    applications.departures.append(locations.leave)
    return Telephony(lines, handsets, phone_audio, outside, locations)
