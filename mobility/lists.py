"""The lists that users keep, wired together: contacts, groups, delegates, where calls go."""

from mobility import limits
from mobility.domain.agenda import Agenda
from mobility.domain.applications import Applications
from mobility.domain.call_destinations import CallDestinations, ForwardingSettings
from mobility.domain.contact_subscriptions import ContactSubscriptions
from mobility.domain.contacts import Contacts
from mobility.domain.delegates import Delegates
from mobility.domain.distribution_groups import DistributionGroups
from mobility.domain.forwarding import Forwarding
from mobility.domain.groups import Groups
from mobility.domain.ledger import Archive
from mobility.domain.organization import Organization
from mobility.domain.users import Users
from mobility.domain.voice import Voice
from mobility.ground import Ground


class Lists:
    """The contact lists and groups of users, who answers for whom, and where calls are forwarded
    to."""

    def __init__(
        self,
        ground: Ground,
        archive: Archive,
        agenda: Agenda,
        users: Users,
        applications: Applications,
        distribution_groups: DistributionGroups,
        voice: Voice,
    ) -> None:
        config, ledger, stored = ground.config, ground.ledger, ground.stored
        self.subscriptions = ContactSubscriptions(ledger, agenda, applications)
        self.subscriptions.load(stored.contact_subscriptions)
        self.contacts = Contacts(
            ledger, archive, self.subscriptions, limits.contact_limits(config.ucwa)
        )
        self.contacts.load(stored.listed_groups)
        distribution_groups.followers.append(self.contacts.follow)
        self.delegates = Delegates(
            ledger,
            users,
            applications,
            self.subscriptions,
            stored.delegations,
            stored.team_members,
        )
        self.organization = Organization(users, self.subscriptions)
        self.groups = Groups(self.contacts, distribution_groups, self.delegates, self.organization)
        settings = ForwardingSettings(config.forwarding.voicemail, config.forwarding.hours)
        self.forwarding = Forwarding(
            ledger,
            applications,
            CallDestinations(users, self.delegates, voice, settings),
            stored.call_forwardings,
        )
