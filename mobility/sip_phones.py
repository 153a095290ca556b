"""What front ends know of users' SIP phones and mailboxes, wired together."""

from collections.abc import Collection

from mobility.domain.addresses import is_local
from mobility.domain.agenda import Agenda
from mobility.domain.applications import Applications
from mobility.domain.bindings import Bindings
from mobility.domain.elsewhere import Elsewhere
from mobility.domain.history import History
from mobility.domain.ledger import Ledger, Snapshot
from mobility.domain.phone_presence import PhonePresence
from mobility.domain.presence import PresenceBook
from mobility.domain.voicemail import Voicemail


class SipPhones:
    """The registered phones of users, what they make of their presence, voicemails, and people
    elsewhere."""

    def __init__(
        self,
        ledger: Ledger,
        agenda: Agenda,
        applications: Applications,
        presence: PresenceBook,
        history: History,
        domains: Collection[str],
        stored: Snapshot,
    ) -> None:
        self.bindings = Bindings(ledger, agenda)
        self.bindings.load(stored.bindings)
        self.presence = PhonePresence(applications, self.bindings, agenda)
        self.presence.load(one for one in stored.presences if is_local(one.user_uri, domains))
        self.elsewhere = Elsewhere(ledger, agenda, presence, domains)
        self.elsewhere.load(stored.presences)
        self.voicemail = Voicemail(ledger, history, stored.voicemails)
