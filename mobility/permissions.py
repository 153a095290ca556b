"""What policies permit users, wired together: mobility policy, and what calls follow from it."""

from collections.abc import Callable

import attrs

from mobility.config import Config
from mobility.domain.agenda import Agenda
from mobility.domain.applications import Applications
from mobility.domain.call_policy import CallPolicies, CallPolicy
from mobility.domain.conversations import Conversations
from mobility.domain.delegates import Delegates
from mobility.domain.distribution_groups import DistributionGroups
from mobility.domain.homing import Homing
from mobility.domain.ledger import Ledger, Snapshot
from mobility.domain.mixer import Mixer
from mobility.domain.mobility import Mobility, mobility
from mobility.domain.mobility_policy import MobilityPolicies
from mobility.domain.records import User
from mobility.domain.service_accounts import ServiceAccounts
from mobility.domain.telephony import Telephony
from mobility.domain.users import Users
from mobility.domain.voice import Voice


class Permissions:
    """The mobility policies, voice settings, service accounts, and each user's policy of calls.

    `delegates` and `telephony` are filled in before anybody asks about calls; without `telephony`
    there are no calls with telephones, without `relay` no media relay, without `mixer` neither
    audio nor video in conferences.
    """

    def __init__(self, config: Config, ledger: Ledger, users: Users, stored: Snapshot) -> None:
        self._ledger = ledger
        self._users = users
        self._topology = config.topology.domain
        self._meetings = config.meetings
        self.voice = Voice(ledger, users, config.server_fqdn)
        self.voice.site_of = self._topology.site_of
        self.voice.load(stored.voice_settings, stored.voice_grants)
        self.mobility = MobilityPolicies(ledger, users)
        self.mobility.site_of = self._topology.site_of
        self.mobility.load(stored.mobility_settings, stored.mobility_grants)
        self.service_accounts = ServiceAccounts(
            users, config.sip_domains, stored.service_accounts, stored.service_secrets
        )
        self.mobility.exempt = self.service_accounts.is_one
        users.farewells.append(self.service_accounts.take_leave)
        self.calls = CallPolicies(self._of, self._of_user, self.service_accounts.scopes_of)
        self.delegates: Delegates | None = None
        self.telephony: Telephony | None = None
        self.relay = False
        self.mixer: Mixer | None = None

    def at_work(
        self,
        agenda: Agenda,
        applications: Applications,
        conversations: Conversations,
        serves: Callable[[User], bool],
        groups: DistributionGroups,
    ) -> Mobility:
        """Let what policies and users change reach live applications from now on.

        `serves` says whether discovery leads a user here.
        """
        return mobility(
            self._ledger,
            agenda,
            self._users,
            self.voice,
            self.mobility,
            applications,
            conversations,
            self.calls,
            Homing(self._topology, serves, applications),
            groups,
        )

    def _of(self, uri: str) -> CallPolicy:
        user = self._users.find(uri)
        return self._of_anybody() if user is None else self._of_user(user)

    def _of_anybody(self) -> CallPolicy:
        """What everybody may, guests of meetings too."""
        mixer = self.mixer
        return CallPolicy(
            relay=self.relay,
            mixed=mixer is not None,
            mixed_video=mixer is not None and mixer.abilities.video,
            screens=self._meetings.enable_app_desktop_sharing,
            documents=self._meetings.enable_data_collaboration,
        )

    def _of_user(self, user: User) -> CallPolicy:
        mobile, telephony = self.mobility.policy_of(user), self.telephony
        delegates = self.delegates
        return attrs.evolve(
            self._of_anybody(),
            audio=mobile.enable_ip_audio_video,
            video=mobile.enable_ip_audio_video,
            for_others=delegates is not None and bool(delegates.delegators_of(user.uri)),
            phone=telephony is not None and user.enabled and telephony.phone_audio.may(user),
            emergency=telephony is not None and telephony.outside.may_call_emergency,
            joins_by_phone=telephony is not None and user.enabled and telephony.may_join(user),
            wifi_audio=mobile.require_wifi_for_ip_audio,
            wifi_video=mobile.require_wifi_for_ip_video,
            wifi_sharing=mobile.require_wifi_for_sharing,
            name=mobile.name,
        )
