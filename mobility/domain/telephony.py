"""Telephone calls as a whole, for a front end that reaches the telephone network."""

import attrs

from mobility.domain.agenda import Agenda
from mobility.domain.applications import Applications
from mobility.domain.calls import Calls
from mobility.domain.conversations import Conversations
from mobility.domain.delegates import Delegates
from mobility.domain.handsets import Handsets
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


def telephony(
    network: TelephoneNetwork,
    agenda: Agenda,
    users: Users,
    voice: Voice,
    delegates: Delegates,
    applications: Applications,
    conversations: Conversations,
    calls: Calls,
) -> Telephony:
    """Everything about telephone calls, after `Conversations.load`.

    `Handsets.committed` is to hear of every unit of work.
    """
    lines = TelephoneLines(network, agenda, conversations, calls)
    handsets = Handsets(network, agenda, users, voice, applications, conversations, calls, lines)
    handsets.load()
    phone_audio = PhoneAudio(agenda, users, voice, delegates, conversations, calls, lines, handsets)
    return Telephony(lines, handsets, phone_audio)
